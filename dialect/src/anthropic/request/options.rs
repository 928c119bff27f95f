//! Thinking, effort, the form of the answer, the end user.
//!
//! Source: SDK types `ThinkingConfigParam`, `OutputConfigParam`, `JSONOutputFormatParam`,
//! `MetadataParam`.

use serde_json::Value;

use super::fields::{Fields, within};
use crate::chat::{BadRequest, ChatRequest, Effort, Format};

/// The name of a schema, which Anthropic does not ask for and OpenAI does.
const SCHEMA_NAME: &str = "answer";

pub(super) fn read(fields: &mut Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    if let Some(mut metadata) = fields.object("metadata")? {
        request.user = metadata
            .text("user_id")
            .map_err(|error| within("metadata", error))?;
        note("metadata", metadata, request);
    }
    // The older name first: the newer one, which comes later, wins.
    if let Some(format) = fields.any("output_format") {
        read_format(format, request).map_err(|error| within("output_format", error))?;
    }
    if let Some(config) = fields.object("output_config")? {
        read_output(config, request).map_err(|error| within("output_config", error))?;
    }
    if let Some(thinking) = fields.object("thinking")? {
        read_thinking(thinking, request).map_err(|error| within("thinking", error))?;
    }
    Ok(())
}

fn read_output(mut config: Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    if let Some(format) = config.any("format") {
        read_format(format, request).map_err(|error| within("format", error))?;
    }
    if let Some(word) = config.text("effort")? {
        match Effort::parse(&word) {
            Some(effort) => request.reasoning.get_or_insert_default().effort = Some(effort),
            None => request.unknown.push("output_config.effort".to_owned()),
        }
    }
    note("output_config", config, request);
    Ok(())
}

fn read_format(format: Value, request: &mut ChatRequest) -> Result<(), BadRequest> {
    let mut fields = Fields::of(format)?;
    if fields.need_text("type")? != "json_schema" {
        return Err(BadRequest::new("type", "must be json_schema"));
    }
    let schema = fields
        .object("schema")?
        .ok_or_else(|| BadRequest::new("schema", "is required"))?;
    request.format = Format::JsonSchema {
        name: SCHEMA_NAME.to_owned(),
        description: None,
        schema: schema.into_value(),
        // Anthropic's answers always follow the schema.
        strict: Some(true),
    };
    Ok(())
}

fn read_thinking(mut fields: Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    let kind = fields.need_text("type")?;
    let reasoning = request.reasoning.get_or_insert_default();
    match kind.as_str() {
        "enabled" => {
            let budget = fields
                .uint("budget_tokens")?
                .ok_or_else(|| BadRequest::new("budget_tokens", "is required"))?;
            reasoning.budget_tokens = Some(budget);
        }
        "adaptive" => reasoning.adaptive = true,
        // `between_tools` turns thinking off too, but for remarks between calls.
        "disabled" | "between_tools" => {
            // An effort without thinking only makes an answer shorter or longer.
            let effort = reasoning.effort.replace(Effort::None);
            if effort.is_some_and(|effort| effort != Effort::None) {
                request.unknown.push("output_config.effort".to_owned());
            }
        }
        _ => {
            return Err(BadRequest::new(
                "type",
                "must be enabled, disabled or adaptive",
            ));
        }
    }
    let display = fields.text("display")?;
    reasoning.summary = display.map(|display| display != "omitted");
    note("thinking", fields, request);
    Ok(())
}

fn note(object: &str, fields: Fields, request: &mut ChatRequest) {
    let names = fields.into_names().map(|name| format!("{object}.{name}"));
    request.unknown.extend(names);
}
