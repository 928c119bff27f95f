//! `response_format: json_schema`, where only `json_object` is known.

use std::borrow::Cow;

use serde_json::Value;

use super::edit::Edit;
use super::remove::skip_space;
use super::value::parse;
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};
use crate::loss::Field;
use crate::rewrite::Splice;

const NAME: &str = "response_format";

/// Asks for any JSON object, and for the schema by an instruction before all others: `json_object`
/// without the word JSON in a prompt is refused (<https://api-docs.deepseek.com/guides/json_mode>).
/// Nothing makes the model follow it, so the form is a loss.
pub(super) fn edit(edit: &mut Edit<'_>) {
    static TYPE: [Wanted; 1] = [Wanted {
        name: "type",
        capture_bytes: 16,
        unique: false,
    }];
    let said = edit.found.said(NAME);
    let Some(format) = said.filter(|_| !edit.quirks.json_schema) else {
        return;
    };
    let mut scanner = ObjectScanner::new(&TYPE, Keys::Decoded);
    scanner.push(format);
    if scanner.member(0).and_then(Member::whole) != Some(b"\"json_schema\"") {
        return;
    }
    edit.losses.note(Field::ResponseFormat);
    let messages = edit.found.get("messages").filter(|m| m.kind == Kind::Array);
    let inside = messages.map(|messages| messages.span.start.saturating_add(1));
    let Some((at, format)) = inside.zip(parse(format)) else {
        edit.remove(NAME);
        return;
    };
    edit.replace_value(NAME, r#"{"type":"json_object"}"#);
    let empty = edit.found.body.get(skip_space(edit.found.body, at)) == Some(&b']');
    let comma = if empty { "" } else { "," };
    edit.splices.push(Splice {
        at: at..at,
        text: Cow::Owned(format!("{}{comma}", instruction(&format))),
    });
}

fn instruction(format: &Value) -> Value {
    let schema = format
        .pointer("/json_schema/schema")
        .filter(|s| !s.is_null());
    let purpose = format.pointer("/json_schema/description");
    let purpose = purpose.and_then(Value::as_str).unwrap_or_default();
    let text = match schema {
        Some(schema) => format!(
            "Answer with a JSON object that follows this JSON Schema, and with nothing else:\n{schema}\n{purpose}"
        ),
        None => format!("Answer with a JSON object and nothing else.\n{purpose}"),
    };
    serde_json::json!({"role": "system", "content": text.trim_end()})
}
