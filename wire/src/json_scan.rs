//! Top-level members of a JSON object, found without parsing the rest.
//!
//! A prompt is megabytes of strings in nested arrays, of which the gateway needs a handful of small
//! top-level members. The scanner reads every byte once, skips strings with `memchr` and nested
//! values by counting brackets, and keeps only the members it was asked for, each up to its bound.
//!
//! Checked: the top level's grammar, the pairing and depth of brackets, the end of strings. Not
//! checked: the grammar inside skipped values. The provider parses the body anyway.
//!
//! Duplicate keys: the last one wins, as with most parsers, unless [`Wanted::unique`] makes them an
//! error, for members on which gateway and provider must not disagree.

mod key;
mod scan;
#[cfg(test)]
mod tests;
mod value;

use std::ops::Range;

use scan::{Ended, Scan};

/// A top-level member to look for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Its key, ASCII, at most 32 bytes.
    pub name: &'static str,
    /// Bytes of its value to keep.
    pub capture_bytes: usize,
    /// Whether a second member of this name is an error.
    pub unique: bool,
}

/// How keys are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// After decoding escapes, as a parser does: `"mod\u0065l"` is `model`.
    Decoded,
    /// As they stand on the wire: a key with an escape is not a wanted one.
    Raw,
    /// As [`Keys::Decoded`]; and one that is a unique wanted key but for its case is refused, as some
    /// servers read it as that key (Go's `encoding/json` does, by Unicode's simple folding).
    Folded,
}

/// The type of a JSON value, told by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

/// A member that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Where its key stands: the byte offset of the opening quote in the whole body.
    pub key_start: usize,
    /// Where its value stands: byte offsets in the whole body; the end is right once it is closed.
    pub span: Range<usize>,
    /// The type of its value.
    pub kind: Kind,
    /// The first [`Wanted::capture_bytes`] of its value.
    pub raw: Vec<u8>,
    /// Whether the value's end was seen.
    pub closed: bool,
}

impl Member {
    /// The value's bytes, if it is closed and was not larger than its bound.
    #[must_use]
    pub fn whole(&self) -> Option<&[u8]> {
        (self.closed && self.raw.len() == self.span.len()).then_some(&self.raw)
    }
}

/// Why a body is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanError {
    /// Nothing but white space.
    Empty,
    /// Something else than an object.
    NotAnObject,
    /// A byte that cannot stand at this offset.
    Unexpected {
        /// The byte's offset in the body.
        offset: usize,
    },
    /// The body ends within the object.
    Truncated,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A second member of a name that must be unique, or one whose name differs in case only.
    Duplicate {
        /// The name.
        name: &'static str,
    },
}

/// Levels of nesting that are read, the outermost object included.
pub const MAX_DEPTH: u32 = 128;

/// What a complete scan found, in the order of the wanted members.
#[derive(Debug)]
pub struct Scanned<const N: usize> {
    /// The members; `None` for those that are not there.
    pub members: [Option<Member>; N],
    /// The offset just after the object's `{`.
    pub object_open: usize,
    /// Bytes of the body.
    pub body_len: usize,
}

/// The incremental scanner for `N` wanted members.
#[derive(Debug)]
pub struct ObjectScanner<const N: usize> {
    members: [Option<Member>; N],
    scan: Scan,
}

impl<const N: usize> ObjectScanner<N> {
    /// A scanner at the start of a body.
    #[must_use]
    pub fn new(wanted: &'static [Wanted; N], keys: Keys) -> Self {
        Self {
            members: std::array::from_fn(|_| None),
            scan: Scan::new(wanted, keys),
        }
    }

    /// Reads the next bytes; after an error they are ignored.
    pub fn push(&mut self, chunk: &[u8]) {
        self.scan.push(chunk, &mut self.members);
    }

    /// What is known so far of the member at `index` of the wanted ones.
    #[must_use]
    pub fn member(&self, index: usize) -> Option<&Member> {
        self.members.get(index).and_then(Option::as_ref)
    }

    /// Whether the object's `{` was seen.
    #[must_use]
    pub fn opened(&self) -> bool {
        self.scan.opened()
    }

    /// Whether what was read cannot become a JSON object any more.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.scan.failed()
    }

    /// Whether what was read is a complete JSON object.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.scan.ended().is_ok()
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn finish(self) -> Result<Scanned<N>, ScanError> {
        let Ended {
            object_open,
            body_len,
        } = self.scan.ended()?;
        Ok(Scanned {
            members: self.members,
            object_open,
            body_len,
        })
    }
}

impl Kind {
    fn of(first: u8) -> Option<Self> {
        match first {
            b'{' => Some(Self::Object),
            b'[' => Some(Self::Array),
            b'"' => Some(Self::String),
            b'-' | b'0'..=b'9' => Some(Self::Number),
            b't' | b'f' => Some(Self::Bool),
            b'n' => Some(Self::Null),
            _ => None,
        }
    }
}
