//! Guards that can never match.

use super::doubtful_access::{
    Doubt, Known, all_among, all_meant, keys_of, nobody, takes_everybody, unheld,
};
use super::guard::GuardConfig;
use super::{Config, KeyModelsConfig, Problem};

pub(super) fn warn_of_guards(config: &Config, warnings: &mut Vec<Problem>) {
    if config.guard.is_empty() {
        return;
    }
    let keys = keys_of(config);
    for (at, guard) in config.guard.iter().enumerate() {
        let doubt = nobody(&guard.who, &keys, "guards")
            .or_else(|| unheld(&guard.who, &keys))
            .or_else(|| of_no_key(config, guard, &keys))
            .or_else(|| outdone(at, &config.guard, &keys));
        warnings.extend(doubt.map(|(message, hint)| Problem {
            path: format!("guard[{at}]"),
            message: format!("{} {message}", guard.name),
            hint: Some(hint),
        }));
    }
}

/// All keys that it means are barred from its models, and from all that these stand in for.
fn of_no_key(config: &Config, guard: &GuardConfig, keys: &[Known<'_>]) -> Doubt {
    let models = guard.models.as_ref()?;
    let meant = all_meant(&guard.who, keys)?;
    let leads = |name: &String| {
        let model = config.models.iter().find(|model| model.name == *name);
        let others = model.map_or(&[][..], |model| model.rules.fallback.as_slice());
        models.contains(name) || others.iter().any(|other| models.contains(other))
    };
    let uses = |known: &&Known<'_>| match &known.key.models {
        KeyModelsConfig::Named(own) => own.iter().any(leads),
        KeyModelsConfig::All => true,
    };
    if meant.iter().any(uses) {
        return None;
    }
    let message = "can never match: the keys that it concerns may use none of its models";
    let hint = "name other models, or remove the line for any";
    Some((message.to_owned(), hint.to_owned()))
}

/// Another does the same, or more, with all that it would find.
fn outdone(at: usize, guards: &[GuardConfig], keys: &[Known<'_>]) -> Doubt {
    let own = guards.get(at)?;
    let takes = |(place, other): &(usize, &GuardConfig)| {
        let is_before = *place < at;
        let is_stricter = other.action > own.action || (other.action == own.action && is_before);
        is_stricter
            && own.find.without(other.find).is_empty()
            && takes_everybody(&other.who, &own.who, keys)
            && all_among(other.models.as_deref(), own.models.as_deref())
            && all_among(other.endpoints.as_deref(), own.endpoints.as_deref())
    };
    let (_, other) = guards.iter().enumerate().find(takes)?;
    let action = other.action.as_str();
    let message = format!(
        "has no effect: {} finds all that it would find, and its action is {action}",
        other.name
    );
    let hint = "all guards hold together, and of each kind the strictest action counts: remove one";
    Some((message, hint.to_owned()))
}
