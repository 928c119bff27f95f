//! `ark replay` and `ark explain`.

use std::path::PathBuf;

use ark_gateway_core::priority::Priority;
use ark_sidecar::replay::load::Mix;
use clap::{Args, ValueEnum};

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
    /// The id of the key that asks: it decides on canaries and fallbacks, its requirements and its
    /// tenant's count, and so do the rules of `access` that concern it
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<String>,
    /// The value of the header that the model's canary goes by
    #[arg(long, value_name = "VALUE")]
    pub(crate) unit: Option<String>,
    /// What its header x-ark-require says, as 'region=eu; certification=soc2; retention=zero'
    #[arg(long, value_name = "HEADER")]
    pub(crate) require: Option<String>,
    /// The endpoint that is asked, by its name in rules of `access` [default: chat_completions]
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// The address that it comes from, for rules of `access` that name networks
    #[arg(long, value_name = "IP")]
    pub(crate) source: Option<std::net::IpAddr>,
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
