//! What the filter and the sidecar say to each other: one exchange per worker and tick.
//!
//! `POST /filter/v1/sync` over the Unix socket. The request carries what the worker runs and what
//! happened since; the answer carries what is new. `ark_link` is its form; the sidecar also takes
//! and gives JSON, which is `{}` when nothing is new.

use serde::{Deserialize, Serialize};

use crate::keys::PageBytes;
use crate::overload::{Load, Sheds};
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
    /// What went wrong without failing a request, since the VM's start.
    #[serde(default)]
    pub faults: Faults,
    /// What happened since the last exchange.
    pub records: Vec<Record>,
    /// Attempts that still wait for their first byte.
    pub waiting: Vec<Waiting>,
    /// Requests with attempts that run, told once each: those attempts have a charge, which is what
    /// they may come to. Each has a number, which the record of its end has, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<Record>,
    /// The worker takes keys in pages; `None`: whoever asks wants whole snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<PagesWanted>,
    /// How much the worker has to do.
    #[serde(default)]
    pub load: Load,
}

/// What a worker lacks of the snapshot that is on its way in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagesWanted {
    /// The snapshot; `None` when it has all of what it runs and knows of no other.
    pub snapshot: Option<SnapshotVersion>,
    /// The next pages, by their place in [`Snapshot::key_pages`].
    pub numbers: Vec<u16>,
}

/// Degradations that no record shows, counted since a VM's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// Records dropped because the queue was full.
    pub records_dropped: u64,
    /// Requests that passed though their limit could not be checked.
    pub limits_unchecked: u64,
    /// Snapshots that contradict themselves; the last good one stays.
    pub snapshots_refused: u64,
    /// Attempts whose body could not be made what the provider takes.
    pub bodies_not_rewritten: u64,
    /// Attempts of which no request was known: the VM that knew it had trapped.
    pub attempts_unknown: u64,
    /// Shadow copies that were drawn and not made.
    pub shadows: crate::shadow::Skips,
    /// Requests that were not hedged though their model is.
    pub hedges: crate::hedge::Skips,
    /// Requests that passed though the store of limits could not be asked.
    pub quota_unchecked: u64,
    /// Requests that were refused for the gateway's own sake.
    pub sheds: Sheds,
}

impl Faults {
    /// What is new since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            records_dropped: self.records_dropped.saturating_sub(earlier.records_dropped),
            limits_unchecked: self
                .limits_unchecked
                .saturating_sub(earlier.limits_unchecked),
            snapshots_refused: self
                .snapshots_refused
                .saturating_sub(earlier.snapshots_refused),
            bodies_not_rewritten: self
                .bodies_not_rewritten
                .saturating_sub(earlier.bodies_not_rewritten),
            attempts_unknown: self
                .attempts_unknown
                .saturating_sub(earlier.attempts_unknown),
            shadows: self.shadows.since(earlier.shadows),
            hedges: self.hedges.since(earlier.hedges),
            quota_unchecked: self.quota_unchecked.saturating_sub(earlier.quota_unchecked),
            sheds: self.sheds.since(earlier.sheds),
        }
    }
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
    /// Pages of its keys, each with its place in [`Snapshot::key_pages`]: as many as one message holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<(u16, PageBytes)>,
    /// Scores newer than those that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
    /// The records of this exchange could not be kept: the worker keeps them and sends them again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
}
