//! The table at the end.

use std::fs;
use std::thread;

use serde::Serialize;

use crate::bench::allocations::Allocations;
use crate::bench::boundary::Crossings;
use crate::bench::callgrind::Instructions;
use crate::bench::rounds::{Measure, Results};
use crate::bench::sample::{count, figure};
use crate::bench::sides::TRANSLATED;
use crate::console;

/// Where the figures were taken.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
}

impl Machine {
    /// Asks `/proc`.
    pub(super) fn read() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: cpu_name(&cpus).unwrap_or("unknown").to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
        }
    }
}

fn cpu_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

/// All figures as text.
pub(super) fn text(
    machine: &Machine,
    results: &Results,
    wasm_bytes: u64,
    boundary: &[Crossings],
    instructions: &[Instructions],
) -> String {
    let mut text = format!(
        "\n{}, {} cores, one Envoy worker\n\n",
        machine.cpu, machine.cores
    );
    if !results.measures().is_empty() {
        text.push_str(&console::table(&rows(results)));
        text.push('\n');
    }
    let mut once = vec![vec![
        "Wasm module".to_owned(),
        format!("{} KB", figure(count(wasm_bytes) / 1024.0)),
    ]];
    for crossings in boundary {
        let name = crossings.workload;
        once.push(vec![
            format!("callbacks per request, {name}"),
            figure(crossings.callbacks),
        ]);
        once.push(vec![
            format!("host calls per request, {name}"),
            figure(crossings.host_calls),
        ]);
    }
    for path in instructions {
        once.push(vec![
            format!("instructions: {}", path.name),
            format!("{:.0}", path.per_iteration),
        ]);
    }
    text.push_str(&console::table(&once));
    text
}

/// Allocations per translated chunk as text.
pub(super) fn allocations(counted: &Allocations) -> String {
    let header = ["allocations per translated chunk", ""].map(str::to_owned);
    let rows = counted
        .iter()
        .map(|(name, per_chunk)| vec![name.clone(), figure(*per_chunk)]);
    let rows: Vec<_> = std::iter::once(header.to_vec()).chain(rows).collect();
    console::table(&rows)
}

fn rows(results: &Results) -> Vec<Vec<String>> {
    let with_peer = results
        .measures()
        .iter()
        .any(|one| one.sample("peer").is_some());
    let mut header = vec![
        "",
        "bare",
        "ark",
        "ratio",
        "difference",
        "translated",
        "of ark",
    ];
    if with_peer {
        header.extend(["peer", "ratio"]);
    }
    let header = header.into_iter().map(str::to_owned).collect();
    let measures = results.measures().iter();
    let rows = measures.map(|measure| row(measure, with_peer));
    std::iter::once(header).chain(rows).collect()
}

fn row(measure: &Measure, with_peer: bool) -> Vec<String> {
    let sample = |side| {
        measure
            .sample(side)
            .map_or_else(String::new, |one| one.show())
    };
    let ratio = |side| {
        measure
            .ratio(side)
            .map_or_else(String::new, |one| one.show())
    };
    let of_ark = measure.ratio_to(TRANSLATED, "ark");
    let difference = measure.difference("ark");
    let mut row = vec![
        format!("{}, {}", measure.name, measure.unit),
        sample("bare"),
        sample("ark"),
        ratio("ark"),
        difference.map_or_else(String::new, |one| format!("{:+.1}", one.median)),
        sample(TRANSLATED),
        of_ark.map_or_else(String::new, |one| one.show()),
    ];
    if with_peer {
        row.extend([sample("peer"), ratio("peer")]);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_holds_what_was_measured_once() {
        let machine = Machine {
            cpu: cpu_name("processor: 0\nmodel name\t: Fast CPU\n")
                .unwrap()
                .to_owned(),
            cores: 2,
            kernel: String::new(),
        };
        let instructions = [Instructions {
            name: "gateway-core decide".to_owned(),
            per_iteration: 1234.4,
        }];
        let text = text(&machine, &Results::default(), 262_144, &[], &instructions);
        assert!(text.contains("Fast CPU, 2 cores"), "{text}");
        assert!(text.contains("256 KB") && text.contains("1234\n"), "{text}");
    }
}
