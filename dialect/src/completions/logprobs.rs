//! Log probabilities in the form of legacy Completions.

use serde::Serialize;
use serde_json::{Map, Value};

/// `logprobs` of a choice: one entry per token in each list.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Logprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<Value>,
    top_logprobs: Vec<Map<String, Value>>,
    text_offset: Vec<u64>,
}

impl Logprobs {
    /// From chat's `logprobs`; `offset_chars` is where the first token stands in the text, and then
    /// where the next one will.
    pub(super) fn new(chat: &Value, offset_chars: &mut u64) -> Option<Self> {
        let tokens = chat.get("content")?.as_array()?;
        let mut legacy = Self::default();
        for entry in tokens {
            let text = |entry: &Value| entry.get("token")?.as_str().map(str::to_owned);
            let odds = |entry: &Value| entry.get("logprob").filter(|l| l.is_number()).cloned();
            let (Some(token), Some(logprob)) = (text(entry), odds(entry)) else {
                continue;
            };
            let top = entry.get("top_logprobs").and_then(Value::as_array);
            let top = top.into_iter().flatten();
            legacy.text_offset.push(*offset_chars);
            let chars = u64::try_from(token.chars().count()).unwrap_or(u64::MAX);
            *offset_chars = offset_chars.saturating_add(chars);
            legacy.tokens.push(token);
            legacy.token_logprobs.push(logprob);
            legacy
                .top_logprobs
                .push(top.filter_map(|t| Some((text(t)?, odds(t)?))).collect());
        }
        Some(legacy)
    }
}
