//! Clients and providers of different dialects, through the filter's real callbacks.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    dead_code,
    reason = "a test may fail loudly; the story is shared with other tests"
)]

mod host;
mod story;

use ark_gateway_core::record::{Outcome, Verdict};
use proxy_wasm::types::Action;
use serde_json::{Value, json};

use host::host;
use story::{Story, alone, chat};

const CLAUDE_ANSWER: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,"cache_read_input_tokens":4,"output_tokens":2}}"#;

const CLAUDE_START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n";

const CLAUDE_TEXT: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hel\"}}\n\n";

const CLAUDE_END: &str = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":7}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const OVERLOADED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";

fn messages(stream: bool) -> String {
    json!({"model": "big", "max_tokens": 9, "stream": stream,
        "messages": [{"role": "user", "content": "hi"}]})
    .to_string()
}

const MESSAGES: [(&str, &str); 1] = [(":path", "/v1/messages")];

fn received() -> String {
    host(|h| String::from_utf8(h.response_body.clone()).expect("text"))
}

fn received_json() -> Value {
    serde_json::from_str(&received()).expect("JSON")
}

fn refusal() -> (u32, Value) {
    let reply = host(|h| h.reply.take()).expect("a reply of our own");
    (
        reply.status,
        serde_json::from_slice(&reply.body).expect("JSON"),
    )
}

#[test]
fn a_chat_client_reaches_anthropic_and_back() {
    alone(|| {
        let mut story = Story::begin_across(["anthropic", "openai", "openai"], &json!({}));
        let asked = json!({"model": "big", "seed": 7, "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]});
        let gateway = story.request(&asked.to_string());
        let attempt = story.attempt("a");
        let sent = story.body_sent(attempt);
        assert_eq!(sent["model"], "big-a");
        assert_eq!(sent["max_tokens"], 4096, "which Anthropic demands");
        assert!(sent.get("seed").is_none() && sent.get("system").is_some());
        assert_eq!(story.sent(":path").as_deref(), Some("/v1/messages"));
        assert_eq!(
            story.sent("anthropic-version").as_deref(),
            Some("2023-06-01")
        );
        let length = story.sent("content-length").expect("set");
        assert_eq!(length, host(|h| h.request_body.len()).to_string());
        story.answer(attempt, 200, "application/json", &[CLAUDE_ANSWER]);
        assert_eq!(story.relay(gateway), Action::Continue);
        let answer = received_json();
        assert_eq!(answer["object"], "chat.completion");
        assert_eq!(answer["choices"][0]["message"]["content"], "Hello");
        assert_eq!(answer["usage"]["prompt_tokens"], 9, "cached ones included");
        assert_eq!(
            story.received("x-ark-translation").as_deref(),
            Some("lossy; dropped=seed")
        );
        story.end(gateway);
        let record = story.only_record();
        assert_eq!(record.outcome, Outcome::Ok);
        assert_eq!(
            (record.usage.input_tokens, record.usage.cached_tokens),
            (9, 4)
        );
        assert_eq!(record.attempts[0].lost, ["seed"]);
    });
}

#[test]
fn a_stream_is_translated_and_an_error_in_its_first_event_goes_elsewhere() {
    alone(|| {
        let mut story = Story::begin_across(["anthropic", "openai", "openai"], &json!({}));
        let gateway = story.request(&chat(true));
        let attempt = story.attempt("a");
        assert_eq!(story.body_sent(attempt)["stream"], true);
        story.head(attempt, 200, "text/event-stream");
        assert_eq!(story.chunk(attempt, CLAUDE_START, false), Action::Pause);
        assert_eq!(story.chunk(attempt, OVERLOADED, true), Action::Continue);
        assert_eq!(story.received(":status").as_deref(), Some("529"));
        story.replay_body();
        let second = story.attempt("b");
        assert_eq!(story.body_sent(second)["model"], "big-b", "bytes pass");
        assert_eq!(story.sent("anthropic-version"), None);
        assert_eq!(story.sent(":path").as_deref(), Some("/v1/chat/completions"));
        story.head(second, 200, "text/event-stream");
        story.chunk(
            second,
            "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
            false,
        );
        assert_eq!(story.relay(gateway), Action::Continue);
        assert_eq!(story.received("x-ark-translation"), None);
        story.gone(gateway);
        let record = story.only_record();
        assert_eq!(record.attempts[0].verdict, Verdict::FirstEvent);
    });
}

#[test]
fn a_translated_stream_ends_as_its_client_expects() {
    alone(|| {
        let mut story = Story::begin_across(["anthropic", "openai", "openai"], &json!({}));
        let gateway = story.request(&chat(true));
        let attempt = story.attempt("a");
        story.body_sent(attempt);
        story.head(attempt, 200, "text/event-stream; charset=utf-8");
        assert_eq!(story.chunk(attempt, CLAUDE_START, false), Action::Pause);
        let mut whole = String::new();
        host(|h| h.response_body.extend(CLAUDE_TEXT.as_bytes()));
        assert_eq!(story.chunk(attempt, "", true), Action::Continue);
        whole.push_str(&received());
        assert!(whole.contains("\"content\":\"Hel\""), "{whole}");
        assert!(whole.contains("\"error\""), "it broke off: {whole}");
        assert_eq!(story.relay(gateway), Action::Continue);
        story.end(gateway);
        let record = story.only_record();
        assert_eq!(record.attempts[0].verdict, Verdict::Cut);

        let gateway = story.request(&chat(true));
        let attempt = story.attempt("a");
        story.body_sent(attempt);
        story.head(attempt, 200, "text/event-stream");
        let all = [CLAUDE_START, CLAUDE_TEXT, CLAUDE_END].concat();
        story.chunk(attempt, &all, true);
        let whole = received();
        assert!(whole.ends_with("data: [DONE]\n\n"), "{whole}");
        assert!(
            !whole.contains("\"usage\":{"),
            "the client did not ask: {whole}"
        );
        story.relay(gateway);
        story.end(gateway);
        let record = story.only_record();
        assert_eq!(record.outcome, Outcome::Ok);
        assert_eq!(
            (record.usage.input_tokens, record.usage.output_tokens),
            (5, 7)
        );
    });
}

#[test]
fn anthropics_own_clients_pass_byte_for_byte() {
    alone(|| {
        let mut story = Story::begin_across(["anthropic", "openai", "openai"], &json!({}));
        let more = [
            MESSAGES[0],
            ("anthropic-version", "2026-10-21"),
            ("anthropic-beta", "x"),
        ];
        let gateway = story.request_with(&messages(true), &more);
        let attempt = story.attempt("a");
        let original = messages(true).replace("\"big\"", "\"big-a\"");
        story.body_sent(attempt);
        assert_eq!(host(|h| h.request_body.clone()), original.as_bytes());
        assert_eq!(
            story.sent("anthropic-version").as_deref(),
            Some("2026-10-21")
        );
        assert_eq!(story.sent("anthropic-beta").as_deref(), Some("x"));
        story.head(attempt, 200, "text/event-stream");
        let all = [CLAUDE_START, CLAUDE_TEXT, CLAUDE_END].concat();
        story.chunk(attempt, &all, true);
        assert_eq!(received(), all);
        story.relay(gateway);
        story.end(gateway);
        let record = story.only_record();
        assert_eq!(
            (record.usage.input_tokens, record.usage.output_tokens),
            (5, 7)
        );
    });
}

#[test]
fn another_makers_signature_never_reaches_anthropic() {
    alone(|| {
        let mut story = Story::begin_across(["anthropic", "openai", "openai"], &json!({}));
        let asked = json!({"model": "big", "max_tokens": 9, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "ark1.google.abc"},
                {"type": "text", "text": "yes"}]},
            {"role": "user", "content": "go on"}]});
        story.request_with(&asked.to_string(), &MESSAGES);
        let attempt = story.attempt("a");
        let sent = story.body_sent(attempt).to_string();
        assert!(!sent.contains("ark1.") && sent.contains("yes"), "{sent}");
    });
}

#[test]
fn errors_are_in_the_callers_dialect() {
    alone(|| {
        let mut story = Story::begin_across(["openai", "gemini", "openai"], &json!({}));
        story.request_with(&messages(false), &[MESSAGES[0], ("authorization", "")]);
        let (status, body) = refusal();
        assert_eq!(status, 401);
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["type"], "authentication_error");
        // Its own dialect demands max_tokens, and the first target needs a translation.
        let bare = json!({"model": "big", "messages": []}).to_string();
        story.request_with(&bare, &MESSAGES);
        let (status, body) = refusal();
        assert_eq!((status, &body["type"]), (400, &json!("error")));

        let gateway = story.request_with(&messages(false), &MESSAGES);
        let attempt = story.attempt("a");
        story.body_sent(attempt);
        let error = r#"{"error":{"message":"bad image","type":"invalid_request_error","param":"x","code":null}}"#;
        story.answer(attempt, 400, "application/json", &[error]);
        assert_eq!(story.relay(gateway), Action::Continue);
        let body = received_json();
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["message"], "bad image");
        story.end(gateway);
    });
}

#[test]
fn a_400_about_our_own_key_is_not_the_clients() {
    alone(|| {
        let mut story = Story::begin_across(["gemini", "openai", "openai"], &json!({}));
        let gateway = story.request(&chat(false));
        let attempt = story.attempt("a");
        story.body_sent(attempt);
        let error = r#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        story.answer(attempt, 400, "application/json", &[error]);
        assert_eq!(story.received(":status").as_deref(), Some("529"));
        story.gone(gateway);
        assert_eq!(story.only_record().attempts[0].verdict, Verdict::Auth);
    });
}

#[test]
fn a_prompt_that_is_too_long_goes_on_only_where_the_model_says_so() {
    let error = r#"{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    for (policy, status) in [
        (json!({}), "400"),
        (
            json!({"fail_over_on":
        {"context_length": true, "content_policy": false}}),
            "529",
        ),
    ] {
        alone(|| {
            let mut story = Story::begin_across(["openai", "openai", "openai"], &policy);
            story.request(&chat(false));
            let attempt = story.attempt("a");
            story.body_sent(attempt);
            story.answer(attempt, 400, "application/json", &[error]);
            assert_eq!(story.received(":status").as_deref(), Some(status));
        });
    }
}

#[test]
fn a_model_that_allows_no_loss_refuses_by_the_fields_name() {
    alone(|| {
        let strict = json!({"on_loss": "reject"});
        let mut story = Story::begin_across(["anthropic", "gemini", "openai"], &strict);
        let mut asked: Value = serde_json::from_str(&chat(false)).expect("JSON");
        asked["logit_bias"] = json!({"1": 1});
        story.request(&asked.to_string());
        assert_eq!(story.targets(), ["c"], "which alone can take it");
    });
    alone(|| {
        let strict = json!({"on_loss": "reject"});
        let mut asked: Value = serde_json::from_str(&chat(false)).expect("JSON");
        asked["logit_bias"] = json!({"1": 1});
        let mut story = Story::begin_across(["anthropic", "gemini", "bedrock"], &strict);
        story.request(&asked.to_string());
        let (status, body) = refusal();
        assert_eq!(status, 400);
        assert_eq!(body["error"]["code"], "lossy_translation");
        assert_eq!(body["error"]["param"], "logit_bias");
    });
}

#[test]
fn tokens_are_counted_by_who_can_and_else_estimated_aloud() {
    alone(|| {
        let path = [(":path", "/v1/messages/count_tokens")];
        let asked = json!({"model": "big", "messages": [{"role": "user", "content": "hi"}]});
        let mut story = Story::begin_across(["openai", "anthropic", "gemini"], &json!({}));
        story.request_with(&asked.to_string(), &path);
        assert_eq!(story.targets(), ["b", "c"]);
        let attempt = story.attempt("b");
        story.body_sent(attempt);
        assert_eq!(
            story.sent(":path").as_deref(),
            Some("/v1/messages/count_tokens")
        );
    });
    alone(|| {
        let path = [(":path", "/v1/messages/count_tokens")];
        let asked = json!({"model": "big", "messages": [{"role": "user", "content": "hi"}]});
        let mut story = Story::begin_across(["openai", "openai", "bedrock"], &json!({}));
        story.request_with(&asked.to_string(), &path);
        let reply = host(|h| h.reply.take()).expect("an estimate");
        let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
        assert!(body["input_tokens"].as_u64() > Some(0), "{body}");
        assert_eq!(
            host::value(&reply.headers, "x-ark-translation").as_deref(),
            Some("lossy; estimated=input_tokens")
        );
    });
}

#[test]
fn a_vendors_quirks_are_byte_edits() {
    alone(|| {
        let kinds = ["openai-compatible/mistral", "openai", "openai"];
        let mut story = Story::begin_across(kinds, &json!({}));
        let asked = r#"{"model":"big", "seed":7,"messages":[{"role":"user","content":"hi"}]}"#;
        story.request(asked);
        let attempt = story.attempt("a");
        story.body_sent(attempt);
        let sent = host(|h| String::from_utf8(h.request_body.clone()).expect("text"));
        assert_eq!(
            sent,
            r#"{"model":"big-a", "random_seed":7,"messages":[{"role":"user","content":"hi"}]}"#
        );
    });
}

#[test]
fn what_a_target_lacks_is_seen_in_every_dialect() {
    let lacking = json!({"tools": true, "json_schema": false, "images": false, "files": true,
        "audio": true, "embeddings": true, "context_tokens": null, "max_output_tokens": null});
    let image = json!([{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]);
    let schema = json!({"format": {"type": "json_schema", "schema": {"type": "object"}}});
    let say = |content: &Value| {
        json!({"model": "big", "max_tokens": 9,
        "messages": [{"role": "user", "content": content}]})
    };
    let mut structured = say(&json!("hi"));
    structured["output_config"] = schema;
    for (asked, field) in [
        (say(&json!("an \"image\" in words")), None),
        (say(&image), Some("messages")),
        (structured, Some("response_format")),
    ] {
        alone(|| {
            let mut story =
                Story::begin_where(["openai", "anthropic", "openai"], &json!({}), &lacking);
            story.request_with(&asked.to_string(), &MESSAGES);
            match field {
                None => assert_eq!(story.targets(), ["a", "b", "c"]),
                Some(field) => {
                    let (status, body) = refusal();
                    assert_eq!(
                        (status, &body["error"]["type"]),
                        (400, &json!("invalid_request_error"))
                    );
                    assert!(body.to_string().contains(field), "{body}");
                }
            }
        });
    }
}

#[test]
fn a_blocked_prompt_goes_on_where_the_model_says_so() {
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10},"modelVersion":"gemini","responseId":"b"}"#;
    let policy = json!({"fail_over_on": {"context_length": false, "content_policy": true}});
    for (policy, status) in [(json!({}), "400"), (policy, "529")] {
        alone(|| {
            let mut story = Story::begin_across(["gemini", "openai", "openai"], &policy);
            story.request(&chat(false));
            let attempt = story.attempt("a");
            story.body_sent(attempt);
            story.answer(attempt, 200, "application/json", &[blocked]);
            assert_eq!(story.received(":status").as_deref(), Some(status));
        });
    }
}

#[test]
fn a_vendors_own_form_of_error_in_a_200_goes_elsewhere() {
    alone(|| {
        let kinds = ["openai-compatible/minimax", "openai", "openai"];
        let mut story = Story::begin_across(kinds, &json!({}));
        story.request(&chat(false));
        let attempt = story.attempt("a");
        story.body_sent(attempt);
        let limited = r#"{"choices":null,"base_resp":{"status_code":1002,"status_msg":"limit"}}"#;
        story.answer(attempt, 200, "application/json", &[limited]);
        assert_eq!(story.received(":status").as_deref(), Some("529"));
    });
}

#[test]
fn the_last_failure_says_in_its_body_when_to_come_back() {
    alone(|| {
        let kinds = ["gemini", "gemini", "gemini"];
        let mut story = Story::begin_across(kinds, &json!({}));
        let gateway = story.request(&chat(false));
        let error = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}"#;
        for provider in ["a", "b", "c"] {
            story.replay_body();
            let attempt = story.attempt(provider);
            story.body_sent(attempt);
            story.answer(attempt, 429, "application/json", &[error]);
        }
        assert_eq!(story.relay(gateway), Action::Pause);
        let reply = host(|h| h.reply.take()).expect("a refusal");
        assert_eq!(reply.status, 503);
        assert_eq!(
            host::value(&reply.headers, "retry-after").as_deref(),
            Some("7")
        );
    });
}

#[test]
fn a_response_of_before_is_refused_though_bytes_would_pass() {
    alone(|| {
        let mut story = Story::begin_across(["openai", "openai", "openai"], &json!({}));
        let asked = r#"{"model":"big","input":"hi","previous_response_id":"resp_1"}"#;
        let gateway = story.request_with(asked, &[(":path", "/v1/responses")]);
        let attempt = story.attempt("a");
        host(|h| h.reply = None);
        story.try_body(attempt);
        let (status, body) = refusal();
        assert_eq!(status, 400);
        assert_eq!(body["error"]["param"], "previous_response_id");
        story.router_answers("400");
        assert_eq!(story.relay(gateway), Action::Continue, "as it is");
        story.end(gateway);
        let record = story.only_record();
        assert_eq!(record.outcome, Outcome::Rejected);
        assert_eq!(record.status, 400);
    });
}

#[test]
fn what_another_maker_thought_never_reaches_openai() {
    alone(|| {
        let mut story = Story::begin_across(["openai", "anthropic", "gemini"], &json!({}));
        let asked = r#"{"model":"big","store":true,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes","reasoning_content":"hm"},{"role":"user","content":"go on"}]}"#;
        let gateway = story.request(asked);
        let attempt = story.attempt("a");
        let sent = story.body_sent(attempt);
        assert!(!sent.to_string().contains("reasoning_content"), "{sent}");
        // Nor is it let store what it is sent.
        assert_eq!(
            (&sent["store"], &sent["model"]),
            (&json!(false), &json!("big-a"))
        );
        story.answer(attempt, 200, "application/json", &["{}"]);
        story.relay(gateway);
        assert_eq!(
            story.received("x-ark-translation").as_deref(),
            Some("lossy; dropped=reasoning_history")
        );
    });
}

#[test]
fn a_vendor_without_functions_is_asked_with_tools() {
    alone(|| {
        let kinds = ["openai-compatible/mistral", "openai", "openai"];
        let mut story = Story::begin_across(kinds, &json!({}));
        let asked = json!({"model": "big", "messages": [{"role": "user", "content": "hi"}],
            "functions": [{"name": "f", "parameters": {"type": "object"}}]});
        let gateway = story.request(&asked.to_string());
        let attempt = story.attempt("a");
        let sent = story.body_sent(attempt);
        assert_eq!(sent["tools"][0]["function"]["name"], "f");
        let called = r#"{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"123456789","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
        story.answer(attempt, 200, "application/json", &[called]);
        assert_eq!(story.relay(gateway), Action::Continue);
        let message = &received_json()["choices"][0]["message"];
        assert_eq!(message["function_call"]["name"], "f", "{message}");
    });
}

#[test]
fn an_image_that_a_provider_cannot_be_sent_never_gets_lost_on_the_way() {
    let asked = |url: &str| {
        let image = json!([{"type": "image_url", "image_url": {"url": url}}]);
        json!({"model": "big", "messages": [{"role": "user", "content": image}]}).to_string()
    };
    let (remote, here) = ("https://x.test/y.png", "data:image/png;base64,AAAA");
    for (kinds, url, targets) in [
        (["bedrock", "openai", "anthropic"], remote, &["b", "c"][..]),
        (["bedrock", "openai", "anthropic"], here, &["a", "b", "c"]),
        (["bedrock", "bedrock", "bedrock"], remote, &[]),
    ] {
        alone(|| {
            let mut story = Story::begin_across(kinds, &json!({}));
            story.request(&asked(url));
            if targets.is_empty() {
                let (status, body) = refusal();
                assert_eq!(
                    (status, &body["error"]["code"]),
                    (400, &json!("unsupported"))
                );
                assert_eq!(body["error"]["param"], "messages");
            } else {
                assert_eq!(story.targets(), targets);
            }
        });
    }
}
