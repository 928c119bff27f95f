//! `cargo xtask replay-live`: the production trace through a real Envoy in compressed time, next to what
//! `ark replay` says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench::sides::take;
use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Doing, Failure, Outcome};
use crate::service::{Fleet, Logs};
use crate::setup::build::{self, Profile};
use crate::setup::envoy;
use crate::up::ports::{self, Ports};
use crate::up::stack::Stack;
use crate::workspace::Workspace;

/// The configuration, with words where figures depend on the rate.
const ARK_YAML: &str = include_str!("ark.yaml");
/// Where the trace is, beside the checkout.
const TRACE: &str = "../shared/data/azure-llm-trace-2023-code.csv";
/// Timeouts and promises as they are when nothing is compressed, milliseconds: the model's defaults and
/// the priorities'.
const TIMES_MS: [(&str, f64); 5] = [
    ("FIRST_BYTE_MS", 60_000.0),
    ("TOTAL_MS", 600_000.0),
    ("CRITICAL_MS", 2_000.0),
    ("STANDARD_MS", 5_000.0),
    ("BATCH_MS", 30_000.0),
];
/// Longest run.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Options of `replay-live`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ReplayLiveArgs {
    /// The trace, as `ark replay` reads it [default: the Azure trace of the shared data]
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// How many of its requests
    #[arg(long, default_value_t = 5_200)]
    requests: u32,
    /// How many times faster than it was
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play outages and a brown-out on top of the tiers' own: to look at, as a few probes then decide
    /// what each side does, and costs that differ are no failure
    #[arg(long)]
    drill: bool,
    /// Where to write the comparison [default: target/ark/replay-live.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where to write Ark's records, with the snapshots and scores that they were decided by
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
}

/// Runs both, prints the comparison and fails when they do not agree.
pub(crate) fn run(workspace: &Workspace, args: &ReplayLiveArgs) -> Outcome<()> {
    if !(args.rate.is_finite() && (1.0..=100.0).contains(&args.rate)) {
        return Err(Failure::new("--rate: from 1 to 100"));
    }
    let trace = trace(workspace, args)?;
    let envoy = envoy::find(workspace)?;
    let artefacts = build::all(workspace, Profile::Release)?;
    let player = build::replay_live(workspace)?;
    let [gateway, admin, envoy_admin, one, two, three, four] = take(ports::free(7)?)?;
    let stack = Stack::lay(
        workspace,
        &artefacts,
        envoy,
        &Ports::new(gateway, admin, envoy_admin),
    )?;
    let config = stack.file("ark.yaml");
    write(&config, &placed(args.rate, [one, two, three, four]))?;
    let json = args.json.clone();
    let json = json.unwrap_or_else(|| workspace.ark("replay-live.json"));

    let mut fleet = Fleet::default();
    let mut sidecar = stack.sidecar(&config)?;
    sidecar.env("REPLAY_API_KEY", "played");
    fleet.start("ark", sidecar, Logs::Keep)?;
    let tee = stack.listen_between()?;
    let mut player = child::command(player, LastWord::Kill)?;
    player
        .args(["--model", "gpt-4o"])
        .args(["--gateway", &format!("127.0.0.1:{gateway}")])
        .args(["--requests", &args.requests.to_string()])
        .args(["--rate", &args.rate.to_string()])
        .args(["--seed", &args.seed.to_string()])
        .args(args.drill.then_some("--drill"))
        .arg("--trace")
        .arg(trace)
        .arg("--config")
        .arg(&config)
        .arg("--sidecar")
        .arg(stack.socket())
        .arg("--tee")
        .arg(tee)
        .arg("--json")
        .arg(&json);
    if let Some(records) = &args.records {
        player.arg("--records").arg(records);
    }
    let proxy = stack.envoy(2, &["--log-level", "error"])?;
    fleet.start("envoy", proxy, Logs::Keep)?;
    let played = child::run(player, DEADLINE)?;
    fleet.check()?;
    fleet.end();
    if !played.success() {
        return Err(Failure::new("the two do not agree, see above"));
    }
    console::line(&format!("written to {}", workspace.show(&json)));
    Ok(())
}

fn trace(workspace: &Workspace, args: &ReplayLiveArgs) -> Outcome<PathBuf> {
    let trace = args.trace.clone();
    let trace = trace.unwrap_or_else(|| workspace.path(TRACE));
    if trace.is_file() {
        return Ok(trace);
    }
    Err(
        Failure::new(format!("there is no trace at {}", trace.display())).fix(
            "give one with --trace: CSV with TIMESTAMP,ContextTokens,GeneratedTokens (the Azure LLM \
             inference traces are public), or JSONL",
        ),
    )
}

fn placed(rate: f64, providers: [u16; 4]) -> String {
    let mut text = ARK_YAML.to_owned();
    for (word, ms) in TIMES_MS {
        text = text.replace(word, &format!("{:.0}", (ms / rate).max(1.0)));
    }
    for (place, port) in [1111, 2222, 3333, 4444].into_iter().zip(providers) {
        text = text.replace(&format!("127.0.0.1:{place}"), &format!("127.0.0.1:{port}"));
    }
    text
}

fn write(file: &Path, text: &str) -> Outcome<()> {
    fs::write(file, text).doing(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_all_ports_and_times() {
        for (word, _) in TIMES_MS {
            assert_eq!(ARK_YAML.matches(word).count(), 1, "{word}");
        }
        let text = placed(10.0, [9, 8, 7, 6]);
        for part in [
            "127.0.0.1:9/v1",
            "127.0.0.1:8\n",
            "127.0.0.1:6/v1",
            "first_byte_ms: 6000,",
            "critical: {slo: {latency_ms: 200}}",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
