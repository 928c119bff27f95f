//! What `/metrics` shows of limits.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LimitLabels {
    limit: String,
}

/// The metrics of limits.
#[derive(Default)]
pub struct LimitMetrics {
    exchanges: Family<ResultLabels, Counter>,
    would_refuse: Family<LimitLabels, Counter>,
    alerts: Family<ResultLabels, Counter>,
}

impl LimitMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "limit_exchanges",
            "Exchanges of workers with the store of limits, by result",
            self.exchanges.clone(),
        );
        registry.register(
            "limit_would_refuse",
            "Requests that a limit in dry run would have refused",
            self.would_refuse.clone(),
        );
        registry.register(
            "limit_alerts",
            "Alerts of limits, by what became of them",
            self.alerts.clone(),
        );
    }

    /// A worker's exchange with the store ended: `ok`, `store_down` or `unknown_limit`.
    pub fn exchanged(&self, result: &'static str) {
        self.exchanges.get_or_create(&ResultLabels { result }).inc();
    }

    /// A dry run would have refused so many requests more. `limit` is of the configuration.
    pub fn would_refuse(&self, limit: &str, count: u64) {
        let limit = limit.to_owned();
        self.would_refuse
            .get_or_create(&LimitLabels { limit })
            .inc_by(count);
    }

    /// An alert was `sent`, has `failed` or was `dropped`.
    pub fn alerted(&self, result: &'static str) {
        self.alerts.get_or_create(&ResultLabels { result }).inc();
    }
}
