//! The terms of the score: one target, one request, each measured against an absolute reference.
//!
//! Every term is between 0 and 1, higher is better, and none depends on who else is a candidate.

use serde::Serialize;

use crate::affinity::{PromptCache, Warm};
use crate::capability::Needs;
use crate::money::{PicoUsd, Price};
use crate::policy::Policy;
use crate::priority::{Priority, PrioritySpec, Slo, Weights};
use crate::score::{ModelScore, TargetScore};
use crate::snapshot::{ModelSpec, ProviderSpec, TargetId};

/// Output tokens that an answer is expected to have while nothing has been learnt.
const EXPECTED_OUTPUT_TOKENS: u64 = 256;

/// A term of which nothing is known: the middle of its interval, neither trusted nor condemned.
const UNKNOWN: f32 = 0.5;

/// How many tokens this request will come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Of its prompt.
    pub input_tokens: u64,
    /// Of its answer, on average: what it will cost.
    pub output_tokens: u64,
    /// Of a long answer (P99): what it may last.
    pub long_output_tokens: u64,
}

impl Estimate {
    /// From the request itself and from how long the model's answers have been.
    #[must_use]
    pub fn of(needs: &Needs, learnt: Option<&ModelScore>) -> Self {
        let most = needs.max_output_tokens.unwrap_or(u64::MAX);
        let mean = learnt.and_then(|m| m.output_tokens).map(u64::from);
        let long = learnt.and_then(|m| m.long_output_tokens).map(u64::from);
        let mean = mean.unwrap_or(EXPECTED_OUTPUT_TOKENS);
        Self {
            input_tokens: needs.input_tokens,
            output_tokens: mean.min(most),
            long_output_tokens: long.unwrap_or(mean).max(mean).min(most),
        }
    }
}

/// The terms of one target for one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Terms {
    /// 1 for free, 0 at the model's reference price and above, in proportion between.
    pub cost: f32,
    /// Near 1 well within the SLO's latency, one half at it, near 0 beyond.
    pub performance: f32,
    /// Near 1 well within the SLO's failure rate, one half at it, near 0 beyond.
    pub reliability: f32,
    /// 1 for an idle provider, 0 at the priority's ceiling, falling late: a half-used provider is not half as good.
    pub load: f32,
    /// Certifications with diminishing returns.
    pub compliance: f32,
}

/// What the terms came from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Inputs {
    /// Expected cost; `None`: no price is known.
    pub cost: Option<PicoUsd>,
    /// Of its prompt's tokens those that it has cached, and would charge at its cached price.
    pub cached_tokens: u64,
    /// Expected latency of a long answer at P95, milliseconds.
    pub latency_ms: Option<f32>,
    /// Upper confidence bound of the failure rate.
    pub failure_rate: Option<f32>,
    /// Utilisation: the largest of what the sidecar measured, now and of rate limits, and of what this
    /// worker alone causes.
    pub utilisation: f32,
    /// Certifications that the provider holds.
    pub certifications: u8,
}

impl Inputs {
    /// Its performance and reliability as hoped, for a target of which little is known.
    #[must_use]
    pub fn hoped(mut self, measured: &TargetScore, estimate: Estimate) -> Self {
        let hoped_ms = measured.hoped_ttft_ms;
        self.latency_ms = Some(hoped_ms.map_or(0.0, |ms| latency_ms(ms, measured, estimate)));
        self.failure_rate = Some(measured.hoped_failure_rate.unwrap_or(0.0));
        self
    }
}

/// What all targets of one request are measured against.
#[derive(Clone, Copy, Debug)]
pub struct References {
    /// The tokens of this request.
    pub estimate: Estimate,
    /// What it would cost at the model's reference price.
    pub cost: Option<PicoUsd>,
    /// What its priority is promised.
    pub slo: Slo,
    /// See [`Priority::ceiling`].
    pub ceiling: f32,
    /// Workers that share the load.
    pub workers: u16,
    /// Where its conversation's prompt is cached.
    pub warm: Option<Warm>,
}

impl References {
    /// Of one request.
    #[must_use]
    pub fn of(
        model: &ModelSpec,
        (priority, spec): (Priority, &PrioritySpec),
        estimate: Estimate,
        workers: u16,
    ) -> Self {
        let exact =
            |price: &Price| price.exact_cost_of(estimate.input_tokens, estimate.output_tokens);
        Self {
            estimate,
            cost: model.reference_price.as_ref().map(exact),
            slo: spec.slo,
            ceiling: priority.ceiling(),
            workers,
            warm: None,
        }
    }

    /// What is known of a target, for this request.
    #[must_use]
    pub fn inputs(&self, policy: &Policy, target: TargetId, measured: &TargetScore) -> Inputs {
        let estimate = self.estimate;
        let spec = policy.target(target);
        let price = spec.and_then(|t| t.price.as_ref());
        let provider = spec.and_then(|t| policy.provider(t.provider));
        let (cached_tokens, permille) = self.cached(target, provider);
        let written_tokens = self.written(policy, target, provider);
        let cost = |price: &Price| {
            let tokens = (estimate.input_tokens, estimate.output_tokens);
            let whole = price.exact_cost_with(tokens, (cached_tokens, permille));
            let more = price.exact_write_cost(estimate.input_tokens, written_tokens);
            PicoUsd(whole.0.saturating_add(more.0))
        };
        Inputs {
            cost: price.map(cost),
            cached_tokens,
            latency_ms: measured
                .ttft_ms
                .map(|ttft| latency_ms(ttft, measured, estimate)),
            failure_rate: measured.failure_rate,
            utilisation: utilisation(policy, target, measured, self.workers),
            certifications: provider.map_or(0, |p| p.certifications),
        }
    }

    /// Of its prompt's tokens those that a target has cached, and what one costs in thousandths where its
    /// price does not say.
    fn cached(&self, target: TargetId, provider: Option<&ProviderSpec>) -> (u64, u32) {
        let warm = self.warm.filter(|warm| warm.target == target);
        let cache = provider.and_then(|p| PromptCache::of(p.kind));
        match (warm, cache) {
            (Some(warm), Some(cache)) => {
                let tokens = u64::from(warm.tokens).min(self.estimate.input_tokens);
                (tokens, cache.price_permille)
            }
            (_, _) => (0, 1_000),
        }
    }

    /// Of its prompt's tokens those that a cold target would be asked to write to its cache: what the
    /// client marks where its conversation is warm, it marks elsewhere, too.
    fn written(&self, policy: &Policy, target: TargetId, provider: Option<&ProviderSpec>) -> u64 {
        let Some(warm) = self.warm.filter(|warm| warm.target != target) else {
            return 0;
        };
        let spec = policy.target(warm.target);
        let there = spec.and_then(|t| policy.provider(t.provider));
        let is_marked = |provider: Option<&ProviderSpec>| {
            let cache = provider.and_then(|p| PromptCache::of(p.kind));
            cache.is_some_and(|cache| cache.unasked_tokens.is_none())
        };
        match is_marked(there) && is_marked(provider) {
            true => u64::from(warm.tokens).min(self.estimate.input_tokens),
            false => 0,
        }
    }

    /// The terms that come of the inputs.
    #[must_use]
    pub fn terms(&self, inputs: &Inputs) -> Terms {
        let held = f32::from(inputs.certifications);
        Terms {
            cost: cheapness(inputs.cost, self.cost),
            performance: inputs.latency_ms.map_or(UNKNOWN, |ms| {
                let squared = (ms.max(0.0) / self.slo.latency_ms).powi(2);
                1.0 / (1.0 + squared * squared)
            }),
            // What keeps the promise with room to spare is not told apart by how well it is known.
            reliability: inputs.failure_rate.map_or(UNKNOWN, |rate| {
                1.0 / (1.0 + (rate.max(0.0) / self.slo.failure_rate).powi(2))
            }),
            load: 1.0 - (inputs.utilisation / self.ceiling).clamp(0.0, 1.0).powi(2),
            compliance: held / (held + 2.0),
        }
    }
}

impl Terms {
    /// The weighted sum; compared only with sums of the same weights.
    #[must_use]
    pub fn weighed(&self, weights: &Weights) -> f32 {
        weights.cost * self.cost
            + weights.performance * self.performance
            + weights.reliability * self.reliability
            + weights.load * self.load
            + weights.compliance * self.compliance
    }
}

/// The first token at P95, then the rest of a long answer at the mean pace.
#[expect(clippy::cast_precision_loss, reason = "an estimate of milliseconds")]
fn latency_ms(ttft_ms: f32, measured: &TargetScore, estimate: Estimate) -> f32 {
    let after_first = estimate.long_output_tokens.saturating_sub(1) as f32;
    ttft_ms + measured.tpot_ms.unwrap_or(0.0) * after_first
}

/// An unknown price counts as the reference, never as cheap.
#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio of sums of money needs no 64 bits"
)]
fn cheapness(cost: Option<PicoUsd>, reference: Option<PicoUsd>) -> f32 {
    match (cost, reference) {
        (Some(cost), Some(reference)) if reference.0 > 0 => {
            (1.0 - cost.0 as f32 / reference.0 as f32).clamp(0.0, 1.0)
        }
        (Some(_), _) => 1.0,
        (None, _) => 0.0,
    }
}

/// What the sidecar last saw in flight is a second old, and feedback that late makes a pendulum. What
/// this worker has in flight is known at once; taken for all workers, it outweighs the delay.
#[expect(clippy::cast_precision_loss, reason = "request counts fit")]
fn utilisation(policy: &Policy, target: TargetId, measured: &TargetScore, workers: u16) -> f32 {
    let Some(provider) = policy.target(target).map(|t| t.provider) else {
        return 0.0;
    };
    let takes = policy
        .provider(provider)
        .map_or(1, |p| p.max_in_flight.max(1));
    let own = policy.in_flight(provider) as f32 / takes as f32;
    let all = own * f32::from(workers.max(1));
    let in_flight = measured.utilisation.map_or(all, |seen| (seen + all) / 2.0);
    in_flight.max(own).max(measured.metered.unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(slo: Slo) -> References {
        References {
            estimate: Estimate {
                input_tokens: 10,
                output_tokens: 10,
                long_output_tokens: 101,
            },
            cost: Some(PicoUsd(1_000)),
            slo,
            ceiling: 1.0,
            workers: 1,
            warm: None,
        }
    }

    #[test]
    fn each_term_has_its_reference() {
        let slo = Slo {
            latency_ms: 2_000.0,
            failure_rate: 0.01,
        };
        let at = |cost, latency_ms, failure_rate| {
            references(slo).terms(&Inputs {
                cost,
                cached_tokens: 0,
                latency_ms,
                failure_rate,
                utilisation: 0.25,
                certifications: 2,
            })
        };
        let reference = at(Some(PicoUsd(1_000)), Some(2_000.0), Some(0.01));
        let expected = Terms {
            cost: 0.0,
            performance: 0.5,
            reliability: 0.5,
            load: 0.9375,
            compliance: 0.5,
        };
        assert_eq!(reference, expected);
        let good = at(Some(PicoUsd(300)), Some(500.0), Some(0.0));
        assert!((good.cost - 0.7).abs() < 1e-6);
        assert!(good.performance > 0.99 && good.reliability == 1.0);
        let unknown = at(None, None, None);
        assert_eq!(unknown.cost, 0.0, "an unknown price is never cheap");
        assert_eq!((unknown.performance, unknown.reliability), (0.5, 0.5));
        assert_eq!(at(Some(PicoUsd(5_000)), None, None).cost, 0.0);
    }

    #[test]
    fn the_request_bounds_what_was_learnt_of_others() {
        let learnt = ModelScore {
            output_tokens: Some(30),
            long_output_tokens: Some(200),
        };
        let tokens = |max_output_tokens, learnt: Option<&ModelScore>| {
            let needs = Needs {
                max_output_tokens,
                ..Needs::default()
            };
            let estimate = Estimate::of(&needs, learnt);
            (estimate.output_tokens, estimate.long_output_tokens)
        };
        assert_eq!(tokens(None, None), (256, 256));
        assert_eq!(tokens(None, Some(&learnt)), (30, 200));
        assert_eq!(tokens(Some(100), Some(&learnt)), (30, 100));
        assert_eq!(tokens(Some(10), Some(&learnt)), (10, 10));
    }
}
