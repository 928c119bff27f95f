//! A streamed answer.

mod output;
mod wire;

use serde_json::Value;

use super::answer::{last_status, or_empty_object, refuses};
use super::item::{Content, Item, ItemStatus, logprobs};
use super::object::{Head, Object, Status, wants_summary};
use super::signature::Proof;
use crate::chat::{AnswerContext, Event, Finish, Signature};
use crate::provider_error::{ErrorClass, ProviderError};
use crate::usage::Usage;
use output::{Open, Output};
use wire::{Failure, Life, Wire};

/// Most bytes of output that are kept, which the events at the end of each part and of the answer
/// repeat. An answer that is longer is cut there: what follows is not sent, so that the pieces and
/// the whole agree, and it ends as `incomplete` for `max_output_tokens`.
pub const OUTPUT_LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// What an item costs beyond its texts.
const ITEM_BYTES: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    Over,
}

/// Writes the events of one answer: its choice 0, for the dialect has one only.
#[derive(Debug)]
pub struct StreamWriter {
    context: AnswerContext,
    head: Head,
    wire: Wire,
    stage: Stage,
    output: Output,
    finish: Option<Finish>,
    usage: Option<Usage>,
    held_bytes: usize,
    cut: bool,
    /// Text that waits for its log probabilities, where the client asked for them.
    waiting: String,
}

impl StreamWriter {
    /// A writer at the start of a stream.
    #[must_use]
    pub fn new(context: AnswerContext) -> Self {
        Self {
            head: Head::new(&context, None, None, None),
            output: Output::new(wants_summary(&context.request)),
            context,
            wire: Wire::default(),
            stage: Stage::Waiting,
            finish: None,
            usage: None,
            held_bytes: 0,
            cut: false,
            waiting: String::new(),
        }
    }

    /// Whether the answer was cut at [`OUTPUT_LIMIT_BYTES`].
    #[must_use]
    pub fn cut(&self) -> bool {
        self.cut
    }

    /// Appends what an event is in this dialect; nothing after an error or the end.
    pub fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.stage == Stage::Over {
            return;
        }
        if let Event::Logprobs {
            choice: 0,
            logprobs,
        } = event
        {
            return self.logprobs(logprobs, out);
        }
        self.flush(out);
        self.event(event, out);
    }

    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, model, created } => {
                if self.stage == Stage::Waiting {
                    let (id, model) = (id.as_deref(), model.as_deref());
                    self.head = Head::new(&self.context, id, model, *created);
                    self.start(out);
                }
            }
            Event::Ping => out.extend_from_slice(b": ping\n\n"),
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Finish { choice: 0, finish } => self.finish = Some(finish.clone()),
            Event::Error(error) => self.fail(error, out),
            Event::End => self.end(out),
            Event::Text { choice: 0, text } if self.context.request.logprobs => {
                self.waiting.push_str(text);
            }
            Event::Text { choice: 0, text } => self.piece(Open::Text, text, out),
            Event::Refusal { choice: 0, text } => self.piece(Open::Refusal, text, out),
            Event::Reasoning { choice: 0, text } => self.piece(Open::Reasoning, text, out),
            Event::ReasoningSignature {
                choice: 0,
                signature,
            } => self.sign(signature, out),
            Event::RedactedReasoning {
                choice: 0,
                signature,
            } => self.proof_item(Proof::redacted(signature.clone()), out),
            Event::ToolCall {
                choice: 0,
                call,
                id,
                name,
                signature,
            } => {
                if let Some(signature) = signature {
                    self.proof_item(Proof::shown(signature.clone()), out);
                }
                self.begin_call(*call, id, name, out);
            }
            Event::ToolArguments {
                choice: 0,
                call,
                json,
            } => self.arguments(*call, json, out),
            // Another choice, or another dialect's alone.
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Reasoning { .. }
            | Event::ReasoningSignature { .. }
            | Event::RedactedReasoning { .. }
            | Event::ToolCall { .. }
            | Event::ToolArguments { .. }
            | Event::Logprobs { .. }
            | Event::Foreign { .. }
            | Event::Finish { .. } => {}
        }
    }

    /// Appends what waits for log probabilities. To be called when all of a chunk has been written: they
    /// come in the same event as their text.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if !self.waiting.is_empty() {
            let text = std::mem::take(&mut self.waiting);
            self.piece(Open::Text, &text, out);
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.stage == Stage::Waiting {
            self.stage = Stage::Running;
            for kind in ["response.created", "response.in_progress"] {
                self.life(kind, Status::InProgress, out);
            }
        }
    }

    /// Writes an event that holds the whole answer so far.
    fn life(&mut self, kind: &'static str, status: Status<'_>, out: &mut Vec<u8>) {
        let Output {
            items,
            summary,
            last,
            ..
        } = &self.output;
        let last = match last {
            ItemStatus::InProgress => last_status(status),
            ItemStatus::Completed | ItemStatus::Incomplete => *last,
        };
        let written = items.iter().enumerate().map(|(index, item)| {
            let is_last = index + 1 == items.len();
            let status = if is_last { last } else { ItemStatus::Completed };
            item.written(item.id(&self.context.id, index), status, *summary)
        });
        let object = Object::new(&self.head, &self.context.request, status);
        let response = object.with(written.collect(), self.usage);
        self.wire.write(kind, &Life { response }, out);
    }

    /// Whether there is room for so many bytes more.
    fn admit(&mut self, bytes: usize) -> bool {
        let held = self.held_bytes.saturating_add(bytes);
        self.cut |= held > OUTPUT_LIMIT_BYTES;
        if !self.cut {
            self.held_bytes = held;
        }
        !self.cut
    }

    /// More of a text of a kind.
    fn piece(&mut self, kind: Open, text: &str, out: &mut Vec<u8>) {
        let fits = !text.is_empty() && self.admit(text.len());
        if fits && (self.output.open == Some(kind) || self.begin_part(kind, out)) {
            self.delta(kind, (text, &[]), out);
        }
    }

    fn delta(&mut self, kind: Open, (text, odds): (&str, &[Value]), out: &mut Vec<u8>) {
        if let Some(own) = self.output.text() {
            own.push_str(text);
        }
        let name = kind.names(self.output.summary).delta;
        self.wire.write(name, &self.output.piece(text, odds), out);
    }

    /// Begins a part of a kind of text, and an item for it where it needs one.
    fn begin_part(&mut self, kind: Open, out: &mut Vec<u8>) -> bool {
        if kind != Open::Reasoning && self.output.in_message() {
            self.end_part(out);
        } else {
            let reasoning = Item::Reasoning {
                text: String::new(),
                proof: None,
            };
            let message = Item::Message(Vec::new());
            let item = if kind == Open::Reasoning {
                reasoning
            } else {
                message
            };
            if !self.begin_item(item, out) {
                return false;
            }
        }
        if let Some(Item::Message(content)) = self.output.items.last_mut() {
            content.push(Content::new(kind == Open::Refusal));
        }
        self.output.open = Some(kind);
        if let (Some((added, _)), Some(event)) =
            (kind.names(self.output.summary).part, self.output.part())
        {
            self.wire.write(added, &event, out);
        }
        true
    }

    /// Ends the item under way and begins another.
    fn begin_item(&mut self, item: Item, out: &mut Vec<u8>) -> bool {
        self.start(out);
        self.end_item(ItemStatus::Completed, out);
        let fits = self.admit(ITEM_BYTES);
        if fits {
            let event = self.output.begin(item, &self.context.id);
            self.wire.write("response.output_item.added", &event, out);
        }
        fits
    }

    fn begin_call(&mut self, call: u32, id: &str, name: &str, out: &mut Vec<u8>) {
        let item = Item::Call {
            call_id: id.to_owned(),
            name: name.to_owned(),
            arguments: String::new(),
        };
        if self.admit(id.len().saturating_add(name.len())) && self.begin_item(item, out) {
            self.output.open = Some(Open::Call(call));
        }
    }

    /// More of the arguments of the call under way.
    fn arguments(&mut self, call: u32, json: &str, out: &mut Vec<u8>) {
        let open = Open::Call(call);
        if self.output.open == Some(open) && !json.is_empty() && self.admit(json.len()) {
            self.delta(open, (json, &[]), out);
        }
    }

    /// The proof of the reasoning under way, which it ends, or a part of its own.
    fn sign(&mut self, signature: &Signature, out: &mut Vec<u8>) {
        if self.output.open != Some(Open::Reasoning) {
            return self.proof_item(Proof::shown(signature.clone()), out);
        }
        if self.admit(signature.data.len()) {
            if let Some(Item::Reasoning { proof, .. }) = self.output.items.last_mut() {
                *proof = Some(Proof::shown(signature.clone()));
            }
            self.end_item(ItemStatus::Completed, out);
        }
    }

    /// An item of nothing but proof.
    fn proof_item(&mut self, proof: Proof, out: &mut Vec<u8>) {
        let fits = self.admit(proof.signature.data.len());
        let item = Item::Reasoning {
            text: String::new(),
            proof: Some(proof),
        };
        if fits && self.begin_item(item, out) {
            self.end_item(ItemStatus::Completed, out);
        }
    }

    /// They come right after their piece. Where that has gone, only the events that end the part can
    /// carry them.
    fn logprobs(&mut self, object: &Value, out: &mut Vec<u8>) {
        let odds = logprobs(object);
        let text = std::mem::take(&mut self.waiting);
        let fits = !text.is_empty() && self.admit(text.len());
        if fits && (self.output.open == Some(Open::Text) || self.begin_part(Open::Text, out)) {
            self.delta(Open::Text, (&text, &odds), out);
        }
        if self.output.open != Some(Open::Text) {
            return;
        }
        for entry in odds {
            // Its size, roughly: each alternative is a few short members.
            let others = entry.get("top_logprobs").and_then(Value::as_array);
            let entries = others.map_or(1, |others| others.len().saturating_add(1));
            if !self.admit(entries.saturating_mul(ITEM_BYTES)) {
                return;
            }
            if let Some(part) = self.output.content() {
                part.logprobs.push(entry);
            }
        }
    }

    /// Ends the text or the arguments under way.
    fn end_part(&mut self, out: &mut Vec<u8>) {
        let Some(open) = self.output.open else {
            return;
        };
        if matches!(open, Open::Call(_))
            && let Some(arguments) = self.output.text()
            && arguments.is_empty()
        {
            self.delta(open, (or_empty_object(""), &[]), out);
        }
        let names = open.names(self.output.summary);
        if let Some(whole) = self.output.whole() {
            self.wire.write(names.done, &whole, out);
        }
        if let (Some((_, done)), Some(event)) = (names.part, self.output.part()) {
            self.wire.write(done, &event, out);
        }
        self.output.open = None;
    }

    fn end_item(&mut self, status: ItemStatus, out: &mut Vec<u8>) {
        self.end_part(out);
        if let Some(event) = self.output.end(status) {
            self.wire.write("response.output_item.done", &event, out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(out);
        let finish = self.finish.clone().unwrap_or_default();
        let status = if self.cut {
            Status::Incomplete("max_output_tokens")
        } else {
            Status::of(&finish, refuses(&self.output.items))
        };
        let kind = match status {
            Status::Incomplete(_) => "response.incomplete",
            Status::InProgress | Status::Completed | Status::Failed(_) => "response.completed",
        };
        self.end_item(last_status(status), out);
        self.life(kind, status, out);
        self.stage = Stage::Over;
    }

    /// An `error` event says what happened, `response.failed` ends the answer as far as it came.
    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        self.start(out);
        let event = Failure {
            code: error.code.as_deref().unwrap_or(code(error.class)),
            message: &error.message,
            param: error.param.as_deref(),
        };
        self.wire.write("error", &event, out);
        self.life("response.failed", Status::Failed(error), out);
        self.stage = Stage::Over;
    }
}

/// A code for programs where the provider gave none.
fn code(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RateLimited => "rate_limit_exceeded",
        ErrorClass::Overloaded => "overloaded",
        ErrorClass::Auth => "provider_authentication",
        ErrorClass::NotFound => "not_found",
        ErrorClass::ContextLength => "context_length_exceeded",
        ErrorClass::ContentPolicy => "content_policy_violation",
        ErrorClass::InvalidRequest => "invalid_request",
        ErrorClass::Server => "server_error",
    }
}
