//! Errors as OpenAI and Azure answer them.

use serde_json::{Value, json};

use super::config::Kind;

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) param: Option<&'static str>,
    pub(super) code: Option<&'static str>,
}

impl Refusal {
    /// A 400 about the request's content.
    pub(super) fn invalid(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            message: message.into(),
            param,
            code: None,
        }
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

    /// A wrong or missing credential.
    pub(super) fn unauthorised(kind: Kind) -> Self {
        match kind {
            Kind::Openai => Self::invalid("Incorrect API key provided.", None)
                .coded("invalid_api_key")
                .with_status(401),
            Kind::AzureOpenai => Self::invalid(
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to \
                 provide a valid key for an active subscription and use a correct regional API \
                 endpoint for your resource.",
                None,
            )
            .coded("401")
            .with_status(401),
        }
    }

    /// No such path.
    pub(super) fn not_found(kind: Kind, method: &str, path: &str) -> Self {
        match kind {
            Kind::Openai => {
                Self::invalid(format!("Invalid URL ({method} {path})"), None).with_status(404)
            }
            Kind::AzureOpenai => Self::invalid("Resource not found", None)
                .coded("404")
                .with_status(404),
        }
    }

    /// What a provider says when it fails with `status` by itself.
    pub(super) fn failed(status: u16) -> Self {
        let (kind, message, code) = match status {
            401 => (
                "invalid_request_error",
                "Incorrect API key provided.",
                Some("invalid_api_key"),
            ),
            429 => (
                "requests",
                "Rate limit reached for requests. Please try again in 1s.",
                Some("rate_limit_exceeded"),
            ),
            503 | 529 => ("server_error", "The engine is currently overloaded.", None),
            400..=499 => ("invalid_request_error", "The request was refused.", None),
            _ => (
                "server_error",
                "The server had an error while processing your request.",
                None,
            ),
        };
        Self {
            status,
            kind,
            message: message.to_owned(),
            param: None,
            code,
        }
    }

    /// The body.
    pub(super) fn body(&self, kind: Kind) -> Value {
        // Azure's own front door answers without type and param.
        if kind == Kind::AzureOpenai && matches!(self.code, Some("401" | "404")) {
            return json!({"error": {"code": self.code, "message": self.message}});
        }
        json!({"error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        }})
    }
}
