//! The command line of `ark`.

use std::net::SocketAddr;
use std::path::PathBuf;

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
    },
    /// Print configuration for others
    #[command(subcommand)]
    Render(RenderCommand),
    /// Make client keys and their digests
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
    /// Where to serve /metrics /healthz /readyz /v1/scores /v1/config
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "ARK_ADMIN",
        default_value = "127.0.0.1:8081"
    )]
    admin: SocketAddr,
    /// Allow an --admin address that other machines can reach, without authentication
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
            envoy_admin: args.envoy_admin,
            filter: args.deployment.filter,
            listen: args.deployment.listen,
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

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Print a fresh key, once, and the digest that goes into ark.yaml
    New,
    /// Print the digest of the key on standard input
    Hash,
}
