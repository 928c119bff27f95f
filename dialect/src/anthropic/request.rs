//! What clients ask: `POST /v1/messages`.
//!
//! Source: SDK type `MessageCreateParams`. `temperature`, `top_p`, `top_k` are no longer in it but
//! are still taken by the API, and `output_format` is what `output_config.format` was called first.

mod fields;
mod options;
mod parts;
#[cfg(test)]
mod tests;
mod tools;

use serde_json::Value;

use crate::chat::{BadRequest, CacheMark, ChatRequest, Part, Role, Turn};
use fields::Fields;
pub(super) use fields::within;

/// Reads a client's request.
///
/// What no other dialect has is listed in [`ChatRequest::unknown`], members of nested objects by a
/// dotted name, such as `tools.web_search_20250305` for a tool that the provider runs.
/// A top-level `cache_control` marks the last part that can be marked, as Anthropic does.
///
/// # Errors
/// When it is not a JSON object of the documented form, or lacks `model`, `messages` or
/// `max_tokens`.
pub fn read_request(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let request = read(body)?;
    if request.max_tokens.is_none() {
        return Err(BadRequest::new("max_tokens", "is required"));
    }
    Ok(request)
}

/// Reads a request in which `max_tokens` may be missing.
pub(super) fn read(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| BadRequest::new("", format!("must be a JSON object: {error}")))?;
    let mut fields = Fields::of(value)?;
    let mut request = ChatRequest {
        model: fields.need_text("model")?,
        max_tokens: fields.uint("max_tokens")?,
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        top_k: fields.uint("top_k")?,
        stop: fields.texts("stop_sequences")?,
        stream: fields.flag("stream")?.unwrap_or_default(),
        // Anthropic's streams always end with their usage.
        include_usage: true,
        service_tier: fields.text("service_tier")?,
        ..ChatRequest::default()
    };
    read_turns(&mut fields, &mut request)?;
    tools::read(&mut fields, &mut request)?;
    options::read(&mut fields, &mut request)?;
    if let Some(cache) = fields.cache()? {
        mark_last(&mut request.turns, cache);
    }
    request.unknown.extend(fields.into_names());
    request.unknown.sort_unstable();
    request.unknown.dedup();
    Ok(request)
}

fn read_turns(fields: &mut Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    let unknown = &mut request.unknown;
    if let Some(system) = fields.any("system") {
        let parts = parts::read(system, unknown).map_err(|error| within("system", error))?;
        if !parts.is_empty() {
            request.turns.push(turn(Role::System, parts));
        }
    }
    let messages = fields
        .list("messages")?
        .ok_or_else(|| BadRequest::new("messages", "is required"))?;
    if messages.is_empty() {
        return Err(BadRequest::new("messages", "must not be empty"));
    }
    for (at, message) in messages.into_iter().enumerate() {
        let turn = read_turn(message, unknown)
            .map_err(|error| within(&format!("messages[{at}]"), error))?;
        request.turns.push(turn);
    }
    Ok(())
}

fn read_turn(message: Value, unknown: &mut Vec<String>) -> Result<Turn, BadRequest> {
    let mut fields = Fields::of(message)?;
    let role = match fields.need_text("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        // Instructions within the conversation.
        "system" => Role::System,
        _ => return Err(BadRequest::new("role", "must be user or assistant")),
    };
    let content = fields
        .any("content")
        .ok_or_else(|| BadRequest::new("content", "is required"))?;
    let parts = parts::read(content, unknown).map_err(|error| within("content", error))?;
    unknown.extend(fields.into_names().map(|name| format!("messages.{name}")));
    Ok(turn(role, parts))
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn {
        role,
        parts,
        name: None,
    }
}

fn mark_last(turns: &mut [Turn], mark: CacheMark) {
    let parts = turns
        .iter_mut()
        .rev()
        .flat_map(|turn| turn.parts.iter_mut().rev());
    let mut marks = parts.filter_map(|part| match part {
        Part::Text { cache, .. }
        | Part::Image { cache, .. }
        | Part::File { cache, .. }
        | Part::ToolCall { cache, .. }
        | Part::ToolResult { cache, .. } => Some(cache),
        Part::Audio { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => None,
    });
    if let Some(cache) = marks.next() {
        cache.get_or_insert(mark);
    }
}
