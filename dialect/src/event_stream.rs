//! AWS's binary event stream, `application/vnd.amazon.eventstream`, as smithy.io's "Amazon Event
//! Stream Specification" says it: <https://smithy.io/2.0/aws/amazon-eventstream.html>.
//!
//! A frame is its length, the length of its headers and a CRC-32 of these two, then headers,
//! payload, and a CRC-32 of all before it; numbers are big-endian. Both checksums are verified before
//! anything of a frame is shown. What cannot be a frame ends the stream: there is no mark from
//! which reading could start again.

mod header;
#[cfg(test)]
pub(crate) mod tests;

use crate::bytes::{head, tail};
pub use header::{HeaderValue, Headers};

/// Bytes of a frame before its headers: two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// Bytes of a checksum.
const CHECKSUM_BYTES: usize = 4;
/// Most bytes of room that the buffer keeps between frames.
const KEPT_BYTES: usize = 64 * 1024;

/// A frame whose checksums are right and whose headers are well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its headers.
    pub headers: Headers<'a>,
    /// Its payload.
    pub payload: &'a [u8],
}

/// Why the rest of a stream cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// A checksum does not match: bytes were changed on the way.
    Checksum,
    /// The lengths contradict each other.
    Length,
    /// The headers are not what the specification says.
    Headers,
    /// A frame is larger than the reader's bound.
    TooLarge,
}

/// Reads frames from chunks cut anywhere.
///
/// A frame that lies in one chunk is borrowed from it; others are put together in a buffer of at
/// most the bound, which grows only as bytes arrive and is used again.
#[derive(Debug)]
pub struct EventStreamReader {
    limit_bytes: usize,
    pending: Vec<u8>,
    failed: Option<FrameError>,
}

impl EventStreamReader {
    /// A reader at the start of a stream; `limit_bytes` bounds a whole frame.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            pending: Vec::new(),
            failed: None,
        }
    }

    /// Reads the next bytes and hands each frame that ends in them to `sink`.
    ///
    /// # Errors
    /// When the bytes are no frame, or one that is too large, and for ever after.
    pub fn push(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(Frame<'_>),
    ) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.read(chunk, sink);
        if let Err(error) = result {
            self.failed = Some(error);
            self.pending = Vec::new();
        }
        result
    }

    /// Whether the bytes so far are whole frames: where a stream may end.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.failed.is_none() && self.pending.is_empty()
    }

    fn read(&mut self, chunk: &[u8], sink: &mut impl FnMut(Frame<'_>)) -> Result<(), FrameError> {
        let mut rest = chunk;
        if !self.pending.is_empty() {
            rest = self.complete(rest, sink)?;
        }
        while let Some(length) = frame_bytes(rest, self.limit_bytes)? {
            let Some((bytes, left)) = rest.split_at_checked(length) else {
                break;
            };
            sink(frame(bytes)?);
            rest = left;
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// Adds to the frame under way what of it is in `chunk`, and gives back the rest.
    fn complete<'c>(
        &mut self,
        chunk: &'c [u8],
        sink: &mut impl FnMut(Frame<'_>),
    ) -> Result<&'c [u8], FrameError> {
        let rest = self.take(PRELUDE_BYTES, chunk);
        let Some(length) = frame_bytes(&self.pending, self.limit_bytes)? else {
            return Ok(rest);
        };
        let rest = self.take(length, rest);
        if self.pending.len() < length {
            return Ok(rest);
        }
        sink(frame(&self.pending)?);
        if self.pending.capacity() > KEPT_BYTES {
            self.pending = Vec::new();
        }
        self.pending.clear();
        Ok(rest)
    }

    /// Fills the buffer up to `bytes` as far as `chunk` reaches.
    fn take<'c>(&mut self, bytes: usize, chunk: &'c [u8]) -> &'c [u8] {
        let missing = bytes.saturating_sub(self.pending.len());
        self.pending.extend_from_slice(head(chunk, missing));
        tail(chunk, missing.min(chunk.len()))
    }
}

/// How many bytes the frame has that begins here; `None` before its prelude is there.
fn frame_bytes(bytes: &[u8], limit_bytes: usize) -> Result<Option<usize>, FrameError> {
    let Some(prelude) = bytes.get(..PRELUDE_BYTES) else {
        return Ok(None);
    };
    let lengths = head(prelude, PRELUDE_BYTES - CHECKSUM_BYTES);
    if number(prelude, PRELUDE_BYTES - CHECKSUM_BYTES) != crc32fast::hash(lengths) {
        return Err(FrameError::Checksum);
    }
    let whole = bytes_of(number(prelude, 0));
    let least = bytes_of(number(prelude, 4)).saturating_add(PRELUDE_BYTES + CHECKSUM_BYTES);
    if whole < least {
        return Err(FrameError::Length);
    }
    if whole > limit_bytes {
        return Err(FrameError::TooLarge);
    }
    Ok(Some(whole))
}

/// Reads a whole frame whose prelude is right.
fn frame(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let end = bytes.len().saturating_sub(CHECKSUM_BYTES);
    if number(bytes, end) != crc32fast::hash(head(bytes, end)) {
        return Err(FrameError::Checksum);
    }
    let content = tail(head(bytes, end), PRELUDE_BYTES);
    let (headers, payload) = content
        .split_at_checked(bytes_of(number(bytes, 4)))
        .ok_or(FrameError::Length)?;
    Ok(Frame {
        headers: Headers::read(headers).ok_or(FrameError::Headers)?,
        payload,
    })
}

/// The number at a place; 0 when there is none.
fn number(bytes: &[u8], at: usize) -> u32 {
    tail(bytes, at)
        .first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn bytes_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
