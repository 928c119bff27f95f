use serde_json::json;

use super::*;
use crate::chat::{Maker, Signature};
use crate::usage::Usage;

fn context() -> AnswerContext {
    AnswerContext {
        model: "asked".to_owned(),
        id: "id-1".to_owned(),
        ..AnswerContext::default()
    }
}

fn sign(maker: Maker) -> Signature {
    Signature {
        maker,
        data: "sig".to_owned(),
    }
}

fn call(signature: Option<Signature>) -> Part {
    Part::ToolCall {
        id: "toolu_1".to_owned(),
        name: "f".to_owned(),
        arguments: r#"{"a":1}"#.to_owned(),
        cache: None,
        signature,
    }
}

fn thought(text: &str, signature: Option<Signature>) -> Part {
    Part::Reasoning {
        text: text.to_owned(),
        signature,
    }
}

fn answer(parts: Vec<Part>, finish: Finish) -> ChatAnswer {
    ChatAnswer {
        choices: vec![Choice {
            parts,
            finish,
            logprobs: None,
        }],
        ..ChatAnswer::default()
    }
}

#[test]
fn an_answer_survives_the_round_trip() {
    let body = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5","content":[{"type":"thinking","thinking":"T","signature":"sig"},{"type":"redacted_thinking","data":"sig"},{"type":"text","text":"A"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}},{"type":"server_tool_use","id":"s","name":"web_search","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":20,"cache_read_input_tokens":100,"output_tokens":9,"output_tokens_details":{"thinking_tokens":4},"service_tier":"priority"}}"#;
    let read = read_answer(body.as_bytes()).unwrap();
    let expected = ChatAnswer {
        id: Some("msg_1".to_owned()),
        model: Some("claude-opus-5".to_owned()),
        usage: Some(Usage {
            input_tokens: 123,
            output_tokens: 9,
            cached_tokens: 100,
            cache_creation_tokens: 20,
            reasoning_tokens: 4,
            ..Usage::default()
        }),
        service_tier: Some("priority".to_owned()),
        ..answer(
            vec![
                thought("T", Some(sign(Maker::Anthropic))),
                Part::RedactedReasoning {
                    signature: sign(Maker::Anthropic),
                },
                Part::text("A"),
                call(None),
                Part::Foreign {
                    kind: "server_tool_use".to_owned(),
                    value: json!({"type":"server_tool_use","id":"s","name":"web_search","input":{}}),
                },
            ],
            Finish::ToolCalls,
        )
    };
    assert_eq!(read, expected);
    let written = write_answer(&read, &context());
    assert_eq!(String::from_utf8(written).unwrap(), body);
}

#[test]
fn an_answer_of_another_provider_is_written() {
    let foreign = answer(
        vec![
            thought("T", None),
            Part::text(""),
            call(Some(sign(Maker::Google))),
            Part::Audio {
                data: String::new(),
                format: String::new(),
            },
        ],
        Finish::Stop,
    );
    let foreign = ChatAnswer {
        id: Some("chatcmpl-7".to_owned()),
        service_tier: Some("flex".to_owned()),
        ..foreign
    };
    assert_eq!(
        String::from_utf8(write_answer(&foreign, &context())).unwrap(),
        r#"{"id":"msg_7","type":"message","role":"assistant","model":"asked","content":[{"type":"thinking","thinking":"T","signature":""},{"type":"thinking","thinking":"","signature":"ark1.google.sig"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}"#
    );
    assert_eq!(
        String::from_utf8(write_answer(&ChatAnswer::default(), &context())).unwrap(),
        r#"{"id":"msg_id-1","type":"message","role":"assistant","model":"asked","content":[],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}"#
    );
}

#[test]
fn ends_and_refusals_are_told() {
    for (finish, reason, sequence) in [
        (Finish::Length, "max_tokens", Value::Null),
        (
            Finish::StopSequence(Some("END".to_owned())),
            "stop_sequence",
            json!("END"),
        ),
        (Finish::Stop, "refusal", Value::Null),
        (Finish::ContentFilter, "refusal", Value::Null),
    ] {
        let refusal = Part::Refusal {
            text: "No.".to_owned(),
        };
        let body = write_answer(&answer(vec![refusal], finish), &context());
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["content"], json!([{"type":"text","text":"No."}]));
        assert_eq!(
            (&body["stop_reason"], &body["stop_sequence"]),
            (&json!(reason), &sequence)
        );
    }
    let refused = br#"{"type":"message","content":[],"stop_reason":"refusal",
        "stop_details":{"type":"refusal","category":"bio","explanation":"Not this."}}"#;
    let read = read_answer(refused).unwrap();
    let explained = Part::Refusal {
        text: "Not this.".to_owned(),
    };
    assert_eq!(read, answer(vec![explained], Finish::Refusal));
}

#[test]
fn an_error_in_a_success_and_garbage_are_errors() {
    for (body, class) in [
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ErrorClass::Overloaded,
        ),
        (r#"{"error":"no"}"#, ErrorClass::Server),
        ("{}", ErrorClass::Server),
        ("", ErrorClass::Server),
        (r#"{"content":[{"type":"text"}]}"#, ErrorClass::Server),
        (r#"{"content":[3]}"#, ErrorClass::Server),
    ] {
        let error = read_answer(body.as_bytes()).unwrap_err();
        assert_eq!(error.class, class, "{body}");
    }
}
