//! A provider's error, made safe to show to the client.

mod class;
mod mask;
mod shape;
#[cfg(test)]
mod tests;
mod wait;

use serde_json::Value;

use crate::error_body::{ErrorObject, error_body};
use mask::masked;
use shape::Shape;

/// Most bytes of a provider's error body that are read.
pub const BODY_LIMIT_BYTES: usize = 64 * 1024;

const MESSAGE_LIMIT_BYTES: usize = 2048;
const WORD_LIMIT_BYTES: usize = 128;
const GENERIC: &str = "The provider refused the request without a readable reason.";

/// What a provider's error means, whatever the dialect it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A limit or quota of our account.
    RateLimited,
    /// The provider has no capacity now.
    Overloaded,
    /// Our own credential is bad, or may not do this.
    Auth,
    /// The provider does not know the model, or the file, that was named.
    NotFound,
    /// The conversation is longer than the model's context.
    ContextLength,
    /// The provider's content policy refuses the prompt.
    ContentPolicy,
    /// The request is not what the provider takes.
    InvalidRequest,
    /// Anything else.
    Server,
}

impl ErrorClass {
    /// Whether the request itself is to blame: another provider of the same model would say the
    /// same, or nearly.
    #[must_use]
    pub fn is_clients_fault(self) -> bool {
        match self {
            Self::NotFound | Self::ContextLength | Self::ContentPolicy | Self::InvalidRequest => {
                true
            }
            Self::RateLimited | Self::Overloaded | Self::Auth | Self::Server => false,
        }
    }

    /// What a status alone says; `None` for a success.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            0..=399 => return None,
            401 | 403 => Self::Auth,
            404 => Self::NotFound,
            // Payment required: the account's balance is a quota.
            402 | 429 => Self::RateLimited,
            // 498: Groq has no capacity for the flex tier.
            498 | 503 | 529 => Self::Overloaded,
            400..=499 => Self::InvalidRequest,
            _ => Self::Server,
        })
    }

    /// The status that stands for it where the provider had none of its own.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::RateLimited => 429,
            Self::Overloaded => 529,
            Self::Auth => 401,
            Self::NotFound => 404,
            Self::ContextLength | Self::ContentPolicy | Self::InvalidRequest => 400,
            Self::Server => 500,
        }
    }
}

/// An error in OpenAI's terms: bounded, and without what looks like a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// What it means.
    pub class: ErrorClass,
    /// For people.
    pub message: String,
    /// OpenAI's `type`.
    pub kind: Option<String>,
    /// The request's field to blame.
    pub param: Option<String>,
    /// For programs.
    pub code: Option<String>,
    /// How long to wait before trying again, in milliseconds, where the body says so.
    pub retry_after_ms: Option<u64>,
}

impl ProviderError {
    /// An error whose meaning another dialect's reader has found out. The message is bounded and
    /// cleaned of what looks like a credential.
    #[must_use]
    pub fn new(class: ErrorClass, message: &str) -> Self {
        let message = Value::String(message.to_owned());
        Self {
            class,
            message: text(&message, MESSAGE_LIMIT_BYTES).unwrap_or_else(|| GENERIC.to_owned()),
            kind: None,
            param: None,
            code: None,
            retry_after_ms: None,
        }
    }

    /// Whether it is about reasoning that another account has encrypted: that one would take the request.
    /// Azure sends the words without the code.
    #[must_use]
    pub fn is_of_another_account(&self) -> bool {
        self.code.as_deref() == Some("invalid_encrypted_content")
            || self.message.starts_with("The encrypted content ")
    }

    /// The stream broke off before the provider said that it was whole.
    #[must_use]
    pub fn truncated() -> Self {
        Self::new(
            ErrorClass::Server,
            "The provider's answer broke off before its end.",
        )
    }

    /// Reads an error body in any vendor's form; a generic message stands in for what cannot be read.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        Self::known(body).0
    }

    /// Reads the body of an answer with an error status: its class by the body's words, else by the
    /// status.
    #[must_use]
    pub fn read_with_status(status: u16, body: &[u8]) -> Self {
        let (mut error, known) = Self::known(body);
        if !known || error.class == ErrorClass::Server {
            error.class = ErrorClass::of_status(status).unwrap_or(error.class);
        }
        error
    }

    /// The error, and whether its words say what it means.
    fn known(body: &[u8]) -> (Self, bool) {
        let parsed = Some(body)
            .filter(|body| body.len() <= BODY_LIMIT_BYTES)
            .and_then(|body| serde_json::from_slice::<Value>(body).ok());
        Self::from_shape(&Shape::of_body(parsed.as_ref().unwrap_or(&Value::Null)))
    }

    /// From the raw value of an `error` member, which may be an object or a string.
    pub(crate) fn from_value(raw: &[u8]) -> Self {
        Self::from_shape(&Shape::of_error(&parse(raw))).0
    }

    /// From the raw value of MiniMax's `base_resp`; `None` when it is a success's.
    pub(crate) fn from_base_resp(raw: &[u8]) -> Option<Self> {
        Shape::of_base_resp(&parse(raw)).map(|shape| Self::from_shape(&shape).0)
    }

    /// From raw members of an error that is not wrapped: message, type, code.
    pub(crate) fn from_members(
        message: Option<&[u8]>,
        kind: Option<&[u8]>,
        code: Option<&[u8]>,
    ) -> Self {
        let value = |raw: Option<&[u8]>| raw.map_or(Value::Null, parse);
        let (message, kind, code) = (value(message), value(kind), value(code));
        Self::from_shape(&Shape::new(&message, &kind, &Value::Null, &code)).0
    }

    fn from_shape(shape: &Shape) -> (Self, bool) {
        let word = |value| text(value, WORD_LIMIT_BYTES);
        let (kind, code) = (word(&shape.kind), word(&shape.code));
        let message = text(&shape.message, MESSAGE_LIMIT_BYTES);
        let told = message.as_deref().unwrap_or_default();
        let class = class::of(told, kind.as_deref(), code.as_deref(), shape.origin);
        let waits = matches!(
            class,
            Some(ErrorClass::RateLimited | ErrorClass::Overloaded)
        );
        let error = Self {
            class: class.unwrap_or(ErrorClass::Server),
            retry_after_ms: wait::retry_after_ms(told).filter(|_| waits),
            message: message.unwrap_or_else(|| GENERIC.to_owned()),
            kind,
            param: word(&shape.param),
            code,
        };
        (error, class.is_some())
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
