//! What this provider answers, and what becomes of it.

use ark_dialect::gate::{FirstEvent, GateError, GateVerdict};
use ark_dialect::meter::{Meter, answer_inspector};
use ark_dialect::provider_error::{BODY_LIMIT_BYTES, ProviderError};
use ark_dialect::translate::{Client, Translation, Wire};
use ark_gateway_core::exchange::failure_of;
use ark_gateway_core::record::{Usage, Verdict};
use ark_wire::answer::AnswerInspector;
use ark_wire::relay::RelayOut;
use ark_wire::usage::Usage as WireUsage;
use proxy_wasm::types::{Action, BufferType};

use super::ProviderFilter;
use super::head::AnswerHead;
use super::translated::context_of;
use super::wire::wire_of;
use crate::host;

/// Bytes of a JSON answer after which it passes even if its end has not come: an error comes first.
const JSON_LOOK_AHEAD_BYTES: usize = 16 * 1024;

/// What the provider's answer is, and how far it has come.
pub(super) enum Reading {
    /// Nothing to read, or read enough.
    Pass,
    /// A stream whose first event has not come; the answer's head is held.
    Gate(Box<FirstEvent>),
    /// A stream that flows.
    Stream(Box<Meter>),
    /// A JSON answer; `held` while it may still turn out to be an error.
    Json {
        inspector: Box<AnswerInspector>,
        held: bool,
    },
    /// A stream of another dialect; `held` is what the client will get first.
    TranslateStream {
        translation: Box<Translation>,
        held: Option<Vec<u8>>,
    },
    /// A JSON answer of another dialect; `gathered` once its head is gone.
    TranslateJson { gathered: Option<Vec<u8>> },
    /// An error that may be the client's, held until it is whole.
    Refusal { status: u16 },
    /// The last target's failure, held as its body may say when to come back.
    LastFailure { status: u16 },
    /// What follows an error that has been answered already.
    Discard,
}

impl ProviderFilter {
    /// The answer's head: decides how its body is read.
    pub(super) fn on_head(&mut self, head: &AnswerHead) {
        let status = head.status;
        if let Some(rate_limits) = head.rate_limits {
            self.with_exchange(|e| e.limits_told(rate_limits));
        }
        if status == 200 {
            self.on_success(head.is_event_stream);
        } else if status >= 400 && failure_of(status).is_none() {
            self.with_exchange(|e| e.attempt_held(status));
            self.reading = Reading::Refusal { status };
        } else {
            self.on_failure(status, head.retry_after_ms);
        }
    }

    fn on_success(&mut self, is_event_stream: bool) {
        let Some((client, wire, native, stream)) = self.call() else {
            return;
        };
        self.with_exchange(|e| e.attempt_held(200));
        let streams = stream && is_event_stream;
        if !native {
            host::remove_response_header("content-length");
            let context = self.live.as_ref().map(|l| context_of(&l.borrow()));
            let model = self.target_model();
            self.reading = match context {
                Some(context) if streams => Reading::TranslateStream {
                    translation: Box::new(Translation::new(client, (wire, &model), context)),
                    held: Some(Vec::new()),
                },
                Some(_) | None => Reading::TranslateJson { gathered: None },
            };
            return;
        }
        self.begin_marking(client);
        if streams {
            // What the client gets may be shorter than what the provider announced, or longer.
            host::remove_response_header("content-length");
            self.reading = Reading::Gate(Box::default());
        } else {
            self.reading = Reading::Json {
                inspector: Box::new(answer_inspector(client)),
                held: true,
            };
        }
    }

    /// What was called, at whom, whether bytes pass, and whether a stream was asked for.
    pub(super) fn call(&self) -> Option<(Client, Wire, bool, bool)> {
        let mut live = self.live.as_ref()?.borrow_mut();
        live.exchange.speak_of(self.place);
        let policy = live.exchange.policy();
        let target = policy.target(live.exchange.current_target()?)?;
        let client = live.client?;
        let wire = wire_of(policy.provider(target.provider)?, target, client);
        // A request that was written anew in its own dialect gets its answer in that dialect.
        let own = client.is_native_to(wire) && wire == Wire::Anthropic;
        let native = own || (live.passes(client, wire) && !self.translated_anyway);
        Some((client, wire, native, live.exchange.stream()))
    }

    /// The provider's name for the model.
    pub(super) fn target_model(&self) -> String {
        self.with_exchange(|e| {
            let target = e.policy().target(e.current_target()?)?;
            Some(target.model.clone())
        })
        .flatten()
        .unwrap_or_default()
    }

    /// A part of the answer's body, or its end.
    pub(super) fn on_part(&mut self, size: usize, end: bool) -> Action {
        match self.reading {
            Reading::Pass => Action::Continue,
            Reading::Gate(_) => self.on_gated(size, end),
            Reading::Stream(_) => self.on_stream(size, end),
            Reading::Json { .. } => self.on_json(size, end),
            Reading::TranslateStream { .. } => self.on_translated_stream(size, end),
            Reading::TranslateJson { .. } => self.on_translated_json(size, end),
            Reading::Refusal { status } => self.on_refusal(status, (size, end)),
            Reading::LastFailure { status } => self.on_last_failure(status, (size, end)),
            Reading::Discard => {
                host::replace_body(BufferType::HttpResponseBody, size, &[]);
                Action::Continue
            }
        }
    }

    /// Reads new bytes of a gated stream; whether the head may go on.
    fn on_gated(&mut self, size: usize, end: bool) -> Action {
        let Reading::Gate(gate) = &mut self.reading else {
            return Action::Continue;
        };
        let chunk = host::body(BufferType::HttpResponseBody, self.read, size - self.read);
        self.read = size;
        let mut verdict = gate.push(&chunk);
        if end && verdict == GateVerdict::NeedMore {
            verdict = std::mem::take(&mut **gate).finish();
        }
        match verdict {
            GateVerdict::NeedMore => Action::Pause,
            GateVerdict::Pass => {
                self.with_exchange(|e| e.attempt_released(host::now()));
                let Some((client, wire, ..)) = self.call() else {
                    return Action::Continue;
                };
                let strip = self.strips_usage();
                self.reading = Reading::Stream(Box::new(Meter::new(client, wire, strip)));
                self.on_stream(size, end)
            }
            GateVerdict::ProviderError(GateError::Reported(error)) => self.fail(&error, size),
            GateVerdict::ProviderError(GateError::Empty) => self.try_next(Verdict::FirstEvent),
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
        let Reading::Stream(meter) = &mut self.reading else {
            return Action::Continue;
        };
        let chunk = host::body(BufferType::HttpResponseBody, 0, size);
        let out = meter.push(&chunk, end);
        let (usage, events, broken) = (meter.usage(), meter.events(), meter.saw_error());
        let is_whole = meter.usage_is_whole();
        let truncated = end && !broken && !meter.saw_end();
        let mut replaced = match out {
            RelayOut::Unchanged => None,
            RelayOut::Replace(bytes) => Some(bytes),
        };
        if truncated {
            let bytes = replaced.get_or_insert_with(|| chunk.clone());
            bytes.extend(meter.broken_off());
        }
        self.mark_account(&chunk, &mut replaced);
        if let Some(bytes) = replaced {
            host::replace_body(BufferType::HttpResponseBody, size, &bytes);
        }
        self.with_exchange(|exchange| {
            exchange.output_estimated(events);
            if let Some(usage) = usage {
                exchange.usage_reported_so_far(counted(usage), is_whole);
            }
            if broken || truncated {
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
        let from = if *held { self.read } else { 0 };
        inspector.push(&host::body(BufferType::HttpResponseBody, from, size - from));
        self.read = size;
        let releases = *held && (end || size >= JSON_LOOK_AHEAD_BYTES);
        if *held && inspector.error() {
            let body = host::body(BufferType::HttpResponseBody, 0, size.min(BODY_LIMIT_BYTES));
            return self.fail(&ProviderError::read(&body), size);
        }
        if *held && !releases {
            return Action::Pause;
        }
        if std::mem::take(held) {
            if let Some(error) = self.hidden_error(size) {
                return self.fail(&error, size);
            }
            self.with_exchange(|e| e.attempt_released(host::now()));
        }
        self.mark_json(size, (releases, end));
        if end {
            self.finish_json();
        }
        Action::Continue
    }

    fn finish_json(&mut self) {
        let reading = std::mem::replace(&mut self.reading, Reading::Pass);
        if let Reading::Json { inspector, .. } = reading {
            self.complete(inspector.finish().usage);
        }
    }

    pub(super) fn complete(&self, usage: Option<WireUsage>) {
        self.with_exchange(|exchange| {
            if let Some(usage) = usage {
                exchange.usage_reported(counted(usage));
            }
            exchange.attempt_complete();
        });
    }
}

pub(super) fn counted(usage: WireUsage) -> Usage {
    Usage {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cached_tokens: usage.cached_tokens,
        cache_creation_tokens: usage.cache_creation_tokens,
        reasoning_tokens: usage.reasoning_tokens,
        input_audio_tokens: usage.input_audio_tokens,
        output_audio_tokens: usage.output_audio_tokens,
    }
}
