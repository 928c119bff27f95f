//! `cargo xtask ci`: what a change must pass.

use std::time::Duration;

use crate::failure::Outcome;
use crate::setup::build::{self, WASM_TARGET};
use crate::steps::{Steps, Verdict, passed_if};
use crate::test::{self, TestArgs, in_checkout};
use crate::tidy;
use crate::workspace::{Workspace, on_path};

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
        let status = crate::child::run(in_checkout(workspace, &lint)?, LINT_DEADLINE)?;
        passed_if(status.success())
    })?;
    steps.step("documents (tidy)", || {
        tidy::run(workspace).map(|()| Verdict::Passed)
    })?;
    if on_path("cargo-deny").is_some() {
        let command = in_checkout(workspace, &["deny", "check"])?;
        steps.command(
            "licences and advisories (cargo deny)",
            command,
            LINT_DEADLINE,
        )?;
    } else {
        let why = "cargo-deny is not installed: cargo install --locked cargo-deny".to_owned();
        steps.step("licences and advisories", || Ok(Verdict::Skipped(why)))?;
    }
    test::add(&mut steps, workspace, &TestArgs::default())?;
    steps.close()
}
