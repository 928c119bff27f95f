//! The `ark-traffic` binary: `providers` and `load`.

use std::io::Write;
use std::process::ExitCode;

use ark_traffic::load::{self, LoadArgs};
use ark_traffic::providers::{self, ProvidersArgs};
use clap::{Parser, Subcommand};

/// Both ends of Ark's traffic: scripted providers, and a load generator.
#[derive(Parser)]
#[command(name = "ark-traffic", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scripted providers until SIGTERM or SIGINT.
    Providers(ProvidersArgs),
    /// Send load to one URL and print what happened as JSON.
    Load(LoadArgs),
}

fn main() -> ExitCode {
    // One thread: the machine's other cores belong to what is measured.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let result = match Cli::parse().command {
        Command::Providers(args) => runtime.block_on(providers::run(&args)),
        Command::Load(args) => runtime.block_on(load::run(&args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    // Nothing is left to do when even stderr is closed.
    let _closed = writeln!(std::io::stderr(), "ark-traffic: {message}");
    ExitCode::FAILURE
}
