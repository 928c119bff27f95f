//! Tools, the choice among them, and the form of the answer.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::object::{Object, Place};
use super::read_part::cache_mark;
use crate::chat::{BadRequest, ChatRequest, Format, Tool, ToolChoice};

/// What a request holds, as [`crate::markers::MarkerScan`] finds it, that speaks of functions in
/// OpenAI's deprecated words: a vendor without them ([`crate::vendor::Vendor::takes_functions`]) is
/// not passed it but has it read and written, which makes tools of them everywhere.
///
/// SDKs send `"function_call": null` back, which says nothing and is not looked for.
pub static LEGACY_FUNCTIONS: [&[u8]; 6] = [
    b"\"functions\":[",
    b"\"functions\": [",
    b"\"function_call\":{",
    b"\"function_call\": {",
    b"\"role\":\"function\"",
    b"\"role\": \"function\"",
];

/// Reads `tools` and `tool_choice`, or the deprecated `functions` and `function_call`. A tool that
/// is no function is `tools.TYPE` among the unknown.
pub(super) fn tools(
    body: &mut Object<'_>,
    request: &mut ChatRequest,
    unknown: &mut BTreeSet<String>,
) -> Result<(), BadRequest> {
    let place = body.place().member("tools");
    for (index, tool) in body
        .elements("tools")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let place = place.element(index);
        let mut tool = Object::new(tool, &place)?;
        match tool.text("type")?.as_deref() {
            Some("function") | None => request.tools.push(wrapped(tool)?),
            Some(kind) => {
                unknown.insert(format!("tools.{kind}"));
            }
        }
    }
    if let Some(functions) = body.elements("functions")? {
        let place = body.place().member("functions");
        request.legacy_functions = true;
        // The old form has room for one call.
        request.parallel_tool_calls = Some(false);
        for (index, value) in functions.into_iter().enumerate() {
            let place = place.element(index);
            request.tools.push(function(Object::new(value, &place)?)?);
        }
    }
    if let Some(flag) = body.flag("parallel_tool_calls")? {
        request.parallel_tool_calls = Some(flag);
    }
    let old = body.take("function_call");
    request.tool_choice = match (body.take("tool_choice"), old) {
        (Some(value), _) => choice(value, &body.place().member("tool_choice"), unknown)?,
        (None, Some(value)) => old_choice(value, &body.place().member("function_call"))?,
        (None, None) => None,
    };
    Ok(())
}

fn wrapped(mut tool: Object<'_>) -> Result<Tool, BadRequest> {
    let cache = cache_mark(&mut tool);
    let place = tool.place().member("function");
    let mut read = function(Object::new(
        tool.take("function").unwrap_or_default(),
        &place,
    )?)?;
    read.cache = cache.or(read.cache);
    Ok(read)
}

fn function(mut function: Object<'_>) -> Result<Tool, BadRequest> {
    Ok(Tool {
        name: function.need_text("name")?,
        description: function.text("description")?,
        parameters: function.map("parameters")?.map(Value::Object),
        strict: function.flag("strict")?,
        cache: cache_mark(&mut function),
    })
}

const CHOICES: &str = "must be none, auto, required, or an object that names a tool";

fn word(word: &str) -> Option<ToolChoice> {
    Some(match word {
        "none" => ToolChoice::None,
        "auto" => ToolChoice::Auto,
        // `any` is how Mistral says it.
        "required" | "any" => ToolChoice::Required,
        _ => return None,
    })
}

fn choice(
    value: Value,
    place: &Place<'_>,
    unknown: &mut BTreeSet<String>,
) -> Result<Option<ToolChoice>, BadRequest> {
    if let Value::String(text) = &value {
        return match word(text) {
            Some(choice) => Ok(Some(choice)),
            None => Err(place.wrong(CHOICES)),
        };
    }
    if !value.is_object() {
        return Err(place.wrong(CHOICES));
    }
    let mut choice = Object::new(value, place)?;
    match choice.need_text("type")?.as_str() {
        "function" => {
            let place = place.member("function");
            let function = choice.take("function").unwrap_or_default();
            let name = Object::new(function, &place)?.need_text("name")?;
            Ok(Some(ToolChoice::Tool(name)))
        }
        "allowed_tools" => allowed(&mut choice).map(Some),
        kind => {
            unknown.insert(format!("tool_choice.{kind}"));
            Ok(None)
        }
    }
}

fn allowed(choice: &mut Object<'_>) -> Result<ToolChoice, BadRequest> {
    const NAME: &str = "allowed_tools";
    let place = choice.place().member(NAME);
    let mut allowed = Object::new(choice.take(NAME).unwrap_or_default(), &place)?;
    let required = match allowed.need_text("mode")?.as_str() {
        "auto" => false,
        "required" => true,
        _ => return Err(allowed.wrong("mode", "must be auto or required")),
    };
    let tools = allowed.elements("tools")?.unwrap_or_default();
    let place = place.member("tools");
    let mut names = Vec::with_capacity(tools.len());
    for (index, tool) in tools.into_iter().enumerate() {
        let name = tool.pointer("/function/name").or_else(|| tool.get("name"));
        let name = name.and_then(Value::as_str).ok_or_else(|| {
            let place = place.element(index);
            place.wrong("must name a function")
        })?;
        names.push(name.to_owned());
    }
    Ok(ToolChoice::Allowed { names, required })
}

fn old_choice(value: Value, place: &Place<'_>) -> Result<Option<ToolChoice>, BadRequest> {
    if let Value::String(text) = &value {
        return match word(text) {
            Some(choice) => Ok(Some(choice)),
            None => Err(place.wrong("must be none, auto, or an object with a name")),
        };
    }
    let name = Object::new(value, place)?.need_text("name")?;
    Ok(Some(ToolChoice::Tool(name)))
}

/// Reads `response_format`.
pub(super) fn format(body: &mut Object<'_>) -> Result<Format, BadRequest> {
    const NAME: &str = "response_format";
    let Some(value) = body.take(NAME) else {
        return Ok(Format::Text);
    };
    let place = body.place().member(NAME);
    let mut format = Object::new(value, &place)?;
    match format.need_text("type")?.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::JsonObject),
        "json_schema" => {
            let place = place.member("json_schema");
            let value = format.take("json_schema").unwrap_or_default();
            let mut schema = Object::new(value, &place)?;
            Ok(Format::JsonSchema {
                name: schema.need_text("name")?,
                description: schema.text("description")?,
                schema: Value::Object(schema.map("schema")?.unwrap_or_else(Map::new)),
                strict: schema.flag("strict")?,
            })
        }
        _ => Err(format.wrong("type", "must be text, json_object or json_schema")),
    }
}
