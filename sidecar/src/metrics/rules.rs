//! Metrics of the operator's rules: canaries and drains.

use std::sync::atomic::AtomicU64;

use ark_gateway_core::rules::Share;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Metrics;
use crate::canary::State;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    model: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MoveLabels {
    model: String,
    kind: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DrainLabels {
    provider: String,
}

/// Where they are counted.
#[derive(Default)]
pub(super) struct Rules {
    canary_state: Family<StateLabels, Gauge>,
    canary_share: Family<ModelLabels, Gauge<f64, AtomicU64>>,
    canary_moves: Family<MoveLabels, Counter>,
    drained: Family<DrainLabels, Gauge>,
    unkept: Counter,
}

impl Rules {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "canary_state",
            "The state that each model's canary is in",
            self.canary_state.clone(),
        );
        registry.register(
            "canary_share",
            "The share of its model's requests that each canary gets",
            self.canary_share.clone(),
        );
        registry.register(
            "canary_moves",
            "Changes of a canary's share",
            self.canary_moves.clone(),
        );
        registry.register(
            "provider_drained",
            "Whether a provider is drained for maintenance",
            self.drained.clone(),
        );
        registry.register(
            "commands_unkept",
            "Failed attempts to write operators' commands down",
            self.unkept.clone(),
        );
    }
}

impl Metrics {
    /// Shows each model's canary, and no other.
    pub fn canaries<'a>(&self, canaries: impl Iterator<Item = (&'a str, State, Share)>) {
        self.rules.canary_state.clear();
        self.rules.canary_share.clear();
        for (model, is, share) in canaries {
            for state in State::ALL {
                let labels = StateLabels {
                    model: model.to_owned(),
                    state: state.as_str(),
                };
                let gauge = self.rules.canary_state.get_or_create(&labels);
                gauge.set(i64::from(state == is));
            }
            let labels = ModelLabels {
                model: model.to_owned(),
            };
            let share = f64::from(share.0) / 1e6;
            self.rules.canary_share.get_or_create(&labels).set(share);
        }
    }

    /// Counts a change of a canary's share: `promoted`, `rolled_back` or `restarted`.
    pub fn canary_moved(&self, model: &str, kind: &'static str, reason: &'static str) {
        let model = model.to_owned();
        let labels = MoveLabels {
            model,
            kind,
            reason,
        };
        self.rules.canary_moves.get_or_create(&labels).inc();
    }

    /// Counts a failed attempt to write down what operators have commanded.
    pub fn commands_unkept(&self) {
        self.rules.unkept.inc();
    }

    /// Shows of each provider, and of no other, whether it is drained.
    pub fn drained<'a>(&self, providers: impl Iterator<Item = (&'a str, bool)>) {
        self.rules.drained.clear();
        for (provider, is_drained) in providers {
            let labels = DrainLabels {
                provider: provider.to_owned(),
            };
            let gauge = self.rules.drained.get_or_create(&labels);
            gauge.set(i64::from(is_drained));
        }
    }
}
