//! What the gateway refuses for its own sake, and how much its workers and Envoy have to do.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use ark_gateway_core::overload::{Load, Sheds};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// A gauge of fractions.
type Ratio = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShedLabels {
    cause: &'static str,
    priority: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WorkerLabels {
    worker: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    action: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: String,
}

/// What Envoy's overload manager says: names as in the bootstrap, without their prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvoyOverload {
    /// Whether each action is taken now.
    pub actions: BTreeMap<String, bool>,
    /// How full each resource is, per cent.
    pub pressures: BTreeMap<String, u64>,
    /// Connections that were refused since Envoy's start, as there were too many.
    pub refused_connections: u64,
}

/// The metrics of overload.
#[derive(Default)]
pub struct OverloadMetrics {
    shed: Family<ShedLabels, Counter>,
    in_flight: Family<WorkerLabels, Gauge>,
    body_bytes: Family<WorkerLabels, Gauge>,
    late: Family<WorkerLabels, Ratio>,
    pressure: Family<WorkerLabels, Ratio>,
    actions: Family<ActionLabels, Gauge>,
    resources: Family<ResourceLabels, Ratio>,
    refused_connections: Gauge,
}

impl OverloadMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "shed",
            "Requests that workers refused for their own sake",
            self.shed.clone(),
        );
        registry.register(
            "worker_in_flight",
            "Requests in flight in each worker",
            self.in_flight.clone(),
        );
        registry.register(
            "worker_body_bytes",
            "Bytes of request bodies that each worker holds",
            self.body_bytes.clone(),
        );
        registry.register(
            "worker_late_seconds",
            "How late each worker's event loop runs",
            self.late.clone(),
        );
        registry.register(
            "worker_shed_pressure",
            "What each worker sheds: up to 1 of batch, up to 2 of standard, up to 3 of critical",
            self.pressure.clone(),
        );
        registry.register(
            "envoy_overload_active",
            "1 while Envoy's overload manager takes an action",
            self.actions.clone(),
        );
        registry.register(
            "envoy_pressure_ratio",
            "How full a resource of Envoy is",
            self.resources.clone(),
        );
        registry.register(
            "envoy_connections_refused",
            "Connections that Envoy refused since its start, as there were too many",
            self.refused_connections.clone(),
        );
    }

    /// Counts what a worker has refused.
    pub(super) fn shed(&self, sheds: Sheds) {
        for (cause, priority, count) in sheds.named() {
            let priority = priority.as_str();
            self.shed
                .get_or_create(&ShedLabels { cause, priority })
                .inc_by(count);
        }
    }

    /// Shows how much all workers that are remembered have to do.
    #[allow(
        clippy::cast_precision_loss,
        reason = "a gauge; the numbers are far below 2^53"
    )]
    pub fn show_workers<'a>(&self, workers: impl Iterator<Item = (&'a str, Load)>) {
        self.in_flight.clear();
        self.body_bytes.clear();
        self.late.clear();
        self.pressure.clear();
        for (worker, load) in workers {
            let labels = WorkerLabels {
                worker: worker.to_owned(),
            };
            let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            self.in_flight
                .get_or_create(&labels)
                .set(load.in_flight.into());
            self.body_bytes
                .get_or_create(&labels)
                .set(signed(load.body_bytes));
            let late = f64::from(load.late_us) / 1e6;
            self.late.get_or_create(&labels).set(late);
            let pressure = f64::from(load.pressure) / 1e3;
            self.pressure.get_or_create(&labels).set(pressure);
        }
    }

    /// Shows what Envoy says; returns the actions that have begun since it last did.
    #[allow(clippy::cast_precision_loss, reason = "a percentage")]
    pub fn show_envoy(&self, said: &EnvoyOverload) -> Vec<String> {
        let mut begun = Vec::new();
        for (action, active) in &said.actions {
            let labels = ActionLabels {
                action: action.clone(),
            };
            let before = self.actions.get_or_create(&labels).set((*active).into());
            if *active && before == 0 {
                begun.push(action.clone());
            }
        }
        for (resource, percent) in &said.pressures {
            let resource = resource.clone();
            let ratio = *percent as f64 / 100.0;
            self.resources
                .get_or_create(&ResourceLabels { resource })
                .set(ratio);
        }
        let refused = i64::try_from(said.refused_connections).unwrap_or(i64::MAX);
        if self.refused_connections.set(refused) < refused {
            begun.push("refused connections".to_owned());
        }
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_is_told_once() {
        let metrics = OverloadMetrics::default();
        let mut said = EnvoyOverload::default();
        said.actions.insert("shrink_heap".to_owned(), false);
        assert!(metrics.show_envoy(&said).is_empty());
        said.actions.insert("shrink_heap".to_owned(), true);
        assert_eq!(metrics.show_envoy(&said), ["shrink_heap"]);
        assert!(metrics.show_envoy(&said).is_empty());
        said.refused_connections = 3;
        assert_eq!(metrics.show_envoy(&said), ["refused connections"]);
        assert!(metrics.show_envoy(&said).is_empty());
    }
}
