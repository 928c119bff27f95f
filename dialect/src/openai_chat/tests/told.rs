//! Whole answers, read from providers and written for clients.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::chat::{AnswerContext, ChatAnswer, ChatRequest, Choice, Finish, Maker, Part, Signature};
use crate::openai_chat::{read_answer, write_answer};
use crate::provider_error::ErrorClass;
use crate::usage::Usage;

fn read(body: &Value) -> ChatAnswer {
    read_answer(body.to_string().as_bytes()).unwrap()
}

/// The only choice of an answer with this message.
fn message(message: Value, finish: &str) -> Choice {
    let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": finish}]});
    read(&body).choices.remove(0)
}

fn write(answer: &ChatAnswer, request: ChatRequest) -> Value {
    let context = AnswerContext {
        model: "asked".into(),
        id: "7".into(),
        created: 5,
        request: Rc::new(request),
        encoding: Default::default(),
        account: String::new(),
    };
    serde_json::from_slice(&write_answer(answer, &context)).unwrap()
}

fn choice(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        choices: vec![Choice {
            parts,
            finish,
            logprobs: None,
        }],
        ..ChatAnswer::default()
    }
}

fn call(id: &str, arguments: &str, signature: Option<Signature>) -> Part {
    Part::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        cache: None,
        signature,
    }
}

fn signature(maker: Maker) -> Signature {
    Signature {
        maker,
        data: "sig".into(),
    }
}

#[test]
fn openai_s_own_answer_is_read() {
    let answer = read(&json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 9, "model": "gpt-x", "service_tier": "default",
        "choices": [
            {"index": 1, "message": {"role": "assistant", "content": "b", "refusal": null}, "logprobs": null, "finish_reason": "length"},
            {"index": 0, "message": {"role": "assistant", "content": "a", "refusal": null, "annotations": []},
             "logprobs": {"content": [], "refusal": null}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1}},
    }));
    assert_eq!(
        answer,
        ChatAnswer {
            id: Some("chatcmpl-1".into()),
            model: Some("gpt-x".into()),
            created: Some(9),
            choices: vec![
                Choice {
                    parts: vec![Part::text("a")],
                    finish: Finish::Stop,
                    logprobs: Some(json!({"content": [], "refusal": null})),
                },
                Choice {
                    parts: vec![Part::text("b")],
                    finish: Finish::Length,
                    logprobs: None,
                },
            ],
            usage: Some(Usage {
                input_tokens: 9,
                output_tokens: 5,
                cached_tokens: 4,
                cache_creation_tokens: 2,
                reasoning_tokens: 3,
                input_audio_tokens: 1,
                output_audio_tokens: 1,
            }),
            service_tier: Some("default".into()),
            foreign: crate::loss::Losses::default(),
        }
    );
}

#[test]
fn vendors_say_the_same_otherwise() {
    let text = Part::text("t");
    let thought = |text: &str, signature| Part::Reasoning {
        text: text.into(),
        signature,
    };
    for (written, parts) in [
        (
            json!({"content": "t", "reasoning_content": "r"}),
            vec![thought("r", None), text.clone()],
        ),
        (
            json!({"content": "t", "reasoning": "r"}),
            vec![thought("r", None), text.clone()],
        ),
        (
            json!({"content": "t", "reasoning": "r", "reasoning_details": [
                {"type": "reasoning.text", "text": "r", "signature": "sig", "format": "anthropic-claude-v1", "index": 0}]}),
            vec![
                thought("r", Some(signature(Maker::Anthropic))),
                text.clone(),
            ],
        ),
        (
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "r"}]}, {"type": "text", "text": "t"}]}),
            vec![thought("r", None), text.clone()],
        ),
        (
            json!({"content": "t", "tool_calls": null, "reasoning_content": null}),
            vec![text.clone()],
        ),
        (
            json!({"content": "t", "tool_calls": "", "reasoning_content": {}}),
            vec![text],
        ),
        (
            json!({"content": null, "refusal": "no"}),
            vec![Part::Refusal { text: "no".into() }],
        ),
        (json!({"content": null}), vec![]),
        (
            json!({"content": "", "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "", "function": {"name": "f", "arguments": {"x": 1}},
                 "extra_content": {"google": {"thought_signature": "sig"}}}]}),
            vec![
                call("a", "{}", None),
                call(
                    "call_00000000_0_1",
                    "{\"x\":1}",
                    Some(signature(Maker::Google)),
                ),
            ],
        ),
        (
            json!({"function_call": {"name": "f", "arguments": "{}"}}),
            vec![call("call_00000000_0_0", "{}", None)],
        ),
    ] {
        assert_eq!(message(written.clone(), "stop").parts, parts, "{written}");
    }
}

#[test]
fn every_reason_to_stop() {
    let plain = json!({"content": "t"});
    let calls = json!({"tool_calls": [{"id": "a", "function": {"name": "f"}}]});
    for (said, word, finish) in [
        (&plain, "stop", Finish::Stop),
        (&plain, "eos", Finish::Stop),
        (&plain, "length", Finish::Length),
        (&plain, "model_length", Finish::Length),
        (&plain, "content_filter", Finish::ContentFilter),
        (&plain, "sensitive", Finish::ContentFilter),
        (&calls, "tool_calls", Finish::ToolCalls),
        (&calls, "function_call", Finish::ToolCalls),
        (&calls, "stop", Finish::ToolCalls),
        (&calls, "length", Finish::Length),
    ] {
        assert_eq!(message(said.clone(), word).finish, finish, "{word}");
    }
    for (word, class) in [
        ("insufficient_system_resource", ErrorClass::Overloaded),
        ("network_error", ErrorClass::Server),
    ] {
        let body = json!({"choices": [{"message": plain, "finish_reason": word}]});
        let error = read_answer(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.class, class);
    }
}

#[test]
fn usage_is_found_where_vendors_put_it() {
    for (members, expected) in [
        (
            json!({"usage": {"prompt_tokens": 9, "completion_tokens": 5}}),
            Some([9, 5, 0, 0]),
        ),
        (
            json!({"x_groq": {"usage": {"prompt_tokens": 9, "completion_tokens": 5}}}),
            Some([9, 5, 0, 0]),
        ),
        (
            json!({"usage": {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 4}}),
            Some([9, 5, 4, 0]),
        ),
        (
            json!({"usage": {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 4, "prompt_tokens_details": null}}),
            Some([9, 5, 4, 0]),
        ),
        // Reasoning beside the output, and in it.
        (
            json!({"usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 17, "completion_tokens_details": {"reasoning_tokens": 3}}}),
            Some([9, 8, 0, 3]),
        ),
        (
            json!({"usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14, "completion_tokens_details": {"reasoning_tokens": 3}}}),
            Some([9, 5, 0, 3]),
        ),
        (
            json!({"usage": {"prompt_tokens": 9.0, "completion_tokens": "5"}}),
            Some([9, 0, 0, 0]),
        ),
        (json!({"usage": {}}), None),
        (json!({"usage": null}), None),
        (json!({"usage": [1]}), None),
    ] {
        let mut body = json!({"choices": [{"message": {"content": "t"}, "finish_reason": "stop"}]});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let usage = read(&body).usage.map(|u| {
            [
                u.input_tokens,
                u.output_tokens,
                u.cached_tokens,
                u.reasoning_tokens,
            ]
        });
        assert_eq!(usage, expected, "{members}");
    }
}

#[test]
fn an_error_with_status_200_is_an_error() {
    for (body, class) in [
        (
            r#"{"error":{"message":"x","code":"rate_limit_exceeded"}}"#,
            ErrorClass::RateLimited,
        ),
        (r#"{"error":"overloaded"}"#, ErrorClass::Server),
        (
            r#"{"object":"error","message":"x","type":"BadRequestError","code":400}"#,
            ErrorClass::InvalidRequest,
        ),
        (
            r#"{"code":"InvalidApiKey","message":"x","request_id":"r"}"#,
            ErrorClass::Auth,
        ),
        (
            r#"{"choices":null,"base_resp":{"status_code":1002,"status_msg":"x"}}"#,
            ErrorClass::RateLimited,
        ),
        (
            r#"{"choices":[],"base_resp":{"status_code":1027,"status_msg":"x"}}"#,
            ErrorClass::ContentPolicy,
        ),
        (r#"{"choices":[]}"#, ErrorClass::Server),
        ("{}", ErrorClass::Server),
        ("[]", ErrorClass::Server),
        ("", ErrorClass::Server),
        ("<html>", ErrorClass::Server),
        (r#"{"choices":[{"message":"#, ErrorClass::Server),
    ] {
        let error = read_answer(body.as_bytes()).unwrap_err();
        assert_eq!(error.class, class, "{body}");
        assert!(!error.message.is_empty());
    }
    let fine =
        r#"{"error":null,"choices":[{}],"base_resp":{"status_code":0,"status_msg":"success"}}"#;
    assert!(read_answer(fine.as_bytes()).is_ok());
}

#[test]
fn an_answer_is_written_in_full() {
    let answer = ChatAnswer {
        id: Some("msg_1".into()),
        model: Some("claude".into()),
        created: Some(9),
        choices: vec![Choice {
            parts: vec![
                Part::Reasoning {
                    text: "hm".into(),
                    signature: Some(signature(Maker::Anthropic)),
                },
                Part::RedactedReasoning {
                    signature: signature(Maker::Bedrock),
                },
                Part::text("a"),
                Part::text("b"),
                call("t", "", Some(signature(Maker::Google))),
            ],
            finish: Finish::ToolCalls,
            logprobs: Some(json!({"content": []})),
        }],
        usage: Some(Usage {
            input_tokens: 9,
            output_tokens: 5,
            cached_tokens: 4,
            cache_creation_tokens: 2,
            reasoning_tokens: 3,
            input_audio_tokens: 1,
            output_audio_tokens: 1,
        }),
        service_tier: Some("standard".into()),
        foreign: crate::loss::Losses::default(),
    };
    assert_eq!(
        write(&answer, ChatRequest::default()),
        json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 9, "model": "claude",
            "choices": [{"index": 0, "message": {
                "role": "assistant", "content": "ab", "refusal": null, "reasoning_content": "hm",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
                    {"type": "reasoning.encrypted", "data": "sig", "format": "bedrock-v1", "index": 1}],
                "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "sig"}}}]},
                "logprobs": {"content": [], "refusal": null}, "finish_reason": "tool_calls"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1, "cache_write_tokens": 2},
                "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1}},
            "service_tier": "default",
        })
    );
}

#[test]
fn what_the_provider_did_not_say_is_in_the_context() {
    let written = write(&choice(vec![], Finish::Stop), ChatRequest::default());
    assert_eq!(
        written,
        json!({"id": "chatcmpl-7", "object": "chat.completion", "created": 5, "model": "asked",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "", "refusal": null},
                "logprobs": null, "finish_reason": "stop"}]})
    );
    let own = ChatAnswer {
        id: Some("chatcmpl-9".into()),
        ..ChatAnswer::default()
    };
    assert_eq!(write(&own, ChatRequest::default())["id"], "chatcmpl-9");
}

#[test]
fn every_reason_to_stop_has_a_word() {
    let text = vec![Part::text("t")];
    let refusal = vec![Part::Refusal { text: "no".into() }];
    let calls = vec![call("a", "{}", None)];
    for (parts, finish, word) in [
        (&text, Finish::Stop, "stop"),
        (&text, Finish::StopSequence(Some("x".into())), "stop"),
        (&text, Finish::Length, "length"),
        (&text, Finish::ContentFilter, "content_filter"),
        (&text, Finish::Refusal, "content_filter"),
        (&refusal, Finish::Refusal, "stop"),
        (&text, Finish::Pause, "stop"),
        (&calls, Finish::ToolCalls, "tool_calls"),
        (&calls, Finish::Stop, "tool_calls"),
        (&calls, Finish::Length, "length"),
    ] {
        let written = write(
            &choice(parts.clone(), finish.clone()),
            ChatRequest::default(),
        );
        assert_eq!(written["choices"][0]["finish_reason"], word, "{finish:?}");
    }
}

#[test]
fn a_client_of_functions_gets_a_function_call() {
    let request = ChatRequest {
        legacy_functions: true,
        ..ChatRequest::default()
    };
    let answer = choice(
        vec![call("a", "{\"x\":1}", None), call("b", "", None)],
        Finish::ToolCalls,
    );
    let written = write(&answer, request);
    assert_eq!(
        written["choices"][0],
        json!({"index": 0, "message": {"role": "assistant", "content": null, "refusal": null,
            "function_call": {"name": "f", "arguments": "{\"x\":1}"}},
            "logprobs": null, "finish_reason": "function_call"})
    );
}
