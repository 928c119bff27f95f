//! Reading a stream.

mod payload;

use std::borrow::Cow;

use super::ANSWER_TOOL;
use super::answer::{Ending, Text};
use super::error::{read_error_frame, read_exception};
use super::family::Model;
use crate::chat::{Event, Maker, Signature};
use crate::event_stream::{EventStreamReader, Frame, FrameError};
use crate::loss::Field;
use crate::present::Present;
use crate::provider_error::{ErrorClass, ProviderError};
use payload::{BlockDelta, BlockStart, BlockStop, MessageStop, Metadata, ReasoningDelta};

/// Most bytes of a frame. Text comes a few words a frame; the largest frames are traces of
/// guardrails and signatures of reasoning.
pub const FRAME_LIMIT_BYTES: usize = 1024 * 1024;
/// Most bytes of a signature, which may come in pieces.
pub const SIGNATURE_LIMIT_BYTES: usize = 1024 * 1024;
/// Most content blocks that are under way at once; they come one after the other.
const OPEN_BLOCKS: usize = 32;

/// Reads ConverseStream's frames.
///
/// Holds at most [`FRAME_LIMIT_BYTES`] of a frame and [`SIGNATURE_LIMIT_BYTES`] of a signature. A
/// frame that is damaged or too large is an error of the stream ([`ErrorClass::Server`]), and so are
/// frames of the service's exceptions. The stream is whole when the model's message is; its usage
/// follows then.
#[derive(Debug)]
pub struct StreamReader {
    frames: EventStreamReader,
    state: State,
}

type Sink<'s> = dyn FnMut(Event<'_>) + 's;

impl Default for StreamReader {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamReader {
    /// For a model that is not known: signatures count as Bedrock's.
    #[must_use]
    pub fn new() -> Self {
        Self::of_model("")
    }

    /// For a model, by its id or ARN, which decides whose its signatures are.
    #[must_use]
    pub fn of_model(model: &str) -> Self {
        Self {
            frames: EventStreamReader::new(FRAME_LIMIT_BYTES),
            state: State::new(Model::of(model).maker()),
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        let Self { frames, state } = self;
        if state.over {
            return;
        }
        let read = frames.push(chunk, &mut |frame| state.frame(&frame, sink));
        if let Err(error) = read {
            state.fail(damaged(error), sink);
        }
    }

    /// The stream has ended.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Event<'_>)) {
        if self.state.finished {
            self.state.end(sink);
        } else {
            self.state.fail(ProviderError::truncated(), sink);
        }
    }
}

fn damaged(error: FrameError) -> ProviderError {
    let message = match error {
        FrameError::Checksum => "The provider's stream is damaged: a checksum does not match.",
        FrameError::Length | FrameError::Headers => "The provider's stream is not readable.",
        FrameError::TooLarge => "The provider's stream has a frame that is too large.",
    };
    ProviderError::new(ErrorClass::Server, message)
}

/// Tells of what no other dialect has a place for.
fn foreign(there: Present, field: Field, sink: &mut Sink<'_>) {
    if there.0 {
        sink(Event::Foreign { choice: 0, field });
    }
}

/// A content block under way that is not text.
#[derive(Clone, Copy, Debug)]
struct Open {
    index: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The client's tool, by the number of the call.
    Call(u32),
    /// [`ANSWER_TOOL`], and whether anything of its input has come.
    Answer(bool),
    /// What is left out.
    Other,
}

#[derive(Debug)]
struct State {
    maker: Maker,
    started: bool,
    /// The model's message is whole.
    finished: bool,
    /// Nothing follows.
    over: bool,
    calls: u32,
    answered: bool,
    open: Vec<Open>,
    signature: String,
}

impl State {
    fn new(maker: Maker) -> Self {
        Self {
            maker,
            started: false,
            finished: false,
            over: false,
            calls: 0,
            answered: false,
            open: Vec::new(),
            signature: String::new(),
        }
    }

    fn fail(&mut self, error: ProviderError, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.over, true) {
            sink(Event::Error(error));
        }
    }

    fn end(&mut self, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.over, true) {
            sink(Event::End);
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, sink: &mut Sink<'_>) {
        if self.over {
            return;
        }
        let header = |name| frame.headers.text(name).unwrap_or("");
        match header(":message-type") {
            "exception" => {
                let error = read_exception(header(":exception-type"), frame.payload);
                return self.fail(error, sink);
            }
            "error" => {
                let error = read_error_frame(header(":error-code"), header(":error-message"));
                return self.fail(error, sink);
            }
            _ => {}
        }
        let read = match header(":event-type") {
            "metadata" => self.metadata(frame.payload, sink),
            _ if self.finished => Ok(()),
            "contentBlockDelta" => self.block_delta(frame.payload, sink),
            "contentBlockStart" => self.block_start(frame.payload, sink),
            "contentBlockStop" => self.block_stop(frame.payload, sink),
            "messageStart" => {
                self.start(sink);
                Ok(())
            }
            "messageStop" => self.message_stop(frame.payload, sink),
            // What later versions of the service add is not known here.
            _ => Ok(()),
        };
        match read {
            Err(_) if self.finished => self.end(sink),
            Err(_) => self.fail(damaged(FrameError::Headers), sink),
            Ok(()) => {}
        }
    }

    fn start(&mut self, sink: &mut Sink<'_>) {
        if !std::mem::replace(&mut self.started, true) {
            sink(Event::Start {
                id: None,
                model: None,
                created: None,
            });
        }
    }

    fn block_start(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<()> {
        let said: BlockStart<'_> = serde_json::from_slice(payload)?;
        self.start(sink);
        self.sign(sink);
        let Some(start) = said.start else {
            return Ok(());
        };
        foreign(start.image, Field::AnswerImages, sink);
        foreign(start.tool_result, Field::AnswerServerTools, sink);
        let Some(tool) = start.tool_use else {
            return Ok(());
        };
        let kind = if tool.kind.is_some() {
            foreign(Present(true), Field::AnswerServerTools, sink);
            Kind::Other
        } else if tool.name != ANSWER_TOOL {
            let call = self.calls;
            self.calls = call.saturating_add(1);
            sink(Event::ToolCall {
                choice: 0,
                call,
                id: tool.tool_use_id,
                name: tool.name,
                signature: None,
            });
            Kind::Call(call)
        } else if std::mem::replace(&mut self.answered, true) {
            Kind::Other
        } else {
            Kind::Answer(false)
        };
        if self.open.len() >= OPEN_BLOCKS {
            self.open.remove(0);
        }
        self.open.push(Open {
            index: said.content_block_index,
            kind,
        });
        Ok(())
    }

    fn block_delta(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<()> {
        let said: BlockDelta<'_> = serde_json::from_slice(payload)?;
        self.start(sink);
        let Some(delta) = said.delta else {
            return Ok(());
        };
        foreign(delta.citation, Field::AnswerAnnotations, sink);
        foreign(delta.image, Field::AnswerImages, sink);
        if let Some(reasoning) = delta.reasoning_content {
            self.reasoning(reasoning, sink);
            if self.over {
                return Ok(());
            }
        }
        if let Some(Text(text)) = delta.text.filter(|text| !text.0.is_empty()) {
            self.sign(sink);
            sink(Event::Text { choice: 0, text });
        }
        let input = delta.tool_use.and_then(|tool| tool.input);
        if let Some(Text(json)) = input.filter(|input| !input.0.is_empty()) {
            self.sign(sink);
            self.input(said.content_block_index, json, sink);
        }
        Ok(())
    }

    /// More of a call's arguments, or of an answer by a tool.
    fn input(&mut self, index: u64, json: Cow<'_, str>, sink: &mut Sink<'_>) {
        let open = self.open.iter_mut().rfind(|open| open.index == index);
        match open.map(|open| &mut open.kind) {
            Some(Kind::Call(call)) => sink(Event::ToolArguments {
                choice: 0,
                call: *call,
                json,
            }),
            Some(Kind::Answer(begun)) => {
                *begun = true;
                sink(Event::Text {
                    choice: 0,
                    text: json,
                });
            }
            Some(Kind::Other) | None => {}
        }
    }

    fn reasoning(&mut self, delta: ReasoningDelta<'_>, sink: &mut Sink<'_>) {
        if let Some(Text(piece)) = delta.signature {
            if self.signature.len().saturating_add(piece.len()) > SIGNATURE_LIMIT_BYTES {
                return self.fail(damaged(FrameError::TooLarge), sink);
            }
            self.signature.push_str(&piece);
        }
        if let Some(Text(text)) = delta.text.filter(|text| !text.0.is_empty()) {
            self.sign(sink);
            sink(Event::Reasoning { choice: 0, text });
        }
        if let Some(Text(data)) = delta.redacted_content.filter(|data| !data.0.is_empty()) {
            self.sign(sink);
            let signature = Signature {
                maker: self.maker,
                data: data.into_owned(),
            };
            sink(Event::RedactedReasoning {
                choice: 0,
                signature,
            });
        }
    }

    /// Shows the signature that has come whole: something else follows.
    fn sign(&mut self, sink: &mut Sink<'_>) {
        if !self.signature.is_empty() {
            let signature = Signature {
                maker: self.maker,
                data: std::mem::take(&mut self.signature),
            };
            sink(Event::ReasoningSignature {
                choice: 0,
                signature,
            });
        }
    }

    fn block_stop(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<()> {
        let said: BlockStop = serde_json::from_slice(payload)?;
        self.sign(sink);
        let index = said.content_block_index;
        let Some(at) = self.open.iter().rposition(|open| open.index == index) else {
            return Ok(());
        };
        // An answer without members, of which nothing was streamed.
        if matches!(self.open.remove(at).kind, Kind::Answer(false)) {
            sink(Event::Text {
                choice: 0,
                text: Cow::Borrowed("{}"),
            });
        }
        Ok(())
    }

    fn message_stop(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<()> {
        let said: MessageStop<'_> = serde_json::from_slice(payload)?;
        self.start(sink);
        self.sign(sink);
        let ending = Ending {
            reason: said.stop_reason.as_ref().map_or("", |reason| &reason.0),
            fields: said.additional_model_response_fields.as_ref(),
            calls: self.calls > 0,
            answered: self.answered,
        };
        match ending.finish() {
            Ok(finish) => {
                self.finished = true;
                sink(Event::Finish { choice: 0, finish });
            }
            Err(error) => self.fail(error, sink),
        }
        Ok(())
    }

    /// The last frame, after the message; where it came earlier the stream goes on.
    fn metadata(&mut self, payload: &[u8], sink: &mut Sink<'_>) -> serde_json::Result<()> {
        let said: Metadata = serde_json::from_slice(payload)?;
        self.start(sink);
        if let Some(usage) = said.usage {
            sink(Event::Usage(usage.inclusive()));
        }
        if self.finished {
            self.end(sink);
        }
        Ok(())
    }
}
