//! What the sidecar measured, as the filter uses it.

use serde::{Deserialize, Serialize};

use crate::circuit::Circuit;
use crate::rules::CanaryShare;
use crate::snapshot::{ModelId, SnapshotVersion};

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
    /// The same of single keys whose answers are of another length than the model's, sorted by key and
    /// model; at most [`MOST_KEY_LENGTHS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lengths: Vec<KeyLengths>,
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
            lengths: Vec::new(),
            canaries: Vec::new(),
            workers: one(),
        }
    }
}

/// Most entries of [`Scores::lengths`]: those of the keys that ask most.
pub const MOST_KEY_LENGTHS: usize = 64;

/// How long the answers of one model to one key have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u32, u16, u32, u32)", into = "(u32, u16, u32, u32)")]
pub struct KeyLengths {
    /// The key, by its index in the snapshot.
    pub key: u32,
    /// The model.
    pub model: ModelId,
    /// Mean completion tokens.
    pub output_tokens: u32,
    /// P99 of the completion tokens.
    pub long_output_tokens: u32,
}

impl From<(u32, u16, u32, u32)> for KeyLengths {
    fn from((key, model, output_tokens, long_output_tokens): (u32, u16, u32, u32)) -> Self {
        Self {
            key,
            model: ModelId(model),
            output_tokens,
            long_output_tokens,
        }
    }
}

impl From<KeyLengths> for (u32, u16, u32, u32) {
    fn from(of: KeyLengths) -> Self {
        (of.key, of.model.0, of.output_tokens, of.long_output_tokens)
    }
}

/// Whose answers say how long the next one will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Learnt {
    /// Nobody's.
    Nothing,
    /// The model's.
    Model,
    /// The model's to this key.
    Key,
}

impl Scores {
    /// How long a model's answers have been: to this key, where those are of another length, else to all.
    #[must_use]
    pub fn learnt(&self, model: ModelId, key: Option<u32>) -> (ModelScore, Learnt) {
        let own = key.and_then(|key| {
            let place = |of: &KeyLengths| (of.key, of.model.0).cmp(&(key, model.0));
            let at = self.lengths.binary_search_by(place).ok()?;
            self.lengths.get(at)
        });
        if let Some(own) = own {
            let lengths = ModelScore {
                output_tokens: Some(own.output_tokens),
                long_output_tokens: Some(own.long_output_tokens),
            };
            return (lengths, Learnt::Key);
        }
        let all = self.models.get(usize::from(model.0)).copied();
        let all = all.unwrap_or_default();
        let of = match all.output_tokens {
            Some(_) => Learnt::Model,
            None => Learnt::Nothing,
        };
        (all, of)
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
    /// Next to nothing was ever seen of it: worth a try though it does not seem better, so that what does
    /// not explore finds it known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(share: &f32) -> bool {
    *share == 0.0
}
