//! Secrets and personal data in text that may reach a log: where they are, and the text without them.
//!
//! Pure, one pass, no allocation to find, and no regular expressions: it may run in Envoy's Wasm VM over
//! what clients send. A match depends on its own bytes and the one after them only, so that masking a
//! text again changes nothing; every look ahead that can fail is bounded, so that time is linear.
//!
//! What has a check digit is believed only with the right one. What has neither a prefix nor a check
//! digit (the keys of some vendors are plain hexadecimal) is found by the name before it:
//! `api_key=…`, `"password": "…"`, `Authorization: Bearer …`.

pub mod body;
mod check;
mod contact;
mod credential;
mod identity;
mod kind;
mod kinds;
mod label;
mod money;
mod scan;
mod template;
mod vendor;

use std::borrow::Cow;
use std::ops::Range;

pub use kind::Kind;
pub use kinds::Kinds;

/// Longest mask in bytes of the text that it may stand for: a text never becomes longer than this many
/// times its length.
pub const MOST_GROWTH: usize = 2;

/// Something that is not to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where, in bytes; on character boundaries.
    pub range: Range<usize>,
    /// What it is taken for.
    pub kind: Kind,
}

/// What a text has that is not to be written down, in order and without overlaps.
pub fn find(text: &str) -> impl Iterator<Item = Found> + '_ {
    scan::Scan::new(text)
}

/// The text with each of these replaced by its kind, such as `[email]`.
#[must_use]
pub fn mask(text: &str) -> Cow<'_, str> {
    mask_only(text, |_| true)
}

/// The same for the kinds that are wanted; others stay.
#[must_use]
pub fn mask_only(text: &str, wanted: impl Fn(Kind) -> bool) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut done = 0;
    for found in find(text).filter(|found| wanted(found.kind)) {
        masked.push_str(text.get(done..found.range.start).unwrap_or_default());
        masked.push_str(found.kind.mask());
        done = found.range.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(masked)
}
