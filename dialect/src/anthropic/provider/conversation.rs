//! Turns in the order that Anthropic demands.
//!
//! Source: SDK type `MessageParam` and <https://platform.claude.com/docs/en/api/errors#common-validation-errors>:
//! the first turn is the user's, results of tools stand first in the turn after the calls, text is
//! never blank, and a turn does not end with thinking.

use std::borrow::Cow;

use super::parts;
use crate::anthropic::block::{Block, Mark, write_all};
use crate::anthropic::generation::Generation;
use crate::anthropic::json::Json;
use crate::chat::ids::CallIds;
use crate::chat::said::{CONTINUE, OPENING};
use crate::chat::{Role, Turn};
use crate::loss::{Field, Losses};

/// Where an id that comes again is cut for its number: Anthropic documents no bound.
const CALL_ID_LIMIT_BYTES: usize = 256;

/// A turn, neighbours of the same role merged.
pub(super) struct Message<'a> {
    assistant: bool,
    blocks: Vec<Block<'a>>,
}

/// The system prompt and the turns.
pub(super) struct Conversation<'a> {
    pub(super) system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
}

impl<'a> Conversation<'a> {
    pub(super) fn of(turns: &'a [Turn], generation: Generation, losses: &mut Losses) -> Self {
        let mut conversation = Self {
            system: Vec::new(),
            messages: Vec::new(),
        };
        let mut begun = false;
        let mut ids = CallIds::new(CALL_ID_LIMIT_BYTES, fitting_id);
        for turn in turns {
            losses.note_if(turn.name.is_some(), Field::Name);
            let mut blocks = parts::blocks(turn, losses);
            name_calls(&mut blocks, &mut ids);
            match turn.role {
                Role::System | Role::Developer if !begun => conversation.system.extend(blocks),
                Role::System | Role::Developer => conversation.push(false, tagged(blocks)),
                Role::User | Role::Assistant => {
                    begun = true;
                    conversation.push(turn.role == Role::Assistant, blocks);
                }
            }
        }
        conversation.arrange(generation, losses);
        conversation
    }

    fn push(&mut self, assistant: bool, blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        match self.messages.last_mut() {
            Some(last) if last.assistant == assistant => last.blocks.extend(blocks),
            _ => self.messages.push(Message { assistant, blocks }),
        }
    }

    fn arrange(&mut self, generation: Generation, losses: &mut Losses) {
        let mut messages = std::mem::take(&mut self.messages).into_iter().peekable();
        while let Some(mut message) = messages.next() {
            if message.assistant {
                let is_last = messages.peek().is_none();
                end_assistant(&mut message.blocks, is_last, losses);
            } else {
                message
                    .blocks
                    .sort_by_key(|block| !matches!(block, Block::ToolResult { .. }));
            }
            self.push(message.assistant, message.blocks);
        }
        if self.messages.is_empty() {
            // A conversation of instructions only: the last of them is taken for the user's.
            let only = self.system.pop();
            losses.note_if(only.is_some(), Field::Messages);
            let only = only.unwrap_or_else(|| Block::text(OPENING));
            self.push(false, vec![only]);
        }
        if self.messages.first().is_some_and(|first| first.assistant) {
            let blocks = vec![Block::text(OPENING)];
            let opening = Message {
                assistant: false,
                blocks,
            };
            self.messages.insert(0, opening);
        }
        if !generation.prefill && self.messages.last().is_some_and(|last| last.assistant) {
            losses.note(Field::Messages);
            self.push(false, vec![Block::text(CONTINUE)]);
        }
    }

    /// Whether tools are under way whose calls do not begin with thinking.
    pub(super) fn calls_without_thinking(&self) -> bool {
        let [.., call, result] = self.messages.as_slice() else {
            return false;
        };
        let is_result = |block: &Block<'_>| matches!(block, Block::ToolResult { .. });
        call.assistant
            && result.blocks.iter().any(is_result)
            && !call.blocks.first().is_some_and(Block::is_thinking)
    }

    /// The names of the tools that were called, each once.
    pub(super) fn called(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        for block in self.messages.iter().flat_map(|message| &message.blocks) {
            if let Block::ToolUse { name, .. } = block
                && !names.contains(name)
            {
                names.push(*name);
            }
        }
        names
    }

    /// Every place for a cache mark, in the order of the prompt.
    pub(super) fn for_each_mark(&mut self, visit: &mut dyn FnMut(&mut Option<Mark>)) {
        visit_marks(&mut self.system, visit);
        for message in &mut self.messages {
            visit_marks(&mut message.blocks, visit);
        }
    }

    pub(super) fn write_messages(&self, json: &mut Json<'_>) {
        for message in &self.messages {
            json.object(|json| {
                let role = if message.assistant {
                    "assistant"
                } else {
                    "user"
                };
                json.key("role").string(role);
                json.key("content")
                    .array(|json| write_all(&message.blocks, json));
            });
        }
    }
}

fn visit_marks(blocks: &mut [Block<'_>], visit: &mut dyn FnMut(&mut Option<Mark>)) {
    for block in blocks {
        if let Block::ToolResult { content, .. } = block {
            for inner in content {
                inner.mark().map(&mut *visit);
            }
        }
        block.mark().map(&mut *visit);
    }
}

/// Calls and results get ids that Anthropic takes: it refuses a call whose id an earlier one had.
fn name_calls(blocks: &mut [Block<'_>], ids: &mut CallIds) {
    for block in blocks {
        match block {
            Block::ToolUse { id, .. } => *id = Cow::Owned(ids.call(id)),
            Block::ToolResult { id, .. } => *id = Cow::Owned(ids.result(id)),
            Block::Text { .. }
            | Block::Image { .. }
            | Block::Document { .. }
            | Block::Thinking { .. }
            | Block::Redacted { .. }
            | Block::Foreign(_) => {}
        }
    }
}

/// A call's id in the letters that Anthropic takes.
fn fitting_id(id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if id.is_empty() {
        return "_".to_owned();
    }
    let letters = id.chars().map(|c| if safe(c) { c } else { '_' });
    letters.collect()
}

/// Instructions in the user's place.
fn tagged(mut blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    for block in &mut blocks {
        if let Block::Text { text, .. } = block {
            *text = Cow::Owned(format!("<system>\n{text}\n</system>"));
        }
    }
    blocks
}

/// Thinking may not end a turn, nor white space the last one.
fn end_assistant(blocks: &mut Vec<Block<'_>>, is_last: bool, losses: &mut Losses) {
    while blocks.pop_if(|last| last.is_thinking()).is_some() {
        losses.note(Field::ReasoningHistory);
    }
    if is_last && let Some(Block::Text { text, .. }) = blocks.last_mut() {
        let end = text.trim_end().len();
        if end < text.len() {
            let kept = text.get(..end).unwrap_or_default().to_owned();
            *text = Cow::Owned(kept);
        }
    }
}
