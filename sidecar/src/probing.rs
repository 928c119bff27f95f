//! Probes: which idle targets are asked, and how often, within a day's budget.
//!
//! A probe is a request of one token, sent through the gateway like any client's, so that no credential
//! leaves Envoy and all of the way is tried. Its record feeds the target's window and circuit.

use std::collections::BTreeMap;

use ark_gateway_core::circuit::Circuit;
use ark_gateway_core::money::{MicroUsd, Price};
use ark_gateway_core::record::Record;

use crate::Ms;
use crate::config::{Date, ProbeConfig};
use crate::observations::TargetKey;

/// The tenant and the key of probes, in records too.
pub const PROBER: &str = "ark-probe";
/// How often a target with a half-open circuit is asked, milliseconds.
const HALF_OPEN_EVERY_MS: Ms = 1_000;
/// A probe that has not ended by then is taken for lost, milliseconds.
const LOST_MS: Ms = 900_000;
/// What a probe comes to at most, prompt and answer tokens: chat templates add to a word.
const TOKENS: (u64, u64) = (128, 16);

/// Whether a record is of a probe.
#[must_use]
pub fn is_probe(record: &Record) -> bool {
    record.tenant == PROBER
}

/// One target, as far as a probe cares.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// What its provider's operator wants.
    pub config: ProbeConfig,
    /// What it charges.
    pub price: Option<Price>,
    /// Whether requests may go through.
    pub circuit: Circuit,
    /// Its newest finished attempt.
    pub newest: Option<Ms>,
    /// Whether attempts wait for it now.
    pub is_asked: bool,
}

/// What became of the wish to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not time.
    NotDue,
    /// Now.
    Due,
    /// It would be time, but the day's budget is spent or cannot be kept; with whether that is news.
    OverBudget(bool),
}

/// Who was asked when, and what it has cost today.
#[derive(Debug, Default)]
pub struct Probing {
    turns: BTreeMap<TargetKey, Turn>,
    days: BTreeMap<String, Day>,
    today: Option<Date>,
}

#[derive(Debug, Default)]
struct Turn {
    asked: Option<Ms>,
    runs: bool,
}

#[derive(Debug, Default)]
struct Day {
    count: u32,
    spent: MicroUsd,
    is_over: bool,
}

impl Probing {
    /// A new day has a new budget; and what is no target any more is forgotten.
    pub fn tidy(&mut self, today: Date, is_target: impl Fn(&TargetKey) -> bool) {
        if self.today != Some(today) {
            self.today = Some(today);
            self.days.clear();
        }
        self.turns.retain(|key, _| is_target(key));
    }

    /// Whether to ask a target now; one that is due is taken to be asked, and its cost spent.
    pub fn wants(&mut self, key: &TargetKey, target: &Candidate, now: Ms) -> Verdict {
        let turn = self.turns.entry(key.clone()).or_default();
        if !turn.is_due(target, now) {
            return Verdict::NotDue;
        }
        let day = self.days.entry(key.0.clone()).or_default();
        if !day.affords(target) {
            turn.asked = Some(now);
            return Verdict::OverBudget(!std::mem::replace(&mut day.is_over, true));
        }
        turn.asked = Some(now);
        turn.runs = true;
        Verdict::Due
    }

    /// A probe has ended, whatever came of it.
    pub fn ended(&mut self, key: &TargetKey) {
        if let Some(turn) = self.turns.get_mut(key) {
            turn.runs = false;
        }
    }

    /// What a probe has cost; more than it was taken to cost counts on top.
    pub fn charged(&mut self, provider: &str, cost: Option<MicroUsd>, price: Option<Price>) {
        let (Some(cost), Some(day)) = (cost, self.days.get_mut(provider)) else {
            return;
        };
        let more = cost.0.saturating_sub(worst(price).0);
        day.spent = day.spent.plus(MicroUsd(more));
    }
}

impl Turn {
    fn is_due(&self, target: &Candidate, now: Ms) -> bool {
        let since = |at: Option<Ms>| at.map_or(Ms::MAX, |at| now.saturating_sub(at));
        if self.runs && since(self.asked) < LOST_MS {
            return false;
        }
        match target.circuit {
            // It cools down: an answer would say nothing.
            Circuit::Open => false,
            Circuit::HalfOpen => since(self.asked) >= HALF_OPEN_EVERY_MS,
            Circuit::Closed => {
                let every_ms = Ms::from(target.config.every_s) * 1_000;
                let idle = since(target.newest) >= every_ms && !target.is_asked;
                idle && since(self.asked) >= every_ms
            }
        }
    }
}

impl Day {
    /// Takes one probe out of the budget; `false` when it does not fit.
    fn affords(&mut self, target: &Candidate) -> bool {
        let spent = match (target.config.budget_per_day, target.price) {
            (None, _) => MicroUsd(0),
            // An unknown price is never zero.
            (Some(_), None) => return false,
            (Some(budget), price) => {
                let spent = self.spent.plus(worst(price));
                if spent > budget {
                    return false;
                }
                spent
            }
        };
        if self.count >= target.config.per_day {
            return false;
        }
        self.count += 1;
        self.spent = spent;
        true
    }
}

fn worst(price: Option<Price>) -> MicroUsd {
    let (input, output) = TOKENS;
    price.map_or(MicroUsd(0), |price| price.cost_of(input, output))
}

#[cfg(test)]
mod tests;
