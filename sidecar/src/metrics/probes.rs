//! Counters of probes: they are nobody's requests.

use ark_gateway_core::money::MicroUsd;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::ProviderLabels;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProbeLabels {
    provider: String,
    result: &'static str,
}

/// Probes and what they cost.
#[derive(Default)]
pub struct Probes {
    ended: Family<ProbeLabels, Counter>,
    cost: Family<ProviderLabels, Counter>,
    unpriced: Family<ProviderLabels, Counter>,
}

impl Probes {
    /// Adds them to a registry.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "probes",
            "Probes of idle targets by how they ended",
            self.ended.clone(),
        );
        registry.register(
            "probe_cost_micro_usd",
            "Cost of probes in millionths of a US dollar",
            self.cost.clone(),
        );
        registry.register(
            "probe_price_unknown",
            "Probes without a cost, as their price is not known",
            self.unpriced.clone(),
        );
    }

    /// Counts a probe of a provider of `ark.yaml`.
    pub fn ended(&self, provider: &str, result: &'static str) {
        let provider = provider.to_owned();
        let labels = ProbeLabels { provider, result };
        self.ended.get_or_create(&labels).inc();
    }

    /// Counts what it has cost; `None` when that is not known.
    pub fn cost(&self, provider: &str, cost: Option<MicroUsd>) {
        let labels = ProviderLabels {
            provider: provider.to_owned(),
        };
        match cost {
            Some(cost) => self.cost.get_or_create(&labels).inc_by(cost.0),
            None => self.unpriced.get_or_create(&labels).inc(),
        };
    }
}
