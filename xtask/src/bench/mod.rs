//! `cargo xtask bench`: what Ark costs over bare Envoy, in one run on one machine.
//!
//! Both gateways (and a peer, if one is given) stand at the same time in front of the same upstream;
//! rounds are interleaved, so that a noisy neighbour disturbs all alike. CPU time per request is the
//! steady measure; wall-clock figures depend on what else runs.

mod allocations;
mod boundary;
mod callgrind;
mod report;
mod rounds;
mod sample;
pub(crate) mod sides;
mod workload;

use std::fs;

use serde_json::json;

use crate::console;
use crate::failure::{Doing, Failure, Outcome};
use crate::setup::build::{self, Profile};
use crate::setup::envoy;
use crate::workspace::Workspace;

use allocations::Allocations;
use report::Machine;
use rounds::Results;
use sides::Sides;
use workload::{Scale, WORKLOADS};

/// What there is besides the workloads; each can be named with `--only`.
const EXTRAS: [&str; 4] = ["memory", "boundary", "instructions", "allocations"];

/// Options of `bench`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Rounds; figures are medians of them
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// A tenth of the requests: for a look, not for figures
    #[arg(long)]
    quick: bool,
    /// Only this part; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// A shell command that serves as one more gateway: it gets $BENCH_LISTEN and $BENCH_UPSTREAM
    /// (both HOST:PORT), and `exec`s into its server so that the CPU time measured is its own
    #[arg(long, value_name = "CMD")]
    peer: Option<String>,
}

impl BenchArgs {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    fn check(&self) -> Outcome<()> {
        let known: Vec<&str> = WORKLOADS
            .iter()
            .map(|workload| workload.name)
            .chain(EXTRAS)
            .collect();
        match self
            .only
            .iter()
            .find(|only| !known.contains(&only.as_str()))
        {
            Some(unknown) => Err(Failure::new(format!("--only {unknown}: no such part"))
                .fix(format!("one of {}", known.join(", ")))),
            None => Ok(()),
        }
    }
}

/// Measures, prints a table and writes `target/ark/bench.json`.
pub(crate) fn run(workspace: &Workspace, args: &BenchArgs) -> Outcome<()> {
    args.check()?;
    let (instructions, allocations) = counted(workspace, args)?;
    let envoy = envoy::find(workspace)?;
    let artefacts = build::all(workspace, Profile::Release)?;
    let wasm_bytes = fs::metadata(&artefacts.filter)
        .doing(|| "looking at the filter".to_owned())?
        .len();
    let scale = if args.quick {
        Scale::Quick
    } else {
        Scale::Full
    };

    let mut results = Results::default();
    let mut sides = Sides::start(workspace, &artefacts, &envoy, args.peer.as_deref())?;
    let wanted: Vec<_> = WORKLOADS
        .iter()
        .filter(|workload| args.wants(workload.name))
        .collect();
    rounds::run(&mut sides, &wanted, args.rounds, scale, &mut results)?;
    if args.wants("memory") {
        rounds::memory(&mut sides, scale, &mut results)?;
    }
    sides.end();
    let boundary = if args.wants("boundary") {
        boundary::measure(workspace, &artefacts, &envoy)?
    } else {
        Vec::new()
    };

    let machine = Machine::read();
    let document = json!({
        "machine": machine,
        "recipe": {
            "command": std::env::args().skip(1).collect::<Vec<_>>(),
            "rounds": args.rounds,
            "envoy_workers": 1,
            "quick": args.quick,
        },
        "wasm_bytes": wasm_bytes,
        "measures": results.document(),
        "boundary": boundary,
        "instructions": instructions,
        "allocations_per_chunk": allocations,
    });
    let file = workspace.ark("bench.json");
    let text = serde_json::to_string_pretty(&document).doing(|| "writing JSON".to_owned())?;
    fs::write(&file, text).doing(|| format!("writing {}", file.display()))?;
    let text = report::text(&machine, &results, wasm_bytes, &boundary, &instructions);
    console::line(&text);
    if !allocations.is_empty() {
        console::line(&report::allocations(&allocations));
    }
    console::line(&format!("written to {}", workspace.show(&file)));
    Ok(())
}

/// What needs no gateway and no load: counts, which are the same every time.
fn counted(
    workspace: &Workspace,
    args: &BenchArgs,
) -> Outcome<(Vec<callgrind::Instructions>, Allocations)> {
    let instructions = if args.wants("instructions") {
        callgrind::measure(workspace)?
    } else {
        Vec::new()
    };
    let allocations = if args.wants("allocations") {
        allocations::measure(workspace)?
    } else {
        Allocations::default()
    };
    Ok((instructions, allocations))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_parts_can_be_chosen() {
        let args = |only: &[&str]| BenchArgs {
            rounds: 1,
            quick: true,
            only: only.iter().map(|name| (*name).to_owned()).collect(),
            peer: None,
        };
        args(&["latency", "memory"]).check().unwrap();
        let failure = args(&["latancy"]).check().unwrap_err().to_string();
        assert!(failure.contains("one of latency"), "{failure}");
        assert!(args(&[]).wants("stream") && !args(&["latency"]).wants("stream"));
    }
}
