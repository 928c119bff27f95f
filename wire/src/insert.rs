//! Putting a few bytes at the start of certain strings of JSON that passes, wherever it is cut.

use memchr::memmem;

use crate::bytes::{head, is_space, tail};

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In its key, of which so many bytes have come.
    Key(usize),
    /// Its colon is still to come.
    Colon,
    /// Its value is still to come.
    Value,
}

/// Puts a text at the start of each string that is the value of one key, at any depth.
///
/// The key is looked for by its bytes, quotes included: within a string those would be escaped. Nothing
/// is held back, as what is put in comes after what is recognised.
#[derive(Clone, Debug)]
pub struct Insertion {
    key: &'static [u8],
    text: String,
    stage: Stage,
}

impl Insertion {
    /// An insertion at the start of a body; `key` with its quotes.
    #[must_use]
    pub fn new(key: &'static [u8], text: String) -> Self {
        Self {
            key,
            text,
            stage: Stage::Key(0),
        }
    }

    /// Reads the next bytes; what they become, if they change.
    pub fn push(&mut self, chunk: &[u8]) -> Option<Vec<u8>> {
        let (mut at, mut kept) = (0, 0);
        let mut out: Option<Vec<u8>> = None;
        while at < chunk.len() {
            match self.stage {
                Stage::Key(come) => at += self.key(come, tail(chunk, at)),
                Stage::Colon | Stage::Value => {
                    let byte = chunk.get(at).copied().unwrap_or_default();
                    let (next, more) = match (self.stage, byte) {
                        (stage, byte) if is_space(byte) => (stage, 1),
                        (Stage::Colon, b':') => (Stage::Value, 1),
                        (Stage::Value, b'"') => {
                            let out = out.get_or_insert_default();
                            out.extend_from_slice(head(tail(chunk, kept), at + 1 - kept));
                            out.extend_from_slice(self.text.as_bytes());
                            kept = at + 1;
                            (Stage::Key(0), 1)
                        }
                        // Another value, or no key at all.
                        (Stage::Key(_) | Stage::Colon | Stage::Value, _) => (Stage::Key(0), 0),
                    };
                    self.stage = next;
                    at += more;
                }
            }
        }
        if let Some(out) = &mut out {
            out.extend_from_slice(tail(chunk, kept));
        }
        out
    }

    /// Looks for the key, of which `come` bytes have come before; how many bytes that has read.
    fn key(&mut self, come: usize, rest: &[u8]) -> usize {
        if come > 0 {
            let wanted = tail(self.key, come);
            let most = wanted.len().min(rest.len());
            if head(rest, most) != head(wanted, most) {
                self.stage = Stage::Key(0);
                return 0;
            }
            self.stage = if most == wanted.len() {
                Stage::Colon
            } else {
                Stage::Key(come + most)
            };
            return most;
        }
        if let Some(found) = memmem::find(rest, self.key) {
            self.stage = Stage::Colon;
            return found + self.key.len();
        }
        // A key has a quote at its start and at its end only: it can have begun at the last one.
        let begun = memchr::memrchr(b'"', rest).map(|quote| tail(rest, quote));
        let begun = begun.filter(|begun| self.key.starts_with(begun));
        self.stage = Stage::Key(begun.map_or(0, <[u8]>::len));
        rest.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cut;

    const KEY: &[u8] = b"\"key\"";

    fn inserted(parts: &[&[u8]]) -> String {
        let mut insertion = Insertion::new(KEY, "@1.".to_owned());
        let mut all = Vec::new();
        for part in parts {
            match insertion.push(part) {
                Some(changed) => all.extend(changed),
                None => all.extend_from_slice(part),
            }
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn only_strings_under_the_key_change() {
        for (body, expected) in [
            (r#"{"key":"a"}"#, r#"{"key":"@1.a"}"#),
            ("{\"key\" :\n \"\"}", "{\"key\" :\n \"@1.\"}"),
            (r#"{"key":null,"key":"a"}"#, r#"{"key":null,"key":"@1.a"}"#),
            (r#"["key","key"]"#, r#"["key","key"]"#),
            (r#"{"a":"key","key":"b"}"#, r#"{"a":"key","key":"@1.b"}"#),
            (r#"{"a":"\"key\":\"b\""}"#, r#"{"a":"\"key\":\"b\""}"#),
            (r#"{"keys":"a","ke":"b"}"#, r#"{"keys":"a","ke":"b"}"#),
        ] {
            assert_eq!(inserted(&[body.as_bytes()]), expected);
            let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            assert_eq!(inserted(&bytes), expected);
        }
        assert_eq!(Insertion::new(KEY, "@".into()).push(b"{}"), None);
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["\"key\"", ":", "\"", " ", "key", "\\\"", "x", "\"ke", "{"]),
                0..30,
            ),
            cuts in prop::collection::vec(1usize..9, 1..30),
        ) {
            let body = pieces.concat();
            let parts = cut(body.as_bytes(), &cuts);
            prop_assert_eq!(inserted(&parts), inserted(&[body.as_bytes()]));
        }
    }
}
