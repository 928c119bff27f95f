//! The opening of a conversation: the bytes by which its later requests are known.

use memchr::memmem;

/// Bodies smaller than this are no prompt that any vendor caches, bytes.
const LEAST_BODY_BYTES: usize = 4 * 1024;
/// How far in the messages may begin, bytes.
const HEAD_BYTES: usize = 2 * 1024;
/// How much of the messages makes up the opening, bytes.
const OPENING_BYTES: usize = 1_024;

/// The first bytes of the messages in the first window of a body of at least 4 KiB, or of the whole body
/// where they cannot be told. A later request of the same conversation begins with the same bytes, as
/// messages are only added at the end. Another conversation can share them: one with the same long
/// instructions, which providers cache as well.
#[must_use]
pub fn opening(window: &[u8]) -> Option<&[u8]> {
    if window.len() < LEAST_BODY_BYTES {
        return None;
    }
    let head = window.get(..HEAD_BYTES)?;
    let names: [&[u8]; 2] = [b"\"messages\"", b"\"input\""];
    let found = names.into_iter().find_map(|name| memmem::find(head, name));
    let from = found.unwrap_or(0);
    window.get(from..from + OPENING_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(head: &str, turns: &[&str]) -> String {
        let messages: Vec<String> = turns
            .iter()
            .map(|text| format!(r#"{{"role":"user","content":"{text}"}}"#))
            .collect();
        format!(r#"{{{head}"messages":[{}]}}"#, messages.join(","))
    }

    #[test]
    fn later_requests_of_a_conversation_have_the_same_opening() {
        let long = "word ".repeat(1_000);
        let first = body(r#""model":"m","#, &["hello", &long]);
        let later = body(
            r#""model":"m","max_tokens":7,"#,
            &["hello", &long, "and then?"],
        );
        let known = opening(first.as_bytes()).unwrap();
        assert_eq!(known.len(), OPENING_BYTES);
        assert_eq!(opening(later.as_bytes()), Some(known));
        let other = body(r#""model":"m","#, &["good day", &long]);
        assert_ne!(opening(other.as_bytes()), Some(known));
    }

    #[test]
    fn what_no_vendor_caches_has_none() {
        let short = body("", &["hello"]);
        assert_eq!(opening(short.as_bytes()), None);
        assert!(opening(&[b' '; 4_096]).is_some());
    }
}
