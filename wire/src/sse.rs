//! Server-sent events, read as the WHATWG HTML standard says (section 9.2.6).
//!
//! LF, CR and CRLF end lines, a BOM may lead, comments are skipped, several `data` lines make one
//! datum, and an event without a blank line after it at the end of the stream is discarded.
//! `id` and `retry` steer reconnection, which an answer to a POST has not: they are skipped.

#[cfg(test)]
mod tests;

use memchr::memchr2;

use crate::bytes::tail;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its type; empty when it did not say, which means `message`.
    pub name: &'a [u8],
    /// Its data, lines joined by LF.
    pub data: &'a [u8],
}

/// A line or an event is larger than the reader's bound; the rest of the stream is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Reads events from chunks cut anywhere.
///
/// An event that lies in one chunk and has one `data` line is borrowed from it; others are put
/// together in buffers, which together hold at most twice the bound and are used again.
#[derive(Debug)]
pub struct SseReader {
    limit_bytes: usize,
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    event_bytes: usize,
    after_cr: bool,
    first_line: bool,
    overflown: bool,
}

/// Fields of the event under way that are still in the chunk.
#[derive(Default)]
struct Borrowed<'c> {
    name: Option<&'c [u8]>,
    data: Option<&'c [u8]>,
}

impl SseReader {
    /// A reader at the start of a stream; `limit_bytes` bounds a line, and an event's fields.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            has_data: false,
            event_bytes: 0,
            after_cr: false,
            first_line: true,
            overflown: false,
        }
    }

    /// Reads the next bytes and hands each event that ends in them to `sink`.
    ///
    /// # Errors
    /// When a line or event is too large, and for ever after.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Event<'_>)) -> Result<(), Overflow> {
        let mut borrowed = Borrowed::default();
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            let line = rest.get(..end).unwrap_or_default();
            let is_cr = rest.get(end) == Some(&b'\r');
            rest = tail(rest, end + 1);
            if is_cr {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            self.admit(self.line.len() + line.len())?;
            if self.line.is_empty() {
                self.field(line, &mut borrowed, sink);
            } else {
                self.joined_line(line, sink);
            }
        }
        self.admit(self.line.len() + rest.len())?;
        self.line.extend_from_slice(rest);
        self.keep(&mut borrowed);
        Ok(())
    }

    fn admit(&mut self, line_bytes: usize) -> Result<(), Overflow> {
        self.overflown |= self.event_bytes + line_bytes > self.limit_bytes;
        if self.overflown {
            Err(Overflow)
        } else {
            Ok(())
        }
    }

    /// A line that began in an earlier chunk.
    fn joined_line(&mut self, end: &[u8], sink: &mut dyn FnMut(Event<'_>)) {
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(end);
        // It is the first line to end in its chunk, so nothing is borrowed from there yet.
        let mut borrowed = Borrowed::default();
        self.field(&line, &mut borrowed, sink);
        self.keep(&mut borrowed);
        line.clear();
        self.line = line;
    }

    fn field<'l>(
        &mut self,
        line: &'l [u8],
        borrowed: &mut Borrowed<'l>,
        sink: &mut dyn FnMut(Event<'_>),
    ) {
        let line = match std::mem::replace(&mut self.first_line, false) {
            true => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
            false => line,
        };
        if line.is_empty() {
            return self.dispatch(borrowed, sink);
        }
        let (name, value) = split_field(line);
        match name {
            b"data" => {
                if self.has_data {
                    self.keep(borrowed);
                    self.data.push(b'\n');
                    self.data.extend_from_slice(value);
                } else {
                    self.has_data = true;
                    borrowed.data = Some(value);
                }
            }
            b"event" => {
                self.name.clear();
                borrowed.name = Some(value);
            }
            _ => return,
        }
        self.event_bytes += line.len();
    }

    fn dispatch(&mut self, borrowed: &mut Borrowed<'_>, sink: &mut dyn FnMut(Event<'_>)) {
        if self.has_data {
            sink(Event {
                name: borrowed.name.unwrap_or(&self.name),
                data: borrowed.data.unwrap_or(&self.data),
            });
        }
        *borrowed = Borrowed::default();
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        self.event_bytes = 0;
    }

    /// Moves what is borrowed into the buffers, before its chunk goes or data are joined.
    fn keep(&mut self, borrowed: &mut Borrowed<'_>) {
        if let Some(name) = borrowed.name.take() {
            self.name.extend_from_slice(name);
        }
        if let Some(data) = borrowed.data.take() {
            self.data.extend_from_slice(data);
        }
    }
}

/// The field's name and value; a comment's name is empty.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = tail(line, colon + 1);
            let name = line.get(..colon).unwrap_or_default();
            (name, value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}
