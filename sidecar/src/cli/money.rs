//! Prices, what was spent, and what the ledger and logs say.

use std::path::PathBuf;

use ark_sidecar::config::LedgerStore;
use ark_sidecar::prices::import::Mapping;
use clap::{Args, Subcommand, ValueEnum};

use super::AdminArgs;

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

/// Which ledger.
#[derive(Debug, Args)]
pub(crate) struct WhichLedger {
    /// The ledger's file; by default ledger.db in $STATE_DIRECTORY or /var/lib/ark. Or
    /// postgresql://USER@HOST/DATABASE, with the password in PGPASSWORD, or in the file that PGPASSFILE or
    /// the URL's passfile names
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
    /// Parquet, with decimals and times as such
    #[cfg(feature = "parquet")]
    Parquet,
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
