//! An exchange that runs, told before its end: whoever keeps accounts must know of it though its end
//! may never be told.

use super::Exchange;
use super::attempt::Attempt;
use crate::limit::Nanos;
use crate::money::MicroUsd;
use crate::priority::Priority;
use crate::record::{Charge, Endpoint, Outcome, Record, Rule, Settlement, Usage, UsageSource};

impl Exchange {
    /// How long its answer may be at most, tokens: the estimate that its limits are charged with.
    pub fn answers_at_most(&mut self, tokens: u64) {
        self.most_output_tokens = tokens;
    }

    /// Whether an attempt runs that began at least `age` ago and was not told of.
    #[must_use]
    pub fn is_to_tell(&self, age: Nanos, now: Nanos) -> bool {
        !self.settled
            && self.endpoint != Endpoint::CountTokens
            && self
                .attempts
                .iter()
                .any(|attempt| attempt.is_untold() && now.saturating_sub(attempt.started) >= age)
    }

    /// Tells of the attempts that run, each once. `number` is the exchange's, if it has none yet.
    #[must_use]
    pub fn tell(&mut self, number: impl FnOnce() -> u64, now: Nanos) -> Record {
        if self.opened == 0 {
            self.opened = number();
        }
        let record = self.so_far(now);
        for attempt in &mut self.attempts {
            attempt.told = true;
        }
        record
    }

    /// What was told may not have arrived.
    pub fn forget_told(&mut self) {
        for attempt in &mut self.attempts {
            attempt.told = false;
        }
    }

    fn so_far(&self, now: Nanos) -> Record {
        let key = self.admission.and_then(|a| self.policy.key(a.key));
        let attempts = self.attempts.iter().map(|attempt| {
            let mut record = self.attempt_record(attempt);
            record.charge = attempt.is_untold().then(|| self.at_most(attempt));
            record
        });
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
            attempts: attempts.collect(),
            usage: Usage::default(),
            usage_source: UsageSource::None,
            cost: Some(MicroUsd(0)),
            cost_is_ceiling: false,
            requires: crate::compliance::Requirement::default(),
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

    /// What an attempt that runs comes to at most, as far as that is known.
    fn at_most(&self, attempt: &Attempt) -> Charge {
        let usage = attempt.usage.unwrap_or_default();
        let usage = Usage {
            input_tokens: usage.input_tokens.max(self.input_tokens),
            output_tokens: usage
                .output_tokens
                .max(attempt.output_tokens)
                .max(self.most_output_tokens),
            ..Usage::default()
        };
        let target = self.policy.target(attempt.target);
        let price = target.and_then(|target| target.price.as_ref());
        Charge {
            usage,
            settlement: Settlement::Estimated,
            price: price.map(|price| price.of_prompt(usage.input_tokens)),
            cost: price.map(|price| price.charge(&usage)),
        }
    }
}

impl Attempt {
    fn is_untold(&self) -> bool {
        !self.told && self.ended.is_none()
    }
}
