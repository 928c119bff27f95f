//! Errors, read from a provider and written for a client.
//!
//! Sources: <https://platform.claude.com/docs/en/api/errors>, SDK types `ErrorResponse`, `ErrorObject`
//! and `ErrorDetails`.

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::json::Json;
use crate::provider_error::{BODY_LIMIT_BYTES, ErrorClass, ProviderError};

const KINDS: [(&str, ErrorClass); 12] = [
    ("invalid_request_error", ErrorClass::InvalidRequest),
    ("authentication_error", ErrorClass::Auth),
    ("permission_error", ErrorClass::Auth),
    // Our own account's: neither the client nor waiting mends it.
    ("billing_error", ErrorClass::Auth),
    ("not_found_error", ErrorClass::NotFound),
    ("request_too_large", ErrorClass::InvalidRequest),
    ("request_too_large_error", ErrorClass::InvalidRequest),
    ("conflict_error", ErrorClass::Server),
    ("rate_limit_error", ErrorClass::RateLimited),
    ("api_error", ErrorClass::Server),
    ("timeout_error", ErrorClass::Server),
    ("overloaded_error", ErrorClass::Overloaded),
];

/// What an `invalid_request_error` means, by words of its message, in lower case.
const MESSAGES: [(&str, ErrorClass); 11] = [
    ("prompt is too long", ErrorClass::ContextLength),
    ("exceed context limit", ErrorClass::ContextLength),
    ("exceeds the context window", ErrorClass::ContextLength),
    ("exceed the context window", ErrorClass::ContextLength),
    ("maximum context length", ErrorClass::ContextLength),
    ("content filtering policy", ErrorClass::ContentPolicy),
    ("usage policy", ErrorClass::ContentPolicy),
    ("usage policies", ErrorClass::ContentPolicy),
    ("credit balance is too low", ErrorClass::Auth),
    ("usage limits", ErrorClass::RateLimited),
    ("spend limit", ErrorClass::RateLimited),
];

const PARAM_LIMIT_BYTES: usize = 128;

/// Reads the body of an answer that is no success.
#[must_use]
pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    let value = Some(body)
        .filter(|body| body.len() <= BODY_LIMIT_BYTES)
        .and_then(|body| serde_json::from_slice(body).ok());
    from_value(&value.unwrap_or(Value::Null), Some(status))
}

/// Reads `{"type":"error","error":{…}}`, whole or only what is in it.
pub(super) fn from_value(value: &Value, status: Option<u16>) -> ProviderError {
    let error = value.get("error").unwrap_or(value);
    let text = |name| error.get(name).and_then(Value::as_str);
    let known = text("type").and_then(|kind| KINDS.iter().find(|(known, _)| *known == kind));
    let message = text("message").or(error.as_str()).unwrap_or_default();
    let by_status = status.and_then(ErrorClass::of_status);
    let class = match known {
        Some((_, ErrorClass::InvalidRequest)) | None => by_message(message),
        Some(_) => None,
    };
    let class = class
        .or(known.map(|(_, class)| *class))
        .or(by_status)
        .unwrap_or(ErrorClass::Server);
    let mut read = ProviderError::new(class, message);
    // A kind that the class says too is left to each client's own words.
    let known = known.filter(|(kind, _)| kind_of(class) != *kind);
    read.kind = known.map(|(kind, _)| (*kind).to_owned());
    if class.is_clients_fault() {
        read.param = param(&read.message);
    }
    let code = error.get("details").and_then(|d| d.get("error_code"));
    read.code = code
        .and_then(Value::as_str)
        .filter(|code| code.len() <= PARAM_LIMIT_BYTES && code.bytes().all(is_word))
        .map(str::to_owned);
    read
}

fn by_message(message: &str) -> Option<ErrorClass> {
    let message = message.to_ascii_lowercase();
    let said = MESSAGES.iter().find(|(words, _)| message.contains(words));
    said.map(|(_, class)| *class)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// The field with which Anthropic's messages begin: `messages.0.content: …`.
fn param(message: &str) -> Option<String> {
    let (path, _) = message.split_once(": ")?;
    let is_path = path.len() <= PARAM_LIMIT_BYTES
        && path.starts_with(|c: char| c.is_ascii_lowercase())
        && path.bytes().all(|byte| is_word(byte) || byte == b'.');
    is_path.then(|| path.to_owned())
}

/// Writes a provider's error for a client; also the data of an error within a stream.
#[must_use]
pub fn error_body(error: &ProviderError) -> Vec<u8> {
    let known = error.kind.as_deref().and_then(|kind| {
        let known = KINDS.iter().find(|(known, _)| *known == kind);
        known.map(|(kind, _)| *kind)
    });
    write(&ErrorBody {
        kind: known.unwrap_or_else(|| kind_of(error.class)),
        message: &error.message,
        code: error.code.as_deref(),
        param: error.param.as_deref(),
    })
}

/// Writes a refusal of the gateway's own. Code and field stand in `details`, where the SDK reads
/// `error_code`.
#[must_use]
pub fn refusal_body(status: u16, code: &str, message: &str, param: Option<&str>) -> Vec<u8> {
    let kind = match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        408 | 504 => "timeout_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    write(&ErrorBody {
        kind,
        message,
        code: Some(code),
        param,
    })
}

fn kind_of(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::RateLimited => "rate_limit_error",
        ErrorClass::Overloaded => "overloaded_error",
        ErrorClass::Auth => "authentication_error",
        ErrorClass::NotFound => "not_found_error",
        ErrorClass::ContextLength | ErrorClass::ContentPolicy | ErrorClass::InvalidRequest => {
            "invalid_request_error"
        }
        ErrorClass::Server => "api_error",
    }
}

struct ErrorBody<'a> {
    kind: &'a str,
    message: &'a str,
    code: Option<&'a str>,
    param: Option<&'a str>,
}

fn write(error: &ErrorBody<'_>) -> Vec<u8> {
    Json::body(|json| {
        json.key("type").string("error");
        json.key("error").object(|json| {
            json.key("type").string(error.kind);
            json.key("message").string(error.message);
            if error.code.is_none() && error.param.is_none() {
                return;
            }
            json.key("details").object(|json| {
                if let Some(code) = error.code {
                    json.key("error_code").string(code);
                }
                if let Some(param) = error.param {
                    json.key("param").string(param);
                }
            });
        });
    })
}
