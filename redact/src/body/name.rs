//! What the names of members say: whether their values are content, and where in a body something is.

use std::fmt::Write as _;

use super::walk::{Frame, Token, Walk, What};

/// Ties one message to another, or says what it is; no prose.
const TIES: [&str; 10] = [
    "id",
    "type",
    "role",
    "call_id",
    "tool_call_id",
    "tool_use_id",
    "file_id",
    "media_type",
    "signature",
    "encrypted_content",
];

/// May hold base64, bare or as a data URL; what is not base64 in them is searched.
const DATA: [&str; 6] = [
    "data",
    "file_data",
    "url",
    "image_url",
    "file_url",
    "result",
];

/// Of a remote tool: where it is and what opens it. The provider needs them.
const OF_TOOL: [&str; 3] = ["authorization", "headers", "server_url"];

/// Whose value, an object or array, is all the client's own.
const FREE: [&str; 3] = ["input", "arguments", "args"];

fn name_of<'a>(body: &'a str, frame: &Frame) -> &'a str {
    body.get(frame.name.clone()).unwrap_or_default()
}

/// Whether what opens here, within these, is the client's own.
pub(super) fn is_free(body: &str, frames: &[Frame]) -> bool {
    let Some(frame) = frames.last() else {
        return false;
    };
    // The outermost `input` is that of Responses, or of Embeddings: messages, not arguments.
    let opens = frames.len() > 1 && !frame.is_array && FREE.contains(&name_of(body, frame));
    frame.is_free || opens
}

/// Whether a token within these is to be searched.
pub(super) fn is_content(body: &str, frames: &[Frame], token: &Token) -> bool {
    let Some(frame) = frames.last() else {
        return false;
    };
    if frame.is_free || token.what != What::Text {
        return frame.is_free;
    }
    let name = if frame.is_array {
        ""
    } else {
        name_of(body, frame)
    };
    let outermost = frames.first().map_or("", |frame| name_of(body, frame));
    let is_tie = match frames.len() {
        1 => name == "model",
        _ => TIES.contains(&name),
    };
    let is_credential = match outermost {
        "mcp_servers" => true,
        "tools" => {
            let of_tool = frames.get(2).map_or("", |frame| name_of(body, frame));
            OF_TOOL.contains(&of_tool)
        }
        _ => false,
    };
    let is_data = DATA.contains(&name) && is_base64(body.get(token.at.clone()).unwrap_or_default());
    !is_tie && !is_credential && !is_data
}

/// Whether it is base64 and nothing else, as a data URL (RFC 2397) or bare; JSON may escape its slashes.
fn is_base64(text: &str) -> bool {
    const LONGEST_HEAD: usize = 128;
    let data = match text.strip_prefix("data:") {
        Some(rest) => match rest.find(";base64,") {
            Some(head) if head <= LONGEST_HEAD => rest.get(head + 8..).unwrap_or_default(),
            Some(_) | None => return false,
        },
        None => text,
    };
    let is_one = |b: u8| b.is_ascii_alphanumeric() || b"+/=-_\\".contains(&b);
    data.bytes().all(is_one)
}

/// See [`super::path_of`].
pub(super) fn path_of(body: &str, offset: usize) -> String {
    let mut walk = Walk::new(body);
    while let Ok(Some(token)) = walk.token() {
        if token.at.end >= offset {
            break;
        }
    }
    let mut path = String::new();
    for frame in walk.frames() {
        if frame.is_free {
            break;
        }
        let name = name_of(body, frame);
        if frame.is_array {
            // Writing to a text cannot fail.
            let _ = write!(path, "[{}]", frame.index);
        } else if is_dialects(name) {
            let dot = if path.is_empty() { "" } else { "." };
            let _ = write!(path, "{dot}{name}");
        } else {
            break;
        }
    }
    path
}

/// Whether a dialect has such a member where content may be.
fn is_dialects(name: &str) -> bool {
    const NAMES: [&str; 27] = [
        "messages",
        "content",
        "text",
        "system",
        "input",
        "instructions",
        "prompt",
        "suffix",
        "tool_calls",
        "function",
        "function_call",
        "arguments",
        "output",
        "source",
        "data",
        "title",
        "context",
        "thinking",
        "refusal",
        "name",
        "summary",
        "tools",
        "description",
        "parameters",
        "input_schema",
        "user",
        "metadata",
    ];
    NAMES.contains(&name)
}
