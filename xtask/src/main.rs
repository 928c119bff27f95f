//! Tasks of the workspace: `cargo xtask --help`.

mod bench;
mod child;
mod ci;
mod console;
mod failure;
mod http;
mod procfs;
mod replay_live;
mod service;
mod setup;
mod steps;
mod stop;
mod test;
mod tidy;
mod up;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use failure::Outcome;
use workspace::Workspace;

/// Tasks of the Ark workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Set everything up and run Ark with demo providers until Ctrl-C
    Up(up::UpArgs),
    /// Set everything up and run every test
    Test(test::TestArgs),
    /// Check that documents, tables, examples and pins are true
    Tidy,
    /// Measure what Ark costs over bare Envoy
    Bench(bench::BenchArgs),
    /// Play a production trace through a real Envoy in compressed time, next to `ark replay`
    ReplayLive(replay_live::ReplayLiveArgs),
    /// Run what CI runs: lints, documents, licences and every test
    Ci,
    /// Rewrite golden files from what the code does now
    Bless,
}

fn main() -> ExitCode {
    if let Err(failure) = child::become_child() {
        console::error(&failure.to_string());
        return ExitCode::from(127);
    }
    match run(&Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_interrupt() => ExitCode::from(130),
        Err(failure) => {
            console::error(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Outcome<()> {
    stop::listen()?;
    let workspace = Workspace::find()?;
    match task {
        Task::Up(args) => up::run(&workspace, args),
        Task::Test(args) => test::run(&workspace, args),
        Task::Tidy => tidy::run(&workspace),
        Task::Bench(args) => bench::run(&workspace, args),
        Task::ReplayLive(args) => replay_live::run(&workspace, args),
        Task::Ci => ci::run(&workspace),
        Task::Bless => test::bless(&workspace),
    }
}
