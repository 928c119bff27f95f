//! The command line of `ark`.

mod admin;
mod evidence;
mod money;

pub(crate) use admin::*;
pub(crate) use evidence::*;
pub(crate) use money::*;

use std::net::SocketAddr;
use std::path::PathBuf;

use ark_sidecar::config::LedgerStore;
use ark_sidecar::serve::Options;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Ark, an LLM gateway: its control plane and its tools.
///
/// Every option can also be given by the environment variable named with it.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the control plane next to Envoy, until SIGTERM or Ctrl-C; SIGHUP reads the file again
    ///
    /// The configuration is watched: a good edit takes effect at once, a bad one changes nothing and
    /// is shown in the log, in /metrics and in /v1/config of the admin port.
    /// ARK_LOG sets what is logged, for example ARK_LOG=debug.
    Serve(Serve),
    /// Check a configuration: all problems on standard error and exit code 1, or one line of OK
    Check {
        /// The configuration
        #[arg(default_value = "ark.yaml", env = "ARK_CONFIG")]
        file: PathBuf,
        /// Check also that `ark serve` may serve the admin API at this address
        #[arg(long, value_name = "IP:PORT")]
        admin: Option<SocketAddr>,
    },
    /// Print configuration for others
    #[command(subcommand)]
    Render(RenderCommand),
    /// Replay a request trace against policies: what each would have cost, and how it would have gone
    ///
    /// The gateway's own decisions in a simulation of the providers, and next to them what simpler ways
    /// and an oracle that sees the future would have done. A table goes to standard output.
    Replay(Replay),
    /// Explain where a request goes, and why: every candidate with what removed it or how it scores
    Explain(Explain),
    /// Take a provider out for maintenance on a running `ark serve`: it gets no new requests, and those
    /// that run end by themselves
    ///
    /// It lasts until it is undone; without a file of commands or keys as long as that process does.
    Drain(Drain),
    /// Move a canary of a running `ark serve` by hand
    Canary(OnCanary),
    /// Make, look into and compare catalogues of prices
    #[command(subcommand)]
    Prices(PricesCommand),
    /// Analyze logs: what they cost by provider, model, tenant and time, and what is out of the ordinary
    ///
    /// Reads Ark's ledger exports, FOCUS, OpenAI's usage and cost exports, Azure's cost exports,
    /// LiteLLM's spend logs, and other JSONL and CSV; plain, gzip or Zstandard.
    Analyze(Analyze),
    /// Show what was spent, from the ledger of `ark serve`
    Spend(Spend),
    /// Show what is limited, and what is left of it, at a running sidecar
    Budgets(Budgets),
    /// Hand the ledger to others
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Check and show who did what: the audit log of `ark serve`
    #[command(subcommand)]
    Audit(crate::audit_command::AuditCommand),
    /// Make client keys and their digests; create, list, rotate and revoke them at a running sidecar
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// What every way to configure Envoy needs to know.
#[derive(Debug, Args)]
pub(crate) struct Deployment {
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "ARK_CONFIG",
        default_value = "ark.yaml"
    )]
    pub(crate) config: PathBuf,
    /// ark_filter.wasm, as Envoy sees it
    #[arg(
        long,
        value_name = "PATH",
        env = "ARK_FILTER",
        default_value = "/opt/ark/ark_filter.wasm"
    )]
    pub(crate) filter: String,
    /// Where Envoy listens for clients, instead of gateway.listen of the configuration
    #[arg(long, value_name = "IP:PORT", env = "ARK_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    deployment: Deployment,
    /// The Unix socket on which Envoy and the filter ask; the same path as in Envoy's bootstrap
    #[arg(
        long,
        value_name = "PATH",
        env = "ARK_SOCKET",
        default_value = "/run/ark/ark.sock"
    )]
    socket: PathBuf,
    /// Where to keep the keys that `ark keys create` makes, for this process alone to write; without
    /// it keys are those of the configuration
    #[arg(long, value_name = "FILE", env = "ARK_KEYS")]
    keys: Option<PathBuf>,
    /// Where to keep what `ark drain` and `ark canary` command, over restarts; by default commands.json
    /// beside --keys, and without that nowhere
    #[arg(long, value_name = "FILE", env = "ARK_COMMANDS")]
    commands: Option<PathBuf>,
    /// Where to serve the admin API: /metrics, /healthz, /readyz and what is under /v1
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "ARK_ADMIN",
        default_value = "127.0.0.1:8081"
    )]
    admin: SocketAddr,
    /// Allow an --admin address that other machines can reach though the configuration has no admin.tls,
    /// or no admin.tokens: then whoever is between reads along, or whoever reaches it may read
    #[arg(long, env = "ARK_ADMIN_ALLOW_REMOTE")]
    admin_allow_remote: bool,
    /// Envoy's admin interface
    #[arg(
        long,
        value_name = "HOST:PORT",
        env = "ARK_ENVOY_ADMIN",
        default_value = "127.0.0.1:9901"
    )]
    envoy_admin: String,
    /// Where to write down what is spent: the file of an SQLite database, a PostgreSQL as
    /// postgresql://USER@HOST/DATABASE, or `off`; instead of ledger.store of the configuration. By default ledger.db in $STATE_DIRECTORY or /var/lib/ark, if
    /// there is one
    #[arg(long, value_name = "PATH", env = "ARK_LEDGER", value_parser = LedgerStore::parse)]
    ledger: Option<LedgerStore>,
    /// How to write the log, which goes to standard error
    #[arg(long, env = "ARK_LOG_FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

impl From<Serve> for Options {
    fn from(args: Serve) -> Self {
        Self {
            config: args.deployment.config,
            socket: args.socket,
            admin: args.admin,
            admin_allow_remote: args.admin_allow_remote,
            keys: args.keys,
            commands: args.commands,
            envoy_admin: args.envoy_admin,
            filter: args.deployment.filter,
            listen: args.deployment.listen,
            ledger: args.ledger,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people; in colour on a terminal
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RenderCommand {
    /// A complete static Envoy configuration on standard output: routing without the control plane
    ///
    /// It names the credentials (environment variables of Envoy, or files) and holds none. Changes of
    /// ark.yaml need a new rendering and a restart of Envoy.
    Envoy(RenderEnvoy),
}

#[derive(Debug, Args)]
pub(crate) struct RenderEnvoy {
    #[command(flatten)]
    pub(crate) deployment: Deployment,
    /// A sidecar's socket, for live scores and metrics on top of the static configuration
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}
