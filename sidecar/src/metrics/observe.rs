//! What a record counts for, and what a worker says beside.

use ark_dialect::loss::Field;
use ark_gateway_core::record::{Outcome, Record, UsageSource, Verdict};
use ark_gateway_core::sync::Faults;

use super::labels::{
    AttemptLabels, CodeLabels, FaultLabels, LossLabels, ProviderLabels, RequestLabels,
    TargetLabels, TokenLabels, endpoint, outcome, rule,
};
use super::{Known, Metrics, NONE, label, seconds};
use crate::verdicts;

impl Metrics {
    /// Takes in a record.
    pub fn observe(&self, record: &Record, known: &Known) {
        self.records.inc();
        if record.is_shadow() {
            self.observe_copy(record, known);
            return;
        }
        self.extra.hedge(record, known);
        if record.stale {
            self.stale_requests.inc();
        }
        self.access.observe(record);
        self.guard.observe(record);
        if let Some(code) = record.reject {
            self.rejects
                .get_or_create(&CodeLabels {
                    code: code.as_str(),
                })
                .inc();
        }
        let model = label(&record.model, &known.models);
        let provider = match record.attempts.last() {
            Some(attempt) => label(&attempt.provider, &known.providers),
            None => NONE.to_owned(),
        };
        self.observe_attempts(record, known);
        self.observe_usage(record, &provider, &model);
        self.duration
            .get_or_create(&ProviderLabels {
                provider: provider.clone(),
            })
            .observe(seconds(record.duration_us));
        let labels = RequestLabels {
            model,
            provider,
            endpoint: endpoint(record.endpoint),
            priority: record.priority.as_str(),
            outcome: outcome(record.outcome),
            rule: rule(record.rule),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// A copy is nobody's request: it counts for itself alone, but a bad credential is one.
    fn observe_copy(&self, record: &Record, known: &Known) {
        self.extra.copy(record, known);
        for attempt in &record.attempts {
            if attempt.verdict == Verdict::Auth {
                let provider = label(&attempt.provider, &known.providers);
                self.credential_error(provider, "refused");
            }
        }
    }

    fn observe_attempts(&self, record: &Record, known: &Known) {
        for attempt in &record.attempts {
            let provider = label(&attempt.provider, &known.providers);
            let verdict = verdicts::name(attempt.verdict);
            let labels = AttemptLabels {
                provider: provider.clone(),
                verdict,
            };
            self.attempts.get_or_create(&labels).inc();
            if let (Verdict::Ok, Some(ttft_us)) = (attempt.verdict, attempt.ttft_us) {
                self.ttft
                    .get_or_create(&ProviderLabels {
                        provider: provider.clone(),
                    })
                    .observe(seconds(ttft_us));
            }
            for field in &attempt.lost {
                let labels = LossLabels {
                    provider: provider.clone(),
                    field: Field::known_label(field),
                };
                self.translation_losses.get_or_create(&labels).inc();
            }
            if attempt.verdict == Verdict::Auth {
                self.credential_error(provider, "refused");
            }
        }
    }

    fn observe_usage(&self, record: &Record, provider: &str, model: &str) {
        let target = TargetLabels {
            provider: provider.to_owned(),
            model: model.to_owned(),
        };
        if record.cost_is_ceiling {
            self.price_ceiling.get_or_create(&target).inc();
        }
        match (record.cost, record.outcome) {
            (Some(cost), _) => {
                self.cost.get_or_create(&target).inc_by(cost.0);
            }
            (None, Outcome::Ok | Outcome::Cut | Outcome::ClientGone)
                if !record.attempts.is_empty() =>
            {
                self.price_unknown.get_or_create(&target).inc();
            }
            (None, _) => {}
        }
        if record.usage_source == UsageSource::None || record.attempts.is_empty() {
            return;
        }
        for (kind, tokens) in [
            ("input", record.usage.input_tokens),
            ("output", record.usage.output_tokens),
            ("cached", record.usage.cached_tokens),
            ("cache_creation", record.usage.cache_creation_tokens),
            ("reasoning", record.usage.reasoning_tokens),
            ("input_audio", record.usage.input_audio_tokens),
            ("output_audio", record.usage.output_audio_tokens),
        ] {
            if tokens == 0 {
                continue;
            }
            let TargetLabels { provider, model } = target.clone();
            self.tokens
                .get_or_create(&TokenLabels {
                    provider,
                    model,
                    kind,
                })
                .inc_by(tokens);
        }
    }

    /// Counts what went wrong in a worker without failing a request.
    pub fn faults(&self, faults: Faults) {
        self.records_dropped.inc_by(faults.records_dropped);
        for (kind, count) in [
            ("limit_unchecked", faults.limits_unchecked),
            ("snapshot_refused", faults.snapshots_refused),
            ("body_not_rewritten", faults.bodies_not_rewritten),
            ("attempt_unknown", faults.attempts_unknown),
            ("quota_unchecked", faults.quota_unchecked),
        ] {
            self.filter_faults
                .get_or_create(&FaultLabels { kind })
                .inc_by(count);
        }
        self.extra.skipped(faults.shadows, faults.hedges);
        self.overload.shed(faults.sheds);
    }
}
