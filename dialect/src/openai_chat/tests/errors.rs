//! Errors of providers, and ours.

use serde_json::{Value, json};

use crate::openai_chat::{error_body, read_error};
use crate::provider_error::{ErrorClass, ProviderError};

fn check(cases: &[(u16, &str, ErrorClass)]) {
    for (status, body, class) in cases {
        assert_eq!(read_error(*status, body.as_bytes()).class, *class, "{body}");
    }
}

#[test]
fn errors_are_classed_by_their_body() {
    check(&[
        (
            400,
            r#"{"error":{"message":"x","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            ErrorClass::ContextLength,
        ),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
            ErrorClass::ContextLength,
        ),
        (
            400,
            r#"{"error":{"message":"the request exceeds the available context size","type":"exceed_context_size_error","code":400}}"#,
            ErrorClass::ContextLength,
        ),
        (
            400,
            r#"{"error":{"message":"x","type":null,"code":"data_inspection_failed"}}"#,
            ErrorClass::ContentPolicy,
        ),
        (
            400,
            r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","code":"400"}}"#,
            ErrorClass::ContentPolicy,
        ),
        (
            400,
            r#"[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]"#,
            ErrorClass::InvalidRequest,
        ),
    ]);
}

#[test]
fn errors_without_a_telling_body_are_classed_by_their_status() {
    check(&[
        (429, r#"{"error":{"message":"x"}}"#, ErrorClass::RateLimited),
        (429, "slow down", ErrorClass::RateLimited),
        (
            400,
            r#"{"error":{"message":"names are case sensitive"}}"#,
            ErrorClass::InvalidRequest,
        ),
        (
            400,
            r#"{"error":{"message":"The input may contain sensitive content","code":"1301"}}"#,
            ErrorClass::ContentPolicy,
        ),
        (
            402,
            r#"{"error":{"message":"Insufficient Balance"}}"#,
            ErrorClass::RateLimited,
        ),
        (498, "", ErrorClass::Overloaded),
        (401, r#"{"detail":"no"}"#, ErrorClass::Auth),
        (404, "", ErrorClass::NotFound),
        (503, "<html>", ErrorClass::Overloaded),
        (500, "", ErrorClass::Server),
        (422, "[]", ErrorClass::InvalidRequest),
        (
            403,
            r#"{"error":{"message":"x","code":"insufficient_quota"}}"#,
            ErrorClass::RateLimited,
        ),
    ]);
}

#[test]
fn a_message_may_say_how_long_to_wait() {
    for (said, ms) in [
        ("Please try again in 20ms.", Some(20)),
        ("Please try again in 1.242s. Visit", Some(1242)),
        ("Please try again in 6m0s.", Some(360_000)),
        ("Please try again in 1h1m1.5s", Some(3_661_500)),
        ("Please try again in a while", None),
        ("Please try again in 3 minutes", Some(180_000)),
        ("Please try again in 99999999999999999999h", Some(u64::MAX)),
        ("Please try again in é", None),
        ("No.", None),
    ] {
        let body = json!({"error": {"message": said, "code": "rate_limit_exceeded"}});
        let error = read_error(429, body.to_string().as_bytes());
        assert_eq!(error.retry_after_ms, ms, "{said}");
    }
}

#[test]
fn a_class_has_words_where_the_provider_gave_none() {
    for (class, kind, code) in [
        (
            ErrorClass::ContextLength,
            "invalid_request_error",
            json!("context_length_exceeded"),
        ),
        (
            ErrorClass::RateLimited,
            "rate_limit_error",
            json!("rate_limit_exceeded"),
        ),
        (ErrorClass::Server, "server_error", Value::Null),
    ] {
        let body: Value =
            serde_json::from_slice(&error_body(&ProviderError::new(class, "m"))).unwrap();
        assert_eq!(
            body,
            json!({"error": {"message": "m", "type": kind, "param": null, "code": code}})
        );
    }
    let own = ProviderError {
        kind: Some("tokens".into()),
        param: Some("p".into()),
        code: Some("c".into()),
        ..ProviderError::new(ErrorClass::RateLimited, "m")
    };
    let body: Value = serde_json::from_slice(&error_body(&own)).unwrap();
    assert_eq!(
        body,
        json!({"error": {"message": "m", "type": "tokens", "param": "p", "code": "c"}})
    );
}

#[test]
fn a_status_is_no_code() {
    let coded = |code: &str| {
        let body = format!(r#"{{"error":{{"message":"x","code":{code}}}}}"#);
        let written: Value =
            serde_json::from_slice(&error_body(&read_error(502, body.as_bytes()))).unwrap();
        written["error"]["code"].clone()
    };
    assert_eq!(coded("502"), Value::Null);
    assert_eq!(
        coded(r#""1261""#),
        "context_length_exceeded",
        "Zhipu's, in OpenAI's words"
    );
    assert_eq!(coded(r#""model_busy""#), "model_busy");
}
