//! `tenants` and their keys, typed.

use std::sync::Arc;

use ark_gateway_core::priority::Priority;
use ark_gateway_core::snapshot::RequestLimit;

use super::shape::RequiresConfig;

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
    /// SHA-256 of the key, 64 lower-case hex digits; empty where only [`super::Config::identity`] gives its rights.
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

/// A key's `models`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyModelsConfig {
    /// `["*"]`.
    All,
    /// Names of [`super::Config::models`], at least one.
    Named(Vec<String>),
}
