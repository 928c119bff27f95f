//! Hedging: a second target is asked when the first is slow, and the first answer wins.
//!
//! It costs the prompt of whoever loses, and load when everything is slow. So it is paid from a budget:
//! a request that may hedge puts a credit down for each further target and gets back what it did not
//! use. Credits are earned slowly, so that hedges are a bounded share of the requests.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::decide::Decision;
use crate::policy::Policy;
use crate::priority::Priority;
use crate::record::Rule;
use crate::score::Scores;
use crate::snapshot::{HedgeSpec, ModelSpec, TargetId};
use crate::spare::spared;

/// What one hedge costs, in the budget's unit: a thousandth of a credit.
const COST: u32 = 1_000;
/// Most that is saved: hedges that may be ready or under way at once in one worker.
const MOST: u32 = 50 * COST;

/// Longest delay that is worth a hedge: beyond it the time-outs do their work.
const MOST_DELAY_MS: f32 = 600_000.0;

/// A request that is ready to ask further targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// After so long without a first token, and again after as long, milliseconds.
    pub after_ms: u32,
    /// Further targets that are paid for.
    pub credits: u32,
}

/// Why a request of a model that hedges does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// There is no second target, or it is not well, or near its limits.
    NoTarget,
    /// It is not known how slow the first target is, or so slow that its time-out comes first.
    NoDelay,
    /// The budget is spent.
    NoBudget,
    /// Retries have failed so often that failover itself is short.
    Retries,
}

/// Whether a request hedges; `None` when it is not of a model and priority that do. Pays for it.
#[must_use]
pub fn hedge(
    policy: &Policy,
    scores: Option<&Scores>,
    (model, priority): (&ModelSpec, Priority),
    decision: &Decision,
) -> Option<Result<Hedge, Skip>> {
    let spec = model.hedge.as_ref()?;
    if !spec.priorities.contains(&priority) {
        return None;
    }
    policy.hedge_budget().earn(spec.budget);
    Some(judge(policy, scores, (model, spec), decision))
}

/// After how long it would hedge, milliseconds, if the budget allows; `None` when it is not of a model and
/// priority that do. Pays nothing.
#[must_use]
pub fn would(
    policy: &Policy,
    scores: Option<&Scores>,
    (model, priority): (&ModelSpec, Priority),
    decision: &Decision,
) -> Option<Result<u32, Skip>> {
    let spec = model.hedge.as_ref()?;
    let is_meant = spec.priorities.contains(&priority);
    is_meant.then(|| delay(policy, scores, (model, spec), decision))
}

fn judge(
    policy: &Policy,
    scores: Option<&Scores>,
    (model, spec): (&ModelSpec, &HedgeSpec),
    decision: &Decision,
) -> Result<Hedge, Skip> {
    let after_ms = delay(policy, scores, (model, spec), decision)?;
    let credits = u32::try_from(decision.len().saturating_sub(1)).unwrap_or(u32::MAX);
    match policy.hedge_budget().pay(credits) {
        true => Ok(Hedge { after_ms, credits }),
        false => Err(Skip::NoBudget),
    }
}

fn delay(
    policy: &Policy,
    scores: Option<&Scores>,
    (model, spec): (&ModelSpec, &HedgeSpec),
    decision: &Decision,
) -> Result<u32, Skip> {
    let mut targets = decision.targets();
    let (first, second) = (targets.next(), targets.next());
    let (Some(first), Some(second)) = (first, second) else {
        return Err(Skip::NoTarget);
    };
    if decision.rule == Rule::Pin || spared(policy, scores, second).is_some() {
        return Err(Skip::NoTarget);
    }
    let limit = usize::from(policy.snapshot().gateway.max_attempts);
    if policy.retry_budget().is_short(limit) {
        return Err(Skip::Retries);
    }
    let after_ms = match spec.after_ms {
        Some(after_ms) => after_ms,
        None => learnt(policy, scores, first)
            .ok_or(Skip::NoDelay)?
            .max(spec.at_least_ms),
    };
    if after_ms >= model.first_byte_timeout_ms {
        return Err(Skip::NoDelay);
    }
    Ok(after_ms)
}

fn learnt(policy: &Policy, scores: Option<&Scores>, target: TargetId) -> Option<u32> {
    let known = scores.filter(|s| s.snapshot == policy.snapshot().version)?;
    let p95 = known.targets.get(usize::from(target.0))?.ttft_ms?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to ten minutes"
    )]
    let ms = p95.clamp(1.0, MOST_DELAY_MS).ceil() as u32;
    Some(ms)
}

/// The budget of one worker, in thousandths of a credit. It begins full.
#[derive(Debug)]
pub struct HedgeBudget(Cell<u32>);

impl Default for HedgeBudget {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

impl HedgeBudget {
    /// A request that might have hedged came by; `share` of a credit is earned.
    pub fn earn(&self, share: f32) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a thousand"
        )]
        let earned = (share.clamp(0.0, 1.0) * 1_000.0) as u32;
        self.put(earned);
    }

    /// Takes so many credits, or none when there are not so many.
    #[must_use]
    pub fn pay(&self, credits: u32) -> bool {
        let left = self.0.get().checked_sub(credits.saturating_mul(COST));
        if let Some(left) = left {
            self.0.set(left);
        }
        left.is_some()
    }

    /// Gives credits back that were not used.
    pub fn give_back(&self, credits: u32) {
        self.put(credits.saturating_mul(COST));
    }

    fn put(&self, more: u32) {
        self.0.set(self.0.get().saturating_add(more).min(MOST));
    }
}

/// Requests that did not hedge, counted since a VM's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skips {
    /// See [`Skip::NoTarget`].
    pub no_target: u64,
    /// See [`Skip::NoDelay`].
    pub no_delay: u64,
    /// See [`Skip::NoBudget`].
    pub no_budget: u64,
    /// See [`Skip::Retries`].
    pub retries: u64,
}

impl Skips {
    /// Counts one.
    pub fn count(&mut self, skip: Skip) {
        *match skip {
            Skip::NoTarget => &mut self.no_target,
            Skip::NoDelay => &mut self.no_delay,
            Skip::NoBudget => &mut self.no_budget,
            Skip::Retries => &mut self.retries,
        } += 1;
    }

    /// Each count with the name that it has in metrics.
    pub fn named(self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("no_target", self.no_target),
            ("no_delay", self.no_delay),
            ("no_budget", self.no_budget),
            ("retries", self.retries),
        ]
        .into_iter()
    }

    /// What is new since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            no_target: self.no_target.saturating_sub(earlier.no_target),
            no_delay: self.no_delay.saturating_sub(earlier.no_delay),
            no_budget: self.no_budget.saturating_sub(earlier.no_budget),
            retries: self.retries.saturating_sub(earlier.retries),
        }
    }
}

#[cfg(test)]
mod tests;
