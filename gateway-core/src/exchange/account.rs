//! The account of an exchange: its outcome and its record.

use super::attempt::Attempt;
use super::{End, Exchange};
use crate::compliance::Requirement;
use crate::limit::Nanos;
use crate::money::{MicroUsd, PriceBasis};
use crate::priority::Priority;
use crate::record::{AttemptRecord, Outcome, Record, Rule, Usage, UsageSource, Verdict};
use crate::snapshot::ModelSpec;

impl Exchange {
    fn outcome(&self, end: End) -> Outcome {
        let last = self.current().and_then(|a| a.ended).map(|(_, v)| v);
        match (end, self.reject) {
            (End::ClientGone, None) => Outcome::ClientGone,
            (_, Some(_)) if self.attempts.is_empty() => Outcome::Rejected,
            // The gateway found at an attempt what is wrong with the request.
            (_, Some(_)) if last == Some(Verdict::ClientError) => Outcome::Rejected,
            (_, Some(_)) => Outcome::Failed,
            (End::Broken, None) => Outcome::Cut,
            (End::Complete, None) => match last {
                Some(Verdict::Cut) => Outcome::Cut,
                Some(Verdict::ClientError) => Outcome::ClientError,
                Some(_) | None => Outcome::Ok,
            },
        }
    }

    pub(super) fn record(&mut self, end: End, now: Nanos) -> Record {
        let outcome = self.outcome(end);
        let answered = matches!(outcome, Outcome::Ok | Outcome::Cut | Outcome::ClientGone);
        let (usage, usage_source) = match self.current().and_then(|a| a.usage) {
            Some(usage) => (usage, UsageSource::Reported),
            None if answered && self.client_status == 200 => {
                (self.estimate(), UsageSource::Estimated)
            }
            None => (Usage::default(), UsageSource::None),
        };
        let mut basis = self.basis.take();
        if let (Some(basis), Some(decision)) = (&mut basis, &self.decision) {
            basis.order = decision.targets().collect();
        }
        Record {
            basis,
            fallback: self.fallback().map(|m| m.name.clone()),
            scores: self.knowledge.scores,
            stale: self.knowledge.stale,
            rule: self.decision.map_or(Rule::None, |d| d.rule),
            status: self.client_status,
            outcome,
            reject: self.reject,
            attempts: self
                .answering_last()
                .map(|a| self.attempt_record(a))
                .collect(),
            usage,
            usage_source,
            cost: self.cost(usage, usage_source),
            cost_is_ceiling: usage_source != UsageSource::None && self.is_ceiling(),
            requires: self.admission.map(|a| a.requires).unwrap_or_default(),
            hedge_after_ms: self.race.map_or(0, |race| race.after_ms()),
            access: self.access_rule().map(str::to_owned),
            guard: self.guarded.clone(),
            ..self.begun(now)
        }
    }

    /// What a record says of an exchange before anything has come of it.
    pub(super) fn begun(&self, now: Nanos) -> Record {
        let key = self.admission.and_then(|a| self.policy.key(a.key));
        Record {
            id: self.id.clone(),
            at_ms: self.started / 1_000_000,
            tenant: key.map_or_else(String::new, |k| k.tenant.clone()),
            key: key.map_or_else(String::new, |k| k.id.clone()),
            endpoint: self.endpoint,
            model: self.model_name().to_owned(),
            fallback: None,
            priority: self.admission.map_or(Priority::Standard, |a| a.priority),
            stream: self.stream,
            snapshot: self.policy.snapshot().version.clone(),
            scores: 0,
            stale: false,
            rule: Rule::None,
            status: 0,
            outcome: Outcome::Ok,
            reject: None,
            duration_us: now.saturating_sub(self.started) / 1_000,
            attempts: Vec::new(),
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost: Some(MicroUsd(0)),
            cost_is_ceiling: false,
            requires: Requirement::default(),
            shadow: self.shadow,
            hedge_after_ms: 0,
            sequence: 0,
            opened: self.opened,
            tags: self.tags.clone(),
            access: None,
            guard: Vec::new(),
            basis: None,
        }
    }

    /// The attempts in order, but the one whose answer the client got at the end.
    fn answering_last(&self) -> impl Iterator<Item = &Attempt> {
        let focus = self.focus;
        let all = move || self.attempts.iter().enumerate();
        let others = all().filter(move |(i, _)| *i != focus);
        let answering = all().filter(move |(i, _)| *i == focus);
        others.chain(answering).map(|(_, attempt)| attempt)
    }

    fn estimate(&self) -> Usage {
        Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.current().map_or(0, |a| a.output_tokens),
            ..Usage::default()
        }
    }

    /// The fallback model of which the target is that is answering, or was last tried; `None` while it is
    /// one of the model that was asked for.
    #[must_use]
    pub fn fallback(&self) -> Option<&ModelSpec> {
        let (target, own) = (self.current_target()?, self.current_model()?);
        if own.rules.fallback.is_empty() || own.targets.contains(&target) {
            return None;
        }
        let others = own.rules.fallback.iter();
        others
            .filter_map(|id| self.policy.model(*id))
            .find(|other| other.targets.contains(&target))
    }

    pub(super) fn model_name(&self) -> &str {
        self.model
            .and_then(|m| self.policy.model(m))
            .map_or("", |m| m.name.as_str())
    }

    fn cost(&self, usage: Usage, source: UsageSource) -> Option<MicroUsd> {
        if source == UsageSource::None {
            return Some(MicroUsd(0));
        }
        let target = self.policy.target(self.current_target()?)?;
        target.price.as_ref().map(|price| price.charge(&usage))
    }

    fn is_ceiling(&self) -> bool {
        let target = self.current_target().and_then(|t| self.policy.target(t));
        target.is_some_and(|target| target.price_basis == PriceBasis::Ceiling)
    }

    pub(super) fn attempt_record(&self, attempt: &Attempt) -> AttemptRecord {
        let since = |from: Nanos, to: Nanos| to.saturating_sub(from) / 1_000;
        let (ended, verdict) = attempt
            .ended
            .unwrap_or((attempt.started, Verdict::Abandoned));
        let provider = self.policy.provider(attempt.provider);
        let target = self.policy.target(attempt.target);
        AttemptRecord {
            provider: provider.map_or_else(String::new, |p| p.name.clone()),
            model: target.map_or_else(String::new, |t| t.model.clone()),
            start_us: since(self.started, attempt.started),
            status: attempt.status,
            verdict,
            ttft_us: attempt.first_byte.map(|at| since(attempt.started, at)),
            duration_us: since(attempt.started, ended),
            lost: attempt.lost.clone(),
            retry_after_ms: attempt.retry_after_ms,
            hedge: attempt.hedge,
            charge: self.charge(attempt),
            rate_limits: attempt.rate_limits,
        }
    }
}
