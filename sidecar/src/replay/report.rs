//! What a replay has shown: figures for people and for programs.

use std::collections::BTreeMap;

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::priority::Priority;
use serde::Serialize;

use super::baseline::Way;
use super::race::Hedges;
use super::run::{Kind, Run, seconds};
use super::tally::{Class, Slot, share};
use crate::histogram::Histogram;

/// A whole replay.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The trace's file.
    pub trace: String,
    /// Of everything random.
    pub seed: u64,
    /// Requests of each run.
    pub requests: u64,
    /// Simulated time, seconds.
    pub span_s: f64,
    /// Envoy workers.
    pub workers: usize,
    /// Length of a slot of the time lines, seconds.
    pub slot_s: f64,
    /// Policies first, then baselines.
    pub runs: Vec<RunReport>,
    /// The first policy against others.
    pub findings: Option<Findings>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// What chose.
    pub name: String,
    /// `policy`, `baseline` or `oracle`.
    pub kind: &'static str,
    /// All priorities together.
    pub overall: ClassReport,
    /// By priority.
    pub priorities: BTreeMap<&'static str, ClassReport>,
    /// How often the leading target changed within ten seconds.
    pub switches: u64,
    /// See [`super::tally::Tally::oscillation`].
    pub oscillation: f64,
    /// Cost above the oracle's, as a share of it; `None` without an oracle.
    pub cost_regret: Option<f64>,
    /// SLO misses above the oracle's.
    pub miss_regret: Option<i64>,
    /// What hedges did; `None` where no request was ready to hedge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedges: Option<Hedges>,
    /// The provider of each target.
    pub providers: Vec<String>,
    /// Share of first choices by provider.
    pub shares: BTreeMap<String, f64>,
    /// The time line.
    pub slots: Vec<Slot>,
}

/// Figures of some requests.
#[derive(Clone, Debug, Serialize)]
pub struct ClassReport {
    /// Requests.
    pub requests: u64,
    /// What they cost.
    pub cost_micro_usd: MicroUsd,
    /// Requests whose client got an error.
    pub errors: u64,
    /// Share of requests whose client got an answer.
    pub availability: f64,
    /// Requests with an error or a latency over the SLO.
    pub slo_misses: u64,
    /// Their share.
    pub slo_miss_share: f64,
    /// Requests with an error, or in five minutes whose P95 latency was over the SLO.
    pub slo_breaches: u64,
    /// Time to the first token as clients see it, milliseconds.
    pub ttft_ms: Quantiles,
    /// Latency as clients see it, milliseconds.
    pub latency_ms: Quantiles,
    /// Attempts that were answered with 429.
    pub limited: u64,
    /// Attempts.
    pub attempts: u64,
}

/// Quantiles of a duration.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: Option<f32>,
    /// 95th percentile.
    pub p95: Option<f32>,
    /// 99th percentile.
    pub p99: Option<f32>,
}

/// The first policy against the baselines.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// The provider that everything goes to in the comparison: the operator's first.
    pub single: String,
    /// Share of its cost that the policy saves.
    pub cost_saved: f64,
    /// Share of the cost of batch that it saves.
    pub batch_cost_saved: f64,
    /// The same shares of the cost of one answer, as who refuses requests looks cheap.
    pub cost_per_answer_saved: f64,
    /// The same of batch.
    pub batch_cost_per_answer_saved: f64,
    /// Share that it saves of what the very answers that it gave cost at the operator's first target:
    /// which requests each of the two refuses does not blur it.
    pub cost_of_same_answers_saved: f64,
    /// The same of batch.
    pub batch_cost_of_same_answers_saved: f64,
    /// The same of batch if each answer were the cheapest target's: as much as prices allow.
    pub batch_cost_possible: f64,
    /// Share of the SLO misses of critical that it avoids.
    pub critical_misses_avoided: f64,
    /// The same of its breaches: errors, and all requests of five minutes whose P95 is over the SLO.
    pub critical_breaches_avoided: f64,
    /// The same share of critical misses that the oracle avoids: as much as can be done.
    pub oracle_critical_misses_avoided: Option<f64>,
    /// Of the critical misses that the oracle avoids, the share that the policy avoids.
    pub avoidable_critical_misses_avoided: Option<f64>,
    /// Share of requests whose client got an answer.
    pub availability: f64,
    /// The best baseline: the cheapest of those with no more SLO misses than the policy or, where
    /// there is none, the one with the fewest.
    pub best_baseline: String,
    /// Share of that one's cost that the policy saves.
    pub best_cost_saved: f64,
    /// That one's SLO misses less the policy's.
    pub best_misses_avoided: i64,
    /// Baselines that are no dearer and have no more SLO misses: none, if the policy is any good.
    pub beaten_by: Vec<String>,
}

impl Report {
    /// Puts the runs of a replay together.
    #[must_use]
    pub fn new(trace: String, seed: u64, workers: usize, span_s: f64, runs: &[Run]) -> Self {
        let oracle = runs
            .iter()
            .find(|run| run.kind == Kind::Baseline(Way::Oracle))
            .map(|run| run.tally.overall());
        let reports = runs.iter().map(|run| RunReport::new(run, oracle.as_ref()));
        let first = runs.first();
        Self {
            trace,
            seed,
            requests: first.map_or(0, |run| run.tally.overall().requests),
            span_s,
            workers,
            slot_s: first.map_or(0.0, |run| seconds(run.tally.slot_us())),
            runs: reports.collect(),
            findings: findings(runs),
        }
    }
}

impl RunReport {
    fn new(run: &Run, oracle: Option<&Class>) -> Self {
        let overall = run.tally.overall();
        let named = Priority::ALL.iter().zip(&run.tally.classes);
        Self {
            name: run.name.clone(),
            kind: match run.kind {
                Kind::Policy => "policy",
                Kind::Baseline(Way::Oracle) => "oracle",
                Kind::Baseline(_) => "baseline",
            },
            priorities: named
                .map(|(priority, class)| (priority.as_str(), ClassReport::new(class)))
                .collect(),
            switches: run.tally.switches(),
            oscillation: run.tally.oscillation(),
            cost_regret: oracle.map(|oracle| -saved(&overall, oracle)),
            miss_regret: oracle.map(|oracle| difference(overall.misses, oracle.misses)),
            overall: ClassReport::new(&overall),
            hedges: Some(run.tally.hedges).filter(|hedges| hedges.ready > 0),
            providers: run.providers.clone(),
            shares: shares(run),
            slots: run.tally.slots.clone(),
        }
    }
}

impl ClassReport {
    fn new(class: &Class) -> Self {
        Self {
            requests: class.requests,
            cost_micro_usd: class.cost,
            errors: class.errors,
            availability: class.availability(),
            slo_misses: class.misses,
            slo_miss_share: class.miss_share(),
            slo_breaches: class.breaches(),
            ttft_ms: Quantiles::of(&class.ttft),
            latency_ms: Quantiles::of(&class.latency),
            limited: class.limited,
            attempts: class.attempts,
        }
    }
}

impl Quantiles {
    fn of(histogram: &Histogram) -> Self {
        Self {
            p50: histogram.quantile_ms(0.5),
            p95: histogram.quantile_ms(0.95),
            p99: histogram.quantile_ms(0.99),
        }
    }
}

fn shares(run: &Run) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for slot in &run.tally.slots {
        for (provider, count) in run.providers.iter().zip(&slot.first) {
            *counts.entry(provider.clone()).or_default() += u64::from(*count);
        }
    }
    let all: u64 = counts.values().sum();
    counts
        .into_iter()
        .map(|(name, count)| (name, share(count, all)))
        .collect()
}

fn findings(runs: &[Run]) -> Option<Findings> {
    let policy = runs.iter().find(|run| run.kind == Kind::Policy)?;
    let single = runs
        .iter()
        .find(|run| run.kind == Kind::Baseline(Way::Only(0)))?;
    let baselines = || {
        runs.iter().filter(|run| match run.kind {
            Kind::Policy | Kind::Baseline(Way::Oracle) => false,
            Kind::Baseline(_) => true,
        })
    };
    let (ours, theirs) = (policy.tally.overall(), single.tally.overall());
    let key = |run: &&Run| {
        let all = run.tally.overall();
        let rest = all.misses.saturating_sub(ours.misses);
        (rest, all.cost)
    };
    let best = baselines().min_by_key(key)?;
    let best_all = best.tally.overall();
    let [critical, _, batch] = &policy.tally.classes;
    let [their_critical, _, their_batch] = &single.tally.classes;
    let beats = |run: &&Run| {
        let all = run.tally.overall();
        all.cost <= ours.cost && all.misses <= ours.misses
    };
    let oracle = runs
        .iter()
        .find(|run| run.kind == Kind::Baseline(Way::Oracle))
        .map(|run| run.tally.classes[0].misses);
    Some(Findings {
        single: single.name.clone(),
        cost_of_same_answers_saved: 1.0 - share(ours.cost.0, ours.listed.first.0),
        batch_cost_of_same_answers_saved: 1.0 - share(batch.cost.0, batch.listed.first.0),
        batch_cost_possible: 1.0 - share(batch.listed.least.0, batch.listed.first.0),
        cost_saved: saved(&ours, &theirs),
        batch_cost_saved: saved(batch, their_batch),
        cost_per_answer_saved: saved_per_answer(&ours, &theirs),
        batch_cost_per_answer_saved: saved_per_answer(batch, their_batch),
        critical_misses_avoided: 1.0 - share(critical.misses, their_critical.misses),
        critical_breaches_avoided: 1.0 - share(critical.breaches(), their_critical.breaches()),
        oracle_critical_misses_avoided: oracle
            .map(|misses| 1.0 - share(misses, their_critical.misses)),
        avoidable_critical_misses_avoided: oracle.map(|misses| {
            let avoidable = their_critical.misses.saturating_sub(misses);
            1.0 - share(critical.misses.saturating_sub(misses), avoidable)
        }),
        availability: ours.availability(),
        best_baseline: best.name.clone(),
        best_cost_saved: saved(&ours, &best_all),
        best_misses_avoided: difference(best_all.misses, ours.misses),
        beaten_by: baselines()
            .filter(beats)
            .map(|run| run.name.clone())
            .collect(),
    })
}

fn saved(ours: &Class, theirs: &Class) -> f64 {
    1.0 - share(ours.cost.0, theirs.cost.0)
}

fn saved_per_answer(ours: &Class, theirs: &Class) -> f64 {
    let each = |class: &Class| share(class.cost.0, class.requests - class.errors);
    1.0 - each(ours) / each(theirs).max(f64::MIN_POSITIVE)
}

fn difference(a: u64, b: u64) -> i64 {
    let size = i64::try_from(a.abs_diff(b)).unwrap_or(i64::MAX);
    if a >= b { size } else { -size }
}
