//! A request: its members, one rule each.

use serde_json::{Map, Value};

use super::fields::Fields;
use super::{input, tools};
use crate::chat::{BadRequest, ChatRequest, Effort, Format, Reasoning};

/// Members that refer to something stored, and what to send instead.
pub(super) const PREVIOUS_RESPONSE: (&str, &str) = (
    "previous_response_id",
    "no response is stored here: send the earlier input and output items in `input`",
);
pub(super) const CONVERSATION: (&str, &str) = (
    "conversation",
    "no conversation is stored here: send its items in `input`",
);
pub(super) const BACKGROUND: (&str, &str) = (
    "background",
    "no response is stored here to be fetched later: leave it out, and stream long answers",
);
const PROMPT: (&str, &str) = (
    "prompt",
    "no prompt template is stored here: send its text in `instructions` and `input`",
);

/// Reads a request.
///
/// # Errors
/// When it is not what the dialect says it must be, or refers to something stored.
pub fn read_request(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let whole = |problem: String| BadRequest::new("", problem);
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| whole(format!("the body is not valid JSON: {error}")))?;
    let Value::Object(map) = value else {
        return Err(whole("the body must be a JSON object".to_owned()));
    };
    let mut fields = Fields::new(map, String::new());
    refuse_state(&mut fields)?;
    let mut request = ChatRequest {
        model: fields.need_text("model")?,
        turns: input::read(&mut fields)?,
        parallel_tool_calls: fields.flag("parallel_tool_calls")?,
        max_tokens: fields.count("max_output_tokens")?,
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        stream: fields.flag("stream")?.unwrap_or(false),
        service_tier: fields.text("service_tier")?,
        metadata: metadata(&mut fields)?,
        prompt_cache_key: fields.text("prompt_cache_key")?,
        ..ChatRequest::default()
    };
    if request.model.is_empty() {
        return Err(BadRequest::new("model", "must be a non-empty string"));
    }
    // A stream of this dialect ends with its usage.
    request.include_usage = request.stream;
    let user = fields.text("user")?;
    request.user = fields.text("safety_identifier")?.or(user);
    tools::read(&mut fields, &mut request)?;
    read_reasoning(&mut fields, &mut request)?;
    read_text(&mut fields, &mut request)?;
    read_include(&mut fields, &mut request)?;
    drop_defaults(&mut fields)?;
    request.unknown.extend(fields.into_unknown());
    request.unknown.sort();
    request.unknown.dedup();
    Ok(request)
}

/// What needs a store is refused with what to send instead.
fn refuse_state(fields: &mut Fields) -> Result<(), BadRequest> {
    for (name, remedy) in [PREVIOUS_RESPONSE, CONVERSATION, PROMPT] {
        if fields.take(name).is_some() {
            return Err(BadRequest::new(name, remedy));
        }
    }
    if fields.flag(BACKGROUND.0)? == Some(true) {
        return Err(BadRequest::new(BACKGROUND.0, BACKGROUND.1));
    }
    // Accepted either way: nothing is stored.
    fields.flag("store")?;
    Ok(())
}

fn metadata(fields: &mut Fields) -> Result<Option<Map<String, Value>>, BadRequest> {
    let Some(metadata) = fields.object("metadata")? else {
        return Ok(None);
    };
    let metadata = metadata.into_map();
    match metadata.iter().find(|(_, value)| !value.is_string()) {
        Some((name, _)) => {
            let field = format!("metadata.{name}");
            Err(BadRequest::new(field, "must be a string"))
        }
        None => Ok(Some(metadata)),
    }
}

fn read_reasoning(fields: &mut Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    let Some(mut member) = fields.object("reasoning")? else {
        return Ok(());
    };
    let effort = match member.text("effort")? {
        None => None,
        Some(word) => Some(Effort::parse(&word).ok_or_else(|| {
            let problem = "must be none, minimal, low, medium, high, xhigh or max";
            BadRequest::new("reasoning.effort", problem)
        })?),
    };
    let summary = member.text("summary")?;
    let summary = member.text("generate_summary")?.or(summary);
    if effort.is_some() || summary.is_some() {
        request.reasoning = Some(Reasoning {
            effort,
            summary: summary.map(|_| true),
            ..Reasoning::default()
        });
    }
    drop_default(&mut member, "mode", "standard");
    drop_default(&mut member, "context", "auto");
    request.unknown.extend(member.into_unknown());
    Ok(())
}

fn read_text(fields: &mut Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    let Some(mut member) = fields.object("text")? else {
        return Ok(());
    };
    request.verbosity = member.text("verbosity")?;
    if let Some(mut format) = member.object("format")? {
        request.format = match format.need_text("type")?.as_str() {
            "text" => Format::Text,
            "json_object" => Format::JsonObject,
            "json_schema" => json_schema(&mut format)?,
            _ => {
                let problem = "must be text, json_object or json_schema";
                return Err(BadRequest::new("text.format.type", problem));
            }
        };
        request.unknown.extend(format.into_unknown());
    }
    request.unknown.extend(member.into_unknown());
    Ok(())
}

fn json_schema(format: &mut Fields) -> Result<Format, BadRequest> {
    let schema = format
        .object("schema")?
        .ok_or_else(|| BadRequest::new(format.path("schema"), "must be an object"))?;
    Ok(Format::JsonSchema {
        name: format.need_text("name")?,
        description: format.text("description")?,
        schema: Value::Object(schema.into_map()),
        strict: format.flag("strict")?,
    })
}

fn read_include(fields: &mut Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    request.top_logprobs = fields.count("top_logprobs")?;
    request.logprobs = request.top_logprobs.is_some_and(|most| most > 0);
    for wish in fields.array("include")?.unwrap_or_default() {
        match wish.as_str() {
            Some("message.output_text.logprobs") => request.logprobs = true,
            // It is always in the answer.
            Some("reasoning.encrypted_content") => {}
            Some(other) => request.unknown.push(format!("include.{other}")),
            None => return Err(BadRequest::new("include", "must be an array of strings")),
        }
    }
    Ok(())
}

/// Members whose value says nothing that is not so anyway.
fn drop_defaults(fields: &mut Fields) -> Result<(), BadRequest> {
    drop_default(fields, "truncation", "disabled");
    if let Some(mut options) = fields.object("stream_options")? {
        // Nothing is obfuscated.
        let wished = options.flag("include_obfuscation")? == Some(true);
        if wished || !options.into_unknown().is_empty() {
            fields.put_back("stream_options");
        }
    }
    Ok(())
}

fn drop_default(fields: &mut Fields, name: &str, default: &str) {
    let value = fields.take(name);
    if value.is_some_and(|value| value.as_str() != Some(default)) {
        fields.put_back(name);
    }
}
