//! Errors of OpenAI-shaped providers, and ours in OpenAI's words.

use serde_json::Value;

use super::wire::Answer;
use crate::error_body::{ErrorObject, error_body as body_of};
use crate::provider_error::{BODY_LIMIT_BYTES, ErrorClass, ProviderError};

/// Reads an answer whose status is not a success: by what its body says, else by its status.
#[must_use]
pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    ProviderError::read_with_status(status, unwrapped(body).as_deref().unwrap_or(body))
}

/// The only element of an array: Google's OpenAI endpoint wraps its errors.
fn unwrapped(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() > BODY_LIMIT_BYTES || body.trim_ascii_start().first() != Some(&b'[') {
        return None;
    }
    let elements: Vec<Value> = serde_json::from_slice(body).ok()?;
    serde_json::to_vec(elements.first()?).ok()
}

/// The error that an answer or an event with a success status holds.
pub(super) fn hidden(answer: &Answer<'_>, named_error: bool, data: &[u8]) -> Option<ProviderError> {
    let code = answer.base_resp.0.as_ref().and_then(|b| b.status_code.0);
    let says = |word: &str| word == "error";
    let bare = !answer.choices.present && !answer.message.as_str().is_empty();
    let is_error = named_error
        || code.is_some_and(|code| code != 0)
        || answer.error.is_some()
        || says(answer.object.as_str())
        || says(answer.kind.as_str())
        || bare;
    is_error.then(|| ProviderError::read(data))
}

/// An answer or event that is not what the dialect says.
pub(crate) fn unreadable() -> ProviderError {
    ProviderError::new(
        ErrorClass::Server,
        "The provider's answer could not be read.",
    )
}

/// An answer that outgrows what is kept of it.
pub(crate) fn oversized() -> ProviderError {
    ProviderError::new(
        ErrorClass::Server,
        "The provider's answer is larger than the gateway reads.",
    )
}

/// OpenAI's and Azure's own codes for a prompt that is too long or against a policy.
const OPENAIS_CODES: [&str; 5] = [
    "context_length_exceeded",
    "string_above_max_length",
    "content_filter",
    "content_policy_violation",
    "invalid_prompt",
];

/// Writes a provider's error for a client of OpenAI's API, in a body or in a stream's `data`.
#[must_use]
pub fn error_body(error: &ProviderError) -> Vec<u8> {
    let (kind, code) = words(error.class);
    // Some gateways repeat the status there, which is no code that a client knows.
    let is_status = |code: &&str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    // Applications shorten a prompt, or show a policy, by OpenAI's own words, whoever serves.
    let telling = matches!(
        error.class,
        ErrorClass::ContextLength | ErrorClass::ContentPolicy
    );
    let said = error.code.as_deref().filter(|code| !is_status(code));
    let said = said.filter(|code| !telling || OPENAIS_CODES.contains(code));
    let said_kind = error.kind.as_deref().filter(|_| !telling);
    body_of(&ErrorObject {
        message: &error.message,
        kind: said_kind.unwrap_or(kind),
        param: error.param.as_deref(),
        code: said.or(code),
    })
}

/// OpenAI's `type` and `code` of a class, where a provider gave none.
fn words(class: ErrorClass) -> (&'static str, Option<&'static str>) {
    const INVALID: &str = "invalid_request_error";
    match class {
        ErrorClass::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorClass::Overloaded => ("server_error", Some("overloaded")),
        ErrorClass::Auth => ("authentication_error", None),
        ErrorClass::NotFound => (INVALID, Some("model_not_found")),
        ErrorClass::ContextLength => (INVALID, Some("context_length_exceeded")),
        ErrorClass::ContentPolicy => (INVALID, Some("content_policy_violation")),
        ErrorClass::InvalidRequest => (INVALID, None),
        ErrorClass::Server => ("server_error", None),
    }
}
