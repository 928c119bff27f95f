//! How urgent a request is, and what its sender cares about.

use serde::{Deserialize, Serialize};

/// A request's priority: the vocabulary of `x-ark-priority` and `ark.yaml`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// People are waiting: reliability and latency first, never explored with.
    Critical,
    /// The default.
    #[default]
    Standard,
    /// Nobody is waiting: cost first.
    Batch,
}

impl Priority {
    /// All priorities, most urgent first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Standard, Self::Batch];

    /// The name used in headers, configuration, records and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Standard => "standard",
            Self::Batch => "batch",
        }
    }

    /// How much of what a provider takes this priority may fill, 0 to 1: the rest is kept for the more
    /// urgent ones.
    #[must_use]
    pub fn ceiling(self) -> f32 {
        match self {
            Self::Critical => 1.0,
            Self::Standard => 0.85,
            Self::Batch => 0.7,
        }
    }

    /// Reads the name that [`Priority::as_str`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == name)
    }
}

/// The weights of the score's terms; each at least zero, not all zero. Compared only to each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Estimated cost against the model's reference price.
    pub cost: f32,
    /// Expected latency against the SLO.
    pub performance: f32,
    /// Failure odds against the SLO.
    pub reliability: f32,
    /// Utilisation against the provider's limits.
    pub load: f32,
    /// Preference for better-certified providers.
    pub compliance: f32,
}

/// What a priority promises: the absolute references that terms are measured against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// Expected total latency that scores one half, in milliseconds.
    pub latency_ms: f32,
    /// Share of failed attempts that scores one half, 0 < x < 1.
    pub failure_rate: f32,
}

/// One priority as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrioritySpec {
    /// What matters to it.
    pub weights: Weights,
    /// What it promises.
    pub slo: Slo,
    /// Share of its requests that may try a target without fresh data, 0 ≤ x ≤ 0.2; 0 for critical.
    pub exploration_share: f32,
}
