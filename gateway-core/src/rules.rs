//! What an operator's rules say of a model beyond its score: other names, canaries, splits, fallbacks.

use serde::{Deserialize, Serialize};

use crate::chance;
use crate::snapshot::{ModelId, TargetId};

/// A part of something, in millionths, at most [`Share::ALL`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Share(pub u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(1_000_000);
}

/// The rules of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// Other names that clients may ask for it by; unique among all models' names and aliases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Models whose targets follow when none of its own is left, in this order. Their own fallbacks are
    /// not followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fallback: Vec<ModelId>,
    /// How much of the traffic each of the model's targets gets, relative to the others and in the order
    /// of [`crate::snapshot::ModelSpec::targets`]; empty: the score decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<u32>,
    /// Targets that are tried with a part of the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanarySpec>,
}

impl Rules {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Some of a model's targets, and whose requests they get. The others are the baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanarySpec {
    /// The targets that are tried; some of the model's, never all.
    pub targets: Vec<TargetId>,
    /// What keeps a request on its side.
    pub sticky: Sticky,
    /// The canary's share: for good, or, if it is automatic, the one that it starts with.
    pub share: Share,
    /// Whether the control plane moves the share; then only [`crate::score::Scores::canaries`] counts,
    /// and without scores, when nobody watches, the canary gets nothing.
    pub is_automatic: bool,
    /// Which requests are first is another matter for every canary.
    pub salt: u64,
}

/// What keeps a request on its side of a canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sticky {
    /// All requests of a tenant are on one side.
    Tenant,
    /// All requests with one key are.
    Key,
    /// All requests with one value of this header are (lower case); those without it go by their key.
    Header(String),
    /// Nothing: each request is drawn.
    Request,
}

/// A canary's share at this moment, by the word of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryShare {
    /// Whose canary.
    pub model: ModelId,
    /// What it gets.
    pub share: Share,
}

impl CanarySpec {
    /// Where a request stands in the queue for the canary, 0 to 999 999: with a share of more millionths
    /// than that it is the canary's. So a larger share adds requests to it, and takes none away.
    #[must_use]
    pub fn place(&self, unit: u64) -> u32 {
        let even = chance::mix(unit, self.salt) >> 32;
        u32::try_from((even * u64::from(Share::ALL.0)) >> 32).unwrap_or(u32::MAX)
    }

    /// Whether a request at `place` is the canary's.
    #[must_use]
    pub fn takes(place: u32, share: Share) -> bool {
        place < share.0
    }
}

/// A number for a tenant, a key or a header's value: the same on every worker and in every version
/// (FNV-1a, 64 bits).
#[must_use]
pub fn unit_of(value: &str) -> u64 {
    value.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canary(salt: u64) -> CanarySpec {
        CanarySpec {
            targets: vec![TargetId(0)],
            sticky: Sticky::Tenant,
            share: Share::NONE,
            is_automatic: false,
            salt,
        }
    }

    proptest! {
        #[test]
        fn a_growing_share_takes_and_never_gives_back(
            value in ".{0,20}", salt in any::<u64>(), share in 0u32..=1_000_000, more in 0u32..=1_000_000,
        ) {
            let place = canary(salt).place(unit_of(&value));
            prop_assert!(place < Share::ALL.0);
            let larger = Share((share + more).min(Share::ALL.0));
            prop_assert!(!CanarySpec::takes(place, Share(share)) || CanarySpec::takes(place, larger));
            prop_assert!(CanarySpec::takes(place, Share::ALL) && !CanarySpec::takes(place, Share::NONE));
        }
    }

    #[test]
    fn a_share_is_that_share_of_all_names_and_other_names_for_another_canary() {
        let taken = |salt| -> Vec<bool> {
            let takes = |n: u32| {
                let place = canary(salt).place(unit_of(&format!("tenant-{n}")));
                CanarySpec::takes(place, Share(50_000))
            };
            (0..20_000).map(takes).collect()
        };
        let (one, other) = (taken(1), taken(2));
        let count = |taken: &[bool]| taken.iter().filter(|t| **t).count();
        assert!((850..1_150).contains(&count(&one)), "{}", count(&one));
        let both = one.iter().zip(&other).filter(|(a, b)| **a && **b).count();
        assert!(both < 100, "{both} of 1000 are the guinea pigs of both");
    }
}
