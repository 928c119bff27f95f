//! What an answer used: Anthropic counts cached tokens apart, [`Usage`] as part of the input.

use serde::Deserialize;
use serde_json::Number;

use super::json::Json;
use crate::usage::Usage;

/// The wire's `usage`, SDK types `Usage` and `MessageDeltaUsage`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct WireUsage {
    input_tokens: Option<Number>,
    cache_creation_input_tokens: Option<Number>,
    cache_read_input_tokens: Option<Number>,
    output_tokens: Option<Number>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<Number>,
}

impl WireUsage {
    /// Takes over what a later report says: its counts are totals, and what it leaves out stays.
    pub(super) fn replace(&mut self, later: Self) {
        let Self {
            input_tokens,
            cache_creation_input_tokens,
            cache_read_input_tokens,
            output_tokens,
            output_tokens_details,
        } = later;
        take(&mut self.input_tokens, input_tokens);
        take(
            &mut self.cache_creation_input_tokens,
            cache_creation_input_tokens,
        );
        take(&mut self.cache_read_input_tokens, cache_read_input_tokens);
        take(&mut self.output_tokens, output_tokens);
        take(&mut self.output_tokens_details, output_tokens_details);
    }

    /// The inclusive counts; `None` when neither input nor output is counted.
    pub(super) fn inclusive(&self) -> Option<Usage> {
        let input = self.input_tokens.as_ref().and_then(Number::as_u64);
        let output = self.output_tokens.as_ref().and_then(Number::as_u64);
        input.or(output)?;
        let cached = count(self.cache_read_input_tokens.as_ref());
        let created = count(self.cache_creation_input_tokens.as_ref());
        let details = self.output_tokens_details.as_ref();
        Some(Usage {
            input_tokens: input
                .unwrap_or_default()
                .saturating_add(cached)
                .saturating_add(created),
            output_tokens: output.unwrap_or_default(),
            cached_tokens: cached,
            cache_creation_tokens: created,
            reasoning_tokens: count(details.and_then(|d| d.thinking_tokens.as_ref())),
            input_audio_tokens: 0,
            output_audio_tokens: 0,
        })
    }
}

fn take<T>(slot: &mut Option<T>, later: Option<T>) {
    if later.is_some() {
        *slot = later;
    }
}

fn count(number: Option<&Number>) -> u64 {
    number.and_then(Number::as_u64).unwrap_or_default()
}

/// Reads the raw value of an answer's `usage` member; `None` when it counts neither input nor
/// output.
#[must_use]
pub fn read_usage(raw: &[u8]) -> Option<Usage> {
    let wire: WireUsage = serde_json::from_slice(raw).ok()?;
    wire.inclusive()
}

/// Writes the members of a `usage` object: cached tokens apart from the input.
pub(super) fn write_usage(usage: &Usage, json: &mut Json<'_>) {
    let cached = usage
        .cached_tokens
        .saturating_add(usage.cache_creation_tokens);
    json.key("input_tokens")
        .number(usage.input_tokens.saturating_sub(cached));
    json.key("cache_creation_input_tokens")
        .number(usage.cache_creation_tokens);
    json.key("cache_read_input_tokens")
        .number(usage.cached_tokens);
    json.key("output_tokens").number(usage.output_tokens);
    if usage.reasoning_tokens > 0 {
        json.key("output_tokens_details")
            .object(|json| json.key("thinking_tokens").number(usage.reasoning_tokens));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_part_of_the_input() {
        let read = read_usage(
            br#"{"input_tokens":3,"cache_creation_input_tokens":20,"cache_read_input_tokens":100,
            "output_tokens":9,"output_tokens_details":{"thinking_tokens":4},"service_tier":"standard",
            "cache_creation":{"ephemeral_1h_input_tokens":20,"ephemeral_5m_input_tokens":0}}"#,
        )
        .unwrap();
        assert_eq!(
            read,
            Usage {
                input_tokens: 123,
                output_tokens: 9,
                cached_tokens: 100,
                cache_creation_tokens: 20,
                reasoning_tokens: 4,
                ..Usage::default()
            }
        );
        let written = Json::body(|json| write_usage(&read, json));
        assert_eq!(read_usage(&written), Some(read));
        assert_eq!(
            read_usage(br#"{"output_tokens":1,"cache_read_input_tokens":null}"#),
            Some(Usage {
                output_tokens: 1,
                ..Usage::default()
            })
        );
        for nothing in ["null", "{}", r#"{"input_tokens":-1}"#, "[]", "", "3"] {
            assert_eq!(read_usage(nothing.as_bytes()), None, "{nothing}");
        }
    }

    #[test]
    fn numbers_beyond_all_measure_do_not_overflow() {
        let most = u64::MAX;
        let raw = format!(r#"{{"input_tokens":{most},"cache_read_input_tokens":{most}}}"#);
        assert_eq!(
            read_usage(raw.as_bytes()).map(|u| u.input_tokens),
            Some(most)
        );
    }
}
