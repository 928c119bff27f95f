//! Why a candidate ended.

use super::wire::{Candidate, Text};
use crate::chat::Finish;
use crate::provider_error::{ErrorClass, ProviderError};

/// Reads a `finishReason`; `None` when there is none yet. `OTHER`, and any word that is not known, means
/// that the model was stopped by a rule that is not its own, as a content filter does; but whole calls
/// with an unknown word are calls.
pub(super) fn finish(reason: Option<Text<'_>>, has_calls: bool) -> Option<Finish> {
    Some(match Text::said(reason)?.as_ref() {
        "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" if has_calls => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" | "CONTINUATION" => Finish::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "OTHER" | "BLOCKLIST" | "PROHIBITED_CONTENT"
        | "SPII" | "IMAGE_SAFETY" | "MODEL_ARMOR" | "ESCALATION" => Finish::ContentFilter,
        _ if has_calls => Finish::ToolCalls,
        _ => Finish::ContentFilter,
    })
}

/// What is to be said instead of a candidate at which the model failed: what there is of it is no
/// answer.
pub(super) fn broken(candidate: &Candidate<'_>) -> Option<ProviderError> {
    let Text(reason) = candidate.finish_reason.as_ref()?;
    let class = match reason.as_ref() {
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE" => ErrorClass::Server,
        "MISSING_THOUGHT_SIGNATURE" => ErrorClass::InvalidRequest,
        _ => return None,
    };
    let why = match &candidate.finish_message {
        Some(Text(message)) if !message.is_empty() => format!(": {message}"),
        Some(_) | None => ".".to_owned(),
    };
    let message = format!("The model failed to finish its answer ({reason}){why}");
    Some(super::error::own(class, &message))
}
