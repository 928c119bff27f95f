//! A stream as bytes and bounds: of server-sent events, or of a dialect's own frames.

use bytes::Bytes;

use super::script::{Ending, Script};

/// Events written one after the other, and where each ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many of the last events only tell that the stream is over.
    closing: usize,
    /// What this stream's dialect sends to keep the connection alive.
    keep_alive: KeepAlive,
}

/// What keeps a stream's connection alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeepAlive {
    /// A comment.
    #[default]
    Comment,
    /// Anthropic's event.
    Ping,
    /// Nothing: the stream is binary, without lines.
    Binary,
}

impl KeepAlive {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Comment => b": keep-alive\n\n",
            Self::Ping => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
            Self::Binary => b"",
        }
    }
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

/// Appends an error in a form that is nobody's here: what a server before the model says.
pub(super) fn strange_error(events: &mut Events) {
    events.push(|out| {
        out.extend_from_slice(
            br#"{"object":"error","message":"Service tier capacity exceeded.","type":"capacity","code":"3505"}"#,
        );
    });
}

impl Events {
    /// No events yet, with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            ..Self::default()
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
            ..Self::default()
        }
    }

    /// Appends the event that `write` writes: `data: …` with its blank line.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(b"data: ");
        write(&mut self.bytes);
        self.bytes.extend_from_slice(b"\n\n");
        self.ends.push(self.bytes.len());
    }

    /// Appends the event of type `name` that `write` writes.
    pub(super) fn push_named(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.extend_from_slice(b"event: ");
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(b'\n');
        self.push(write);
    }

    /// Appends a frame as it is.
    pub(super) fn push_frame(&mut self, frame: &[u8]) {
        self.bytes.extend_from_slice(frame);
        self.ends.push(self.bytes.len());
    }

    /// The same stream, whose dialect keeps connections alive in this way.
    pub(super) fn kept_alive_by(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// The same stream, whose last `count` events only tell that it is over.
    pub(super) fn closed_by(mut self, count: usize) -> Self {
        self.closing = count;
        self
    }

    /// Keeps the first `events` only.
    pub(super) fn truncate(&mut self, events: usize) {
        self.ends.truncate(events);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
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
            Some(Ending::Unfinished) => {
                self.truncate(self.ends.len().saturating_sub(self.closing));
                false
            }
            // The error is the dialect's: whoever knows it has appended it.
            Some(Ending::Error(_) | Ending::StrangeError(_)) => false,
        };
        if script.keep_alives {
            self.keep_alive();
        }
        let mut early = 0_usize;
        if script.comment_first && self.keep_alive != KeepAlive::Binary {
            self.comment();
            early = 2;
        }
        if script.crlf && self.keep_alive != KeepAlive::Binary {
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

    /// A keep-alive after each event but the last.
    fn keep_alive(&mut self) {
        let sign = self.keep_alive.bytes();
        let mut bytes = Vec::with_capacity(self.bytes.len() + self.ends.len() * sign.len());
        let mut start = 0;
        let last = self.ends.last().copied();
        for end in &mut self.ends {
            bytes.extend_from_slice(self.bytes.get(start..*end).unwrap_or_default());
            start = *end;
            if Some(*end) != last {
                bytes.extend_from_slice(sign);
            }
            *end = bytes.len();
        }
        self.bytes = bytes;
    }

    /// Two keep-alive comments before everything, as servers send while a model is thinking.
    fn comment(&mut self) {
        const COMMENT: &[u8] = b": keep-alive\n\n";
        self.bytes.splice(0..0, COMMENT.repeat(2));
        let shift = 2 * COMMENT.len();
        let shifted = self.ends.iter().map(|end| end + shift);
        self.ends = [COMMENT.len(), shift].into_iter().chain(shifted).collect();
    }

    /// The same stream with `\r\n` line ends.
    pub(super) fn with_crlf(mut self) -> Self {
        self.crlf();
        self
    }

    /// `\r\n` for each `\n` that is not one already: JSON has none of its own, so they all are the framing's.
    fn crlf(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 2 * self.ends.len());
        let mut ends = Vec::with_capacity(self.ends.len());
        let mut start = 0;
        for end in &self.ends {
            for byte in self.bytes.get(start..*end).unwrap_or_default() {
                if *byte == b'\n' && bytes.last() != Some(&b'\r') {
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
    fn dialects_have_their_own_framing() {
        let mut events = Events::default()
            .kept_alive_by(KeepAlive::Ping)
            .closed_by(1);
        events.push_named("a", |out| out.push(b'1'));
        events.push_named("b", |out| out.push(b'2'));
        let sent = |script: &str| {
            let pieces = events.clone().pieces(&Script::parse(script).unwrap());
            String::from_utf8(pieces.bytes.to_vec()).unwrap()
        };
        assert_eq!(sent("no-end"), "event: a\ndata: 1\n\n");
        assert_eq!(
            sent("keep-alives"),
            "event: a\ndata: 1\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: b\ndata: 2\n\n"
        );
        let twice = events
            .with_crlf()
            .pieces(&Script::parse("crlf+end:1").unwrap());
        assert_eq!(&twice.bytes[..], b"event: a\r\ndata: 1\r\n\r\n");
        let mut binary = Events::default().kept_alive_by(KeepAlive::Binary);
        binary.push_frame(b"\n\0\n");
        let whole = Script::parse("crlf+comment-first+keep-alives").unwrap();
        assert_eq!(&binary.pieces(&whole).bytes[..], b"\n\0\n");
    }

    #[test]
    fn a_recording_keeps_its_bytes() {
        let recorded = b"data: 1\n\ndata: 2\n\n\ntail";
        let sent = Events::from_recording(recorded).pieces(&Script::default());
        assert_eq!(&sent.bytes[..], recorded);
        assert_eq!(sent.ends, [9, 18, recorded.len()]);
    }
}
