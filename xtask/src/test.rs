//! `cargo xtask test`: every test, from unit tests to a real Envoy with real clients.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::setup::build::{self, Artefacts, Profile};
use crate::setup::python::Environment;
use crate::setup::{envoy, fakellm, llm, node};
use crate::steps::{Steps, Verdict, passed_if};
use crate::workspace::{Workspace, cargo, on_path};

/// Bounds for a whole level of tests: what takes longer hangs.
const RUST_DEADLINE: Duration = Duration::from_secs(45 * 60);
const E2E_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// What pytest runs, each folder by itself: their helper modules do not meet.
const LEVELS: [(&str, &str); 2] = [
    ("end-to-end tests (pytest)", "tests/e2e"),
    ("container tests (pytest)", "tests/compose"),
];

/// Exit statuses when nothing matched: pytest's and nextest's.
const NOTHING_COLLECTED: i32 = 5;
const NO_TESTS_RUN: i32 = 4;

/// Exit status of our own pytest folders when every test was skipped (automake's convention).
const ALL_SKIPPED: i32 = 77;

const CLIENTS: Environment = Environment {
    name: "tests",
    requirements: "tests/requirements.txt",
    without_dependencies: false,
};

/// Options of `test`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct TestArgs {
    /// Rust tests only: no Envoy, no Python
    #[arg(long)]
    fast: bool,
    /// Only tests whose name holds this
    filter: Option<String>,
}

/// What the end-to-end tests drive.
struct Bench {
    artefacts: Artefacts,
    envoy: PathBuf,
    python: PathBuf,
    node_modules: Option<PathBuf>,
    llm: Option<PathBuf>,
    fakellm: Option<PathBuf>,
}

/// Runs all levels and prints a table.
pub(crate) fn run(workspace: &Workspace, args: &TestArgs) -> Outcome<()> {
    let mut steps = Steps::default();
    let ran = add(&mut steps, workspace, args)?;
    steps.close()?;
    match &args.filter {
        // A typo must not look like success.
        Some(filter) if !ran => Err(Failure::new(format!("no test's name holds `{filter}`"))),
        _ => Ok(()),
    }
}

/// Adds the tests to a row of steps; tells whether any ran.
pub(crate) fn add(steps: &mut Steps, workspace: &Workspace, args: &TestArgs) -> Outcome<bool> {
    let mut ran = add_rust(steps, workspace, args.filter.as_deref())?;
    if args.fast {
        return Ok(ran);
    }
    let mut bench = None;
    steps.step("set-up of the end-to-end tests", || {
        bench = Some(set_up(workspace)?);
        passed_if(true)
    })?;
    if let Some(bench) = bench {
        for (name, folder) in LEVELS {
            let verdict = steps.step(name, || {
                run_pytest(workspace, &bench, folder, args.filter.as_deref())
            })?;
            ran |= !matches!(verdict, Verdict::Skipped(_));
        }
    }
    Ok(ran)
}

fn add_rust(steps: &mut Steps, workspace: &Workspace, filter: Option<&str>) -> Outcome<bool> {
    if on_path("cargo-nextest").is_none() {
        let mut command = in_checkout(workspace, &["test", "--workspace"])?;
        command.args(filter);
        steps.command("Rust tests (cargo test)", command, RUST_DEADLINE)?;
        // It does not tell whether a filter left any.
        return Ok(true);
    }
    let mut command = in_checkout(workspace, &["nextest", "run", "--workspace"])?;
    command.args(filter);
    let verdict = steps.step("Rust tests (cargo nextest)", || {
        let status = child::run(command, RUST_DEADLINE)?;
        none_matched(status.code() == Some(NO_TESTS_RUN), filter)
            .map_or_else(|| passed_if(status.success()), Ok)
    })?;
    if filter.is_none() {
        // nextest runs no examples of documentation.
        let command = in_checkout(workspace, &["test", "--workspace", "--doc", "--quiet"])?;
        steps.command("documentation examples", command, RUST_DEADLINE)?;
    }
    Ok(!matches!(verdict, Verdict::Skipped(_)))
}

/// The verdict when a runner found nothing to run because of the filter.
fn none_matched(nothing: bool, filter: Option<&str>) -> Option<Verdict> {
    let filter = filter.filter(|_| nothing)?;
    Some(Verdict::Skipped(format!("no test's name holds `{filter}`")))
}

/// A Cargo command in the checkout.
pub(crate) fn in_checkout(workspace: &Workspace, arguments: &[&str]) -> Outcome<Command> {
    let mut command = child::command(cargo(), LastWord::Kill)?;
    command.args(arguments).current_dir(workspace.root());
    Ok(command)
}

fn set_up(workspace: &Workspace) -> Outcome<Bench> {
    // A test runs `replay-live`; what that compiles must not count as the test's time.
    build::replay_live(workspace)?;
    Ok(Bench {
        envoy: envoy::find(workspace)?,
        python: CLIENTS.ready(workspace)?,
        node_modules: optional("the npm SDK's tests", node::ready(workspace))?.flatten(),
        llm: optional("the real model's tests", llm::ready(workspace))?,
        fakellm: optional(
            "the tests with others' providers",
            fakellm::ready(workspace),
        )?,
        artefacts: build::all(workspace, Profile::Release)?,
    })
}

/// A part without which the other tests still make sense: its absence is loud, and no failure.
fn optional<T>(whose: &str, part: Outcome<T>) -> Outcome<Option<T>> {
    match part {
        Ok(part) => Ok(Some(part)),
        Err(failure) if failure.is_interrupt() => Err(failure),
        Err(failure) => {
            console::warn(&format!("{whose} will be SKIPPED: {failure}"));
            Ok(None)
        }
    }
}

fn run_pytest(
    workspace: &Workspace,
    bench: &Bench,
    folder: &str,
    filter: Option<&str>,
) -> Outcome<Verdict> {
    let mut command = child::command(&bench.python, LastWord::Interrupt)?;
    command
        .args([
            "-m",
            "pytest",
            folder,
            "-ra",
            "--durations=10",
            "-p",
            "no:cacheprovider",
        ])
        .args(filter.map(|filter| ["-k", filter]).iter().flatten())
        .current_dir(workspace.root())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("ARK_ROOT", workspace.root())
        .env("ARK_TARGET", workspace.ark(""))
        .env("ARK_BIN", &bench.artefacts.ark)
        .env("ARK_FILTER", &bench.artefacts.filter)
        .env("ARK_TRAFFIC", &bench.artefacts.traffic)
        .env("ARK_ENVOY", &bench.envoy)
        .envs(std::env::current_exe().ok().map(|file| ("ARK_XTASK", file)))
        .envs(on_path("node").map(|file| ("ARK_NODE", file)))
        .envs(
            bench
                .node_modules
                .as_deref()
                .map(|folder| ("ARK_NODE_MODULES", folder)),
        )
        .envs(
            bench
                .llm
                .as_deref()
                .and_then(venv_of)
                .map(|folder| ("ARK_LLM_VENV", folder)),
        )
        .envs(
            bench
                .fakellm
                .as_deref()
                .map(|program| ("ARK_FAKELLM", program)),
        );
    let status = child::run(command, E2E_DEADLINE)?;
    if status.code() == Some(ALL_SKIPPED) {
        return Ok(Verdict::Skipped(
            "every test was skipped, see above".to_owned(),
        ));
    }
    // Without a filter, a folder without tests is a failure like any other.
    none_matched(status.code() == Some(NOTHING_COLLECTED), filter)
        .map_or_else(|| passed_if(status.success()), Ok)
}

/// `VENV/bin/python` → `VENV`.
fn venv_of(python: &Path) -> Option<&Path> {
    python.parent().and_then(Path::parent)
}

/// `cargo xtask bless`: writes what the golden tests expect from what the code does now.
pub(crate) fn bless(workspace: &Workspace) -> Outcome<()> {
    let mut steps = Steps::default();
    let mut command = in_checkout(workspace, &["test", "--workspace", "golden"])?;
    command.env("ARK_BLESS", "1");
    steps.command("golden tests with ARK_BLESS=1", command, RUST_DEADLINE)?;
    steps.close()?;
    console::line("now read `git diff`: every change of a golden file is a change of behaviour");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_parts_may_fail_but_not_swallow_an_interrupt() {
        assert_eq!(optional("x", Ok(1)).unwrap(), Some(1));
        assert_eq!(optional::<u8>("x", Err(Failure::new("no"))).unwrap(), None);
        assert!(optional::<u8>("x", Err(Failure::interrupted())).is_err());
        assert_eq!(none_matched(true, None), None);
        assert_eq!(none_matched(false, Some("x")), None);
        assert!(none_matched(true, Some("x")).is_some());
        assert_eq!(venv_of(Path::new("/v/bin/python")), Some(Path::new("/v")));
    }
}
