//! Reading a stream (`alt=sse`).

use std::borrow::Cow;

use super::answer::signature;
use super::error::{blocked, find, own, unreadable};
use super::finish::{broken, finish};
use super::wire::{Candidate, FunctionCall, Part, Response, Text, UsageMetadata, arguments};
use crate::chat::{Event, Finish, MadeIds};
use crate::loss::Field;
use crate::provider_error::{BODY_LIMIT_BYTES, ErrorClass, ProviderError};
use crate::sse::SseReader;
use crate::usage::Usage;

/// Most bytes of one event: a call's arguments come in one piece. A reader holds at most twice as
/// many, and that only of an event that is cut by chunks.
pub const EVENT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// Google gives at most 8.
const CANDIDATES_LIMIT: usize = 16;

/// Reads a stream of `GenerateContentResponse`.
///
/// Gemini marks no end but by closing: a stream that ends after a `finishReason` of every candidate
/// is whole. Chunks may follow a `finishReason` (the models before 2.0 repeat `STOP` in every chunk,
/// and candidates end one by one), so `Finish` and `End` come at the end of the bytes. Of parts that
/// no other dialect has (`inlineData`, `executableCode`, …) is told that they are there.
#[derive(Debug)]
pub struct StreamReader {
    events: SseReader,
    progress: Progress,
    /// The beginning of a body that is no event stream but JSON.
    body: Vec<u8>,
    may_be_body: bool,
}

#[derive(Debug, Default)]
struct Progress {
    /// For calls without an id.
    ids: MadeIds,
    started: bool,
    over: bool,
    usage: Option<Usage>,
    /// What was read but not told, for the answer has not begun.
    untold: bool,
    candidates: Vec<Candidacy>,
}

#[derive(Debug)]
struct Candidacy {
    index: u32,
    calls: u32,
    finish: Option<Finish>,
}

type Sink<'s> = dyn FnMut(Event<'_>) + 's;

impl Default for StreamReader {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamReader {
    /// A reader at the start of a stream of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::of_answer("")
    }

    /// A reader at the start of a stream; `id` is one that no other answer has, for where the
    /// provider gives none.
    #[must_use]
    pub fn of_answer(id: &str) -> Self {
        Self {
            events: SseReader::new(EVENT_LIMIT_BYTES),
            progress: Progress {
                ids: MadeIds::of(id),
                ..Progress::default()
            },
            body: Vec::new(),
            may_be_body: true,
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8], sink: &mut Sink<'_>) {
        if self.progress.over {
            return;
        }
        self.keep_body(chunk);
        let progress = &mut self.progress;
        let read = self
            .events
            .push(chunk, &mut |event| progress.event(event.data, sink));
        if read.is_err() {
            let message = "The provider sent an event that is too large.";
            progress.fail(own(ErrorClass::Server, message), sink);
        }
    }

    /// Ends the stream.
    pub fn finish(&mut self, sink: &mut Sink<'_>) {
        let progress = &mut self.progress;
        if !progress.over {
            // Some servers leave out the last blank line. What is cut is not read.
            let read = self.events.push(b"\n\n", &mut |event| {
                if serde_json::from_slice::<Response<'_>>(event.data).is_ok() {
                    progress.event(event.data, sink);
                }
            });
            if read.is_err() {
                progress.fail(ProviderError::truncated(), sink);
            }
        }
        let error = Some(self.body.as_slice())
            .filter(|body| !body.is_empty())
            .map(|body| find(body, None).unwrap_or_else(unreadable));
        progress.finish(error, sink);
    }

    /// Whether an event stream or JSON is under way shows in the first byte that is no space.
    fn keep_body(&mut self, chunk: &[u8]) {
        if !self.may_be_body {
            return;
        }
        let chunk = if self.body.is_empty() {
            chunk.trim_ascii_start()
        } else {
            chunk
        };
        match self.body.first().or(chunk.first()) {
            Some(b'{' | b'[') => {
                // One byte more than can be an error.
                let room = (BODY_LIMIT_BYTES + 1).saturating_sub(self.body.len());
                self.body.extend(chunk.iter().take(room));
            }
            Some(_) => self.may_be_body = false,
            None => {}
        }
    }
}

impl Progress {
    fn event(&mut self, data: &[u8], sink: &mut Sink<'_>) {
        if self.over || data.trim_ascii().is_empty() {
            return;
        }
        let Ok(response) = serde_json::from_slice::<Response<'_>>(data) else {
            let error = find(data, None).unwrap_or_else(unreadable);
            return self.fail(error, sink);
        };
        if response.error.is_some() {
            let error = find(data, None).unwrap_or_else(unreadable);
            return self.fail(error, sink);
        }
        self.response(response, sink);
    }

    fn response(&mut self, response: Response<'_>, sink: &mut Sink<'_>) {
        // Before the answer begins: another provider can still give one.
        if let Some(error) = response.candidates.iter().find_map(broken) {
            return self.fail(error, sink);
        }
        let usage = response.usage_metadata.and_then(UsageMetadata::usage);
        if usage.is_some() && usage != self.usage {
            self.usage = usage;
            self.untold = true;
        }
        if response.candidates.is_empty() {
            if let Some(error) = blocked(response.prompt_feedback) {
                return self.fail(error, sink);
            }
        } else if !self.started {
            self.started = true;
            let id = Text::said(response.response_id);
            if let Some(id) = &id {
                self.ids = MadeIds::of(id);
            }
            sink(Event::Start {
                id,
                model: Text::said(response.model_version),
                created: None,
            });
        }
        if self.started
            && let Some(usage) = self.usage.filter(|_| std::mem::take(&mut self.untold))
        {
            sink(Event::Usage(usage));
        }
        for candidate in response.candidates {
            if let Err(error) = self.candidate(candidate, sink) {
                return self.fail(error, sink);
            }
        }
    }

    fn candidate(
        &mut self,
        candidate: Candidate<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), ProviderError> {
        let ids = self.ids;
        let cites = candidate.has_sources();
        let state = self.state(candidate.index.unwrap_or_default())?;
        if cites {
            let (choice, field) = (state.index, Field::AnswerAnnotations);
            sink(Event::Foreign { choice, field });
        }
        for part in candidate.content.unwrap_or_default().parts {
            state.part(part, ids, sink);
        }
        if let Some(logprobs) = candidate.logprobs_result.and_then(|it| it.openai()) {
            let choice = state.index;
            sink(Event::Logprobs { choice, logprobs });
        }
        let has_calls = state.calls > 0;
        if let Some(finish) = finish(candidate.finish_reason, has_calls) {
            state.finish = Some(finish);
        }
        Ok(())
    }

    fn state(&mut self, index: u32) -> Result<&mut Candidacy, ProviderError> {
        let known = self.candidates.iter().position(|it| it.index == index);
        let at = known.unwrap_or(self.candidates.len());
        if known.is_none() && at < CANDIDATES_LIMIT {
            self.candidates.push(Candidacy {
                index,
                calls: 0,
                finish: None,
            });
        }
        let message = "The provider gave more answers than can be read.";
        self.candidates
            .get_mut(at)
            .ok_or_else(|| own(ErrorClass::Server, message))
    }

    fn fail(&mut self, error: ProviderError, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.over, true) {
            sink(Event::Error(error));
        }
    }

    fn finish(&mut self, error: Option<ProviderError>, sink: &mut Sink<'_>) {
        if self.over {
            return;
        }
        let whole = self.candidates.iter().all(|it| it.finish.is_some());
        if self.candidates.is_empty() || !whole {
            let error = error.filter(|_| !self.started);
            return self.fail(error.unwrap_or_else(ProviderError::truncated), sink);
        }
        self.over = true;
        for Candidacy {
            index,
            calls,
            finish,
        } in self.candidates.drain(..)
        {
            // A call may come after a `STOP`.
            let finish = match finish {
                Some(Finish::Stop) if calls > 0 => Finish::ToolCalls,
                finish => finish.unwrap_or_default(),
            };
            sink(Event::Finish {
                choice: index,
                finish,
            });
        }
        sink(Event::End);
    }
}

impl Candidacy {
    fn part(&mut self, part: Part<'_>, ids: MadeIds, sink: &mut Sink<'_>) {
        let choice = self.index;
        let signature = signature(part.thought_signature);
        if let Some(FunctionCall { id, name, args }) = part.function_call {
            let call = self.calls;
            self.calls = call.saturating_add(1);
            sink(Event::ToolCall {
                choice,
                call,
                id: Text::said(id).unwrap_or_else(|| Cow::Owned(ids.id(choice, call))),
                name: name.unwrap_or_default().0,
                signature,
            });
            return sink(Event::ToolArguments {
                choice,
                call,
                json: arguments(args),
            });
        }
        let text = Text::said(part.text);
        let prove = |sink: &mut Sink<'_>| {
            if let Some(signature) = signature {
                sink(Event::ReasoningSignature { choice, signature });
            }
        };
        if part.thought {
            if let Some(text) = text {
                sink(Event::Reasoning { choice, text });
            }
            return prove(sink);
        }
        // As in `read_answer`, a text's signature is that of the reasoning before it.
        prove(sink);
        if let Some(text) = text {
            sink(Event::Text { choice, text });
        }
        if let Some((kind, value)) = part.foreign {
            let field = Field::of_answer_part(kind, &value);
            sink(Event::Foreign { choice, field });
        }
    }
}
