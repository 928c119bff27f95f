//! The members of a chat request that some vendor does not take as they are.

use crate::json_scan::{Keys, Member, ObjectScanner, Scanned, Wanted};
use crate::json_scan::{Kind, ScanError};
use crate::loss::Field;

const fn wanted(name: &'static str) -> Wanted {
    Wanted {
        name,
        // Values are read where they stand in the body.
        capture_bytes: 0,
        // An edit of one of two would leave the other.
        unique: true,
    }
}

const COUNT: usize = 40;
pub(super) static WANTED: [Wanted; COUNT] = [
    wanted("audio"),
    wanted("chat_template_kwargs"),
    wanted("enable_thinking"),
    wanted("frequency_penalty"),
    wanted("function_call"),
    wanted("functions"),
    wanted("logit_bias"),
    wanted("logprobs"),
    wanted("max_completion_tokens"),
    wanted("max_tokens"),
    wanted("messages"),
    wanted("metadata"),
    wanted("modalities"),
    wanted("moderation"),
    wanted("n"),
    wanted("parallel_tool_calls"),
    wanted("prediction"),
    wanted("presence_penalty"),
    wanted("prompt_cache_key"),
    wanted("prompt_cache_options"),
    wanted("prompt_cache_retention"),
    wanted("random_seed"),
    wanted("reasoning_effort"),
    wanted("reasoning_split"),
    wanted("response_format"),
    wanted("safety_identifier"),
    wanted("seed"),
    wanted("service_tier"),
    wanted("stop"),
    wanted("store"),
    wanted("stream_options"),
    wanted("temperature"),
    wanted("thinking"),
    wanted("thinking_budget"),
    wanted("tool_choice"),
    wanted("top_logprobs"),
    wanted("top_p"),
    wanted("user"),
    wanted("verbosity"),
    wanted("web_search_options"),
];

/// A body and where its members stand.
pub(super) struct Found<'a> {
    pub(super) body: &'a [u8],
    /// The offset just after the object's `{`.
    pub(super) open: usize,
    members: [Option<Member>; COUNT],
}

impl<'a> Found<'a> {
    pub(super) fn scan(body: &'a [u8]) -> Result<Self, ScanError> {
        let mut scanner = ObjectScanner::new(&WANTED, Keys::Decoded);
        scanner.push(body);
        let Scanned {
            members,
            object_open: open,
            ..
        } = scanner.finish()?;
        Ok(Self {
            body,
            open,
            members,
        })
    }

    /// The member of this name, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        let index = WANTED.iter().position(|wanted| wanted.name == name)?;
        self.members.get(index)?.as_ref()
    }

    /// The value of the member of this name, if it is there and not `null`.
    pub(super) fn said(&self, name: &str) -> Option<&'a [u8]> {
        let member = self.get(name).filter(|m| m.kind != Kind::Null)?;
        self.body.get(member.span.clone())
    }
}

/// What is lost with a member.
pub(super) fn field(name: &str) -> Field {
    match name {
        "audio" | "modalities" => Field::Audio,
        "chat_template_kwargs"
        | "enable_thinking"
        | "reasoning_effort"
        | "thinking"
        | "thinking_budget" => Field::Reasoning,
        "frequency_penalty" => Field::FrequencyPenalty,
        "function_call" => Field::ToolChoice,
        "functions" | "web_search_options" => Field::Tools,
        "logit_bias" => Field::LogitBias,
        "logprobs" | "top_logprobs" => Field::Logprobs,
        "max_completion_tokens" | "max_tokens" => Field::MaxTokens,
        "metadata" => Field::Metadata,
        "n" => Field::N,
        "parallel_tool_calls" => Field::ParallelToolCalls,
        "presence_penalty" => Field::PresencePenalty,
        "prompt_cache_key" | "prompt_cache_options" | "prompt_cache_retention" => {
            Field::CacheControl
        }
        "random_seed" | "seed" => Field::Seed,
        "response_format" => Field::ResponseFormat,
        "safety_identifier" | "user" => Field::User,
        "service_tier" => Field::ServiceTier,
        "stop" => Field::Stop,
        "stream_options" => Field::StreamOptions,
        "temperature" => Field::Temperature,
        "tool_choice" => Field::ToolChoice,
        "top_p" => Field::TopP,
        "verbosity" => Field::Verbosity,
        other => Field::Unknown(other.to_owned()),
    }
}

/// Whether a value says no more than its absence would.
pub(super) fn is_default(name: &str, value: &[u8]) -> bool {
    let zero = || number(value) == Some(0.0);
    match name {
        "frequency_penalty" | "presence_penalty" | "top_logprobs" => zero(),
        "function_call" => matches!(value, b"\"auto\"" | b"\"none\""),
        "functions" => without_space(value) == b"[]",
        "logit_bias" | "metadata" => without_space(value) == b"{}",
        "logprobs" | "store" => value == b"false",
        "modalities" => without_space(value) == b"[\"text\"]",
        "n" => number(value) == Some(1.0),
        "parallel_tool_calls" => value == b"true",
        "service_tier" => matches!(value, b"\"auto\"" | b"\"default\""),
        "verbosity" => value == b"\"medium\"",
        _ => false,
    }
}

/// A number's value.
pub(super) fn number(value: &[u8]) -> Option<f64> {
    serde_json::from_slice(value).ok()
}

/// Only short values can be the default.
fn without_space(value: &[u8]) -> Vec<u8> {
    let most = value.iter().take(64);
    most.copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect()
}
