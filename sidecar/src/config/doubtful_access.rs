//! Rules of access that can never match, and keys that none lets in.

use ark_gateway_core::access::{Effect, MOST_RULES_OF_CALLER};

use super::access::AccessConfig;
use super::words::nearest;
use super::{Config, KeyConfig, KeyModelsConfig, Problem, WhoConfig};

pub(super) fn warn_of_access(config: &Config, warnings: &mut Vec<Problem>) {
    if config.access.is_empty() {
        return;
    }
    let keys = keys_of(config);
    for (at, rule) in config.access.iter().enumerate() {
        let doubt = nobody(&rule.who, &keys, "rules")
            .or_else(|| unheld(&rule.who, &keys))
            .or_else(|| of_no_key(rule, &keys))
            .or_else(|| shadowed(at, &config.access, &keys));
        warnings.extend(doubt.map(|(message, hint)| Problem {
            path: format!("access[{at}]"),
            message: format!("{} {message}", rule.name),
            hint: Some(hint),
        }));
    }
    warn_of_keys(config, &keys, warnings);
}

/// A key, its tenant and where it stands.
pub(super) struct Known<'a> {
    path: String,
    tenant: &'a str,
    pub(super) key: &'a KeyConfig,
    /// Tokens lend it to callers with roles of their own.
    is_lent: bool,
}

impl Known<'_> {
    pub(super) fn is_meant(&self, who: &WhoConfig) -> bool {
        let is = |names: &[String], own: &str| names.is_empty() || names.iter().any(|n| n == own);
        is(&who.tenants, self.tenant)
            && is(&who.keys, &self.key.id)
            && (who.roles.is_empty() || who.roles.iter().any(|role| self.key.roles.contains(role)))
    }

    /// Whether a caller with its rights may be meant.
    fn may_be_meant(&self, who: &WhoConfig) -> bool {
        let of_any_role = WhoConfig {
            roles: Vec::new(),
            ..who.clone()
        };
        self.is_meant(who) || (self.is_lent && self.is_meant(&of_any_role))
    }

    /// Whether every caller with its rights is meant.
    fn is_always_meant(&self, who: &WhoConfig) -> bool {
        self.is_meant(who) && (who.roles.is_empty() || !self.is_lent)
    }
}

pub(super) fn keys_of(config: &Config) -> Vec<Known<'_>> {
    let with_roles = config.identity.jwt.iter();
    let with_roles = with_roles.filter(|jwt| jwt.claims.roles.is_some());
    let lent: Vec<&String> = with_roles
        .flat_map(|jwt| jwt.key.iter().chain(jwt.keys.iter().map(|(_, key)| key)))
        .collect();
    let lent = &lent;
    let tenants = config.tenants.iter().enumerate();
    let keys = tenants.flat_map(|(t, tenant)| {
        let keys = tenant.keys.iter().enumerate();
        keys.map(move |(k, key)| Known {
            path: format!("tenants[{t}].keys[{k}]"),
            tenant: &tenant.name,
            key,
            is_lent: lent.contains(&&key.id),
        })
    });
    keys.collect()
}

pub(super) type Doubt = Option<(String, String)>;

/// It names keys, and none of them has what else it names; `things` are what may be two instead.
pub(super) fn nobody(who: &WhoConfig, keys: &[Known<'_>], things: &str) -> Doubt {
    let is_sure = !who.keys.is_empty();
    if !is_sure || keys.iter().any(|known| known.may_be_meant(who)) {
        return None;
    }
    let message = "can never match: none of its keys is of its tenants and has one of its roles";
    let hint = format!(
        "a caller must have one of each kind that is named: remove one, or make two {things}"
    );
    Some((message.to_owned(), hint))
}

/// Roles may come from tokens; but one that is nearly a key's is a typing error.
pub(super) fn unheld(who: &WhoConfig, keys: &[Known<'_>]) -> Doubt {
    let held = keys.iter().flat_map(|known| &known.key.roles);
    let held: Vec<&str> = held.map(String::as_str).collect();
    let mut unheld = who
        .roles
        .iter()
        .filter(|role| !held.contains(&role.as_str()));
    let (role, near) = unheld.find_map(|role| Some((role, nearest(role, &held)?)))?;
    let message = format!("names the role {role}, which no key has");
    Some((message, format!("did you mean {near}?")))
}

/// The keys that it means, if there are any and nobody else is: roles may come from tokens.
pub(super) fn all_meant<'a>(who: &WhoConfig, keys: &'a [Known<'a>]) -> Option<Vec<&'a Known<'a>>> {
    let meant: Vec<&Known<'_>> = keys.iter().filter(|k| k.is_meant(who)).collect();
    (!meant.is_empty() && who.roles.is_empty()).then_some(meant)
}

/// All keys that it means are barred from its models, or from its priorities, by what they say
/// themselves.
fn of_no_key(rule: &AccessConfig, keys: &[Known<'_>]) -> Doubt {
    let meant = all_meant(&rule.who, keys)?;
    let uses = |known: &&&Known<'_>| match (&known.key.models, &rule.models) {
        (KeyModelsConfig::Named(own), Some(models)) => own.iter().any(|m| models.contains(m)),
        (KeyModelsConfig::All, _) | (_, None) => true,
    };
    if meant.iter().all(|known| !uses(&known)) {
        let hint = "a rule does not widen a key: add the models to the keys, or [\"*\"]";
        let message = "can never match: the keys that it concerns may use none of its models";
        return Some((message.to_owned(), hint.to_owned()));
    }
    let priorities = rule.priorities.as_ref()?;
    let asks = |known: &Known<'_>| known.key.priorities.iter().any(|p| priorities.contains(p));
    if meant.iter().any(|known| asks(known)) {
        return None;
    }
    let message = "can never match: the keys that it concerns may use none of its priorities";
    let hint = "a rule does not widen a key: add the priorities to the keys";
    Some((message.to_owned(), hint.to_owned()))
}

/// One before it decides on all that it matches.
fn shadowed(at: usize, rules: &[AccessConfig], keys: &[Known<'_>]) -> Doubt {
    let rule = rules.get(at)?;
    let mut before = rules.iter().take(at);
    let wider = before.find(|wide| decides(wide) && takes_all(wide, rule, keys))?;
    let message = format!(
        "can never match: {} before it decides on all of it",
        wider.name
    );
    Some((
        message,
        "the first rule that matches decides: put the narrower one first".to_owned(),
    ))
}

/// Whether nothing goes on past it.
fn decides(rule: &AccessConfig) -> bool {
    rule.effect == Effect::Allow || rule.providers.is_none()
}

fn takes_all(wide: &AccessConfig, narrow: &AccessConfig, keys: &[Known<'_>]) -> bool {
    takes_everybody(&wide.who, &narrow.who, keys)
        && all_among(wide.models.as_deref(), narrow.models.as_deref())
        && all_among(wide.endpoints.as_deref(), narrow.endpoints.as_deref())
        && all_among(wide.priorities.as_deref(), narrow.priorities.as_deref())
        && takes_hours(wide, narrow)
        && match (&wide.networks, &narrow.networks) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => narrow.iter().all(|n| wide.iter().any(|w| w.covers(n))),
        }
}

pub(super) fn all_among<T: PartialEq>(wide: Option<&[T]>, narrow: Option<&[T]>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.iter().all(|one| wide.contains(one)),
    }
}

pub(super) fn takes_everybody(wide: &WhoConfig, narrow: &WhoConfig, keys: &[Known<'_>]) -> bool {
    let among = |wide: &[String], narrow: &[String]| {
        let all = || narrow.iter().all(|name| wide.contains(name));
        wide.is_empty() || (!narrow.is_empty() && all())
    };
    let by_name = among(&wide.tenants, &narrow.tenants)
        && among(&wide.keys, &narrow.keys)
        && among(&wide.roles, &narrow.roles);
    // Named keys have a tenant and roles of their own, which the rule need not name.
    let named = || {
        let mut own = keys
            .iter()
            .filter(|known| known.may_be_meant(narrow))
            .peekable();
        own.peek().is_some() && own.all(|known| known.is_always_meant(wide))
    };
    by_name || (!narrow.keys.is_empty() && named())
}

fn takes_hours(wide: &AccessConfig, narrow: &AccessConfig) -> bool {
    match (&wide.hours, &narrow.hours) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => {
            let spans = wide.spans();
            let within = |(from, until): &(u16, u16)| {
                spans
                    .iter()
                    .any(|(start, end)| start <= from && until <= end)
            };
            wide.zone == narrow.zone && narrow.spans().iter().all(within)
        }
    }
}

fn warn_of_keys(config: &Config, keys: &[Known<'_>], warnings: &mut Vec<Problem>) {
    for known in keys {
        let id = &known.key.id;
        let rules = config.access.iter();
        let count = rules.clone().filter(|r| known.is_meant(&r.who)).count();
        let mut lets_in = rules.filter(|r| r.effect == Effect::Allow);
        let message = if count > MOST_RULES_OF_CALLER {
            format!(
                "{count} access rules concern {id}, at most {MOST_RULES_OF_CALLER} work: it is refused everything"
            )
        } else if lets_in.any(|rule| known.may_be_meant(&rule.who)) {
            continue;
        } else {
            format!("no access rule allows {id} anything")
        };
        warnings.push(Problem {
            path: known.path.clone(),
            message,
            hint: Some("with access rules, what none allows is refused".to_owned()),
        });
    }
}
