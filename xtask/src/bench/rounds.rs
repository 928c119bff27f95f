//! Interleaved rounds, and the figures that they leave.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bench::sample::{Sample, count, ratios};
use crate::bench::sides::{Side, Sides, TRANSLATED};
use crate::bench::workload::{self, Figure, Scale, Workload};
use crate::console;
use crate::failure::Outcome;

/// The side that all others are compared to.
const BASE: &str = "bare";

/// Requests after which a gateway's memory should have settled.
const MEMORY_REQUESTS: u64 = 100_000;

const MIB: f64 = 1024.0 * 1024.0;

/// Figures by measure and side, one per round.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// Measures in the order in which they came up.
    measures: Vec<Measure>,
}

/// One measure on all sides.
#[derive(Debug)]
pub(super) struct Measure {
    /// What was measured.
    pub(super) name: String,
    /// Its unit.
    pub(super) unit: &'static str,
    /// Figures by side, one per round.
    sides: BTreeMap<&'static str, Vec<f64>>,
}

impl Measure {
    /// The figures of a side.
    pub(super) fn sample(&self, side: &str) -> Option<Sample> {
        Sample::of(self.sides.get(side)?)
    }

    /// A side over bare Envoy, round by round.
    pub(super) fn ratio(&self, side: &str) -> Option<Sample> {
        self.ratio_to(side, BASE)
    }

    /// A side over another, round by round.
    pub(super) fn ratio_to(&self, side: &str, base: &str) -> Option<Sample> {
        Sample::of(&ratios(self.sides.get(side)?, self.sides.get(base)?))
    }

    /// A side less bare Envoy, round by round.
    pub(super) fn difference(&self, side: &str) -> Option<Sample> {
        let pairs = self.sides.get(side)?.iter().zip(self.sides.get(BASE)?);
        Sample::of(&pairs.map(|(one, base)| one - base).collect::<Vec<_>>())
    }

    fn document(&self) -> Value {
        let sides: serde_json::Map<String, Value> = self
            .sides
            .iter()
            .map(|(side, figures)| {
                let document = json!({
                    "figures": figures,
                    "summary": self.sample(side),
                    "ratio": (*side != BASE).then(|| self.ratio(side)).flatten(),
                    "ratio_to_ark": (*side == TRANSLATED)
                        .then(|| self.ratio_to(side, "ark"))
                        .flatten(),
                    "difference": (*side != BASE).then(|| self.difference(side)).flatten(),
                });
                ((*side).to_owned(), document)
            })
            .collect();
        json!({"name": self.name, "unit": self.unit, "sides": sides})
    }
}

impl Results {
    /// All measures.
    pub(super) fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// For the JSON file.
    pub(super) fn document(&self) -> Value {
        self.measures.iter().map(Measure::document).collect()
    }

    fn add(&mut self, side: &'static str, figure: Figure) {
        let known = self.measures.iter().position(|one| one.name == figure.name);
        let at = known.unwrap_or_else(|| {
            self.measures.push(Measure {
                name: figure.name,
                unit: figure.unit,
                sides: BTreeMap::new(),
            });
            self.measures.len() - 1
        });
        if let Some(measure) = self.measures.get_mut(at) {
            measure.sides.entry(side).or_default().push(figure.value);
        }
    }
}

/// Runs all workloads on all sides, `rounds` times.
pub(super) fn run(
    sides: &mut Sides,
    workloads: &[&Workload],
    rounds: u16,
    scale: Scale,
    results: &mut Results,
) -> Outcome<()> {
    for side in sides.all.clone() {
        // Connections, buffers and scores are there before anything counts.
        let warm = workload::named("1KB")?;
        warm.send(&sides.traffic, &side, scale.requests(2000))?;
    }
    for round in 1..=rounds {
        for workload in workloads {
            console::step(&format!("round {round} of {rounds}: {}", workload.name));
            for side in order(&sides.all, round) {
                if side.name == TRANSLATED && !workload.translated {
                    continue;
                }
                let figures = measure(sides, &side, **workload, scale)?;
                for figure in figures {
                    results.add(side.name, figure);
                }
            }
        }
    }
    Ok(())
}

/// Every other round runs backwards, so that no side always follows the same one.
fn order(sides: &[Side], round: u16) -> Vec<Side> {
    let mut order = sides.to_vec();
    if round.is_multiple_of(2) {
        order.reverse();
    }
    order
}

fn measure(
    sides: &mut Sides,
    side: &Side,
    workload: Workload,
    scale: Scale,
) -> Outcome<Vec<Figure>> {
    let before = side.cpu()?;
    let load = workload.send(&sides.traffic, side, workload.requests(scale))?;
    let used = side.cpu()?.saturating_sub(before);
    sides.check()?;
    Ok(workload.figures(&load, used))
}

/// Memory before, halfway through and after many requests.
pub(super) fn memory(sides: &mut Sides, scale: Scale, results: &mut Results) -> Outcome<()> {
    let half = scale.requests(MEMORY_REQUESTS) / 2;
    let load = workload::named("1KB")?;
    let processes = sides.all.clone().into_iter();
    for side in processes.filter(|side| side.name != TRANSLATED) {
        console::step(&format!("memory over {} requests: {}", 2 * half, side.name));
        load.send(&sides.traffic, &side, half)?;
        let halfway = count(side.resident_bytes()?);
        load.send(&sides.traffic, &side, half)?;
        let end = count(side.resident_bytes()?);
        sides.check()?;
        for (name, value) in [
            (format!("memory after {} requests", 2 * half), end),
            ("memory growth over the last half".to_owned(), end - halfway),
        ] {
            results.add(
                side.name,
                Figure {
                    name,
                    unit: "MiB",
                    value: value / MIB,
                },
            );
        }
    }
    if let Some(bytes) = crate::procfs::resident_bytes(sides.sidecar) {
        results.add(
            "ark",
            Figure {
                name: "memory of the sidecar".to_owned(),
                unit: "MiB",
                value: count(bytes) / MIB,
            },
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64) -> Figure {
        Figure {
            name: "1KB CPU per request".to_owned(),
            unit: "µs",
            value,
        }
    }

    #[test]
    fn sides_are_compared_round_by_round() {
        let mut results = Results::default();
        for (bare, ark) in [(10.0, 15.0), (20.0, 40.0), (10.0, 18.0)] {
            results.add("bare", figure(bare));
            results.add("ark", figure(ark));
        }
        let measure = &results.measures()[0];
        assert!((measure.ratio("ark").unwrap().median - 1.8).abs() < 1e-9);
        assert!((measure.difference("ark").unwrap().median - 8.0).abs() < 1e-9);
        assert_eq!(measure.sample("peer"), None);
        let document = results.document();
        assert_eq!(document[0]["sides"]["bare"]["ratio"], Value::Null);
        assert_eq!(document[0]["sides"]["ark"]["figures"][1], json!(40.0));
    }

    #[test]
    fn every_other_round_runs_backwards() {
        let side = |name| Side {
            name,
            url: String::new(),
            pid: 0,
            model: "m",
        };
        let sides = [side("bare"), side("ark")];
        let names = |round| -> Vec<&str> { order(&sides, round).iter().map(|s| s.name).collect() };
        assert_eq!(names(1), ["bare", "ark"]);
        assert_eq!(names(2), ["ark", "bare"]);
    }
}
