//! What guards found.

use ark_gateway_core::record::Record;
use ark_redact::Kind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
    action: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

/// Matches and requests.
#[derive(Default)]
pub(super) struct Guard {
    matches: Family<KindLabels, Counter>,
    requests: Family<ActionLabels, Counter>,
}

impl Guard {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "guard_matches",
            "What guards found in the content of requests, by kind and what became of it",
            self.matches.clone(),
        );
        registry.register(
            "guard_requests",
            "Requests in whose content guards found something, by the strictest of what became of it",
            self.requests.clone(),
        );
    }

    /// Counts what was found in a client's request.
    pub(super) fn observe(&self, record: &Record) {
        let Some(strictest) = record.guard.iter().map(|found| found.action).max() else {
            return;
        };
        let action = strictest.as_str();
        let labels = ActionLabels { action };
        self.requests.get_or_create(&labels).inc();
        for found in &record.guard {
            let known = Kind::ALL.into_iter().map(Kind::as_str);
            let kind = known.into_iter().find(|kind| *kind == found.kind);
            let labels = KindLabels {
                kind: kind.unwrap_or(super::OTHER),
                action: found.action.as_str(),
            };
            let counter = self.matches.get_or_create(&labels);
            counter.inc_by(u64::from(found.count));
        }
    }
}
