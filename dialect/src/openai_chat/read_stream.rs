//! A streamed answer of an OpenAI-shaped provider.

use super::errors;
use super::read_choice::Choices;
use super::wire::Answer;
use crate::chat::Event;
use crate::loss::Field;
use crate::provider_error::ProviderError;
use crate::sse::SseReader;

/// Largest event that is read. The reader holds at most twice that of the event under way, and of
/// each tool call the beginning of its id.
pub const EVENT_LIMIT_BYTES: usize = 1024 * 1024;

/// Reads `chat.completion.chunk` events (OpenAI's `CreateChatCompletionStreamResponse`), with what
/// compatible vendors write otherwise. The stream is whole when `[DONE]` was seen, or when every
/// choice has finished.
#[derive(Debug)]
pub struct StreamReader {
    sse: SseReader,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    /// The last bytes have come: what cannot be read was cut.
    closing: bool,
    over: bool,
    choices: Choices,
}

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
    /// provider gives none: a call without an id gets one of [`crate::chat::MadeIds`].
    #[must_use]
    pub fn of_answer(id: &str) -> Self {
        let mut state = State::default();
        state.choices.name(id);
        Self {
            sse: SseReader::new(EVENT_LIMIT_BYTES),
            state,
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        let Self { sse, state } = self;
        if state.over {
            return;
        }
        let read = sse.push(chunk, &mut |event| {
            state.event(event.name, event.data.trim_ascii(), sink);
        });
        if read.is_err() {
            state.fail(errors::oversized(), sink);
        }
    }

    /// Ends the stream.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        self.state.closing = true;
        // Some servers leave out the last blank line.
        self.push(b"\n\n", sink);
        if self.state.choices.finished() {
            self.state.end(sink);
        } else {
            self.state.fail(ProviderError::truncated(), sink);
        }
    }
}

impl State {
    fn event(&mut self, name: &[u8], data: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        if self.over || data.is_empty() {
            return;
        }
        if data.starts_with(b"[DONE]") {
            self.choices.close(sink);
            return self.end(sink);
        }
        match serde_json::from_slice::<Answer<'_>>(data) {
            Ok(chunk) => {
                if let Some(error) = errors::hidden(&chunk, name == b"error", data) {
                    self.fail(error, sink);
                } else if let Err(error) = self.chunk(chunk, sink) {
                    self.fail(error, sink);
                }
            }
            Err(_) if self.closing => {}
            Err(_) => self.fail(errors::unreadable(), sink),
        }
    }

    fn chunk(
        &mut self,
        mut chunk: Answer<'_>,
        sink: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), ProviderError> {
        let (usage, has_sources) = (chunk.usage(), chunk.has_sources());
        let id = std::mem::take(&mut chunk.id).get();
        // Azure begins with a chunk of filter results that has no id.
        if !self.started && (id.is_some() || !chunk.choices.is_empty() || usage.is_some()) {
            self.started = true;
            if let Some(id) = &id {
                self.choices.name(id);
            }
            sink(Event::Start {
                id,
                model: chunk.model.get(),
                created: chunk.created.0.filter(|&created| created > 0),
            });
        }
        if has_sources {
            let field = Field::AnswerAnnotations;
            sink(Event::Foreign { choice: 0, field });
        }
        for (at, choice) in chunk.choices.into_iter().enumerate() {
            self.choices.piece(at, choice, sink)?;
        }
        if let Some(usage) = usage {
            sink(Event::Usage(usage));
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if !std::mem::replace(&mut self.over, true) {
            sink(Event::End);
        }
    }

    fn fail(&mut self, error: ProviderError, sink: &mut dyn FnMut(Event<'_>)) {
        if !std::mem::replace(&mut self.over, true) {
            sink(Event::Error(error));
        }
    }
}
