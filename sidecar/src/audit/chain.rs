//! One line, and what ties it to the one before.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read as _};

use crate::digest;

/// Longest line, bytes.
const LINE_LIMIT_BYTES: usize = 256 * 1024;
const HEX_DIGITS: usize = 64;
const HASH: &str = ",\"hash\":\"";
const END: &str = "\"}";

/// A place in the chain: a line's number, counted from 1, and its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The line's number; 0 before the first.
    pub sequence: u64,
    /// SHA-256 of the line up to its `hash`, 64 lower-case hex digits.
    pub hash: String,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            sequence: 0,
            hash: "0".repeat(HEX_DIGITS),
        }
    }
}

/// A line that is whole by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its place.
    pub link: Link,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The digest of the line before it.
    pub previous: &'a str,
    /// What happened: a JSON object.
    pub event: &'a str,
}

impl Entry<'_> {
    /// Whether it stands right behind `link`.
    pub(super) fn follows(&self, link: &Link) -> bool {
        self.previous == link.hash && Some(self.link.sequence) == link.sequence.checked_add(1)
    }
}

/// Writes the line behind `link`, with its line feed.
pub(super) fn write(link: &Link, at_ms: u64, event: &str, out: &mut String) -> Link {
    let sequence = link.sequence.saturating_add(1);
    let start = out.len();
    let _ = write!(
        out,
        "{{\"sequence\":{sequence},\"at_ms\":{at_ms},\"prev\":\"{}\",\"event\":{event}",
        link.hash
    );
    let hash = digest::hex(&[out.get(start..).unwrap_or_default().as_bytes()]);
    out.push_str(HASH);
    out.push_str(&hash);
    out.push_str(END);
    out.push('\n');
    Link { sequence, hash }
}

/// A line as it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// There is no more.
    Nothing,
    /// One that ends with a line feed, which is taken off.
    Ended,
    /// One that does not, by the end of the file or of what a line may be long.
    Unended,
}

/// Reads the next line into `line`, as far as a line may be long.
pub(super) fn next_line(file: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Read> {
    line.clear();
    let read = file
        .by_ref()
        .take(LINE_LIMIT_BYTES as u64)
        .read_until(b'\n', line)?;
    Ok(match line.pop_if(|byte| *byte == b'\n') {
        Some(_) => Read::Ended,
        None if read == 0 => Read::Nothing,
        None => Read::Unended,
    })
}

/// Reads a line without its line feed; `None` when it is not what [`write`] wrote.
#[must_use]
pub fn read(line: &[u8]) -> Option<Entry<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_suffix(END)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(HEX_DIGITS)?)?;
    let body = rest.strip_suffix(HASH)?;
    if digest::hex(&[body.as_bytes()]) != hash {
        return None;
    }
    let rest = body.strip_prefix("{\"sequence\":")?;
    let (sequence, rest) = rest.split_once(",\"at_ms\":")?;
    let (at_ms, rest) = rest.split_once(",\"prev\":\"")?;
    let (previous, event) = rest.split_once("\",\"event\":")?;
    Some(Entry {
        link: Link {
            sequence: sequence.parse().ok()?,
            hash: hash.to_owned(),
        },
        at_ms: at_ms.parse().ok()?,
        previous,
        event,
    })
}
