//! An answer that is an error: whose fault it is, and what becomes of it.

use ark_dialect::gate::hidden_error;
use ark_dialect::provider_error::{BODY_LIMIT_BYTES, ErrorClass, ProviderError};
use ark_dialect::translate::{Wire, read_error, write_error};
use ark_gateway_core::record::Verdict;
use proxy_wasm::types::{Action, BufferType};

use super::ProviderFilter;
use super::answer::Reading;
use crate::host;

/// The status that makes the router try the next target.
const RETRIABLE: &str = "529";

impl ProviderFilter {
    /// The router tries the next target. When the provider wants to be asked again is in the record, as
    /// its circuit's cool-down; after the last target the client is told too.
    pub(super) fn on_failure(&mut self, status: u16, told: Option<u64>) {
        let last = self.with_exchange(|e| !e.has_next()) == Some(true);
        if last && told.is_none() && matches!(status, 429 | 503 | 529) {
            self.reading = Reading::LastFailure { status };
            return;
        }
        self.failed(status, told);
    }

    fn failed(&self, status: u16, retry_after_ms: Option<u64>) {
        self.with_exchange(|e| {
            if let Some(ms) = retry_after_ms {
                e.come_back_after(ms);
            }
            e.attempt_answered(status, host::now());
        });
    }

    pub(super) fn on_last_failure(&mut self, status: u16, (size, end): (usize, bool)) -> Action {
        if !end && size < BODY_LIMIT_BYTES {
            return Action::Pause;
        }
        let body = host::body(BufferType::HttpResponseBody, 0, size.min(BODY_LIMIT_BYTES));
        let error = self
            .call()
            .map(|(_, wire, ..)| read_error(wire, status, &body));
        self.failed(status, error.and_then(|e| e.retry_after_ms));
        self.reading = Reading::Pass;
        Action::Continue
    }

    /// The answer is an error, of which the client has seen nothing yet: the client's own is answered
    /// as what it is, any other makes the router try the next target.
    pub(super) fn fail(&mut self, error: &ProviderError, size: usize) -> Action {
        if !error.class.is_clients_fault() || self.may_go_elsewhere(error.class) {
            return self.try_next(Verdict::FirstEvent);
        }
        self.refuse_client(error.class.status(), error, size)
    }

    /// A refusal that another target may not share, by the model's policy.
    fn may_go_elsewhere(&self, class: ErrorClass) -> bool {
        let wanted = self.with_exchange(|e| {
            let policy = e.current_model().map(|m| m.fail_over_on)?;
            let wanted = match class {
                ErrorClass::ContextLength => policy.context_length,
                ErrorClass::ContentPolicy => policy.content_policy,
                ErrorClass::RateLimited
                | ErrorClass::Overloaded
                | ErrorClass::Auth
                | ErrorClass::NotFound
                | ErrorClass::InvalidRequest
                | ErrorClass::Server => false,
            };
            Some(wanted && e.has_next())
        });
        wanted.flatten() == Some(true)
    }

    pub(super) fn try_next(&mut self, verdict: Verdict) -> Action {
        self.with_exchange(|e| e.attempt_failed(verdict, host::now()));
        host::set_response_header(":status", RETRIABLE);
        self.reading = Reading::Pass;
        Action::Continue
    }

    /// Puts the provider's refusal into the client's dialect.
    fn refuse_client(&mut self, status: u16, error: &ProviderError, size: usize) -> Action {
        self.with_exchange(|e| e.attempt_answered(status, host::now()));
        host::set_response_header(":status", &status.to_string());
        if size == 0 {
            // Nothing can be put where there is no body: the SDK panics. The gateway role answers.
            self.reading = Reading::Pass;
            return Action::Continue;
        }
        let body = write_error(self.form(), error);
        host::set_response_header("content-type", "application/json");
        host::set_response_header("content-length", &body.len().to_string());
        host::replace_body(BufferType::HttpResponseBody, size, &body);
        self.reading = Reading::Discard;
        Action::Continue
    }

    /// An error status that the router does not retry. What it means is in its body: some vendors
    /// say 400 when it is our own key that is bad.
    pub(super) fn on_refusal(&mut self, status: u16, (size, end): (usize, bool)) -> Action {
        if !end && size < BODY_LIMIT_BYTES {
            return Action::Pause;
        }
        let body = host::body(BufferType::HttpResponseBody, 0, size.min(BODY_LIMIT_BYTES));
        let Some((_, wire, ..)) = self.call() else {
            return Action::Continue;
        };
        let error = read_error(wire, status, &body);
        // What does not say whose it is may be the next one's.
        let strange =
            error.is_of_another_account() && self.with_exchange(|e| e.has_next()) == Some(true);
        if strange || self.may_go_elsewhere(error.class) {
            return self.try_next(Verdict::ClientError);
        }
        match verdict_of(error.class) {
            Some(verdict) => self.try_next(verdict),
            None => self.refuse_client(status, &error, size),
        }
    }

    /// The error that some vendors hide in forms of their own.
    pub(super) fn hidden_error(&self, size: usize) -> Option<ProviderError> {
        let (_, Wire::Openai(vendor) | Wire::Responses(vendor), ..) = self.call()? else {
            return None;
        };
        let body = || host::body(BufferType::HttpResponseBody, 0, size.min(BODY_LIMIT_BYTES));
        vendor.has_quirks().then(|| hidden_error(&body()))?
    }
}

/// How an attempt ended whose provider meant this; `None` when it is the client's own fault.
fn verdict_of(class: ErrorClass) -> Option<Verdict> {
    match class {
        ErrorClass::RateLimited => Some(Verdict::RateLimited),
        ErrorClass::Overloaded => Some(Verdict::Overloaded),
        ErrorClass::Auth => Some(Verdict::Auth),
        ErrorClass::Server => Some(Verdict::ServerError),
        ErrorClass::NotFound
        | ErrorClass::ContextLength
        | ErrorClass::ContentPolicy
        | ErrorClass::InvalidRequest => None,
    }
}
