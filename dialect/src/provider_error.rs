//! A provider's error, made safe to show to the client.

mod mask;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::error_body::{ErrorObject, error_body};
use mask::masked;

/// Most bytes of a provider's error body that are read.
pub const BODY_LIMIT_BYTES: usize = 64 * 1024;

const MESSAGE_LIMIT_BYTES: usize = 2048;
const WORD_LIMIT_BYTES: usize = 128;
const GENERIC: &str = "The provider refused the request without a readable reason.";

/// What a provider's error means for the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A limit or quota of our account.
    RateLimited,
    /// The provider has no capacity now.
    Overloaded,
    /// Our own credential is bad.
    Auth,
    /// The client's own fault: another provider would say the same.
    Client,
    /// Anything else.
    Server,
}

/// An error in OpenAI's terms: bounded, and without what looks like a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// For people.
    pub message: String,
    /// OpenAI's `type`.
    pub kind: Option<String>,
    /// The request's field to blame.
    pub param: Option<String>,
    /// For programs.
    pub code: Option<String>,
}

impl ProviderError {
    /// Reads an error body; a generic message stands in for what cannot be read.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let parsed = Some(body)
            .filter(|body| body.len() <= BODY_LIMIT_BYTES)
            .and_then(|body| serde_json::from_slice::<Value>(body).ok());
        match parsed.as_ref().map(|value| (value.get("error"), value)) {
            Some((Some(Value::Null) | None, value)) => Self::from_json(value),
            Some((Some(error), _)) => Self::from_json(error),
            None => Self::from_json(&Value::Null),
        }
    }

    /// From the raw value of an `error` member, which may be an object or a string.
    pub(crate) fn from_value(raw: &[u8]) -> Self {
        Self::from_json(&parse(raw))
    }

    /// From raw members of an error that is not wrapped: message, type, code.
    pub(crate) fn from_members(
        message: Option<&[u8]>,
        kind: Option<&[u8]>,
        code: Option<&[u8]>,
    ) -> Self {
        let value = |raw: Option<&[u8]>| raw.map_or(Value::Null, parse);
        Self::from_parts(&value(message), &value(kind), &Value::Null, &value(code))
    }

    fn from_json(error: &Value) -> Self {
        let member = |name| error.get(name).unwrap_or(&Value::Null);
        let message = if error.is_string() {
            error
        } else {
            member("message")
        };
        Self::from_parts(message, member("type"), member("param"), member("code"))
    }

    fn from_parts(message: &Value, kind: &Value, param: &Value, code: &Value) -> Self {
        Self {
            message: text(message, MESSAGE_LIMIT_BYTES).unwrap_or_else(|| GENERIC.to_owned()),
            kind: text(kind, WORD_LIMIT_BYTES),
            param: text(param, WORD_LIMIT_BYTES),
            code: text(code, WORD_LIMIT_BYTES),
        }
    }

    /// The error as the client gets it; `invalid_request_error` when the provider gave no type.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        error_body(&ErrorObject {
            message: &self.message,
            kind: self.kind.as_deref().unwrap_or("invalid_request_error"),
            param: self.param.as_deref(),
            code: self.code.as_deref(),
        })
    }

    /// What it means, by its code, else by its type.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        [&self.code, &self.kind]
            .into_iter()
            .flatten()
            .find_map(|word| classify(&word.to_ascii_lowercase()))
            .unwrap_or(ErrorClass::Server)
    }
}

/// Words of codes and types, the more telling ones first.
const WORDS: [(ErrorClass, &[&str]); 5] = [
    (
        ErrorClass::RateLimited,
        &[
            "429",
            "rate_limit",
            "ratelimit",
            "quota",
            "too_many_requests",
        ],
    ),
    (
        ErrorClass::Overloaded,
        &["529", "503", "overload", "unavailable", "capacity"],
    ),
    (
        ErrorClass::Auth,
        &[
            "401",
            "403",
            "api_key",
            "auth",
            "permission",
            "access_denied",
        ],
    ),
    (
        ErrorClass::Server,
        &["500", "502", "504", "server_error", "internal", "timeout"],
    ),
    (
        ErrorClass::Client,
        &[
            "400",
            "404",
            "413",
            "422",
            "invalid",
            "badrequest",
            "bad_request",
            "context_length",
            "content_filter",
            "content_policy",
            "not_found",
            "notfound",
            "unsupported",
        ],
    ),
];

fn classify(word: &str) -> Option<ErrorClass> {
    WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|known| word.contains(known)))
        .map(|(class, _)| *class)
}

fn parse(raw: &[u8]) -> Value {
    serde_json::from_slice(raw).unwrap_or(Value::Null)
}

/// A string or number as safe text of at most about `limit_bytes`; `None` when there is nothing.
fn text(value: &Value, limit_bytes: usize) -> Option<String> {
    let text = match value {
        Value::String(text) => masked(text),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let text = text.get(..text.floor_char_boundary(limit_bytes))?;
    (!text.is_empty()).then(|| text.to_owned())
}
