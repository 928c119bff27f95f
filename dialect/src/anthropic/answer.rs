//! A whole answer, read from a provider and written for a client.
//!
//! Source: SDK type `Message`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use super::block::{self, Block, write_all};
use super::error;
use super::json::Json;
use super::signature;
use super::stop::{self, Held};
use super::usage::{WireUsage, write_usage};
use crate::chat::{AnswerContext, ChatAnswer, Choice, Finish, Part};
use crate::loss::{Field, Losses};
use crate::openai_chat::frame::bare;
use crate::provider_error::{ErrorClass, ProviderError};

#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    model: Option<String>,
    content: Vec<Value>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    stop_details: Option<StopDetails>,
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct StopDetails {
    explanation: Option<String>,
}

/// Reads a provider's answer.
///
/// `citations` of text are told of but not read: no other dialect has a place for them within the
/// text. Blocks of server tools become [`Part::Foreign`]. The explanation of a refusal becomes
/// [`Part::Refusal`].
///
/// # Errors
/// When it is an error after all, or no message.
pub fn read_answer(body: &[u8]) -> Result<ChatAnswer, ProviderError> {
    let unreadable = || {
        let text = "The provider's answer is not a message.";
        ProviderError::new(ErrorClass::Server, text)
    };
    let value: Value = serde_json::from_slice(body).map_err(|_syntax| unreadable())?;
    if value.get("error").is_some_and(|error| !error.is_null()) {
        return Err(error::from_value(&value, None));
    }
    let message: Message = serde_json::from_value(value).map_err(|_form| unreadable())?;
    let mut parts = Vec::with_capacity(message.content.len());
    let mut foreign = Losses::default();
    for block in message.content {
        let citations = block.get("citations").and_then(Value::as_array);
        let cites = citations.is_some_and(|citations| !citations.is_empty());
        foreign.note_if(cites, Field::AnswerAnnotations);
        parts.extend(read_block(block).ok_or_else(unreadable)?);
    }
    let explanation = message.stop_details.and_then(|details| details.explanation);
    parts.extend(explanation.map(|text| Part::Refusal { text }));
    let usage = message.usage;
    let tier = usage.as_ref().and_then(|usage| usage.get("service_tier"));
    let service_tier = tier.and_then(Value::as_str).map(str::to_owned);
    Ok(ChatAnswer {
        id: message.id,
        model: message.model,
        created: None,
        choices: vec![Choice {
            parts,
            finish: stop::read(
                message.stop_reason.as_deref(),
                message.stop_sequence.as_deref(),
            ),
            logprobs: None,
        }],
        usage: usage
            .and_then(|usage| serde_json::from_value::<WireUsage>(usage).ok())
            .and_then(|usage| usage.inclusive()),
        service_tier,
        foreign,
    })
}

/// One block; the outer `None` when it has not the form of its type.
fn read_block(mut block: Value) -> Option<Option<Part>> {
    let kind = block.get("type")?.as_str()?.to_owned();
    let mut text = |name: &str| match block.get_mut(name).map(Value::take) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    Some(match kind.as_str() {
        "text" => Some(Part::text(text("text")?)),
        "thinking" => Some(Part::Reasoning {
            text: text("thinking")?,
            signature: signature::decode(text("signature").unwrap_or_default()),
        }),
        "redacted_thinking" => {
            let signature = signature::decode(text("data")?);
            signature.map(|signature| Part::RedactedReasoning { signature })
        }
        "tool_use" => Some(Part::ToolCall {
            id: text("id")?,
            name: text("name")?,
            arguments: block.get("input")?.to_string(),
            cache: None,
            signature: None,
        }),
        _ => Some(Part::Foreign { kind, value: block }),
    })
}

/// Writes an answer for a client. Anthropic knows one answer only: the first choice.
///
/// Unsigned reasoning has an empty signature; what an answer cannot hold (images, sound, parts of
/// another dialect) is left out.
#[must_use]
pub fn write_answer(answer: &ChatAnswer, context: &AnswerContext) -> Vec<u8> {
    let choice = answer.choices.first();
    let parts = choice.map(|c| c.parts.as_slice()).unwrap_or_default();
    let held = Held {
        tool_calls: parts.iter().any(|p| matches!(p, Part::ToolCall { .. })),
        refusal: parts.iter().any(|p| matches!(p, Part::Refusal { .. })),
    };
    let finish = choice.map_or(&Finish::Stop, |choice| &choice.finish);
    let (reason, sequence) = stop::write(finish, held);
    let blocks: Vec<Block<'_>> = parts.iter().flat_map(blocks).flatten().collect();
    let tier = answer.service_tier.as_deref();
    Json::body(|json| {
        let model = answer.model.as_deref().unwrap_or(&context.model);
        write_head(&message_id(answer.id.as_deref(), context), model, json);
        json.key("content").array(|json| write_all(&blocks, json));
        json.key("stop_reason").string(reason);
        let stop_sequence = json.key("stop_sequence");
        match sequence {
            Some(sequence) => stop_sequence.string(sequence),
            None => stop_sequence.null(),
        }
        json.key("usage").object(|json| {
            write_usage(&answer.usage.unwrap_or_default(), json);
            if let Some(tier @ ("standard" | "priority" | "batch")) = tier {
                json.key("service_tier").string(tier);
            }
        });
    })
}

/// Writes the members with which a message begins.
pub(super) fn write_head(id: &str, model: &str, json: &mut Json<'_>) {
    json.key("id").string(id);
    json.key("type").string("message");
    json.key("role").string("assistant");
    json.key("model").string(model);
}

/// The id of a message: `msg_…`.
pub(super) fn message_id<'a>(id: Option<&'a str>, context: &'a AnswerContext) -> Cow<'a, str> {
    let id = id.filter(|id| !id.is_empty()).unwrap_or(&context.id);
    if id.starts_with("msg_") {
        return Cow::Borrowed(id);
    }
    Cow::Owned(format!("msg_{}", bare(id)))
}

/// A part as blocks: a call's signature stands before it, as an empty thinking block.
fn blocks(part: &Part) -> [Option<Block<'_>>; 2] {
    let thinking = |text, signature| Block::Thinking { text, signature };
    match part {
        Part::Text { text, .. } | Part::Refusal { text } => [said(text), None],
        Part::Reasoning { text, signature } => {
            let proof = signature.as_ref().map(signature::encode);
            [Some(thinking(text, proof.unwrap_or_default())), None]
        }
        Part::RedactedReasoning { signature } => {
            let data = signature::encode(signature);
            [Some(Block::Redacted { data }), None]
        }
        Part::ToolCall {
            id,
            name,
            arguments,
            signature,
            ..
        } => {
            let proof = signature.as_ref().map(signature::encode);
            let call = Block::ToolUse {
                id: Cow::Borrowed(id),
                name,
                input: block::input(arguments),
                mark: None,
            };
            [proof.map(|proof| thinking("", proof)), Some(call)]
        }
        Part::Foreign { kind, value } if block::is_own_kind(kind) => {
            [Some(Block::Foreign(value)), None]
        }
        Part::Foreign { .. }
        | Part::Image { .. }
        | Part::File { .. }
        | Part::Audio { .. }
        | Part::ToolResult { .. } => [None, None],
    }
}

/// Clients send an answer back as it is, and Anthropic refuses empty text.
fn said(text: &str) -> Option<Block<'_>> {
    (!text.is_empty()).then(|| Block::text(text))
}
