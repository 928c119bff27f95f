//! A streamed answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::read::finish;
use super::wire::{Event as Said, Item, Response, odds};
use crate::chat::{Event, MadeIds, Part};
use crate::loss::Field;
use crate::openai_chat::errors::{oversized, unreadable};
use crate::provider_error::ProviderError;
use crate::sse::SseReader;

/// Largest event that is read. The last one of a stream repeats the whole answer, and the tools that
/// were offered. The reader holds at most twice that of the event under way, and a few bytes of each
/// item.
pub const EVENT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// Most items of an answer.
const ITEMS_LIMIT: usize = 1024;

/// There is one answer only.
const CHOICE: u32 = 0;

type Sink<'s> = &'s mut dyn FnMut(Event<'_>);

/// Reads `ResponseStreamEvent`s. The stream is whole when the answer is said to be completed, or
/// incomplete for a reason.
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
    ids: MadeIds,
    calls: u32,
    /// By their places in the output.
    items: BTreeMap<u64, Progress>,
}

/// How far an item has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Which call of the answer it is.
    call: Option<u32>,
    /// Some of it was told: what comes whole at its end is no news.
    told: bool,
    /// What was told was a summary.
    summary: bool,
}

impl Default for StreamReader {
    fn default() -> Self {
        Self::of_answer("")
    }
}

impl StreamReader {
    /// A reader at the start of a stream; `id` is one that no other answer has, for where the
    /// provider gives none: a call without an id gets one of [`MadeIds`].
    #[must_use]
    pub fn of_answer(id: &str) -> Self {
        Self {
            sse: SseReader::new(EVENT_LIMIT_BYTES),
            state: State {
                ids: MadeIds::of(id),
                ..State::default()
            },
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        let Self { sse, state } = self;
        if state.over {
            return;
        }
        let read = sse.push(chunk, &mut |event| {
            if let Err(error) = state.event(event.name, event.data.trim_ascii(), sink) {
                state.end(Event::Error(error), sink);
            }
        });
        if read.is_err() {
            state.end(Event::Error(oversized()), sink);
        }
    }

    /// Ends the stream.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        self.state.closing = true;
        // Some servers leave out the last blank line.
        self.push(b"\n\n", sink);
        self.state
            .end(Event::Error(ProviderError::truncated()), sink);
    }
}

/// Events that say what was said or will be: with the many that have a name it need not be read.
fn says_nothing(name: &[u8]) -> bool {
    match name {
        b"response.output_item.done" | b"response.function_call_arguments.done" => false,
        b"response.in_progress" | b"response.queued" => true,
        _ => name.starts_with(b"response.content_part.") || name.ends_with(b".done"),
    }
}

impl State {
    fn event(&mut self, name: &[u8], data: &[u8], sink: Sink<'_>) -> Result<(), ProviderError> {
        // Some servers end as chat does.
        if self.over || data.is_empty() || data.starts_with(b"[DONE]") || says_nothing(name) {
            return Ok(());
        }
        let Ok(event) = serde_json::from_slice::<Said<'_>>(data) else {
            let cut = self.closing;
            return if cut { Ok(()) } else { Err(unreadable()) };
        };
        match event.kind.as_str() {
            "response.output_text.delta" => self.text(event, sink),
            "response.refusal.delta" => {
                self.item(&event)?.told = true;
                let (choice, text) = (CHOICE, event.delta.get());
                if let Some(text) = text {
                    sink(Event::Refusal { choice, text });
                }
                Ok(())
            }
            "response.reasoning_summary_part.added" => self.next_summary(&event, sink),
            "response.reasoning_summary_text.delta" => self.thought(event, true, sink),
            "response.reasoning_text.delta" => self.thought(event, false, sink),
            "response.output_item.added" => self.added(&event, sink),
            "response.function_call_arguments.delta" => {
                let item = self.item(&event)?;
                let call = item.call;
                item.told |= call.is_some();
                arguments(call, event.delta.get(), sink);
                Ok(())
            }
            "response.function_call_arguments.done" => self.called(&event, sink),
            "response.output_item.done" => self.done(&event, sink),
            "response.output_text.annotation.added" => {
                let (choice, field) = (CHOICE, Field::AnswerAnnotations);
                sink(Event::Foreign { choice, field });
                Ok(())
            }
            "keepalive" => {
                sink(Event::Ping);
                Ok(())
            }
            "error" => Err(reported(data)),
            kind => self.life(kind, &event, (name, data), sink),
        }
    }

    /// What concerns the answer as a whole, and what has no type that is known.
    fn life(
        &mut self,
        kind: &str,
        event: &Said<'_>,
        (name, data): (&[u8], &[u8]),
        sink: Sink<'_>,
    ) -> Result<(), ProviderError> {
        let Some(response) = &event.response.0 else {
            let failed = name == b"error" || event.error.0;
            return if failed { Err(reported(data)) } else { Ok(()) };
        };
        self.start(response, sink);
        match kind {
            "response.failed" => Err(response.failure().unwrap_or_else(unreadable)),
            "response.completed" | "response.incomplete" => {
                if let Some(usage) = response.usage() {
                    sink(Event::Usage(usage));
                }
                let status = kind.strip_prefix("response.").unwrap_or_default();
                let finish = finish(status, response.cut_by(), self.calls > 0);
                let choice = CHOICE;
                sink(Event::Finish { choice, finish });
                self.end(Event::End, sink);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, response: &Response<'_>, sink: Sink<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let known = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        let id = known(response.id.as_str());
        if let Some(id) = &id {
            self.ids = MadeIds::of(id);
        }
        sink(Event::Start {
            id,
            model: known(response.model.as_str()),
            created: response.created_at.0.filter(|&created| created > 0),
        });
    }

    /// The item that an event is about.
    fn item(&mut self, event: &Said<'_>) -> Result<&mut Progress, ProviderError> {
        let at = event.output_index.0.unwrap_or_default();
        if self.items.len() >= ITEMS_LIMIT && !self.items.contains_key(&at) {
            return Err(oversized());
        }
        Ok(self.items.entry(at).or_default())
    }

    fn text(&mut self, event: Said<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        self.item(&event)?.told = true;
        let choice = CHOICE;
        if let Some(text) = event.delta.get() {
            sink(Event::Text { choice, text });
        }
        if let Some(logprobs) = odds(event.logprobs.0) {
            sink(Event::Logprobs { choice, logprobs });
        }
        Ok(())
    }

    /// What is thought, or a summary of it: whichever comes first.
    fn thought(
        &mut self,
        event: Said<'_>,
        summary: bool,
        sink: Sink<'_>,
    ) -> Result<(), ProviderError> {
        let item = self.item(&event)?;
        if item.told && item.summary != summary {
            return Ok(());
        }
        (item.told, item.summary) = (true, summary);
        let choice = CHOICE;
        if let Some(text) = event.delta.get() {
            sink(Event::Reasoning { choice, text });
        }
        Ok(())
    }

    /// A blank line between the parts of a summary.
    fn next_summary(&mut self, event: &Said<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        let item = self.item(event)?;
        if item.told && item.summary {
            let (choice, text) = (CHOICE, Cow::Borrowed("\n\n"));
            sink(Event::Reasoning { choice, text });
        }
        Ok(())
    }

    fn added(&mut self, event: &Said<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        match &event.item.0 {
            Some(item) if item.kind.as_str() == "function_call" => {
                self.call(event, item, sink).map(|_call| ())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The number of a call, which is new or known.
    fn call(
        &mut self,
        event: &Said<'_>,
        item: &Item<'_>,
        sink: Sink<'_>,
    ) -> Result<u32, ProviderError> {
        let (call, ids) = (self.calls, self.ids);
        let progress = self.item(event)?;
        if let Some(known) = progress.call {
            return Ok(known);
        }
        progress.call = Some(call);
        self.calls = call.saturating_add(1);
        let id = match item.call_id.as_str() {
            "" => Cow::Owned(ids.id(CHOICE, call)),
            id => Cow::Borrowed(id),
        };
        sink(Event::ToolCall {
            choice: CHOICE,
            call,
            id,
            name: Cow::Borrowed(item.name.as_str()),
            signature: None,
        });
        Ok(call)
    }

    /// The arguments are whole: news where they did not come in pieces.
    fn called(&mut self, event: &Said<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        let item = self.item(event)?;
        let call = item.call;
        if call.is_some() && !std::mem::replace(&mut item.told, true) {
            arguments(call, known(event.arguments.as_str()), sink);
        }
        Ok(())
    }

    /// An item is whole: proof comes now, and what was not told in pieces.
    fn done(&mut self, event: &Said<'_>, sink: Sink<'_>) -> Result<(), ProviderError> {
        let Some(item) = &event.item.0 else {
            return Ok(());
        };
        let choice = CHOICE;
        if item.kind.as_str() == "function_call" {
            let call = Some(self.call(event, item, sink)?);
            if !std::mem::replace(&mut self.item(event)?.told, true) {
                arguments(call, known(item.arguments.0.as_str()), sink);
            }
            return Ok(());
        }
        let told = std::mem::replace(&mut self.item(event)?.told, true);
        item.parts(&mut |said| match said {
            Ok(Part::Text { text, .. }) if !told && !text.is_empty() => {
                let text = Cow::Owned(text);
                sink(Event::Text { choice, text });
            }
            Ok(Part::Refusal { text }) if !told && !text.is_empty() => {
                let text = Cow::Owned(text);
                sink(Event::Refusal { choice, text });
            }
            Ok(Part::Reasoning { text, signature }) => {
                if !told && !text.is_empty() {
                    let text = Cow::Owned(text);
                    sink(Event::Reasoning { choice, text });
                }
                if let Some(signature) = signature {
                    sink(Event::ReasoningSignature { choice, signature });
                }
            }
            Ok(_) => {}
            Err(field) => sink(Event::Foreign { choice, field }),
        });
        Ok(())
    }

    fn end(&mut self, event: Event<'_>, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.over, true) {
            sink(event);
        }
    }
}

fn known(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(Cow::Borrowed(text))
}

fn arguments(call: Option<u32>, json: Option<Cow<'_, str>>, sink: Sink<'_>) {
    if let (Some(call), Some(json)) = (call, json) {
        let choice = CHOICE;
        sink(Event::ToolArguments { choice, call, json });
    }
}

/// The error that an event is: its members are its own, or those of its `error`.
fn reported(data: &[u8]) -> ProviderError {
    let mut error = ProviderError::read(data);
    // That says only that it is one.
    error.kind = error.kind.filter(|kind| kind != "error");
    error
}
