//! Answers for clients of legacy Completions.

use serde::Serialize;

use super::logprobs::Logprobs;
use crate::chat::{AnswerContext, ChatAnswer, Choice, Event, Finish, Part};
use crate::openai_chat::frame::{self, Head, UsageOut};
use crate::usage::Usage;

const ID_PREFIX: &str = "cmpl-";
const OBJECT: &str = "text_completion";
/// Most choices that a stream is written for.
const CHOICES_LIMIT: usize = 128;

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<ChoiceOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageOut>,
}

#[derive(Serialize)]
struct ChoiceOut {
    text: String,
    index: usize,
    logprobs: Option<Logprobs>,
    finish_reason: &'static str,
}

/// Writes a `text_completion`: the texts of each choice, joined, refusals among them. Reasoning and
/// tool calls have no place in it.
#[must_use]
pub fn write_answer(answer: &ChatAnswer, context: &AnswerContext) -> Vec<u8> {
    let said = (
        answer.id.as_deref(),
        answer.created,
        answer.model.as_deref(),
    );
    let head = Head::new(context, ID_PREFIX, said);
    let choices = answer.choices.iter().enumerate();
    let body = Body {
        id: &head.id,
        object: OBJECT,
        created: head.created,
        model: &head.model,
        choices: choices
            .map(|(index, choice)| ChoiceOut {
                text: choice.parts.iter().map(text).collect(),
                index,
                logprobs: logprobs(choice),
                finish_reason: word(&choice.finish),
            })
            .collect(),
        usage: answer.usage.as_ref().map(UsageOut::from),
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

fn text(part: &Part) -> &str {
    match part {
        Part::Text { text, .. } | Part::Refusal { text } => text,
        Part::Image { .. }
        | Part::File { .. }
        | Part::Audio { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Foreign { .. } => "",
    }
}

fn logprobs(choice: &Choice) -> Option<Logprobs> {
    Logprobs::new(choice.logprobs.as_ref()?, &mut 0)
}

fn word(finish: &Finish) -> &'static str {
    match finish {
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ContentFilter | Finish::Refusal => "content_filter",
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls | Finish::Pause => "stop",
    }
}

/// Writes `text_completion` events. The usage comes in a last one without choices, if the client
/// asked for it; an error is as in [`crate::openai_chat::StreamWriter`].
#[derive(Debug)]
pub struct StreamWriter {
    context: AnswerContext,
    /// The beginning of every event; empty before the first.
    start: Vec<u8>,
    choices: Vec<State>,
    usage: Option<Usage>,
    over: bool,
}

#[derive(Debug, Default)]
struct State {
    number: u32,
    finished: bool,
    offset_chars: u64,
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
            Event::Start { id, model, created } if self.start.is_empty() => {
                self.begin((id.as_deref(), *created, model.as_deref()));
            }
            Event::Text { choice, text } | Event::Refusal { choice, text } => {
                self.choice(*choice);
                self.piece(*choice, text, None, out);
                out.extend_from_slice(b"null}]}\n\n");
            }
            Event::Logprobs { choice, logprobs } => {
                let state = self.choice(*choice);
                let legacy = state.and_then(|s| Logprobs::new(logprobs, &mut s.offset_chars));
                if legacy.is_some() {
                    self.piece(*choice, "", legacy.as_ref(), out);
                    out.extend_from_slice(b"null}]}\n\n");
                }
            }
            Event::Finish { choice, finish } => self.finish(*choice, finish, out),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Ping => frame::ping(out),
            Event::Error(error) => {
                self.over = true;
                frame::error(out, error);
            }
            Event::End => self.end(out),
            Event::Start { .. }
            | Event::Reasoning { .. }
            | Event::ReasoningSignature { .. }
            | Event::RedactedReasoning { .. }
            | Event::ToolCall { .. }
            | Event::ToolArguments { .. }
            | Event::Foreign { .. } => {}
        }
    }

    fn begin(&mut self, said: (Option<&str>, Option<u64>, Option<&str>)) {
        self.start = Head::new(&self.context, ID_PREFIX, said).chunk_start(OBJECT);
    }

    fn choice(&mut self, number: u32) -> Option<&mut State> {
        let known = self.choices.iter().position(|state| state.number == number);
        let at = known.unwrap_or(self.choices.len());
        if known.is_none() && at < CHOICES_LIMIT {
            self.choices.push(State {
                number,
                ..State::default()
            });
        }
        self.choices.get_mut(at)
    }

    /// Appends an event up to the value of its `finish_reason`.
    fn piece(&mut self, choice: u32, text: &str, odds: Option<&Logprobs>, out: &mut Vec<u8>) {
        if self.start.is_empty() {
            self.begin((None, None, None));
        }
        out.extend_from_slice(&self.start);
        out.extend_from_slice(b"{\"text\":");
        frame::json(out, text);
        out.extend_from_slice(b",\"index\":");
        frame::number(out, choice);
        out.extend_from_slice(b",\"logprobs\":");
        frame::json(out, &odds);
        out.extend_from_slice(b",\"finish_reason\":");
    }

    fn finish(&mut self, choice: u32, finish: &Finish, out: &mut Vec<u8>) {
        if let Some(state) = self.choice(choice).filter(|state| !state.finished) {
            state.finished = true;
            self.piece(choice, "", None, out);
            frame::json(out, word(finish));
            out.extend_from_slice(b"}]}\n\n");
        }
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
