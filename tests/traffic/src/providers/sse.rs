//! A stream of server-sent events as bytes and bounds.

use bytes::Bytes;

use super::script::{Ending, Script};

/// Events written one after the other, and where each ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// A stream ready to be sent: its bytes, and where each write ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pieces {
    pub(super) bytes: Bytes,
    pub(super) ends: Vec<usize>,
    /// Whether the connection is reset after the last piece.
    pub(super) reset: bool,
    /// Pieces that go before the wait for the first token.
    pub(super) early: usize,
}

impl Events {
    /// No events yet, with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            ends: Vec::new(),
        }
    }

    /// A recorded stream, cut after each blank line; its bytes unchanged.
    pub(super) fn from_recording(bytes: &[u8]) -> Self {
        let mut ends: Vec<usize> = memchr::memmem::find_iter(bytes, b"\n\n")
            .map(|at| at + 2)
            .collect();
        if ends.last() != Some(&bytes.len()) {
            ends.push(bytes.len());
        }
        Self {
            bytes: bytes.to_vec(),
            ends,
        }
    }

    /// Appends the event that `write` writes: `data: …` with its blank line.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(b"data: ");
        write(&mut self.bytes);
        self.bytes.extend_from_slice(b"\n\n");
        self.ends.push(self.bytes.len());
    }

    /// The stream that `script` makes of these events.
    pub(super) fn pieces(mut self, script: &Script) -> Pieces {
        let reset = match script.ending {
            None => false,
            Some(Ending::Cut(count)) => {
                self.truncate(count);
                true
            }
            Some(Ending::End(count)) => {
                self.truncate(count);
                false
            }
        };
        let mut early = 0_usize;
        if script.comment_first {
            self.comment();
            early = 2;
        }
        if script.crlf {
            self.crlf();
        }
        if let Some(size) = script.split {
            let total = self.bytes.len();
            // The early pieces keep their count only as far as they still are whole.
            let before = early
                .checked_sub(1)
                .and_then(|last| self.ends.get(last))
                .copied()
                .unwrap_or(0);
            self.ends = (size..total).step_by(size).chain([total]).collect();
            early = self.ends.partition_point(|end| *end <= before);
        }
        if script.burst && early == 0 {
            self.ends = vec![self.bytes.len()];
        }
        self.ends.dedup();
        Pieces {
            bytes: Bytes::from(self.bytes),
            ends: self.ends,
            reset,
            early,
        }
    }

    fn truncate(&mut self, events: usize) {
        self.ends.truncate(events);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Two keep-alive comments before everything, as servers send while a model is thinking.
    fn comment(&mut self) {
        const COMMENT: &[u8] = b": keep-alive\n\n";
        self.bytes.splice(0..0, COMMENT.repeat(2));
        let shift = 2 * COMMENT.len();
        let shifted = self.ends.iter().map(|end| end + shift);
        self.ends = [COMMENT.len(), shift].into_iter().chain(shifted).collect();
    }

    /// `\r\n` for each `\n`: JSON has none of its own, so they all are the framing's.
    fn crlf(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 2 * self.ends.len());
        let mut ends = Vec::with_capacity(self.ends.len());
        let mut start = 0;
        for end in &self.ends {
            for byte in self.bytes.get(start..*end).unwrap_or_default() {
                if *byte == b'\n' {
                    bytes.push(b'\r');
                }
                bytes.push(*byte);
            }
            start = *end;
            ends.push(bytes.len());
        }
        self.bytes = bytes;
        self.ends = ends;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(script: &str) -> Vec<String> {
        let mut events = Events::default();
        for event in ["a", "b", "[DONE]"] {
            events.push(|out| out.extend_from_slice(event.as_bytes()));
        }
        let sent = events.pieces(&Script::parse(script).unwrap());
        let mut start = 0;
        let cut = |end: &usize| {
            let piece = sent.bytes.slice(start..*end);
            start = *end;
            String::from_utf8(piece.to_vec()).unwrap()
        };
        sent.ends.iter().map(cut).collect()
    }

    #[test]
    fn each_event_is_a_piece() {
        assert_eq!(
            pieces("ok"),
            ["data: a\n\n", "data: b\n\n", "data: [DONE]\n\n"]
        );
        assert_eq!(pieces("burst"), ["data: a\n\ndata: b\n\ndata: [DONE]\n\n"]);
        assert_eq!(pieces("end:2"), ["data: a\n\n", "data: b\n\n"]);
        assert_eq!(pieces("cut:1"), ["data: a\n\n"]);
        assert!(pieces("cut:0").is_empty());
    }

    #[test]
    fn framing_varies_as_scripted() {
        assert_eq!(pieces("crlf+end:1"), ["data: a\r\n\r\n"]);
        assert_eq!(
            pieces("comment-first+end:1"),
            [": keep-alive\n\n", ": keep-alive\n\n", "data: a\n\n"]
        );
        assert_eq!(pieces("split:4+end:1"), ["data", ": a\n", "\n"]);
        assert_eq!(pieces("split:1").concat(), pieces("ok").concat());
        assert_eq!(
            pieces("split:5+crlf+comment-first").concat(),
            pieces("comment-first").concat().replace('\n', "\r\n")
        );
    }

    #[test]
    fn a_recording_keeps_its_bytes() {
        let recorded = b"data: 1\n\ndata: 2\n\n\ntail";
        let sent = Events::from_recording(recorded).pieces(&Script::default());
        assert_eq!(&sent.bytes[..], recorded);
        assert_eq!(sent.ends, [9, 18, recorded.len()]);
    }
}
