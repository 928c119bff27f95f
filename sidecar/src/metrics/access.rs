//! What rules of access decided.

use ark_gateway_core::record::Record;
use ark_gateway_core::reject::RejectCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Most rules that have a label of their own; more than a file can hold at a time, as files change.
const MOST_RULES: usize = 2_048;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AccessLabels {
    rule: String,
    effect: &'static str,
}

/// Decisions by rule.
#[derive(Default)]
pub(super) struct Access {
    decisions: Family<AccessLabels, Counter>,
    rules: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

impl Access {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "access",
            "Requests by the rule of access that decided on them",
            self.decisions.clone(),
        );
    }

    /// Counts a record's rule, if one decided.
    pub(super) fn observe(&self, record: &Record) {
        let Some(rule) = &record.access else {
            return;
        };
        let effect = match record.reject {
            Some(RejectCode::AccessDenied) => "deny",
            Some(_) | None => "allow",
        };
        let rule = self.label(rule);
        let labels = AccessLabels { rule, effect };
        self.decisions.get_or_create(&labels).inc();
    }

    fn label(&self, rule: &str) -> String {
        let Ok(mut rules) = self.rules.lock() else {
            return super::OTHER.to_owned();
        };
        if !rules.contains(rule) {
            if rules.len() >= MOST_RULES {
                return super::OTHER.to_owned();
            }
            rules.insert(rule.to_owned());
        }
        rule.to_owned()
    }
}
