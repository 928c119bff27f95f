//! What the operator wrote, typed: one struct per block of `ark.yaml`, defaults filled in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ark_gateway_core::capability::Capabilities;
use ark_gateway_core::compliance::Retention;
use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::priority::{Priority, PrioritySpec};
use ark_gateway_core::snapshot::{FailOverOn, OnLoss, Order, ProviderKind, TargetApi, Tier};

use super::access::AccessConfig;
use super::admin::AdminConfig;
use super::endpoint::Endpoint;
use super::guard::GuardConfig;
use super::identity::{IdentityConfig, ListenerTlsConfig};
use super::ledger::LedgerConfig;
use super::limits::{LimitAlertsConfig, LimitConfig, LimitsStoreConfig};
use super::prices::{PriceConfig, PricesConfig, UnknownPriceConfig};
use super::rules::{DrainConfig, RulesConfig};
use super::tenant::TenantConfig;

/// A valid `ark.yaml`: every reference resolves and every value is within its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Limits of the gateway itself.
    pub gateway: GatewayConfig,
    /// Who may use the admin API.
    pub admin: AdminConfig,
    /// All providers, in the operator's order; names are unique.
    pub providers: Vec<ProviderConfig>,
    /// All models, in the operator's order; names are unique.
    pub models: Vec<ModelConfig>,
    /// All tenants; names, key ids and digests are unique.
    pub tenants: Vec<TenantConfig>,
    /// The priorities, in the order of [`Priority::ALL`], defaults filled in.
    pub priorities: [PrioritySpec; 3],
    /// Where prices come from.
    pub prices: PricesConfig,
    /// Groups of regions by name; no name is also a region's.
    pub region_groups: BTreeMap<String, Vec<String>>,
    /// Where what was spent is written down.
    pub ledger: LedgerConfig,
    /// `audit`.
    pub audit: super::audit::AuditConfig,
    /// All limits; names are unique.
    pub limits: Vec<LimitConfig>,
    /// Where limits are counted.
    pub limits_store: LimitsStoreConfig,
    /// Whom to tell of limits.
    pub limit_alerts: Option<LimitAlertsConfig>,
    /// Who is let in without an API key.
    pub identity: IdentityConfig,
    /// Who may ask what, in the operator's order; names are unique. Empty: what keys say holds alone.
    pub access: Vec<AccessConfig>,
    /// What is looked for in the content of requests, in the operator's order; names are unique.
    pub guard: Vec<GuardConfig>,
}

/// `requires`: what is required of a provider. Its names are those of regions, groups and certifications
/// that the file defines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequiresConfig {
    /// Regions or groups, of which one must be the provider's; `None`: anywhere.
    pub regions: Option<Vec<String>>,
    /// Certifications that it must hold.
    pub certifications: Vec<String>,
    /// The most that it may keep.
    pub retention: Retention,
}

/// `gateway`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Where Envoy listens for clients.
    pub listen: SocketAddr,
    /// Largest request body that is accepted, in bytes.
    pub body_limit_bytes: u32,
    /// Age of the last successful exchange with the sidecar after which scores are not trusted.
    pub snapshot_max_age_ms: u32,
    /// Most attempts for one request, the first included, 1 to 3.
    pub max_attempts: u8,
    /// Request headers that are recorded as tags, lower case, unique.
    pub tags: Vec<String>,
    /// Requests in flight per Envoy worker at most; 0: no bound.
    pub max_in_flight_per_worker: u32,
    /// Bytes of request bodies held per Envoy worker at most; 0: no bound.
    pub max_body_bytes_per_worker: u64,
    /// How late a worker's event loop may run before it sheds load; 0: it never does.
    pub shed_when_late_ms: u32,
    /// How clients are talked TLS with; `None`: not at all.
    pub tls: Option<ListenerTlsConfig>,
    /// Proxies of the operator's own before Envoy, each of which adds to `x-forwarded-for`.
    pub trusted_hops: u8,
}

/// One of `providers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Its name, also its Envoy cluster's.
    pub name: String,
    /// Its wire format.
    pub kind: ProviderKind,
    /// Whose quirks an OpenAI-compatible server has; always present for that kind, never for others.
    pub vendor: Option<String>,
    /// Where it is.
    pub endpoint: Endpoint,
    /// Azure's `api-version` or Anthropic's `anthropic-version`; always present for these two kinds,
    /// never for others.
    pub api_version: Option<String>,
    /// Amazon's side of it; always present for Bedrock, never for others.
    pub aws: Option<AwsConfig>,
    /// Where it stands in price and trust.
    pub tier: Tier,
    /// Where it processes data.
    pub region: Option<String>,
    /// What it is certified for, lower case, unique.
    pub certifications: Vec<String>,
    /// What it keeps of prompts and answers.
    pub retention: Retention,
    /// What list prices are multiplied by, in millionths.
    pub price_multiplier_millionths: u64,
    /// Where its credential is kept; `None` for a server that wants none, and for a Bedrock whose
    /// requests are signed.
    pub credential: Option<CredentialConfig>,
    /// How the credential travels.
    pub auth: AuthConfig,
    /// What it takes.
    pub limits: ProviderLimitsConfig,
    /// How long to wait for it.
    pub timeouts: ProviderTimeoutsConfig,
    /// How to talk TLS to it; used only with an `https` endpoint.
    pub tls: TlsConfig,
    /// Whether it is taken out for maintenance, and when.
    pub drain: DrainConfig,
    /// Whether its idle targets are asked now and then; `None`: never.
    pub probe: Option<ProbeConfig>,
    /// It stores what a request does not tell it not to.
    pub stores: bool,
    /// What is shared with other providers at the same vendor: encrypted reasoning goes from one to the
    /// other. `None`: an account of its own.
    pub account: Option<String>,
    /// Whether clients are told what it says of its rate limits.
    pub show_rate_limits: bool,
}

/// A provider's `probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeConfig {
    /// A target that nobody has asked for so long is asked, in seconds.
    pub every_s: u32,
    /// Most probes of the provider in a day.
    pub per_day: u32,
    /// What its probes may cost in a day; `None`: what a server of one's own costs anyway.
    pub budget_per_day: Option<MicroUsd>,
}

/// Where a credential is kept. Never the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialConfig {
    /// The name of an environment variable.
    Env(String),
    /// The path of a file.
    File(PathBuf),
    /// A program that prints it.
    Command(CommandConfig),
}

/// A program whose standard output is a credential that does not last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandConfig {
    /// The program's absolute path and its arguments, at least the former. There is no shell.
    pub argv: Vec<String>,
    /// How often it is run, in seconds.
    pub refresh_s: u32,
}

/// How a credential travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthConfig {
    /// As the kind's own API keys do.
    #[default]
    Key,
    /// As `authorization: Bearer`, though the kind's own API keys do not.
    Bearer,
}

/// Bedrock's `aws`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsConfig {
    /// The region that requests are signed for.
    pub region: String,
    /// With what they are signed; unused when the provider has a `credential`.
    pub credentials: AwsCredentialsConfig,
}

/// Where Envoy has the credentials from with which it signs. They never pass through the sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwsCredentialsConfig {
    /// Wherever AWS's own tools look: Envoy's environment, a role of its pod or machine.
    Chain,
    /// An AWS credentials file.
    File {
        /// Its path, as Envoy sees it.
        path: PathBuf,
        /// The section of the file.
        profile: String,
    },
}

/// A provider's `limits`: what it takes, all Envoy workers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderLimitsConfig {
    /// Concurrent requests.
    pub max_in_flight: u32,
    /// Requests per minute; `None` when the operator has not said.
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute, prompt and completion; `None` when the operator has not said.
    pub tokens_per_minute: Option<u64>,
}

/// A provider's `timeouts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderTimeoutsConfig {
    /// Longest wait for a connection.
    pub connect_ms: u32,
    /// Longest silence within an answer.
    pub stream_idle_ms: u32,
}

/// A provider's `tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Oldest protocol version that is accepted.
    pub min_version: TlsVersion,
    /// Certificate authorities to trust, PEM; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// Name to ask for (SNI) and to verify; `None` for the endpoint's host.
    pub server_name: Option<String>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    #[default]
    V1_3,
}

/// One of `models`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// The name that clients ask for.
    pub name: String,
    /// How long it may take.
    pub timeouts: ModelTimeoutsConfig,
    /// What puts its targets in their order.
    pub order: Order,
    /// What to do when a translation would lose something.
    pub on_loss: OnLoss,
    /// Which refusals by one target are tried at the next.
    pub fail_over_on: FailOverOn,
    /// What it requires of a provider.
    pub requires: RequiresConfig,
    /// What happens to a target without a price; `None`: as [`PricesConfig::unknown_price`] says.
    pub unknown_price: Option<UnknownPriceConfig>,
    /// Its targets in the operator's order; at least one.
    pub targets: Vec<TargetConfig>,
    /// What is to happen beyond the score.
    pub rules: RulesConfig,
    /// A share of its requests is also sent elsewhere.
    pub shadow: Option<ShadowConfig>,
    /// A second target is asked when the first is slow.
    pub hedge: Option<HedgeConfig>,
}

/// A model's `shadow`: copies whose answers nobody gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowConfig {
    /// Who gets the copies; none of the model's own targets.
    pub target: TargetConfig,
    /// Share of the requests, in millionths, 1 to 1 000 000.
    pub share_millionths: u32,
    /// Of requests of these priorities; at least one.
    pub priorities: Vec<Priority>,
    /// Larger bodies are not copied, in bytes.
    pub body_limit_bytes: u32,
}

/// A model's `hedge`: when a second target is asked before the first has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HedgeConfig {
    /// After so many milliseconds without a first token; `None`: the P95 of the target that was asked.
    pub after_ms: Option<u32>,
    /// Least such delay when it is learnt, milliseconds.
    pub at_least_ms: u32,
    /// Second attempts over requests at most, in millionths, 1 to 1 000 000.
    pub budget_millionths: u32,
    /// Of requests of these priorities; at least one.
    pub priorities: Vec<Priority>,
}

/// A model's `timeouts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelTimeoutsConfig {
    /// Longest wait for the first byte of one attempt.
    pub first_byte_ms: u32,
    /// Longest duration of the whole exchange, all attempts and the stream included.
    pub total_ms: u32,
}

/// One of a model's `targets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetConfig {
    /// Name of one of [`Config::providers`].
    pub provider: String,
    /// The provider's own name for the model.
    pub model: String,
    /// The list price; `None` when the operator has not said.
    pub price: Option<PriceConfig>,
    /// The entry of the catalogue that is its price; `None`: look it up by provider and model.
    pub price_entry: Option<String>,
    /// What it can do: what the operator said, on top of what its provider's kind can.
    pub capabilities: Capabilities,
    /// Output tokens to allow when the client set no bound and the provider demands one.
    pub default_max_tokens: u32,
    /// How much of the traffic it gets, relative to the others; all targets of a model have one, or none.
    pub weight: Option<u32>,
    /// By which of OpenAI's APIs it is asked, if it has both.
    pub api: TargetApi,
}

impl ModelConfig {
    /// Every target that is ever sent anything for this model, a shadow's included.
    pub fn all_targets(&self) -> impl Iterator<Item = &TargetConfig> {
        let shadow = self.shadow.iter().map(|shadow| &shadow.target);
        self.targets.iter().chain(shadow)
    }
}
