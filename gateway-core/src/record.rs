//! The record: what happened to one request, one entry per attempt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::basis::Basis;
use crate::compliance::Requirement;
use crate::guard::Guarded;
use crate::money::{MicroUsd, Price};
use crate::priority::Priority;
use crate::reject::RejectCode;
use crate::snapshot::SnapshotVersion;

/// What the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
    /// `GET /v1/models` and `GET /v1/models/{id}`.
    Models,
    /// Anything else.
    Other,
}

/// Which rule put the targets in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The best score.
    Score,
    /// A near-equal of the best, drawn so that workers do not herd.
    NearEqual,
    /// A target without fresh data, tried within the exploration share.
    Explore,
    /// The client pinned a provider.
    Pin,
    /// The operator's order: no scores, or too old.
    Static,
    /// The operator's order, as the model asks for.
    Listed,
    /// Only one target.
    Only,
    /// The request is the canary's.
    Canary,
    /// Drawn by the operator's weights.
    Weighted,
    /// No target of the model is left: one of a fallback model.
    Fallback,
    /// Nothing was decided: the request was refused before, or needs no target.
    None,
}

/// How the exchange ended for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Answered with success.
    Ok,
    /// The provider refused the client's request (4xx that is the client's own).
    ClientError,
    /// The gateway refused it, see `reject`.
    Rejected,
    /// The providers failed, see `reject`.
    Failed,
    /// The client went away before the end.
    ClientGone,
    /// The stream broke after it had begun.
    Cut,
}

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Answered with success.
    Ok,
    /// 4xx that is the client's own; says nothing against the provider.
    ClientError,
    /// No connection, or reset before any answer.
    Unreachable,
    /// No first byte in time.
    Timeout,
    /// 429.
    RateLimited,
    /// 529, or 503.
    Overloaded,
    /// 5xx.
    ServerError,
    /// 401 or 403: our own credential is bad.
    Auth,
    /// A 200 whose first event was an error, or that ended without one.
    FirstEvent,
    /// Broke after it had begun.
    Cut,
    /// The client went away while it ran; says nothing against the provider.
    Abandoned,
    /// Another attempt of the same request was faster; says that it was slow, nothing worse.
    Hedged,
}

impl Verdict {
    /// Whether the attempt counts against the provider's reliability.
    #[must_use]
    pub fn is_provider_fault(self) -> bool {
        match self {
            Self::Ok | Self::ClientError | Self::Abandoned | Self::Hedged => false,
            Self::Unreachable
            | Self::Timeout
            | Self::RateLimited
            | Self::Overloaded
            | Self::ServerError
            | Self::Auth
            | Self::FirstEvent
            | Self::Cut => true,
        }
    }
}

/// Tokens that an answer used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// Completion tokens, reasoning included.
    pub output_tokens: u64,
    /// Of the prompt tokens, those read from the provider's prompt cache.
    pub cached_tokens: u64,
    /// Of the prompt tokens, those written to the provider's prompt cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_creation_tokens: u64,
    /// Of the completion tokens, those of hidden reasoning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
    /// Of the prompt tokens, those of sound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input_audio_tokens: u64,
    /// Of the completion tokens, those of sound.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_audio_tokens: u64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference; in Wasm that is the smaller one"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero_ms(ms: &u32) -> bool {
    *ms == 0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Where the usage of a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider said.
    Reported,
    /// Estimated from bytes and events, as the provider did not (or could not) say.
    Estimated,
    /// No answer, no usage.
    None,
}

/// How sure what an attempt is charged with is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The provider said what the whole of it used.
    Reported,
    /// The provider said a part, and what came after is counted by its events.
    Partial,
    /// From the request's bytes and the answer's events alone.
    Estimated,
}

/// What an attempt used, and what its provider charges for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The tokens.
    pub usage: Usage,
    /// How sure they are.
    pub settlement: Settlement,
    /// The price that applied; `None` when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// What it cost; `None` when the price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<MicroUsd>,
}

/// What is left of one limit of the provider's, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Requests or tokens that are left.
    pub remaining: u64,
    /// Of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// When it is whole again, milliseconds from the answer's head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_ms: Option<u64>,
}

/// What an answer's headers said of the limits of our account, for its model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimits {
    /// Of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Allowance>,
    /// Of tokens: the tightest, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Allowance>,
}

/// One attempt at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The provider's name.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// Start, in microseconds after the start of the request.
    pub start_us: u64,
    /// The provider's status; `None` when it did not answer.
    pub status: Option<u16>,
    /// How it ended.
    pub verdict: Verdict,
    /// Time from the attempt's start to its first byte or first event, microseconds.
    pub ttft_us: Option<u64>,
    /// From its start to its end, microseconds.
    pub duration_us: u64,
    /// What the translations to the target's dialect and of its answer left out, by
    /// `dialect::loss::Field`'s labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// The provider's word when to come back, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// It began while another attempt of the request still waited for its first token.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hedge: bool,
    /// What it used; `None` when its provider charges nothing for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Charge>,
    /// The provider's word on its limits, when its head said any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<RateLimits>,
}

/// Which side of a shadowed request a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shadow {
    /// The client's own request, of which a copy was sent elsewhere.
    Original,
    /// The copy: nobody got its answer, no client pays for it, and it says nothing of what clients got.
    Copy,
}

/// What happened to one request. Holds no content and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The value of `x-request-id`.
    pub id: String,
    /// Start, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Whose request; empty when unknown.
    pub tenant: String,
    /// The key's id; empty when unknown.
    pub key: String,
    /// What was asked for.
    pub endpoint: Endpoint,
    /// The model's name in `ark.yaml`; empty when unknown (never what a client made up).
    pub model: String,
    /// The fallback model that was tried last, where that is not the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Its priority.
    pub priority: Priority,
    /// Whether the answer was asked for as a stream.
    pub stream: bool,
    /// The snapshot that served it.
    pub snapshot: SnapshotVersion,
    /// The scores that decided, [`crate::score::Scores::sequence`]; 0 for none.
    pub scores: u64,
    /// The sidecar had not been heard of for too long.
    pub stale: bool,
    /// What put the targets in order.
    pub rule: Rule,
    /// The status the client got; 0 when it went away before.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// Why the gateway refused or failed it.
    pub reject: Option<RejectCode>,
    /// From the first header to the end, microseconds.
    pub duration_us: u64,
    /// The attempts in order.
    pub attempts: Vec<AttemptRecord>,
    /// Tokens of the answer.
    pub usage: Usage,
    /// Where they come from.
    pub usage_source: UsageSource,
    /// What it cost; `None` when the price or the usage is not known.
    pub cost: Option<MicroUsd>,
    /// The price is not known, and what was charged is a ceiling.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cost_is_ceiling: bool,
    /// What was required of the provider, but for what its model requires.
    #[serde(default, skip_serializing_if = "requires_nothing")]
    pub requires: Requirement,
    /// Which side of a shadowed request this is; `None` when it was not shadowed. The two sides have
    /// the same `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// After so many milliseconds without a first token a second target was to be asked, too; 0: never.
    #[serde(default, skip_serializing_if = "is_zero_ms")]
    pub hedge_after_ms: u32,
    /// Counts the records of its worker's VM from 1, so that one that is sent twice is known: with the
    /// worker's name it is unique. 0 from a filter that does not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sequence: u64,
    /// The number by which the worker has told of it while it ran, see
    /// [`crate::sync::SyncRequest::opened`]; 0 when it has not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub opened: u64,
    /// What the client's headers of `gateway.tags` said, see [`crate::tags`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The rule of `access` that decided on it: let it pass, or, where `reject` says so, refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<String>,
    /// What guards found in its content, by kind; never what stood there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guard: Vec<Guarded>,
    /// What its decision was made of; `None` when nothing was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

fn requires_nothing(requirement: &Requirement) -> bool {
    *requirement == Requirement::default()
}

impl Record {
    /// Whether this is of a copy, which no client asked for and no client pays for.
    #[must_use]
    pub fn is_shadow(&self) -> bool {
        self.shadow == Some(Shadow::Copy)
    }
}
