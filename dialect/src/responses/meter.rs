//! Metering a stream that passes through untouched.

use memchr::memchr2;

use crate::bytes::{head, tail};
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};
use crate::usage::Usage;

/// Bytes of a field's name or of an event's type that are kept: more than any that matters.
const WORD_BYTES: usize = 64;

const TYPE: usize = 0;
const RESPONSE: usize = 1;
const ERROR: usize = 2;
const USAGE: usize = 0;

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        unique: true,
    }
}

static EVENT: [Wanted; 3] = [
    wanted("type", WORD_BYTES),
    wanted("response", 0),
    wanted("error", 0),
];
static ANSWER: [Wanted; 1] = [wanted("usage", Usage::LIMIT_BYTES)];

/// What an event is, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// Its type is still to come.
    Unknown,
    /// A piece of output.
    Delta,
    /// The answer as a whole; failed or not.
    End {
        failed: bool,
    },
    Error,
    Other,
}

impl Sort {
    fn of(name: &[u8]) -> Self {
        match name {
            b"" => Self::Unknown,
            b"response.completed" | b"response.incomplete" => Self::End { failed: false },
            b"response.failed" => Self::End { failed: true },
            b"error" => Self::Error,
            _ if name.ends_with(b".delta") => Self::Delta,
            _ => Self::Other,
        }
    }

    fn known(self) -> Option<Self> {
        (self != Self::Unknown).then_some(self)
    }
}

/// Where in a line the meter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Name,
    /// In the value of `event`.
    Event,
    /// In the value of `data`.
    Data,
    /// In what does not matter.
    Skip,
}

/// Reads usage, events and errors of a stream in chunks cut anywhere.
///
/// Only events that can hold usage or an error are read, and of those only the members that matter:
/// the last event of a stream repeats the whole answer. Memory is a few kilobytes whatever passes.
#[derive(Debug)]
pub struct StreamMeter {
    place: Place,
    after_cr: bool,
    word: Vec<u8>,
    sort: Sort,
    has_data: bool,
    scan: Scan,
    seen: Seen,
}

/// What a stream said.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    usage: Option<Usage>,
    events: u64,
    end: bool,
    error: bool,
}

impl Seen {
    /// With another event.
    fn with(mut self, sort: Sort, scan: &Scan) -> Self {
        self.error |= scan.has_error();
        match sort.known().unwrap_or_else(|| scan.sort()) {
            Sort::Delta => self.events = self.events.saturating_add(1),
            Sort::End { failed } => {
                self.end = true;
                self.error |= failed;
                self.usage = scan.usage().or(self.usage);
            }
            Sort::Error => self.error = true,
            Sort::Unknown | Sort::Other => {}
        }
        self
    }
}

/// An event's data, and the answer within.
#[derive(Debug)]
struct Scan {
    event: ObjectScanner<3>,
    answer: ObjectScanner<1>,
    read_bytes: usize,
}

impl Scan {
    fn new() -> Self {
        Self {
            event: ObjectScanner::new(&EVENT, Keys::Decoded),
            answer: ObjectScanner::new(&ANSWER, Keys::Decoded),
            read_bytes: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let before = self.read_bytes;
        self.read_bytes = before.saturating_add(bytes.len());
        self.event.push(bytes);
        if let Some(Member { span, .. }) = self.event.member(RESPONSE) {
            let until = head(bytes, span.end.saturating_sub(before));
            self.answer
                .push(tail(until, span.start.saturating_sub(before)));
        }
    }

    fn usage(&self) -> Option<Usage> {
        let usage = self.answer.member(USAGE).and_then(Member::whole);
        usage.and_then(Usage::read)
    }

    fn has_error(&self) -> bool {
        let error = self.event.member(ERROR);
        error.is_some_and(|error| error.kind != Kind::Null)
    }

    /// The event's type by its data.
    fn sort(&self) -> Sort {
        let kind = self.event.member(TYPE).and_then(Member::whole);
        let kind = kind.unwrap_or_default();
        let word = kind.strip_prefix(b"\"").unwrap_or_default();
        let sort = Sort::of(word.strip_suffix(b"\"").unwrap_or_default());
        sort.known().unwrap_or(Sort::Other)
    }
}

impl Default for StreamMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamMeter {
    /// A meter at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            place: Place::Name,
            after_cr: false,
            word: Vec::new(),
            sort: Sort::Unknown,
            has_data: false,
            scan: Scan::new(),
            seen: Seen::default(),
        }
    }

    /// What the provider last said it used.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.seen_so_far().usage
    }

    /// Pieces of output: about one per output token.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.seen_so_far().events
    }

    /// Whether the answer ended, completely or not: a stream without that was cut.
    #[must_use]
    pub fn saw_end(&self) -> bool {
        self.seen_so_far().end
    }

    /// Whether an error came within the stream.
    #[must_use]
    pub fn saw_error(&self) -> bool {
        self.seen_so_far().error
    }

    /// With the event under way, if that is whole: some servers leave out the last blank line.
    fn seen_so_far(&self) -> Seen {
        if self.has_data && self.scan.event.complete() {
            self.seen.with(self.sort, &self.scan)
        } else {
            self.seen
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            self.feed(head(rest, end));
            let is_cr = rest.get(end) == Some(&b'\r');
            rest = tail(rest, end.saturating_add(1));
            if is_cr {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            self.end_line();
        }
        self.feed(rest);
    }

    /// Reads a part of a line.
    fn feed(&mut self, part: &[u8]) {
        let mut rest = part;
        if self.place == Place::Name {
            let colon = memchr::memchr(b':', rest);
            self.keep(head(rest, colon.unwrap_or(rest.len())));
            let Some(colon) = colon else {
                return;
            };
            rest = tail(rest, colon.saturating_add(1));
            let name = std::mem::take(&mut self.word);
            self.place = match name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&name) {
                b"event" => Place::Event,
                b"data" => self.begin_data(),
                _ => Place::Skip,
            };
        }
        match self.place {
            Place::Event => self.keep(rest),
            Place::Data => {
                self.scan.push(rest);
            }
            Place::Name | Place::Skip => {}
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = WORD_BYTES.saturating_sub(self.word.len());
        self.word.extend_from_slice(head(bytes, room));
    }

    fn begin_data(&mut self) -> Place {
        let more = std::mem::replace(&mut self.has_data, true);
        match self.sort {
            Sort::Delta | Sort::Other => Place::Skip,
            Sort::Unknown | Sort::End { .. } | Sort::Error => {
                if more {
                    // Lines of data are joined by LF.
                    self.scan.push(b"\n");
                }
                Place::Data
            }
        }
    }

    fn end_line(&mut self) {
        match self.place {
            Place::Name if self.word.is_empty() => self.dispatch(),
            Place::Event => {
                let word = std::mem::take(&mut self.word);
                self.sort = Sort::of(word.strip_prefix(b" ").unwrap_or(&word));
            }
            Place::Name | Place::Data | Place::Skip => self.word.clear(),
        }
        self.place = Place::Name;
    }

    fn dispatch(&mut self) {
        if self.has_data {
            self.seen = self.seen.with(self.sort, &self.scan);
        }
        self.has_data = false;
        self.sort = Sort::Unknown;
        if self.scan.read_bytes > 0 {
            self.scan = Scan::new();
        }
    }
}
