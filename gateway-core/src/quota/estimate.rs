//! What a request may use, before; what it has used, after.

use super::spec::Unit;
use crate::decide::Decision;
use crate::money::MicroUsd;
use crate::policy::Policy;

/// Completion tokens that are reserved when the client set no bound and nothing has been learnt.
pub const DEFAULT_OUTPUT_TOKENS: u64 = 1_024;

/// What a request is expected to use at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Prompt tokens.
    pub input_tokens: u64,
    /// Completion tokens.
    pub output_tokens: u64,
    /// At the dearest price of its targets; `None` when one of them has none.
    pub cost: Option<MicroUsd>,
}

/// What a request has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// 1 when a provider was asked.
    pub requests: u64,
    /// Prompt tokens, those of failed attempts that were billed included.
    pub input_tokens: u64,
    /// Completion tokens.
    pub output_tokens: u64,
    /// What it cost; `None` when the price is not known: the estimate stands then.
    pub cost: Option<MicroUsd>,
}

impl Estimate {
    /// What to reserve of a unit; `None` for money at an unknown price.
    #[must_use]
    pub fn of(&self, unit: Unit) -> Option<u64> {
        Some(match unit {
            Unit::Requests | Unit::Concurrency => 1,
            Unit::Tokens => self.input_tokens.saturating_add(self.output_tokens),
            Unit::InputTokens => self.input_tokens,
            Unit::OutputTokens => self.output_tokens,
            Unit::MicroUsd => self.cost?.0,
        })
    }
}

impl Spend {
    /// What was used of a unit; what was `held` where that is not known.
    #[must_use]
    pub fn of(&self, unit: Unit, held: u64) -> u64 {
        match unit {
            Unit::Requests => self.requests,
            Unit::Tokens => self.input_tokens.saturating_add(self.output_tokens),
            Unit::InputTokens => self.input_tokens,
            Unit::OutputTokens => self.output_tokens,
            Unit::Concurrency => 0,
            Unit::MicroUsd => self.cost.map_or(held, |cost| cost.0),
        }
    }
}

/// Estimates a request: its prompt, and the client's own bound on the answer, or else the learnt
/// length (a long one: its P99), or else [`DEFAULT_OUTPUT_TOKENS`].
#[must_use]
pub fn estimate(
    policy: &Policy,
    decision: &Decision,
    input_tokens: u64,
    (most, learnt): (Option<u64>, Option<u64>),
) -> Estimate {
    let output_tokens = most.or(learnt).unwrap_or(DEFAULT_OUTPUT_TOKENS);
    let mut cost = Some(MicroUsd(0));
    for target in decision.targets() {
        let price = policy.target(target).and_then(|target| target.price);
        let one = price.map(|price| price.cost_of(input_tokens, output_tokens));
        cost = cost.zip(one).map(|(a, b)| a.max(b));
    }
    Estimate {
        input_tokens,
        output_tokens,
        cost,
    }
}
