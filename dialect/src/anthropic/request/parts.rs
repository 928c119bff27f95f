//! Content: a string or blocks.
//!
//! Source: SDK type `ContentBlockParam`.

use serde_json::Value;

use super::fields::{Fields, within};
use crate::anthropic::signature;
use crate::chat::{BadRequest, Maker, Part, Signature, Source};

/// Reads content. Members that other dialects have no place for are added to `unknown`.
pub(super) fn read(content: Value, unknown: &mut Vec<String>) -> Result<Vec<Part>, BadRequest> {
    let blocks = match content {
        Value::String(text) => return Ok(vec![Part::text(text)]),
        Value::Array(blocks) => blocks,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(BadRequest::new("", "must be a string or an array"));
        }
    };
    let mut parts = Vec::with_capacity(blocks.len());
    for (at, block) in blocks.into_iter().enumerate() {
        let part = read_block(block, unknown).map_err(|error| within(&format!("[{at}]"), error))?;
        parts.extend(part);
    }
    Ok(attached(parts))
}

fn read_block(block: Value, unknown: &mut Vec<String>) -> Result<Option<Part>, BadRequest> {
    let fields = Fields::of(block)?;
    let kind = fields
        .peek("type")
        .ok_or_else(|| BadRequest::new("type", "must be a string"))?
        .to_owned();
    match kind.as_str() {
        "text" => read_text(fields, unknown).map(Some),
        "image" => read_image(fields, unknown).map(Some),
        "document" => read_document(fields, unknown).map(Some),
        "tool_use" => read_tool_use(fields, unknown).map(Some),
        "tool_result" => read_tool_result(fields, unknown).map(Some),
        "thinking" => read_thinking(fields).map(Some),
        "redacted_thinking" => read_redacted(fields),
        _ => Ok(Some(Part::Foreign {
            kind,
            value: fields.into_value(),
        })),
    }
}

/// Notes what was not read. The `citations` of a text that the model wrote are no part of what is
/// said: they point into documents which the conversation holds anyway. `caller` says who called a
/// tool, which is the model wherever there are no server tools.
fn rest(kind: &str, fields: Fields, unknown: &mut Vec<String>) {
    let names = fields.into_names().filter(|name| {
        name != "type" && name != "caller" && (kind != "text" || name != "citations")
    });
    unknown.extend(names.map(|name| format!("{kind}.{name}")));
}

fn read_text(mut fields: Fields, unknown: &mut Vec<String>) -> Result<Part, BadRequest> {
    let text = fields.need_text("text")?;
    let cache = fields.cache()?;
    rest("text", fields, unknown);
    Ok(Part::Text { text, cache })
}

fn read_image(mut fields: Fields, unknown: &mut Vec<String>) -> Result<Part, BadRequest> {
    let cache = fields.cache()?;
    let source = fields
        .object("source")?
        .ok_or_else(|| BadRequest::new("source", "is required"))?;
    let source = read_source(source).map_err(|error| within("source", error))?;
    rest("image", fields, unknown);
    Ok(Part::Image {
        source,
        detail: None,
        cache,
    })
}

fn read_document(mut fields: Fields, unknown: &mut Vec<String>) -> Result<Part, BadRequest> {
    let cache = fields.cache()?;
    let source = fields
        .any("source")
        .ok_or_else(|| BadRequest::new("source", "is required"))?;
    let source = match flat_text(&source) {
        Some(text) => Source::Text(text),
        None if source.get("type").and_then(Value::as_str) == Some("content") => {
            return Ok(foreign_document(fields, source));
        }
        None => Fields::of(source)
            .and_then(read_source)
            .map_err(|error| within("source", error))?,
    };
    let name = fields.text("title")?;
    rest("document", fields, unknown);
    Ok(Part::File {
        source,
        name,
        cache,
    })
}

/// The text of a `content` source that holds nothing but text.
fn flat_text(source: &Value) -> Option<String> {
    if source.get("type")?.as_str()? != "content" {
        return None;
    }
    match source.get("content")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => blocks
            .iter()
            .map(|block| block.get("text").and_then(Value::as_str))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// A document made of blocks, images among them.
fn foreign_document(fields: Fields, source: Value) -> Part {
    let mut value = fields.into_value();
    if let Value::Object(members) = &mut value {
        members.insert("source".to_owned(), source);
    }
    Part::Foreign {
        kind: "document".to_owned(),
        value,
    }
}

fn read_source(mut source: Fields) -> Result<Source, BadRequest> {
    Ok(match source.need_text("type")?.as_str() {
        "url" => Source::Url(source.need_text("url")?),
        "base64" => Source::Base64 {
            media_type: source.need_text("media_type")?,
            data: source.need_text("data")?,
        },
        "file" => Source::FileId(source.need_text("file_id")?),
        "text" => Source::Text(source.need_text("data")?),
        _ => {
            return Err(BadRequest::new(
                "type",
                "must be base64, url, file, text or content",
            ));
        }
    })
}

fn read_tool_use(mut fields: Fields, unknown: &mut Vec<String>) -> Result<Part, BadRequest> {
    let input = fields
        .object("input")?
        .ok_or_else(|| BadRequest::new("input", "is required"))?;
    let part = Part::ToolCall {
        id: fields.need_text("id")?,
        name: fields.need_text("name")?,
        arguments: input.into_value().to_string(),
        cache: fields.cache()?,
        signature: None,
    };
    rest("tool_use", fields, unknown);
    Ok(part)
}

fn read_tool_result(mut fields: Fields, unknown: &mut Vec<String>) -> Result<Part, BadRequest> {
    let content = fields.any("content");
    let parts = content
        .map(|content| read(content, unknown).map_err(|error| within("content", error)))
        .transpose()?;
    let part = Part::ToolResult {
        id: fields.need_text("tool_use_id")?,
        parts: parts.unwrap_or_default(),
        is_error: fields.flag("is_error")?.unwrap_or_default(),
        cache: fields.cache()?,
    };
    rest("tool_result", fields, unknown);
    Ok(part)
}

fn read_thinking(mut fields: Fields) -> Result<Part, BadRequest> {
    let signature = fields.text("signature")?.unwrap_or_default();
    Ok(Part::Reasoning {
        text: fields.need_text("thinking")?,
        signature: signature::decode(signature),
    })
}

/// `None` for a block of a maker that is not known: nobody could read it.
fn read_redacted(mut fields: Fields) -> Result<Option<Part>, BadRequest> {
    let data = fields.need_text("data")?;
    Ok(signature::decode(data).map(|signature| Part::RedactedReasoning { signature }))
}

/// Gives a call the signature that travels before it as an empty thinking block.
fn attached(parts: Vec<Part>) -> Vec<Part> {
    let mut done: Vec<Part> = Vec::with_capacity(parts.len());
    for mut part in parts {
        if let Part::ToolCall { signature, .. } = &mut part
            && let Some(proof) = done.pop_if(|last| call_signature(last).is_some())
        {
            *signature = call_signature(&proof).cloned();
        }
        done.push(part);
    }
    done
}

fn call_signature(part: &Part) -> Option<&Signature> {
    let Part::Reasoning { text, signature } = part else {
        return None;
    };
    let signature = signature.as_ref().filter(|_| text.is_empty());
    signature.filter(|signature| signature.maker == Maker::Google)
}
