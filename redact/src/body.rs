//! Secrets and personal data in what a client says to a model: in the strings of a request's body, in any
//! of the dialects, found as the model would read them and masked by small edits.
//!
//! Every string is content that is not known to be something else: a member that a dialect adds later is
//! searched. Not content are the model's name, what ties messages to each other (`id`, `type`, `role`,
//! `tool_call_id` …), signatures and encrypted reasoning, base64 data, and what opens a remote tool.
//! Within the arguments of a tool (`input`, `arguments`) names and numbers are content as well.
//!
//! A string is searched without its escapes, with full-width letters and other dashes and blanks as
//! ASCII's, and without what has no width; where it still has backslashes, as JSON in JSON has, once more
//! without those. Parts of one message are searched over their borders.

mod join;
mod mask;
mod name;
mod search;
mod text;
mod walk;

use std::ops::Range;

use crate::{Kind, Kinds};
pub use mask::masked;

/// Bytes on each side of a border between parts that are searched together.
pub const BORDER_BYTES: usize = 256;

/// Levels of nesting that are read.
pub const MOST_DEPTH: usize = 128;

/// Something that was found, and what an edit puts in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where: bytes of the body.
    pub at: Range<usize>,
    /// What it is taken for.
    pub kind: Kind,
    role: Role,
}

/// What must stand around a mask for JSON to stay JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing.
    Plain,
    /// Quotation marks: a number was there.
    Number,
    /// Escaped ones: a number was there, in JSON within a string.
    InnerNumber,
    /// A backslash before it belongs to nothing any more: it becomes one that stands for itself.
    AfterBackslash,
    /// The rest, in a later part, of what an earlier part began: goes without a mask, and is not counted.
    Rest,
}

impl Hit {
    /// Whether it is one of its own, not the rest of one.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.role != Role::Rest
    }
}

/// Why a body cannot be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// Bytes before the offence.
    pub offset: usize,
}

/// What a body holds of these kinds, in order and without overlaps. Memory: as much as its longest string,
/// three times, and some 40 bytes per hit.
///
/// # Errors
/// When it is no JSON (RFC 8259), which nobody could say of what a provider reads in it.
pub fn search(body: &[u8], wanted: Kinds) -> Result<Vec<Hit>, NotJson> {
    search::search(text_of(body)?, wanted)
}

/// The path of what stands at an offset, as `messages[3].content[0].text`. Only names that dialects use are
/// in it: one that a client chose could itself be content.
#[must_use]
pub fn path_of(body: &[u8], offset: usize) -> String {
    text_of(body).map_or_else(|_| String::new(), |body| name::path_of(body, offset))
}

fn text_of(body: &[u8]) -> Result<&str, NotJson> {
    std::str::from_utf8(body).map_err(|error| NotJson {
        offset: error.valid_up_to(),
    })
}

#[cfg(test)]
mod tests;
