//! What the rules of `access` make of a request, explained: as [`crate::exchange::Exchange`] asks them,
//! without an exchange.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CandidateView, Explanation, Filter};
use crate::access::{AccessSpec, Alive, Denied, Effect, Head, ProviderSet};
use crate::compliance::{Demand, Requirement};
use crate::policy::{Policy, grants};
use crate::snapshot::{ModelId, ProviderId};

/// What is named where no rule but the key itself does not let its holder use the model.
pub const BY_KEY: &str = "(key)";

/// What the caller's rules say of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AccessView {
    /// The rule that decides; `default` where none matches, `(key)` where the key's own models do not have
    /// this one.
    pub rule: String,
    /// Whether it lets the request pass.
    pub allowed: bool,
    /// The providers that it may not be sent to, each with the rule that takes it away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: BTreeMap<String, String>,
}

/// What a caller may, and what comes of that for the decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    /// All that is required of a provider: by the key, and by the rule that lets the request pass. No
    /// provider meets it where none does.
    pub requires: Requirement,
    /// `None`: no rules concern the caller, and its key may use the model.
    pub access: Option<AccessView>,
}

/// The rights of the key at index `key` for a request.
#[must_use]
pub fn rights(policy: &Policy, key: u32, (model, head): (ModelId, &Head)) -> Rights {
    let Some(of) = policy.key(key) else {
        return Rights::default();
    };
    let own = of.requires.requirement;
    if !grants(of, model) {
        return refused(own, BY_KEY.to_owned(), None);
    }
    let Some(list) = policy.access_of(of) else {
        return Rights {
            requires: own,
            access: None,
        };
    };
    let spec = &policy.snapshot().access;
    let alive = spec.alive(list, head);
    let grant = match spec.judge(list, alive, model) {
        Ok(grant) => grant,
        Err(Denied(rule)) => return refused(own, spec.name(rule).to_owned(), rule),
    };
    let all = ProviderSet::first(policy.snapshot().providers.len());
    let rule = spec.rules.get(usize::from(grant.rule));
    let mut required = rule.map(|r| r.requires.requirement).unwrap_or_default();
    required.providers = grant.providers.map(|set| set.and(all));
    required.rule = Some(grant.rule);
    let asked = policy.model(model);
    required.stand_ins = asked.map(|asked| {
        let fallbacks = (0u32..64).zip(&asked.rules.fallback);
        let same = fallbacks.filter(|(_, other)| {
            let other = spec.judge(list, alive, **other);
            other.is_ok_and(|other| other.rule == grant.rule)
        });
        same.fold(0, |bits, (at, _)| bits | 1 << at)
    });
    let providers = (0u16..).zip(&policy.snapshot().providers);
    let taken = providers.filter_map(|(id, provider)| {
        let rule = taken_by(spec, (list, alive), model, ProviderId(id))?;
        Some((provider.name.clone(), spec.name(Some(rule)).to_owned()))
    });
    Rights {
        requires: own.and(required),
        access: Some(AccessView {
            rule: spec.name(Some(grant.rule)).to_owned(),
            allowed: true,
            taken: taken.collect(),
        }),
    }
}

/// Nobody may serve it.
fn refused(own: Requirement, name: String, rule: Option<u16>) -> Rights {
    let nobody = Requirement {
        providers: Some(ProviderSet::default()),
        rule,
        ..Requirement::default()
    };
    Rights {
        requires: own.and(nobody),
        access: Some(AccessView {
            rule: name,
            allowed: false,
            taken: BTreeMap::new(),
        }),
    }
}

/// Of a request that passes, the first rule that takes a provider away: a `deny` that names it, or the
/// `allow` that does not.
fn taken_by(
    spec: &AccessSpec,
    (list, alive): (&[u16], Alive),
    model: ModelId,
    provider: ProviderId,
) -> Option<u16> {
    for (at, rule) in spec.matching(list, alive, model) {
        match (rule.effect, rule.providers) {
            (Effect::Deny, Some(providers)) if providers.holds(provider) => return Some(at),
            (Effect::Deny, _) => {}
            (Effect::Allow, Some(own)) if !own.holds(provider) => return Some(at),
            (Effect::Allow, _) => return None,
        }
    }
    None
}

impl Explanation {
    /// Says which rule takes which provider away.
    #[must_use]
    pub fn with_access(mut self, access: Option<AccessView>) -> Self {
        if let Some(access) = &access {
            for candidate in &mut self.candidates {
                candidate.access_rule = rule_of(candidate, access);
            }
        }
        self.access = access;
        self
    }
}

fn rule_of(candidate: &CandidateView, access: &AccessView) -> Option<String> {
    let is_taken = candidate.removed_by == Some(Filter::Compliance(Demand::Provider));
    let rule = match access.allowed {
        true => access.taken.get(&candidate.provider),
        false => Some(&access.rule),
    };
    rule.filter(|_| is_taken).cloned()
}

#[cfg(test)]
mod tests;
