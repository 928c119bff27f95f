//! Who may ask what: the operator's rules, compiled, and what they make of a request.
//!
//! Rules are read from top to bottom. The first that matches a request decides: `deny` refuses it, `allow`
//! lets it pass within the rule's own bounds. A `deny` that names providers takes these away and reading
//! goes on. What no rule matches is refused, by [`BY_DEFAULT`].

mod hours;
mod network;
mod providers;

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::compliance::Stated;
use crate::priority::Priority;
use crate::record::Endpoint;
use crate::snapshot::ModelId;
pub use hours::{Hours, MINUTES_OF_WEEK, Offset};
pub use network::{Network, source_of};
pub use providers::ProviderSet;

/// The name of what refuses a request that no rule matches.
pub const BY_DEFAULT: &str = "default";

/// Most rules that may concern one caller: each is one bit of [`Alive`].
pub const MOST_RULES_OF_CALLER: usize = 64;

/// The endpoints that rules may name.
pub const ENDPOINTS: [(&str, Endpoint); 6] = [
    ("chat_completions", Endpoint::ChatCompletions),
    ("completions", Endpoint::Completions),
    ("embeddings", Endpoint::Embeddings),
    ("responses", Endpoint::Responses),
    ("messages", Endpoint::Messages),
    ("count_tokens", Endpoint::CountTokens),
];

/// What a rule does with what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

/// Whom a rule concerns: of each kind that is named one must be the caller's. All empty: everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Names of tenants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// Ids of keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    /// Its tenant.
    pub tenant: &'a str,
    /// The id of its key; empty for who has none.
    pub key: &'a str,
    /// Its roles.
    pub roles: &'a [String],
}

impl Who {
    /// Whether it means this caller.
    #[must_use]
    pub fn means(&self, who: &Requester<'_>) -> bool {
        let is = |names: &[String], own: &str| names.is_empty() || names.iter().any(|n| n == own);
        let role = |role: &String| who.roles.contains(role);
        is(&self.tenants, who.tenant)
            && is(&self.keys, who.key)
            && (self.roles.is_empty() || self.roles.iter().any(role))
    }
}

/// What a request that a rule allows may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Output tokens that it may ask for at most; written into one that states no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// No tools.
    #[serde(default)]
    pub no_tools: bool,
    /// No images.
    #[serde(default)]
    pub no_images: bool,
}

impl Ceiling {
    /// Whether it bounds nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a request holds of what rules bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The largest of its bounds on output tokens; `None` without any.
    pub max_tokens: Option<u64>,
    /// Whether it offers tools.
    pub tools: bool,
    /// Whether it holds images.
    pub images: bool,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRule {
    /// Its name, unique.
    pub name: String,
    /// What it does.
    pub effect: Effect,
    /// Whom it concerns.
    #[serde(default)]
    pub who: Who,
    /// Of requests for these models, sorted; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelId>>,
    /// At these endpoints; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<Endpoint>>,
    /// Of these priorities; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priorities: Option<Vec<Priority>>,
    /// Within these hours; `None`: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// From these networks; `None`: from anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
    /// The providers that it allows, or takes away; `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<ProviderSet>,
    /// What a request may hold.
    #[serde(default)]
    pub limit: Ceiling,
    /// What it requires of a provider.
    #[serde(default)]
    pub requires: Stated,
}

impl AccessRule {
    /// Whether it concerns requests for this model.
    #[must_use]
    pub fn covers(&self, model: ModelId) -> bool {
        let among = |models: &Vec<ModelId>| models.binary_search(&model).is_ok();
        self.models.as_ref().is_none_or(among)
    }

    fn matches_head(&self, head: &Head, zones: &[Vec<Offset>]) -> bool {
        let endpoint = |of: &Vec<Endpoint>| head.endpoint.is_none_or(|e| of.contains(&e));
        self.endpoints.as_ref().is_none_or(endpoint)
            && (self.priorities.as_ref()).is_none_or(|of| of.contains(&head.priority))
            && (self.hours.as_ref()).is_none_or(|hours| hours.hold_at(head.now_s, zones))
            && (self.networks.as_ref()).is_none_or(|networks| self.is_from(networks, head.source))
    }

    /// Nobody knows where a request without an address comes from: what denies matches it, what allows
    /// does not.
    fn is_from(&self, networks: &[Network], source: Option<IpAddr>) -> bool {
        match source {
            Some(source) => networks.iter().any(|network| network.holds(source)),
            None => self.effect == Effect::Deny,
        }
    }
}

/// What is known of a request before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What is called; `None`: whichever.
    pub endpoint: Option<Endpoint>,
    /// Its priority.
    pub priority: Priority,
    /// Seconds since the Unix epoch.
    pub now_s: u64,
    /// The address that Envoy trusts; `None` when it gave none.
    pub source: Option<IpAddr>,
}

/// The rules of a caller that match a request's head, by their place in the caller's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alive(u64);

/// A rule that lets a request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Index into [`AccessSpec::rules`].
    pub rule: u16,
    /// The providers that may serve it; `None`: all.
    pub providers: Option<ProviderSet>,
}

/// What refuses a request: index into [`AccessSpec::rules`], `None` for [`BY_DEFAULT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied(pub Option<u16>);

/// All rules, and whom they concern.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessSpec {
    /// The rules, in the operator's order.
    pub rules: Vec<AccessRule>,
    /// Which rules concern whom, each once: indices into `rules`, ascending;
    /// [`crate::snapshot::KeySpec::access`] is an index into this.
    pub lists: Vec<Vec<u16>>,
    /// Time zones that hours are of: their offsets from UTC, by time.
    pub zones: Vec<Vec<Offset>>,
}

impl AccessSpec {
    /// Whether there are no rules: then keys alone say who may what.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that concern a caller, in order. `None` when there are more than
    /// [`MOST_RULES_OF_CALLER`]: to leave one out could let pass what it denies.
    #[must_use]
    pub fn concerning(&self, who: &Requester<'_>) -> Option<Vec<u16>> {
        let rules = (0u16..).zip(&self.rules);
        let own = rules.filter(|(_, rule)| rule.who.means(who));
        let own: Vec<u16> = own.map(|(at, _)| at).collect();
        (own.len() <= MOST_RULES_OF_CALLER).then_some(own)
    }

    /// A rule's name.
    #[must_use]
    pub fn name(&self, rule: Option<u16>) -> &str {
        let rule = rule.and_then(|at| self.rules.get(usize::from(at)));
        rule.map_or(BY_DEFAULT, |rule| rule.name.as_str())
    }

    /// Whether one of these rules asks where a request comes from.
    #[must_use]
    pub fn asks_source(&self, list: &[u16]) -> bool {
        self.of(list).any(|(_, _, rule)| rule.networks.is_some())
    }

    /// The rules of `list` that match a request's head.
    #[must_use]
    pub fn alive(&self, list: &[u16], head: &Head) -> Alive {
        let matching = self
            .of(list)
            .filter(|(_, _, rule)| rule.matches_head(head, &self.zones));
        Alive(matching.fold(0, |all, (bit, _, _)| all | bit))
    }

    /// Whether anything may pass, whatever model is asked for.
    ///
    /// # Errors
    /// What refuses it.
    pub fn check_any(&self, list: &[u16], alive: Alive) -> Result<(), Denied> {
        for (bit, at, rule) in self.of(list) {
            match rule.effect {
                _ if alive.0 & bit == 0 => {}
                Effect::Allow => return Ok(()),
                Effect::Deny if rule.models.is_none() && rule.providers.is_none() => {
                    return Err(Denied(Some(at)));
                }
                Effect::Deny => {}
            }
        }
        Err(Denied(None))
    }

    /// What becomes of a request for `model`.
    ///
    /// # Errors
    /// What refuses it.
    pub fn judge(&self, list: &[u16], alive: Alive, model: ModelId) -> Result<Grant, Denied> {
        let mut taken: Option<ProviderSet> = None;
        for (bit, at, rule) in self.of(list) {
            if alive.0 & bit == 0 || !rule.covers(model) {
                continue;
            }
            match (rule.effect, rule.providers) {
                (Effect::Deny, None) => return Err(Denied(Some(at))),
                (Effect::Deny, Some(providers)) => {
                    let left = taken.unwrap_or(ProviderSet::ALL);
                    taken = Some(left.without(providers));
                }
                (Effect::Allow, own) => {
                    let providers = match (own, taken) {
                        (Some(own), Some(left)) => Some(own.and(left)),
                        (own, left) => own.or(left),
                    };
                    return Ok(Grant {
                        rule: at,
                        providers,
                    });
                }
            }
        }
        Err(Denied(None))
    }

    /// Whether one of the rules that are alive bounds what a request may hold.
    #[must_use]
    pub fn bounds(&self, list: &[u16], alive: Alive) -> bool {
        let mut own = self.of(list).filter(|(bit, _, _)| alive.0 & bit != 0);
        own.any(|(_, _, rule)| !rule.limit.is_none())
    }

    /// Whether some endpoint may be asked for `model`; `head` is of no endpoint.
    #[must_use]
    pub fn shows(&self, list: &[u16], head: &Head, model: ModelId) -> bool {
        ENDPOINTS.iter().any(|(_, endpoint)| {
            let head = Head {
                endpoint: Some(*endpoint),
                ..*head
            };
            self.judge(list, self.alive(list, &head), model).is_ok()
        })
    }

    /// The rules that are alive and concern requests for `model`, in order, with their indices.
    pub(crate) fn matching<'a>(
        &'a self,
        list: &'a [u16],
        alive: Alive,
        model: ModelId,
    ) -> impl Iterator<Item = (u16, &'a AccessRule)> {
        let own = self.of(list).filter(move |(bit, _, _)| alive.0 & bit != 0);
        let own = own.filter(move |(_, _, rule)| rule.covers(model));
        own.map(|(_, at, rule)| (at, rule))
    }

    /// The rules of a list with their bit and their index.
    fn of<'a>(&'a self, list: &'a [u16]) -> impl Iterator<Item = (u64, u16, &'a AccessRule)> {
        let places = list.iter().take(MOST_RULES_OF_CALLER).enumerate();
        places.filter_map(|(place, at)| {
            let rule = self.rules.get(usize::from(*at))?;
            Some((1u64 << place, *at, rule))
        })
    }
}

/// What of a request a rule does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The request as a whole, before its body was read.
    Request,
    /// The model that it asks for.
    Model,
    /// More output tokens than this.
    MaxTokens(u64),
    /// Tools.
    Tools,
    /// Images.
    Images,
    /// Every provider that could serve it.
    Providers,
}

impl Breach {
    /// The field at fault, and words that complete a sentence that begins with the rule's name.
    pub(crate) fn said(self) -> (Option<&'static str>, Cow<'static, str>) {
        let (param, words) = match self {
            Self::Request => (None, "does not allow this request."),
            Self::Model => (Some("model"), "does not allow this request for this model."),
            Self::MaxTokens(most) => {
                let words = format!("allows at most {most} output tokens.");
                return (Some("max_tokens"), words.into());
            }
            Self::Tools => (Some("tools"), "does not allow tools."),
            Self::Images => (None, "does not allow images."),
            Self::Providers => (None, "does not allow the providers that could serve this."),
        };
        (param, words.into())
    }
}

#[cfg(test)]
mod tests;
