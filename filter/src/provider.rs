//! The provider role: runs once per attempt, in the provider's own cluster.

mod answer;
mod bounds;
mod dropped;
mod failure;
mod head;
mod marked;
mod request;
mod translated;
mod wire;

use std::rc::Rc;

use ark_gateway_core::exchange::Exchange;
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_wire::insert::Insertion;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::vm::Shared;
use crate::{host, reply, vm};
use answer::Reading;
use head::AnswerHead;
use request::Rewrite;
pub(crate) use wire::wire_of;

/// By this header the gateway role knows which attempt of several the router has chosen.
pub(crate) const ANSWERED_BY: &str = "x-ark-hedge-attempt";

/// One attempt.
pub(crate) struct ProviderFilter {
    provider: Rc<str>,
    live: Option<Shared>,
    /// Which of the exchange's attempts this is.
    place: usize,
    /// It is translated though its provider speaks the client's dialect.
    translated_anyway: bool,
    rewrite: Rewrite,
    reading: Reading,
    /// Bytes of the answer that were read while it was held.
    read: usize,
    /// Losses of the answer that were taken note of.
    dropped: usize,
    /// What is put into an answer that passes.
    marking: Option<Insertion>,
}

impl ProviderFilter {
    pub(crate) fn new(provider: Rc<str>) -> Self {
        Self {
            provider,
            live: None,
            place: 0,
            translated_anyway: false,
            rewrite: Rewrite::None,
            reading: Reading::Pass,
            read: 0,
            dropped: 0,
            marking: None,
        }
    }

    /// Tells the exchange something of this attempt.
    fn with_exchange<R>(&self, f: impl FnOnce(&mut Exchange) -> R) -> Option<R> {
        self.live.as_ref().map(|live| {
            let exchange = &mut live.borrow_mut().exchange;
            exchange.speak_of(self.place);
            f(exchange)
        })
    }

    /// Envoy has ended this attempt. Nobody else notices the end of a shadow copy, or of one of several
    /// attempts at once.
    fn ended(&self) {
        let Some(shared) = &self.live else {
            return;
        };
        let is_copy = {
            let Ok(mut live) = shared.try_borrow_mut() else {
                return;
            };
            if live.exchange.is_hedged() {
                live.exchange.speak_of(self.place);
                live.exchange.attempt_gone(host::now());
            }
            live.exchange.is_copy()
        };
        if is_copy {
            vm::with(|vm| vm.settle_copy(shared, host::now()));
        }
    }
}

impl Context for ProviderFilter {
    fn on_done(&mut self) -> bool {
        self.ended();
        true
    }
}

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
        self.on_head(&AnswerHead::read());
        if self.with_exchange(|e| e.is_hedged()) == Some(true) {
            host::set_response_header(ANSWERED_BY, &self.place.to_string());
        }
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
