//! Parts of a turn as content blocks.

use std::borrow::Cow;

use crate::anthropic::block::{self, Block, Mark, Place};
use crate::chat::{CacheMark, Maker, Part, Role, Signature, Source, Turn};
use crate::loss::{Field, Losses};

const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// Who may say what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    System,
    User,
    Assistant,
    Tool,
}

/// The blocks of a turn; what Anthropic does not take from its speaker is left out and noted. Calls
/// bear the client's ids.
pub(super) fn blocks<'a>(turn: &'a Turn, losses: &mut Losses) -> Vec<Block<'a>> {
    let speaker = match turn.role {
        Role::System | Role::Developer => Speaker::System,
        Role::User => Speaker::User,
        Role::Assistant => Speaker::Assistant,
    };
    blocks_of(&turn.parts, speaker, losses)
}

fn blocks_of<'a>(parts: &'a [Part], speaker: Speaker, losses: &mut Losses) -> Vec<Block<'a>> {
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        match block(part, speaker, losses) {
            Ok(block) => blocks.extend(block),
            // What a tool gave back is one thing to the client, whatever it is made of.
            Err(Field::Images | Field::Files | Field::Messages) if speaker == Speaker::Tool => {
                losses.note(Field::ToolResults);
            }
            Err(field) => losses.note(field),
        }
    }
    blocks
}

/// The part as a block; `None` when it says nothing, the field that is lost when it cannot be said.
fn block<'a>(
    part: &'a Part,
    speaker: Speaker,
    losses: &mut Losses,
) -> Result<Option<Block<'a>>, Field> {
    match part {
        Part::Text { text, cache } => Ok(text_block(text, cache.as_ref(), losses)),
        Part::Refusal { text } => Ok(text_block(text, None, losses)),
        Part::Image { .. } | Part::File { .. } => media(part, speaker, losses).map(Some),
        Part::Audio { .. } => Err(Field::Audio),
        Part::ToolCall { .. } | Part::ToolResult { .. } => tool(part, speaker, losses).map(Some),
        Part::Reasoning { text, signature } => match own(signature.as_ref(), speaker) {
            Some(signature) => Ok(Some(Block::Thinking { text, signature })),
            None if text.is_empty() && signature.is_none() => Ok(None),
            None => Err(Field::ReasoningHistory),
        },
        Part::RedactedReasoning { signature } => own(Some(signature), speaker)
            .map(|data| Some(Block::Redacted { data }))
            .ok_or(Field::ReasoningHistory),
        Part::Foreign { kind, value } if block::is_own_kind(kind) => {
            Ok(Some(Block::Foreign(value)))
        }
        Part::Foreign { .. } => Err(Field::Messages),
    }
}

/// Anthropic refuses text of nothing but white space.
fn text_block<'a>(
    text: &'a str,
    cache: Option<&'a CacheMark>,
    losses: &mut Losses,
) -> Option<Block<'a>> {
    if text.trim().is_empty() {
        losses.note_if(cache.is_some(), Field::CacheControl);
        return None;
    }
    Some(Block::Text {
        text: Cow::Borrowed(text),
        mark: mark(cache, losses),
    })
}

/// Images and documents, which only the user and tools may give.
fn media<'a>(part: &'a Part, speaker: Speaker, losses: &mut Losses) -> Result<Block<'a>, Field> {
    let gives = matches!(speaker, Speaker::User | Speaker::Tool);
    match part {
        Part::Image {
            source,
            detail,
            cache,
        } => {
            let source = image(source).filter(|_| gives).ok_or(Field::Images)?;
            let asked = detail.as_deref().is_some_and(|detail| detail != "auto");
            losses.note_if(asked, Field::ImageDetail);
            let mark = mark(cache.as_ref(), losses);
            Ok(Block::Image { source, mark })
        }
        Part::File {
            source,
            name,
            cache,
        } => {
            let source = document(source).filter(|_| gives).ok_or(Field::Files)?;
            Ok(Block::Document {
                source,
                title: name.as_deref().filter(|name| !name.is_empty()),
                mark: mark(cache.as_ref(), losses),
            })
        }
        Part::Text { .. }
        | Part::Audio { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => Err(Field::Messages),
    }
}

fn tool<'a>(part: &'a Part, speaker: Speaker, losses: &mut Losses) -> Result<Block<'a>, Field> {
    match (part, speaker) {
        (
            Part::ToolCall {
                id,
                name,
                arguments,
                cache,
                // Another maker's, or none: Anthropic's calls have no signature.
                signature,
            },
            Speaker::Assistant,
        ) => {
            losses.note_if(signature.is_some(), Field::ReasoningHistory);
            Ok(Block::ToolUse {
                id: Cow::Borrowed(id),
                name,
                input: block::input(arguments),
                mark: mark(cache.as_ref(), losses),
            })
        }
        (
            Part::ToolResult {
                id,
                parts,
                is_error,
                cache,
            },
            Speaker::User,
        ) => Ok(Block::ToolResult {
            id: Cow::Borrowed(id),
            content: blocks_of(parts, Speaker::Tool, losses),
            is_error: *is_error,
            mark: mark(cache.as_ref(), losses),
        }),
        _ => Err(Field::Messages),
    }
}

/// The data of a signature of Anthropic's own on a turn of the model.
fn own(signature: Option<&Signature>, speaker: Speaker) -> Option<Cow<'_, str>> {
    let signature = signature?;
    let own = signature.maker == Maker::Anthropic && speaker == Speaker::Assistant;
    own.then_some(Cow::Borrowed(signature.data.as_str()))
}

fn mark(cache: Option<&CacheMark>, losses: &mut Losses) -> Option<Mark> {
    let (mark, known) = Mark::of(cache?);
    losses.note_if(!known, Field::CacheControl);
    Some(mark)
}

fn image(source: &Source) -> Option<Place<'_>> {
    match source {
        Source::Base64 { media_type, .. } if !IMAGE_TYPES.contains(&media_type.as_str()) => None,
        Source::Text(_) => None,
        Source::Url(_) | Source::Base64 { .. } | Source::FileId(_) => place(source),
    }
}

/// PDF, and text of any kind, which goes as text.
fn document(source: &Source) -> Option<Place<'_>> {
    match source {
        Source::Base64 { media_type, data } if media_type.starts_with("text/") => {
            let text = String::from_utf8(decode_base64(data)?).ok()?;
            Some(Place::Text(Cow::Owned(text)))
        }
        Source::Base64 { media_type, .. } if media_type != "application/pdf" => None,
        Source::Url(_) | Source::Base64 { .. } | Source::FileId(_) | Source::Text(_) => {
            place(source)
        }
    }
}

fn place(source: &Source) -> Option<Place<'_>> {
    match source {
        Source::Url(url) => Some(Place::Url(url)),
        Source::Base64 { media_type, data } => Some(Place::Base64 { media_type, data }),
        // Anthropic's files are `file_…`, OpenAI's `file-…`: nobody knows the other's.
        Source::FileId(id) => id.starts_with("file_").then_some(Place::File(id)),
        Source::Text(text) => Some(Place::Text(Cow::Borrowed(text))),
    }
}

/// Standard base64, RFC 4648 section 4; `None` for what is none.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut held = 0_u32;
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYmE=", Some("fooba")),
            ("Zm9v?", None),
        ] {
            assert_eq!(decode_base64(text).as_deref(), bytes.map(str::as_bytes));
        }
    }
}
