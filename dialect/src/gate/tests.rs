use super::*;

fn judge_by(stream: &str, chunk: usize) -> GateVerdict {
    let mut gate = FirstEvent::new();
    for piece in stream.as_bytes().chunks(chunk) {
        let verdict = gate.push(piece);
        if verdict != GateVerdict::NeedMore {
            assert_eq!(gate.finish(), verdict);
            return verdict;
        }
    }
    gate.finish()
}

fn class(stream: &str) -> Option<ErrorClass> {
    let whole = judge_by(stream, usize::MAX);
    for chunk in [1, 3, 10] {
        assert_eq!(judge_by(stream, chunk), whole, "{stream}");
    }
    match whole {
        GateVerdict::NeedMore => panic!("{stream} was not decided"),
        GateVerdict::Pass => None,
        GateVerdict::ProviderError(error) => Some(error.class()),
    }
}

#[test]
fn the_first_event_decides() {
    use ErrorClass::{Auth, InvalidRequest, Overloaded, RateLimited, Server};
    let chunk = r#"{"id":"x","choices":[{"delta":{"content":"\"error\": 1"}}]}"#;
    for (stream, expected) in [
        (format!("data: {chunk}\n\n"), None),
        (format!(": ping\n\ndata:\n\n\n\ndata: {chunk}\n\ndata: {{\"error\":1}}\n\n"), None),
        ("data: plain text\n\n".into(), None),
        ("data: {\"error\":null,\"choices\":[]}\n\n".into(), None),
        (": ping\n\ndata: {\"error\":{\"code\":429}}\n\n".into(), Some(RateLimited)),
        (r#"data: {"error":{"type":"tokens","code":"rate_limit_exceeded"}}"#.into(), Some(RateLimited)),
        ("data: {\"error\":{\"type\":\"overloaded_error\"}}\n\n".into(), Some(Overloaded)),
        (
            "data: {\"error\":{\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}\n\n".into(),
            Some(Auth),
        ),
        (
            "data: {\"error\":{\"type\":\"invalid_request_error\",\"code\":null}}\n\n".into(),
            Some(InvalidRequest),
        ),
        ("data: {\"error\":\"oops\"}\n\n".into(), Some(Server)),
        ("event: error\ndata: what?\n\n".into(), Some(Server)),
        ("event: error\ndata: {\"message\":\"m\",\"code\":503}\n\n".into(), Some(Overloaded)),
        ("data: {\"object\":\"error\",\"message\":\"m\",\"code\":400}\n\n".into(), Some(InvalidRequest)),
        ("{\n \"error\": {\"code\": \"server_error\"}\n}\n".into(), Some(Server)),
        ("{\"choices\": []}".into(), None),
        // MiniMax, with status 200; its answers have the member too.
        (r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#.into(), Some(RateLimited)),
        (r#"data: {"choices":[],"base_resp":{"status_code":0,"status_msg":""}}"#.into(), None),
        // DashScope
        (
            "event:error\n:HTTP_STATUS/400\ndata:{\"code\":\"InvalidApiKey\",\"message\":\"m\",\"request_id\":\"r\"}\n\n".into(),
            Some(Auth),
        ),
        (r#"data: {"code":"InvalidParameter","message":"m","request_id":"r"}"#.into(), Some(InvalidRequest)),
        (r#"data: {"code":0,"message":"ok","choices":[]}"#.into(), None),
        (r#"data: {"type":"content_block_delta","delta":{"text":"x"}}"#.into(), None),
        // Mistral
        (
            r#"{"object":"Error","message":{"detail":[{"loc":["body","n"],"msg":"m"}]},"type":"invalid_request_error","code":3001}"#.into(),
            Some(InvalidRequest),
        ),
        (
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n".into(),
            Some(Overloaded),
        ),
        (
            "data: {\"type\":\"message_start\"}\n\ndata: {\"type\":\"content_block_start\"}\n\n".into(),
            None,
        ),
        ("data: {\"type\":\"message_start\"}\n\n".into(), Some(Server)),
        (
            "data: {\"type\":\"response.created\"}\n\ndata: {\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"m\"}}}\n\n".into(),
            Some(RateLimited),
        ),
        ("data: [DONE]\n\n".into(), Some(Server)),
        ("upstream connect error".into(), Some(Server)),
        (": ping\n\n".into(), Some(Server)),
        (String::new(), Some(Server)),
    ] {
        assert_eq!(class(&stream), expected, "{stream}");
    }
}

#[test]
fn the_error_is_shown_without_secrets() {
    let verdict = judge_by(
        "data: {\"error\":{\"message\":\"bad key sk-abcdef123456\",\"type\":\"t\",\"code\":7}}\n\n",
        usize::MAX,
    );
    let GateVerdict::ProviderError(GateError::Reported(error)) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(error.message, "bad key sk-***");
    assert_eq!(
        (error.kind.as_deref(), error.code.as_deref()),
        (Some("t"), Some("7"))
    );
}

#[test]
fn looking_ahead_is_bounded() {
    for line in [": ping\n\n", "x"] {
        let endless = line.repeat(LOOK_AHEAD_BYTES);
        assert_eq!(class(&endless), None);
    }
}

#[test]
fn an_error_hides_in_a_whole_answer() {
    let class = |body: &str| hidden_error(body.as_bytes()).map(|error| error.class);
    for (body, expected) in [
        (r#"{"error":{"code":429}}"#, Some(ErrorClass::RateLimited)),
        (
            r#"{"id":"x","base_resp":{"status_code":1004,"status_msg":"m"}}"#,
            Some(ErrorClass::Auth),
        ),
        (r#"{"id":"x","choices":[{}],"error":null}"#, None),
        ("[]", None),
    ] {
        assert_eq!(class(body), expected, "{body}");
    }
}
