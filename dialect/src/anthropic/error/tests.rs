use ErrorClass::{
    Auth, ContentPolicy, ContextLength, InvalidRequest, NotFound, Overloaded, RateLimited, Server,
};

use super::*;

fn check(status: u16, kind: &str, message: &str, class: ErrorClass) {
    let body = format!(
        r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
    );
    let error = read_error(status, body.as_bytes());
    assert_eq!((error.class, error.message.as_str()), (class, message));
    // The same within a stream, where there is no status.
    let value = serde_json::from_str(&body).unwrap();
    if KINDS.iter().any(|(known, _)| *known == kind) {
        assert_eq!(from_value(&value, None), error);
    }
}

#[test]
fn the_type_says_what_is_wrong() {
    for (status, kind, class) in [
        (400, "invalid_request_error", InvalidRequest),
        (401, "authentication_error", Auth),
        (402, "billing_error", Auth),
        (403, "permission_error", Auth),
        (404, "not_found_error", NotFound),
        (409, "conflict_error", Server),
        (413, "request_too_large", InvalidRequest),
        (429, "rate_limit_error", RateLimited),
        (500, "api_error", Server),
        (504, "timeout_error", Server),
        (529, "overloaded_error", Overloaded),
        // A newer type: the status decides.
        (429, "brand_new_error", RateLimited),
    ] {
        check(status, kind, "Something is wrong.", class);
    }
}

#[test]
fn an_invalid_request_is_told_by_its_message() {
    for (message, class) in [
        ("max_tokens: Field required", InvalidRequest),
        (
            "prompt is too long: 208310 tokens > 200000 maximum",
            ContextLength,
        ),
        (
            "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
            ContextLength,
        ),
        ("Output blocked by content filtering policy", ContentPolicy),
        (
            "Your credit balance is too low to access the Anthropic API.",
            Auth,
        ),
        (
            "You have reached your specified API usage limits.",
            RateLimited,
        ),
    ] {
        check(400, "invalid_request_error", message, class);
    }
}

#[test]
fn other_bodies_are_understood_as_far_as_possible() {
    for (status, body, class) in [
        (529, "", Overloaded),
        (404, "<html>", NotFound),
        (200, "{}", Server),
        (500, r#"{"error":"upstream"}"#, Server),
        (400, r#"{"message":"prompt is too long"}"#, ContextLength),
    ] {
        assert_eq!(read_error(status, body.as_bytes()).class, class, "{body}");
    }
}

#[test]
fn the_field_to_blame_and_the_code_are_found() {
    let error = read_error(
        400,
        br#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content: too sk-ant-REDACTED",
        "details":{"error_code":"tool_name_conflict"}}}"#,
    );
    assert_eq!(error.param.as_deref(), Some("messages.0.content"));
    assert_eq!(error.code.as_deref(), Some("tool_name_conflict"));
    assert_eq!(error.message, "messages.0.content: too sk-***");
    assert_eq!(
        String::from_utf8(error_body(&error)).unwrap(),
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages.0.content: too sk-***","details":{"error_code":"tool_name_conflict","param":"messages.0.content"}}}"#
    );
}

#[test]
fn refusals_have_the_type_of_their_status() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ] {
        assert_eq!(
            String::from_utf8(refusal_body(status, "code", "No \"way\".", None)).unwrap(),
            format!(
                r#"{{"type":"error","error":{{"type":"{kind}","message":"No \"way\".","details":{{"error_code":"code"}}}}}}"#
            )
        );
    }
    let overloaded = ProviderError::new(ErrorClass::Overloaded, "Busy.");
    assert_eq!(
        String::from_utf8(error_body(&overloaded)).unwrap(),
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Busy."}}"#
    );
}
