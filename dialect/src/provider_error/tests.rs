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

/// Sources: the rows of `vendor::table`, the documents that `class` names, and errors quoted in the
/// issue trackers of their users.
mod vendors {
    use super::ErrorClass::{
        self, Auth, ContentPolicy, ContextLength, InvalidRequest, NotFound, Overloaded,
        RateLimited, Server,
    };

    /// Status, body, what it means.
    pub(super) const ERRORS: &[(u16, &str, ErrorClass)] = &[
        // DeepSeek
        (
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            RateLimited,
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 65536 tokens. However, you requested 72814 tokens","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}"#,
            ContextLength,
        ),
        (
            400,
            r#"{"error":{"message":"Content Exists Risk","type":"invalid_request_error","code":"invalid_request_error"}}"#,
            ContentPolicy,
        ),
        (
            401,
            r#"{"error":{"message":"Authentication Fails","type":"authentication_error","code":"invalid_request_error"}}"#,
            Auth,
        ),
        // DashScope
        (
            400,
            r#"{"error":{"code":"invalid_parameter_error","message":"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 983616]","param":null,"type":"invalid_request_error"},"request_id":"r"}"#,
            ContextLength,
        ),
        (
            400,
            r#"{"code":"InvalidParameter","message":"Range of input length should be [1, 6000]","request_id":"r"}"#,
            ContextLength,
        ),
        (
            400,
            r#"{"code":"DataInspectionFailed","message":"Input data may contain inappropriate content.","request_id":"r"}"#,
            ContentPolicy,
        ),
        (
            400,
            r#"{"error":{"code":"Arrearage","message":"Access denied","type":"Arrearage"}}"#,
            RateLimited,
        ),
        (
            429,
            r#"{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded","request_id":"r"}"#,
            RateLimited,
        ),
        (
            401,
            r#"{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"r"}"#,
            Auth,
        ),
        // Zhipu
        (
            400,
            r#"{"error":{"code":"1261","message":"Prompt exceeds max length"}}"#,
            ContextLength,
        ),
        (
            429,
            r#"{"error":{"code":"1113","message":"Your account is in arrears"}}"#,
            RateLimited,
        ),
        (
            400,
            r#"{"error":{"code":"1301","message":"unsafe or sensitive content"}}"#,
            ContentPolicy,
        ),
        (
            401,
            r#"{"error":{"code":"1002","message":"Invalid Authentication Token"}}"#,
            Auth,
        ),
        (
            400,
            r#"{"error":{"code":"1211","message":"Model does not exist"}}"#,
            NotFound,
        ),
        (
            400,
            r#"{"error":{"code":"1214","message":"Incorrect role information"}}"#,
            InvalidRequest,
        ),
        // Moonshot
        (
            400,
            r#"{"error":{"message":"Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)","type":"invalid_request_error"}}"#,
            ContextLength,
        ),
        (
            403,
            r#"{"error":{"message":"Your account is not active, exceeded current quota","type":"exceeded_current_quota_error"}}"#,
            RateLimited,
        ),
        (
            429,
            r#"{"error":{"message":"The engine is currently overloaded","type":"engine_overloaded_error"}}"#,
            Overloaded,
        ),
        // Volcengine
        (
            400,
            r#"{"error":{"code":"InvalidParameter","message":"Total tokens of image and text exceed max message tokens.","param":"","type":"BadRequest"}}"#,
            ContextLength,
        ),
        (
            400,
            r#"{"error":{"code":"InvalidParameter","message":"max_tokens and max_completion_tokens cannot be set at the same time","param":"max_tokens","type":"BadRequest"}}"#,
            InvalidRequest,
        ),
        (
            403,
            r#"{"error":{"code":"AccountOverdueError","message":"overdue","type":"Forbidden"}}"#,
            RateLimited,
        ),
        (
            400,
            r#"{"error":{"code":"InputTextSensitiveContentDetected","message":"m","type":"BadRequest"}}"#,
            ContentPolicy,
        ),
        (
            404,
            r#"{"error":{"code":"InvalidEndpointOrModel.NotFound","message":"m","type":"NotFound"}}"#,
            NotFound,
        ),
        // MiniMax: the status is 200
        (
            200,
            r#"{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#,
            RateLimited,
        ),
        (
            200,
            r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#,
            RateLimited,
        ),
        (
            200,
            r#"{"base_resp":{"status_code":1004,"status_msg":"not authorized"}}"#,
            Auth,
        ),
        (
            200,
            r#"{"choices":null,"base_resp":{"status_code":1026,"status_msg":"input new_sensitive"}}"#,
            ContentPolicy,
        ),
        (
            200,
            r#"{"base_resp":{"status_code":2013,"status_msg":"invalid params, context window exceeds limit"}}"#,
            ContextLength,
        ),
        (
            200,
            r#"{"base_resp":{"status_code":1000,"status_msg":"unknown error"}}"#,
            Server,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"invalid params, context window exceeds limit (2013)"}}"#,
            ContextLength,
        ),
        // Mistral
        (
            400,
            r#"{"object":"error","message":"Prompt contains 66385 tokens, too large for model with 32768 maximum context length","type":"invalid_request_error","param":null,"code":"3051"}"#,
            ContextLength,
        ),
        (
            429,
            r#"{"object":"error","message":"Rate limit exceeded","type":"rate_limited","param":null,"code":"1300"}"#,
            RateLimited,
        ),
        (
            429,
            r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"service_tier_capacity_exceeded","code":"3505"}"#,
            Overloaded,
        ),
        (401, r#"{"detail":"Unauthorized"}"#, Auth),
        (
            422,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","store"],"msg":"Extra inputs are not permitted","input":false}]}"#,
            InvalidRequest,
        ),
        // Groq
        (
            413,
            r#"{"error":{"message":"Request too large for model in service tier `on_demand` on tokens per minute (TPM): Limit 10000, Requested 21247, please reduce your message size","type":"tokens","code":"rate_limit_exceeded"}}"#,
            RateLimited,
        ),
        // vLLM
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":null,"code":400}"#,
            ContextLength,
        ),
        (
            400,
            r#"{"error":{"message":"You passed 1015 input tokens and requested 10 output tokens. However, the model's context length is only 1024 tokens","type":"BadRequestError","param":"input_tokens","code":400}}"#,
            ContextLength,
        ),
        (
            404,
            r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}"#,
            NotFound,
        ),
        // Ollama
        (
            404,
            r#"{"error":"model 'x' not found, try pulling it first"}"#,
            NotFound,
        ),
        (
            400,
            r#"{"error":{"message":"prompt too long; exceeded max context length by 5 tokens","type":"api_error","param":null,"code":null}}"#,
            ContextLength,
        ),
        // llama.cpp
        (
            400,
            r#"{"error":{"code":400,"message":"request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":4390}}"#,
            ContextLength,
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}"#,
            ContextLength,
        ),
        // What no words explain, the status does.
        (503, "upstream connect error", Overloaded),
        (429, r#"{"error":{"message":"slow down"}}"#, RateLimited),
        (422, "{}", InvalidRequest),
        (502, "<html>", Server),
        (200, "{}", Server),
    ];
}

#[test]
fn every_vendors_errors_are_understood() {
    for (status, body, class) in vendors::ERRORS {
        let error = ProviderError::read_with_status(*status, body.as_bytes());
        assert_eq!(error.class, *class, "{body}");
        assert!(!error.message.is_empty());
    }
}

#[test]
fn lists_of_problems_are_told_without_what_they_quote() {
    let body = r#"{"object":"error","message":{"detail":[
        {"type":"extra_forbidden","loc":["body","messages",3,"assistant","reasoning_content"],"msg":"Extra inputs are not permitted","input":"my secret"},
        {"loc":["body","n"],"msg":"too many"}, 5]},"type":"invalid_request_error","param":null,"code":null}"#;
    let error = ProviderError::read(body.as_bytes());
    assert_eq!(
        error.message,
        "messages[3].assistant.reasoning_content: Extra inputs are not permitted; n: too many; is not valid"
    );
    assert_eq!(
        error.param.as_deref(),
        Some("messages[3].assistant.reasoning_content")
    );
}

#[test]
fn a_message_may_say_how_long_to_wait() {
    for (text, ms) in [
        ("Please try again in 20s.", Some(20_000)),
        ("Please try again in 1m2.5s. Visit", Some(62_500)),
        ("please TRY again in 6ms", Some(6)),
        ("try again in 2 hours", Some(7_200_000)),
        ("try again in 999999999999999999999h.", Some(u64::MAX)),
        ("try again in 5", None),
        ("try again in 5 parsecs", None),
        ("try again in a moment", None),
        ("try again in ", None),
        ("try again later", None),
    ] {
        let body = format!(r#"{{"error":{{"message":"{text}","code":"rate_limit_exceeded"}}}}"#);
        assert_eq!(
            ProviderError::read(body.as_bytes()).retry_after_ms,
            ms,
            "{text}"
        );
    }
    let bad = r#"{"error":{"message":"try again in 5s","code":"invalid"}}"#;
    assert_eq!(ProviderError::read(bad.as_bytes()).retry_after_ms, None);
}

#[test]
fn what_another_account_encrypted_is_told_from_what_is_wrong() {
    for (error, expected) in [
        (
            r#"{"message":"x","code":"invalid_encrypted_content"}"#,
            true,
        ),
        (
            r#"{"message":"The encrypted content for item rs_1 could not be verified.","code":null}"#,
            true,
        ),
        (
            r#"{"message":"Encrypted content is not supported with this model."}"#,
            false,
        ),
    ] {
        let body = format!(r#"{{"error":{error}}}"#);
        let error = ProviderError::read_with_status(400, body.as_bytes());
        assert_eq!(error.class, ErrorClass::InvalidRequest);
        assert_eq!(error.is_of_another_account(), expected, "{body}");
    }
}
