//! What the sidecar measured, as the filter uses it.

use serde::{Deserialize, Serialize};

use crate::circuit::Circuit;
use crate::rules::CanaryShare;
use crate::snapshot::SnapshotVersion;

/// The measured terms of every target of one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The snapshot whose targets these are.
    pub snapshot: SnapshotVersion,
    /// Rises with every change; names the state of knowledge in records.
    pub sequence: u64,
    /// One entry per [`crate::snapshot::Snapshot::targets`], in the same order.
    pub targets: Vec<TargetScore>,
    /// One entry per [`crate::snapshot::Snapshot::models`], in the same order; empty when nothing has
    /// been learnt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelScore>,
    /// The shares of the canaries that the control plane moves, sorted by model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<CanaryShare>,
    /// Workers that share the load: each sees only its own part of what is in flight.
    #[serde(default = "one")]
    pub workers: u16,
}

fn one() -> u16 {
    1
}

impl Default for Scores {
    fn default() -> Self {
        Self {
            snapshot: SnapshotVersion::default(),
            sequence: 0,
            targets: Vec::new(),
            models: Vec::new(),
            canaries: Vec::new(),
            workers: one(),
        }
    }
}

/// How long the answers of one model have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelScore {
    /// Mean completion tokens; `None`: not known.
    pub output_tokens: Option<u32>,
    /// P99 of the completion tokens.
    pub long_output_tokens: Option<u32>,
}

/// What is known of one target. `None`: not known.
///
/// What is not known for certain is an interval: the plain fields are its careful end, by which
/// targets are chosen, and the `hoped` ones its other end, by which they are explored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetScore {
    /// P95 of the time to the first token (or of the whole answer when not streamed), milliseconds.
    pub ttft_ms: Option<f32>,
    /// Mean time per output token after the first, milliseconds.
    pub tpot_ms: Option<f32>,
    /// Upper confidence bound of the share of attempts that fail by the provider's fault, 0 to 1.
    pub failure_rate: Option<f32>,
    /// Requests in flight at the provider over what it takes, 0 to 1 and above.
    pub utilisation: Option<f32>,
    /// The larger of requests per minute and tokens per minute over the provider's limits, 0 to 1 and
    /// above; `None`: no limits are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metered: Option<f32>,
    /// Envoy has no healthy host for it, or it has been taken out.
    pub unavailable: bool,
    /// Whether its circuit lets requests through.
    #[serde(default, skip_serializing_if = "Circuit::is_closed")]
    pub circuit: Circuit,
    /// What the priority's exploration share is multiplied with for this target; 0: what is known of
    /// it is fresh, and there is nothing to explore.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub explore: f32,
    /// What its time to the first token may be, if it is as it used to be, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoped_ttft_ms: Option<f32>,
    /// What its failure rate may be, if it is as it used to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoped_failure_rate: Option<f32>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(share: &f32) -> bool {
    *share == 0.0
}
