//! What the sidecar measured, as the filter uses it.

use serde::{Deserialize, Serialize};

use crate::snapshot::SnapshotVersion;

/// The measured terms of every target of one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The snapshot whose targets these are.
    pub snapshot: SnapshotVersion,
    /// Rises with every change; names the state of knowledge in records.
    pub sequence: u64,
    /// One entry per [`crate::snapshot::Snapshot::targets`], in the same order.
    pub targets: Vec<TargetScore>,
}

/// What is known of one target. `None`: not known, or too old to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetScore {
    /// P95 of the time to the first token (or of the whole answer when not streamed), milliseconds.
    pub ttft_ms: Option<f32>,
    /// Mean time per output token after the first, milliseconds.
    pub tpot_ms: Option<f32>,
    /// Share of attempts that failed by the provider's fault, 0 to 1.
    pub failure_rate: Option<f32>,
    /// Requests in flight at the provider over what it takes, 0 to 1 and above.
    pub utilisation: Option<f32>,
    /// Envoy has no healthy host for it, or it has been taken out.
    pub unavailable: bool,
}
