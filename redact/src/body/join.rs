//! What stands over the border of two parts of one message.

use std::ops::Range;

use super::text::{Cursor, read_to};
use super::walk::{Frame, Token, What};
use super::{BORDER_BYTES, Hit, Role};
use crate::Kinds;
use crate::scan::Scan;

/// Longest escape of one unit (RFC 8259, 7).
const ESCAPE_BYTES: usize = 6;

/// The part before the border.
#[derive(Default)]
pub(super) struct Border {
    last: Option<Part>,
}

/// The `text` of an element of an array.
struct Part {
    array: u32,
    index: usize,
    at: Range<usize>,
    /// Where what was found in it ends; before its end nothing is left to find alone.
    edge: usize,
}

impl Part {
    fn of(body: &str, frames: &[Frame], token: &Token) -> Option<Self> {
        let [.., array, object] = frames else {
            return None;
        };
        let is_part = token.what == What::Text
            && array.is_array
            && !object.is_array
            && body.get(object.name.clone()) == Some("text");
        is_part.then(|| Self {
            array: array.serial,
            index: array.index,
            at: token.at.clone(),
            edge: token.at.start,
        })
    }
}

impl Border {
    /// What begins in the part before and ends in this one, of which `own` was found already.
    pub(super) fn cross(
        &mut self,
        body: &str,
        (frames, token): (&[Frame], &Token),
        own: &[Hit],
        wanted: Kinds,
    ) -> Option<[Hit; 2]> {
        let mut part = Part::of(body, frames, token)?;
        let last = self.last.take();
        let last = last.filter(|l| l.array == part.array && l.index + 1 == part.index);
        let head = own.first().map_or(part.at.end, |hit| hit.at.start);
        let hits = last.and_then(|last| across(body, &last, part.at.start..head, wanted));
        let ends = hits.iter().flatten().chain(own).map(|hit| hit.at.end);
        part.edge = ends.max().unwrap_or(part.edge).max(part.edge);
        self.last = Some(part);
        hits
    }
}

fn across(body: &str, last: &Part, head: Range<usize>, wanted: Kinds) -> Option<[Hit; 2]> {
    let from = whole_from(body, last);
    let tail = body.get(from..last.at.end)?;
    let mut to = head.end.min(head.start + BORDER_BYTES);
    while !body.is_char_boundary(to) {
        to -= 1;
    }
    let raw = body.get(head.start..to)?;
    if tail.is_empty() || raw.is_empty() {
        return None;
    }
    let mut text = String::new();
    read_to(tail, &mut text);
    let border = text.len();
    read_to(raw, &mut text);
    let mut found = Scan::new(&text);
    let found = found.find(|f| f.range.start < border && border < f.range.end)?;
    let start = from + Cursor::new(tail, 0).start_of(found.range.start);
    let end = head.start + Cursor::new(raw, border).end_of(found.range.end);
    let hit = |at, role| Hit {
        at,
        kind: found.kind,
        role,
    };
    wanted.has(found.kind).then(|| {
        [
            hit(start..last.at.end, Role::Plain),
            hit(head.start..end, Role::Rest),
        ]
    })
}

/// Where in the last bytes of a part nothing that was begun before goes on.
fn whole_from(body: &str, last: &Part) -> usize {
    let near = last.at.end.saturating_sub(BORDER_BYTES);
    if near <= last.edge {
        return last.edge;
    }
    let bytes = body.as_bytes();
    let is_whole = |place: &usize| {
        let before = bytes.get(place - ESCAPE_BYTES..*place).unwrap_or_default();
        body.is_char_boundary(*place) && !before.contains(&b'\\')
    };
    let mut places = near.max(ESCAPE_BYTES)..last.at.end;
    places.find(is_whole).unwrap_or(last.at.end)
}
