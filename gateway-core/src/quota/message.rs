//! What workers and the sidecar say of quotas: `POST /filter/v1/quota`, in the form of
//! `ark_link`, or as JSON.
//!
//! All amounts are totals since the worker opened the counter, and only rise, except `reserved`. So a
//! report that is lost, sent twice or overtaken does no harm.

use serde::{Deserialize, Serialize};

use crate::left_out::is_default;

/// From a worker: the counters that changed, whose lease is to be renewed, or that a request waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaReport {
    /// The worker's VM.
    pub worker: String,
    /// The counters.
    pub counters: Vec<CounterReport>,
}

/// What a worker says of one counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CounterReport {
    /// Name of the limit.
    pub limit: String,
    /// Whose counter it is, where the limit counts per tenant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// Whose it is, where it counts per key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Whose it is, where it counts per model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// First second of the window.
    pub start_s: u64,
    /// First second after it.
    pub end_s: u64,
    /// How often this worker has opened the counter: names the lease, with the worker.
    pub opened: u32,
    /// Rises with every report of the worker.
    pub sequence: u64,
    /// Granted so far, as far as the worker knows.
    pub granted: u64,
    /// Used so far.
    pub used: u64,
    /// Given back unused so far.
    pub returned: u64,
    /// Held by requests in flight.
    pub reserved: u64,
    /// What the worker wants to have free.
    pub want: u64,
    /// Of that, what requests wait for.
    pub need: u64,
    /// The least that one of them needs.
    pub least: u64,
    /// Requests that a dry run would have refused.
    #[serde(skip_serializing_if = "is_default")]
    pub would_refuse: u64,
    /// The worker forgets the counter when this has been heard.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// From the sidecar: one grant per counter of the report, in its order; `None` where the limit is not
/// known there or its store does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaAnswer {
    /// The grants.
    pub counters: Vec<Option<CounterGrant>>,
}

/// What the store grants of one counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterGrant {
    /// Granted to this worker so far, in all.
    pub granted: u64,
    /// How long the lease lasts from when the report was sent, milliseconds.
    pub for_ms: u32,
    /// What nobody holds after this grant.
    pub left: u64,
    /// Used, or held by requests in flight, in percent of the limit.
    pub percent: u8,
    /// Workers that hold leases.
    pub workers: u16,
    /// There was not enough.
    pub dry: bool,
    /// A request waits elsewhere for what this worker does not need: it is to be given back at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recall: bool,
}
