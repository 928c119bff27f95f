//! A refused request, before a dialect words it.

use serde_json::Value;

/// A refused request. `kind` and `code` are words of the dialect that refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) param: Option<String>,
    pub(super) code: Option<&'static str>,
    /// What the dialect adds to its errors, if it does: Google's `details`, Mistral's `detail`.
    pub(super) details: Vec<Value>,
}

/// A way to fail, by which every dialect has its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// A wrong credential.
    Authentication,
    /// The credential may not do this.
    Permission,
    /// No such model.
    NotFound,
    /// The request is wrong.
    Invalid,
    /// The prompt is longer than the model's context.
    ContextLength,
    /// The prompt is against the provider's policy.
    ContentPolicy,
    /// The request is too large.
    TooLarge,
    /// Too many requests.
    RateLimit,
    /// The account is out of money.
    Quota,
    /// The provider has too much to do.
    Overloaded,
    /// The provider gave up waiting for itself.
    Timeout,
    /// The provider's own failure.
    Server,
}

impl Failing {
    /// The script's words, with what they mean.
    pub const WORDS: [(&'static str, Self); 12] = [
        ("authentication", Self::Authentication),
        ("permission", Self::Permission),
        ("not-found", Self::NotFound),
        ("invalid", Self::Invalid),
        ("context-length", Self::ContextLength),
        ("content-policy", Self::ContentPolicy),
        ("too-large", Self::TooLarge),
        ("rate-limit", Self::RateLimit),
        ("quota", Self::Quota),
        ("overloaded", Self::Overloaded),
        ("timeout", Self::Timeout),
        ("server", Self::Server),
    ];

    /// The way to fail that a status stands for.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Quota,
            403 => Self::Permission,
            404 => Self::NotFound,
            408 | 504 => Self::Timeout,
            413 => Self::TooLarge,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            400..=499 => Self::Invalid,
            _ => Self::Server,
        }
    }
}

impl Refusal {
    /// A refusal of type `kind`.
    pub(super) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            param: None,
            code: None,
            details: Vec::new(),
        }
    }

    /// A 400 about the request's content, in OpenAI's words.
    pub(super) fn invalid(message: impl Into<String>, param: Option<&str>) -> Self {
        let mut refusal = Self::new(400, "invalid_request_error", message);
        refusal.param = param.map(str::to_owned);
        refusal
    }

    /// The same with a stable code.
    pub(super) fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The same with another status.
    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more detail.
    pub(super) fn detailed(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }
}
