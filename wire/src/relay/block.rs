//! The event under way, read as it comes.

use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};
use crate::relay::HOLD_LIMIT_BYTES;
use crate::usage::Usage;

const CHOICES: usize = 0;
const USAGE: usize = 1;
const ERROR: usize = 2;
const CHOICES_BYTES: usize = 16;

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        // A first sight of a member must be the last word on it, else nothing could be let go.
        unique: true,
    }
}

static WANTED: [Wanted; 3] = [
    wanted("choices", CHOICES_BYTES),
    wanted("usage", Usage::LIMIT_BYTES),
    wanted("error", 0),
];

const BOM: &[u8] = b"\xef\xbb\xbf";
const DONE: &[u8] = b"[DONE]";
/// More than any name that matters, with a BOM before it.
const NAME_BYTES: usize = 12;

/// What the line that ended was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Comment,
    Field,
    Blank,
}

/// What an event was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub(super) usage: Option<Usage>,
    /// It is the chunk that exists only to carry the usage.
    pub(super) usage_only: bool,
    pub(super) counts: bool,
    pub(super) done: bool,
    pub(super) error: bool,
}

/// Where in a line the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Name,
    Comment,
    /// In the value of `data` or `event`; `begun` once the space that may lead it was read.
    Data {
        begun: bool,
    },
    Event {
        begun: bool,
    },
    /// In a field that does not matter.
    Other,
}

/// The first bytes of something, enough to tell what it is.
#[derive(Debug, Default)]
struct Prefix {
    bytes: [u8; NAME_BYTES],
    len: usize,
}

/// The event under way: fields seen so far and what they say.
#[derive(Debug)]
pub(super) struct Block {
    first_line: bool,
    place: Place,
    name: Prefix,
    event: Prefix,
    payload: Prefix,
    data_lines: u32,
    begun: bool,
    bytes: usize,
    error_named: bool,
    json: ObjectScanner<3>,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            first_line: true,
            place: Place::Name,
            name: Prefix::default(),
            event: Prefix::default(),
            payload: Prefix::default(),
            data_lines: 0,
            begun: false,
            bytes: 0,
            error_named: false,
            json: ObjectScanner::new(&WANTED, Keys::Raw),
        }
    }

    /// Whether it has a field, or the beginning of one.
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    /// Whether nothing of it was read, not even of a comment.
    pub(super) fn is_fresh(&self) -> bool {
        !self.begun && self.place == Place::Name
    }

    /// Lines of the stream were read elsewhere: no BOM can follow.
    pub(super) fn skip_first_line(&mut self) {
        self.first_line = false;
    }

    /// Reads a part of a line, without its end.
    pub(super) fn feed(&mut self, part: &[u8]) {
        self.bytes = self.bytes.saturating_add(part.len());
        let mut rest = part;
        while let Some((&byte, after)) = rest.split_first() {
            match self.place {
                Place::Name => {
                    self.name_byte(byte);
                    rest = after;
                }
                Place::Data { begun: false } | Place::Event { begun: false } => {
                    rest = rest.strip_prefix(b" ").unwrap_or(rest);
                    self.place = match self.place {
                        Place::Event { .. } => Place::Event { begun: true },
                        Place::Data { .. } | Place::Name | Place::Comment | Place::Other => {
                            Place::Data { begun: true }
                        }
                    };
                }
                Place::Data { begun: true } => {
                    self.payload.extend(rest);
                    return self.json.push(rest);
                }
                Place::Event { begun: true } => return self.event.extend(rest),
                Place::Comment | Place::Other => return,
            }
        }
    }

    fn name_byte(&mut self, byte: u8) {
        if byte != b':' {
            self.begun = true;
            self.name.extend(&[byte]);
            return;
        }
        match self.field_name() {
            b"" => self.place = Place::Comment,
            b"event" => self.place = Place::Event { begun: false },
            b"data" => self.begin_data(),
            _ => self.place = Place::Other,
        }
    }

    fn begin_data(&mut self) {
        self.place = Place::Data { begun: false };
        if self.data_lines > 0 {
            // Lines of data are joined by LF, which is white space to JSON.
            self.json.push(b"\n");
            self.payload.extend(b"\n");
        }
        self.data_lines = self.data_lines.saturating_add(1);
    }

    fn field_name(&self) -> &[u8] {
        let name = self.name.get();
        match name.strip_prefix(BOM) {
            Some(name) if self.first_line => name,
            _ => name,
        }
    }

    /// Ends the line.
    pub(super) fn end_line(&mut self) -> Line {
        self.bytes = self.bytes.saturating_add(1);
        if self.place == Place::Name && self.field_name() == b"data" {
            self.begin_data();
        }
        let line = match self.place {
            Place::Name if self.field_name().is_empty() => Line::Blank,
            Place::Comment => Line::Comment,
            Place::Name | Place::Data { .. } | Place::Event { .. } | Place::Other => Line::Field,
        };
        if matches!(self.place, Place::Event { .. }) {
            self.error_named |= self.event.get() == b"error";
            self.event = Prefix::default();
        }
        if line == Line::Comment && !self.begun {
            self.bytes = 0;
        }
        self.place = Place::Name;
        self.name = Prefix::default();
        self.first_line = false;
        line
    }

    /// Ends the event.
    pub(super) fn end(&mut self) -> Found {
        let ended = std::mem::replace(self, Self::new());
        self.first_line = false;
        let counted = ended.json.opened();
        if ended.data_lines == 0 {
            return Found::default();
        }
        let usage_only = ended.is_usage();
        let error = ended.error_named || ended.has_error();
        let usage = ended.json.member(USAGE).and_then(Member::whole);
        Found {
            usage: usage
                .filter(|_| ended.json.complete())
                .and_then(Usage::read),
            usage_only,
            counts: counted && !error && !usage_only,
            done: ended.payload.get().starts_with(DONE),
            error,
        }
    }

    /// Whether it can still turn out to be the usage chunk. Once false it stays so, whatever
    /// follows: a part that was let go cannot be taken back.
    pub(super) fn may_be_usage(&self) -> bool {
        self.begun
            && self.bytes <= HOLD_LIMIT_BYTES
            && !self.error_named
            && !self.has_error()
            && !self.json.failed()
            && self.choices_empty() != Some(false)
            && self
                .json
                .member(USAGE)
                .is_none_or(|usage| usage.kind == Kind::Object)
    }

    fn is_usage(&self) -> bool {
        self.may_be_usage()
            && self.json.complete()
            && self.choices_empty() == Some(true)
            && self.json.member(USAGE).is_some()
    }

    fn has_error(&self) -> bool {
        let error = self.json.member(ERROR);
        error.is_some_and(|error| error.kind != Kind::Null)
    }

    /// Whether `choices` is `[]`; `None` as long as that is not known.
    fn choices_empty(&self) -> Option<bool> {
        let choices = self.json.member(CHOICES)?;
        if choices.kind != Kind::Array {
            return Some(false);
        }
        let inside = choices.raw.get(1..).unwrap_or_default().trim_ascii_start();
        match inside.first() {
            Some(first) => Some(*first == b']'),
            None if choices.raw.len() >= CHOICES_BYTES => Some(false),
            None => None,
        }
    }
}

impl Prefix {
    fn extend(&mut self, more: &[u8]) {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (slot, byte) in free.iter_mut().zip(more) {
            *slot = *byte;
            self.len += 1;
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
