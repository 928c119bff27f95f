//! Why a model stopped, in OpenAI's word and its vendors'.

use crate::chat::Finish;
use crate::provider_error::{ErrorClass, ProviderError};

/// Reads `finish_reason`; some vendors report a failure there, which is the error. A word that nobody
/// knows is taken for the usual end.
pub(super) fn read(word: &str, called_tools: bool) -> Result<Finish, ProviderError> {
    Ok(match word {
        // `model_length` is Mistral's; DashScope and others cut a text that repeats itself.
        "length" | "max_tokens" | "model_length" | "repetition_truncation"
        // Zhipu's, and Anthropic's where a gateway passes it.
        | "model_context_window_exceeded" => Finish::Length,
        "tool_calls" | "function_call" | "tool_use" => Finish::ToolCalls,
        // `sensitive` is Zhipu's.
        "content_filter" | "content_filtered" | "sensitive" => Finish::ContentFilter,
        "refusal" => Finish::Refusal,
        "insufficient_system_resource" => {
            return Err(ProviderError::new(
                ErrorClass::Overloaded,
                "The provider had no capacity to finish its answer.",
            ));
        }
        "error" | "network_error" => {
            return Err(ProviderError::new(
                ErrorClass::Server,
                "The provider failed in the middle of its answer.",
            ));
        }
        // Ollama, Gemini and others stop though they call.
        _ if called_tools => Finish::ToolCalls,
        _ => Finish::Stop,
    })
}

/// What a client has to know of an answer for its `finish_reason`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// It calls tools.
    pub(super) calls: bool,
    /// It declines in words.
    pub(super) refusal: bool,
    /// The client knows calls as `function_call`.
    pub(super) legacy: bool,
}

/// OpenAI's word. A paused turn (Anthropic's) is `stop`: the client goes on by sending it back.
pub(super) fn word(finish: &Finish, said: Said) -> &'static str {
    match finish {
        Finish::Length | Finish::ContextWindow => "length",
        Finish::ContentFilter => "content_filter",
        Finish::Refusal if !said.refusal => "content_filter",
        Finish::ToolCalls | Finish::Stop if said.calls && said.legacy => "function_call",
        Finish::Stop if said.calls => "tool_calls",
        Finish::ToolCalls => "tool_calls",
        Finish::Stop | Finish::StopSequence(_) | Finish::Refusal | Finish::Pause => "stop",
    }
}
