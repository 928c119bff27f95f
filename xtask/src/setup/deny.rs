//! `cargo deny`: found, or built below `target/ark`.

use std::path::PathBuf;
use std::time::Duration;

use crate::child;
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::test::in_checkout;
use crate::workspace::{Workspace, on_path};

/// What is installed where none is.
const VERSION: &str = "0.20.2";
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Finds or installs it; returns its program.
pub(crate) fn ready(workspace: &Workspace) -> Outcome<PathBuf> {
    if let Some(program) = on_path("cargo-deny") {
        return Ok(program);
    }
    let root = workspace.ark("deny");
    let program = root.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    console::step(&format!("installing cargo-deny {VERSION}"));
    // Unoptimised: it is built more often than it runs, and runs for two seconds.
    let install = ["install", "--locked", "--debug", "--version", VERSION];
    let mut command = in_checkout(workspace, &install)?;
    command.arg("--root").arg(&root).arg("cargo-deny");
    if child::run(command, DEADLINE)?.success() && program.is_file() {
        return Ok(program);
    }
    Err(Failure::new("cargo-deny could not be installed").fix("cargo install --locked cargo-deny"))
}
