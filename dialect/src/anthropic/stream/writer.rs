//! Writing a stream for a client.

use std::io::Write as _;

use crate::anthropic::answer::{message_id, write_head};
use crate::anthropic::json::Json;
use crate::anthropic::stop::{self, Held};
use crate::anthropic::usage::write_usage;
use crate::anthropic::{error, signature};
use crate::chat::{AnswerContext, Event, Finish, Signature};
use crate::provider_error::{ErrorClass, ProviderError};
use crate::usage::Usage;

/// Bytes of a piece's event, its text aside and a few escapes included.
const PIECE_BYTES: usize = 160;

/// Writes a stream as the official SDKs' accumulators read it: `message_start`, blocks one after
/// the other, `message_delta` with the reason and all of the usage, `message_stop`.
///
/// `message_start` comes at once, with zeros where the provider tells its usage at the end. Only
/// the first choice is written, and no log probabilities: Anthropic has neither.
#[derive(Debug)]
pub struct StreamWriter {
    context: AnswerContext,
    started: bool,
    ended: bool,
    open: Option<Open>,
    /// The index of the next block.
    next: u32,
    held: Held,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

/// The block under way, whose index is the one before the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call(u32),
}

impl StreamWriter {
    /// A writer at the start of a stream.
    #[must_use]
    pub fn new(context: AnswerContext) -> Self {
        Self {
            context,
            started: false,
            ended: false,
            open: None,
            next: 0,
            held: Held::default(),
            finish: None,
            usage: None,
        }
    }

    /// Appends what says `event` to `out`; nothing after an error or the end.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match event {
            Event::Start { id, model, .. } => self.start(id.as_deref(), model.as_deref(), out),
            Event::Text { choice: 0, text } => self.text(text, out),
            Event::Reasoning { choice: 0, text } => self.reasoning(text, out),
            Event::ReasoningSignature {
                choice: 0,
                signature,
            } => self.sign(signature, out),
            Event::RedactedReasoning {
                choice: 0,
                signature,
            } => self.redacted(signature, out),
            Event::Refusal { choice: 0, text } => {
                self.held.refusal = true;
                self.text(text, out);
            }
            Event::ToolCall {
                choice: 0,
                call,
                id,
                name,
                signature,
            } => {
                if let Some(signature) = signature {
                    self.close(out);
                    self.sign(signature, out);
                }
                self.call(*call, id, name, out);
            }
            Event::ToolArguments {
                choice: 0,
                call,
                json,
            } => self.arguments(*call, json, out),
            Event::Finish { choice: 0, finish } => self.finish = Some(finish.clone()),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n"),
            Event::Error(error) => self.fail(error, out),
            Event::End => self.end(out),
            Event::Text { .. }
            | Event::Reasoning { .. }
            | Event::ReasoningSignature { .. }
            | Event::RedactedReasoning { .. }
            | Event::Refusal { .. }
            | Event::ToolCall { .. }
            | Event::ToolArguments { .. }
            | Event::Logprobs { .. }
            | Event::Foreign { .. }
            | Event::Finish { .. } => {}
        }
    }

    fn start(&mut self, id: Option<&str>, model: Option<&str>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = message_id(id, &self.context);
        let model = model.unwrap_or(&self.context.model);
        frame("message_start", out, |json| {
            json.key("message").object(|json| {
                write_head(&id, model, json);
                json.key("content").array(|_| {});
                json.key("stop_reason").null();
                json.key("stop_sequence").null();
                json.key("usage")
                    .object(|json| write_usage(&self.usage.unwrap_or_default(), json));
            });
        });
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        if self.open != Some(Open::Text) {
            self.open(Open::Text, "text", out, |json| json.key("text").string(""));
        }
        self.delta("\"text_delta\",\"text\":", text, out);
    }

    fn reasoning(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.open_thinking(out);
        self.delta("\"thinking_delta\",\"thinking\":", text, out);
    }

    fn open_thinking(&mut self, out: &mut Vec<u8>) {
        if self.open != Some(Open::Thinking) {
            self.open(Open::Thinking, "thinking", out, |json| {
                json.key("thinking").string("");
                json.key("signature").string("");
            });
        }
    }

    /// Signs the thinking under way, which ends it, or an empty one.
    fn sign(&mut self, signature: &Signature, out: &mut Vec<u8>) {
        self.open_thinking(out);
        let signature = signature::encode(signature);
        self.delta("\"signature_delta\",\"signature\":", &signature, out);
        self.close(out);
    }

    fn redacted(&mut self, signature: &Signature, out: &mut Vec<u8>) {
        let data = signature::encode(signature);
        self.open(Open::Thinking, "redacted_thinking", out, |json| {
            json.key("data").string(&data);
        });
        self.close(out);
    }

    fn call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        self.held.tool_calls = true;
        self.open(Open::Call(call), "tool_use", out, |json| {
            json.key("id").string(id);
            json.key("name").string(name);
            json.key("input").object(|_| {});
        });
    }

    /// Arguments of another call than the one under way have no place any more: rather an error
    /// than a call with half of its arguments.
    fn arguments(&mut self, call: u32, json: &str, out: &mut Vec<u8>) {
        if json.is_empty() {
            return;
        }
        if self.open == Some(Open::Call(call)) {
            self.delta("\"input_json_delta\",\"partial_json\":", json, out);
        } else {
            let message = "The provider's tool calls came in no order.";
            self.fail(&ProviderError::new(ErrorClass::Server, message), out);
        }
    }

    /// Begins a block, after the one under way.
    fn open(
        &mut self,
        open: Open,
        kind: &str,
        out: &mut Vec<u8>,
        members: impl FnOnce(&mut Json<'_>),
    ) {
        self.start(None, None, out);
        self.close(out);
        frame("content_block_start", out, |json| {
            json.key("index").number(u64::from(self.next));
            json.key("content_block").object(|json| {
                json.key("type").string(kind);
                members(json);
            });
        });
        self.open = Some(open);
        self.next = self.next.saturating_add(1);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            frame("content_block_stop", out, |json| {
                json.key("index").number(u64::from(self.index()));
            });
        }
    }

    fn index(&self) -> u32 {
        self.next.saturating_sub(1)
    }

    /// The hot path: one piece of the block under way. `head` is the delta up to its text.
    fn delta(&self, head: &str, text: &str, out: &mut Vec<u8>) {
        out.reserve(text.len().saturating_add(PIECE_BYTES));
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        // Nothing fails when it is written into memory.
        write!(out, "{},\"delta\":{{\"type\":{head}", self.index()).unwrap_or_default();
        serde_json::to_writer(&mut *out, text).unwrap_or_default();
        out.extend_from_slice(b"}}\n\n");
    }

    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        self.ended = true;
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend(error::error_body(error));
        out.extend_from_slice(b"\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(None, None, out);
        self.close(out);
        self.ended = true;
        let finish = self.finish.take().unwrap_or_default();
        let (reason, sequence) = stop::write(&finish, self.held);
        frame("message_delta", out, |json| {
            json.key("delta").object(|json| {
                json.key("stop_reason").string(reason);
                let stop_sequence = json.key("stop_sequence");
                match sequence {
                    Some(sequence) => stop_sequence.string(sequence),
                    None => stop_sequence.null(),
                }
            });
            json.key("usage")
                .object(|json| write_usage(&self.usage.unwrap_or_default(), json));
        });
        frame("message_stop", out, |_| {});
    }
}

/// Writes an event whose data are an object with its type and `members`.
fn frame(kind: &str, out: &mut Vec<u8>, members: impl FnOnce(&mut Json<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    Json::new(out).object(|json| {
        json.key("type").string(kind);
        members(json);
    });
    out.extend_from_slice(b"\n\n");
}
