//! A stream of named events, out of which an error in somebody else's form is taken.
//!
//! Messages and Responses name each event in its first line: one that is named, and not `error`, passes
//! as it comes. Only one that is named `error`, or not named at all, is held until it is whole.

use memchr::memchr2;

use super::output::Output;
use super::{HOLD_LIMIT_BYTES, RelayOut};
use crate::bytes::tail;

/// What becomes of the event under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its first line is still to come.
    Start,
    /// It may be the error.
    Held,
    Passing,
}

/// Passes one stream on. What the client gets does not depend on how the stream is cut.
#[derive(Debug)]
pub struct NamedRelay {
    /// Whether a whole event is an error in a form that the client does not know.
    is_foreign: fn(&[u8]) -> bool,
    stage: Stage,
    /// Of the line under way.
    line_bytes: usize,
    held: Vec<u8>,
    after_cr: bool,
    foreign: Option<Vec<u8>>,
    over: bool,
}

impl NamedRelay {
    /// A relay at the start of a stream.
    #[must_use]
    pub fn new(is_foreign: fn(&[u8]) -> bool) -> Self {
        Self {
            is_foreign,
            stage: Stage::Start,
            line_bytes: 0,
            held: Vec::new(),
            after_cr: false,
            foreign: None,
            over: false,
        }
    }

    /// Whether the error has come: nothing follows it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The event that was taken out, once. What was passed on before it ends between two events.
    pub fn take_foreign_error(&mut self) -> Option<Vec<u8>> {
        self.foreign.take()
    }

    /// Reads the next bytes; `last` with the last ones, of which there may be none.
    pub fn push(&mut self, chunk: &[u8], last: bool) -> RelayOut {
        if self.over {
            return Output::nothing(chunk);
        }
        let mut out = Output::new(chunk);
        let mut at = 0;
        if !chunk.is_empty() && std::mem::take(&mut self.after_cr) && chunk.first() == Some(&b'\n')
        {
            at = 1;
            if self.stage != Stage::Held {
                out.keep_until(at);
            }
        }
        while !self.over
            && let Some(len) = memchr2(b'\n', b'\r', tail(chunk, at))
        {
            let end = at + len;
            let is_cr = chunk.get(end) == Some(&b'\r');
            at = end + 1;
            if is_cr && chunk.get(at) == Some(&b'\n') {
                at += 1;
            }
            self.after_cr = is_cr && at == chunk.len() && chunk.last() == Some(&b'\r');
            let blank = self.line_bytes + len == 0;
            self.line_bytes = 0;
            self.end_line(&mut out, blank, (end, at));
        }
        if !self.over {
            self.line_bytes += tail(chunk, at).len();
            self.end_chunk(&mut out, chunk.len(), last);
        }
        if self.over {
            out.drop_until(chunk.len());
        }
        out.finish()
    }

    /// A line has ended before `end`, its end before `at`.
    fn end_line(&mut self, out: &mut Output<'_>, blank: bool, (end, at): (usize, usize)) {
        match self.stage {
            Stage::Passing => {
                if blank {
                    out.keep_until(at);
                    self.stage = Stage::Start;
                }
            }
            Stage::Held => {
                if blank {
                    self.judge(out, (end, at));
                }
            }
            Stage::Start => {
                let stage = if blank {
                    Stage::Start
                } else if self.held.is_empty() {
                    first_line(out.undecided(end))
                } else {
                    self.held.extend_from_slice(out.undecided(end));
                    let stage = first_line(&self.held);
                    let begun = self.held.len() - out.undecided(end).len();
                    self.held.truncate(begun);
                    stage
                };
                self.stage = stage;
                if stage != Stage::Held {
                    out.release(&mut self.held);
                    out.keep_until(at);
                }
            }
        }
    }

    /// The event that was held is whole; its last line ended before `end`.
    fn judge(&mut self, out: &mut Output<'_>, (end, at): (usize, usize)) {
        self.stage = Stage::Start;
        let whole = out.undecided(at);
        let foreign = if self.held.len() + out.undecided(end).len() > HOLD_LIMIT_BYTES {
            false
        } else if self.held.is_empty() {
            (self.is_foreign)(whole)
        } else {
            self.held.extend_from_slice(whole);
            let foreign = (self.is_foreign)(&self.held);
            if !foreign {
                let begun = self.held.len() - whole.len();
                self.held.truncate(begun);
            }
            foreign
        };
        if foreign {
            let mut event = std::mem::take(&mut self.held);
            if event.is_empty() {
                event.extend_from_slice(whole);
            }
            self.foreign = Some(event);
            self.over = true;
        } else {
            out.release(&mut self.held);
            out.keep_until(at);
        }
    }

    fn end_chunk(&mut self, out: &mut Output<'_>, len: usize, last: bool) {
        if last {
            // Some servers leave out the last blank line.
            return match self.stage {
                Stage::Held => self.judge(out, (len, len)),
                Stage::Start | Stage::Passing => {
                    out.release(&mut self.held);
                    out.keep_until(len);
                }
            };
        }
        let more = out.undecided(len);
        let fits = self.held.len() + more.len() <= HOLD_LIMIT_BYTES;
        if self.stage != Stage::Passing && fits {
            self.held.extend_from_slice(more);
            out.drop_until(len);
            return;
        }
        if !fits {
            self.stage = Stage::Passing;
        }
        out.release(&mut self.held);
        out.keep_until(len);
    }
}

/// What the first line of an event makes of it; a comment is none.
fn first_line(line: &[u8]) -> Stage {
    if line.first() == Some(&b':') {
        return Stage::Start;
    }
    match line.strip_prefix(b"event:").map(<[u8]>::trim_ascii) {
        Some(b"error") | None => Stage::Held,
        Some(_) => Stage::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(stream: &str, size: usize) -> (String, Option<String>) {
        let mut relay = NamedRelay::new(|event| event.windows(3).any(|w| w == b"BAD"));
        let mut out = Vec::new();
        for piece in stream.as_bytes().chunks(size).chain([&b""[..]]) {
            match relay.push(piece, piece.is_empty()) {
                RelayOut::Unchanged => out.extend_from_slice(piece),
                RelayOut::Replace(bytes) => out.extend(bytes),
            }
        }
        let taken = relay.take_foreign_error();
        assert_eq!(taken.is_some(), relay.is_over());
        (
            String::from_utf8(out).unwrap(),
            taken.map(|event| String::from_utf8(event).unwrap()),
        )
    }

    #[test]
    fn the_error_is_taken_out_and_ends_the_stream_however_it_is_cut() {
        let good = ": hi\n\nevent: a\ndata: BAD but named\n\ndata: unnamed\r\n\r\nevent: error\rdata: known\r\r";
        for (bad, rest) in [
            ("data: BAD\n\n", "event: a\ndata: 1\n\n"),
            ("event: error\r\ndata: BAD\r\n\r\n", "x"),
            ("event:error\ndata: BAD", ""),
            ("id: 1\rdata: BAD\r\r", "\n"),
            (": BAD\n\n", ""),
        ] {
            let stream = format!("{good}{bad}{rest}");
            let whole = relay(&stream, usize::MAX);
            let comment = bad.starts_with(':');
            let passed = if comment { stream.as_str() } else { good };
            assert_eq!(whole.0, passed);
            assert_eq!(whole.1.is_some(), !comment);
            for size in 1..20 {
                let (out, taken) = relay(&stream, size);
                assert_eq!(out, passed, "{size}");
                let told = |event: &Option<String>| event.as_ref().map(|e| e.trim().to_owned());
                assert_eq!(told(&taken), told(&whole.1), "{size}");
            }
        }
    }

    #[test]
    fn what_is_too_large_to_be_an_error_passes() {
        let stream = format!("data: {}BAD\n\nevent: b\n\n", "x".repeat(HOLD_LIMIT_BYTES));
        for size in [usize::MAX, 1000, 7] {
            assert_eq!(relay(&stream, size), (stream.clone(), None));
        }
    }
}
