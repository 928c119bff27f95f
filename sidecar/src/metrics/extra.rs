//! What was sent beyond the attempts that requests needed: shadow copies and hedges.

use ark_gateway_core::hedge;
use ark_gateway_core::record::{AttemptRecord, Record, Verdict};
use ark_gateway_core::shadow;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::labels::{TargetLabels, TokenLabels};
use super::{Known, label};
use crate::verdicts;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CopyLabels {
    model: String,
    provider: String,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HedgeLabels {
    model: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Default)]
pub(super) struct Extra {
    copies: Family<CopyLabels, Counter>,
    copy_tokens: Family<TokenLabels, Counter>,
    copy_cost: Family<TargetLabels, Counter>,
    copy_price_unknown: Family<TargetLabels, Counter>,
    copies_skipped: Family<ReasonLabels, Counter>,
    hedges: Family<HedgeLabels, Counter>,
    hedges_skipped: Family<ReasonLabels, Counter>,
    wasted_tokens: Family<TokenLabels, Counter>,
    wasted_cost: Family<TargetLabels, Counter>,
    wasted_price_unknown: Family<TargetLabels, Counter>,
}

impl Extra {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "shadow_requests",
            "Shadow copies by how they ended",
            self.copies.clone(),
        );
        registry.register(
            "shadow_tokens",
            "Tokens of shadow copies",
            self.copy_tokens.clone(),
        );
        registry.register(
            "shadow_cost_micro_usd",
            "Cost of shadow copies in millionths of a US dollar",
            self.copy_cost.clone(),
        );
        registry.register(
            "shadow_price_unknown",
            "Shadow copies without a cost, as their price or usage is not known",
            self.copy_price_unknown.clone(),
        );
        registry.register(
            "shadow_skipped",
            "Shadow copies that were drawn and not made",
            self.copies_skipped.clone(),
        );
        registry.register(
            "hedges",
            "Requests that were ready to ask a second target, by what came of it",
            self.hedges.clone(),
        );
        registry.register(
            "hedge_skipped",
            "Requests that were not hedged though their model is",
            self.hedges_skipped.clone(),
        );
        registry.register(
            "hedge_wasted_tokens",
            "Tokens of attempts that lost a race, estimated",
            self.wasted_tokens.clone(),
        );
        registry.register(
            "hedge_wasted_cost_micro_usd",
            "Cost of attempts that lost a race in millionths of a US dollar, estimated",
            self.wasted_cost.clone(),
        );
        registry.register(
            "hedge_wasted_price_unknown",
            "Attempts that lost a race and have no known price",
            self.wasted_price_unknown.clone(),
        );
    }

    /// Takes in the record of a shadow copy.
    pub(super) fn copy(&self, record: &Record, known: &Known) {
        let Some(attempt) = record.attempts.last() else {
            return;
        };
        let target = target(record, attempt, known);
        let labels = CopyLabels {
            model: target.model.clone(),
            provider: target.provider.clone(),
            verdict: verdicts::name(attempt.verdict),
        };
        self.copies.get_or_create(&labels).inc();
        count(
            &self.copy_tokens,
            &target,
            (record.usage.input_tokens, record.usage.output_tokens),
        );
        match record.cost {
            Some(cost) => self.copy_cost.get_or_create(&target).inc_by(cost.0),
            None => self.copy_price_unknown.get_or_create(&target).inc(),
        };
    }

    /// Takes in the record of a client's request.
    pub(super) fn hedge(&self, record: &Record, known: &Known) {
        if record.hedge_after_ms == 0 {
            return;
        }
        let answering = record.attempts.last();
        let result = match record.attempts.iter().any(|a| a.hedge) {
            false => "not_needed",
            true if answering.is_some_and(|a| a.verdict.is_provider_fault()) => "failed",
            true if answering.is_some_and(|a| a.hedge) => "won",
            true => "lost",
        };
        let model = label(&record.model, &known.models);
        let labels = HedgeLabels { model, result };
        self.hedges.get_or_create(&labels).inc();
        for attempt in &record.attempts {
            let (Verdict::Hedged, Some(wasted)) = (attempt.verdict, &attempt.charge) else {
                continue;
            };
            let target = target(record, attempt, known);
            count(
                &self.wasted_tokens,
                &target,
                (wasted.usage.input_tokens, wasted.usage.output_tokens),
            );
            match wasted.cost {
                Some(cost) => self.wasted_cost.get_or_create(&target).inc_by(cost.0),
                None => self.wasted_price_unknown.get_or_create(&target).inc(),
            };
        }
    }

    pub(super) fn skipped(&self, shadows: shadow::Skips, hedges: hedge::Skips) {
        for (reason, count) in shadows.named() {
            let labels = ReasonLabels { reason };
            self.copies_skipped.get_or_create(&labels).inc_by(count);
        }
        for (reason, count) in hedges.named() {
            let labels = ReasonLabels { reason };
            self.hedges_skipped.get_or_create(&labels).inc_by(count);
        }
    }
}

fn target(record: &Record, attempt: &AttemptRecord, known: &Known) -> TargetLabels {
    TargetLabels {
        provider: label(&attempt.provider, &known.providers),
        model: label(&record.model, &known.models),
    }
}

fn count(
    family: &Family<TokenLabels, Counter>,
    target: &TargetLabels,
    (input, output): (u64, u64),
) {
    for (kind, tokens) in [("input", input), ("output", output)] {
        if tokens > 0 {
            let labels = TokenLabels {
                provider: target.provider.clone(),
                model: target.model.clone(),
                kind,
            };
            family.get_or_create(&labels).inc_by(tokens);
        }
    }
}
