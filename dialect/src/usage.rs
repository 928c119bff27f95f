//! What an answer says it used, by the inclusive convention of OpenTelemetry's GenAI semantics: cached
//! tokens are part of the input, reasoning tokens part of the output.

use serde_json::Value;

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
        let value: Value = serde_json::from_slice(raw).ok()?;
        let member = |a: &str, b: &str| value.get(a).or_else(|| value.get(b));
        let detail = |of: Option<&Value>, name: &str| {
            let count = of.and_then(|details| details.get(name));
            count.and_then(Value::as_u64).unwrap_or_default()
        };
        let input = member("prompt_tokens", "input_tokens").and_then(Value::as_u64);
        let output = member("completion_tokens", "output_tokens").and_then(Value::as_u64);
        input.or(output)?;
        let input_details = member("prompt_tokens_details", "input_tokens_details");
        let output_details = member("completion_tokens_details", "output_tokens_details");
        Some(Self {
            input_tokens: input.unwrap_or_default(),
            output_tokens: output.unwrap_or_default(),
            cached_tokens: detail(input_details, "cached_tokens"),
            cache_creation_tokens: detail(input_details, "cache_write_tokens"),
            reasoning_tokens: detail(output_details, "reasoning_tokens"),
            input_audio_tokens: detail(input_details, "audio_tokens"),
            output_audio_tokens: detail(output_details, "audio_tokens"),
        })
    }
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
