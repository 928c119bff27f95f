//! One request from its first header to its last byte: a state machine without I/O.
//!
//! The filter tells it what happened, with the time; it answers what to do and, once, what to
//! record. An exchange ends exactly once, whatever the order of events.

mod account;
mod allowed;
mod attempt;
mod charge;
mod copy;
mod opened;
mod race;
mod spend;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::admit::Admission;
use crate::basis::Basis;
use crate::decide::Decision;
use crate::guard::Guarded;
use crate::limit::Nanos;
use crate::policy::Policy;
use crate::record::{Endpoint, RateLimits, Record, Shadow, Usage, Verdict};
use crate::reject::{Reject, RejectCode};
use crate::snapshot::{ModelId, ModelSpec, TargetId};
use allowed::Allowed;
use attempt::Attempt;
pub use attempt::failure_of;
use race::Race;

/// What the filter must do with the router's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A success: relay it.
    Relay,
    /// The provider refused the client's own request, and the provider role has put its error into
    /// the caller's dialect: relay it.
    ClientError,
    /// The providers or the gateway failed: answer this instead.
    Fail(Reject),
}

/// How the connection to the client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The answer was sent to its end.
    Complete,
    /// The client went away.
    ClientGone,
    /// The provider or the gateway broke off.
    Broken,
}

/// How an exchange knows its scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// [`crate::score::Scores::sequence`]; 0 for none.
    pub scores: u64,
    /// The sidecar had not been heard of for too long.
    pub stale: bool,
}

/// One request.
#[derive(Debug)]
pub struct Exchange {
    policy: Rc<Policy>,
    id: String,
    endpoint: Endpoint,
    started: Nanos,
    knowledge: Knowledge,
    admission: Option<Admission>,
    model: Option<ModelId>,
    stream: bool,
    decision: Option<Decision>,
    basis: Option<Basis>,
    attempts: Vec<Attempt>,
    /// The attempt that is spoken of: the last one, unless several run at once.
    focus: usize,
    race: Option<Race>,
    shadow: Option<Shadow>,
    /// Prompt tokens, estimated, for when no provider reports usage.
    input_tokens: u64,
    /// Completion tokens at most, as far as that is known.
    most_output_tokens: u64,
    /// Its number among those that the sidecar was told of while they ran; 0 for none.
    opened: u64,
    reject: Option<RejectCode>,
    tags: BTreeMap<String, String>,
    allowed: Option<Allowed>,
    pub(crate) guarded: Vec<Guarded>,
    client_status: u16,
    settled: bool,
}

impl Exchange {
    /// Begins. `id` is the value of `x-request-id`.
    #[must_use]
    pub fn new(policy: Rc<Policy>, id: String, endpoint: Endpoint, started: Nanos) -> Self {
        Self {
            policy,
            id,
            endpoint,
            started,
            knowledge: Knowledge::default(),
            admission: None,
            model: None,
            stream: false,
            decision: None,
            basis: None,
            attempts: Vec::new(),
            focus: 0,
            race: None,
            shadow: None,
            input_tokens: 0,
            most_output_tokens: 0,
            opened: 0,
            reject: None,
            tags: BTreeMap::new(),
            allowed: None,
            guarded: Vec::new(),
            client_status: 0,
            settled: false,
        }
    }

    /// The policy that serves it, from its first header to its last byte.
    #[must_use]
    pub fn policy(&self) -> &Rc<Policy> {
        &self.policy
    }

    /// The value of `x-request-id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was asked for.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Whether the client asked for a stream.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the sidecar had not been heard of for too long when it was decided.
    #[must_use]
    pub fn stale(&self) -> bool {
        self.knowledge.stale
    }

    /// The caller was admitted.
    pub fn admitted(&mut self, admission: Admission) {
        self.admission = Some(admission);
    }

    /// The admission, once there is one.
    #[must_use]
    pub fn admission(&self) -> Option<Admission> {
        self.admission
    }

    /// Checks that the caller may use the model that its body names.
    ///
    /// # Errors
    /// 404 or 403.
    pub fn inspected(&mut self, model: &str, stream: bool) -> Result<ModelId, Reject> {
        self.stream = stream;
        let unknown = || Reject::model_not_found(model);
        let id = self.policy.model_named(model).ok_or_else(unknown)?;
        let key = self.admission.and_then(|a| self.policy.key(a.key));
        let key = key.ok_or_else(|| Reject::new(RejectCode::Internal))?;
        if !crate::policy::grants(key, id) {
            return Err(Reject::model_not_allowed(model));
        }
        self.check_model(id)?;
        self.model = Some(id);
        Ok(id)
    }

    /// The targets were put in order. `estimate` stands in when no provider reports usage.
    pub fn decided(&mut self, decision: Decision, knowledge: Knowledge, input_tokens: u64) {
        self.decision = Some(decision);
        self.policy.retry_budget().earn();
        self.knowledge = knowledge;
        self.input_tokens = input_tokens;
    }

    /// What its decision was made of.
    pub fn decided_by(&mut self, basis: Basis) {
        self.basis = Some(basis);
    }

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

    /// What the client's headers of `gateway.tags` said.
    pub fn tagged(&mut self, tags: BTreeMap<String, String>) {
        self.tags = tags;
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

    /// What the snapshot says of the model that is asked for.
    #[must_use]
    pub fn current_model(&self) -> Option<&ModelSpec> {
        self.policy.model(self.model?)
    }

    /// Which model that is.
    #[must_use]
    pub fn current_model_id(&self) -> Option<ModelId> {
        self.model
    }

    /// Whether no attempt has begun yet.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.attempts.is_empty()
    }

    /// The router has a success for the client that an attempt has announced and let go: relay it.
    /// `false` when there is none, and [`Exchange::answer`] must judge.
    pub fn relay(&mut self) -> bool {
        let Some(attempt) = self.current() else {
            return false;
        };
        // What was cut after it had been let go is the client's to see, with its error.
        let failed = attempt
            .ended
            .is_some_and(|(_, v)| v.is_provider_fault() && v != Verdict::Cut);
        match attempt.status {
            Some(status)
                if (200..400).contains(&status) && attempt.first_byte.is_some() && !failed =>
            {
                self.client_status = status;
                true
            }
            Some(_) | None => false,
        }
    }

    /// What to do with the answer that the router has for the client.
    pub fn answer(&mut self, router_status: u16, now: Nanos) -> Answer {
        if self.refused_by_router(router_status) {
            return Answer::Relay;
        }
        let relayed = self.current().and_then(|a| a.status);
        let from_provider = relayed == Some(router_status);
        if from_provider && self.relay() {
            return Answer::Relay;
        }
        if from_provider && router_status >= 400 && failure_of(router_status).is_none() {
            self.end_attempt(now, Some(Verdict::ClientError));
            self.client_status = router_status;
            return Answer::ClientError;
        }
        let verdict = match self.current().and_then(|a| a.ended) {
            Some((_, verdict)) => verdict,
            None if router_status == 504 || router_status == 408 => Verdict::Timeout,
            None => Verdict::Unreachable,
        };
        self.end_attempt(now, Some(verdict));
        let code = match verdict {
            _ if self.attempts.is_empty() => RejectCode::NoTarget,
            Verdict::Auth => RejectCode::ProviderAuth,
            Verdict::Timeout => RejectCode::ProviderTimeout,
            Verdict::RateLimited | Verdict::Overloaded => RejectCode::ProviderOverloaded,
            Verdict::Ok
            | Verdict::ClientError
            | Verdict::Unreachable
            | Verdict::ServerError
            | Verdict::FirstEvent
            | Verdict::Cut
            | Verdict::Abandoned
            | Verdict::Hedged => RejectCode::ProviderError,
        };
        self.reject(code);
        let retry_after_ms = self.current().and_then(|a| a.retry_after_ms);
        Answer::Fail(Reject::new(code).come_back_after(retry_after_ms))
    }

    /// The gateway refuses the request at an attempt, before the provider has seen any of it.
    pub fn refused_at_attempt(&mut self, code: RejectCode, now: Nanos) {
        self.end_attempt(now, Some(Verdict::ClientError));
        self.reject(code);
    }

    /// Whether the gateway itself has refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.reject.is_some()
    }

    /// The gateway answers by itself, with success.
    pub fn answered_locally(&mut self, status: u16) {
        self.client_status = status;
    }

    /// The gateway refuses.
    pub fn reject(&mut self, code: RejectCode) {
        self.reject = Some(code);
        self.client_status = code.status();
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
    fn current(&self) -> Option<&Attempt> {
        self.attempts.get(self.focus)
    }

    fn current_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts.get_mut(self.focus)
    }

    fn end_attempt(&mut self, now: Nanos, verdict: Option<Verdict>) {
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

    /// Ends the exchange. The record, the first time; `None` for every call after.
    pub fn settle(&mut self, end: End, now: Nanos) -> Option<Record> {
        if self.settled {
            return None;
        }
        self.settled = true;
        self.finish_race(end, now);
        let complete = self.current().is_some_and(|a| a.complete);
        let verdict = match end {
            _ if complete => Verdict::Ok,
            End::Complete => Verdict::Ok,
            End::ClientGone => Verdict::Abandoned,
            End::Broken if self.client_status == 0 => Verdict::Unreachable,
            End::Broken => Verdict::Cut,
        };
        self.end_attempt(now, Some(verdict));
        Some(self.record(end, now))
    }
}

#[cfg(test)]
mod tests;
