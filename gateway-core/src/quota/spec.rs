//! What a limit says, as it runs.

use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::priority::Priority;
use crate::snapshot::ModelId;

/// All limits of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaSpec {
    /// The limits; names are unique.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitSpec>,
    /// Per calendar of [`Window::Calendar`] the beginnings of its periods, seconds since the Unix
    /// epoch, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<Vec<u64>>,
    /// How long a request may wait for the sidecar's word, milliseconds.
    pub deadline_ms: u32,
}

impl QuotaSpec {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }
}

/// One limit: of what, how much, for whom, in which window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSpec {
    /// Its name, unique: the name of its counters, in metrics, alerts and errors.
    pub name: String,
    /// What each has a counter of its own.
    pub per: Per,
    /// What is counted.
    pub of: Unit,
    /// How much, in the unit's own measure.
    pub limit: u64,
    /// In which time.
    pub window: Window,
    /// Whom it concerns.
    #[serde(default, skip_serializing_if = "Only::is_all")]
    pub only: Only,
    /// How exact it is.
    #[serde(default, skip_serializing_if = "Mode::is_lease")]
    pub mode: Mode,
    /// What happens when the store cannot be asked.
    pub on_store_down: OnStoreDown,
    /// Refuses nothing, and counts what it would have refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What changes before it is reached, by rising share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Step>,
}

/// What each has a counter of its own; nothing at all: one counter for the whole gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Per {
    /// Each tenant.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tenant: bool,
    /// Each key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// Each model.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub model: bool,
}

/// Whom a limit concerns: those that every non-empty list has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Only {
    /// Names of tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// Indices into [`crate::snapshot::Snapshot::keys`], ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<u32>,
    /// Models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelId>,
}

impl Only {
    /// Whether it concerns everyone.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.tenants.is_empty() && self.keys.is_empty() && self.models.is_empty()
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests.
    Requests,
    /// Prompt and completion tokens.
    Tokens,
    /// Prompt tokens, cached ones included.
    InputTokens,
    /// Completion tokens, reasoning included.
    OutputTokens,
    /// Requests in flight at once.
    Concurrency,
    /// Micro-USD.
    MicroUsd,
}

impl Unit {
    /// The word of `ark.yaml`, messages and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Concurrency => "concurrency",
            Self::MicroUsd => "usd",
        }
    }
}

/// How exact a limit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Workers hold leases; most requests are admitted without a round trip.
    #[default]
    Lease,
    /// Every request asks the sidecar.
    Strict,
}

impl Mode {
    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference; in Wasm that is not the smaller one"
    )]
    fn is_lease(&self) -> bool {
        *self == Self::Lease
    }
}

/// What happens to a request whose limit cannot be checked, as the store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnStoreDown {
    /// It is refused.
    Deny,
    /// It passes.
    Allow,
    /// Each worker admits its own share of the limit.
    Degrade,
}

/// What changes from a share of the limit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The share, percent.
    pub percent: u8,
    /// What changes.
    pub then: Downgrade,
}

/// A cheaper way to serve a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downgrade {
    /// Its targets are chosen by this priority's weights.
    Priority(Priority),
    /// Another model answers.
    Model(ModelId),
}
