//! What an answer says it used, by the inclusive convention of OpenTelemetry's GenAI semantics: cached
//! tokens are part of the input, reasoning tokens part of the output.

use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};

/// Bytes of the largest count: a `u64` in decimal.
const COUNT_BYTES: usize = 20;

/// The members of chat's and completions' `usage`, then those of Responses'.
static MEMBERS: [Wanted; 8] = [
    wanted("prompt_tokens", COUNT_BYTES),
    wanted("completion_tokens", COUNT_BYTES),
    wanted("prompt_tokens_details", Usage::LIMIT_BYTES),
    wanted("completion_tokens_details", Usage::LIMIT_BYTES),
    wanted("input_tokens", COUNT_BYTES),
    wanted("output_tokens", COUNT_BYTES),
    wanted("input_tokens_details", Usage::LIMIT_BYTES),
    wanted("output_tokens_details", Usage::LIMIT_BYTES),
];

static DETAILS: [Wanted; 4] = [
    wanted("cached_tokens", COUNT_BYTES),
    wanted("cache_write_tokens", COUNT_BYTES),
    wanted("reasoning_tokens", COUNT_BYTES),
    wanted("audio_tokens", COUNT_BYTES),
];

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        unique: false,
    }
}

/// Tokens of one answer, as the provider reported them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub input_tokens: u64,
    /// Completion tokens, reasoning included.
    pub output_tokens: u64,
    /// Of the prompt tokens, those read from the provider's prompt cache.
    pub cached_tokens: u64,
    /// Of the prompt tokens, those written to the provider's prompt cache.
    pub cache_creation_tokens: u64,
    /// Of the completion tokens, those of hidden reasoning.
    pub reasoning_tokens: u64,
    /// Of the prompt tokens, those of sound.
    pub input_audio_tokens: u64,
    /// Of the completion tokens, those of sound.
    pub output_audio_tokens: u64,
}

impl Usage {
    /// Most bytes of a `usage` value that are kept and read.
    pub const LIMIT_BYTES: usize = 4096;

    /// Reads the value of a `usage` member; `None` when it counts neither input nor output.
    #[must_use]
    pub fn read(raw: &[u8]) -> Option<Self> {
        // Most streams say `"usage":null` in every chunk.
        raw.first().filter(|&&first| first == b'{')?;
        let mut scanner = ObjectScanner::new(&MEMBERS, Keys::Decoded);
        scanner.push(raw);
        let found = scanner.finish().ok()?.members;
        let [prompt, completion, prompt_details, completion_details, ..] = &found;
        let [.., input, output, input_details, output_details] = &found;
        let input = prompt.as_ref().or(input.as_ref()).and_then(count);
        let output = completion.as_ref().or(output.as_ref()).and_then(count);
        input.or(output)?;
        let of_input = Details::read(prompt_details.as_ref().or(input_details.as_ref()));
        let of_output = Details::read(completion_details.as_ref().or(output_details.as_ref()));
        Some(Self {
            input_tokens: input.unwrap_or_default(),
            output_tokens: output.unwrap_or_default(),
            cached_tokens: of_input.cached,
            cache_creation_tokens: of_input.cache_write,
            reasoning_tokens: of_output.reasoning,
            input_audio_tokens: of_input.audio,
            output_audio_tokens: of_output.audio,
        })
    }
}

/// The parts of a count; 0 for those that are not there.
#[derive(Default)]
struct Details {
    cached: u64,
    cache_write: u64,
    reasoning: u64,
    audio: u64,
}

impl Details {
    fn read(member: Option<&Member>) -> Self {
        let Some(raw) = member.and_then(Member::whole) else {
            return Self::default();
        };
        let mut scanner = ObjectScanner::new(&DETAILS, Keys::Decoded);
        scanner.push(raw);
        let part = |index: usize| scanner.member(index).and_then(count).unwrap_or_default();
        Self {
            cached: part(0),
            cache_write: part(1),
            reasoning: part(2),
            audio: part(3),
        }
    }
}

/// A whole number that is not negative.
fn count(member: &Member) -> Option<u64> {
    let digits = member.whole().filter(|_| member.kind == Kind::Number)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_in_every_form_it_comes_in() {
        let read = |raw: &str| {
            Usage::read(raw.as_bytes()).map(|u| {
                let Usage {
                    input_tokens,
                    output_tokens,
                    cached_tokens,
                    reasoning_tokens,
                    ..
                } = u;
                [input_tokens, output_tokens, cached_tokens, reasoning_tokens]
            })
        };
        assert_eq!(
            read(
                r#"{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,
                "prompt_tokens_details":{"cached_tokens":4},
                "completion_tokens_details":{"reasoning_tokens":3}}"#
            ),
            Some([9, 5, 4, 3])
        );
        assert_eq!(
            read(
                r#"{"input_tokens":9,"output_tokens":5,"input_tokens_details":{"cached_tokens":2}}"#
            ),
            Some([9, 5, 2, 0])
        );
        assert_eq!(
            read(r#"{"prompt_tokens":8,"total_tokens":8,"prompt_tokens_details":null}"#),
            Some([8, 0, 0, 0])
        );
        for nothing in ["{}", "null", "[]", r#"{"prompt_tokens":-1}"#, "{", ""] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
