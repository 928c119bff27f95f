//! A streamed answer for a client of Chat Completions.

use serde::Serialize;

use super::finish::{self, Said};
use super::frame::{self, Head};
use super::reasoning::{DetailOut, SpanOut};
use super::write_answer::{CallOut, FunctionOut, ID_PREFIX, Logprobs};
use crate::chat::{AnswerContext, Event, Finish, Signature};
use crate::usage::Usage;

/// Most choices that a stream is written for.
const CHOICES_LIMIT: usize = 128;

/// Writes `chat.completion.chunk` events (OpenAI's `CreateChatCompletionStreamResponse`).
///
/// The usage comes in a last chunk without choices, if the client asked for it. An error is
/// `data: {"error":…}`, which OpenAI's SDKs raise, and no `[DONE]` follows it. Reasoning is
/// `delta.reasoning_content`, its signatures come in `delta.reasoning_details`. Holds a few words per
/// choice, whatever the stream's length.
#[derive(Debug)]
pub struct StreamWriter {
    context: AnswerContext,
    /// The beginning of every chunk; empty before the first.
    start: Vec<u8>,
    choices: Vec<State>,
    usage: Option<Usage>,
    over: bool,
}

/// What has been written of a choice.
#[derive(Debug, Default)]
struct State {
    number: u32,
    said: Said,
    finished: bool,
    /// Bytes of reasoning, and where the part under way begins.
    reasoning_bytes: u64,
    part_start_bytes: u64,
    details: usize,
}

#[derive(Serialize)]
struct ArgumentsOut<'a> {
    index: u32,
    function: Arguments<'a>,
}

#[derive(Serialize)]
struct Arguments<'a> {
    arguments: &'a str,
}

impl StreamWriter {
    /// A writer at the start of a stream.
    #[must_use]
    pub fn new(context: AnswerContext) -> Self {
        Self {
            context,
            start: Vec::new(),
            choices: Vec::new(),
            usage: None,
            over: false,
        }
    }

    /// Appends what the client gets for an event.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { id, model, created } => {
                if self.start.is_empty() {
                    self.begin((id.as_deref(), *created, model.as_deref()));
                    self.choice(0, out);
                }
            }
            Event::Text { choice, text } => self.delta(*choice, "content", text.as_ref(), out),
            Event::Reasoning { choice, text } => self.reasoning(*choice, text, out),
            Event::ReasoningSignature { choice, signature } => {
                self.signature(*choice, signature, true, out);
            }
            Event::RedactedReasoning { choice, signature } => {
                self.signature(*choice, signature, false, out);
            }
            Event::Refusal { choice, text } => {
                self.delta(*choice, "refusal", text.as_ref(), out);
                if let Some(state) = self.choice(*choice, out) {
                    state.said.refusal = true;
                }
            }
            Event::ToolCall {
                choice,
                call,
                id,
                name,
                signature,
            } => {
                let function = FunctionOut::begun(name);
                let begun = CallOut::new(id, function, signature.as_ref());
                self.call(*choice, *call, begun, out);
            }
            Event::ToolArguments { choice, call, json } => {
                self.arguments(*choice, *call, json, out);
            }
            Event::Logprobs { choice, logprobs } => {
                if let Some(logprobs) = Logprobs::new(logprobs) {
                    self.logprobs(*choice, &logprobs, out);
                }
            }
            Event::Finish { choice, finish } => self.finish(*choice, finish, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Foreign { .. } => {}
            Event::Ping => frame::ping(out),
            Event::Error(error) => {
                self.over = true;
                frame::error(out, error);
            }
            Event::End => self.end(out),
        }
    }

    fn begin(&mut self, said: (Option<&str>, Option<u64>, Option<&str>)) {
        let head = Head::new(&self.context, ID_PREFIX, said);
        self.start = head.chunk_start("chat.completion.chunk");
    }

    /// The state of a choice, whose first chunk, with its role, is written if need be.
    fn choice(&mut self, number: u32, out: &mut Vec<u8>) -> Option<&mut State> {
        if self.start.is_empty() {
            self.begin((None, None, None));
        }
        let known = self.choices.iter().position(|state| state.number == number);
        let at = known.unwrap_or(self.choices.len());
        if known.is_none() && at < CHOICES_LIMIT {
            self.choices.push(State {
                number,
                said: Said {
                    legacy: self.context.request.legacy_functions,
                    ..Said::default()
                },
                ..State::default()
            });
            self.choice_start(number, out);
            out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\",\"refusal\":null");
            close(out);
        }
        self.choices.get_mut(at)
    }

    fn choice_start(&self, number: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start);
        out.extend_from_slice(b"{\"index\":");
        frame::number(out, number);
        out.extend_from_slice(b",\"delta\":{");
    }

    /// Begins a chunk, up to and with the `{` of its delta.
    fn open(&mut self, choice: u32, out: &mut Vec<u8>) {
        self.choice(choice, out);
        self.choice_start(choice, out);
    }

    fn delta<T: Serialize + ?Sized>(
        &mut self,
        choice: u32,
        name: &str,
        value: &T,
        out: &mut Vec<u8>,
    ) {
        self.open(choice, out);
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        frame::json(out, value);
        close(out);
    }

    fn reasoning(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        self.delta(choice, "reasoning_content", text, out);
        if let Some(state) = self.choice(choice, out) {
            let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
            state.reasoning_bytes = state.reasoning_bytes.saturating_add(bytes);
        }
    }

    fn logprobs(&mut self, choice: u32, logprobs: &Logprobs<'_>, out: &mut Vec<u8>) {
        self.open(choice, out);
        out.extend_from_slice(b"},\"logprobs\":");
        frame::json(out, logprobs);
        out.extend_from_slice(b",\"finish_reason\":null}]}\n\n");
    }

    /// The proof of the reasoning since the last one, or reasoning that is nothing but its proof.
    fn signature(&mut self, choice: u32, signature: &Signature, proof: bool, out: &mut Vec<u8>) {
        let Some(state) = self.choice(choice, out) else {
            return;
        };
        let index = state.details;
        let span = SpanOut {
            start: state.part_start_bytes,
            end: state.reasoning_bytes,
        };
        state.details += 1;
        state.part_start_bytes = state.reasoning_bytes;
        let detail = if proof {
            DetailOut::proof(index, span, signature)
        } else {
            DetailOut::encrypted(index, signature)
        };
        self.delta(choice, "reasoning_details", &[detail], out);
    }

    fn call(&mut self, choice: u32, index: u32, mut call: CallOut<'_>, out: &mut Vec<u8>) {
        call.index = Some(index);
        let Some(state) = self.choice(choice, out) else {
            return;
        };
        let second = state.said.calls;
        state.said.calls = true;
        if !state.said.legacy {
            self.delta(choice, "tool_calls", &[call], out);
        } else if !second {
            // The old form has room for one.
            self.delta(choice, "function_call", &call.function, out);
        }
    }

    fn arguments(&mut self, choice: u32, index: u32, arguments: &str, out: &mut Vec<u8>) {
        let function = Arguments { arguments };
        if !self.context.request.legacy_functions {
            let piece = ArgumentsOut { index, function };
            self.delta(choice, "tool_calls", &[piece], out);
        } else if index == 0 {
            self.delta(choice, "function_call", &function, out);
        }
    }

    fn finish(&mut self, choice: u32, finish: &Finish, out: &mut Vec<u8>) {
        let Some(state) = self.choice(choice, out).filter(|state| !state.finished) else {
            return;
        };
        state.finished = true;
        let word = finish::word(finish, state.said);
        self.choice_start(choice, out);
        out.extend_from_slice(b"},\"finish_reason\":");
        frame::json(out, word);
        out.extend_from_slice(b"}]}\n\n");
    }

    /// No choice of a whole stream is left without a reason.
    fn end(&mut self, out: &mut Vec<u8>) {
        let open = self.choices.iter().filter(|state| !state.finished);
        let open: Vec<u32> = open.map(|state| state.number).collect();
        for choice in open {
            self.finish(choice, &Finish::Stop, out);
        }
        if let Some(usage) = self.usage
            && self.context.request.include_usage
        {
            if self.start.is_empty() {
                self.begin((None, None, None));
            }
            frame::usage_chunk(out, &self.start, &usage);
        }
        frame::done(out);
        self.over = true;
    }
}

fn close(out: &mut Vec<u8>) {
    out.extend_from_slice(b"},\"finish_reason\":null}]}\n\n");
}
