//! Skipping one value.

use memchr::memchr2;

use super::{Kind, MAX_DEPTH};
use crate::bytes::tail;

/// Why a value cannot be skipped.
pub(super) enum Fault {
    TooDeep,
    Mismatch { at: usize },
}

/// The value under way.
#[derive(Debug)]
pub(super) enum Skipper {
    /// A string; `begun` once its opening quote was read.
    String { begun: bool, escaped: bool },
    /// An array or object.
    Nested(Nest),
    /// A number or literal: it ends before the first byte that cannot belong to it.
    Scalar,
}

/// Open brackets as bits (1 for an object), which bounds the depth and costs no memory.
#[derive(Debug, Default)]
pub(super) struct Nest {
    objects: u128,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Skipper {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Object | Kind::Array => Self::Nested(Nest::default()),
            Kind::String => Self::String {
                begun: false,
                escaped: false,
            },
            Kind::Number | Kind::Bool | Kind::Null => Self::Scalar,
        }
    }

    /// How many of `bytes` belong to the value, and whether it ends there.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> Result<(usize, bool), Fault> {
        match self {
            Self::String { begun, escaped } => {
                let quote = usize::from(!*begun && !bytes.is_empty());
                *begun = true;
                let (consumed, closed) = skip_string(tail(bytes, quote), escaped);
                Ok((quote + consumed, closed))
            }
            Self::Nested(nest) => nest.skip(bytes),
            Self::Scalar => Ok(bytes
                .iter()
                .position(|&byte| !is_scalar(byte))
                .map_or((bytes.len(), false), |end| (end, true))),
        }
    }
}

impl Nest {
    fn skip(&mut self, bytes: &[u8]) -> Result<(usize, bool), Fault> {
        let mut at = 0;
        loop {
            if self.in_string {
                let (consumed, closed) = skip_string(tail(bytes, at), &mut self.escaped);
                at += consumed;
                if !closed {
                    return Ok((at, false));
                }
                self.in_string = false;
            }
            at += unmarked(tail(bytes, at));
            let Some(&mark) = bytes.get(at) else {
                return Ok((at, false));
            };
            match mark {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.open(mark == b'{')?,
                _ => self.close(mark == b'}').ok_or(Fault::Mismatch { at })?,
            }
            at += 1;
            if self.depth == 0 {
                return Ok((at, true));
            }
        }
    }

    fn open(&mut self, object: bool) -> Result<(), Fault> {
        // The outermost object is one level more than those counted here.
        if self.depth + 1 >= MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        Ok(())
    }

    fn close(&mut self, object: bool) -> Option<()> {
        let pairs = self.objects & 1 == u128::from(object);
        self.objects >>= 1;
        self.depth = self.depth.checked_sub(1)?;
        pairs.then_some(())
    }
}

/// Skips to just after the closing quote; `escaped` says that a backslash ended the last chunk.
fn skip_string(bytes: &[u8], escaped: &mut bool) -> (usize, bool) {
    let mut at = 0;
    if *escaped && !bytes.is_empty() {
        *escaped = false;
        at = 1;
    }
    while let Some(rest) = bytes.get(at..) {
        let Some(hit) = memchr2(b'"', b'\\', rest) else {
            return (bytes.len(), false);
        };
        at += hit;
        if bytes.get(at) == Some(&b'"') {
            return (at + 1, true);
        }
        at += 2;
    }
    // `at` is one past the end: the byte that the backslash escapes is still to come.
    *escaped = true;
    (bytes.len(), false)
}

const BLOCK: usize = 32;

/// Bytes before the first quote or bracket. Long runs without any (vectors of numbers, token ids)
/// go by whole blocks, a form that the compiler turns into SIMD; short ones byte by byte.
fn unmarked(bytes: &[u8]) -> usize {
    let near = bytes.iter().take(BLOCK).position(|&byte| is_mark(byte));
    if let Some(near) = near {
        return near;
    }
    let clean = |block: &&[u8]| {
        block
            .iter()
            .fold(0, |hit, &byte| hit | u8::from(is_mark(byte)))
            == 0
    };
    let skipped = bytes.chunks_exact(BLOCK).take_while(clean).count() * BLOCK;
    let rest = tail(bytes, skipped);
    let last = rest.iter().position(|&byte| is_mark(byte));
    skipped + last.unwrap_or(rest.len())
}

fn is_mark(byte: u8) -> bool {
    // `[` and `{`, `]` and `}` differ by this bit only.
    let curly = byte | 0x20;
    (curly == b'{') | (curly == b'}') | (byte == b'"')
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}
