//! What to do with what the router has for the client.

use super::Exchange;
use super::attempt::failure_of;
use crate::limit::Nanos;
use crate::record::Verdict;
use crate::reject::{Reject, RejectCode};

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

impl Exchange {
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
}
