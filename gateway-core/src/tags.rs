//! Tags: what clients say of a request for their own accounting, in headers that the operator names.

/// Most headers that can be tags.
pub const MOST_TAGS: usize = 8;
/// Longest value that is taken, bytes.
pub const VALUE_LIMIT_BYTES: usize = 64;
/// Stands for a value that is too long, or holds what no tag may hold. No value reads so.
pub const UNFIT: &str = "?";

/// The value of a tag as it is recorded: 1 to 64 ASCII letters, digits or `._:/@+-`, or else [`UNFIT`]
/// so that the misuse shows where it is looked for; `None` for an empty one.
#[must_use]
pub fn value(raw: &[u8]) -> Option<&str> {
    let raw = raw.trim_ascii();
    if raw.is_empty() {
        return None;
    }
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(byte);
    let is_fit = raw.len() <= VALUE_LIMIT_BYTES && raw.iter().all(fits);
    let text = std::str::from_utf8(raw).ok().filter(|_| is_fit);
    Some(text.unwrap_or(UNFIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_is_bounded_and_of_safe_letters() {
        for (raw, expected) in [
            ("search", Some("search")),
            (" team/search-2:eu@x+y._ ", Some("team/search-2:eu@x+y._")),
            ("", None),
            ("  ", None),
            ("a b", Some(UNFIT)),
            ("a,b", Some(UNFIT)),
            ("<b>", Some(UNFIT)),
            ("=1+1", Some(UNFIT)),
            ("\u{e9}", Some(UNFIT)),
        ] {
            assert_eq!(value(raw.as_bytes()), expected, "{raw}");
        }
        assert_eq!(value(&[b'x'; 64]).map(str::len), Some(64));
        assert_eq!(value(&[b'x'; 65]), Some(UNFIT));
        assert_eq!(value(&[0xff, 0xfe]), Some(UNFIT));
    }

    proptest! {
        #[test]
        fn nothing_else_gets_in(raw in proptest::collection::vec(any::<u8>(), 0..100)) {
            let taken = value(&raw).unwrap_or_default();
            prop_assert!(taken.len() <= VALUE_LIMIT_BYTES);
            prop_assert!(!taken.contains(['"', '\\', '<', '\n', ',', ' ', '\0']));
        }
    }
}
