//! What the filter knows of an API key.

use serde::{Deserialize, Serialize};

use super::ModelId;
use crate::compliance::Stated;
use crate::left_out::is_default;
use crate::priority::Priority;

/// Which models a key may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelGrant {
    /// Every model.
    All,
    /// These models only, sorted.
    Only(Vec<ModelId>),
}

/// A request limit as a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLimit {
    /// Sustained requests per minute, at least 1.
    pub requests_per_minute: u32,
    /// Requests that may come at once, at least 1.
    pub burst: u32,
}

/// An API key: whose it is and what it may do. The key itself is known only by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySpec {
    /// Its public name.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// SHA-256 of the key, 64 lower-case hex digits; empty for rights that only tokens and certificates
    /// give.
    pub sha256: String,
    /// Models it may use.
    pub models: ModelGrant,
    /// Priority of its requests when they do not say.
    pub priority: Priority,
    /// Priorities that its requests may ask for, the default included.
    pub priorities: Vec<Priority>,
    /// Whether `x-ark-provider` may pin a provider.
    pub may_pin: bool,
    /// Whether `x-ark-explain` shows it how its requests are routed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_explain: bool,
    /// Its request limit.
    pub limit: Option<RequestLimit>,
    /// From when on it is refused, seconds since the Unix epoch; `None` for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_s: Option<u64>,
    /// What its tenant and it require of a provider, together.
    #[serde(default, skip_serializing_if = "is_default")]
    pub requires: Stated,
    /// The rules that concern it: index into [`crate::access::AccessSpec::lists`]. `None`: it is subject to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<u32>,
    /// The guards that concern it, see [`crate::guard::GuardSpec::concerning`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub guards: u64,
    /// Whether providers may store what it sends, where its requests ask them to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_store: bool,
}
