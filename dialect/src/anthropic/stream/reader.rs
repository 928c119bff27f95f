//! Reading a provider's stream.

use std::borrow::Cow;

use serde_json::Value;

use super::EVENT_LIMIT_BYTES;
use super::frame::{
    BlockDelta, BlockStart, BlockStop, ContentBlock, Kind, MessageDelta, MessageStart, Piece, Stop,
    Text,
};
use crate::anthropic::usage::WireUsage;
use crate::anthropic::{error, signature, stop};
use crate::chat::Event;
use crate::loss::Field;
use crate::present::Present;
use crate::provider_error::{ErrorClass, ProviderError};
use crate::sse::{self, SseReader};

/// Most blocks that are open at a time; Anthropic opens one after the other.
const OPEN_BLOCKS_LIMIT: usize = 64;

/// Events that must have their form. Others may be added, says the documentation.
const KNOWN: [&str; 5] = [
    "content_block_delta",
    "content_block_start",
    "content_block_stop",
    "message_start",
    "message_delta",
];

/// Reads a stream; holds at most two times [`EVENT_LIMIT_BYTES`].
///
/// Of `citations_delta` and of blocks of server tools is told that they are there: no other dialect
/// has a place for them within the text. A stop because of a refusal comes with Anthropic's
/// explanation, as [`Event::Refusal`], where there is one.
#[derive(Debug)]
pub struct StreamReader {
    sse: SseReader,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Open>,
    calls: u32,
    usage: WireUsage,
    ended: bool,
}

/// A block that has begun, where its pieces mean something.
#[derive(Debug)]
struct Open {
    index: u32,
    /// The tool call that it is; `None` for text and thinking.
    call: Option<u32>,
    /// Its arguments came with its start.
    complete: bool,
}

type Sink<'s> = dyn FnMut(Event<'_>) + 's;

impl Default for StreamReader {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamReader {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sse: SseReader::new(EVENT_LIMIT_BYTES),
            state: State::default(),
        }
    }

    /// Reads the next bytes and hands what they say to `sink`.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        if self.state.ended {
            return;
        }
        let state = &mut self.state;
        let read = self.sse.push(chunk, &mut |event| {
            if !state.ended {
                state.event(event, sink);
            }
        });
        if read.is_err() && !self.state.ended {
            let message = "An event of the provider's stream is too large.";
            self.state.fail(server(message), sink);
        }
    }

    /// Ends the stream: an error unless the provider has ended it.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if !self.state.ended {
            self.state.fail(ProviderError::truncated(), sink);
        }
    }
}

fn server(message: &str) -> ProviderError {
    ProviderError::new(ErrorClass::Server, message)
}

impl State {
    fn fail(&mut self, error: ProviderError, sink: &mut Sink<'_>) {
        self.ended = true;
        sink(Event::Error(error));
    }

    fn event(&mut self, event: sse::Event<'_>, sink: &mut Sink<'_>) {
        let data = event.data;
        if data.trim_ascii().is_empty() {
            return;
        }
        let known = match event.name {
            b"" | b"message" => None,
            name => self.named(name, data, sink),
        };
        let known = known.or_else(|| {
            let kind: Kind<'_> = serde_json::from_slice(data).ok()?;
            self.named(kind.kind?.0.as_bytes(), data, sink)
        });
        if known.is_none() {
            self.odd_event(data, sink);
        }
    }

    /// Reads data by the name of their event; `None` when they are not of its form, or it has none.
    fn named(&mut self, name: &[u8], data: &[u8], sink: &mut Sink<'_>) -> Option<()> {
        match name {
            b"content_block_delta" => {
                let frame: BlockDelta<'_> = serde_json::from_slice(data).ok()?;
                self.piece(frame.index, frame.delta, sink);
            }
            b"content_block_start" => {
                let frame: BlockStart<'_> = serde_json::from_slice(data).ok()?;
                self.start_block(frame.index, frame.content_block, sink);
            }
            b"content_block_stop" => {
                let frame: BlockStop = serde_json::from_slice(data).ok()?;
                self.open.retain(|open| open.index != frame.index);
            }
            b"message_start" => {
                let frame: MessageStart<'_> = serde_json::from_slice(data).ok()?;
                sink(Event::Start {
                    id: frame.message.id.map(|id| id.0),
                    model: frame.message.model.map(|model| model.0),
                    created: None,
                });
                self.report(frame.message.usage, sink);
            }
            b"message_delta" => {
                let frame: MessageDelta<'_> = serde_json::from_slice(data).ok()?;
                if let Some(delta) = frame.delta {
                    finish(delta, sink);
                }
                self.report(frame.usage, sink);
            }
            b"message_stop" => {
                self.ended = true;
                sink(Event::End);
            }
            b"ping" => sink(Event::Ping),
            b"error" => {
                let error = serde_json::from_slice(data).unwrap_or_default();
                self.fail(error::from_value(&error, None), sink);
            }
            _ => return None,
        }
        Some(())
    }

    /// An error without a type, an event that is newer than this reader, or nothing of this
    /// dialect.
    fn odd_event(&mut self, data: &[u8], sink: &mut Sink<'_>) {
        let value: Value = serde_json::from_slice(data).unwrap_or_default();
        if value.get("error").is_some_and(|error| !error.is_null()) {
            return self.fail(error::from_value(&value, None), sink);
        }
        let kind = value.get("type").and_then(Value::as_str);
        let is_known = kind.is_some_and(|kind| KNOWN.contains(&kind));
        if is_known || !value.is_object() {
            self.fail(server("The provider's stream cannot be read."), sink);
        }
    }

    fn report(&mut self, usage: Option<WireUsage>, sink: &mut Sink<'_>) {
        let Some(usage) = usage else { return };
        self.usage.replace(usage);
        if let Some(usage) = self.usage.inclusive() {
            sink(Event::Usage(usage));
        }
    }

    fn start_block(&mut self, index: u32, block: ContentBlock<'_>, sink: &mut Sink<'_>) {
        let mut open = Open {
            index,
            call: None,
            complete: false,
        };
        match block.kind.0.as_ref() {
            "text" => {
                cites(block.citations, sink);
                text(block.text, sink);
            }
            "thinking" => {
                reasoning(block.thinking, sink);
                signed(block.signature, sink);
            }
            "redacted_thinking" => {
                let data = block.data.map(|data| data.0.into_owned());
                if let Some(signature) = data.and_then(signature::decode) {
                    sink(Event::RedactedReasoning {
                        choice: 0,
                        signature,
                    });
                }
                return;
            }
            "tool_use" => {
                let call = self.calls;
                self.calls = self.calls.saturating_add(1);
                open.call = Some(call);
                open.complete = start_call(call, block, sink);
            }
            kind => {
                let field = Field::of_answer_part(kind, &Value::Null);
                return sink(Event::Foreign { choice: 0, field });
            }
        }
        self.open.retain(|open| open.index != index);
        if self.open.len() < OPEN_BLOCKS_LIMIT {
            self.open.push(open);
        }
    }

    fn piece(&mut self, index: u32, delta: Piece<'_>, sink: &mut Sink<'_>) {
        let Some(open) = self.open.iter().find(|open| open.index == index) else {
            return;
        };
        match open.call {
            Some(call) => {
                if let Some(Text(json)) = delta.partial_json
                    && !json.is_empty()
                    && !open.complete
                {
                    sink(Event::ToolArguments {
                        choice: 0,
                        call,
                        json,
                    });
                }
            }
            None => {
                cites(delta.citation, sink);
                text(delta.text, sink);
                reasoning(delta.thinking, sink);
                signed(delta.signature, sink);
            }
        }
    }
}

fn text(text: Option<Text<'_>>, sink: &mut Sink<'_>) {
    if let Some(Text(text)) = text
        && !text.is_empty()
    {
        sink(Event::Text { choice: 0, text });
    }
}

fn cites(citations: Present, sink: &mut Sink<'_>) {
    if citations.0 {
        let field = Field::AnswerAnnotations;
        sink(Event::Foreign { choice: 0, field });
    }
}

fn reasoning(text: Option<Text<'_>>, sink: &mut Sink<'_>) {
    if let Some(Text(text)) = text
        && !text.is_empty()
    {
        sink(Event::Reasoning { choice: 0, text });
    }
}

fn signed(text: Option<Text<'_>>, sink: &mut Sink<'_>) {
    if let Some(signature) = text.and_then(|text| signature::decode(text.0.into_owned())) {
        sink(Event::ReasoningSignature {
            choice: 0,
            signature,
        });
    }
}

/// Begins a call; whether its arguments came with it, as some servers send them.
fn start_call(call: u32, block: ContentBlock<'_>, sink: &mut Sink<'_>) -> bool {
    let owned = |text: Option<Text<'_>>| text.map(|text| text.0.into_owned()).unwrap_or_default();
    sink(Event::ToolCall {
        choice: 0,
        call,
        id: Cow::Owned(owned(block.id)),
        name: Cow::Owned(owned(block.name)),
        signature: None,
    });
    let input = block.input.filter(|input| {
        let members = input.as_object();
        members.is_some_and(|members| !members.is_empty())
    });
    let Some(input) = input else { return false };
    sink(Event::ToolArguments {
        choice: 0,
        call,
        json: Cow::Owned(input.to_string()),
    });
    true
}

fn finish(delta: Stop<'_>, sink: &mut Sink<'_>) {
    let Some(Text(reason)) = delta.stop_reason else {
        return;
    };
    let explanation = delta.stop_details.and_then(|details| details.explanation);
    if let Some(Text(text)) = explanation {
        sink(Event::Refusal { choice: 0, text });
    }
    let sequence = delta.stop_sequence.as_ref().map(|text| text.0.as_ref());
    sink(Event::Finish {
        choice: 0,
        finish: stop::read(Some(&reason), sequence),
    });
}
