//! The event under way, read as it comes.

use memchr::memmem;

use crate::bytes::tail;
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};
use crate::relay::HOLD_LIMIT_BYTES;
use crate::usage::Usage;

const CHOICES: usize = 0;
const USAGE: usize = 1;
const ERROR: usize = 2;
const OBJECT: usize = 3;
const TYPE: usize = 4;
const BASE_RESP: usize = 5;
const CHOICES_BYTES: usize = 16;
/// More than any word that matters, in quotes.
const WORD_BYTES: usize = 16;
const BASE_RESP_BYTES: usize = 1024;

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        // A first sight of a member must be the last word on it, else nothing could be let go.
        unique: true,
    }
}

static WANTED: [Wanted; 6] = [
    wanted("choices", CHOICES_BYTES),
    wanted("usage", Usage::LIMIT_BYTES),
    wanted("error", 0),
    wanted("object", WORD_BYTES),
    wanted("type", WORD_BYTES),
    wanted("base_resp", BASE_RESP_BYTES),
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
    /// The error is in a form of a vendor's own, which clients of OpenAI's API do not know.
    pub(super) foreign_error: bool,
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
    json: ObjectScanner<6>,
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

    /// Ends the event; `base_resp` when MiniMax's errors are looked for.
    pub(super) fn end(&mut self, base_resp: bool) -> Found {
        let ended = std::mem::replace(self, Self::new());
        self.first_line = false;
        let counted = ended.json.opened();
        if ended.data_lines == 0 {
            return Found::default();
        }
        let usage_only = ended.is_usage();
        let foreign_error = ended.is_foreign_error(base_resp);
        let error = ended.error_named || ended.has_error() || foreign_error;
        let usage = ended.json.member(USAGE).and_then(Member::whole);
        Found {
            usage: usage
                .filter(|_| ended.json.complete())
                .and_then(Usage::read),
            usage_only,
            counts: counted && !error && !usage_only,
            done: ended.payload.get().starts_with(DONE),
            error,
            foreign_error,
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

    /// Whether it can still turn out to be an error in a vendor's own form; once false it stays so.
    pub(super) fn may_be_foreign_error(&self) -> bool {
        self.begun
            && self.bytes <= HOLD_LIMIT_BYTES
            && !self.has_error()
            && !self.has_choices()
            && !self.payload.get().starts_with(DONE)
    }

    fn is_foreign_error(&self, base_resp: bool) -> bool {
        if !self.may_be_foreign_error() {
            return false;
        }
        let raw = |index| self.json.member(index).and_then(Member::whole);
        let says = |index| raw(index) == Some(b"\"error\"");
        let failed = || base_resp && raw(BASE_RESP).is_some_and(has_failed);
        self.error_named || (self.json.complete() && (says(OBJECT) || says(TYPE) || failed()))
    }

    /// Whether `choices` holds something, as far as is known.
    fn has_choices(&self) -> bool {
        let choices = self.json.member(CHOICES);
        choices.is_some_and(|choices| choices.kind == Kind::Array)
            && self.choices_empty() == Some(false)
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

/// Whether MiniMax's `base_resp` says that something went wrong: its `status_code` is a number, and not 0.
fn has_failed(base_resp: &[u8]) -> bool {
    const NAME: &[u8] = b"\"status_code\"";
    let Some(at) = memmem::find(base_resp, NAME) else {
        return false;
    };
    let value = tail(base_resp, at + NAME.len()).trim_ascii_start();
    let value = value.strip_prefix(b":").unwrap_or_default();
    let value = value.trim_ascii_start();
    matches!(value.first(), Some(b'-' | b'1'..=b'9'))
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
