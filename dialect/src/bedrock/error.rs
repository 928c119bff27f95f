//! Errors of the service, before and within streams.

use serde::Deserialize;
use serde_json::Value;

use crate::provider_error::{BODY_LIMIT_BYTES, ErrorClass, ProviderError};

/// What an error body says: `message` or `Message`, and its name in `__type` where it does not
/// stand in the header `x-amzn-errortype`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    #[serde(alias = "Message")]
    message: Value,
    #[serde(rename = "__type")]
    kind: Value,
    /// Of `ModelErrorException` and `ModelStreamErrorException`: what the model's server said.
    #[serde(rename = "originalStatusCode")]
    original_status: Value,
    #[serde(rename = "originalMessage")]
    original_message: Value,
    /// How an unknown operation is answered, with status 200.
    #[serde(rename = "Output")]
    output: Value,
}

/// Reads an answer that is no success and whose headers are not known.
#[must_use]
pub fn read_error(status: u16, body: &[u8]) -> ProviderError {
    read_error_typed(status, None, body)
}

/// Reads an answer that is no success; `errortype` is its header `x-amzn-errortype`, such as
/// `ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/`.
///
/// The class is that of the error's name and message, else that of the status.
#[must_use]
pub fn read_error_typed(status: u16, errortype: Option<&str>, body: &[u8]) -> ProviderError {
    let said: ErrorBody = Some(body)
        .filter(|body| body.len() <= BODY_LIMIT_BYTES)
        .and_then(|body| serde_json::from_slice(body).ok())
        .unwrap_or_default();
    let unknown = said.output.get("__type").and_then(Value::as_str);
    let name = errortype.or(said.kind.as_str()).or(unknown).unwrap_or("");
    let by_status = ErrorClass::of_status(status).unwrap_or(ErrorClass::Server);
    classified(name, &said, by_status)
}

/// Reads an exception frame of a stream.
pub(super) fn read_exception(name: &str, payload: &[u8]) -> ProviderError {
    let said: ErrorBody = Some(payload)
        .filter(|payload| payload.len() <= BODY_LIMIT_BYTES)
        .and_then(|payload| serde_json::from_slice(payload).ok())
        .unwrap_or_default();
    classified(name, &said, ErrorClass::Server)
}

/// Reads an error frame of a stream: an error that the service model does not know.
pub(super) fn read_error_frame(code: &str, message: &str) -> ProviderError {
    let said = ErrorBody {
        message: message.into(),
        ..ErrorBody::default()
    };
    classified(code, &said, ErrorClass::Server)
}

fn classified(name: &str, said: &ErrorBody, otherwise: ErrorClass) -> ProviderError {
    let message = said.message.as_str().unwrap_or("");
    // `com.amazon.coral.service#Name` and `Name:http://…`.
    let name = name.rsplit_once('#').map_or(name, |(_, name)| name);
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    let original = said.original_status.as_u64();
    let original = original.and_then(|status| ErrorClass::of_status(u16::try_from(status).ok()?));
    let class = class_of_name(name).unwrap_or(otherwise);
    let is_models = class == ErrorClass::Server;
    let class = original.filter(|_| is_models).unwrap_or(class);
    let original = said.original_message.as_str().unwrap_or("");
    let by_message = class_of_message(message).or_else(|| class_of_message(original));
    let is_requests = class == ErrorClass::InvalidRequest;
    let class = by_message.filter(|_| is_requests).unwrap_or(class);
    ProviderError::new(class, message)
}

/// Names of errors, of the service model and of all of AWS
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html>).
/// In exception frames they begin with a small letter.
const NAMES: [(ErrorClass, &[&str]); 6] = [
    (
        ErrorClass::RateLimited,
        &[
            "ThrottlingException",
            "Throttling",
            "TooManyRequestsException",
            "ServiceQuotaExceededException",
        ],
    ),
    (
        ErrorClass::Overloaded,
        &[
            "ServiceUnavailableException",
            "ServiceUnavailable",
            "ModelNotReadyException",
        ],
    ),
    (
        ErrorClass::Auth,
        &[
            "AccessDeniedException",
            "AccessDenied",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "IncompleteSignatureException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "OptInRequired",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ],
    ),
    (
        ErrorClass::NotFound,
        &["ResourceNotFoundException", "UnknownOperationException"],
    ),
    (
        ErrorClass::InvalidRequest,
        &[
            "ValidationException",
            "ValidationError",
            "SerializationException",
            "ConflictException",
        ],
    ),
    (
        ErrorClass::Server,
        &[
            "InternalServerException",
            "InternalFailure",
            "ModelErrorException",
            "ModelStreamErrorException",
            "ModelTimeoutException",
        ],
    ),
];

fn class_of_name(name: &str) -> Option<ErrorClass> {
    NAMES
        .iter()
        .find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(class, _)| *class)
}

/// What validation errors are about; Bedrock and its models' vendors each have their words.
const MESSAGES: [(ErrorClass, &[&str]); 3] = [
    (
        ErrorClass::ContextLength,
        &[
            "input is too long",
            "prompt is too long",
            "too many input tokens",
            "input tokens exceeded",
            "exceed context limit",
            "exceeds the context",
            "context window",
            "context length",
            "maximum number of input tokens",
        ],
    ),
    (
        ErrorClass::ContentPolicy,
        &["content filter", "content policy", "blocked by"],
    ),
    (
        ErrorClass::NotFound,
        &[
            "model identifier is invalid",
            "with on-demand throughput isn",
            "reached the end of its life",
        ],
    ),
];

fn class_of_message(message: &str) -> Option<ErrorClass> {
    let message = message.to_ascii_lowercase();
    MESSAGES
        .iter()
        .find(|(_, words)| words.iter().any(|known| message.contains(known)))
        .map(|(class, _)| *class)
}
