//! Errors as OpenAI and Azure answer them.

use serde_json::{Value, json};

use crate::providers::dialect::Headers;
use crate::providers::refusal::{Failing, Refusal};
use crate::providers::sse::Events;

/// What OpenAI says when it fails in this way.
pub(in crate::providers) fn openai_failure(failing: Failing) -> Refusal {
    match failing {
        Failing::Authentication => unauthorised(),
        Failing::Permission => Refusal::invalid(
            "You have insufficient permissions for this operation. Missing scopes: model.request.",
            None,
        )
        .with_status(403),
        Failing::NotFound => Refusal::invalid(
            "The model `gone` does not exist or you do not have access to it.",
            None,
        )
        .coded("model_not_found")
        .with_status(404),
        Failing::ContextLength => Refusal::invalid(
            "This model's maximum context length is 128000 tokens. However, your messages resulted \
             in 131072 tokens. Please reduce the length of the messages.",
            Some("messages"),
        )
        .coded("context_length_exceeded"),
        Failing::ContentPolicy => Refusal::invalid(
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
            None,
        )
        .coded("invalid_prompt"),
        Failing::Quota => Refusal::new(
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
        )
        .coded("insufficient_quota"),
        Failing::RateLimit => failed(429),
        Failing::Overloaded => failed(503),
        Failing::Timeout => failed(504),
        Failing::TooLarge => failed(413),
        Failing::Invalid => failed(400),
        Failing::Server => failed(500),
    }
}

/// What Azure says when it fails in this way.
pub(super) fn azure_failure(failing: Failing) -> Refusal {
    match failing {
        Failing::Authentication => azure_unauthorised(),
        Failing::NotFound => no_deployment(),
        Failing::ContentPolicy => Refusal::invalid(
            "The response was filtered due to the prompt triggering Azure OpenAI's content \
             management policy. Please modify your prompt and retry.",
            Some("prompt"),
        )
        .coded("content_filter")
        .detailed(json!({
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": {"filtered": true, "severity": "high"},
                "self_harm": {"filtered": false, "severity": "safe"},
                "sexual": {"filtered": false, "severity": "safe"},
                "violence": {"filtered": false, "severity": "safe"},
            },
        })),
        Failing::RateLimit => Refusal::invalid(
            "Requests to the ChatCompletions_Create Operation have exceeded the call rate limit of \
             your current pricing tier. Please retry after 1 second.",
            None,
        )
        .coded("429")
        .with_status(429),
        Failing::Permission
        | Failing::Invalid
        | Failing::ContextLength
        | Failing::TooLarge
        | Failing::Quota
        | Failing::Overloaded
        | Failing::Timeout
        | Failing::Server => openai_failure(failing),
    }
}

/// What either says when it fails with `status` by itself.
pub(in crate::providers) fn failed(status: u16) -> Refusal {
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
    let mut refusal = Refusal::new(status, kind, message);
    refusal.code = code;
    refusal
}

/// OpenAI's word for a wrong or missing credential.
pub(in crate::providers) fn unauthorised() -> Refusal {
    Refusal::invalid("Incorrect API key provided.", None)
        .coded("invalid_api_key")
        .with_status(401)
}

/// Azure's word for a wrong or missing credential.
pub(super) fn azure_unauthorised() -> Refusal {
    Refusal::invalid(
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a \
         valid key for an active subscription and use a correct regional API endpoint for your \
         resource.",
        None,
    )
    .coded("401")
    .with_status(401)
}

/// Azure's word for an unknown model.
pub(super) fn no_deployment() -> Refusal {
    Refusal::invalid("The API deployment for this resource does not exist.", None)
        .coded("DeploymentNotFound")
        .with_status(404)
}

/// The body of an error.
pub(in crate::providers) fn body(refusal: &Refusal) -> Value {
    let mut error = json!({
        "message": refusal.message, "type": refusal.kind, "param": refusal.param,
        "code": refusal.code,
    });
    if let (Some(error), Some(inner)) = (error.as_object_mut(), refusal.details.first()) {
        error.insert("innererror".to_owned(), inner.clone());
    }
    json!({"error": error})
}

/// When a refused client may come again.
pub(in crate::providers) fn retry_headers(retry_after_s: Option<u64>) -> Headers {
    retry_after_s
        .map(|seconds| {
            let milliseconds = seconds.saturating_mul(1000).to_string();
            vec![
                ("retry-after", seconds.to_string()),
                ("retry-after-ms", milliseconds),
            ]
        })
        .unwrap_or_default()
}

/// An error in a stream.
pub(in crate::providers) fn stream_error(kind: Option<&str>, events: &mut Events) {
    let error = of_type(kind.unwrap_or("server_error")).to_string();
    events.push(|out| out.extend_from_slice(error.as_bytes()));
}

/// An error of this type, wherever it stands.
pub(in crate::providers) fn of_type(kind: &str) -> Value {
    json!({"error": {
        "message": "The server had an error while processing your request.",
        "type": kind, "param": null, "code": null,
    }})
}
