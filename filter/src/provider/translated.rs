//! An answer of another dialect than the client's.

use std::rc::Rc;

use ark_dialect::chat::AnswerContext;
use ark_dialect::embeddings::Encoding;
use ark_dialect::provider_error::{ErrorClass, ProviderError};
use ark_dialect::translate::{Asked, answer, write_error};
use proxy_wasm::types::{Action, BufferType};

use super::ProviderFilter;
use super::answer::{Reading, counted};
use crate::host;
use crate::vm::Live;

/// Bytes of an answer that are held with its head, so that it can still go elsewhere; a larger one is
/// gathered without its head.
const HOLD_LIMIT_BYTES: usize = 512 * 1024;

/// Most bytes of a JSON answer that are translated.
const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;

impl ProviderFilter {
    /// Translates new bytes of a stream; until the answer has really begun its head is held.
    pub(super) fn on_translated_stream(&mut self, size: usize, end: bool) -> Action {
        let Reading::TranslateStream { translation, held } = &mut self.reading else {
            return Action::Continue;
        };
        let from = if held.is_some() { self.read } else { 0 };
        let chunk = host::body(BufferType::HttpResponseBody, from, size - from);
        self.read = size;
        let mut out = held.take().unwrap_or_default();
        let was_held = !translation.begun();
        translation.push(&chunk, end, &mut out);
        if was_held && !translation.begun() {
            if let Some(error) = translation.failed().cloned() {
                return self.fail(&error, size);
            }
            *held = Some(out);
            return Action::Pause;
        }
        host::replace_body(BufferType::HttpResponseBody, size, &out);
        let (usage, pieces) = (translation.usage(), translation.pieces());
        // Only on the day that something is lost does this copy anything.
        let dropped = translation.dropped();
        let lost: Vec<_> = if dropped.len() > self.dropped {
            dropped.iter().cloned().collect()
        } else {
            Vec::new()
        };
        self.dropped = dropped.len();
        let is_whole = translation.usage_is_whole();
        let (failed, ended) = (translation.failed().is_some(), translation.ended());
        if was_held {
            host::set_response_header("content-type", "text/event-stream");
            self.answer_lost(&lost);
        } else {
            self.stream_lost(&lost);
        }
        self.with_exchange(|exchange| {
            if was_held {
                exchange.attempt_released(host::now());
            }
            exchange.output_estimated(pieces);
            if let Some(usage) = usage {
                exchange.usage_reported_so_far(counted(usage), is_whole);
            }
            if failed {
                exchange.attempt_cut(host::now());
            } else if ended {
                exchange.attempt_complete();
            }
        });
        Action::Continue
    }

    /// Gathers a JSON answer and translates it when it is whole.
    pub(super) fn on_translated_json(&mut self, size: usize, end: bool) -> Action {
        let Reading::TranslateJson { gathered } = &mut self.reading else {
            return Action::Continue;
        };
        if !end && gathered.is_none() && size < HOLD_LIMIT_BYTES {
            return Action::Pause;
        }
        let held = gathered.is_none();
        let mut body = gathered.take().unwrap_or_default();
        body.extend(host::body(BufferType::HttpResponseBody, 0, size));
        if end {
            return self.translate_json(&body, (size, held));
        }
        if body.len() > ANSWER_LIMIT_BYTES {
            host::warn("an answer is too large to be translated");
            body.clear();
        }
        host::replace_body(BufferType::HttpResponseBody, size, &[]);
        host::set_response_header("content-type", "application/json");
        *gathered = Some(body);
        if held {
            self.with_exchange(|e| e.attempt_released(host::now()));
        }
        Action::Continue
    }

    fn translate_json(&mut self, body: &[u8], (size, held): (usize, bool)) -> Action {
        let Some((client, wire, _, stream)) = self.call() else {
            return Action::Continue;
        };
        let context = self.live.as_ref().map(|l| context_of(&l.borrow()));
        let answered = answer(
            client,
            (wire, &self.target_model()),
            body,
            &context.unwrap_or_default(),
        );
        match answered {
            Ok(_) if stream && held => {
                let error = ProviderError::new(
                    ErrorClass::Server,
                    "The provider answered without the stream that was asked for.",
                );
                self.fail(&error, size)
            }
            Ok(answered) => {
                if held {
                    self.answer_lost(&answered.dropped);
                    host::set_response_header("content-type", "application/json");
                    let length = answered.body.len().to_string();
                    host::set_response_header("content-length", &length);
                    self.with_exchange(|e| e.attempt_released(host::now()));
                } else {
                    self.stream_lost(&answered.dropped);
                }
                host::replace_body(BufferType::HttpResponseBody, size, &answered.body);
                self.complete(answered.usage);
                Action::Continue
            }
            Err(error) if held => self.fail(&error, size),
            Err(error) => {
                let body = write_error(self.form(), &error);
                host::replace_body(BufferType::HttpResponseBody, size, &body);
                self.with_exchange(|e| e.attempt_cut(host::now()));
                Action::Continue
            }
        }
    }
}

/// The account that answers.
pub(super) fn account_of(live: &Live) -> String {
    let policy = live.exchange.policy();
    let target = live.exchange.current_target();
    let target = target.and_then(|target| policy.target(target));
    let provider = target.and_then(|target| policy.provider(target.provider));
    provider.map_or_else(String::new, |provider| provider.account.clone())
}

/// What the writer of an answer must know of the request.
pub(super) fn context_of(live: &Live) -> AnswerContext {
    let (request, encoding) = match &live.asked {
        Some(Asked::Chat(request)) => (Rc::clone(request), Encoding::default()),
        Some(Asked::Embeddings(request)) => (Rc::default(), request.encoding),
        None => (Rc::default(), Encoding::default()),
    };
    AnswerContext {
        account: account_of(live),
        model: live
            .facts
            .as_ref()
            .map_or_else(String::new, |f| f.model.clone()),
        id: live.exchange.id().replace('-', ""),
        created: live.decided / 1_000_000_000,
        request,
        encoding,
    }
}
