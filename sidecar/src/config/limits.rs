//! `limits`, `limits_store` and `limit_alerts`, typed.

use std::path::PathBuf;

use ark_gateway_core::priority::Priority;
use ark_gateway_core::quota::{Mode, OnStoreDown, Per, Unit};

use super::shape::CredentialConfig;
use super::tls::ClientTlsConfig;

/// One of `limits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Its name, unique; made of the other fields where the operator gave none.
    pub name: String,
    /// What each has a counter of its own.
    pub per: Per,
    /// What is counted.
    pub of: Unit,
    /// How much; money in micro-USD.
    pub limit: u64,
    /// In which time.
    pub window: WindowConfig,
    /// Tenants whom it concerns; empty: all.
    pub tenants: Vec<String>,
    /// Ids of keys whom it concerns; empty: all.
    pub keys: Vec<String>,
    /// Models that it concerns; empty: all.
    pub models: Vec<String>,
    /// How exact it is.
    pub mode: Mode,
    /// What happens when the store cannot be asked.
    pub on_store_down: OnStoreDown,
    /// Refuses nothing.
    pub dry_run: bool,
    /// Shares at which the webhook is told, percent, ascending.
    pub alerts: Vec<u8>,
    /// What changes before it is reached, by rising share.
    pub at: Vec<StepConfig>,
}

/// A limit's `window`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowConfig {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A stretch of the calendar in a time zone of the IANA database.
    Calendar(Stretch, String),
    /// None: what is limited comes back.
    Always,
}

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stretch {
    /// A day, from midnight.
    Day,
    /// A week, from Monday.
    Week,
    /// A month, from its first day.
    Month,
}

/// One of a limit's `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepConfig {
    /// From which share on, percent.
    pub percent: u8,
    /// What changes.
    pub then: DowngradeConfig,
}

/// What changes at a share of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DowngradeConfig {
    /// Targets are chosen by this priority's weights.
    Priority(Priority),
    /// Another model answers.
    Model(String),
}

/// `limits_store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsStoreConfig {
    /// Where counters are kept.
    pub place: StorePlace,
    /// How long a lease lasts.
    pub lease_ms: u32,
    /// How long a request waits for the store's word.
    pub deadline_ms: u32,
}

impl Default for LimitsStoreConfig {
    fn default() -> Self {
        Self {
            place: StorePlace::Embedded(None),
            lease_ms: 3_000,
            deadline_ms: 250,
        }
    }
}

/// Where counters are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// In the sidecar's memory, and in a file if there is one: without, a restart forgets them.
    Embedded(Option<PathBuf>),
    /// In Redis or Valkey, which several sidecars share.
    Redis {
        /// `redis://host:port/database`, without a credential; `rediss://` with `tls`.
        url: String,
        /// Where the password is kept.
        password: Option<CredentialConfig>,
        /// How the connection is protected: `rediss://`; `None` for `redis://`.
        tls: Option<ClientTlsConfig>,
    },
}

/// `limit_alerts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitAlertsConfig {
    /// Whom to tell; nothing is sent to where it redirects to.
    pub webhook: super::Endpoint,
    /// How the connection is protected, where it is `https`.
    pub tls: ClientTlsConfig,
}
