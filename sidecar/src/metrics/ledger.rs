//! What the ledger does, in numbers.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::ledger::{Failure, Written};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The ledger's metrics.
#[derive(Clone, Default)]
pub struct LedgerMetrics {
    open: Gauge,
    lines: Counter,
    duplicates: Counter,
    failures: Family<ReasonLabels, Counter>,
    dropped: Counter,
    spooled: Counter,
    reserved: Counter,
    lost: Counter,
    waiting: Gauge,
}

impl LedgerMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "ledger_open",
            "Whether what is spent is written down where it shall be",
            self.open.clone(),
        );
        registry.register(
            "ledger_lines",
            "Lines written to the ledger",
            self.lines.clone(),
        );
        registry.register(
            "ledger_duplicates",
            "Lines that were in the ledger already",
            self.duplicates.clone(),
        );
        registry.register(
            "ledger_failures",
            "Batches that the ledger did not take",
            self.failures.clone(),
        );
        registry.register(
            "ledger_lines_dropped",
            "Lines that are in no ledger, as the operator chose",
            self.dropped.clone(),
        );
        registry.register(
            "ledger_spooled_lines",
            "Lines that were kept on this machine, as the database did not take them",
            self.spooled.clone(),
        );
        registry.register(
            "ledger_reserved_lines",
            "Lines of attempts that were written while they ran",
            self.reserved.clone(),
        );
        registry.register(
            "ledger_lost_lines",
            "Attempts whose end was never told",
            self.lost.clone(),
        );
        registry.register(
            "ledger_spool_waiting_lines",
            "Lines that wait on this machine for the database",
            self.waiting.clone(),
        );
    }

    /// The ledger is open.
    pub fn opened(&self) {
        self.open.set(1);
    }

    /// Whether the database took what it was given last.
    pub fn reached(&self, is_reached: bool) {
        self.open.set(i64::from(is_reached));
    }

    /// So many lines wait for the database.
    pub fn waiting(&self, lines: u64) {
        self.waiting.set(i64::try_from(lines).unwrap_or(i64::MAX));
    }

    /// A batch was written.
    pub fn written(&self, written: Written) {
        match written.spooled {
            true => self.spooled.inc_by(written.new),
            false => self.lines.inc_by(written.new),
        };
        self.reserved.inc_by(written.reserved);
        self.duplicates.inc_by(written.duplicates);
    }

    /// The end of so many attempts was never told.
    pub fn lost(&self, lines: u64) {
        self.lost.inc_by(lines);
    }

    /// A batch was not written.
    pub fn failed(&self, failure: Failure) {
        let reason = failure.as_str();
        self.failures.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Lines are lost, by policy.
    pub fn dropped(&self, lines: u64) {
        self.dropped.inc_by(lines);
    }
}
