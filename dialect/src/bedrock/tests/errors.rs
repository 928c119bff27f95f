use super::*;
use crate::provider_error::ErrorClass;

fn class(status: u16, header: Option<&str>, body: &Value) -> ErrorClass {
    read_error_typed(status, header, &serde_json::to_vec(body).unwrap()).class
}

#[test]
fn the_header_names_the_error() {
    let coral = "ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/";
    for (status, name, expected) in [
        (429, coral, ErrorClass::RateLimited),
        (429, "ThrottlingException", ErrorClass::RateLimited),
        (
            400,
            "ServiceQuotaExceededException",
            ErrorClass::RateLimited,
        ),
        (429, "ModelNotReadyException", ErrorClass::Overloaded),
        (503, "ServiceUnavailableException", ErrorClass::Overloaded),
        (403, "AccessDeniedException", ErrorClass::Auth),
        (403, "UnrecognizedClientException", ErrorClass::Auth),
        (404, "ResourceNotFoundException", ErrorClass::NotFound),
        (400, "ValidationException", ErrorClass::InvalidRequest),
        (408, "ModelTimeoutException", ErrorClass::Server),
        (424, "ModelErrorException", ErrorClass::Server),
        (500, "InternalServerException", ErrorClass::Server),
        (413, "OfLaterTimes", ErrorClass::InvalidRequest),
    ] {
        let body = json!({"message": "x"});
        assert_eq!(class(status, Some(name), &body), expected, "{name}");
    }
}

#[test]
fn without_the_header_body_and_status_say_it() {
    for (status, body, expected) in [
        (
            400,
            json!({"__type": "com.amazon.coral.service#ExpiredTokenException", "message": "x"}),
            ErrorClass::Auth,
        ),
        (
            403,
            json!({"Message": "You don't have access."}),
            ErrorClass::Auth,
        ),
        (429, json!({"message": "x"}), ErrorClass::RateLimited),
        (500, json!({"message": "x"}), ErrorClass::Server),
    ] {
        assert_eq!(class(status, None, &body), expected, "{body}");
    }
}

#[test]
fn an_error_of_the_models_server_goes_by_its_own_status() {
    let header = Some("ModelErrorException");
    let limited = json!({"message": "x", "originalStatusCode": 429});
    assert_eq!(class(424, header, &limited), ErrorClass::RateLimited);
    let long = json!({
        "message": "x",
        "originalStatusCode": 400,
        "originalMessage": "prompt is too long: 9 tokens > 8 maximum",
    });
    assert_eq!(class(424, header, &long), ErrorClass::ContextLength);
}

#[test]
fn validation_errors_are_told_apart_by_their_message() {
    for (message, class) in [
        (
            "Input is too long for requested model.",
            ErrorClass::ContextLength,
        ),
        (
            "The model returned the following errors: prompt is too long: 200049 tokens > 200000 maximum",
            ErrorClass::ContextLength,
        ),
        (
            "The model returned the following errors: input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            ErrorClass::ContextLength,
        ),
        (
            "The model returned the following errors: Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
            ErrorClass::ContextLength,
        ),
        (
            "The provided model identifier is invalid.",
            ErrorClass::NotFound,
        ),
        (
            "Invocation of model ID x with on-demand throughput isn’t supported.",
            ErrorClass::NotFound,
        ),
        (
            "The generated text has been blocked by our content filters.",
            ErrorClass::ContentPolicy,
        ),
        (
            "The text field in the ContentBlock object at messages.0.content.0 is blank.",
            ErrorClass::InvalidRequest,
        ),
    ] {
        let bytes = serde_json::to_vec(&json!({"message": message})).unwrap();
        let error = read_error(400, &bytes);
        assert_eq!((error.class, error.message.as_str()), (class, message));
    }
}

#[test]
fn what_is_not_readable_goes_by_its_status_and_secrets_are_masked() {
    let large = format!(r#"{{"message":"{}"}}"#, "x".repeat(70_000));
    for body in ["", "<html>", "[]", r#"{"message":5}"#, &large] {
        let error = read_error(502, body.as_bytes());
        assert_eq!(error.class, ErrorClass::Server);
        assert!(!error.message.is_empty() && error.message.len() < 200);
    }
    assert_eq!(read_error(403, b"").class, ErrorClass::Auth);
    let leak = br#"{"message":"The credential AKIDEXAMPLEAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLE is bad"}"#;
    assert!(!read_error(403, leak).message.contains("IOSFODNN7"));
}
