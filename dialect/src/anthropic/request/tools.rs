//! Tools and which of them to call.
//!
//! Source: SDK types `ToolParam`, `ToolUnionParam`, `ToolChoiceParam`.

use serde_json::Value;

use super::fields::{Fields, within};
use crate::chat::{BadRequest, ChatRequest, Tool, ToolChoice};

pub(super) fn read(fields: &mut Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    let tools = fields.list("tools")?.unwrap_or_default();
    for (at, tool) in tools.into_iter().enumerate() {
        let tool = read_tool(tool, &mut request.unknown)
            .map_err(|error| within(&format!("tools[{at}]"), error))?;
        request.tools.extend(tool);
    }
    if let Some(choice) = fields.object("tool_choice")? {
        read_choice(choice, request).map_err(|error| within("tool_choice", error))?;
    }
    Ok(())
}

/// A function; `None` for a tool of the provider's own, which is listed as unknown.
fn read_tool(tool: Value, unknown: &mut Vec<String>) -> Result<Option<Tool>, BadRequest> {
    let mut fields = Fields::of(tool)?;
    if let Some(kind) = fields.text("type")?
        && kind != "custom"
    {
        unknown.push(format!("tools.{kind}"));
        return Ok(None);
    }
    let schema = fields
        .object("input_schema")?
        .ok_or_else(|| BadRequest::new("input_schema", "is required"))?;
    let tool = Tool {
        name: fields.need_text("name")?,
        description: fields.text("description")?,
        parameters: Some(schema.into_value()),
        strict: fields.flag("strict")?,
        cache: fields.cache()?,
    };
    unknown.extend(fields.into_names().map(|name| format!("tools.{name}")));
    Ok(Some(tool))
}

fn read_choice(mut fields: Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    request.tool_choice = Some(match fields.need_text("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "tool" => ToolChoice::Tool(fields.need_text("name")?),
        "none" => ToolChoice::None,
        _ => return Err(BadRequest::new("type", "must be auto, any, tool or none")),
    });
    let disabled = fields.flag("disable_parallel_tool_use")?;
    request.parallel_tool_calls = disabled.map(|disabled| !disabled);
    Ok(())
}
