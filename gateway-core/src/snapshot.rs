//! The snapshot: everything the filter needs to serve, compiled once from `ark.yaml`.
//!
//! Immutable and versioned by content. It holds no provider credential: those go from the sidecar
//! to Envoy and never enter Wasm.

mod key;

use serde::{Deserialize, Serialize};

use crate::access::AccessSpec;
use crate::capability::Capabilities;
use crate::compliance::{Assurance, Stated, Vocabulary};
use crate::guard::GuardSpec;
use crate::identity::IdentitySpec;
use crate::left_out::is_default;
use crate::money::{Price, PriceBasis};
use crate::priority::{Priority, PrioritySpec};
use crate::quota::QuotaSpec;
use crate::rules::Rules;
pub use key::{KeySpec, ModelGrant, RequestLimit};

/// The route's own budget for one attempt's first byte, and the default of a model's: a request whose
/// model has another says so to the router by header.
pub const ROUTE_FIRST_BYTE_TIMEOUT_MS: u32 = 60_000;

/// The route's own budget for a whole exchange, and the default of a model's.
pub const ROUTE_TOTAL_TIMEOUT_MS: u32 = 600_000;

/// Identifies a snapshot by its content: the first 12 hex digits of its SHA-256.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotVersion(pub String);

/// Index into [`Snapshot::providers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(pub u16);

/// Index into [`Snapshot::targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(pub u16);

/// Index into [`Snapshot::models`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(pub u16);

/// What the filter runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Content hash of all other fields.
    pub version: SnapshotVersion,
    /// Limits of the gateway itself.
    pub gateway: GatewaySpec,
    /// All usable providers.
    pub providers: Vec<ProviderSpec>,
    /// All targets of all models.
    pub targets: Vec<TargetSpec>,
    /// The models that clients may ask for, sorted by name.
    pub models: Vec<ModelSpec>,
    /// The API keys; empty where they are in pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeySpec>,
    /// The names of the pages that they are in, a power of two of them, see [`crate::keys`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_pages: Vec<u64>,
    /// The priorities, in the order of [`Priority::ALL`].
    pub priorities: [PrioritySpec; 3],
    /// The names that requirements of compliance are made of.
    #[serde(default)]
    pub compliance: Vocabulary,
    /// Version of the price catalogue that prices come from; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_catalogue: Option<String>,
    /// Names of the request headers that are tags, lower case, see [`crate::tags`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Limits that hold over workers and Envoys.
    #[serde(default, skip_serializing_if = "QuotaSpec::is_empty")]
    pub quota: QuotaSpec,
    /// Callers without an API key.
    #[serde(default, skip_serializing_if = "IdentitySpec::is_empty")]
    pub identity: IdentitySpec,
    /// Who may ask what, beyond what keys say.
    #[serde(default, skip_serializing_if = "AccessSpec::is_empty")]
    pub access: AccessSpec,
    /// What is looked for in the content of requests.
    #[serde(default, skip_serializing_if = "GuardSpec::is_empty")]
    pub guard: GuardSpec,
}

/// Limits of the gateway itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewaySpec {
    /// Largest request body that is accepted, in bytes.
    pub body_limit_bytes: u64,
    /// Age of the last successful exchange with the sidecar after which scores are not trusted.
    pub snapshot_max_age_ms: u64,
    /// Most attempts for one request, the first included, 1 to 3.
    pub max_attempts: u8,
    /// Requests in flight per worker at most; less urgent ones are refused before; 0: no bound.
    #[serde(default)]
    pub max_in_flight_per_worker: u32,
    /// Bytes of request bodies held per worker at most, in the same way; 0: no bound.
    #[serde(default)]
    pub max_body_bytes_per_worker: u64,
    /// How late a worker's event loop may run before it sheds load, see [`crate::overload`]; 0: it never does.
    #[serde(default)]
    pub shed_when_late_ms: u32,
}

/// The kind of a provider: its wire format and its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// OpenAI's API, and servers that speak it: `{base_path}/chat/completions`.
    Openai,
    /// Azure OpenAI: `{base_path}/openai/deployments/{deployment}/chat/completions?api-version=…`, or
    /// `{base_path}/openai/v1/chat/completions` when the API version is `v1`.
    AzureOpenai,
    /// A server that speaks OpenAI's chat API with quirks of its own, see [`ProviderSpec::vendor`].
    OpenaiCompatible,
    /// Anthropic's Messages API.
    Anthropic,
    /// Google's Gemini API.
    Gemini,
    /// Gemini models in Vertex AI: the same, with an OAuth token.
    Vertex,
    /// Amazon Bedrock's Converse API.
    Bedrock,
}

impl ProviderKind {
    /// Whether only OpenAI's own models answer there.
    #[must_use]
    pub fn is_openais(self) -> bool {
        match self {
            Self::Openai | Self::AzureOpenai => true,
            Self::OpenaiCompatible
            | Self::Anthropic
            | Self::Gemini
            | Self::Vertex
            | Self::Bedrock => false,
        }
    }
}

/// What to do when a translation to a target's dialect would lose something that the client said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLoss {
    /// Such a target is not used; without another the client gets a 400 that names the field. Hints,
    /// on which no answer depends, may still be lost, with a warning.
    Reject,
    /// The request goes, and the answer says what was lost.
    #[default]
    Warn,
    /// The request goes; the loss is counted.
    Allow,
}

/// What puts a model's targets in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// What is known of them, weighed for the request's priority.
    #[default]
    Scored,
    /// The operator, whatever was measured: one that is in trouble is still asked first.
    Listed,
}

/// Which refusals by one target are tried at the next, though the request itself is to blame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailOverOn {
    /// The prompt is too long for the target's context.
    pub context_length: bool,
    /// The target's content policy refused the prompt.
    pub content_policy: bool,
}

/// Where a provider stands in price and trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// The vendor's own API.
    Official,
    /// The same models in Azure.
    Azure,
    /// A third party's optimised inference.
    Optimized,
    /// A domestic vendor.
    Domestic,
    /// The operator's own server.
    SelfHosted,
}

/// An account at a vendor, or a self-hosted server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderSpec {
    /// Its name in `ark.yaml`; also the name of its Envoy cluster.
    pub name: String,
    /// Its wire format.
    pub kind: ProviderKind,
    /// The value of the `Host` header, `host[:port]`.
    pub authority: String,
    /// The path before the API's own, without a trailing slash: `/v1`, or empty.
    pub base_path: String,
    /// Azure's `api-version` query parameter; `v1` for the newer paths without one. For Anthropic, the
    /// `anthropic-version` header.
    pub api_version: Option<String>,
    /// The row of `dialect::vendor`'s table that says how an OpenAI-compatible server differs.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Its tier.
    pub tier: Tier,
    /// Number of certifications it holds; the compliance term prefers more.
    pub certifications: u8,
    /// Concurrent requests it takes, all Envoy workers together.
    pub max_in_flight: u32,
    /// Where it processes data: providers in one region tend to fail together.
    #[serde(default)]
    pub region: Option<String>,
    /// Requests per minute that it takes; `None` when the operator has not said.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute that it takes, prompt and completion; `None` when the operator has not said.
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
    /// Taken out for maintenance: it gets no new requests, not even pinned ones.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drained: bool,
    /// What it assures of where data goes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub assurance: Assurance,
    /// It stores what a request does not tell it not to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stores: bool,
    /// A short name of the account that can read what its models thought; empty where others of the maker
    /// can too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub account: String,
    /// Clients are told what it says of its rate limits.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shows_rate_limits: bool,
}

/// One way to serve a model: a provider and its name for the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// Who serves it.
    pub provider: ProviderId,
    /// The provider's own name for the model (for Azure: the deployment).
    pub model: String,
    /// What it charges; `None` when the operator has not said.
    pub price: Option<Price>,
    /// What its price is, and what happens without one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub price_basis: PriceBasis,
    /// Where its price comes from, for audits; `None` for one that is written in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_source: Option<Box<PriceSource>>,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Output tokens to allow when the client set no bound and the provider demands one.
    #[serde(default = "default_max_tokens")]
    pub default_max_tokens: u32,
    /// By which of OpenAI's APIs it is asked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub api: TargetApi,
}

/// By which of OpenAI's two APIs for conversations a target is asked; means nothing for providers that
/// speak neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetApi {
    /// By Chat Completions only.
    Chat,
    /// Clients of OpenAI's APIs by the one that they speak, others by Chat Completions.
    #[default]
    Either,
    /// Clients of OpenAI's APIs by the one that they speak, others by Responses.
    Responses,
}

/// Where a target's price comes from. Nothing is decided by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSource {
    /// The entry of the catalogue; `None` for a price of `ark.yaml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
    /// The currency of the list price, ISO 4217; `None` for US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What a US dollar was taken to buy of it, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_usd_millionths: Option<u64>,
    /// The list price for prompt tokens, millionths of the currency per million tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_input: Option<u64>,
    /// The same for completion tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_output: Option<u64>,
}

/// [`TargetSpec::default_max_tokens`] where the operator has not said.
pub const DEFAULT_MAX_TOKENS: u32 = 4096;

fn default_max_tokens() -> u32 {
    DEFAULT_MAX_TOKENS
}

/// A model that clients ask for by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The name in requests.
    pub name: String,
    /// Its targets in the operator's order, which is the static order when nothing is known.
    pub targets: Vec<TargetId>,
    /// The price whose cost scores one half; the dearest known price of its targets.
    pub reference_price: Option<Price>,
    /// Longest wait for the first byte of one attempt.
    pub first_byte_timeout_ms: u32,
    /// Longest duration of the whole exchange, all attempts and the stream included.
    pub total_timeout_ms: u32,
    /// What puts its targets in their order.
    #[serde(default)]
    pub order: Order,
    /// What to do when a translation would lose something.
    #[serde(default)]
    pub on_loss: OnLoss,
    /// Which refusals by one target are tried at the next.
    #[serde(default)]
    pub fail_over_on: FailOverOn,
    /// What is to happen beyond the score.
    #[serde(default, skip_serializing_if = "Rules::is_empty")]
    pub rules: Rules,
    /// What its requests require of a provider.
    #[serde(default, skip_serializing_if = "is_default")]
    pub requires: Stated,
    /// A share of its requests is also sent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowSpec>,
    /// A second target is asked when the first is slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge: Option<HedgeSpec>,
}

/// Copies of a model's requests whose answers nobody gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowSpec {
    /// Who gets the copies; index into [`Snapshot::targets`], of no model's targets.
    pub target: TargetId,
    /// Share of the requests, above 0 and at most 1.
    pub share: f32,
    /// Of requests of these priorities.
    pub priorities: Vec<Priority>,
    /// Larger bodies are not copied, in bytes.
    pub body_limit_bytes: u64,
}

/// When a second target is asked before the first has answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HedgeSpec {
    /// After so many milliseconds without a first token; `None`: the P95 of the target that was asked.
    pub after_ms: Option<u32>,
    /// Least such delay when it is learnt, milliseconds.
    pub at_least_ms: u32,
    /// Second attempts over requests, at most, above 0 and at most 1.
    pub budget: f32,
    /// Of requests of these priorities.
    pub priorities: Vec<Priority>,
}
