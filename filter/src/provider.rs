//! The provider role: runs once per attempt, in the provider's own cluster.

use std::rc::Rc;

use ark_dialect::answer::AnswerInspector;
use ark_dialect::gate::{FirstEvent, GateError, GateVerdict};
use ark_dialect::path::{Endpoint as WireEndpoint, Layout, upstream_path};
use ark_dialect::provider_error::{BODY_LIMIT_BYTES, ProviderError};
use ark_dialect::relay::{RelayOut, StreamRelay};
use ark_dialect::rewrite::{Edits, Plan, plan};
use ark_dialect::usage::Usage as WireUsage;
use ark_gateway_core::exchange::Exchange;
use ark_gateway_core::record::{Endpoint, Usage};
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::{ProviderKind, ProviderSpec, TargetId};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType};

use crate::vm::{Live, Shared};
use crate::{host, reply, vm};

/// The status that makes the router try the next target.
const RETRIABLE: &str = "529";

/// Headers that may carry a credential: what one provider's cluster injected must not reach the next.
const CREDENTIALS: [&str; 4] = ["authorization", "api-key", "x-api-key", "x-goog-api-key"];

/// Bytes of a JSON answer after which it passes even if its end has not come: an error comes first.
const JSON_LOOK_AHEAD_BYTES: usize = 16 * 1024;

/// What the provider's answer is, and how far it has come.
enum Reading {
    /// Not a success, or nothing to read.
    Pass,
    /// A stream whose first event has not come; the answer's head is held.
    Gate(Box<FirstEvent>),
    /// A stream that flows.
    Stream(Box<StreamRelay>),
    /// A JSON answer; `held` while it may still turn out to be an error.
    Json {
        inspector: Box<AnswerInspector>,
        held: bool,
    },
    /// What follows an error that has been answered already.
    Discard,
}

/// One attempt.
pub(crate) struct ProviderFilter {
    provider: Rc<str>,
    live: Option<Shared>,
    plan: Option<Plan>,
    reading: Reading,
    /// Bytes of the answer that the gate has seen.
    gated: usize,
}

impl ProviderFilter {
    pub(crate) fn new(provider: Rc<str>) -> Self {
        Self {
            provider,
            live: None,
            plan: None,
            reading: Reading::Pass,
            gated: 0,
        }
    }

    /// A part of the answer's body, or its end.
    fn on_part(&mut self, size: usize, end: bool) -> Action {
        match self.reading {
            Reading::Pass => Action::Continue,
            Reading::Gate(_) => self.on_gated(size, end),
            Reading::Stream(_) => self.on_stream(size, end),
            Reading::Json { .. } => self.on_json(size, end),
            Reading::Discard => {
                host::replace_body(BufferType::HttpResponseBody, size, &[]);
                Action::Continue
            }
        }
    }

    /// Finds the request and rewrites its head; `None` when nothing may be sent.
    fn begin(&mut self) -> Option<()> {
        let id = host::request_header("x-request-id")?;
        let shared = vm::with(|vm| vm.find(std::str::from_utf8(&id).ok()?))?;
        self.live = Some(Rc::clone(&shared));
        let mut live = shared.borrow_mut();
        let now = if live.exchange.is_untried() {
            live.decided
        } else {
            host::now()
        };
        let (target, first) = live.exchange.attempt_began(&self.provider, now)?;
        if !first {
            for name in CREDENTIALS {
                host::remove_request_header(name);
            }
        }
        self.rewrite_head(&live, target, first)
    }

    /// Sets what this provider needs. The first attempt sees the client's head and skips what is
    /// right already; a later one sees what the attempts before it wrote, and sets all.
    fn rewrite_head(&mut self, live: &Live, target: TargetId, first: bool) -> Option<()> {
        let policy = live.exchange.policy();
        let target = policy.target(target)?;
        let provider = policy.provider(target.provider)?;
        host::set_request_header(":authority", &provider.authority);
        let path = path_of(provider, &target.model, live)?;
        if !first || path != live.path {
            host::set_request_header(":path", &path);
        }
        let facts = live.facts.as_ref()?;
        let rewritten = plan(facts, edits(provider, &target.model, live));
        if live.has_content_length && (!first || !rewritten.is_empty()) {
            let length = rewritten.new_len().to_string();
            host::set_request_header("content-length", &length);
        }
        if !rewritten.is_empty() {
            self.plan = Some(rewritten);
        }
        Some(())
    }

    fn rewrite_body(&mut self, size: usize) {
        let Some(plan) = self.plan.take() else {
            return;
        };
        let body = host::body(BufferType::HttpRequestBody, 0, size);
        match plan.apply(&body) {
            Ok(rewritten) => host::replace_body(BufferType::HttpRequestBody, size, &rewritten),
            Err(error) => host::warn(&format!("a request could not be rewritten: {error:?}")),
        }
    }

    fn with_exchange<R>(&self, f: impl FnOnce(&mut Exchange) -> R) -> Option<R> {
        self.live
            .as_ref()
            .map(|live| f(&mut live.borrow_mut().exchange))
    }

    /// Reads new bytes of a gated stream; whether the head may go on.
    fn on_gated(&mut self, size: usize, end: bool) -> Action {
        let Reading::Gate(gate) = &mut self.reading else {
            return Action::Continue;
        };
        let chunk = host::body(BufferType::HttpResponseBody, self.gated, size - self.gated);
        self.gated = size;
        let mut verdict = gate.push(&chunk);
        if end && verdict == GateVerdict::NeedMore {
            verdict = std::mem::take(&mut **gate).finish();
        }
        match verdict {
            GateVerdict::NeedMore => Action::Pause,
            GateVerdict::Pass => {
                self.with_exchange(|e| e.attempt_released(host::now()));
                let strip = self.strips_usage();
                self.reading = Reading::Stream(Box::new(StreamRelay::new(strip)));
                self.on_stream(size, end)
            }
            GateVerdict::ProviderError(error) => {
                self.on_gate_error(&error, size);
                Action::Continue
            }
        }
    }

    /// The stream began with an error: the client's own is answered as the 400 that it should have
    /// been, any other makes the router try the next target.
    fn on_gate_error(&mut self, error: &GateError, size: usize) {
        match error {
            GateError::Reported(error) if error.class.is_clients_fault() => {
                self.with_exchange(|e| e.attempt_answered(400, host::now()));
                host::set_response_header(":status", "400");
                host::set_response_header("content-type", "application/json");
                host::replace_body(BufferType::HttpResponseBody, size, &error.body());
                self.reading = Reading::Discard;
            }
            GateError::Reported(_) | GateError::Empty => {
                self.with_exchange(|e| e.gate_failed(host::now()));
                host::set_response_header(":status", RETRIABLE);
                self.reading = Reading::Pass;
            }
        }
    }

    /// Ark asked for the usage chunk, the client did not.
    fn strips_usage(&self) -> bool {
        self.live.as_ref().is_some_and(|live| {
            let live = live.borrow();
            live.facts.as_ref().is_some_and(|f| !f.include_usage)
        })
    }

    fn on_stream(&mut self, size: usize, end: bool) -> Action {
        let Reading::Stream(relay) = &mut self.reading else {
            return Action::Continue;
        };
        let chunk = host::body(BufferType::HttpResponseBody, 0, size);
        if let RelayOut::Replace(bytes) = relay.push(&chunk, end) {
            host::replace_body(BufferType::HttpResponseBody, size, &bytes);
        }
        let (usage, events, broken) = (relay.usage(), relay.events(), relay.saw_error());
        self.with_exchange(|exchange| {
            exchange.output_estimated(events);
            if let Some(usage) = usage {
                exchange.usage_reported(counted(usage));
            }
            if broken {
                exchange.attempt_cut(host::now());
            } else if end {
                exchange.attempt_complete();
            }
        });
        Action::Continue
    }

    /// Reads a JSON answer. Its head is held until it is whole or has shown enough of itself: an
    /// error that a provider hides in a 200 goes to the next target like any other.
    fn on_json(&mut self, size: usize, end: bool) -> Action {
        let Reading::Json { inspector, held } = &mut self.reading else {
            return Action::Continue;
        };
        let from = if *held { self.gated } else { 0 };
        inspector.push(&host::body(BufferType::HttpResponseBody, from, size - from));
        self.gated = size;
        if *held && inspector.error() {
            let body = host::body(BufferType::HttpResponseBody, 0, size.min(BODY_LIMIT_BYTES));
            let error = GateError::Reported(ProviderError::read(&body));
            self.on_gate_error(&error, size);
            return Action::Continue;
        }
        if *held && !end && size < JSON_LOOK_AHEAD_BYTES {
            return Action::Pause;
        }
        if std::mem::take(held) {
            self.with_exchange(|e| e.attempt_released(host::now()));
        }
        if end {
            self.finish_json();
        }
        Action::Continue
    }

    fn finish_json(&mut self) {
        let reading = std::mem::replace(&mut self.reading, Reading::Pass);
        if let Reading::Json { inspector, .. } = reading {
            let facts = inspector.finish();
            self.with_exchange(|exchange| {
                if let Some(usage) = facts.usage {
                    exchange.usage_reported(counted(usage));
                }
                exchange.attempt_complete();
            });
        }
    }
}

impl Context for ProviderFilter {}

impl HttpContext for ProviderFilter {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        if self.begin().is_some() {
            return Action::Continue;
        }
        // The VM that knew the request is gone, or the order never named this provider.
        host::warn("an attempt has no request; refused");
        reply::refuse(&Reject::new(RejectCode::Internal), &[]);
        Action::Pause
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.plan.is_none() {
            return Action::Continue;
        }
        if !end_of_stream {
            return Action::Pause;
        }
        self.rewrite_body(size);
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let status = host::response_status();
        if status != 200 {
            self.with_exchange(|e| e.attempt_answered(status, host::now()));
            return Action::Continue;
        }
        let streams = self.with_exchange(|e| {
            e.attempt_held(status);
            e.stream()
        });
        if streams == Some(true) && is_event_stream() {
            if self.strips_usage() {
                // What the client gets is shorter than what the provider announced.
                host::remove_response_header("content-length");
            }
            self.reading = Reading::Gate(Box::default());
        } else {
            self.reading = Reading::Json {
                inspector: Box::default(),
                held: true,
            };
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

fn is_event_stream() -> bool {
    host::response_header("content-type")
        .is_some_and(|value| value.to_ascii_lowercase().starts_with(b"text/event-stream"))
}

fn path_of(provider: &ProviderSpec, model: &str, live: &Live) -> Option<String> {
    let endpoint = match live.exchange.endpoint() {
        Endpoint::ChatCompletions => WireEndpoint::ChatCompletions,
        Endpoint::Completions => WireEndpoint::Completions,
        Endpoint::Embeddings => WireEndpoint::Embeddings,
        Endpoint::Models | Endpoint::Other => return None,
    };
    let layout = match provider.kind {
        ProviderKind::Openai | ProviderKind::OpenaiCompatible => Layout::Openai,
        ProviderKind::AzureOpenai => Layout::AzureOpenai {
            deployment: model,
            api_version: provider.api_version.as_deref().unwrap_or_default(),
        },
        ProviderKind::Anthropic
        | ProviderKind::Gemini
        | ProviderKind::Vertex
        | ProviderKind::Bedrock => return None,
    };
    Some(upstream_path(&provider.base_path, endpoint, layout))
}

/// What changes in the body for this provider.
fn edits<'a>(provider: &ProviderSpec, model: &'a str, live: &Live) -> Edits<'a> {
    let asked = live.facts.as_ref().map_or("", |f| f.model.as_str());
    Edits {
        // Azure takes the deployment from the path.
        model: (provider.kind == ProviderKind::Openai && model != asked).then_some(model),
        include_usage: live.exchange.stream()
            && live.exchange.endpoint() != Endpoint::Embeddings
            && live.facts.as_ref().is_some_and(|f| !f.include_usage),
    }
}

fn counted(usage: WireUsage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cached_tokens: usage.cached_tokens,
    }
}
