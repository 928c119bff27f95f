//! From what was measured to what the filter is told: the terms of the score, one target at a time.

use ark_gateway_core::circuit::{Cause, Circuit};
use ark_gateway_core::score::{ModelScore, TargetScore};
use serde::Serialize;

use crate::Ms;
use crate::bounds::wilson;
use crate::memory::Memory;
use crate::verdicts;
use crate::window::{SPAN_S, View, Window};

/// Successes that every target is believed to have had before it is measured, so that one failure
/// of one attempt is not all that is known.
const PRIOR_SUCCESSES: f32 = 2_000.0;
/// Standard deviations of the failure rate's bounds: what a target has to bear for few samples.
const CAREFUL: f32 = 1.0;
/// Standard deviations by which the last seconds must prove that they are worse.
const CERTAIN: f32 = 1.64;
/// The span that decides when it has samples, seconds; otherwise the whole window does.
const SCORE_SPAN_S: u64 = 10;
/// The span whose failures count at once, before the longer one has been outweighed, seconds.
const RECENT_SPAN_S: u64 = 3;
/// Fewest samples of a span for its P95 to mean anything.
const LEAST_SAMPLES: u64 = 20;
/// Age of the newest attempt after which a target may have changed unseen, milliseconds.
const STALE_MS: Ms = 5_000;
/// So many times the median of the last answers is a past that says nothing of now: far more than what
/// lies between the median and the P95 of one distribution.
const SLOW_PAST: f32 = 3.0;
/// Probes per second that a half-open circuit, or a target that may have recovered, should get: enough in
/// ten seconds to be judged by.
const PROBES_PER_S: f32 = 3.0;
/// Share of all requests that explore by the defaults of `ark.yaml`.
const USUAL_EXPLORATION: f32 = 0.02;
/// Most that exploration is multiplied with for probes.
const MOST_PROBING: f32 = 5.0;
/// Answers after which a target is known, however long ago they were.
const SEEN_ANSWERS: u32 = 5;
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
    /// How much of its provider's rate limits is used up, see [`crate::meter`].
    pub metered: f32,
    /// Attempts per second of all targets of its models.
    pub rate_per_s: f32,
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
    let memory = inputs.window.map(Window::memory);
    let tpot_ms = decisive
        .tpot_ms()
        .or_else(|| memory.and_then(Memory::tpot_ms));
    let circuit = inputs
        .window
        .map_or(Circuit::Closed, |w| w.breaker().circuit(now));
    let in_flight = counted(gauges, inputs.provider_waiting)
        .map(|(count, _)| ratio(count, u64::from(inputs.max_in_flight.max(1))));
    let metered = (inputs.metered > 0.0).then_some(inputs.metered);
    let is_probed = circuit == Circuit::HalfOpen
        || (circuit == Circuit::Closed && has_recovered(&decisive, memory));
    let explore = match circuit {
        Circuit::Open => 0.0,
        Circuit::HalfOpen | Circuit::Closed => explore(inputs, &decisive, is_probed, now),
    };
    let hoped = |value: Option<f32>| value.filter(|_| explore > 0.0);
    TargetScore {
        failure_rate: failure_rate(&decisive, &recent, inputs, now),
        hoped_failure_rate: hoped(memory.and_then(|m| bound(m.judged(now), -CAREFUL))),
        hoped_ttft_ms: hoped(memory.and_then(|m| m.ttft_ms(0.5))),
        ttft_ms: ttft_ms(decisive, [&recent, &view(SPAN_S)], inputs),
        tpot_ms,
        utilisation: in_flight,
        metered,
        unavailable: gauges.is_some_and(|g| g.total > 0 && g.healthy == 0),
        circuit,
        explore,
        unseen: explore > 0.0 && memory.is_none_or(|m| m.answers() < SEEN_ANSWERS),
    }
}

/// Whether the few answers of the last seconds are far faster than what it is judged by for want of more:
/// the P95 of minutes in which it was slow. Without more it would be kept away until those fade.
fn has_recovered(decisive: &View, memory: Option<&Memory>) -> bool {
    let median = decisive.ttft.quantile_ms(0.5);
    let usual = memory.and_then(|m| m.ttft_ms(0.95));
    let is_few = decisive.ttft.len() < LEAST_SAMPLES;
    matches!((median, usual), (Some(median), Some(usual)) if is_few && usual > median * SLOW_PAST)
}

/// How much a target should be explored: not at all while its data is fresh and there is enough of it,
/// as much as the operator allows when not, and more when it waits for a few probes.
fn explore(inputs: &Inputs<'_>, decisive: &View, is_probed: bool, now: Ms) -> f32 {
    if is_probed {
        let usual = inputs.rate_per_s * USUAL_EXPLORATION;
        return (PROBES_PER_S / usual.max(f32::MIN_POSITIVE)).min(MOST_PROBING);
    }
    let newest = decisive.newest;
    let is_fresh = newest.is_some_and(|at| now.saturating_sub(at) < STALE_MS);
    let is_enough = decisive.ttft.len() >= LEAST_SAMPLES;
    let is_asked = !inputs.waiting_ms.is_empty();
    if is_asked || (is_fresh && is_enough) {
        0.0
    } else {
        1.0
    }
}

fn fresh(gauges: Option<Gauges>, now: Ms) -> Option<Gauges> {
    gauges.filter(|g| now.saturating_sub(g.at) <= GAUGE_MAX_AGE_MS)
}

/// Requests in flight at a provider, by Envoy's gauges where those are fresh, else by what waits.
#[must_use]
pub fn in_flight(gauges: Option<Gauges>, waiting: Option<u64>, now: Ms) -> Option<u64> {
    counted(fresh(gauges, now), waiting).map(|(count, _)| count)
}

fn counted(gauges: Option<Gauges>, waiting: Option<u64>) -> Option<(u64, &'static str)> {
    gauges
        .map(|g| (g.active, "envoy"))
        .or_else(|| waiting.map(|count| (count, "workers")))
}

/// P95 of the time to the first byte: the worse of the last seconds and the last ten, where those have
/// enough samples. Of few, their median is held against the P95 of the minutes before, which gives way
/// to that of the whole window as that fills.
fn ttft_ms(mut decisive: View, [recent, whole]: [&View; 2], inputs: &Inputs<'_>) -> Option<f32> {
    let memory = inputs.window.map(Window::memory);
    let usual = memory.and_then(|m| m.ttft_ms(0.95));
    decisive.add_waiting(inputs.waiting_ms);
    let ten = decisive.ttft.quantile_ms(0.95);
    match (ten, usual) {
        (Some(ten), _) if decisive.ttft.len() >= LEAST_SAMPLES => {
            let enough = recent.ttft.len() >= LEAST_SAMPLES;
            let mut recent = recent.clone();
            recent.add_waiting(inputs.waiting_ms);
            let short = recent.ttft.quantile_ms(0.95);
            Some(short.filter(|_| enough).map_or(ten, |short| short.max(ten)))
        }
        (_, Some(usual)) => {
            let known = ratio(whole.ttft.len().min(LEAST_SAMPLES), LEAST_SAMPLES);
            let latest = whole.ttft.quantile_ms(0.95).unwrap_or(usual);
            let blended = usual + (latest - usual) * known;
            let median = decisive.ttft.quantile_ms(0.5);
            Some(median.map_or(blended, |median| median.max(blended)))
        }
        (ten, None) => ten,
    }
}

/// The upper bound of what is remembered, or what the last seconds prove to be worse. That little is known
/// is no failure: see [`bounded`].
fn failure_rate(decisive: &View, recent: &View, inputs: &Inputs<'_>, now: Ms) -> Option<f32> {
    let memory = inputs.window.map(|w| w.memory().judged(now));
    let stable = memory.and_then(bounded);
    let proved = |view: &View| {
        let (faults, judged) = (view.verdicts.faults(), view.verdicts.judged());
        (faults > 0).then(|| wilson(count(faults), count(judged), -CERTAIN))
    };
    // A sibling's lost connections say something, a sibling's successes do not.
    let provider = inputs.reachability;
    let shared = (provider.faults > 0)
        .then(|| wilson(count(provider.faults), count(provider.judged), -CERTAIN));
    let all = [stable, proved(decisive), proved(recent), shared];
    all.into_iter().flatten().reduce(f32::max)
}

/// The upper bound of the failure rate, less what it would be had nothing failed. The bound alone falls with
/// every success, so that of two that never fail the busier one would seem the better, be asked more for
/// that, and draw all of the load. So doubt counts where failures give a reason for it: without any this is
/// 0, and the more of them in as many attempts, or in fewer, the more it is.
fn bounded((judged, faults): (f32, f32)) -> Option<f32> {
    let upper = bound((judged, faults), CAREFUL)?;
    Some((upper - bound((judged, 0.0), CAREFUL)?).max(0.0))
}

/// A bound of the failure rate with the prior; `None` when nothing was judged.
fn bound((judged, faults): (f32, f32), z: f32) -> Option<f32> {
    (judged >= 0.5).then(|| wilson(faults, judged + PRIOR_SUCCESSES, z))
}

#[allow(clippy::cast_precision_loss, reason = "counts of seconds")]
fn count(n: u64) -> f32 {
    n as f32
}

#[allow(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn ratio(part: u64, whole: u64) -> f32 {
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
        || moved(old.metered, new.metered, 0.05, 0.02)
        || moved(old.hoped_ttft_ms, new.hoped_ttft_ms, 0.1, 1.0)
        || moved(old.hoped_failure_rate, new.hoped_failure_rate, 0.2, 0.001)
        || moved(Some(old.explore), Some(new.explore), 0.2, 0.0)
        || old.unavailable != new.unavailable
        || old.circuit != new.circuit
        || old.unseen != new.unseen
}

/// Whether a model's answers have become longer or shorter by more than a tenth.
#[must_use]
pub fn lengths_differ(old: ModelScore, new: ModelScore) -> bool {
    let moved = |old: Option<u32>, new: Option<u32>| match (old, new) {
        (Some(old), Some(new)) => old.abs_diff(new) > old / 10 + 1,
        (old, new) => old != new,
    };
    moved(old.output_tokens, new.output_tokens)
        || moved(old.long_output_tokens, new.long_output_tokens)
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
    /// How much of its provider's rate limits is used up.
    pub metered: f32,
    /// What opened its circuit, while that is not closed.
    pub circuit_opened_by: Option<Cause>,
    /// Attempts that are remembered for minutes, fading: judged ones and of them the failed.
    pub remembered: (f32, f32),
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
        in_flight: counted(fresh(inputs.gauges, now), inputs.provider_waiting).map(
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
        metered: inputs.metered,
        circuit_opened_by: inputs
            .window
            .filter(|w| w.breaker().circuit(now) != Circuit::Closed)
            .and_then(|w| w.breaker().cause()),
        remembered: inputs.window.map_or((0.0, 0.0), |w| w.memory().judged(now)),
    }
}

#[cfg(test)]
mod tests;
