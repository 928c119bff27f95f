//! The command line of `ark`.

use std::net::SocketAddr;
use std::path::PathBuf;

use ark_gateway_core::priority::Priority;
use ark_sidecar::config::LedgerStore;
use ark_sidecar::prices::import::Mapping;
use ark_sidecar::replay::load::Mix;
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
    /// Allow an --admin address that other machines can reach; without admin.tokens in the
    /// configuration whoever reaches it may read
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

#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// The provider
    pub(crate) provider: String,
    /// Give it requests again
    #[arg(long)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OnCanary {
    /// The model
    pub(crate) model: String,
    /// What to do with its canary
    pub(crate) action: CanaryAction,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CanaryAction {
    /// To the next step now, proved or not
    Promote,
    /// To nothing now
    Rollback,
    /// No further, until `resume`
    Hold,
    /// Further again
    Resume,
    /// From the first step again, after a rollback too
    Restart,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PricesCommand {
    /// Make a catalogue of the price file that the field shares, for prices.file of ark.yaml
    ///
    /// What is left out and what is doubtful goes to standard error. Nothing is taken for free.
    Import(PricesImport),
    /// Print the entries of a catalogue whose name holds MODEL, in US dollars per million tokens
    Show {
        /// A part of the name
        model: String,
        /// The catalogue
        #[arg(long, value_name = "FILE", default_value = "prices.json")]
        catalogue: PathBuf,
    },
    /// Print what each target of a configuration costs, and which are not known
    List {
        /// The configuration
        #[arg(
            long,
            value_name = "FILE",
            env = "ARK_CONFIG",
            default_value = "ark.yaml"
        )]
        config: PathBuf,
    },
    /// Print what is different between two catalogues
    Diff {
        /// The old one
        old: PathBuf,
        /// The new one
        new: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PricesImport {
    /// The price file, in the form of LiteLLM's model_prices_and_context_window.json
    pub(crate) file: PathBuf,
    /// Offer the models whose names begin with PREFIX to the provider NAME, without the prefix
    #[arg(long = "provider", value_name = "NAME=PREFIX", value_parser = Mapping::parse)]
    pub(crate) providers: Vec<Mapping>,
    /// Where to write the catalogue
    #[arg(long, value_name = "FILE", default_value = "prices.json")]
    pub(crate) out: PathBuf,
    /// Name every model that is left out or doubtful
    #[arg(long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Print a fresh key, once, and the digest that goes into ark.yaml
    New,
    /// Print the digest of the key on standard input
    Hash,
    /// Make a key that works within two seconds, and print it, once
    Create(CreateKey),
    /// List all keys: whose, from where, in what state
    List {
        #[command(flatten)]
        admin: AdminArgs,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new key in place of another, which goes on for a time of grace
    Rotate {
        /// The key's id
        id: String,
        /// How long both are good, e.g. 24h; 0s ends the old one at once
        #[arg(long, default_value = "24h", value_parser = seconds)]
        grace: u64,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Refuse a key from now on, for ever
    Revoke {
        /// The key's id
        id: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// Which sidecar, and who asks.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    /// The admin port of the sidecar
    #[arg(
        long = "admin",
        value_name = "URL",
        env = "ARK_ADMIN_URL",
        default_value = "http://127.0.0.1:8081"
    )]
    pub(crate) url: String,
    /// A file with the token of one of admin.tokens; otherwise ARK_ADMIN_TOKEN of the environment
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// Whose key it is; a tenant of ark.yaml
    #[arg(long)]
    pub(crate) tenant: String,
    /// Its public name, as reports show it
    #[arg(long)]
    pub(crate) id: String,
    /// Models that it may use; * for all
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) models: Vec<String>,
    /// The priority of its requests
    #[arg(long)]
    pub(crate) priority: Option<String>,
    /// The priorities that its requests may ask for
    #[arg(long, value_delimiter = ',')]
    pub(crate) priorities: Vec<String>,
    /// Let it pin providers
    #[arg(long)]
    pub(crate) may_pin: bool,
    /// Its request limit
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<u32>,
    /// How long it is good, e.g. 90d; for ever when absent
    #[arg(long, value_parser = seconds)]
    pub(crate) expires_in: Option<u64>,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

/// A duration of days, hours, minutes or seconds: `90d`, `24h`, `30m`, `45s`.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "write it as 90d, 24h, 30m or 45s".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let unit_s = match unit {
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let count: u64 = digits.parse().map_err(|_not_a_number| wrong())?;
    count.checked_mul(unit_s).ok_or_else(wrong)
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The trace: Azure's CSV (TIMESTAMP,ContextTokens,GeneratedTokens), JSONL with at_ms, input_tokens
    /// and output_tokens, and optionally priority, model, max_tokens and stream; or what is Ark's own:
    /// its ledger, an export of that, or its records
    #[arg(value_name = "TRACE", required_unless_present_any = ["fit", "print_providers"])]
    pub(crate) trace: Option<PathBuf>,
    /// A policy to replay, as ark.yaml; several are compared, the first is held against baselines
    #[arg(long = "policy", value_name = "FILE", required_unless_present = "fit")]
    pub(crate) policies: Vec<PathBuf>,
    /// How providers behave, YAML or JSON by provider name; others behave as their tier does
    #[arg(long, value_name = "FILE", conflicts_with = "fit")]
    pub(crate) providers: Option<PathBuf>,
    /// Tell how providers behave from Ark's ledger, exports of it or records, together: latencies,
    /// outages, limits and prices; without TRACE that is all
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) fit: Vec<PathBuf>,
    /// Write what was told, as a file for --providers
    #[arg(long, value_name = "FILE", requires = "fit")]
    pub(crate) model_out: Option<PathBuf>,
    /// Outages and slow spells when they were, for the trace that was fitted, instead of a process with
    /// their share of the time and their mean length
    #[arg(long, requires = "fit")]
    pub(crate) fit_moments: bool,
    /// Print how the first policy's providers are taken to behave, as a file for --providers, and stop
    #[arg(long)]
    pub(crate) print_providers: bool,
    /// Of everything random: the same seed gives the same report
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Play the trace so many times, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) repeat: u32,
    /// Play it so many times faster than it was
    #[arg(long, default_value_t = 1.0)]
    pub(crate) rate: f64,
    /// Priorities of requests whose trace has none, in percent
    #[arg(long, default_value = "critical=30,standard=40,batch=30")]
    pub(crate) mix: Mix,
    /// The model that requests ask for whose trace names none; default: that with the most targets
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Envoy workers, each with its own knowledge
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    /// Leave the baselines out
    #[arg(long)]
    pub(crate) no_baselines: bool,
    /// Let Ark look at what was measured only, and not at its forecasts
    #[arg(long)]
    pub(crate) no_forecast: bool,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the report as HTML with charts
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The model that the request names
    pub(crate) model: String,
    /// The configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "ARK_CONFIG",
        default_value = "ark.yaml"
    )]
    pub(crate) config: PathBuf,
    /// What /v1/scores of the admin port answered; without it the operator's order rules
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// The request's priority
    #[arg(long, default_value = "standard")]
    pub(crate) priority: PriorityName,
    /// Its prompt, in tokens
    #[arg(long, default_value_t = 1_000)]
    pub(crate) input_tokens: u64,
    /// Its bound on completion tokens
    #[arg(long)]
    pub(crate) max_tokens: Option<u64>,
    /// What it needs of a target
    #[arg(long, value_delimiter = ',')]
    pub(crate) needs: Vec<Need>,
    /// The provider that it pins
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) pin: Option<String>,
    /// The id of the key that asks: it decides on canaries and fallbacks, and its requirements and its
    /// tenant's count
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<String>,
    /// The value of the header that the model's canary goes by
    #[arg(long, value_name = "VALUE")]
    pub(crate) unit: Option<String>,
    /// What its header x-ark-require says, as 'region=eu; certification=soc2; retention=zero'
    #[arg(long, value_name = "HEADER")]
    pub(crate) require: Option<String>,
    /// The random number that draws among near-equals
    #[arg(long, default_value_t = 0)]
    pub(crate) draw: u64,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PriorityName {
    Critical,
    Standard,
    Batch,
}

impl From<PriorityName> for Priority {
    fn from(name: PriorityName) -> Self {
        match name {
            PriorityName::Critical => Self::Critical,
            PriorityName::Standard => Self::Standard,
            PriorityName::Batch => Self::Batch,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Need {
    Tools,
    JsonSchema,
    Images,
    Files,
    Audio,
    Embeddings,
}

/// Which ledger.
#[derive(Debug, Args)]
pub(crate) struct WhichLedger {
    /// The ledger's file; by default ledger.db in $STATE_DIRECTORY or /var/lib/ark. Or
    /// postgresql://USER@HOST/DATABASE, with the password in PGPASSWORD
    #[arg(long, value_name = "PATH|URL", env = "ARK_LEDGER", value_parser = LedgerStore::parse)]
    pub(crate) ledger: Option<LedgerStore>,
    /// From this moment: 2026-11-01, or 2026-11-01T12:00:00Z; by default 30 days ago
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// To before this moment; by default now
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Spend {
    #[command(flatten)]
    pub(crate) which: WhichLedger,
    /// One row for each: tenant, key, model, provider, upstream_model, priority, purpose, endpoint,
    /// settlement, verdict, snapshot, tag.NAME
    #[arg(long, value_name = "NAMES", default_value = "model,provider")]
    pub(crate) by: String,
    /// Only where this is so, as `tenant=web`; several must all be
    #[arg(long = "where", value_name = "NAME=VALUE")]
    pub(crate) filters: Vec<String>,
    /// One row for each hour or day
    #[arg(long, value_name = "hour|day")]
    pub(crate) bucket: Option<String>,
    /// Most rows
    #[arg(long)]
    pub(crate) limit: Option<usize>,
    /// Answer in JSON, as /v1/spend does
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Budgets {
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
    /// Only where this is so, as `tenant=web`; also key, model, limit, and of, which is usd where
    /// nothing is said and may be any
    #[arg(long = "where", value_name = "NAME=VALUE")]
    pub(crate) filters: Vec<String>,
    /// Answer in JSON, as /v1/budgets does
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Write its lines in the columns of FOCUS, the FinOps Open Cost and Usage Specification
    Export(LedgerExport),
}

#[derive(Debug, Args)]
pub(crate) struct LedgerExport {
    #[command(flatten)]
    pub(crate) which: WhichLedger,
    /// How to write it
    #[arg(long, default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// Where to; by default to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated, with a header
    Csv,
    /// One JSON object a line
    Jsonl,
}

#[derive(Debug, Args)]
pub(crate) struct Analyze {
    /// The logs; the format of each is told by its content
    #[arg(value_name = "LOGS", required = true)]
    pub(crate) logs: Vec<PathBuf>,
    /// Where something is in logs of no known format, as model=.request.model or input=prompt_tokens;
    /// names: time, provider, model, tenant, key, input, output, cached, requests, cost, cost_micro,
    /// currency, status
    #[arg(long = "map", value_name = "NAME=PATH")]
    pub(crate) maps: Vec<String>,
    /// Prices for lines that have no cost, as ark.yaml; without it they are listed and not priced
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// What the same traffic would have cost by this ark.yaml; several are compared
    #[arg(long, value_name = "FILE")]
    pub(crate) what_if: Vec<PathBuf>,
    /// Write the report as HTML with charts
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Threads that read; by default one per core
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}
