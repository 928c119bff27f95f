//! Counts the events of a stream, whatever the chunks that it comes in.

/// Longest start of a line that tells lines apart.
const PREFIX_BYTES: usize = 14;

/// What has been seen of a stream.
#[derive(Debug, Default)]
pub(super) struct EventCounter {
    /// `data:` lines, `[DONE]` included.
    pub(super) events: u64,
    /// `[DONE]` was seen.
    pub(super) done: bool,
    /// An error event was seen.
    pub(super) error: bool,
    prefix: [u8; PREFIX_BYTES],
    filled: usize,
}

impl EventCounter {
    /// Reads the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let newline = memchr::memchr(b'\n', bytes);
            let line = bytes.get(..newline.unwrap_or(bytes.len())).unwrap_or(bytes);
            self.fill(line);
            match newline {
                None => return,
                Some(at) => {
                    self.end_line();
                    bytes = bytes.get(at + 1..).unwrap_or_default();
                }
            }
        }
    }

    fn fill(&mut self, line: &[u8]) {
        for (slot, byte) in self.prefix.iter_mut().skip(self.filled).zip(line) {
            *slot = *byte;
            self.filled += 1;
        }
    }

    fn end_line(&mut self) {
        let prefix = self.prefix.get(..self.filled).unwrap_or_default();
        if let Some(data) = prefix.strip_prefix(b"data:") {
            self.events += 1;
            let data = data.strip_prefix(b" ").unwrap_or(data);
            self.done |= data.starts_with(b"[DONE]");
            self.error |= data.starts_with(b"{\"error\"");
        }
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunking_does_not_matter() {
        let stream = ": keep\n\ndata: {\"a\":1}\n\ndata:{\"b\"}\r\n\r\ndata: [DONE]\n\n";
        for size in 1..stream.len() {
            let mut counter = EventCounter::default();
            for chunk in stream.as_bytes().chunks(size) {
                counter.feed(chunk);
            }
            assert_eq!(
                (counter.events, counter.done, counter.error),
                (3, true, false)
            );
        }
    }

    #[test]
    fn errors_and_missing_ends_are_seen() {
        let mut counter = EventCounter::default();
        counter.feed(b"data: {\"error\":{\"type\":\"x\"}}\n\n");
        assert_eq!(
            (counter.events, counter.done, counter.error),
            (1, false, true)
        );
    }
}
