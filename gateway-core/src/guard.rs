//! What is looked for in the content of requests, and what becomes of a request that holds it.
//!
//! All guards that hold for a request hold together: of each kind the strictest action counts, and the
//! first guard in the operator's order that says so is named. Without a guard that holds, content is not
//! looked at.

use std::fmt::Write as _;

use ark_redact::{Kind, Kinds};
use serde::{Deserialize, Serialize};

use crate::access::{Requester, Who};
use crate::exchange::Exchange;
use crate::record::Endpoint;
use crate::reject::{Reject, RejectCode};
use crate::snapshot::ModelId;

/// Most guards: each is one bit of [`crate::snapshot::KeySpec::guards`].
pub const MOST_GUARDS: usize = 64;

/// What becomes of a match, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is counted, and passes: a dry run.
    Count,
    /// It is replaced by its kind, such as `[email]`.
    Mask,
    /// The request is refused.
    Refuse,
}

impl Action {
    /// Its name in configurations and as a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Mask => "mask",
            Self::Refuse => "refuse",
        }
    }

    /// What was done, for the answer's header.
    fn done(self) -> &'static str {
        match self {
            Self::Count => "counted",
            Self::Mask => "masked",
            Self::Refuse => "refused",
        }
    }
}

/// One guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRule {
    /// Its name, unique.
    pub name: String,
    /// Whom it concerns.
    #[serde(default)]
    pub who: Who,
    /// Requests that one of these may serve, sorted; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelId>>,
    /// Requests to these endpoints; `None`: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<Vec<Endpoint>>,
    /// What it looks for, by [`Kinds::bits`].
    pub kinds: u16,
    /// What becomes of it.
    pub action: Action,
}

/// All guards, in the operator's order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GuardSpec(pub Vec<GuardRule>);

/// What a request is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    guards: u64,
    /// By [`Action`]; no kind is in two of them.
    kinds: [Kinds; 3],
}

impl Watch {
    /// All kinds.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        self.kinds
            .iter()
            .fold(Kinds::default(), |all, own| all.or(*own))
    }

    /// Those of which this becomes.
    #[must_use]
    pub fn of(&self, action: Action) -> Kinds {
        self.kinds.get(action as usize).copied().unwrap_or_default()
    }
}

impl GuardSpec {
    /// Whether nothing is looked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The guards that concern a caller, one bit each.
    #[must_use]
    pub fn concerning(&self, who: &Requester<'_>) -> u64 {
        self.of(u64::MAX)
            .filter(|(_, guard)| guard.who.means(who))
            .fold(0, |all, (bit, _)| all | bit)
    }

    /// What a request is searched for that these guards concern, and that one of `models` may serve.
    fn watch(&self, guards: u64, endpoint: Endpoint, models: &dyn Fn(&GuardRule) -> bool) -> Watch {
        let mut watch = Watch::default();
        for (bit, guard) in self.of(guards) {
            let is_called = (guard.endpoints.as_ref()).is_none_or(|own| own.contains(&endpoint));
            if !is_called || !models(guard) {
                continue;
            }
            watch.guards |= bit;
            if let Some(kinds) = watch.kinds.get_mut(guard.action as usize) {
                *kinds = kinds.or(Kinds::of_bits(guard.kinds));
            }
        }
        let [count, mask, refuse] = watch.kinds;
        watch.kinds = [
            count.without(mask).without(refuse),
            mask.without(refuse),
            refuse,
        ];
        watch
    }

    /// The guards of these bits.
    fn of(&self, guards: u64) -> impl Iterator<Item = (u64, &GuardRule)> {
        let places = self.0.iter().take(MOST_GUARDS).enumerate();
        let own = places.map(|(place, guard)| (1 << place, guard));
        own.filter(move |(bit, _)| guards & bit != 0)
    }
}

impl GuardRule {
    fn covers(&self, model: ModelId) -> bool {
        let among = |models: &Vec<ModelId>| models.binary_search(&model).is_ok();
        self.models.as_ref().is_none_or(among)
    }
}

/// What was found of one kind. Counts only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guarded {
    /// The kind, by its name.
    pub kind: String,
    /// What became of it.
    pub action: Action,
    /// How often it was there.
    pub count: u32,
    /// The guard that says so.
    pub guard: String,
}

impl Exchange {
    /// What the request is to be searched for, that asks for one model and that another, or that one's
    /// fallbacks, may serve; `None` when no guard holds for it.
    #[must_use]
    pub fn watch(&self, asked: ModelId, served: ModelId) -> Option<Watch> {
        let spec = &self.policy().snapshot().guard;
        if spec.is_empty() {
            return None;
        }
        let caller = self.admission()?.key;
        let key = self.policy().key(self.policy().base_of(caller))?;
        let borrower = self.policy().borrower(caller);
        let guards = borrower.map_or(key.guards, |who| spec.concerning(&who));
        let fallbacks = self.policy().model(served);
        let fallbacks = fallbacks.map_or(&[][..], |model| &model.rules.fallback);
        let any = |guard: &GuardRule| {
            guard.covers(served)
                || guard.covers(asked)
                || fallbacks.iter().any(|other| guard.covers(*other))
        };
        let watch = spec.watch(guards, self.endpoint(), &any);
        (!watch.kinds().is_empty()).then_some(watch)
    }

    /// So much was found of these kinds.
    pub fn found(&mut self, watch: &Watch, found: impl Iterator<Item = Kind>) {
        for kind in found {
            let name = kind.as_str();
            if let Some(known) = self.guarded.iter_mut().find(|known| known.kind == name) {
                known.count = known.count.saturating_add(1);
                continue;
            }
            let actions = [Action::Refuse, Action::Mask, Action::Count];
            let action = actions
                .into_iter()
                .find(|action| watch.of(*action).has(kind));
            let Some(action) = action else {
                continue;
            };
            let spec = &self.policy().snapshot().guard;
            let says =
                |guard: &GuardRule| guard.action == action && Kinds::of_bits(guard.kinds).has(kind);
            let guard = spec.of(watch.guards).find(|(_, guard)| says(guard));
            let guard = guard.map_or_else(String::new, |(_, guard)| guard.name.clone());
            self.guarded.push(Guarded {
                kind: name.to_owned(),
                action,
                count: 1,
                guard,
            });
        }
    }

    /// What was found and what became of it: `masked; email=2; card=1, counted; phone=1`. `None` when
    /// nothing was.
    #[must_use]
    pub fn guard_words(&self) -> Option<String> {
        let mut words = String::new();
        for action in [Action::Refuse, Action::Mask, Action::Count] {
            let mut own = self
                .guarded
                .iter()
                .filter(|g| g.action == action)
                .peekable();
            if own.peek().is_none() {
                continue;
            }
            let comma = if words.is_empty() { "" } else { ", " };
            // Writing to a text cannot fail.
            let _ = write!(words, "{comma}{}", action.done());
            for found in own {
                let _ = write!(words, "; {}={}", found.kind, found.count);
            }
        }
        (!words.is_empty()).then_some(words)
    }

    /// The refusal of what was found, the first of it in the field `path`.
    #[must_use]
    pub fn refused_by_guard(&self, path: String) -> Reject {
        let refused = |found: &&Guarded| found.action == Action::Refuse;
        let own: Vec<&Guarded> = self.guarded.iter().filter(refused).collect();
        let kinds: Vec<&str> = own.iter().map(|found| found.kind.as_str()).collect();
        let guard = own.first().map_or("", |found| found.guard.as_str());
        let place = match path.as_str() {
            "" => String::new(),
            path => format!(", first in `{path}`"),
        };
        let kinds = kinds.join(", ");
        let message = format!(
            "The content guard '{guard}' does not let this request pass: it holds {kinds}{place}."
        );
        Reject {
            message,
            param: Some(path).filter(|path| !path.is_empty()),
            ..Reject::new(RejectCode::ContentGuard)
        }
    }
}

#[cfg(test)]
mod tests;
