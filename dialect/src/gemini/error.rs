//! Google's errors: `{"error":{"code","message","status","details"}}`, as a body, within a stream,
//! or in the list that a stream without `alt=sse` is.
//!
//! Sources: `google.rpc.Status`, `google.rpc.Code`, `google.rpc.ErrorInfo`, `google.rpc.RetryInfo`,
//! `google.rpc.BadRequest` (<https://cloud.google.com/apis/design/errors>).

use serde_json::{Value, json};

use super::wire::{PromptFeedback, Text};
use crate::provider_error::{BODY_LIMIT_BYTES, ErrorClass, ProviderError};

/// Reads the body of an answer whose status is no success.
#[must_use]
pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    find(body, Some(status)).unwrap_or_else(|| {
        let error = ProviderError::read(b"");
        let class = ErrorClass::of_status(status).unwrap_or(ErrorClass::Server);
        own(class, &error.message)
    })
}

/// The error in a body, if it is one.
pub(super) fn find(body: &[u8], status: Option<u16>) -> Option<ProviderError> {
    let body = Some(body).filter(|body| body.len() <= BODY_LIMIT_BYTES)?;
    let value: Value = serde_json::from_slice(body).ok()?;
    let error = match &value {
        Value::Array(list) => list.iter().find_map(|item| item.get("error")),
        Value::Object(members) => members.get("error"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    error
        .filter(|error| !error.is_null())
        .map(|error| of_value(error, status))
}

/// The prompt was blocked; `None` when it was not.
pub(super) fn blocked(feedback: Option<PromptFeedback<'_>>) -> Option<ProviderError> {
    let feedback = feedback?;
    let reason =
        Text::said(feedback.block_reason).filter(|it| it != "BLOCKED_REASON_UNSPECIFIED")?;
    let why = Text::said(feedback.block_reason_message)
        .map_or_else(|| ".".into(), |message| format!(": {message}"));
    let message = format!("The provider blocked the prompt ({reason}){why}");
    Some(own(ErrorClass::ContentPolicy, &message))
}

/// An error in our own words, or partly in the provider's.
pub(super) fn own(class: ErrorClass, message: &str) -> ProviderError {
    build(class, message, None, None)
}

pub(super) fn unreadable() -> ProviderError {
    own(ErrorClass::Server, "The provider's answer is not readable.")
}

fn of_value(error: &Value, status: Option<u16>) -> ProviderError {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let message = error.as_str().or_else(|| text("message")).unwrap_or("");
    let word = text("status").unwrap_or("");
    let code = error.get("code").and_then(Value::as_u64);
    let code = code.and_then(|code| u16::try_from(code).ok()).or(status);
    let details = error.get("details").and_then(Value::as_array);
    let details = details.map(Vec::as_slice).unwrap_or_default();
    let class = by_details(details)
        .or_else(|| by_message(message))
        .or_else(|| by_word(word))
        .or_else(|| code.and_then(ErrorClass::of_status))
        .unwrap_or(ErrorClass::Server);
    let mut built = build(class, message, field(details), Some(word));
    built.retry_after_ms = details.iter().find_map(retry_after_ms);
    built
}

/// By `ErrorInfo.reason`: a bad key is answered as an invalid argument.
fn by_details(details: &[Value]) -> Option<ErrorClass> {
    let mut reasons = details
        .iter()
        .filter_map(|detail| detail.get("reason").and_then(Value::as_str));
    reasons
        .any(|reason| reason.starts_with("API_KEY_") || reason.starts_with("ACCESS_TOKEN_"))
        .then_some(ErrorClass::Auth)
}

/// Where the status word says too little.
fn by_message(message: &str) -> Option<ErrorClass> {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let too_long = says(&[
        "context is too long",
        "exceeds the maximum number of tokens",
    ]) || (says(&["token count"]) && says(&["exceeds", "only supports up to"]));
    if too_long {
        Some(ErrorClass::ContextLength)
    } else if says(&["api key not valid", "api key not found", "api key expired"])
        || says(&["user location is not supported", "enable billing"])
    {
        Some(ErrorClass::Auth)
    } else if says(&[
        "responsible ai practices",
        "usage guidelines",
        "usage policies",
    ]) {
        Some(ErrorClass::ContentPolicy)
    } else {
        None
    }
}

/// By the name of a `google.rpc.Code`.
fn by_word(word: &str) -> Option<ErrorClass> {
    Some(match word {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" | "ALREADY_EXISTS" => {
            ErrorClass::InvalidRequest
        }
        "UNAUTHENTICATED" | "PERMISSION_DENIED" => ErrorClass::Auth,
        "NOT_FOUND" => ErrorClass::NotFound,
        "RESOURCE_EXHAUSTED" => ErrorClass::RateLimited,
        "UNAVAILABLE" => ErrorClass::Overloaded,
        "DEADLINE_EXCEEDED" | "INTERNAL" | "UNKNOWN" | "ABORTED" | "CANCELLED" | "DATA_LOSS"
        | "UNIMPLEMENTED" => ErrorClass::Server,
        _ => return None,
    })
}

/// The first `BadRequest.fieldViolations[].field`.
fn field(details: &[Value]) -> Option<&str> {
    details.iter().find_map(|detail| {
        let violations = detail.get("fieldViolations")?.as_array()?;
        violations
            .iter()
            .find_map(|violation| violation.get("field")?.as_str())
    })
}

/// `RetryInfo.retryDelay`, such as `"37.5s"`, rounded up.
fn retry_after_ms(detail: &Value) -> Option<u64> {
    let delay = detail.get("retryDelay")?.as_str()?.strip_suffix('s')?;
    let (seconds, fraction) = delay.split_once('.').unwrap_or((delay, ""));
    let seconds: u64 = seconds.parse().ok()?;
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digit = |at: usize| -> u64 {
        let byte = fraction.as_bytes().get(at);
        byte.map_or(0, |byte| u64::from(byte.saturating_sub(b'0')))
    };
    let thousandths = digit(0) * 100 + digit(1) * 10 + digit(2);
    let rest = fraction.bytes().skip(3).any(|b| b != b'0');
    let ms = seconds.saturating_mul(1000);
    Some(ms.saturating_add(thousandths + u64::from(rest)))
}

/// In OpenAI's terms, whose clients know some codes by name; the other codes are Google's words.
fn build(
    class: ErrorClass,
    message: &str,
    param: Option<&str>,
    word: Option<&str>,
) -> ProviderError {
    let (kind, code) = match class {
        ErrorClass::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        ErrorClass::ContextLength => ("invalid_request_error", Some("context_length_exceeded")),
        ErrorClass::ContentPolicy => ("invalid_request_error", Some("content_filter")),
        ErrorClass::Auth => ("authentication_error", word),
        ErrorClass::NotFound | ErrorClass::InvalidRequest => ("invalid_request_error", word),
        ErrorClass::Overloaded | ErrorClass::Server => ("server_error", word),
    };
    let code = code.filter(|code| !code.is_empty());
    let wrapped = json!({"message": message, "type": kind, "param": param, "code": code});
    let raw = serde_json::to_vec(&wrapped).unwrap_or_default();
    let mut error = ProviderError::from_value(&raw);
    error.class = class;
    error
}
