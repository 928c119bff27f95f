//! A whole answer.

use super::item::{Content, Item, ItemStatus, logprobs};
use super::object::{Head, Object, Status, wants_summary};
use super::signature::Proof;
use crate::chat::{AnswerContext, ChatAnswer, Choice, Finish, Part, Signature};

/// Writes the `response` object of an answer: its first choice, for the dialect has one only.
#[must_use]
pub fn write_answer(answer: &ChatAnswer, context: &AnswerContext) -> Vec<u8> {
    let mut head = Head::new(
        context,
        answer.id.as_deref(),
        answer.model.as_deref(),
        answer.created,
    );
    head.service_tier.clone_from(&answer.service_tier);
    let choice = answer.choices.first();
    let items = choice.map(items).unwrap_or_default();
    let finish = choice.map_or(Finish::Stop, |choice| choice.finish.clone());
    let status = Status::of(&finish, refuses(&items));
    let summary = wants_summary(&context.request);
    let output = items.iter().enumerate().map(|(index, item)| {
        let open = index + 1 == items.len() && !item.is_over();
        let status = if open {
            last_status(status)
        } else {
            ItemStatus::Completed
        };
        item.written(item.id(&context.id, index), status, summary)
    });
    let object = Object::new(&head, &context.request, status).with(output.collect(), answer.usage);
    // Strings, numbers and JSON always serialise into memory: the default is never taken.
    serde_json::to_vec(&object).unwrap_or_default()
}

/// The status of the item that was under way when the answer ended.
pub(super) fn last_status(status: Status<'_>) -> ItemStatus {
    match status {
        Status::InProgress | Status::Completed => ItemStatus::Completed,
        Status::Incomplete(_) | Status::Failed(_) => ItemStatus::Incomplete,
    }
}

/// Whether the model declines in so many words.
pub(super) fn refuses(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Message(content) => content.iter().any(|part| part.refusal),
        Item::Reasoning { .. } | Item::Call { .. } => false,
    })
}

/// Parts as items: texts and refusals that stand together are one message.
fn items(choice: &Choice) -> Vec<Item> {
    let mut items = Vec::new();
    for part in &choice.parts {
        match part {
            Part::Text { text, .. } => say(&mut items, text, false),
            Part::Refusal { text } => say(&mut items, text, true),
            Part::Reasoning { text, signature } => think(&mut items, text, signature.as_ref()),
            Part::RedactedReasoning { signature } => items.push(Item::Reasoning {
                text: String::new(),
                proof: Some(Proof::redacted(signature.clone())),
            }),
            Part::ToolCall {
                id,
                name,
                arguments,
                signature,
                ..
            } => {
                if let Some(signature) = signature {
                    items.push(Item::Reasoning {
                        text: String::new(),
                        proof: Some(Proof::shown(signature.clone())),
                    });
                }
                items.push(Item::Call {
                    call_id: id.clone(),
                    name: name.clone(),
                    arguments: or_empty_object(arguments).to_owned(),
                });
            }
            // A model has no other way to say them in this dialect.
            Part::Image { .. }
            | Part::File { .. }
            | Part::Audio { .. }
            | Part::ToolResult { .. }
            | Part::Foreign { .. } => {}
        }
    }
    attach_logprobs(&mut items, choice);
    items
}

/// Arguments must be JSON.
pub(super) fn or_empty_object(arguments: &str) -> &str {
    if arguments.is_empty() {
        "{}"
    } else {
        arguments
    }
}

/// What is thought goes on until its proof.
fn think(items: &mut Vec<Item>, more: &str, signature: Option<&Signature>) {
    let proof = signature.cloned().map(Proof::shown);
    if let Some(Item::Reasoning { text, proof: own }) = items.last_mut()
        && own.is_none()
    {
        text.push_str(more);
        *own = proof;
    } else if !more.is_empty() || proof.is_some() {
        let text = more.to_owned();
        items.push(Item::Reasoning { text, proof });
    }
}

fn say(items: &mut Vec<Item>, text: &str, refusal: bool) {
    if text.is_empty() {
        return;
    }
    if !matches!(items.last(), Some(Item::Message(_))) {
        items.push(Item::Message(Vec::new()));
    }
    let Some(Item::Message(content)) = items.last_mut() else {
        return;
    };
    if content.last().is_none_or(|last| last.refusal != refusal) {
        content.push(Content::new(refusal));
    }
    if let Some(last) = content.last_mut() {
        last.text.push_str(text);
    }
}

/// They are those of the whole answer, and go to its first text.
fn attach_logprobs(items: &mut [Item], choice: &Choice) {
    let Some(object) = &choice.logprobs else {
        return;
    };
    for item in items {
        if let Item::Message(content) = item
            && let Some(text) = content.iter_mut().find(|part| !part.refusal)
        {
            text.logprobs = logprobs(object);
            return;
        }
    }
}
