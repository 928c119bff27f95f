//! What a provider charges for: its own books, which a gateway's must equal.
//!
//! A prompt that was taken in is charged for, also when the client left before its answer. Of an answer
//! that broke off, what had been sent is. Errors and resets cost nothing.

use std::collections::VecDeque;
use std::sync::OnceLock;

use memchr::memmem;
use serde::Serialize;

use super::reply::Usage;

/// Most charges that are kept; the oldest go first.
const LINES_LIMIT: usize = 200_000;

/// What one answer will have used when it is whole: told by whoever makes the answer.
pub(super) type Told = OnceLock<Usage>;

/// One charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Charge {
    /// The value of `x-request-id`.
    pub request_id: String,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Tokens of the answer, as far as it was sent.
    pub answer: usize,
    /// Whether the client was told of exactly this.
    pub reported: bool,
}

/// All charges.
#[derive(Debug, Default)]
pub(super) struct Bill(VecDeque<Charge>);

impl Bill {
    pub(super) fn add(&mut self, charge: Charge) {
        if self.0.len() >= LINES_LIMIT {
            self.0.pop_front();
        }
        self.0.push_back(charge);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn charges(&self) -> Vec<Charge> {
        self.0.iter().cloned().collect()
    }
}

/// A charge that is due when its answer ends, however it does.
#[derive(Debug)]
pub(super) struct Due {
    request_id: String,
    usage: Usage,
    answer: usize,
    reported: bool,
}

impl Due {
    /// For a prompt that was taken in, and nothing sent yet.
    pub(super) fn new(request_id: String, usage: Usage) -> Self {
        Self {
            request_id,
            usage,
            answer: 0,
            reported: false,
        }
    }

    /// The whole answer was sent, with its usage.
    pub(super) fn sent_whole(&mut self) {
        self.answer = self.usage.answer;
        self.reported = true;
    }

    /// So much of a stream was sent.
    pub(super) fn sent(&mut self, stream: &[u8]) {
        let has = |marker: &[u8]| memmem::find(stream, marker).is_some();
        if has(b"\"completion_tokens\":") || has(b"event: message_delta\n") {
            return self.sent_whole();
        }
        let count = |marker: &[u8]| memmem::find_iter(stream, marker).count();
        let chunks = count(b"\"delta\":{\"").saturating_sub(count(b"\"delta\":{\"role\""));
        let pieces = count(b"event: content_block_delta\n").max(chunks);
        self.answer = pieces.min(self.usage.answer);
    }

    pub(super) fn charge(self) -> Charge {
        Charge {
            request_id: self.request_id,
            prompt: self.usage.prompt,
            answer: self.answer,
            reported: self.reported,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_charged() {
        let usage = Usage {
            prompt: 7,
            answer: 3,
            ..Usage::default()
        };
        let answered = |stream: &str| {
            let mut due = Due::new("r".to_owned(), usage);
            due.sent(stream.as_bytes());
            let charge = due.charge();
            assert_eq!(charge.prompt, 7);
            (charge.answer, charge.reported)
        };
        let role = r#"{"delta":{"role":"assistant","content":""}}"#;
        let piece = r#"{"delta":{"content":"x"}}"#;
        assert_eq!(answered(""), (0, false));
        assert_eq!(answered(&format!("{role}{piece}{piece}")), (2, false));
        let usage = r#"{"delta":{}}{"usage":{"completion_tokens":3}}"#;
        assert_eq!(answered(&format!("{role}{piece}{usage}")), (3, true));
        let piece = "event: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\"}}\n\n";
        assert_eq!(answered(piece), (1, false));
        let end = "event: message_delta\ndata: {\"delta\":{\"stop_reason\":1}}\n\n";
        assert_eq!(answered(&format!("{piece}{end}")), (3, true));
    }
}
