use super::*;
use crate::chat::{Finish, Maker, Signature, Source};
use crate::provider_error::ErrorClass;
use crate::usage::Usage;

fn body(content: Value, reason: &str) -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": {"inputTokens": 30, "outputTokens": 5, "totalTokens": 35},
        "metrics": {"latencyMs": 600},
    })
}

fn read(
    body: &Value,
    model: &str,
) -> Result<crate::chat::ChatAnswer, crate::provider_error::ProviderError> {
    read_answer_of(model, &serde_json::to_vec(body).unwrap())
}

/// Parts and finish.
fn parts(content: Value, reason: &str) -> (Vec<Part>, Finish) {
    let mut answer = read(&body(content, reason), CLAUDE).unwrap();
    let choice = answer.choices.remove(0);
    (choice.parts, choice.finish)
}

/// The example of Converse's API reference,
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html>, in its form.
#[test]
fn text_and_usage() {
    let answer = read(&body(json!([{"text": "Hello!"}]), "end_turn"), CLAUDE).unwrap();
    assert_eq!(answer.choices.len(), 1);
    assert_eq!(answer.choices[0].parts, [Part::text("Hello!")]);
    assert_eq!(answer.choices[0].finish, Finish::Stop);
    let usage = Usage {
        input_tokens: 30,
        output_tokens: 5,
        ..Usage::default()
    };
    assert_eq!(answer.usage, Some(usage));
    assert_eq!(
        (answer.id, answer.model, answer.created),
        (None, None, None)
    );
}

#[test]
fn cached_tokens_are_part_of_the_input() {
    let mut body = body(json!([{"text": "x"}]), "end_turn");
    body["usage"]["cacheReadInputTokens"] = json!(1000);
    body["usage"]["cacheWriteInputTokens"] = json!(200);
    body["serviceTier"] = json!({"type": "flex"});
    let answer = read(&body, CLAUDE).unwrap();
    let usage = Usage {
        input_tokens: 1230,
        output_tokens: 5,
        cached_tokens: 1000,
        cache_creation_tokens: 200,
        ..Usage::default()
    };
    assert_eq!(answer.usage, Some(usage));
    assert_eq!(answer.service_tier.as_deref(), Some("flex"));
}

#[test]
fn every_kind_of_block() {
    let signature = |data: &str| Signature {
        maker: Maker::Anthropic,
        data: data.to_owned(),
    };
    let call = |id: &str, arguments: &str| Part::ToolCall {
        id: id.to_owned(),
        name: "look".to_owned(),
        arguments: arguments.to_owned(),
        cache: None,
        signature: None,
    };
    let (parts, finish) = parts(
        json!([
            {"reasoningContent": {"reasoningText": {"text": "h\nm", "signature": "c2ln"}}},
            {"reasoningContent": {"reasoningText": {"text": "", "signature": "czI="}}},
            {"reasoningContent": {"reasoningText": {"text": "unsigned"}}},
            {"reasoningContent": {"redactedContent": "eHg="}},
            {"text": ""},
            {"text": "I \"look\"."},
            {"citationsContent": {"content": [{"text": "cited"}], "citations": []}},
            {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"b": 1, "a": [2.5]}}},
            {"toolUse": {"toolUseId": "t2", "name": "look", "input": {}}},
            {"toolUse": {"toolUseId": "t3", "name": "web", "input": {}, "type": "server_tool_use"}},
            {"later": {"x": 1}},
        ]),
        "tool_use",
    );
    assert_eq!(
        parts,
        [
            Part::Reasoning {
                text: "h\nm".to_owned(),
                signature: Some(signature("c2ln")),
            },
            Part::Reasoning {
                text: String::new(),
                signature: Some(signature("czI=")),
            },
            Part::Reasoning {
                text: "unsigned".to_owned(),
                signature: None,
            },
            Part::RedactedReasoning {
                signature: signature("eHg="),
            },
            Part::text("I \"look\"."),
            Part::text("cited"),
            call("t1", r#"{"b":1,"a":[2.5]}"#),
            call("t2", "{}"),
        ]
    );
    assert_eq!(finish, Finish::ToolCalls);
}

#[test]
fn images_that_the_model_made() {
    let image = json!([{"image": {"format": "png", "source": {"bytes": "QUJD"}}}]);
    let expected = Part::Image {
        source: Source::Base64 {
            media_type: "image/png".to_owned(),
            data: "QUJD".to_owned(),
        },
        detail: None,
        cache: None,
    };
    assert_eq!(parts(image, "end_turn").0, [expected]);
}

#[test]
fn signatures_are_the_models_makers() {
    let content = json!([{"reasoningContent": {"redactedContent": "eHg="}}]);
    for (model, maker) in [
        (CLAUDE, Maker::Anthropic),
        (NOVA, Maker::Bedrock),
        (PROFILE, Maker::Bedrock),
    ] {
        let answer = read(&body(content.clone(), "end_turn"), model).unwrap();
        let Part::RedactedReasoning { signature } = &answer.choices[0].parts[0] else {
            panic!("no reasoning");
        };
        assert_eq!(signature.maker, maker);
    }
    let unknown = serde_json::to_vec(&body(content, "end_turn")).unwrap();
    assert_eq!(read_answer(&unknown), read_answer_of(NOVA, &unknown));
}

#[test]
fn an_answer_by_tool_is_text() {
    let answer =
        |input: Value| json!({"toolUse": {"toolUseId": "t", "name": ANSWER_TOOL, "input": input}});
    let other = json!({"toolUse": {"toolUseId": "u", "name": "look", "input": {}}});
    let (text, finish) = parts(
        json!([
            answer(json!({"z": 1, "a": "é"})),
            answer(json!({"again": true}))
        ]),
        "tool_use",
    );
    assert_eq!(text, [Part::text(r#"{"z":1,"a":"é"}"#)]);
    assert_eq!(finish, Finish::Stop);
    let (text, finish) = parts(json!([answer(Value::Null)]), "tool_use");
    assert_eq!((text, finish), (vec![Part::text("{}")], Finish::Stop));
    let (both, finish) = parts(json!([other, answer(json!({}))]), "tool_use");
    assert_eq!((both.len(), finish), (2, Finish::ToolCalls));
}

#[test]
fn every_reason_to_stop() {
    let text = json!([{"text": "x"}]);
    let called = json!([{"toolUse": {"toolUseId": "t", "name": "look", "input": {}}}]);
    for (reason, content, finish) in [
        ("end_turn", &text, Finish::Stop),
        ("stop_sequence", &text, Finish::StopSequence(None)),
        ("max_tokens", &text, Finish::Length),
        ("max_tokens", &called, Finish::Length),
        (
            "model_context_window_exceeded",
            &text,
            Finish::ContextWindow,
        ),
        ("tool_use", &called, Finish::ToolCalls),
        ("end_turn", &called, Finish::ToolCalls),
        ("guardrail_intervened", &text, Finish::ContentFilter),
        ("content_filtered", &text, Finish::ContentFilter),
        ("refusal", &text, Finish::Refusal),
        ("of later times", &text, Finish::Stop),
    ] {
        assert_eq!(parts(content.clone(), reason).1, finish, "{reason}");
    }
    for fields in [
        json!({"stop_sequence": "END"}),
        json!({"delta": {"stop_sequence": "END"}}),
    ] {
        let mut body = body(text.clone(), "stop_sequence");
        body["additionalModelResponseFields"] = fields;
        let answer = read(&body, CLAUDE).unwrap();
        let stopped = Finish::StopSequence(Some("END".to_owned()));
        assert_eq!(answer.choices[0].finish, stopped);
    }
    for reason in ["malformed_model_output", "malformed_tool_use"] {
        let error = read(&body(text.clone(), reason), CLAUDE).unwrap_err();
        assert_eq!(error.class, ErrorClass::Server);
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    for (body, class) in [
        // Bedrock's answer, with status 200, to a path whose model has an unencoded slash.
        (
            r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#,
            ErrorClass::NotFound,
        ),
        (
            r#"{"message":"Too many requests","__type":"ThrottlingException"}"#,
            ErrorClass::RateLimited,
        ),
        ("{}", ErrorClass::Server),
        (r#"{"output":{}}"#, ErrorClass::Server),
        (
            r#"{"output":{"message":{"content":[{"text":5}]}}}"#,
            ErrorClass::Server,
        ),
        ("<html>", ErrorClass::Server),
        ("", ErrorClass::Server),
    ] {
        let error = read_answer(body.as_bytes()).unwrap_err();
        assert_eq!(error.class, class, "{body}");
    }
}
