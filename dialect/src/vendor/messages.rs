//! What is within messages: roles, and members that are refused there.

use std::ops::Range;

use memchr::memmem;

use super::remove::skip_space;
use super::table::Quirks;
use crate::bytes::tail;
use crate::json_scan::{Keys, Kind, ObjectScanner, ScanError, Wanted};

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        unique: true,
    }
}

/// The members of a message that are looked at.
pub(super) static WANTED: [Wanted; 3] = [
    wanted("role", 16),
    wanted("reasoning_content", 0),
    wanted("reasoning_details", 0),
];
const ROLE: usize = 0;

/// Where things stand in messages that the vendor does not take.
#[derive(Default)]
pub(super) struct InMessages {
    /// The values of roles.
    pub(super) developers: Vec<Range<usize>>,
    /// Members, from key to value.
    pub(super) refused: Vec<Range<usize>>,
    /// Whether one of those said anything.
    pub(super) said: bool,
}

/// Looks into the messages at `span`, if a word in them asks for it.
pub(super) fn find(
    body: &[u8],
    span: &Range<usize>,
    quirks: &Quirks,
) -> Result<InMessages, ScanError> {
    let mut found = InMessages::default();
    let messages = body.get(span.clone()).unwrap_or_default();
    let has = |name: &str| memmem::find(messages, format!("\"{name}\"").as_bytes()).is_some();
    let developer = !quirks.developer_role && has("developer");
    let refused = quirks.unsupported_in_messages;
    if !developer && !refused.iter().any(|name| has(name)) {
        return Ok(found);
    }
    let mut at = skip_space(body, span.start.saturating_add(1));
    while body.get(at) == Some(&b'{') {
        let mut message = ObjectScanner::new(&WANTED, Keys::Decoded);
        message.push(tail(body, at));
        for (index, wanted) in WANTED.iter().enumerate() {
            let Some(member) = message.member(index) else {
                continue;
            };
            let place = at + member.span.start..at + member.span.end;
            if index == ROLE {
                let is_developer = member.whole() == Some(b"\"developer\"");
                found
                    .developers
                    .extend((developer && is_developer).then_some(place));
            } else if refused.contains(&wanted.name) {
                found.said |= member.kind != Kind::Null;
                found.refused.push(at + member.key_start..place.end);
            }
        }
        at = match message.finish() {
            // The message ends where something comes that cannot follow it: a comma, or the end of
            // the array.
            Err(ScanError::Unexpected { offset }) => at.saturating_add(offset),
            Err(duplicate @ ScanError::Duplicate { .. }) => return Err(duplicate),
            // No messages, which the vendor will say.
            Ok(_)
            | Err(
                ScanError::Empty
                | ScanError::NotAnObject
                | ScanError::Truncated
                | ScanError::TooDeep,
            ) => break,
        };
        if body.get(at) != Some(&b',') {
            break;
        }
        at = skip_space(body, at.saturating_add(1));
    }
    Ok(found)
}
