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
#[cfg(test)]
mod tests;
mod value;

use std::ops::Range;

use crate::bytes::{head, is_space};
use key::{Key, KeyStep};
use value::{Fault, Skipper};

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
    /// A second member of a name that must be unique.
    Duplicate {
        /// The name.
        name: &'static str,
    },
}

/// Levels of nesting that are read, the outermost object included.
pub const MAX_DEPTH: u32 = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    FirstKey,
    NextKey,
    Key,
    Colon,
    BeforeValue,
    Value,
    AfterValue,
    End,
}

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
    wanted: &'static [Wanted; N],
    keys: Keys,
    members: [Option<Member>; N],
    state: State,
    error: Option<ScanError>,
    offset: usize,
    object_open: usize,
    current: Option<usize>,
    key_start: usize,
    key: Key,
    value: Skipper,
}

impl<const N: usize> ObjectScanner<N> {
    /// A scanner at the start of a body.
    #[must_use]
    pub fn new(wanted: &'static [Wanted; N], keys: Keys) -> Self {
        Self {
            wanted,
            keys,
            members: std::array::from_fn(|_| None),
            state: State::Start,
            error: None,
            offset: 0,
            object_open: 0,
            current: None,
            key_start: 0,
            key: Key::new(),
            value: Skipper::Scalar,
        }
    }

    /// Reads the next bytes; after an error they are ignored.
    pub fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while !rest.is_empty() && self.error.is_none() {
            match self.step(rest) {
                Ok(consumed) => {
                    self.offset += consumed;
                    rest = rest.get(consumed..).unwrap_or_default();
                }
                Err(error) => self.error = Some(error),
            }
        }
    }

    /// What is known so far of the member at `index` of the wanted ones.
    #[must_use]
    pub fn member(&self, index: usize) -> Option<&Member> {
        self.members.get(index).and_then(Option::as_ref)
    }

    /// Whether the object's `{` was seen.
    #[must_use]
    pub fn opened(&self) -> bool {
        self.state != State::Start
    }

    /// Whether what was read cannot become a JSON object any more.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.error.is_some()
    }

    /// Whether what was read is a complete JSON object.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.error.is_none() && self.state == State::End
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn finish(self) -> Result<Scanned<N>, ScanError> {
        match (self.error, self.state) {
            (Some(error), _) => Err(error),
            (None, State::End) => Ok(Scanned {
                members: self.members,
                object_open: self.object_open,
                body_len: self.offset,
            }),
            (None, State::Start) => Err(ScanError::Empty),
            (None, _) => Err(ScanError::Truncated),
        }
    }

    /// Consumes some of `bytes`, which are not empty; 0 only when the state changes.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, ScanError> {
        match self.state {
            State::Key => self.read_key(bytes),
            State::Value => self.read_value(bytes),
            State::Start
            | State::FirstKey
            | State::NextKey
            | State::Colon
            | State::BeforeValue
            | State::AfterValue
            | State::End => match bytes.iter().position(|&byte| !is_space(byte)) {
                None => Ok(bytes.len()),
                Some(0) => self.structure(bytes.first().copied().unwrap_or_default()),
                Some(spaces) => Ok(spaces),
            },
        }
    }

    fn structure(&mut self, byte: u8) -> Result<usize, ScanError> {
        self.state = match (self.state, byte) {
            (State::Start, b'{') => {
                self.object_open = self.offset + 1;
                State::FirstKey
            }
            (State::Start, byte) if Kind::of(byte).is_some() => return Err(ScanError::NotAnObject),
            (State::FirstKey | State::NextKey, b'"') => {
                self.key = Key::new();
                self.key_start = self.offset;
                State::Key
            }
            (State::FirstKey | State::AfterValue, b'}') => State::End,
            (State::Colon, b':') => State::BeforeValue,
            (State::BeforeValue, byte) => return self.begin_value(byte),
            (State::AfterValue, b',') => State::NextKey,
            _ => return Err(self.unexpected(0)),
        };
        Ok(1)
    }

    fn read_key(&mut self, bytes: &[u8]) -> Result<usize, ScanError> {
        for (at, &byte) in bytes.iter().enumerate() {
            match self.key.push(byte, self.keys) {
                KeyStep::More => {}
                KeyStep::Bad => return Err(self.unexpected(at)),
                KeyStep::Closed => {
                    self.current = self.key.find(self.wanted);
                    self.state = State::Colon;
                    return Ok(at + 1);
                }
            }
        }
        Ok(bytes.len())
    }

    /// Consumes nothing: the value's first byte is read, and kept, with the rest of it.
    fn begin_value(&mut self, byte: u8) -> Result<usize, ScanError> {
        let kind = Kind::of(byte).ok_or_else(|| self.unexpected(0))?;
        if let Some(index) = self.current
            && let Some(wanted) = self.wanted.get(index)
            && let Some(slot) = self.members.get_mut(index)
        {
            if wanted.unique && slot.is_some() {
                return Err(ScanError::Duplicate { name: wanted.name });
            }
            *slot = Some(Member {
                key_start: self.key_start,
                span: self.offset..self.offset,
                kind,
                raw: Vec::new(),
                closed: false,
            });
        }
        self.value = Skipper::new(kind);
        self.state = State::Value;
        Ok(0)
    }

    fn read_value(&mut self, bytes: &[u8]) -> Result<usize, ScanError> {
        let (consumed, closed) = self.value.skip(bytes).map_err(|fault| match fault {
            Fault::TooDeep => ScanError::TooDeep,
            Fault::Mismatch { at } => self.unexpected(at),
        })?;
        self.capture(head(bytes, consumed), closed);
        if closed {
            self.current = None;
            self.state = State::AfterValue;
        }
        Ok(consumed)
    }

    fn capture(&mut self, bytes: &[u8], closed: bool) {
        if let Some(index) = self.current
            && let Some(wanted) = self.wanted.get(index)
            && let Some(Some(member)) = self.members.get_mut(index)
        {
            let room = wanted.capture_bytes.saturating_sub(member.raw.len());
            member.raw.extend_from_slice(head(bytes, room));
            member.span.end = self.offset + bytes.len();
            member.closed = closed;
        }
    }

    fn unexpected(&self, at: usize) -> ScanError {
        ScanError::Unexpected {
            offset: self.offset + at,
        }
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
