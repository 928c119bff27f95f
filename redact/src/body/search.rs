//! The search, token by token.

use std::ops::Range;

use super::join::Border;
use super::text::{Cursor, is_odd, read_to};
use super::walk::{Token, Walk, What};
use super::{Hit, NotJson, Role, name};
use crate::scan::Scan;
use crate::{Found, Kind, Kinds};

/// See [`super::search`].
pub(super) fn search(body: &str, wanted: Kinds) -> Result<Vec<Hit>, NotJson> {
    let mut search = Search {
        wanted,
        hits: Vec::new(),
        once: String::new(),
        twice: String::new(),
    };
    let mut walk = Walk::new(body);
    let mut border = Border::default();
    while let Some(token) = walk.token()? {
        if !name::is_content(body, walk.frames(), &token) {
            continue;
        }
        let raw = body.get(token.at.clone()).unwrap_or_default();
        let before = search.hits.len();
        // What the name says of a value that stands alone: `"password": "…"`.
        let label = match (walk.frames().last(), token.what) {
            (Some(frame), What::Text | What::Number) if frame.is_free && !frame.is_array => {
                body.get(frame.name.clone()).unwrap_or_default()
            }
            _ => "",
        };
        search.look(&token, raw, label);
        let own = search.hits.get(before..).unwrap_or_default();
        let over = border.cross(body, (walk.frames(), &token), own, wanted);
        search.hits.extend(over.into_iter().flatten());
    }
    search.hits.sort_by_key(|hit| hit.at.start);
    Ok(search.hits)
}

struct Search {
    wanted: Kinds,
    hits: Vec<Hit>,
    /// The string without its escapes, and without those that are left then.
    once: String,
    twice: String,
}

impl Search {
    fn look(&mut self, token: &Token, raw: &str, label: &str) {
        if token.what == What::Number {
            return self.number(token, raw, label);
        }
        if label.is_empty() && !is_odd(raw) {
            let mut quotes = Quotes::default();
            let hits = Scan::new(raw).map(|found| placed(raw, found, &mut quotes));
            return keep(&mut self.hits, self.wanted, token.at.start, hits);
        }
        let named = self.begin(label);
        read_to(raw, &mut self.once);
        let text = self.once.as_str();
        let found = match text.contains('\\') {
            false => Scan::new(text).collect(),
            true => {
                self.twice.clear();
                read_to(text, &mut self.twice);
                inner(text, &self.twice)
            }
        };
        let own = text.get(named..).unwrap_or_default();
        let (mut cursor, mut quotes) = (Cursor::new(raw, 0), Quotes::default());
        let hits = found.into_iter().filter_map(|Found { range, kind }| {
            let range = range.start.saturating_sub(named)..range.end.saturating_sub(named);
            (!range.is_empty()).then(|| {
                let (range, kind, role) = placed(own, Found { range, kind }, &mut quotes);
                let start = cursor.start_of(range.start);
                (start..cursor.end_of(range.end), kind, role)
            })
        });
        keep(&mut self.hits, self.wanted, token.at.start, hits);
    }

    /// A text begins with the name of its value; how long that is.
    fn begin(&mut self, label: &str) -> usize {
        self.once.clear();
        if !label.is_empty() {
            read_to(label, &mut self.once);
            self.once.push(':');
        }
        self.once.len()
    }

    /// A number is taken as a whole.
    fn number(&mut self, token: &Token, raw: &str, label: &str) {
        let digits = raw.strip_prefix('-').unwrap_or(raw);
        let named = self.begin(label);
        self.once.push_str(digits);
        let found = Scan::new(&self.once).find(|found| found.range.end > named);
        let hit = found.map(|found| (0..raw.len(), found.kind, Role::Number));
        keep(&mut self.hits, self.wanted, token.at.start, hit.into_iter());
    }
}

type Raw = (Range<usize>, Kind, Role);

fn keep(hits: &mut Vec<Hit>, wanted: Kinds, offset: usize, found: impl Iterator<Item = Raw>) {
    let found = found.filter(|(_, kind, _)| wanted.has(*kind));
    hits.extend(found.map(|(range, kind, role)| Hit {
        at: range.start + offset..range.end + offset,
        kind,
        role,
    }));
}

/// What a text with backslashes has, which may be JSON itself: first without its escapes, then, between
/// what was found, as it stands.
fn inner(text: &str, read: &str) -> Vec<Found> {
    let mut cursor = Cursor::new(text, 0);
    let mut all = Vec::new();
    let mut done = 0;
    for Found { range, kind } in Scan::new(read) {
        let start = cursor.start_of(range.start);
        let range = start..cursor.end_of(range.end);
        between(text, done..range.start, &mut all);
        done = range.end;
        all.push(Found { range, kind });
    }
    between(text, done..text.len(), &mut all);
    all
}

fn between(text: &str, gap: Range<usize>, all: &mut Vec<Found>) {
    let start = gap.start;
    let found = Scan::new(text.get(gap).unwrap_or_default());
    all.extend(found.map(|Found { range, kind }| Found {
        range: range.start + start..range.end + start,
        kind,
    }));
}

/// Whether places of a text that may be JSON are within its strings; asked for in ascending order, so that
/// the text is read once.
#[derive(Default)]
struct Quotes {
    read: usize,
    is_within: bool,
    is_escaped: bool,
}

impl Quotes {
    fn hold(&mut self, text: &str, at: usize) -> bool {
        let Some(unread) = text.as_bytes().get(self.read..at) else {
            return true;
        };
        for byte in unread {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_within = !self.is_within,
                _ => {}
            }
        }
        self.read = at;
        self.is_within
    }
}

/// A match with what must be around its mask in a text that may be JSON.
fn placed(text: &str, Found { range, kind }: Found, quotes: &mut Quotes) -> Raw {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    let slashes = before.bytes().rev().take_while(|b| *b == b'\\').count();
    if slashes % 2 == 1 {
        return (range, kind, Role::AfterBackslash);
    }
    let first = text.as_bytes().get(range.start);
    let is_signed = first.is_some_and(u8::is_ascii_digit);
    let before = match before.strip_suffix('-') {
        Some(before) if is_signed => before,
        Some(_) | None => before,
    };
    let is_open = before.trim_end().ends_with([':', ',', '[']);
    let is_closed = after.trim_start().starts_with([',', ']', '}']);
    let is_json = text.trim_start().starts_with(['{', '[']);
    match is_json && is_open && is_closed && !quotes.hold(text, before.len()) {
        true => (before.len()..range.end, kind, Role::InnerNumber),
        false => (range, kind, Role::Plain),
    }
}
