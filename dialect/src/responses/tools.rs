//! Tools, and whether and which must be called.

use serde_json::Value;

use super::fields::{Fields, element};
use crate::chat::{BadRequest, ChatRequest, Tool, ToolChoice};

/// Reads `tools` and `tool_choice`.
pub(super) fn read(fields: &mut Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    for (index, tool) in fields
        .array("tools")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let tool = element(tool, &format!("tools[{index}]"))?;
        read_tool(tool, request)?;
    }
    request.tool_choice = match fields.take("tool_choice") {
        None => None,
        Some(Value::String(word)) => Some(match word.as_str() {
            "none" => ToolChoice::None,
            "auto" => ToolChoice::Auto,
            "required" => ToolChoice::Required,
            _ => {
                let problem = "must be none, auto, required or an object";
                return Err(BadRequest::new("tool_choice", problem));
            }
        }),
        Some(choice) => read_choice(element(choice, "tool_choice")?, request)?,
    };
    Ok(())
}

fn read_tool(mut tool: Fields, request: &mut ChatRequest) -> Result<(), BadRequest> {
    let kind = tool.need_text("type")?;
    if kind != "function" {
        request.unknown.push(format!("tools.{kind}"));
        return Ok(());
    }
    let parameters = tool.object("parameters")?;
    request.tools.push(Tool {
        name: tool.need_text("name")?,
        description: tool.text("description")?,
        parameters: parameters.map(|schema| Value::Object(schema.into_map())),
        strict: tool.flag("strict")?,
        cache: None,
    });
    for name in ["async", "defer_loading"] {
        if tool.flag(name)? == Some(true) {
            tool.put_back(name);
        }
    }
    let left = tool.into_map();
    let said = left.iter().filter(|(_, value)| !value.is_null());
    let names = said.map(|(name, _)| format!("tools.{name}"));
    request.unknown.extend(names);
    Ok(())
}

fn read_choice(
    mut choice: Fields,
    request: &mut ChatRequest,
) -> Result<Option<ToolChoice>, BadRequest> {
    let kind = choice.need_text("type")?;
    match kind.as_str() {
        "function" => Ok(Some(ToolChoice::Tool(choice.need_text("name")?))),
        "allowed_tools" => allowed(choice, request).map(Some),
        other => {
            request.unknown.push(format!("tool_choice.{other}"));
            Ok(None)
        }
    }
}

fn allowed(mut choice: Fields, request: &mut ChatRequest) -> Result<ToolChoice, BadRequest> {
    let required = match choice.need_text("mode")?.as_str() {
        "auto" => false,
        "required" => true,
        _ => {
            let problem = "must be auto or required";
            return Err(BadRequest::new("tool_choice.mode", problem));
        }
    };
    let mut names = Vec::new();
    for (index, tool) in choice
        .array("tools")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let mut tool = element(tool, &format!("tool_choice.tools[{index}]"))?;
        match tool.need_text("type")?.as_str() {
            "function" => names.push(tool.need_text("name")?),
            other => request.unknown.push(format!("tool_choice.{other}")),
        }
    }
    Ok(ToolChoice::Allowed { names, required })
}
