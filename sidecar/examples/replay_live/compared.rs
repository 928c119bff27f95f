//! The simulation and Envoy side by side.

use std::collections::BTreeMap;

use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::Record;
use ark_gateway_core::snapshot::Snapshot;
use ark_sidecar::replay::load::Load;
use ark_sidecar::replay::run::seconds;
use ark_sidecar::replay::tally::{Class, Tally};
use serde::Serialize;

use crate::tee::Heard;

/// Largest difference in cost, as a share of the simulation's.
const COST_TOLERANCE: f64 = 0.05;

/// One figure of both.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Pair {
    simulated: f64,
    live: f64,
}

/// Some requests in both.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    requests: u64,
    cost_usd: Pair,
    /// The live cost less the simulated one, as a share of that.
    cost_difference: f64,
    availability: Pair,
    retries: Pair,
    slo_misses: Pair,
    latency_p95_ms: Pair,
}

/// All that is compared.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Compared {
    span_s: f64,
    overall: Row,
    priorities: BTreeMap<&'static str, Row>,
    /// Shares of first choices.
    shares: BTreeMap<String, Pair>,
    /// Answers whose record has no cost.
    unpriced: usize,
    /// Decisions that the records tell of.
    decisions: usize,
    /// Those that came out the same when they were made again from their records.
    reproduced: usize,
}

impl Compared {
    pub(crate) fn new(
        (load, snapshot): (&Load, &Snapshot),
        (simulated, live): (&Tally, &Tally),
        heard: &Heard,
    ) -> Result<Self, String> {
        let classes = simulated.classes.iter().zip(&live.classes);
        let named = Priority::ALL.iter().zip(classes);
        let counts = [simulated, live].map(|tally| choices(tally, snapshot));
        let [ours, theirs] = &counts;
        let (reproduced, decisions) = heard.reproduced()?;
        let is_unpriced = |r: &&Record| r.status == 200 && r.cost.is_none();
        Ok(Self {
            span_s: seconds(load.span()),
            overall: Row::new(&simulated.overall(), &live.overall()),
            priorities: named
                .map(|(priority, (a, b))| (priority.as_str(), Row::new(a, b)))
                .collect(),
            shares: ours
                .iter()
                .map(|(name, share)| {
                    let live = theirs.get(name).copied().unwrap_or(0.0);
                    let simulated = *share;
                    (name.clone(), Pair { simulated, live })
                })
                .collect(),
            unpriced: heard.records.iter().filter(is_unpriced).count(),
            decisions,
            reproduced,
        })
    }

    #[expect(clippy::print_stdout, reason = "its report")]
    pub(crate) fn show(&self, rate: f64) {
        println!(
            "{} requests in {:.0} s, {rate} times faster than they were\n",
            self.overall.requests, self.span_s
        );
        println!(
            "| | requests | cost USD: simulated | Envoy | difference | answered: simulated | Envoy \
             | retries: simulated | Envoy | SLO misses: simulated | Envoy |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        self.overall.show("all");
        for name in ["critical", "standard", "batch"] {
            if let Some(row) = self.priorities.get(name) {
                row.show(name);
            }
        }
        println!(
            "\n{} of {} decisions made again from their records with the same order",
            self.reproduced, self.decisions
        );
        println!("\n| first choices | simulated | Envoy |\n|---|---:|---:|");
        for (name, pair) in &self.shares {
            println!(
                "| {name} | {:.1} % | {:.1} % |",
                pair.simulated * 100.0,
                pair.live * 100.0
            );
        }
    }

    /// # Errors
    /// The two do not agree; in a drill their costs need not.
    pub(crate) fn verdict(&self, is_drill: bool) -> Result<(), String> {
        if self.unpriced > 0 {
            return Err(format!("{} answers have no cost", self.unpriced));
        }
        if self.reproduced < self.decisions {
            let other = self.decisions - self.reproduced;
            return Err(format!(
                "{other} decisions cannot be made again from their records"
            ));
        }
        let difference = self.overall.cost_difference;
        if !is_drill && difference.abs() > COST_TOLERANCE {
            return Err(format!(
                "the costs differ by {:.2} %, more than {:.0} %",
                difference * 100.0,
                COST_TOLERANCE * 100.0
            ));
        }
        Ok(())
    }
}

impl Row {
    fn new(simulated: &Class, live: &Class) -> Self {
        let pair = |figure: &dyn Fn(&Class) -> f64| Pair {
            simulated: figure(simulated),
            live: figure(live),
        };
        let cost_usd = pair(&|class| number(class.cost.0) / 1e6);
        Self {
            requests: live.requests,
            cost_difference: cost_usd.live / cost_usd.simulated.max(f64::MIN_POSITIVE) - 1.0,
            cost_usd,
            availability: pair(&Class::availability),
            retries: pair(&|class| number(class.attempts.saturating_sub(class.requests))),
            slo_misses: pair(&|class| number(class.misses)),
            latency_p95_ms: pair(&|class| class.latency.quantile_ms(0.95).map_or(0.0, f64::from)),
        }
    }

    #[expect(clippy::print_stdout, reason = "its report")]
    fn show(&self, name: &str) {
        println!(
            "| {name} | {} | {:.4} | {:.4} | {:+.2} % | {:.3} % | {:.3} % | {} | {} | {} | {} |",
            self.requests,
            self.cost_usd.simulated,
            self.cost_usd.live,
            self.cost_difference * 100.0,
            self.availability.simulated * 100.0,
            self.availability.live * 100.0,
            self.retries.simulated,
            self.retries.live,
            self.slo_misses.simulated,
            self.slo_misses.live,
        );
    }
}

fn choices(tally: &Tally, snapshot: &Snapshot) -> BTreeMap<String, f64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for slot in &tally.slots {
        for (target, count) in snapshot.targets.iter().zip(&slot.first) {
            let provider = snapshot.providers.get(usize::from(target.provider.0));
            let name = provider.map_or_else(String::new, |p| p.name.clone());
            *counts.entry(name).or_default() += u64::from(*count);
        }
    }
    let all = counts.values().sum::<u64>().max(1);
    let share = |(name, count)| (name, number(count) / number(all));
    counts.into_iter().map(share).collect()
}

#[allow(clippy::cast_precision_loss, reason = "figures for people")]
fn number(n: u64) -> f64 {
    n as f64
}
