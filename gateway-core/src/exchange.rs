//! One request from its first header to its last byte: a state machine without I/O.
//!
//! The filter tells it what happened, with the time; it answers what to do and, once, what to
//! record. An exchange ends exactly once, whatever the order of events.

mod account;
mod allowed;
mod answer;
mod attempt;
mod charge;
mod copy;
mod opened;
mod race;
mod spend;
mod tried;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::admit::Admission;
use crate::basis::Basis;
use crate::decide::Decision;
use crate::guard::Guarded;
use crate::limit::Nanos;
use crate::policy::Policy;
use crate::record::{Endpoint, Record, Shadow, Verdict};
use crate::reject::{Reject, RejectCode};
use crate::snapshot::{ModelId, ModelSpec};
use allowed::Allowed;
pub use answer::Answer;
use attempt::Attempt;
pub use attempt::failure_of;
use race::Race;

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

    /// What the client's headers of `gateway.tags` said.
    pub fn tagged(&mut self, tags: BTreeMap<String, String>) {
        self.tags = tags;
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
