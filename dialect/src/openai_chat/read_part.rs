//! Content of messages: a string, or an array of typed parts.

use serde_json::Value;

use super::object::{Object, Place};
use crate::chat::{BadRequest, CacheMark, Part, Source};

/// Reads `content`; an empty string says nothing.
pub(super) fn content(value: Value, place: &Place<'_>) -> Result<Vec<Part>, BadRequest> {
    match value {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        Value::String(text) => Ok(vec![Part::text(text)]),
        Value::Array(parts) => {
            let parts = parts.into_iter().enumerate();
            parts
                .map(|(index, value)| part(value, &place.element(index)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            Err(place.wrong("must be a string or an array of parts"))
        }
    }
}

fn part(value: Value, place: &Place<'_>) -> Result<Part, BadRequest> {
    let kind = match value.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ if value.is_object() => return Err(place.member("type").wrong("must be a string")),
        _ => return Err(place.wrong("must be an object")),
    };
    if !matches!(
        kind.as_str(),
        "text" | "image_url" | "file" | "input_audio" | "refusal"
    ) {
        return Ok(Part::Foreign { kind, value });
    }
    let mut part = Object::new(value, place)?;
    let cache = cache_mark(&mut part);
    Ok(match kind.as_str() {
        "text" => Part::Text {
            text: part.need_text("text")?,
            cache,
        },
        "image_url" => image(&mut part, cache)?,
        "file" => file(&mut part, cache)?,
        "input_audio" => audio(&mut part)?,
        _ => Part::Refusal {
            text: part.need_text("refusal")?,
        },
    })
}

/// Anthropic's `cache_control`, which other gateways take in this dialect, or OpenAI's
/// `prompt_cache_breakpoint`.
pub(super) fn cache_mark(object: &mut Object<'_>) -> Option<CacheMark> {
    let own = object.take("prompt_cache_breakpoint");
    let mark = object.take("cache_control").or(own)?;
    let mark = mark.as_object()?;
    let ttl = mark.get("ttl").and_then(Value::as_str);
    Some(CacheMark {
        ttl: ttl.map(str::to_owned),
    })
}

/// Puts the mark of a whole message on its last part that can carry one.
pub(super) fn mark_last(parts: &mut [Part], mark: Option<CacheMark>) {
    let Some(mark) = mark else {
        return;
    };
    let marks = parts.iter_mut().rev().find_map(|part| match part {
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
    if let Some(cache) = marks {
        *cache = Some(mark);
    }
}

fn image(part: &mut Object<'_>, cache: Option<CacheMark>) -> Result<Part, BadRequest> {
    const NAME: &str = "image_url";
    let (url, detail) = match part.take(NAME) {
        // As some clients write it.
        Some(Value::String(url)) => (url, None),
        Some(value) => {
            let place = part.place().member(NAME);
            let mut image = Object::new(value, &place)?;
            (image.need_text("url")?, image.text("detail")?)
        }
        None => return Err(part.wrong(NAME, "is required and must be an object")),
    };
    Ok(Part::Image {
        source: Source::of_url(url),
        detail,
        cache,
    })
}

fn file(part: &mut Object<'_>, cache: Option<CacheMark>) -> Result<Part, BadRequest> {
    const NAME: &str = "file";
    let value = part.take(NAME).unwrap_or_default();
    let place = part.place().member(NAME);
    let mut file = Object::new(value, &place)?;
    let name = file.text("filename")?;
    let id = file.text("file_id")?;
    let source = match (file.text("file_data")?, id) {
        (Some(data), _) if data.contains(':') => Source::of_url(data),
        // OpenAI's own SDKs show plain base64 of a PDF.
        (Some(data), _) => Source::Base64 {
            media_type: "application/pdf".to_owned(),
            data,
        },
        (None, Some(id)) => Source::FileId(id),
        (None, None) => return Err(place.wrong("must have file_data or file_id")),
    };
    Ok(Part::File {
        source,
        name,
        cache,
    })
}

fn audio(part: &mut Object<'_>) -> Result<Part, BadRequest> {
    const NAME: &str = "input_audio";
    let value = part.take(NAME).unwrap_or_default();
    let place = part.place().member(NAME);
    let mut audio = Object::new(value, &place)?;
    Ok(Part::Audio {
        data: audio.need_text("data")?,
        format: audio.need_text("format")?,
    })
}
