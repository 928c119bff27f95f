//! The gateway role: admits, inspects and decides on the request; answers and settles.

mod access;
mod ask;
mod choose;
mod extra;
mod guard;
mod identify;
mod inspect;
mod quota;
mod respond;
mod shed;
mod told;

use ark_gateway_core::exchange::{Answer, End};
use ark_gateway_core::limit::LimitVerdict;
use ark_gateway_core::reject::Reject;
use ark_wire::request::{ParamsScan, RequestInspector};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::head::Head;
use crate::vm::Shared;
use crate::{host, vm};
pub(crate) use choose::{facts_of, malformed};
use inspect::Marks;
pub(crate) use inspect::bad_request;
pub(crate) use quota::take_answer;

/// Where the answer to the client stands.
#[derive(Default, PartialEq, Eq)]
enum Answering {
    /// No header yet.
    #[default]
    Nothing,
    /// We answer ourselves: all that follows is ours.
    Own,
    /// The provider's answer passes.
    Relay,
}

/// One request in its gateway role.
#[derive(Default)]
pub(crate) struct GatewayFilter {
    live: Option<Shared>,
    inspector: Option<RequestInspector>,
    /// What a rule of `access` may bound; only where one does.
    params: Option<ParamsScan>,
    marks: Marks,
    /// A hash of what the conversation begins with, where it is long enough to be cached.
    opening: Option<u64>,
    /// Body bytes already inspected.
    inspected: usize,
    limit: Option<(u32, LimitVerdict)>,
    answering: Answering,
    complete: bool,
    /// Paused until the sidecar has said what its limits have left.
    waiting: Option<quota::Waiting>,
    /// A refusal that waits for the end of its request.
    owed: Option<shed::Owed>,
}

impl GatewayFilter {
    fn finish_body(&mut self) -> Action {
        match self.decide() {
            Ok(()) if self.answering == Answering::Own || self.waiting.is_some() => Action::Pause,
            Ok(()) => Action::Continue,
            Err(reject) => self.refuse(&reject),
        }
    }
}

impl Context for GatewayFilter {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body_size: usize, _: usize) {
        self.heard(token, headers, body_size);
    }
}

impl HttpContext for GatewayFilter {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let wire = host::request_headers();
        let head = Head::read(&wire);
        match self.on_head(&head, end_of_stream) {
            Ok(()) => {
                for name in &head.internal {
                    host::remove_request_header(name);
                }
            }
            Err(reject) => self.refuse_head(&head, end_of_stream, reject),
        }
        // Nothing is sent on before the body has been read and the targets are known.
        Action::Pause
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.answering == Answering::Own {
            if end_of_stream {
                self.pay();
            }
            return Action::Pause;
        }
        if let Err(reject) = self.read_body(size) {
            return self.refuse(&reject);
        }
        if end_of_stream {
            self.finish_body()
        } else {
            Action::Pause
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if self.answering == Answering::Own {
            self.pay();
            return Action::Pause;
        }
        self.finish_body()
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.complete |= end_of_stream;
        if self.answering == Answering::Own {
            return Action::Continue;
        }
        let Some(shared) = self.live.clone() else {
            return Action::Continue;
        };
        let mut live = shared.borrow_mut();
        if live.exchange.is_hedged() {
            let place = extra::answered_by();
            live.exchange.answered_by(place, host::now());
        }
        if live.exchange.is_refused() {
            // By the provider role, in the client's dialect.
            self.answering = Answering::Relay;
            return Action::Continue;
        }
        let answer = if live.exchange.relay() {
            Answer::Relay
        } else {
            live.exchange.answer(host::response_status(), host::now())
        };
        match answer {
            Answer::ClientError if end_of_stream => {
                drop(live);
                self.refuse(&Reject::invalid_request(
                    "The model's provider refused the request.".to_owned(),
                    None,
                ))
            }
            Answer::Relay | Answer::ClientError => {
                self.answering = Answering::Relay;
                self.mark_answer(&live);
                Action::Continue
            }
            Answer::Fail(reject) => {
                drop(live);
                self.refuse(&reject)
            }
        }
    }

    fn on_http_response_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        self.complete |= end_of_stream;
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.complete = true;
        Action::Continue
    }

    fn on_log(&mut self) {
        self.stop_waiting();
        let Some(live) = self.live.take() else {
            return;
        };
        let end = if self.complete {
            End::Complete
        } else {
            end_of(host::response_flags())
        };
        vm::with(|vm| vm.settle(&live, end, host::now()));
    }
}

/// Who broke off, by Envoy's response flags (`CoreResponseFlag`): the downstream connection's end
/// (bit 14) or a downstream reset (bit 28), or else our side.
fn end_of(flags: u64) -> End {
    const DOWNSTREAM: u64 = 1 << 14 | 1 << 28;
    if flags & DOWNSTREAM != 0 {
        End::ClientGone
    } else {
        End::Broken
    }
}
