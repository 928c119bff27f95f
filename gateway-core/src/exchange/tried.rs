//! What is told of the attempts while they run, and asked of them.

use std::rc::Rc;

use super::Exchange;
use super::attempt::{Attempt, failure_of};
use crate::limit::Nanos;
use crate::record::{RateLimits, Usage, Verdict};
use crate::snapshot::TargetId;

impl Exchange {
    /// The router begins an attempt at `provider`; the one before it, if any, has failed.
    ///
    /// Returns which target it is, and whether it is the request's first attempt; `None` when the
    /// provider is not among those decided: nothing may be sent then.
    pub fn attempt_began(&mut self, provider: &str, now: Nanos) -> Option<(TargetId, bool)> {
        let policy = Rc::clone(&self.policy);
        let provider = policy.provider_named(provider)?;
        let hedge = match self.race {
            Some(_) => self.is_running(),
            None => false,
        };
        if !hedge {
            self.end_attempt(now, None);
        }
        let done = self.attempts.len();
        let of_provider = |t: &TargetId| {
            policy
                .target(*t)
                .is_some_and(|spec| spec.provider == provider)
        };
        // The router may skip a target that has no healthy host, so count by provider, not by place.
        let before = self.attempts.iter().filter(|a| a.provider == provider);
        let target = self
            .decision?
            .targets()
            .filter(of_provider)
            .nth(before.count())?;
        policy.attempt_began(provider);
        self.attempts.push(Attempt {
            target,
            provider,
            started: now,
            first_byte: None,
            status: None,
            retry_after_ms: None,
            rate_limits: None,
            lost: Vec::new(),
            usage: None,
            output_tokens: 0,
            hedge,
            usage_is_whole: false,
            complete: false,
            told: false,
            ended: None,
        });
        self.focus = done;
        if hedge && let Some(race) = &mut self.race {
            race.spend();
        }
        Some((target, done == 0))
    }

    /// The provider sent its status, and the router has it.
    pub fn attempt_answered(&mut self, status: u16, now: Nanos) {
        if let Some(attempt) = self.current_mut() {
            attempt.status = Some(status);
            attempt.first_byte.get_or_insert(now);
        }
        if let Some(verdict) = failure_of(status) {
            self.end_attempt(now, Some(verdict));
        }
    }

    /// The provider announced a success, which is held until it has shown that it is one.
    pub fn attempt_held(&mut self, status: u16) {
        if let Some(attempt) = self.current_mut() {
            attempt.status = Some(status);
        }
    }

    /// What was held has been let go: the first real event of a stream came, or a JSON answer showed
    /// no error.
    pub fn attempt_released(&mut self, now: Nanos) {
        if let Some(attempt) = self.current_mut() {
            attempt.first_byte.get_or_insert(now);
        }
    }

    /// What the provider answered is a failure, whatever its status says.
    pub fn attempt_failed(&mut self, verdict: Verdict, now: Nanos) {
        self.end_attempt(now, Some(verdict));
    }

    /// The provider said when to come back.
    pub fn come_back_after(&mut self, retry_after_ms: u64) {
        if let Some(attempt) = self.current_mut() {
            attempt.retry_after_ms = Some(retry_after_ms);
        }
    }

    /// The head of the provider's answer said what is left of its limits.
    pub fn limits_told(&mut self, rate_limits: RateLimits) {
        if let Some(attempt) = self.current_mut() {
            attempt.rate_limits = Some(rate_limits);
        }
    }

    /// What the head of the provider's answer said of its limits.
    #[must_use]
    pub fn limits_said(&self) -> Option<RateLimits> {
        self.current()?.rate_limits
    }

    /// The request's translation for this attempt's target left these fields out.
    pub fn attempt_lost(&mut self, fields: Vec<String>) {
        if let Some(attempt) = self.current_mut() {
            attempt.lost = fields;
        }
    }

    /// The translation of this attempt's answer left this field out; whether that is new.
    pub fn answer_lost(&mut self, field: &str) -> bool {
        let Some(attempt) = self.current_mut() else {
            return false;
        };
        let new = !attempt.lost.iter().any(|lost| lost == field);
        if new {
            attempt.lost.push(field.to_owned());
        }
        new
    }

    /// What the translations for the answering target left out.
    #[must_use]
    pub fn lost(&self) -> &[String] {
        self.current().map_or(&[], |a| a.lost.as_slice())
    }

    /// Whether the router has another target to try after the current one.
    #[must_use]
    pub fn has_next(&self) -> bool {
        self.decision
            .is_some_and(|decision| decision.len() > self.attempts.len())
    }

    /// The provider reported usage. The last report stands: reports are totals, never added.
    pub fn usage_reported(&mut self, usage: Usage) {
        self.usage_reported_so_far(usage, true);
    }

    /// The same; `is_whole` when nothing of the answer has come since.
    pub fn usage_reported_so_far(&mut self, usage: Usage, is_whole: bool) {
        if let Some(attempt) = self.current_mut() {
            attempt.usage = Some(usage);
            attempt.usage_is_whole = is_whole;
        }
    }

    /// What the output would come to if the provider never reports it.
    pub fn output_estimated(&mut self, tokens: u64) {
        if let Some(attempt) = self.current_mut() {
            attempt.output_tokens = tokens;
        }
    }

    /// The stream carried an error, or broke, after it had begun.
    pub fn attempt_cut(&mut self, now: Nanos) {
        self.end_attempt(now, Some(Verdict::Cut));
    }

    /// The provider's answer ended as it should.
    pub fn attempt_complete(&mut self) {
        if let Some(attempt) = self.current_mut() {
            attempt.complete = true;
        }
    }

    /// Whether the current attempt is the request's first.
    #[must_use]
    pub fn is_first_attempt(&self) -> bool {
        self.attempts.len() <= 1
    }

    /// Whether no attempt has begun yet.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.attempts.is_empty()
    }

    /// The target that is answering, or last tried.
    #[must_use]
    pub fn current_target(&self) -> Option<TargetId> {
        self.current().map(|a| a.target)
    }

    /// The attempts that have not had their first byte: their targets and how long they have waited.
    pub fn waiting(&self, now: Nanos) -> impl Iterator<Item = (TargetId, Nanos)> {
        let waits = |a: &&Attempt| a.first_byte.is_none() && a.ended.is_none();
        let age = move |a: &Attempt| (a.target, now.saturating_sub(a.started));
        self.attempts.iter().filter(waits).map(age)
    }

    /// The attempt that is spoken of.
    pub(super) fn current(&self) -> Option<&Attempt> {
        self.attempts.get(self.focus)
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.get_mut(self.focus)
    }

    pub(super) fn end_attempt(&mut self, now: Nanos, verdict: Option<Verdict>) {
        let timeout = self
            .model
            .and_then(|m| self.policy.model(m))
            .map_or(u64::MAX, |m| u64::from(m.first_byte_timeout_ms) * 1_000_000);
        let is_retry = self.focus > 0;
        let Some(attempt) = self.attempts.get_mut(self.focus) else {
            return;
        };
        if attempt.ended.is_some() {
            return;
        }
        let waited = now.saturating_sub(attempt.started);
        let verdict = verdict.unwrap_or(match attempt.first_byte {
            Some(_) => Verdict::Cut,
            // Envoy's timer and this clock differ by less than a tenth.
            None if waited >= timeout / 10 * 9 => Verdict::Timeout,
            None => Verdict::Unreachable,
        });
        attempt.ended = Some((now, verdict));
        self.policy.attempt_ended(attempt.provider);
        if is_retry && verdict.is_provider_fault() {
            self.policy.retry_budget().spend();
        }
    }
}
