//! Whose account a proof of reasoning belongs to, where it is worth nothing in another's hands.
//!
//! - OpenAI's encrypted reasoning can be read by the organisation, or the Azure resource, that made it; any
//!   other refuses the whole request (`invalid_encrypted_content`).
//! - Google documents nothing on taking thought signatures from the Gemini API to Vertex AI or back, and
//!   refuses one that it cannot read: they are kept apart.
//! - Anthropic's are good on its own API, Bedrock and Vertex AI alike
//!   (<https://platform.claude.com/docs/en/build-with-claude/extended-thinking>, on thinking encryption).
//!
//! So the first two are marked with a short name of the account on their way to the client, whatever it
//! speaks: `@<account>.<data>`. No maker's own data has an `@`, as all are base64. A proof without a mark,
//! which is older than Ark or than this, goes to whoever can be asked.

use std::borrow::Cow;
use std::rc::Rc;

use memchr::memmem;

use crate::chat::{ChatRequest, Event, Maker, Part, Role, Signature};
use crate::json_scan::{Keys, Member, ObjectScanner, ScanError, Wanted};
use crate::loss::{Field, Losses};
use crate::rewrite::Splice;
use crate::translate::Asked;
use crate::vendor::VendorEdits;
use crate::vendor::remove::{before_space, members, skip_space};
use ark_wire::bytes::tail;
use ark_wire::insert::Insertion;

/// What a request may hold, as [`ark_wire::markers::MarkerScan`] finds it, in which a proof is marked.
pub static MARKED: [&[u8]; 1] = [b"\"@"];

/// The member of OpenAI's items that holds what is encrypted.
const ENCRYPTED: &[u8] = b"\"encrypted_content\"";

/// Whether a maker's proofs are of one account.
fn marks(maker: Maker) -> bool {
    match maker {
        Maker::Openai | Maker::Google => true,
        Maker::Anthropic | Maker::Bedrock => false,
    }
}

/// Marks a proof that came from this account; an account without a name marks nothing.
pub(crate) fn mark(signature: &mut Signature, account: &str) {
    if !account.is_empty() && marks(signature.maker) && split(&signature.data).is_none() {
        signature.data = format!("@{account}.{}", signature.data);
    }
}

/// Marks the proofs of an answer's parts.
pub(crate) fn mark_parts(parts: &mut [Part], account: &str) {
    for part in parts {
        if let Some(signature) = signature_of(part) {
            mark(signature, account);
        }
    }
}

/// Marks the proof that an event holds.
pub(crate) fn mark_event(event: &mut Event<'_>, account: &str) {
    match event {
        Event::ReasoningSignature { signature, .. }
        | Event::RedactedReasoning { signature, .. }
        | Event::ToolCall {
            signature: Some(signature),
            ..
        } => mark(signature, account),
        Event::ToolCall {
            signature: None, ..
        }
        | Event::Start { .. }
        | Event::Text { .. }
        | Event::Reasoning { .. }
        | Event::Refusal { .. }
        | Event::ToolArguments { .. }
        | Event::Foreign { .. }
        | Event::Logprobs { .. }
        | Event::Finish { .. }
        | Event::Usage(_)
        | Event::Ping
        | Event::Error(_)
        | Event::End => {}
    }
}

/// What follows the mark of OpenAI's data, marked or not.
pub(crate) fn unmarked(data: &str) -> &str {
    split(data).map_or(data, |(_, rest)| rest)
}

/// The account and what it signed.
fn split(data: &str) -> Option<(&str, &str)> {
    data.strip_prefix('@')?.split_once('.')
}

fn signature_of(part: &mut Part) -> Option<&mut Signature> {
    match part {
        Part::Reasoning { signature, .. } | Part::ToolCall { signature, .. } => signature.as_mut(),
        Part::RedactedReasoning { signature } => Some(signature),
        Part::Text { .. }
        | Part::Image { .. }
        | Part::File { .. }
        | Part::Audio { .. }
        | Part::ToolResult { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => None,
    }
}

/// What is asked as this account may see it: its own proofs without their marks, those of other
/// accounts gone. Whether any are.
#[must_use]
pub(crate) fn own<'a>(asked: &'a Asked, account: &str) -> (Cow<'a, Asked>, bool) {
    let Asked::Chat(request) = asked else {
        return (Cow::Borrowed(asked), false);
    };
    if !is_marked(request) {
        return (Cow::Borrowed(asked), false);
    }
    let mut request = ChatRequest::clone(request);
    let mut lost = false;
    for turn in &mut request.turns {
        if turn.role == Role::Assistant {
            turn.parts.retain_mut(|part| keep(part, account, &mut lost));
        }
    }
    (Cow::Owned(Asked::Chat(Rc::new(request))), lost)
}

fn is_marked(request: &ChatRequest) -> bool {
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    parts.into_iter().any(|part| match part {
        Part::Reasoning { signature, .. } | Part::ToolCall { signature, .. } => {
            signature.as_ref().is_some_and(|it| it.data.contains('@'))
        }
        Part::RedactedReasoning { signature } => signature.data.contains('@'),
        Part::Text { .. }
        | Part::Image { .. }
        | Part::File { .. }
        | Part::Audio { .. }
        | Part::ToolResult { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => false,
    })
}

/// Takes the account's own mark off a part; whether the part stays. What was thought in the open stays
/// without its proof, as does a call.
fn keep(part: &mut Part, account: &str, lost: &mut bool) -> bool {
    let Some(signature) = signature_of(part).filter(|it| marks(it.maker)) else {
        return true;
    };
    // The item's id may stand before the mark.
    let (before, marked) = match signature.data.split_once(":@") {
        Some((id, rest)) => (Some(id), Some(rest)),
        None => (None, signature.data.strip_prefix('@')),
    };
    let Some((of, data)) = marked.and_then(|marked| marked.split_once('.')) else {
        return true;
    };
    if of == account {
        signature.data = match before {
            Some(id) => format!("{id}:{data}"),
            None => data.to_owned(),
        };
        return true;
    }
    *lost = true;
    match part {
        Part::Reasoning { text, signature } => {
            *signature = None;
            !text.is_empty()
        }
        Part::ToolCall { signature, .. } => {
            *signature = None;
            true
        }
        Part::RedactedReasoning { .. }
        | Part::Text { .. }
        | Part::Image { .. }
        | Part::File { .. }
        | Part::Audio { .. }
        | Part::ToolResult { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => false,
    }
}

/// Marks what is encrypted in a Responses answer, whole or streamed, that passes to a client as it is.
#[must_use]
pub fn marking(account: &str) -> Option<Insertion> {
    (!account.is_empty()).then(|| Insertion::new(ENCRYPTED, format!("@{account}.")))
}

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        unique: true,
    }
}

static INPUT: [Wanted; 1] = [wanted("input", 0)];
static ITEM: [Wanted; 2] = [wanted("type", 16), wanted("encrypted_content", 0)];

/// The edits that make a Responses request that passes one for this account: its own marks go, and
/// reasoning of other accounts goes whole. What else another account has encrypted (a compacted
/// conversation) stays, without its mark: only that account can read it, and to leave it out without
/// asking would be to forget the conversation.
///
/// # Errors
/// When the body is not a JSON object, or says a member twice on which the edits depend.
pub fn edits(body: &[u8], account: &str) -> Result<VendorEdits, ScanError> {
    let mut edits = VendorEdits::default();
    if memmem::find(body, ENCRYPTED).is_none() {
        return Ok(edits);
    }
    let mut scan = ObjectScanner::new(&INPUT, Keys::Decoded);
    scan.push(body);
    let scanned = scan.finish()?;
    let [Some(input)] = &scanned.members else {
        return Ok(edits);
    };
    let mut removed = Vec::new();
    let mut at = skip_space(body, input.span.start.saturating_add(1));
    while body.get(at) == Some(&b'{') {
        let mut item = ObjectScanner::new(&ITEM, Keys::Decoded);
        item.push(tail(body, at));
        let (kind, encrypted) = (item.member(0).cloned(), item.member(1).cloned());
        let end = match item.finish() {
            // The item ends where something comes that cannot follow it.
            Err(ScanError::Unexpected { offset }) => at.saturating_add(offset),
            Err(duplicate @ ScanError::Duplicate { .. }) => return Err(duplicate),
            Ok(_)
            | Err(
                ScanError::Empty
                | ScanError::NotAnObject
                | ScanError::Truncated
                | ScanError::TooDeep,
            ) => break,
        };
        if let Some(encrypted) = encrypted.filter(|member| member.closed) {
            let place = at + encrypted.span.start..at + encrypted.span.end;
            let value = body.get(place.clone()).unwrap_or_default();
            if let Some((of, mark_bytes)) = mark_of(value) {
                let is_reasoning = kind.as_ref().and_then(Member::whole) == Some(b"\"reasoning\"");
                if of != account.as_bytes() && is_reasoning {
                    removed.push(at..before_space(body, end));
                } else {
                    let start = place.start + 1;
                    edits.splices.push(Splice {
                        at: start..start + mark_bytes,
                        text: Cow::Borrowed(""),
                    });
                }
            }
        }
        if body.get(end) != Some(&b',') {
            break;
        }
        at = skip_space(body, end.saturating_add(1));
    }
    let mut losses = Losses::default();
    losses.note_if(!removed.is_empty(), Field::ReasoningHistory);
    edits.losses = losses.into_vec();
    edits
        .splices
        .extend(members(body, removed).into_iter().map(|at| Splice {
            at,
            text: Cow::Borrowed(""),
        }));
    Ok(edits)
}

/// The account that a string's value, its quotes included, is marked with, and the mark's bytes.
fn mark_of(value: &[u8]) -> Option<(&[u8], usize)> {
    let marked = value.strip_prefix(b"\"@")?;
    let length = memchr::memchr(b'.', marked)?;
    Some((marked.get(..length)?, length + 2))
}

#[cfg(test)]
mod tests;
