//! From what was measured to what the filter is told: the terms of the score, one target at a time.

use ark_gateway_core::score::TargetScore;
use serde::Serialize;

use crate::Ms;
use crate::verdicts;
use crate::window::{SPAN_S, View, Window};

/// Successes that every target is believed to have had before it is measured, so that one failure
/// of one attempt is 5 % and not 100 %.
const PRIOR_SUCCESSES: f32 = 20.0;
/// The span that decides when it has samples, seconds; otherwise the whole window does.
const SCORE_SPAN_S: u64 = 10;
/// The span whose failures count at once, before the longer one has been outweighed, seconds.
const RECENT_SPAN_S: u64 = 3;
/// Fewest samples of the recent span for its P95 to mean anything.
const RECENT_SAMPLES: u64 = 20;
/// Age after which Envoy's gauges are not believed, milliseconds.
const GAUGE_MAX_AGE_MS: Ms = 3_500;

/// What Envoy says of a provider's cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Requests in flight.
    pub active: u64,
    /// Hosts that may be used.
    pub healthy: u64,
    /// All hosts.
    pub total: u64,
    /// When it was read.
    pub at: Ms,
}

/// Attempts of the whole provider, whatever the model, in the last 10 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reachability {
    /// Attempts that say something about the provider.
    pub judged: u64,
    /// Of them those that found no provider at all, or one that refuses our credential.
    pub faults: u64,
}

/// What is known of one target.
pub struct Inputs<'a> {
    /// Its finished attempts.
    pub window: Option<&'a Window>,
    /// Ages of its attempts that wait for their first byte, milliseconds.
    pub waiting_ms: &'a [u32],
    /// Attempts of the whole provider that wait, by the workers' word; `None` without a live worker.
    pub provider_waiting: Option<u64>,
    /// What Envoy says of its provider.
    pub gauges: Option<Gauges>,
    /// What its provider did as a whole.
    pub reachability: Reachability,
    /// What its provider takes.
    pub max_in_flight: u32,
}

/// Judges one target.
#[must_use]
pub fn assess(inputs: &Inputs<'_>, now: Ms) -> TargetScore {
    let view = |span| match inputs.window {
        Some(window) => window.view(now, span),
        None => View::default(),
    };
    let gauges = fresh(inputs.gauges, now);
    let mut decisive = view(SCORE_SPAN_S);
    if decisive.newest.is_none() && inputs.waiting_ms.is_empty() {
        decisive = view(SPAN_S);
    }
    let recent = view(RECENT_SPAN_S);
    let tpot_ms = decisive.tpot_ms().or_else(|| view(SPAN_S).tpot_ms());
    TargetScore {
        failure_rate: failure_rate(&decisive, &recent, inputs.reachability),
        ttft_ms: ttft_ms(decisive, recent, inputs.waiting_ms),
        tpot_ms,
        utilisation: in_flight(gauges, inputs.provider_waiting)
            .map(|(count, _)| ratio(count, u64::from(inputs.max_in_flight.max(1)))),
        unavailable: gauges.is_some_and(|g| g.total > 0 && g.healthy == 0),
    }
}

fn fresh(gauges: Option<Gauges>, now: Ms) -> Option<Gauges> {
    gauges.filter(|g| now.saturating_sub(g.at) <= GAUGE_MAX_AGE_MS)
}

fn in_flight(gauges: Option<Gauges>, waiting: Option<u64>) -> Option<(u64, &'static str)> {
    gauges
        .map(|g| (g.active, "envoy"))
        .or_else(|| waiting.map(|count| (count, "workers")))
}

fn ttft_ms(mut decisive: View, recent: View, waiting_ms: &[u32]) -> Option<f32> {
    decisive.add_waiting(waiting_ms);
    let long = decisive.ttft.quantile_ms(0.95);
    let short = recent.ttft.quantile_ms(0.95);
    match (long, short) {
        (Some(long), Some(short)) if recent.ttft.len() >= RECENT_SAMPLES => Some(long.max(short)),
        _ => long,
    }
}

fn failure_rate(decisive: &View, recent: &View, provider: Reachability) -> Option<f32> {
    let own = [decisive, recent]
        .into_iter()
        .filter(|view| view.verdicts.judged() > 0)
        .map(|view| with_prior(view.verdicts.faults(), view.verdicts.judged()))
        .reduce(f32::max);
    // A sibling's lost connections say something, a sibling's successes do not.
    let shared = (provider.faults > 0).then(|| with_prior(provider.faults, provider.judged));
    match (own, shared) {
        (Some(own), Some(shared)) => Some(own.max(shared)),
        (own, shared) => own.or(shared),
    }
}

#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn with_prior(faults: u64, judged: u64) -> f32 {
    faults as f32 / (judged as f32 + PRIOR_SUCCESSES)
}

#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn ratio(part: u64, whole: u64) -> f32 {
    part as f32 / whole as f32
}

/// Whether `new` says something else than `old`, beyond the noise of measuring.
#[must_use]
pub fn differs(old: &TargetScore, new: &TargetScore) -> bool {
    let moved = |old: Option<f32>, new: Option<f32>, share: f32, floor: f32| match (old, new) {
        (None, None) => false,
        (Some(old), Some(new)) => (old - new).abs() > (old.abs() * share).max(floor),
        (Some(_), None) | (None, Some(_)) => true,
    };
    moved(old.ttft_ms, new.ttft_ms, 0.06, 1.0)
        || moved(old.tpot_ms, new.tpot_ms, 0.06, 0.2)
        || moved(old.failure_rate, new.failure_rate, 0.1, 0.0005)
        || moved(old.utilisation, new.utilisation, 0.05, 0.02)
        || old.unavailable != new.unavailable
}

/// One target as `/v1/scores` shows it: what was measured, how old it is, what came of it.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// What the filter was last told.
    pub told: TargetScore,
    /// Finished attempts of the last 30 s.
    pub attempts: Attempts,
    /// Time to first byte over the last 30 s, milliseconds.
    pub ttft_ms: Quantiles,
    /// Total time of successful attempts over the last 30 s, milliseconds.
    pub latency_ms: Quantiles,
    /// Completion tokens per second, mean over the last 30 s.
    pub tokens_per_second: f32,
    /// Time per output token after the first, milliseconds.
    pub tpot_ms: Option<f32>,
    /// Attempts that wait for their first byte now.
    pub waiting: usize,
    /// Requests in flight at the provider.
    pub in_flight: Option<InFlight>,
    /// Envoy's hosts of the provider.
    pub hosts: Option<Hosts>,
    /// Age of the newest finished attempt; `None` without one.
    pub newest_attempt_age_ms: Option<Ms>,
}

/// Counts of finished attempts.
#[derive(Debug, Serialize)]
pub struct Attempts {
    /// All that say something about the provider.
    pub judged: u64,
    /// Share of them that did not fail by its fault.
    pub success_share: Option<f32>,
    /// Counts by verdict, those that occurred.
    pub by_verdict: std::collections::BTreeMap<&'static str, u64>,
}

/// Quantiles of a duration.
#[derive(Debug, Serialize)]
pub struct Quantiles {
    /// Samples.
    pub count: u64,
    /// Median.
    pub p50: Option<f32>,
    /// 95th percentile.
    pub p95: Option<f32>,
    /// 99th percentile.
    pub p99: Option<f32>,
}

/// Requests in flight.
#[derive(Debug, Serialize)]
pub struct InFlight {
    /// How many.
    pub count: u64,
    /// What the provider takes.
    pub limit: u32,
    /// Who says so: `envoy` or `workers`.
    pub source: &'static str,
}

/// Envoy's hosts of a provider.
#[derive(Debug, Serialize)]
pub struct Hosts {
    /// Those that may be used.
    pub healthy: u64,
    /// All.
    pub total: u64,
    /// Age of the reading.
    pub age_ms: Ms,
    /// Too old to be used.
    pub stale: bool,
}

/// Explains a target: `told` with what it came from.
#[must_use]
pub fn explain(inputs: &Inputs<'_>, told: TargetScore, now: Ms) -> Explained {
    let view = inputs
        .window
        .map(|w| w.view(now, SPAN_S))
        .unwrap_or_default();
    let judged = view.verdicts.judged();
    let quantiles = |h: &crate::histogram::Histogram| Quantiles {
        count: h.len(),
        p50: h.quantile_ms(0.5),
        p95: h.quantile_ms(0.95),
        p99: h.quantile_ms(0.99),
    };
    Explained {
        told,
        attempts: Attempts {
            judged,
            success_share: (judged > 0).then(|| 1.0 - ratio(view.verdicts.faults(), judged)),
            by_verdict: view
                .verdicts
                .iter()
                .filter(|(_, count)| *count > 0)
                .map(|(verdict, count)| (verdicts::name(verdict), count))
                .collect(),
        },
        ttft_ms: quantiles(&view.ttft),
        latency_ms: quantiles(&view.latency),
        tokens_per_second: ratio(view.output_tokens, SPAN_S),
        tpot_ms: view.tpot_ms(),
        waiting: inputs.waiting_ms.len(),
        in_flight: in_flight(fresh(inputs.gauges, now), inputs.provider_waiting).map(
            |(count, source)| InFlight {
                count,
                limit: inputs.max_in_flight,
                source,
            },
        ),
        hosts: inputs.gauges.map(|g| Hosts {
            healthy: g.healthy,
            total: g.total,
            age_ms: now.saturating_sub(g.at),
            stale: fresh(Some(g), now).is_none(),
        }),
        newest_attempt_age_ms: view.newest.map(|newest| now.saturating_sub(newest)),
    }
}

#[cfg(test)]
mod tests;
