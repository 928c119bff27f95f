//! Shadow copies: which requests are also sent to a target whose answer nobody gets.
//!
//! A copy must cost no client anything: it is drawn after everything about the request is decided, and
//! it is not made when its target has no room to spare.

use serde::{Deserialize, Serialize};

use crate::chance;
use crate::decide::{Facts, usable};
use crate::policy::Policy;
use crate::score::Scores;
use crate::snapshot::{ModelSpec, TargetId};
use crate::spare::{Spared, spared};

/// Keeps the draws of copies apart from those of choice.
const SHADOW: u64 = 1 << 33;

/// Copies in flight from one worker at most: each holds its request's body until it is answered.
pub const MOST_IN_FLIGHT: usize = 64;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// Nothing: it was not drawn, or its model is not shadowed.
    No,
    /// It was drawn, and no copy is made.
    Skipped(Skip),
    /// A copy goes to this target.
    To(TargetId),
}

/// Why a copy that was drawn is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The target's circuit is open, or it has no healthy host.
    Unfit,
    /// The target's provider is near its limits.
    Limited,
    /// The target cannot do what the request asks for, or must not.
    Unsuitable,
    /// The body is larger than copies may be.
    TooLarge,
    /// This worker has too many copies in flight.
    Busy,
    /// Envoy did not send it: it does not know its route yet.
    NotSent,
}

/// Draws whether a copy of a request is made. `in_flight` is how many this worker has; `draw` is
/// uniformly random.
#[must_use]
pub fn draw(
    policy: &Policy,
    scores: Option<&Scores>,
    (facts, body_bytes): (&Facts<'_>, u64),
    in_flight: usize,
    draw: u64,
) -> Drawn {
    let model = policy.model(facts.model);
    let Some((model, spec)) = model.and_then(|m| Some((m, m.shadow.as_ref()?))) else {
        return Drawn::No;
    };
    let is_drawn = spec.priorities.contains(&facts.priority)
        && chance::unit(chance::mix(draw, SHADOW)) < spec.share;
    if !is_drawn {
        return Drawn::No;
    }
    if body_bytes > spec.body_limit_bytes {
        return Drawn::Skipped(Skip::TooLarge);
    }
    if in_flight >= MOST_IN_FLIGHT {
        return Drawn::Skipped(Skip::Busy);
    }
    match unfit(policy, scores, (model, facts), spec.target) {
        Some(skip) => Drawn::Skipped(skip),
        None => Drawn::To(spec.target),
    }
}

/// What of a target keeps a copy of this request from it now.
#[must_use]
pub fn unfit(
    policy: &Policy,
    scores: Option<&Scores>,
    (model, facts): (&ModelSpec, &Facts<'_>),
    target: TargetId,
) -> Option<Skip> {
    match spared(policy, scores, target) {
        Some(Spared::Unfit) => return Some(Skip::Unfit),
        Some(Spared::Limited) => return Some(Skip::Limited),
        // Nothing else would ever close the circuit of a target that gets nothing but copies, and no
        // client notices a copy that fails.
        Some(Spared::Recovering) | None => {}
    }
    (!is_suitable(policy, model, (facts, target))).then_some(Skip::Unsuitable)
}

/// The very filters that clients' requests pass, as if the shadow were their model's only target.
fn is_suitable(
    policy: &Policy,
    model: &ModelSpec,
    (facts, target): (&Facts<'_>, TargetId),
) -> bool {
    let alone = ModelSpec {
        targets: vec![target],
        ..model.clone()
    };
    // Whom the client pinned is no matter of the copy.
    let facts = Facts {
        pin: None,
        ..*facts
    };
    usable(policy, &alone, &facts).next().is_some()
}

/// Copies that were drawn and not made, counted since a VM's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skips {
    /// See [`Skip::Unfit`].
    pub unfit: u64,
    /// See [`Skip::Limited`].
    pub limited: u64,
    /// See [`Skip::Unsuitable`].
    pub unsuitable: u64,
    /// See [`Skip::TooLarge`].
    pub too_large: u64,
    /// See [`Skip::Busy`].
    pub busy: u64,
    /// See [`Skip::NotSent`].
    pub not_sent: u64,
}

impl Skips {
    /// Counts one.
    pub fn count(&mut self, skip: Skip) {
        *match skip {
            Skip::Unfit => &mut self.unfit,
            Skip::Limited => &mut self.limited,
            Skip::Unsuitable => &mut self.unsuitable,
            Skip::TooLarge => &mut self.too_large,
            Skip::Busy => &mut self.busy,
            Skip::NotSent => &mut self.not_sent,
        } += 1;
    }

    /// Each count with the name that it has in metrics.
    pub fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("unfit", self.unfit),
            ("limited", self.limited),
            ("unsuitable", self.unsuitable),
            ("too_large", self.too_large),
            ("busy", self.busy),
            ("not_sent", self.not_sent),
        ]
        .into_iter()
    }

    /// What is new since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            unfit: self.unfit.saturating_sub(earlier.unfit),
            limited: self.limited.saturating_sub(earlier.limited),
            unsuitable: self.unsuitable.saturating_sub(earlier.unsuitable),
            too_large: self.too_large.saturating_sub(earlier.too_large),
            busy: self.busy.saturating_sub(earlier.busy),
            not_sent: self.not_sent.saturating_sub(earlier.not_sent),
        }
    }
}

#[cfg(test)]
mod tests;
