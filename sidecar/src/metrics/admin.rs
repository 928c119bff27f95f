//! What `/metrics` shows of the admin port.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TransportLabels {
    transport: &'static str,
}

/// The metrics of the admin port.
#[derive(Default)]
pub struct AdminMetrics {
    connections: Family<TransportLabels, Counter>,
}

impl AdminMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "admin_connections",
            "Connections to the admin port, by transport",
            self.connections.clone(),
        );
    }

    /// A connection came by `tls` or `plain`, or was `refused` for its greeting.
    pub fn connected(&self, transport: &'static str) {
        self.connections
            .get_or_create(&TransportLabels { transport })
            .inc();
    }
}
