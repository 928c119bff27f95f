//! What the operator wrote of rules beyond the score: aliases, fallbacks, canaries, drains.

use ark_gateway_core::rules::{Share, Sticky};

/// A model's rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RulesConfig {
    /// Other names that clients may ask for it by; unique among all models' names and aliases.
    pub aliases: Vec<String>,
    /// Names of the models that stand in when nothing is left of this one; never its own.
    pub fallback: Vec<String>,
    /// Targets that are tried with a part of the traffic.
    pub canary: Option<CanaryConfig>,
}

/// A model's `canary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryConfig {
    /// The provider whose targets of the model are tried.
    pub provider: String,
    /// Of them only that with this name for the model.
    pub model: Option<String>,
    /// What keeps a request on its side.
    pub sticky: Sticky,
    /// Its share: for good, or, with `promote`, the one that it starts with.
    pub share: Share,
    /// The operator wants the share to grow no further.
    pub hold: bool,
    /// How the share moves by itself; `None`: only the file moves it.
    pub promote: Option<PromoteConfig>,
}

impl CanaryConfig {
    /// Whether the canary tries this target.
    #[must_use]
    pub fn tries(&self, provider: &str, model: &str) -> bool {
        self.provider == provider && self.model.as_deref().is_none_or(|own| own == model)
    }
}

/// A canary's `promote`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromoteConfig {
    /// The shares it goes through: rising, at least one.
    pub steps: Vec<Share>,
    /// How long each step is watched at least, and over which span both sides are compared.
    pub window_s: u32,
    /// Fewest requests of the canary within the window.
    pub min_requests: u32,
    /// By how much more its error rate may be than the baseline's.
    pub max_error_increase: Share,
    /// So many times the baseline's P95 of the time to the first token may its own be, millionths.
    pub max_latency_ratio: u64,
    /// So many times the baseline's cost of a request may its own be, millionths.
    pub max_cost_ratio: u64,
}

impl Default for PromoteConfig {
    fn default() -> Self {
        Self {
            steps: [10_000, 50_000, 250_000, 1_000_000].map(Share).to_vec(),
            window_s: 300,
            min_requests: 200,
            max_error_increase: Share(20_000),
            max_latency_ratio: 1_250_000,
            max_cost_ratio: 1_250_000,
        }
    }
}

/// A provider's `drain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DrainConfig {
    /// It takes requests.
    #[default]
    No,
    /// It takes none.
    Always,
    /// It takes none within this time, seconds since the Unix epoch, the end excluded.
    Between {
        /// `None`: since ever.
        from_unix_s: Option<u64>,
        /// `None`: for ever.
        until_unix_s: Option<u64>,
    },
}

impl DrainConfig {
    /// Whether the provider is to take no requests at a moment.
    #[must_use]
    pub fn holds_at(self, unix_s: u64) -> bool {
        match self {
            Self::No => false,
            Self::Always => true,
            Self::Between {
                from_unix_s,
                until_unix_s,
            } => {
                from_unix_s.is_none_or(|from| from <= unix_s)
                    && until_unix_s.is_none_or(|until| unix_s < until)
            }
        }
    }
}
