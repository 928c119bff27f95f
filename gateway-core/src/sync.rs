//! What the filter and the sidecar say to each other: one exchange per worker and tick, as JSON.
//!
//! `POST /filter/v1/sync` over the Unix socket. The request carries what the worker runs and what
//! happened since; the answer carries what is new, and is `{}` when nothing is.

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::score::Scores;
use crate::snapshot::{Snapshot, SnapshotVersion};

/// From a worker's filter to the sidecar.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// Names the worker's VM: unique per Envoy, new after a trap.
    pub worker: String,
    /// The snapshot that it runs; `None` before the first.
    pub snapshot: Option<SnapshotVersion>,
    /// The scores that it runs; 0 before the first.
    pub scores: u64,
    /// Records dropped since the VM's start because the queue was full.
    pub dropped: u64,
    /// What happened since the last exchange.
    pub records: Vec<Record>,
    /// Attempts that still wait for their first byte.
    pub waiting: Vec<Waiting>,
}

/// Attempts of one target that have not had their first byte: late answers seen before they come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// The provider's name.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// How long each has waited, milliseconds; at most 64, a sample when there are more.
    pub ages_ms: Vec<u32>,
}

/// From the sidecar to a worker's filter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SyncResponse {
    /// A snapshot other than the one it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// Scores newer than those that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}
