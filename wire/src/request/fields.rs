//! The members of a request, one rule each.

use std::ops::Range;

use serde_json::Value;

use super::{BodyError, MODEL_LIMIT_BYTES, StreamOptions};
use crate::bytes::{is_space, tail};
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};

static INCLUDE_USAGE: [Wanted; 1] = [Wanted {
    name: "include_usage",
    capture_bytes: 8,
    unique: true,
}];

/// A non-empty string of at most [`MODEL_LIMIT_BYTES`].
pub(super) fn model(member: Option<&Member>) -> Result<(String, Range<usize>), BodyError> {
    const TOO_LONG: BodyError = BodyError::TooLong {
        field: "model",
        limit_bytes: MODEL_LIMIT_BYTES,
    };
    let member = member.ok_or(BodyError::MissingModel)?;
    let wrong = BodyError::WrongType {
        field: "model",
        expected: "a non-empty string",
    };
    if member.kind != Kind::String {
        return Err(wrong);
    }
    let raw = member.whole().ok_or(TOO_LONG)?;
    let model = decoded(raw).map_err(|at| BodyError::NotJson {
        offset: member.span.start + at,
    })?;
    match model.len() {
        0 => Err(wrong),
        1..=MODEL_LIMIT_BYTES => Ok((model, member.span.clone())),
        _ => Err(TOO_LONG),
    }
}

/// A JSON string's text, or where it is not one.
///
/// By way of a [`Value`], whose decoder is compiled once, in `serde_json` itself.
fn decoded(raw: &[u8]) -> Result<String, usize> {
    let text = std::str::from_utf8(raw).map_err(|error| error.valid_up_to())?;
    match text.parse() {
        Ok(Value::String(text)) => Ok(text),
        Ok(_) => Err(0),
        Err(error) => Err(error.column().saturating_sub(1)),
    }
}

/// `true`, `false`, or null, which is as if it were not there.
pub(super) fn flag(
    member: Option<&Member>,
    field: &'static str,
) -> Result<Option<bool>, BodyError> {
    match member.map(|m| (m.kind, m.whole())) {
        None | Some((Kind::Null, Some(b"null"))) => Ok(None),
        Some((Kind::Bool, Some(b"true"))) => Ok(Some(true)),
        Some((Kind::Bool, Some(b"false"))) => Ok(Some(false)),
        Some(_) => Err(BodyError::WrongType {
            field,
            expected: "true or false",
        }),
    }
}

/// The options, and whether they ask for the usage chunk.
pub(super) fn stream_options(member: Option<&Member>) -> Result<(StreamOptions, bool), BodyError> {
    const FIELD: &str = "stream_options";
    let Some(member) = member else {
        return Ok((StreamOptions::Absent, false));
    };
    let raw = member.whole().ok_or(BodyError::TooLong {
        field: FIELD,
        limit_bytes: 1024,
    })?;
    let start = member.span.start;
    if raw == b"null" {
        return Ok((StreamOptions::Null(member.span.clone()), false));
    }
    let mut inner = ObjectScanner::new(&INCLUDE_USAGE, Keys::Decoded);
    inner.push(raw);
    let inner = inner.finish().map_err(|error| match error.into() {
        BodyError::NotJson { offset } => BodyError::NotJson {
            offset: start + offset,
        },
        BodyError::DuplicateField { .. } => BodyError::DuplicateField {
            field: "stream_options.include_usage",
        },
        BodyError::Empty
        | BodyError::NotAnObject
        | BodyError::Truncated
        | BodyError::TooDeep
        | BodyError::MissingModel
        | BodyError::WrongType { .. }
        | BodyError::TooLong { .. } => BodyError::WrongType {
            field: FIELD,
            expected: "an object",
        },
    })?;
    let [include_usage] = &inner.members;
    let asked = flag(include_usage.as_ref(), "stream_options.include_usage")?;
    let options = StreamOptions::Object {
        span: member.span.clone(),
        open: start + inner.object_open,
        empty: first_after(raw, inner.object_open) == Some(b'}'),
        include_usage: include_usage
            .as_ref()
            .map(|m| start + m.span.start..start + m.span.end),
    };
    Ok((options, asked.unwrap_or(false)))
}

/// A count. Some clients write integers as `100.0`, and providers take it.
pub(super) fn tokens(
    member: Option<&Member>,
    field: &'static str,
) -> Result<Option<u64>, BodyError> {
    let wrong = BodyError::WrongType {
        field,
        expected: "a non-negative integer",
    };
    let Some(member) = member.filter(|m| m.kind != Kind::Null) else {
        return Ok(None);
    };
    let text = member
        .whole()
        .filter(|_| member.kind == Kind::Number)
        .and_then(|raw| std::str::from_utf8(raw).ok())
        .ok_or(wrong)?;
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|b| b == b'0') => digits,
        _ => text,
    };
    digits.parse().ok().map(Some).ok_or(wrong)
}

/// A string as it stands, quotes included; nothing of another kind, or too long to be kept.
pub(super) fn text(member: Option<&Member>) -> Option<Vec<u8>> {
    let member = member.filter(|m| m.kind == Kind::String)?;
    member.whole().map(<[u8]>::to_vec)
}

/// Whether it is an array with at least one element.
pub(super) fn any_element(member: Option<&Member>) -> bool {
    member
        .filter(|m| m.kind == Kind::Array)
        .is_some_and(|m| first_after(&m.raw, 1) != Some(b']'))
}

/// Whether it asks for a schema. One too large to keep is a schema: no other format has members.
pub(super) fn json_schema(member: Option<&Member>) -> bool {
    static TYPE: [Wanted; 1] = [Wanted {
        name: "type",
        capture_bytes: 16,
        unique: false,
    }];
    let Some(member) = member.filter(|m| m.kind == Kind::Object) else {
        return false;
    };
    let Some(raw) = member.whole() else {
        return true;
    };
    let mut inner = ObjectScanner::new(&TYPE, Keys::Decoded);
    inner.push(raw);
    inner
        .member(0)
        .is_some_and(|m| m.raw.as_slice() == b"\"json_schema\"")
}

fn first_after(raw: &[u8], at: usize) -> Option<u8> {
    tail(raw, at).iter().copied().find(|&b| !is_space(b))
}
