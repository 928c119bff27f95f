//! Input items and the turns that they make.
//!
//! Messages of users and of the application are turns of their own. What the model said, thought and
//! called between two of them is one assistant turn; consecutive tool outputs are one user turn.

use serde_json::Value;

use super::fields::{Fields, element};
use super::signature::{Proof, named, own};
use crate::chat::{BadRequest, CacheMark, Maker, Part, Role, Source, Turn};

/// Reads `instructions` and `input`.
pub(super) fn read(fields: &mut Fields) -> Result<Vec<Turn>, BadRequest> {
    let mut turns = Vec::new();
    if let Some(text) = fields.text("instructions")? {
        turns.push(turn(Role::System, vec![Part::text(text)]));
    }
    match fields.take("input") {
        Some(Value::String(text)) => turns.push(turn(Role::User, vec![Part::text(text)])),
        Some(Value::Array(items)) => {
            for (index, item) in items.into_iter().enumerate() {
                read_item(item, &format!("input[{index}]"), &mut turns)?;
            }
        }
        Some(_) | None => {
            let problem = "must be a string or an array of items";
            return Err(BadRequest::new("input", problem));
        }
    }
    Ok(turns)
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn {
        role,
        parts,
        name: None,
    }
}

fn read_item(value: Value, at: &str, turns: &mut Vec<Turn>) -> Result<(), BadRequest> {
    let kind = value.get("type").and_then(Value::as_str).map(str::to_owned);
    match kind.as_deref() {
        Some("message") => read_message(element(value, at)?, turns),
        None if value.get("role").is_some() => read_message(element(value, at)?, turns),
        Some("function_call") => {
            let mut item = element(value, at)?;
            let mut call = Part::ToolCall {
                id: item.need_text("call_id")?,
                name: item.need_text("name")?,
                arguments: item.need_text("arguments")?,
                cache: None,
                signature: None,
            };
            adopt_signature(&mut call, turns);
            say(turns, call);
            Ok(())
        }
        Some("function_call_output") => {
            let mut item = element(value, at)?;
            let result = Part::ToolResult {
                id: item.need_text("call_id")?,
                parts: content(&mut item, "output")?,
                is_error: false,
                cache: None,
            };
            give_result(turns, result);
            Ok(())
        }
        Some("reasoning") => {
            say(turns, reasoning(element(value, at)?)?);
            Ok(())
        }
        Some("item_reference") => Err(reference(at)),
        None if value.get("id").is_some() => Err(reference(at)),
        None => Err(untyped(value, at)),
        Some(other) => {
            read_foreign(other, value, turns);
            Ok(())
        }
    }
}

/// What is wrong with an item or a part that does not say what it is.
fn untyped(value: Value, at: &str) -> BadRequest {
    match element(value, at) {
        Ok(fields) => BadRequest::new(fields.path("type"), "must be a string"),
        Err(not_an_object) => not_an_object,
    }
}

fn reference(at: &str) -> BadRequest {
    let remedy = "no item is stored here to be referred to: send the item itself";
    BadRequest::new(at, remedy)
}

fn read_foreign(kind: &str, value: Value, turns: &mut Vec<Turn>) {
    let part = Part::Foreign {
        kind: kind.to_owned(),
        value,
    };
    if kind.ends_with("_output") || kind == "mcp_approval_response" {
        give_result(turns, part);
    } else {
        say(turns, part);
    }
}

fn read_message(mut item: Fields, turns: &mut Vec<Turn>) -> Result<(), BadRequest> {
    let role = match item.need_text("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        _ => {
            let problem = "must be user, assistant, system or developer";
            return Err(BadRequest::new(item.path("role"), problem));
        }
    };
    let parts = content(&mut item, "content")?;
    match role {
        Role::Assistant => parts.into_iter().for_each(|part| say(turns, part)),
        Role::System | Role::Developer | Role::User => turns.push(turn(role, parts)),
    }
    Ok(())
}

/// Adds to what the model said.
fn say(turns: &mut Vec<Turn>, part: Part) {
    match turns.last_mut() {
        Some(last) if last.role == Role::Assistant => last.parts.push(part),
        Some(_) | None => turns.push(turn(Role::Assistant, vec![part])),
    }
}

/// Adds to what the tools gave back.
fn give_result(turns: &mut Vec<Turn>, part: Part) {
    let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
    match turns.last_mut() {
        Some(last) if last.role == Role::User && last.parts.iter().any(is_result) => {
            last.parts.push(part);
        }
        Some(_) | None => turns.push(turn(Role::User, vec![part])),
    }
}

/// Google's signature of a call came as reasoning without text just before it.
fn adopt_signature(call: &mut Part, turns: &mut Vec<Turn>) {
    let Some(last) = turns.last_mut().filter(|t| t.role == Role::Assistant) else {
        return;
    };
    let of_google = |part: &mut Part| {
        let Part::Reasoning { text, signature } = part else {
            return false;
        };
        let maker = signature.as_ref().map(|proof| proof.maker);
        text.is_empty() && maker == Some(Maker::Google)
    };
    let taken = last.parts.pop_if(of_google);
    if let (Part::ToolCall { signature, .. }, Some(Part::Reasoning { signature: own, .. })) =
        (call, taken)
    {
        *signature = own;
    }
    if last.parts.is_empty() {
        turns.pop();
    }
}

fn reasoning(mut item: Fields) -> Result<Part, BadRequest> {
    let id = item.take("id");
    let id = id.as_ref().and_then(Value::as_str).unwrap_or_default();
    let mut proof = item
        .text("encrypted_content")?
        .map(|text| Proof::decode(&text));
    if let Some(Proof { signature, .. }) = &mut proof
        && signature.maker == Maker::Openai
        && own(&signature.data).0.is_none()
    {
        signature.data = named(id, &signature.data);
    }
    let content = texts(&mut item, "content")?;
    let summary = texts(&mut item, "summary")?;
    let text = if content.is_empty() { summary } else { content };
    Ok(match proof {
        Some(Proof {
            signature,
            redacted: true,
        }) => Part::RedactedReasoning { signature },
        proof => Part::Reasoning {
            text,
            signature: proof.map(|proof| proof.signature),
        },
    })
}

/// The texts of `summary` or `content`, a blank line between them.
fn texts(item: &mut Fields, name: &str) -> Result<String, BadRequest> {
    let mut all = Vec::new();
    for (index, value) in item
        .array(name)?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let at = format!("{}[{index}]", item.path(name));
        all.push(element(value, &at)?.need_text("text")?);
    }
    Ok(all.join("\n\n"))
}

fn content(item: &mut Fields, name: &str) -> Result<Vec<Part>, BadRequest> {
    let at = item.path(name);
    match item.take(name) {
        Some(Value::String(text)) => Ok(vec![Part::text(text)]),
        Some(Value::Array(parts)) => parts
            .into_iter()
            .enumerate()
            .map(|(index, part)| read_part(part, &format!("{at}[{index}]")))
            .collect(),
        Some(_) | None => {
            let problem = "must be a string or an array of parts";
            Err(BadRequest::new(at, problem))
        }
    }
}

fn read_part(value: Value, at: &str) -> Result<Part, BadRequest> {
    let kind = value.get("type").and_then(Value::as_str).map(str::to_owned);
    let part = |value| element(value, at);
    Ok(match kind.as_deref() {
        Some("input_text" | "output_text" | "text") => text(part(value)?)?,
        Some("refusal") => Part::Refusal {
            text: part(value)?.need_text("refusal")?,
        },
        Some("input_image") => image(part(value)?)?,
        Some("input_file") => file(part(value)?)?,
        Some("input_audio") => audio(part(value)?)?,
        Some(other) => Part::Foreign {
            kind: other.to_owned(),
            value,
        },
        None => return Err(untyped(value, at)),
    })
}

fn text(mut part: Fields) -> Result<Part, BadRequest> {
    Ok(Part::Text {
        text: part.need_text("text")?,
        cache: cache_mark(&mut part)?,
    })
}

fn image(mut part: Fields) -> Result<Part, BadRequest> {
    Ok(Part::Image {
        source: image_source(&mut part)?,
        detail: part.text("detail")?,
        cache: cache_mark(&mut part)?,
    })
}

fn file(mut part: Fields) -> Result<Part, BadRequest> {
    let name = part.text("filename")?;
    Ok(Part::File {
        source: file_source(&mut part, name.as_deref())?,
        name,
        cache: cache_mark(&mut part)?,
    })
}

fn audio(mut part: Fields) -> Result<Part, BadRequest> {
    let missing = BadRequest::new(part.path("input_audio"), "must be an object");
    let mut sound = part.object("input_audio")?.ok_or(missing)?;
    Ok(Part::Audio {
        data: sound.need_text("data")?,
        format: sound.need_text("format")?,
    })
}

/// A breakpoint lives for 30 minutes or 12 hours; of the lifetimes that other makers have, an hour
/// comes nearest to both.
fn cache_mark(part: &mut Fields) -> Result<Option<CacheMark>, BadRequest> {
    let Some(mut mark) = part.object("prompt_cache_breakpoint")? else {
        return Ok(None);
    };
    let ttl = mark.text("ttl")?.map(|_| "1h".to_owned());
    Ok(Some(CacheMark { ttl }))
}

fn image_source(part: &mut Fields) -> Result<Source, BadRequest> {
    let url = part.text("image_url")?;
    match (url, part.text("file_id")?) {
        (Some(url), _) => Ok(Source::of_url(url)),
        (None, Some(id)) => Ok(Source::FileId(id)),
        (None, None) => Err(BadRequest::new(
            part.path("image_url"),
            "must be a URL, unless there is a `file_id`",
        )),
    }
}

fn file_source(part: &mut Fields, name: Option<&str>) -> Result<Source, BadRequest> {
    let data = part.text("file_data")?;
    let url = part.text("file_url")?;
    match (data, url, part.text("file_id")?) {
        (Some(data), _, _) => Ok(match Source::of_url(data) {
            Source::Url(data) => Source::Base64 {
                media_type: media_type(name.unwrap_or_default()).to_owned(),
                data,
            },
            whole @ (Source::Base64 { .. } | Source::FileId(_) | Source::Text(_)) => whole,
        }),
        (None, Some(url), _) => Ok(Source::of_url(url)),
        (None, None, Some(id)) => Ok(Source::FileId(id)),
        (None, None, None) => Err(BadRequest::new(
            part.path("file_data"),
            "must be the file's bytes in base64, unless there is a `file_url` or a `file_id`",
        )),
    }
}

/// What a file is, by its name; a PDF when that says nothing, as is the usual file.
fn media_type(name: &str) -> &'static str {
    let (_, ending) = name.rsplit_once('.').unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "json" => "application/json",
        _ => "application/pdf",
    }
}
