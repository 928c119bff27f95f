//! Bytes of a stream for a client of OpenAI's API: what every chunk has in common.

use std::io::Write;

use serde::Serialize;

use super::errors::error_body;
use crate::chat::AnswerContext;
use crate::provider_error::ProviderError;
use crate::usage::Usage;

/// Appends JSON.
pub(crate) fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Into memory, what we write always serialises.
    serde_json::to_writer(out, value).unwrap_or_default();
}

/// Appends a number.
pub(crate) fn number(out: &mut Vec<u8>, number: u32) {
    write!(out, "{number}").unwrap_or_default();
}

/// Who answers, and when: members of every answer and chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
}

impl Head {
    /// What the provider said, else what the context says; the id gets `prefix` unless it has it, in
    /// the place of another dialect's.
    pub(crate) fn new(
        context: &AnswerContext,
        prefix: &str,
        said: (Option<&str>, Option<u64>, Option<&str>),
    ) -> Self {
        let (id, created, model) = said;
        let id = id.filter(|id| !id.is_empty()).unwrap_or(&context.id);
        Self {
            id: if id.starts_with(prefix) {
                id.to_owned()
            } else {
                format!("{prefix}{}", bare(id))
            },
            created: created.unwrap_or(context.created),
            model: model
                .filter(|model| !model.is_empty())
                .unwrap_or(&context.model)
                .to_owned(),
        }
    }

    /// The beginning of every chunk, up to and with the `[` of its choices.
    pub(crate) fn chunk_start(&self, object: &str) -> Vec<u8> {
        let mut start = b"data: {\"id\":".to_vec();
        json(&mut start, &self.id);
        start.extend_from_slice(b",\"object\":");
        json(&mut start, object);
        write!(start, ",\"created\":{},\"model\":", self.created).unwrap_or_default();
        json(&mut start, &self.model);
        start.extend_from_slice(b",\"choices\":[");
        start
    }
}

/// What ids of answers begin with, in one dialect or another.
const ID_PREFIXES: [&str; 5] = ["chatcmpl-", "cmpl-", "resp_", "msg_", "gen-"];

/// An id without its dialect's prefix, for another's.
pub(crate) fn bare(id: &str) -> &str {
    let bare = ID_PREFIXES
        .iter()
        .find_map(|prefix| id.strip_prefix(prefix));
    bare.filter(|bare| !bare.is_empty()).unwrap_or(id)
}

/// Appends the last chunk: no choices, and the usage.
pub(crate) fn usage_chunk(out: &mut Vec<u8>, start: &[u8], usage: &Usage) {
    out.extend_from_slice(start);
    out.extend_from_slice(b"],\"usage\":");
    json(out, &UsageOut::from(usage));
    out.extend_from_slice(b"}\n\n");
}

/// Appends the end of a whole stream.
pub(crate) fn done(out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: [DONE]\n\n");
}

/// Appends an error as OpenAI's SDKs raise it; nothing may follow.
pub(crate) fn error(out: &mut Vec<u8>, error: &ProviderError) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&error_body(error));
    out.extend_from_slice(b"\n\n");
}

/// Appends a comment, which keeps the connection alive.
pub(crate) fn ping(out: &mut Vec<u8>) {
    out.extend_from_slice(b": ping\n\n");
}

/// OpenAI's `CompletionUsage`.
#[derive(Debug, Serialize)]
pub(crate) struct UsageOut {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: InputDetails,
    completion_tokens_details: OutputDetails,
}

#[derive(Debug, Serialize)]
struct InputDetails {
    cached_tokens: u64,
    audio_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Debug, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes by reference; in Wasm that is the smaller one"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<&Usage> for UsageOut {
    fn from(usage: &Usage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            prompt_tokens_details: InputDetails {
                cached_tokens: usage.cached_tokens,
                audio_tokens: usage.input_audio_tokens,
                cache_write_tokens: usage.cache_creation_tokens,
            },
            completion_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning_tokens,
                audio_tokens: usage.output_audio_tokens,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn an_id_loses_its_dialect() {
        for (id, without) in [
            ("msg_01A", "01A"),
            ("chatcmpl-x", "x"),
            ("cmpl-x", "x"),
            ("resp_x", "x"),
            ("resp_", "resp_"),
            ("0af", "0af"),
        ] {
            assert_eq!(bare(id), without);
        }
    }
}
