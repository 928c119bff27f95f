//! `gateway.tags`: the request headers that are recorded for the operator's own accounting.

use ark_gateway_core::tags::MOST_TAGS;

use super::super::node::Node;
use super::super::words::quoted;

/// Longest name of a header that can be a tag, bytes.
const NAME_LIMIT_BYTES: usize = 40;
/// What they hold is nobody's account: secrets, and what the connection itself needs.
const NEVER: [&str; 14] = [
    "accept",
    "authorization",
    "api-key",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "proxy-authorization",
    "transfer-encoding",
    "x-api-key",
    "x-forwarded-for",
    "x-request-id",
];

/// Reads the list.
pub(super) fn read(node: &Node<'_>) -> Option<Vec<String>> {
    let names = node.each(MOST_TAGS, name)?;
    let twice = names
        .iter()
        .enumerate()
        .find(|(n, name)| names.iter().take(*n).any(|before| before == *name));
    match twice {
        Some((_, name)) => node.problem(format!("has {} twice", quoted(name))),
        None => Some(names),
    }
}

fn name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let name = text.to_ascii_lowercase();
    let starts = name.starts_with(|letter: char| letter.is_ascii_lowercase());
    let letters = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_header = starts && name.bytes().all(|byte| letters(byte) || byte == b'-');
    if !is_header || name.len() > NAME_LIMIT_BYTES {
        return node.problem_with_hint(
            format!("{} is not the name of a header", quoted(text)),
            "letters, digits and dashes, at most 40, such as x-team",
        );
    }
    let is_ours = name.starts_with("x-ark-") || name.starts_with("x-envoy-");
    if is_ours || NEVER.contains(&name.as_str()) {
        return node.problem_with_hint(
            format!("{} is a header that no tag can be", quoted(text)),
            "choose a header of your own, such as x-team",
        );
    }
    Some(name)
}
