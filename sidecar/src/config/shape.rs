//! What the operator wrote, typed: one struct per block of `ark.yaml`, defaults filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ark_gateway_core::capability::Capabilities;
use ark_gateway_core::compliance::Retention;
use ark_gateway_core::money::{MicroUsd, MicroUsdPerMillion, Price};
use ark_gateway_core::priority::{Priority, PrioritySpec};
use ark_gateway_core::snapshot::{
    FailOverOn, OnLoss, Order, ProviderKind, RequestLimit, TargetApi, Tier,
};

use super::access::AccessConfig;
use super::date::Date;
use super::endpoint::Endpoint;
use super::guard::GuardConfig;
use super::identity::{IdentityConfig, ListenerTlsConfig};
use super::limits::{LimitAlertsConfig, LimitConfig, LimitsStoreConfig};
use super::postgres::PostgresConfig;
use super::rules::{DrainConfig, RulesConfig};
use super::tls::{AdminCertificateConfig, AdminTlsConfig};
use crate::prices::Catalogue;

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

/// `prices`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PricesConfig {
    /// The catalogue's file, as the operator wrote it.
    pub file: Option<PathBuf>,
    /// The catalogue that was read from there.
    pub catalogue: Option<Arc<Catalogue>>,
    /// How much of a currency a US dollar buys, in millionths.
    pub per_usd: BTreeMap<Currency, u64>,
    /// What happens without a price, where a model does not say.
    pub unknown_price: UnknownPriceConfig,
}

/// `unknown_price`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownPriceConfig {
    /// The target is not used.
    Deny,
    /// It is used, and its cost stays unknown.
    Allow,
    /// It is used, and charged like the dearest known price of its model, or else of all models; without
    /// any, its cost stays unknown.
    #[default]
    Dearest,
    /// It is used, and charged this.
    Ceiling(CeilingConfig),
}

/// A stated `ceiling`, in millionths of its currency per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeilingConfig {
    /// Its currency.
    pub currency: Currency,
    /// For prompt tokens.
    pub input: MicroUsdPerMillion,
    /// For completion tokens.
    pub output: MicroUsdPerMillion,
}

/// A currency, ISO 4217.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The one that costs are counted in.
    pub const USD: Self = Self(*b"USD");

    /// Three capital letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        let is_code = letters.iter().all(u8::is_ascii_uppercase);
        is_code.then_some(Self(letters))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
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

/// A target's `price`: a list price in a currency, neither converted nor multiplied yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceConfig {
    /// The list price, in millionths of `currency` per million tokens.
    pub list: Price,
    /// Its currency.
    pub currency: Currency,
    /// First day on which it is valid; `None` for always.
    pub valid_from: Option<Date>,
    /// Last day on which it is valid; `None` for until further notice.
    pub valid_until: Option<Date>,
}

impl ModelConfig {
    /// Every target that is ever sent anything for this model, a shadow's included.
    pub fn all_targets(&self) -> impl Iterator<Item = &TargetConfig> {
        let shadow = self.shadow.iter().map(|shadow| &shadow.target);
        self.targets.iter().chain(shadow)
    }
}

impl PriceConfig {
    /// Whether the price is valid on `day`, both ends included.
    #[must_use]
    pub fn is_valid_on(&self, day: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= day)
            && self.valid_until.is_none_or(|until| day <= until)
    }
}

/// One of `tenants`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantConfig {
    /// Its name.
    pub name: String,
    /// What it requires of a provider, for all its keys.
    pub requires: RequiresConfig,
    /// Whether providers may store what it sends, where its requests ask them to.
    pub may_store: bool,
    /// Its keys.
    pub keys: Vec<Arc<KeyConfig>>,
}

/// One of a tenant's `keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyConfig {
    /// Its public name, unique among all tenants.
    pub id: String,
    /// SHA-256 of the key, 64 lower-case hex digits; empty where only [`Config::identity`] gives its rights.
    pub sha256: String,
    /// Models it may use.
    pub models: KeyModelsConfig,
    /// Priority of its requests when they do not say.
    pub priority: Priority,
    /// Priorities that its requests may ask for, most urgent first, the default included.
    pub priorities: Vec<Priority>,
    /// Whether `x-ark-provider` may pin a provider.
    pub may_pin: bool,
    /// Whether `x-ark-explain` shows it how its requests are routed.
    pub may_explain: bool,
    /// Its request limit.
    pub limit: Option<RequestLimit>,
    /// From when on it is refused: after its last day `valid_until`, or as the admin API was told;
    /// seconds since the Unix epoch.
    pub expires_at_s: Option<u64>,
    /// What it requires of a provider, on top of what its tenant does.
    pub requires: RequiresConfig,
    /// Its roles, for the rules of `access`.
    pub roles: Vec<String>,
}

/// `admin`: who may use the admin API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminConfig {
    /// Ids and digests are unique.
    pub tokens: Vec<AdminTokenConfig>,
    /// Whose certificates say who they are.
    pub certificates: Vec<AdminCertificateConfig>,
    /// TLS of the admin port; without it is plain HTTP.
    pub tls: Option<AdminTlsConfig>,
}

/// One of `admin`'s `tokens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTokenConfig {
    /// Whose it is, as the audit log names it.
    pub id: String,
    /// SHA-256 of the token, 64 lower-case hex digits.
    pub sha256: String,
    /// What its holder may do.
    pub role: Role,
}

/// What a caller of the admin API may do; each may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read.
    Viewer,
    /// Change how requests are routed.
    Operator,
    /// Make and revoke keys.
    Admin,
}

impl Role {
    /// Its word in `ark.yaml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// A key's `models`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyModelsConfig {
    /// `["*"]`.
    All,
    /// Names of [`Config::models`], at least one.
    Named(Vec<String>),
}

/// `ledger`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerConfig {
    /// Where it is; `None` for the state directory.
    pub store: Option<LedgerStore>,
    /// Days after which lines go; `None` to keep them for ever.
    pub retention_days: Option<u32>,
    /// What becomes of records that cannot be written down.
    pub on_failure: OnLedgerFailure,
    /// When a line counts as written.
    pub durability: Durability,
    /// Where lines wait for a database elsewhere.
    pub spool: LedgerSpool,
    /// Seconds after which a worker that nobody hears is gone, and what it had reserved lost; `None` for
    /// the default.
    pub lost_after_s: Option<u32>,
}

/// Where lines wait while a database elsewhere does not take them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerSpool {
    /// `off` for nowhere; `None` for the state directory, if there is one.
    pub store: Option<LedgerStore>,
    /// Lines that wait at most; `None` for the default.
    pub limit_lines: Option<u64>,
}

/// Where the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerStore {
    /// Nowhere: nothing is written down.
    Off,
    /// An SQLite database of its own.
    File(PathBuf),
    /// A PostgreSQL database, which several sidecars may share.
    Postgres(PostgresConfig),
}

/// What becomes of records that cannot be written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLedgerFailure {
    /// Workers keep them, up to the bound of their queues, and send them again.
    #[default]
    Hold,
    /// They are dropped, and counted.
    Drop,
}

/// When a line counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the disk has it: it outlives a loss of power.
    #[default]
    Disk,
    /// When the kernel has it: it outlives any end of the process.
    Process,
}
