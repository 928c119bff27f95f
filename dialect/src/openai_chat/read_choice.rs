//! The choices of a stream, piece by piece.

use std::borrow::Cow;

use super::lenient::Text;
use super::read_answer::signature;
use super::wire::{Choice, Detail, Function, Said};
use super::{errors, finish, reasoning};
use crate::chat::{Event, Finish, MadeIds, Signature};
use crate::provider_error::ProviderError;

/// Most choices of a stream: OpenAI's bound of `n`.
const CHOICES_LIMIT: usize = 128;
/// Most tool calls of one choice.
const CALLS_LIMIT: usize = 128;
/// Most bytes of a call's id by which its pieces are known.
const ID_LIMIT_BYTES: usize = 128;

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// What is known of the choices so far.
#[derive(Debug, Default)]
pub(super) struct Choices {
    known: Vec<State>,
    /// For calls without an id.
    ids: MadeIds,
}

#[derive(Debug, Default)]
struct State {
    number: u32,
    ids: MadeIds,
    finished: bool,
    calls: Vec<Known>,
    /// Index and id of a call of which nothing more is known yet.
    named: Option<Known>,
}

/// How the pieces of a call are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    index: Option<u64>,
    id: String,
}

impl Choices {
    /// Of an answer of this id, which should be unique.
    pub(super) fn name(&mut self, answer_id: &str) {
        self.ids = MadeIds::of(answer_id);
    }

    /// Whether there are choices and all have finished.
    pub(super) fn finished(&self) -> bool {
        !self.known.is_empty() && self.known.iter().all(|choice| choice.finished)
    }

    /// Finishes what the provider, who says that all is said, left open.
    pub(super) fn close(&mut self, sink: Sink<'_>) {
        for state in self.known.iter_mut().filter(|state| !state.finished) {
            let calls = !state.calls.is_empty();
            state.finish(
                if calls {
                    Finish::ToolCalls
                } else {
                    Finish::Stop
                },
                sink,
            );
        }
    }

    /// Reads the piece of a choice that is the `at`-th of its chunk.
    pub(super) fn piece(
        &mut self,
        at: usize,
        choice: Choice<'_>,
        sink: Sink<'_>,
    ) -> Result<(), ProviderError> {
        let index = choice.index.0.unwrap_or(at as u64);
        let Ok(number) = u32::try_from(index) else {
            return Err(errors::unreadable());
        };
        let known = self.known.iter().position(|state| state.number == number);
        if known.is_none() {
            if self.known.len() >= CHOICES_LIMIT {
                return Err(errors::oversized());
            }
            self.known.push(State {
                number,
                ids: self.ids,
                ..State::default()
            });
        }
        let known = known.unwrap_or(self.known.len().saturating_sub(1));
        match self.known.get_mut(known) {
            Some(state) if !state.finished => state.piece(choice, sink),
            _ => Ok(()),
        }
    }
}

impl State {
    fn piece(&mut self, choice: Choice<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        if let Some(said) = choice.delta.0 {
            self.said(said, sink)?;
        }
        let number = self.number;
        if let Some(logprobs) = choice.logprobs {
            sink(Event::Logprobs {
                choice: number,
                logprobs: *logprobs,
            });
        }
        match choice.finish_reason.as_str() {
            "" => {}
            word => self.finish(finish::read(word, !self.calls.is_empty())?, sink),
        }
        Ok(())
    }

    fn finish(&mut self, finish: Finish, sink: Sink<'_>) {
        self.finished = true;
        let choice = self.number;
        sink(Event::Finish { choice, finish });
    }

    fn said(&mut self, said: Said<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        let choice = self.number;
        said.foreign(|field| sink(Event::Foreign { choice, field }));
        let flat = said.reasoning_content.get().or(said.reasoning.get());
        let thinking = Some(said.content.thinking).filter(|text| !text.is_empty());
        let flat = flat.or(thinking.map(Cow::Owned));
        let repeated = flat.is_some();
        if let Some(text) = flat {
            sink(Event::Reasoning { choice, text });
        }
        self.details(&said.reasoning_details.0, repeated, sink);
        if let Some(text) = said.content.text.get() {
            sink(Event::Text { choice, text });
        }
        let spoken = said.audio.0.and_then(|sound| sound.transcript.get());
        if let Some(text) = spoken {
            sink(Event::Text { choice, text });
        }
        if let Some(text) = said.refusal.get() {
            sink(Event::Refusal { choice, text });
        }
        for call in said.tool_calls.0 {
            let signature = signature(&call);
            let piece = Piece {
                index: call.index.0,
                id: call.id,
                function: call.function.0.unwrap_or_default(),
                signature,
            };
            self.call(piece, sink)?;
        }
        if let Some(mut function) = said.function_call.0 {
            // The deprecated form has one call, which may repeat its name.
            if !self.calls.is_empty() {
                function.name = Text::default();
            }
            let piece = Piece {
                function: *function,
                ..Piece::default()
            };
            self.call(piece, sink)?;
        }
        Ok(())
    }

    fn details(&self, details: &[Detail<'_>], repeated: bool, sink: Sink<'_>) {
        let choice = self.number;
        for detail in details.iter() {
            if let Some(Ok(signature)) = reasoning::encrypted(detail) {
                sink(Event::RedactedReasoning { choice, signature });
                continue;
            }
            let text = reasoning::text(detail);
            if !repeated && !text.is_empty() {
                let text = Cow::Borrowed(text);
                sink(Event::Reasoning { choice, text });
            }
            if let Some(signature) = reasoning::signature(detail) {
                sink(Event::ReasoningSignature { choice, signature });
            }
        }
    }

    fn call(&mut self, piece: Piece<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        let Some(Place { at, new }) = self.find(&piece)? else {
            return Ok(());
        };
        let choice = self.number;
        let call = u32::try_from(at).unwrap_or(u32::MAX);
        if new {
            let known = self.calls.get(at).map(|call| call.id.as_str());
            let known = known.filter(|id| !id.is_empty()).map(Cow::Borrowed);
            let made = || Cow::Owned(self.ids.id(choice, call));
            sink(Event::ToolCall {
                choice,
                call,
                id: piece.id.get().or(known).unwrap_or_else(made),
                name: Cow::Borrowed(piece.function.name.as_str()),
                signature: piece.signature,
            });
        }
        if let Some(json) = piece.function.arguments.0.get() {
            sink(Event::ToolArguments { choice, call, json });
        }
        Ok(())
    }

    /// Which call a piece belongs to; `None` when that cannot be said yet. A call is new when its
    /// index is, or when it has both a name and an id that its index has not: some vendors give every
    /// call the index 0, others repeat the name, or make up an id for every piece.
    fn find(&mut self, piece: &Piece<'_>) -> Result<Option<Place>, ProviderError> {
        let index = piece.index;
        let id = head(piece.id.as_str());
        let named = !piece.function.name.as_str().is_empty();
        let latest = self.calls.len().checked_sub(1).filter(|_| !named);
        let known = match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index),
            None if id.is_empty() => latest,
            None => {
                let same = self.calls.iter().rposition(|call| call.id == id);
                same.or(latest)
            }
        };
        if let Some(at) = known
            && let Some(call) = self.calls.get(at)
            && (!named || id.is_empty() || call.id.is_empty() || call.id == id)
        {
            return Ok(Some(Place { at, new: false }));
        }
        let mut known = Known {
            index,
            id: id.to_owned(),
        };
        if known.id.is_empty()
            && let Some(before) = self.named.take_if(|before| before.index == index)
        {
            known = before;
        }
        if !named && piece.function.arguments.0.as_str().is_empty() {
            self.named = Some(known);
            return Ok(None);
        }
        if self.calls.len() >= CALLS_LIMIT {
            return Err(errors::oversized());
        }
        self.calls.push(known);
        let at = self.calls.len().saturating_sub(1);
        Ok(Some(Place { at, new: true }))
    }
}

/// A piece of a call.
#[derive(Default)]
struct Piece<'a> {
    index: Option<u64>,
    id: Text<'a>,
    function: Function<'a>,
    signature: Option<Signature>,
}

/// A call's place among the calls of its choice.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    new: bool,
}

/// The beginning of an id, by which it is known.
fn head(id: &str) -> &str {
    id.get(..id.floor_char_boundary(ID_LIMIT_BYTES))
        .unwrap_or_default()
}
