//! What the audit log does, in numbers.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::audit::Failure;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The audit log's metrics.
#[derive(Clone, Default)]
pub struct AuditMetrics {
    open: Gauge,
    lines: Counter,
    failures: Family<ReasonLabels, Counter>,
    lost: Counter,
}

impl AuditMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "audit_open",
            "Whether the audit log is written",
            self.open.clone(),
        );
        registry.register(
            "audit_lines",
            "Lines of requests written to the audit log",
            self.lines.clone(),
        );
        registry.register(
            "audit_failures",
            "Batches that the audit log did not take",
            self.failures.clone(),
        );
        registry.register(
            "audit_lines_lost",
            "Lines that are in no audit log",
            self.lost.clone(),
        );
    }

    /// The log is open.
    pub fn opened(&self) {
        self.open.set(1);
    }

    /// Lines were written.
    pub fn written(&self, lines: u64) {
        self.lines.inc_by(lines);
    }

    /// A batch was not written.
    pub fn failed(&self, failure: Failure) {
        let reason = failure.as_str();
        self.failures.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Lines are lost.
    pub fn lost(&self, lines: u64) {
        self.lost.inc_by(lines);
    }
}
