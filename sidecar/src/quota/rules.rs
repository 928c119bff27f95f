//! What the configuration says of each limit's counters.

use std::collections::BTreeMap;

use ark_gateway_core::quota::{Terms, Unit};

use crate::config::Config;

/// What a counter of a limit goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The limit's name.
    pub name: String,
    /// What is counted.
    pub of: Unit,
    /// How much.
    pub limit: u64,
    /// Shares that are alerted, percent, ascending.
    pub alerts: Vec<u8>,
    lease_ms: u32,
}

impl Rule {
    pub(super) fn terms(&self, end_s: u64, now_ms: u64) -> Terms {
        Terms {
            limit: self.limit,
            lease_ms: self.lease_ms,
            comes_back: self.of == Unit::Concurrency,
            open: end_s > now_ms / 1_000,
        }
    }
}

/// All rules, by name.
#[derive(Clone, Debug, Default)]
pub struct Rules(BTreeMap<String, Rule>);

impl Rules {
    /// The rules of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let rules = config.limits.iter().map(|limit| {
            let rule = Rule {
                name: limit.name.clone(),
                of: limit.of,
                limit: limit.limit,
                alerts: limit.alerts.clone(),
                lease_ms: config.limits_store.lease_ms,
            };
            (limit.name.clone(), rule)
        });
        Self(rules.collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Rule> {
        self.0.get(name)
    }
}
