use crate::gemini::read_error;
use crate::provider_error::ErrorClass;
use serde_json::{Value, json};

#[test]
fn every_status_word_has_a_class() {
    for (status, word, class) in [
        (400, "INVALID_ARGUMENT", ErrorClass::InvalidRequest),
        (400, "FAILED_PRECONDITION", ErrorClass::InvalidRequest),
        (401, "UNAUTHENTICATED", ErrorClass::Auth),
        (403, "PERMISSION_DENIED", ErrorClass::Auth),
        (404, "NOT_FOUND", ErrorClass::NotFound),
        (429, "RESOURCE_EXHAUSTED", ErrorClass::RateLimited),
        (499, "CANCELLED", ErrorClass::Server),
        (500, "INTERNAL", ErrorClass::Server),
        (503, "UNAVAILABLE", ErrorClass::Overloaded),
        (504, "DEADLINE_EXCEEDED", ErrorClass::Server),
        (503, "SOMETHING_NEW", ErrorClass::Overloaded),
        (418, "", ErrorClass::InvalidRequest),
    ] {
        let error = json!({"error": {"code": status, "message": "m", "status": word}});
        // Alone, within the list of a stream, and with a status that the body corrects.
        for body in [error.to_string(), json!([error]).to_string()] {
            assert_eq!(read_error(status, body.as_bytes()).class, class, "{word}");
        }
        if !word.is_empty() {
            assert_eq!(
                read_error(502, error.to_string().as_bytes()).class,
                class,
                "{word}"
            );
        }
    }
}

#[track_caller]
fn classed(status: u16, word: &str, message: &str, class: ErrorClass) {
    let error = json!({"error": {"code": status, "message": message, "status": word}});
    let read = read_error(status, error.to_string().as_bytes());
    assert_eq!(read.class, class, "{message}");
}

#[test]
fn the_message_or_a_detail_says_more_than_the_word() {
    let info = json!({"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}});
    let error = read_error(400, info.to_string().as_bytes());
    assert_eq!(error.class, ErrorClass::Auth);

    let (argument, state) = ("INVALID_ARGUMENT", "FAILED_PRECONDITION");
    let message = "API key not valid. Please pass a valid API key.";
    classed(400, argument, message, ErrorClass::Auth);
    let message = "User location is not supported for the API use.";
    classed(400, state, message, ErrorClass::Auth);
    let message =
        "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).";
    classed(400, argument, message, ErrorClass::ContextLength);
    let message = "Unable to submit request because the input token count is 32775 but model only supports up to 32768.";
    classed(400, argument, message, ErrorClass::ContextLength);
    let message = "Your input context is too long.";
    classed(500, "INTERNAL", message, ErrorClass::ContextLength);
    let message = "The prompt violates Vertex AI's usage guidelines.";
    classed(400, argument, message, ErrorClass::ContentPolicy);
    let message = "Unable to submit request because max_output_tokens must be between 1 and 8193.";
    classed(400, argument, message, ErrorClass::InvalidRequest);
}

#[test]
fn clients_get_openais_terms_and_googles_word() {
    let body = json!({"error": {
        "code": 400,
        "message": "Invalid value at 'generation_config.temperature' (key AIzaSyD-abcdefgh)",
        "status": "INVALID_ARGUMENT",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "generation_config.temperature", "description": "d"}],
        }],
    }});
    let error = read_error(400, body.to_string().as_bytes());
    assert_eq!(
        serde_json::from_slice::<Value>(&error.body()).unwrap(),
        json!({"error": {
            "message": "Invalid value at 'generation_config.temperature' (key AIza***)",
            "type": "invalid_request_error",
            "param": "generation_config.temperature",
            "code": "INVALID_ARGUMENT",
        }})
    );
    let long = br#"{"error":{"code":400,"message":"the input context is too long"}}"#;
    assert_eq!(
        read_error(400, long).code.as_deref(),
        Some("context_length_exceeded")
    );
}

#[test]
fn a_quota_says_when_to_come_back() {
    for (delay, ms) in [
        ("37s", Some(37_000)),
        ("37.826s", Some(37_826)),
        ("0.0005s", Some(1)),
        ("1.5s", Some(1500)),
        ("99999999999999999999s", None),
        ("18446744073709551615s", Some(u64::MAX)),
        ("1.xs", None),
        ("-1s", None),
        ("soon", None),
    ] {
        let error = json!({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.Help", "links": []},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay},
        ]}});
        let error = read_error(429, error.to_string().as_bytes());
        assert_eq!(
            (error.class, error.retry_after_ms),
            (ErrorClass::RateLimited, ms),
            "{delay}"
        );
    }
}

#[test]
fn what_is_no_error_object_goes_by_its_status() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"error":null}"#,
        "\"x\"",
        "[1]",
    ] {
        for (status, class) in [
            (404, ErrorClass::NotFound),
            (502, ErrorClass::Server),
            (200, ErrorClass::Server),
        ] {
            let error = read_error(status, body.as_bytes());
            assert_eq!(error.class, class, "{body}");
            assert!(!error.message.is_empty());
        }
    }
    // OAuth's form.
    let error = read_error(401, br#"{"error":"invalid_grant","error_description":"d"}"#);
    assert_eq!(
        (error.class, error.message.as_str()),
        (ErrorClass::Auth, "invalid_grant")
    );
    let large = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(70_000));
    assert!(read_error(500, large.as_bytes()).message.len() < 200);
}
