//! A JSON answer, read as it passes by.

use crate::json_scan::{Keys, Kind, ObjectScanner, Wanted};
use crate::usage::Usage;

const USAGE: usize = 0;
const ERROR: usize = 1;
static WANTED: [Wanted; 2] = [
    Wanted {
        name: "usage",
        capture_bytes: Usage::LIMIT_BYTES,
        unique: false,
    },
    Wanted {
        name: "error",
        capture_bytes: 0,
        unique: false,
    },
];

/// What a JSON answer says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// Its usage; `None` when it has none, or is not a complete JSON object.
    pub usage: Option<Usage>,
    /// Whether it has a top-level `error` that is not null.
    pub error: bool,
    /// Whether it is a complete JSON object.
    pub complete: bool,
}

/// Reads an answer chunk by chunk without holding it: an embeddings answer is megabytes.
#[derive(Debug)]
pub struct AnswerInspector {
    scanner: ObjectScanner<2>,
    read_usage: fn(&[u8]) -> Option<Usage>,
}

impl Default for AnswerInspector {
    fn default() -> Self {
        Self::new()
    }
}

impl AnswerInspector {
    /// An inspector at the start of an answer whose `usage` is OpenAI's.
    #[must_use]
    pub fn new() -> Self {
        Self::with_usage(Usage::read)
    }

    /// An inspector at the start of an answer whose `usage` object `read_usage` understands.
    #[must_use]
    pub fn with_usage(read_usage: fn(&[u8]) -> Option<Usage>) -> Self {
        Self {
            scanner: ObjectScanner::new(&WANTED, Keys::Decoded),
            read_usage,
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        self.scanner.push(chunk);
    }

    /// Whether a top-level `error` that is not null has been seen so far.
    #[must_use]
    pub fn error(&self) -> bool {
        self.scanner
            .member(ERROR)
            .is_some_and(|member| member.kind != Kind::Null)
    }

    /// Ends the answer.
    #[must_use]
    pub fn finish(self) -> AnswerFacts {
        let complete = self.scanner.complete();
        let usage = self.scanner.member(USAGE).and_then(|member| member.whole());
        AnswerFacts {
            usage: usage.filter(|_| complete).and_then(self.read_usage),
            error: self.error(),
            complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> AnswerFacts {
        let mut inspector = AnswerInspector::new();
        inspector.push(body.as_bytes());
        inspector.finish()
    }

    #[test]
    fn usage_and_error_are_those_of_the_top_level() {
        let facts = read(
            r#"{"choices":[{"usage":{"prompt_tokens":99},"error":1}],"usage":{"prompt_tokens":8,"completion_tokens":3}}"#,
        );
        assert_eq!(
            facts.usage.map(|u| (u.input_tokens, u.output_tokens)),
            Some((8, 3))
        );
        assert!(facts.complete && !facts.error);
        assert!(read(r#"{"error":{"message":"no"}}"#).error);
        assert!(!read(r#"{"error":null,"usage":null}"#).error);
    }

    #[test]
    fn a_cut_or_foreign_answer_has_no_usage() {
        for body in [r#"{"usage":{"prompt_tokens":8}"#, "[]", "", "oops"] {
            assert_eq!(read(body), AnswerFacts::default(), "{body}");
        }
        let padding = " ".repeat(Usage::LIMIT_BYTES);
        let large = format!(r#"{{"usage":{{"prompt_tokens":8{padding}}}}}"#);
        assert_eq!(read(&large).usage, None);
        assert!(read(&large).complete);
    }
}
