//! The edits.

use super::{Hit, Role};
use crate::Kinds;

/// A body with these of its hits masked, each by its kind such as `[email]`; all other bytes as they were.
#[must_use]
pub fn masked(body: &[u8], hits: &[Hit], kinds: Kinds) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + hits.len() * 8);
    let mut done = 0;
    for hit in hits.iter().filter(|hit| kinds.has(hit.kind)) {
        if hit.at.start < done {
            continue;
        }
        let (before, after) = match hit.role {
            Role::Plain | Role::Rest => ("", ""),
            Role::Number => ("\"", "\""),
            Role::InnerNumber => ("\\\"", "\\\""),
            Role::AfterBackslash => ("\\\\", ""),
        };
        out.extend_from_slice(body.get(done..hit.at.start).unwrap_or_default());
        if hit.counts() {
            out.extend_from_slice(before.as_bytes());
            out.extend_from_slice(hit.kind.mask().as_bytes());
            out.extend_from_slice(after.as_bytes());
        }
        done = hit.at.end;
    }
    out.extend_from_slice(body.get(done..).unwrap_or_default());
    out
}
