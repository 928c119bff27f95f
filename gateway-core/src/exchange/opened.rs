//! An exchange that runs, told before its end: whoever keeps accounts must know of it though its end
//! may never be told.

use super::Exchange;
use super::attempt::Attempt;
use crate::limit::Nanos;
use crate::record::{Charge, Endpoint, Record, Settlement, Usage};

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
        let attempts = self.attempts.iter().map(|attempt| {
            let mut record = self.attempt_record(attempt);
            record.charge = attempt.is_untold().then(|| self.at_most(attempt));
            record
        });
        Record {
            attempts: attempts.collect(),
            ..self.begun(now)
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
