//! Scripted providers: several servers in one process, each of them speaking one provider's own API.
//!
//! They are as strict as the real ones, and stricter where Ark must be: a request that still has a
//! header of ours is refused. What they do is set per request ([`script`]) and at run time
//! ([`control`]); what they got is kept ([`seen`]).

mod admin;
mod anthropic;
mod bedrock;
pub mod bill;
mod body;
pub mod conditions;
pub mod config;
pub mod control;
mod dialect;
mod gemini;
mod handle;
mod openai;
pub mod recording;
mod refusal;
mod reply;
mod request;
pub mod script;
pub mod seen;
mod server;
mod shape;
mod signature;
mod sse;
mod state;
mod text;
mod vendors;
mod wire;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::config::FleetConfig;
use self::recording::{Recordings, read_recordings};
pub use self::refusal::Failing;
pub use self::state::{Provider, Stats};

/// `ark-traffic providers`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct ProvidersArgs {
    /// JSON file that lists the providers
    #[arg(long, required_unless_present = "demo", conflicts_with = "demo")]
    pub config: Option<PathBuf>,
    /// Run the demo's four: official, azure, optimized, domestic; their keys are `key-NAME`
    #[arg(long)]
    pub demo: bool,
    /// Port of the demo's first provider, the others follow; 0 for free ports
    #[arg(long, default_value_t = 9101)]
    pub port_base: u16,
    /// Seed of the demo's latencies and failures
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder of recorded exchanges (go-vcr YAML) for `replay:NAME`
    #[arg(long)]
    pub recordings: Option<PathBuf>,
    /// Port for control of all providers; 0 for a free one
    #[arg(long)]
    pub control_port: Option<u16>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
}

/// Running providers; they stop, and their connections close, when it is dropped.
#[derive(Debug)]
pub struct Fleet {
    /// The providers and their addresses, in the configuration's order.
    pub providers: Vec<(Arc<Provider>, SocketAddr)>,
    tasks: JoinSet<()>,
}

impl Fleet {
    /// Starts the providers of `config` on `host`.
    ///
    /// # Errors
    /// A sentence naming the port that could not be opened.
    pub async fn start(
        config: FleetConfig,
        recordings: Recordings,
        host: &str,
    ) -> Result<Self, String> {
        let recordings = Arc::new(recordings);
        let mut opened = Vec::new();
        for provider in config.providers {
            let socket = server::listen(host, provider.port, &provider.name).await?;
            opened.push((provider, socket));
        }
        let mut tasks = JoinSet::new();
        let mut providers = Vec::new();
        for (config, (listener, address)) in opened {
            let (switch, switches) = mpsc::channel(1);
            let provider = Arc::new(Provider::new(config, Arc::clone(&recordings), switch));
            providers.push((Arc::clone(&provider), address));
            tasks.spawn(server::serve(provider, listener, address, switches));
        }
        Ok(Self { providers, tasks })
    }

    /// Starts the control port.
    ///
    /// # Errors
    /// A sentence naming the port when it could not be opened.
    pub async fn start_control(&mut self, host: &str, port: u16) -> Result<SocketAddr, String> {
        let (listener, address) = server::listen(host, port, "control").await?;
        let providers = self.providers.iter().map(|(p, _)| Arc::clone(p)).collect();
        self.tasks.spawn(server::serve_control(providers, listener));
        Ok(address)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for (provider, _) in &self.providers {
            provider.closing.send_modify(|generation| *generation += 1);
        }
    }
}

/// Runs `ark-traffic providers` until SIGTERM or SIGINT.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(args: &ProvidersArgs) -> Result<(), String> {
    let no_signals = |error| format!("cannot wait for signals: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
    let config = match &args.config {
        None => FleetConfig::demo(args.port_base, args.seed)?,
        Some(path) => {
            let failed = |error: String| format!("{}: {error}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            FleetConfig::parse(&text).map_err(failed)?
        }
    };
    let recordings = match &args.recordings {
        None => Recordings::new(),
        Some(directory) => read_recordings(directory)?,
    };
    let mut fleet = Fleet::start(config, recordings, &args.host).await?;
    for (provider, address) in &fleet.providers {
        say(&format!(
            "listening {} http://{address}",
            provider.config.name
        ));
    }
    if let Some(port) = args.control_port {
        let address = fleet.start_control(&args.host, port).await?;
        say(&format!("listening control http://{address}"));
    }
    say("ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// Whoever reads stdout may be gone; the providers serve on.
fn say(line: &str) {
    let mut stdout = std::io::stdout();
    let _unread = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
