//! The `ark` command.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command answers on standard output and complains on standard error"
)]

mod analyze_command;
mod audit_command;
mod budgets_command;
mod cli;
mod command_client;
mod explain_command;
mod keys_command;
mod ledger_command;
mod log_writer;
mod prices_command;
mod replay_command;
mod undumped;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use ark_sidecar::config::{self, Config, CredentialConfig, Problems, ProviderConfig};
use ark_sidecar::control::Loaded;
use ark_sidecar::envoy::{self, Place};
use ark_sidecar::material;
use ark_sidecar::serve::{self, SYNC_INTERVAL_MS, shared};
use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command, LedgerCommand, LogFormat, RenderCommand, RenderEnvoy};

#[global_allocator]
static ALLOCATOR: ark_wiping::Wiping = ark_wiping::Wiping;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => {
            log_to_stderr(args.log_format);
            serve(args.into())
        }
        Command::Check { file, admin } => check(&file, admin),
        Command::Render(RenderCommand::Envoy(args)) => render(&args),
        Command::Explain(args) => explain_command::run(&args),
        Command::Prices(command) => prices_command::run(&command),
        Command::Replay(args) => replay_command::run(&args),
        Command::Keys(command) => keys_command::run(&command),
        Command::Drain(args) => command_client::drain(&args),
        Command::Canary(args) => command_client::canary(&args),
        Command::Analyze(args) => analyze_command::run(&args),
        Command::Audit(command) => audit_command::run(&command),
        Command::Spend(args) => ledger_command::spend(&args),
        Command::Budgets(args) => budgets_command::run(&args),
        Command::Ledger(LedgerCommand::Export(args)) => ledger_command::export(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("ark: {message}");
            ExitCode::FAILURE
        }
    }
}

fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_env("ARK_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log_writer::Masked)
        // Its way to say that the log takes no line ends the process when standard error fails too.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
}

fn serve(options: serve::Options) -> Result<(), String> {
    undumped::be()?;
    ark_wiping::Wiping::begin();
    // One thread: the work is small, and memory is what a sidecar is measured by.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(serve::run(options))
}

fn load(file: &Path) -> Result<Loaded, String> {
    let config = config::load(file).map_err(|error| error.to_string())?;
    Ok(Loaded::new(config))
}

fn check(file: &Path, admin: Option<SocketAddr>) -> Result<(), String> {
    let loaded = load(file)?;
    check_material(&loaded.config, admin)?;
    for problem in config::warnings(&loaded.config, shared::today()) {
        eprintln!("warning: {problem}");
    }
    for (n, provider) in loaded.config.providers.iter().enumerate() {
        if let Some(Err(problem)) = loaded.credentials.get(&provider.name) {
            eprintln!(
                "warning: providers[{n}].credential: {problem}; {} is not used",
                provider.name
            );
        }
    }
    for (n, provider) in loaded.config.providers.iter().enumerate() {
        if let Some(program) = missing_program(provider) {
            eprintln!("warning: providers[{n}].credential.command: {program} is not there");
        }
    }
    let Config {
        providers,
        models,
        tenants,
        ..
    } = &loaded.config;
    let keys: usize = tenants.iter().map(|tenant| tenant.keys.len()).sum();
    println!(
        "{}: OK ({} providers, {} models, {keys} keys)",
        file.display(),
        providers.len(),
        models.len()
    );
    Ok(())
}

/// The files of the gateway's own keys and certificates, and of issuers' keys; and whether they are all
/// that the admin port needs where it is.
fn check_material(config: &Config, admin: Option<SocketAddr>) -> Result<(), String> {
    let now_s = i64::try_from(shared::unix_ms() / 1_000).unwrap_or(i64::MAX);
    let mut problems = material::read(config).err().unwrap_or_default();
    problems.extend(material::out_of_time(config, now_s));
    let admin = admin.into_iter();
    problems.extend(admin.flat_map(|admin| serve::forbids(admin, false, config)));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Problems(problems).to_string()),
    }
}

/// The program that prints a provider's credential, if it is not on this machine.
fn missing_program(provider: &ProviderConfig) -> Option<&str> {
    match &provider.credential {
        Some(CredentialConfig::Command(command)) => {
            let program = command.argv.first()?;
            (!Path::new(program).is_file()).then_some(program)
        }
        Some(CredentialConfig::Env(_) | CredentialConfig::File(_)) | None => None,
    }
}

/// What an Envoy without a sidecar cannot do.
fn refuse_commands(config: &Config) -> Result<(), String> {
    for (n, provider) in config.providers.iter().enumerate() {
        if let Some(CredentialConfig::Command(_)) = provider.credential {
            return Err(format!(
                "providers[{n}].credential: only `ark serve` runs commands; for a static \
                 configuration keep the credential in a file that something else refreshes"
            ));
        }
    }
    Ok(())
}

fn render(args: &RenderEnvoy) -> Result<(), String> {
    let config = config::load(&args.deployment.config).map_err(|error| error.to_string())?;
    refuse_commands(&config)?;
    for problem in config::warnings_without_sidecar(&config) {
        eprintln!("warning: {problem}");
    }
    let listen = args.deployment.listen.unwrap_or(config.gateway.listen);
    let place = Place {
        filter: args.deployment.filter.clone(),
        listen: listen.to_string(),
        socket: args
            .socket
            .as_ref()
            .map(|p| p.display().to_string())
            .unwrap_or_default(),
        sync_interval_ms: SYNC_INTERVAL_MS,
    };
    // Envoy reads the credentials itself, so it is Envoy's environment that must have them.
    let all: BTreeSet<String> = config.providers.iter().map(|p| p.name.clone()).collect();
    let snapshot = config::compile(&config, &all, shared::today());
    let rendered = envoy::static_config(&config, &place, &snapshot);
    let text = serde_json::to_string_pretty(&rendered).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}
