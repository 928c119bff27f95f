//! `cargo xtask ci`: what a change must pass.

use std::path::Path;
use std::time::Duration;

use crate::child::{self, LastWord};
use crate::failure::Outcome;
use crate::setup::build::{self, WASM_TARGET};
use crate::setup::deny;
use crate::steps::{Steps, Verdict, passed_if};
use crate::test::{self, TestArgs, in_checkout};
use crate::tidy;
use crate::workspace::Workspace;

const LINT_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Lints, documents and licences, then every test.
pub(crate) fn run(workspace: &Workspace) -> Outcome<()> {
    let mut steps = Steps::default();
    let command = in_checkout(workspace, &["fmt", "--all", "--check"])?;
    steps.command("format", command, LINT_DEADLINE)?;
    let lint = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    let command = in_checkout(workspace, &lint)?;
    steps.command("lints", command, LINT_DEADLINE)?;
    steps.step("lints of the filter as Wasm", || {
        build::wasm_target(workspace)?;
        let lint = [
            "clippy",
            "-p",
            "ark-filter",
            "--target",
            WASM_TARGET,
            "--",
            "-D",
            "warnings",
        ];
        let status = child::run(in_checkout(workspace, &lint)?, LINT_DEADLINE)?;
        passed_if(status.success())
    })?;
    steps.step("documents (tidy)", || {
        tidy::run(workspace).map(|()| Verdict::Passed)
    })?;
    dependencies(&mut steps, workspace)?;
    test::add(&mut steps, workspace, &TestArgs::default())?;
    steps.close()
}

/// What we depend on: its licences and sources, and what is known against it.
fn dependencies(steps: &mut Steps, workspace: &Workspace) -> Outcome<()> {
    let mut program = None;
    steps.step("licences and sources (cargo deny)", || {
        let found = match deny::ready(workspace) {
            Ok(found) => program.insert(found),
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => return Ok(Verdict::Skipped(failure.to_string())),
        };
        let checks = ["check", "bans", "licenses", "sources"];
        passed_if(run_deny(workspace, found, &checks)?)
    })?;
    steps.step("advisories (cargo deny)", || {
        let Some(program) = &program else {
            return Ok(Verdict::Skipped("there is no cargo-deny".to_owned()));
        };
        // The list is a Git repository of its own, which not every machine that builds can reach.
        if !run_deny(workspace, program, &["fetch", "db"])? {
            let why = "the list of advisories cannot be fetched".to_owned();
            return Ok(Verdict::Skipped(why));
        }
        let checks = ["check", "--disable-fetch", "advisories"];
        passed_if(run_deny(workspace, program, &checks)?)
    })?;
    Ok(())
}

fn run_deny(workspace: &Workspace, program: &Path, arguments: &[&str]) -> Outcome<bool> {
    let mut command = child::command(program, LastWord::Kill)?;
    command.args(arguments).current_dir(workspace.root());
    Ok(child::run(command, LINT_DEADLINE)?.success())
}
