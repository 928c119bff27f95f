//! Bedrock's exceptions.

use crate::providers::refusal::{Failing, Refusal};

/// What Bedrock says when it fails in this way.
pub(super) fn failure(failing: Failing) -> Refusal {
    let (status, kind, message) = match failing {
        Failing::Authentication => (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        Failing::Permission => (
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
        ),
        Failing::NotFound => (
            404,
            "ResourceNotFoundException",
            "Could not resolve the foundation model from the provided model identifier.",
        ),
        Failing::Invalid => (400, "ValidationException", "The request was refused."),
        Failing::ContextLength => (
            400,
            "ValidationException",
            "Input is too long for requested model.",
        ),
        Failing::ContentPolicy => (
            400,
            "ValidationException",
            "The model returned the following errors: Output blocked by content filtering policy",
        ),
        Failing::TooLarge => (
            413,
            "RequestEntityTooLargeException",
            "The request body is too large.",
        ),
        Failing::RateLimit => (
            429,
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
        ),
        Failing::Quota => (
            400,
            "ServiceQuotaExceededException",
            "Your request exceeds the service quota for your account.",
        ),
        Failing::Overloaded => (
            503,
            "ServiceUnavailableException",
            "Bedrock is unable to process your request.",
        ),
        Failing::Timeout => (
            408,
            "ModelTimeoutException",
            "The model did not respond in time.",
        ),
        Failing::Server => (
            500,
            "InternalServerException",
            "The system encountered an unexpected error during processing. Try your request again.",
        ),
    };
    Refusal::new(status, kind, message)
}

/// A 400 about the request.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationException", message)
}

/// What an exception of this type says in a stream.
pub(super) fn message_of(kind: &str) -> String {
    let mut all = Failing::WORDS
        .into_iter()
        .map(|(_, failing)| failure(failing));
    all.find(|refusal| refusal.kind.eq_ignore_ascii_case(kind))
        .unwrap_or_else(|| failure(Failing::Server))
        .message
}
