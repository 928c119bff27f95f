//! A stream on its way to the client, chunk by chunk.
//!
//! The relay reads usage and takes out the usage chunk that only the gateway asked for, and an error
//! in a vendor's own form with all that follows it. Nothing else is changed, nothing is reordered,
//! and what the client gets does not depend on how the stream is cut. Only the tail of a chunk that
//! may turn out to be one of the two is held back, at most [`HOLD_LIMIT_BYTES`] of it (the LF of a
//! CRLF not counted).

mod block;
mod named;
mod output;
mod plain;
#[cfg(test)]
mod tests;

use memchr::memchr2;

use crate::bytes::{head, tail};
use crate::usage::Usage;
use block::{Block, Line};
pub use named::NamedRelay;
use output::Output;
use plain::PlainChunk;

/// Most bytes of an event that can be the usage chunk; a larger one is never taken out.
pub const HOLD_LIMIT_BYTES: usize = 16 * 1024;

/// What to do with the chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayOut {
    /// Pass it as it is.
    Unchanged,
    /// Pass these bytes in its place; there may be none.
    Replace(Vec<u8>),
}

/// Whether the relay is just after a CR at the end of a chunk, whose LF may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterCr {
    No,
    /// The LF goes where the CR went: it was passed, or belongs to the event under way.
    Follows,
    /// The CR was the end of what was taken out.
    Removed,
}

/// Reads and passes on one stream.
#[derive(Debug)]
pub struct StreamRelay {
    strip_usage: bool,
    plain: PlainChunk,
    block: Block,
    /// The beginning of the event under way, not yet passed on.
    held: Vec<u8>,
    /// The beginning of the event under way was passed on, so its end will be.
    passing: bool,
    after_cr: AfterCr,
    usage: Option<Usage>,
    events: u64,
    saw_done: bool,
    saw_error: bool,
    foreign_error: Option<Vec<u8>>,
    /// Nothing follows what was taken out.
    over: bool,
}

impl StreamRelay {
    /// A relay at the start of a stream; `strip_usage` when the client did not ask for usage.
    #[must_use]
    pub fn new(strip_usage: bool) -> Self {
        Self {
            strip_usage,
            plain: PlainChunk::new(),
            block: Block::new(),
            held: Vec::new(),
            passing: false,
            after_cr: AfterCr::No,
            usage: None,
            events: 0,
            saw_done: false,
            saw_error: false,
            foreign_error: None,
            over: false,
        }
    }

    /// Also looks for errors in MiniMax's `base_resp`, which costs a further look at each chunk.
    #[must_use]
    pub fn watching_base_resp(mut self) -> Self {
        self.plain.watch_base_resp();
        self
    }

    /// The event, an error in a vendor's own form, that was taken out of the stream; once. What was
    /// passed on before it ends between two events, and nothing follows.
    pub fn take_foreign_error(&mut self) -> Option<Vec<u8>> {
        self.foreign_error.take()
    }

    /// What the provider last said it used. Each report replaces the one before.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Events with a JSON object, errors and the usage chunk aside: about one per output token.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether `[DONE]` was seen: a stream without it was cut.
    #[must_use]
    pub fn saw_done(&self) -> bool {
        self.saw_done
    }

    /// Whether an error came within the stream.
    #[must_use]
    pub fn saw_error(&self) -> bool {
        self.saw_error
    }

    /// Reads the next bytes; `last` with the last ones, of which there may be none.
    pub fn push(&mut self, chunk: &[u8], last: bool) -> RelayOut {
        if self.over {
            return Output::nothing(chunk);
        }
        if self.after_cr == AfterCr::No
            && self.block.is_fresh()
            && let Some(events) = self.plain.count_events(chunk)
        {
            self.block.skip_first_line();
            self.events += events;
            return RelayOut::Unchanged;
        }
        let mut out = Output::new(chunk);
        let mut at = self.late_lf(chunk, &mut out);
        while !self.over
            && let Some(end) = memchr2(b'\n', b'\r', tail(chunk, at))
        {
            self.block.feed(head(tail(chunk, at), end));
            at += end + 1;
            let is_cr = chunk.get(at - 1) == Some(&b'\r');
            if is_cr && chunk.get(at) == Some(&b'\n') {
                at += 1;
            }
            let removed = self.end_line(&mut out, at);
            if is_cr && at == chunk.len() && chunk.last() == Some(&b'\r') {
                self.after_cr = if removed {
                    AfterCr::Removed
                } else {
                    AfterCr::Follows
                };
            }
        }
        if self.over {
            out.drop_until(chunk.len());
            return out.finish();
        }
        self.block.feed(tail(chunk, at));
        if last {
            self.end_stream(&mut out, chunk.len());
        } else {
            self.end_chunk(&mut out, chunk);
        }
        out.finish()
    }

    /// Consumes the LF of a CRLF that was cut in two.
    fn late_lf(&mut self, chunk: &[u8], out: &mut Output<'_>) -> usize {
        if chunk.is_empty() {
            return 0;
        }
        let after_cr = std::mem::replace(&mut self.after_cr, AfterCr::No);
        if after_cr == AfterCr::No || chunk.first() != Some(&b'\n') {
            return 0;
        }
        if after_cr == AfterCr::Removed {
            out.drop_until(1);
        } else if !self.block.begun() {
            out.keep_until(1);
        }
        1
    }

    /// Whether the line, which ends before `at`, was the end of an event that is taken out.
    fn end_line(&mut self, out: &mut Output<'_>, at: usize) -> bool {
        match self.block.end_line() {
            // A comment keeps the connection alive and must not wait for the next event.
            Line::Comment if !self.block.begun() => {
                out.keep_until(at);
                false
            }
            Line::Comment | Line::Field => false,
            Line::Blank => self.settle(out, at),
        }
    }

    /// Ends the event under way.
    fn settle(&mut self, out: &mut Output<'_>, at: usize) -> bool {
        let found = self.block.end(self.plain.watches_base_resp());
        let removed = found.usage_only && self.strip_usage && !self.passing;
        self.passing = false;
        self.usage = found.usage.or(self.usage);
        self.events += u64::from(found.counts);
        self.saw_done |= found.done;
        self.saw_error |= found.error;
        if found.foreign_error {
            let mut event = std::mem::take(&mut self.held);
            event.extend_from_slice(out.undecided(at));
            self.foreign_error = Some(event);
            self.over = true;
            out.drop_until(at);
        } else if removed {
            self.held.clear();
            out.drop_until(at);
        } else {
            out.release(&mut self.held);
            out.keep_until(at);
        }
        removed
    }

    fn end_chunk(&mut self, out: &mut Output<'_>, chunk: &[u8]) {
        let may_go =
            self.block.may_be_foreign_error() || (self.strip_usage && self.block.may_be_usage());
        if may_go && !self.passing {
            self.held.extend_from_slice(tail(chunk, out.decided()));
            out.drop_until(chunk.len());
        } else {
            self.passing = self.block.begun();
            out.release(&mut self.held);
            out.keep_until(chunk.len());
        }
    }

    /// Takes the end of the stream for the end of its last event: some servers write no more.
    fn end_stream(&mut self, out: &mut Output<'_>, at: usize) {
        self.block.end_line();
        self.settle(out, at);
        if self.over {
            out.drop_until(at);
        }
    }
}
