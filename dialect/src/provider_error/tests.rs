use super::*;

#[test]
fn openai_errors_go_through_in_their_form() {
    let body = br#"{ "error": {"message":"The model `x` does not exist.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
    let error = ProviderError::read(body);
    assert_eq!(error.class, ErrorClass::NotFound);
    assert_eq!(
        String::from_utf8(error.body()).unwrap(),
        r#"{"error":{"message":"The model `x` does not exist.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#
    );
}

#[test]
fn other_forms_are_understood_or_replaced() {
    let large = format!(r#"{{"error":"{}"}}"#, "x".repeat(BODY_LIMIT_BYTES));
    for (body, message) in [
        (r#"{"error":"plain"}"#, "plain"),
        (r#"{"message":"bare","code":400}"#, "bare"),
        (r#"{"error":null,"message":"bare"}"#, "bare"),
        (r#"{"error":{"message":5}}"#, "5"),
        (r#"{"error":{"message":""}}"#, GENERIC),
        (r#"{"error":{}}"#, GENERIC),
        (r#"{"error":["x"]}"#, GENERIC),
        ("<html>Bad gateway</html>", GENERIC),
        ("", GENERIC),
        ("[]", GENERIC),
        (&large, GENERIC),
    ] {
        assert_eq!(ProviderError::read(body.as_bytes()).message, message);
    }
    let long = format!(r#"{{"error":"{}"}}"#, "é".repeat(5000));
    assert_eq!(
        ProviderError::read(long.as_bytes()).message.len(),
        MESSAGE_LIMIT_BYTES
    );
}

#[test]
fn what_looks_like_a_credential_is_blanked() {
    for (text, safe) in [
        (
            "Incorrect API key provided: sk-proj-ab**yz. See https://platform.openai.com/account/api-keys.",
            "Incorrect API key provided: sk-***. See https://platform.openai.com/account/api-keys.",
        ),
        (
            "header Authorization: Bearer abc.def-ghi",
            "header Authorization: Bearer ***",
        ),
        ("bearer x", "bearer ***"),
        ("api_key=0123456789abcdef0123456789abcdef!", "api_key=***!"),
        (
            "aGVsbG8gd29ybGQgaGVsbG8Kd29y is no valid token",
            "*** is no valid token",
        ),
        ("https://x/sk-abcdefgh", "https:***"),
        (
            "request 0123456789abcdef0123456789abcdef failed",
            "request 0123456789abcdef0123456789abcdef failed",
        ),
        (
            "'max_tokens' is not supported; use 'max_completion_tokens_of_the_answer'",
            "'max_tokens' is not supported; use 'max_completion_tokens_of_the_answer'",
        ),
        (
            "a task-based, risk-averse model",
            "a task-based, risk-averse model",
        ),
        ("né sk-éa ключ", "né sk-éa ключ"),
        ("", ""),
    ] {
        assert_eq!(mask::masked(text), safe);
    }
}
