//! The conversation: system, and messages of user and assistant in turn.

use std::borrow::Cow;

use super::cache::{CachePoints, inner_mark};
use super::family::Model;
use super::ids::{DocumentNames, call_ids};
use super::media;
use super::wire::{Block, Message, ReasoningContent, Speaker, ToolResult, ToolUse};
use crate::chat::ids::CallIds;
use crate::chat::said::{CONTINUE, OPENING};
use crate::chat::{CacheMark, Part, Role, Signature, Turn};
use crate::loss::{Field, Losses};
use serde_json::{Map, Value};

/// What a tool gave back that gave nothing: blank text is refused.
const NO_OUTPUT: &str = "(no output)";

/// What was made of the turns.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    /// The model's last message calls tools and does not begin with its reasoning: Claude refuses
    /// to think with a budget then.
    pub(super) calls_without_reasoning: bool,
}

/// Writes the turns.
///
/// - System and developer turns become `system`, in their order. One that stood behind a user or
///   assistant turn loses its place, which is noted ([`Field::Messages`]).
/// - Neighbours of one role become one message, in which tool results stand first, as Claude
///   demands.
/// - Blank texts are left out: they are refused. A message with a document must have a text: it
///   gets the document's name.
/// - A conversation that begins with the model gets an opening by the user.
/// - Where the model would have to go on with its last message and cannot, the user asks it to; that
///   it then answers anew is noted ([`Field::Messages`]).
pub(super) fn write<'a>(
    turns: &'a [Turn],
    model: Model,
    caches: &mut CachePoints,
    losses: &mut Losses,
) -> Conversation<'a> {
    let mut writer = Writer {
        model,
        caches,
        losses,
        names: DocumentNames::default(),
        ids: call_ids(),
        system: Vec::new(),
        done: Vec::new(),
        current: Draft::new(Speaker::User),
    };
    for turn in turns {
        writer.turn(turn);
    }
    writer.finish()
}

/// A message under way.
struct Draft<'a> {
    role: Speaker,
    results: Vec<Block<'a>>,
    content: Vec<Block<'a>>,
}

impl Draft<'_> {
    fn new(role: Speaker) -> Self {
        Self {
            role,
            results: Vec::new(),
            content: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.results.is_empty() && self.content.is_empty()
    }
}

struct Writer<'a, 'w> {
    model: Model,
    caches: &'w mut CachePoints,
    losses: &'w mut Losses,
    names: DocumentNames,
    ids: CallIds,
    system: Vec<Block<'a>>,
    done: Vec<Draft<'a>>,
    current: Draft<'a>,
}

impl<'a> Writer<'a, '_> {
    fn turn(&mut self, turn: &'a Turn) {
        self.losses.note_if(turn.name.is_some(), Field::Name);
        let role = match turn.role {
            Role::System | Role::Developer => {
                let begun = !self.done.is_empty() || !self.current.is_empty();
                self.losses.note_if(begun, Field::Messages);
                return turn.parts.iter().for_each(|part| self.system_part(part));
            }
            Role::User => Speaker::User,
            Role::Assistant => Speaker::Assistant,
        };
        for part in &turn.parts {
            match role {
                Speaker::User => self.user_part(part),
                Speaker::Assistant => self.assistant_part(part),
            }
        }
    }

    fn system_part(&mut self, part: &'a Part) {
        let Part::Text { text, cache } = part else {
            return self.losses.note(lost(part));
        };
        if !is_blank(text) {
            self.system.push(Block::Text(Cow::Borrowed(text)));
        }
        if let Some(mark) = cache.as_ref().filter(|_| !self.system.is_empty()) {
            let point = self.caches.point(mark, self.losses);
            self.system.extend(point.map(Block::CachePoint));
        }
    }

    fn user_part(&mut self, part: &'a Part) {
        let (block, cache) = match part {
            Part::Text { text, cache } => (text_block(text), cache.as_ref()),
            Part::Image {
                source,
                detail,
                cache,
            } => {
                self.note_detail(detail.as_deref());
                let block = media::image(source);
                self.losses.note_if(block.is_none(), Field::Images);
                (block, cache.as_ref())
            }
            Part::File {
                source,
                name,
                cache,
            } => {
                let document = media::document(source, name.as_deref(), &mut self.names);
                self.losses.note_if(document.is_none(), Field::Files);
                (document.map(Block::Document), cache.as_ref())
            }
            Part::Audio { data, format } => {
                let hears = self.model.takes_audio();
                let block = media::audio(data, format).filter(|_| hears);
                self.losses.note_if(block.is_none(), Field::Audio);
                (block, None)
            }
            Part::ToolResult {
                id,
                parts,
                is_error,
                cache,
            } => {
                let result = Block::ToolResult(self.tool_result(id, parts, *is_error));
                let mark = cache.as_ref().or_else(|| parts.iter().find_map(inner_mark));
                let point = mark.and_then(|mark| self.caches.point(mark, self.losses));
                let results = &mut self.draft(Speaker::User).results;
                results.push(result);
                return results.extend(point.map(Block::CachePoint));
            }
            Part::ToolCall { .. }
            | Part::Reasoning { .. }
            | Part::RedactedReasoning { .. }
            | Part::Refusal { .. }
            | Part::Foreign { .. } => return self.losses.note(lost(part)),
        };
        self.push(Speaker::User, block, cache);
    }

    fn assistant_part(&mut self, part: &'a Part) {
        let (block, cache) = match part {
            Part::Text { text, cache } => (text_block(text), cache.as_ref()),
            Part::Refusal { text } => (text_block(text), None),
            Part::ToolCall {
                id,
                name,
                arguments,
                cache,
                signature,
            } => {
                self.losses
                    .note_if(signature.is_some(), Field::ReasoningHistory);
                let call = ToolUse {
                    tool_use_id: self.ids.call(id),
                    name,
                    input: input(arguments),
                };
                (Some(Block::ToolUse(call)), cache.as_ref())
            }
            Part::Reasoning { text, signature } => {
                let signature = signature.as_ref().and_then(|mine| self.own(mine));
                self.losses
                    .note_if(signature.is_none(), Field::ReasoningHistory);
                let content =
                    signature.map(|signature| ReasoningContent::ReasoningText { text, signature });
                (content.map(Block::ReasoningContent), None)
            }
            Part::RedactedReasoning { signature } => {
                let data = self.own(signature);
                self.losses.note_if(data.is_none(), Field::ReasoningHistory);
                let content = data.map(ReasoningContent::RedactedContent);
                (content.map(Block::ReasoningContent), None)
            }
            // "You can only include images and documents if the role is user."
            Part::Image { .. }
            | Part::File { .. }
            | Part::Audio { .. }
            | Part::ToolResult { .. }
            | Part::Foreign { .. } => return self.losses.note(lost(part)),
        };
        self.push(Speaker::Assistant, block, cache);
    }

    fn own<'s>(&self, signature: &'s Signature) -> Option<&'s str> {
        self.model
            .takes(signature.maker)
            .then_some(signature.data.as_str())
            .filter(|data| !data.is_empty())
    }

    fn note_detail(&mut self, detail: Option<&str>) {
        let said = detail.is_some_and(|detail| detail != "auto");
        self.losses.note_if(said, Field::ImageDetail);
    }

    fn tool_result(&mut self, id: &str, parts: &'a [Part], is_error: bool) -> ToolResult<'a> {
        let mut content = Vec::with_capacity(parts.len());
        for part in parts {
            let block = match part {
                Part::Text { text, .. } if is_blank(text) => continue,
                Part::Text { text, .. } => text_block(text),
                Part::Image { source, detail, .. } => {
                    self.note_detail(detail.as_deref());
                    media::image(source)
                }
                Part::File { source, name, .. } => {
                    media::document(source, name.as_deref(), &mut self.names).map(Block::Document)
                }
                Part::Audio { .. }
                | Part::ToolCall { .. }
                | Part::ToolResult { .. }
                | Part::Reasoning { .. }
                | Part::RedactedReasoning { .. }
                | Part::Refusal { .. }
                | Part::Foreign { .. } => None,
            };
            self.losses.note_if(block.is_none(), Field::ToolResults);
            content.extend(block);
        }
        if content.is_empty() {
            content.push(Block::Text(Cow::Borrowed(NO_OUTPUT)));
        }
        let tells = self.model.knows_tool_details();
        self.losses.note_if(is_error && !tells, Field::ToolResults);
        ToolResult {
            tool_use_id: self.ids.result(id),
            content,
            status: (is_error && tells).then_some("error"),
        }
    }

    fn push(&mut self, role: Speaker, block: Option<Block<'a>>, cache: Option<&'a CacheMark>) {
        if let Some(block) = block {
            self.draft(role).content.push(block);
        }
        // A mark on what was left out holds for what stands before.
        let current = &mut self.current;
        let holds = current.role == role && !current.content.is_empty();
        if let Some(mark) = cache.filter(|_| holds) {
            let point = self.caches.point(mark, self.losses);
            current.content.extend(point.map(Block::CachePoint));
        }
    }

    /// The message that a block of this role belongs to.
    fn draft(&mut self, role: Speaker) -> &mut Draft<'a> {
        if self.current.role != role {
            let next = Draft::new(role);
            let last = std::mem::replace(&mut self.current, next);
            self.done.extend(Some(last).filter(|last| !last.is_empty()));
        }
        &mut self.current
    }

    fn finish(self) -> Conversation<'a> {
        let Self {
            mut done, current, ..
        } = self;
        done.extend(Some(current).filter(|last| !last.is_empty()));
        let calls_without_reasoning = calls_without_reasoning(&done);
        let mut messages = Vec::with_capacity(done.len().saturating_add(1));
        if done
            .first()
            .is_some_and(|first| first.role == Speaker::Assistant)
        {
            messages.push(by_user(OPENING));
        }
        messages.extend(done.into_iter().map(|draft| {
            let mut content = draft.results;
            content.extend(draft.content);
            name_document(&mut content);
            Message {
                role: draft.role,
                content,
            }
        }));
        let ends_with_model = messages
            .last()
            .is_some_and(|last| last.role == Speaker::Assistant);
        if ends_with_model && !self.model.takes_prefill() {
            self.losses.note(Field::Messages);
            messages.push(by_user(CONTINUE));
        }
        Conversation {
            system: self.system,
            messages,
            calls_without_reasoning,
        }
    }
}

fn by_user(text: &'static str) -> Message<'static> {
    Message {
        role: Speaker::User,
        content: vec![Block::Text(Cow::Borrowed(text))],
    }
}

/// "If you include a ContentBlock with a document field in the array, you must also include a
/// ContentBlock with a text field."
fn name_document(content: &mut Vec<Block<'_>>) {
    if content.iter().any(|block| matches!(block, Block::Text(_))) {
        return;
    }
    let name = content.iter().find_map(|block| match block {
        Block::Document(document) => Some(document.name.clone()),
        Block::Text(_)
        | Block::Image(_)
        | Block::Audio(_)
        | Block::ToolUse(_)
        | Block::ToolResult(_)
        | Block::ReasoningContent(_)
        | Block::CachePoint(_) => None,
    });
    content.extend(name.map(|name| Block::Text(Cow::Owned(name))));
}

fn calls_without_reasoning(drafts: &[Draft<'_>]) -> bool {
    let mut backwards = drafts.iter().rev();
    let Some(last) = backwards.find(|draft| draft.role == Speaker::Assistant) else {
        return false;
    };
    let calls = |block: &Block<'_>| matches!(block, Block::ToolUse(_));
    last.content.iter().any(calls)
        && !matches!(last.content.first(), Some(Block::ReasoningContent(_)))
}

fn text_block(text: &str) -> Option<Block<'_>> {
    (!is_blank(text)).then_some(Block::Text(Cow::Borrowed(text)))
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What is lost when a part stands where Converse has no place for it.
fn lost(part: &Part) -> Field {
    match part {
        Part::Image { .. } => Field::Images,
        Part::File { .. } => Field::Files,
        Part::Audio { .. } => Field::Audio,
        Part::Reasoning { .. } | Part::RedactedReasoning { .. } => Field::ReasoningHistory,
        Part::Text { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => Field::Messages,
    }
}

/// The arguments of an earlier call: an object, as models demand; what is none stands in one.
fn input(arguments: &str) -> Value {
    if is_blank(arguments) {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(object)) => Value::Object(object),
        Ok(_) | Err(_) => {
            let text = Value::String(arguments.to_owned());
            Value::Object(Map::from_iter([("arguments".to_owned(), text)]))
        }
    }
}
