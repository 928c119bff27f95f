//! The provider role: runs once per attempt, in the provider's own cluster.

mod answer;
mod failure;
mod request;
mod translated;
mod wire;

use std::rc::Rc;

use ark_gateway_core::exchange::Exchange;
use ark_gateway_core::reject::{Reject, RejectCode};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::vm::Shared;
use crate::{host, reply, vm};
use answer::Reading;
use request::Rewrite;
pub(crate) use wire::wire_of;

/// One attempt.
pub(crate) struct ProviderFilter {
    provider: Rc<str>,
    live: Option<Shared>,
    rewrite: Rewrite,
    reading: Reading,
    /// Bytes of the answer that were read while it was held.
    read: usize,
}

impl ProviderFilter {
    pub(crate) fn new(provider: Rc<str>) -> Self {
        Self {
            provider,
            live: None,
            rewrite: Rewrite::None,
            reading: Reading::Pass,
            read: 0,
        }
    }

    fn with_exchange<R>(&self, f: impl FnOnce(&mut Exchange) -> R) -> Option<R> {
        self.live
            .as_ref()
            .map(|live| f(&mut live.borrow_mut().exchange))
    }
}

impl Context for ProviderFilter {}

impl HttpContext for ProviderFilter {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if self.begin().is_none() {
            // The VM that knew the request is gone, or the order never named this provider.
            vm::with(|vm| vm.faults.attempts_unknown += 1);
            host::warn("an attempt has no request; refused");
            reply::refuse(self.form(), &Reject::new(RejectCode::Internal), &[]);
            return Action::Pause;
        }
        match self.rewrite {
            Rewrite::None | Rewrite::Splice(_) => Action::Continue,
            // The head says how long the body is, which is not known yet.
            Rewrite::Whole(_) => Action::Pause,
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if matches!(self.rewrite, Rewrite::None) {
            return Action::Continue;
        }
        if !end_of_stream {
            return Action::Pause;
        }
        match self.rewrite_body(size) {
            Ok(()) => Action::Continue,
            Err(reject) => {
                self.with_exchange(|e| e.refused_at_attempt(reject.code, host::now()));
                reply::refuse(self.form(), &reject, &[]);
                Action::Pause
            }
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.on_head(host::response_status());
        if matches!(self.reading, Reading::Pass) {
            return Action::Continue;
        }
        if end_of_stream {
            return self.on_part(0, true);
        }
        Action::Pause
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.on_part(size, end_of_stream)
    }
}
