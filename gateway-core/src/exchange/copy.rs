//! A shadow copy: an exchange of its own, with one attempt and no client.

use std::rc::Rc;

use super::{End, Exchange};
use crate::decide::Decision;
use crate::limit::Nanos;
use crate::record::{Outcome, Record, Shadow, Verdict};
use crate::snapshot::TargetId;

impl Exchange {
    /// A copy of this request that goes to `target` and nowhere else. It takes nothing from the client's
    /// limits, and earns no retry.
    #[must_use]
    pub fn copy_to(&mut self, target: TargetId, now: Nanos) -> Self {
        self.shadow = Some(Shadow::Original);
        let mut copy = Self::new(Rc::clone(&self.policy), self.id.clone(), self.endpoint, now);
        copy.knowledge = self.knowledge;
        copy.admission = self.admission;
        copy.model = self.model;
        copy.stream = self.stream;
        copy.decision = Some(Decision::only(target));
        copy.input_tokens = self.input_tokens;
        copy.most_output_tokens = self.most_output_tokens;
        copy.shadow = Some(Shadow::Copy);
        copy
    }

    /// No copy of this request was sent after all.
    pub fn was_not_copied(&mut self) {
        self.shadow = None;
    }

    /// Whether a copy of this request was made.
    #[must_use]
    pub fn is_copied(&self) -> bool {
        self.shadow == Some(Shadow::Original)
    }

    /// Whether this is a copy.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.shadow == Some(Shadow::Copy)
    }

    /// Ends a copy, however far its answer came. The record, the first time; `None` for every call
    /// after, and for one that was never sent.
    pub fn settle_copy(&mut self, now: Nanos) -> Option<Record> {
        if self.settled || self.attempts.is_empty() {
            return None;
        }
        self.settled = true;
        let (complete, status) = self
            .current()
            .map_or((false, None), |a| (a.complete, a.status));
        let verdict = match status {
            _ if complete => Some(Verdict::Ok),
            // Those that are the provider's fault have ended it.
            Some(400..) => Some(Verdict::ClientError),
            Some(_) | None => None,
        };
        self.end_attempt(now, verdict);
        self.client_status = status.unwrap_or(0);
        let mut record = self.record(End::Complete, now);
        record.outcome = self.outcome_of_copy();
        Some(record)
    }

    fn outcome_of_copy(&self) -> Outcome {
        if self.reject.is_some() {
            return Outcome::Rejected;
        }
        match self.current().and_then(|a| a.ended).map(|(_, v)| v) {
            Some(Verdict::Ok) => Outcome::Ok,
            Some(Verdict::ClientError) => Outcome::ClientError,
            Some(Verdict::Cut) => Outcome::Cut,
            Some(
                Verdict::Unreachable
                | Verdict::Timeout
                | Verdict::RateLimited
                | Verdict::Overloaded
                | Verdict::ServerError
                | Verdict::Auth
                | Verdict::FirstEvent
                | Verdict::Abandoned
                | Verdict::Hedged,
            )
            | None => Outcome::Failed,
        }
    }
}
