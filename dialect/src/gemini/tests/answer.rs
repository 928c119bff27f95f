use super::*;
use crate::chat::{Choice, Finish};
use crate::gemini::{read_answer, read_answer_of};
use crate::provider_error::ErrorClass;
use crate::usage::Usage;
use serde_json::json;

fn read(body: &Value) -> crate::chat::ChatAnswer {
    read_answer(body.to_string().as_bytes()).unwrap()
}

fn choice(parts: Value, finish: &str) -> Choice {
    let candidate = json!({"content": {"parts": parts, "role": "model"}, "finishReason": finish});
    read(&json!({"candidates": [candidate]})).choices.remove(0)
}

/// As documented for `generateContent`, with thoughts and every count.
#[test]
fn an_answer_is_read_whole() {
    let answer = read(&json!({
        "candidates": [{
            "content": {"parts": [
                {"text": "Let me see.", "thought": true},
                {"text": "Hello!", "thoughtSignature": "c2ln"},
            ], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
            "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "LOW"}],
        }],
        "usageMetadata": {
            "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 7,
            "thoughtsTokenCount": 20, "toolUsePromptTokenCount": 5, "totalTokenCount": 132,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
            "trafficType": "ON_DEMAND",
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    }));
    assert_eq!(answer.id.as_deref(), Some("r1"));
    assert_eq!(answer.model.as_deref(), Some("gemini-2.5-flash"));
    assert_eq!(
        answer.usage,
        Some(Usage {
            input_tokens: 105,
            output_tokens: 27,
            cached_tokens: 60,
            cache_creation_tokens: 0,
            reasoning_tokens: 20,
            input_audio_tokens: 30,
            output_audio_tokens: 2,
        })
    );
    let reasoning = Part::Reasoning {
        text: "Let me see.".to_owned(),
        signature: google("c2ln"),
    };
    assert_eq!(
        answer.choices,
        [Choice {
            parts: vec![reasoning, Part::text("Hello!")],
            finish: Finish::Stop,
            logprobs: None,
        }]
    );
}

#[test]
fn calls_come_whole_with_an_id_or_without() {
    let choice = choice(
        json!([
            {"functionCall": {"name": "a", "args": {"x": [1, "é"]}}, "thoughtSignature": "s"},
            {"functionCall": {"name": "b", "id": "given"}},
            {"functionCall": {"name": "c", "id": "", "args": {}}},
        ]),
        "STOP",
    );
    assert_eq!(
        choice.parts,
        [
            call("call_00000000_0_0", "a", r#"{"x":[1,"é"]}"#, google("s")),
            call("given", "b", "{}", None),
            call("call_00000000_0_2", "c", "{}", None),
        ]
    );
    assert_eq!(choice.finish, Finish::ToolCalls);
}

#[test]
fn arguments_stay_as_they_were_written_but_on_one_line() {
    let body = r#"{"candidates":[{"content":{"parts":[
        {"functionCall":{"name":"a","args":{"n":1e2, "id":123456789012345678901234567890}}},
        {"functionCall":{"name":"b","args":{
            "text": "x \\\" y\\\\", "z": [ 1 ]
        }}}]}}]}"#;
    let parts = read_answer(body.as_bytes())
        .unwrap()
        .choices
        .remove(0)
        .parts;
    let exact = r#"{"n":1e2, "id":123456789012345678901234567890}"#;
    assert_eq!(
        parts,
        [
            call("call_00000000_0_0", "a", exact, None),
            call(
                "call_00000000_0_1",
                "b",
                r#"{"text":"x \\\" y\\\\","z":[1]}"#,
                None
            ),
        ]
    );
}

#[test]
fn parts_of_gemini_only_are_foreign_and_signatures_find_a_place() {
    let code = json!({"code": "1+1", "language": "PYTHON"});
    let choice = choice(
        json!([
            {"executableCode": code},
            {"text": "2"},
            {"text": "", "thoughtSignature": "s"},
            {"thought": true, "text": "t", "thoughtSignature": "u"},
            {"videoMetadata": {}},
        ]),
        "STOP",
    );
    let foreign = Part::Foreign {
        kind: "executableCode".to_owned(),
        value: code,
    };
    let reasoning = |text: &str, signature| Part::Reasoning {
        text: text.to_owned(),
        signature,
    };
    assert_eq!(
        choice.parts,
        [
            foreign,
            Part::text("2"),
            reasoning("", google("s")),
            reasoning("t", google("u")),
        ]
    );
}

#[test]
fn every_finish_reason_has_a_meaning() {
    let said = || json!([{"text": "a"}]);
    for (word, finish) in [
        ("STOP", Finish::Stop),
        ("MAX_TOKENS", Finish::Length),
        ("CONTINUATION", Finish::Length),
        ("SAFETY", Finish::ContentFilter),
        ("RECITATION", Finish::ContentFilter),
        ("LANGUAGE", Finish::ContentFilter),
        ("OTHER", Finish::ContentFilter),
        ("BLOCKLIST", Finish::ContentFilter),
        ("PROHIBITED_CONTENT", Finish::ContentFilter),
        ("SPII", Finish::ContentFilter),
        ("IMAGE_SAFETY", Finish::ContentFilter),
        ("MODEL_ARMOR", Finish::ContentFilter),
        ("ESCALATION", Finish::ContentFilter),
        ("A_NEW_WORD", Finish::ContentFilter),
        ("FINISH_REASON_UNSPECIFIED", Finish::Stop),
        ("", Finish::Stop),
    ] {
        assert_eq!(choice(said(), word).finish, finish, "{word}");
    }
    let calls = || json!([{"functionCall": {"name": "f", "args": {}}}]);
    assert_eq!(choice(calls(), "A_NEW_WORD").finish, Finish::ToolCalls);
    assert_eq!(choice(calls(), "SAFETY").finish, Finish::ContentFilter);
    for (word, class) in [
        ("MALFORMED_FUNCTION_CALL", ErrorClass::Server),
        ("UNEXPECTED_TOOL_CALL", ErrorClass::Server),
        ("TOO_MANY_TOOL_CALLS", ErrorClass::Server),
        ("MALFORMED_RESPONSE", ErrorClass::Server),
        ("MISSING_THOUGHT_SIGNATURE", ErrorClass::InvalidRequest),
    ] {
        let body = json!({"candidates": [{"finishReason": word, "finishMessage": "f(("}]});
        let error = read_answer(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.class, class, "{word}");
        let message = format!("The model failed to finish its answer ({word}): f((");
        assert_eq!(error.message, message);
    }
    let empty = json!({"candidates": [{"finishReason": "SAFETY", "index": 0}]});
    let choices = read(&empty).choices;
    assert_eq!(
        (choices[0].parts.len(), &choices[0].finish),
        (0, &Finish::ContentFilter)
    );
}

#[test]
fn several_candidates_stand_by_their_index() {
    let candidate = |index: u32, text: &str| json!({"content": {"parts": [{"text": text}]}, "index": index, "finishReason": "STOP"});
    let answer = read(&json!({"candidates": [candidate(1, "b"), candidate(0, "a")]}));
    let parts: Vec<_> = answer.choices.into_iter().map(|it| it.parts).collect();
    assert_eq!(parts, [[Part::text("a")], [Part::text("b")]]);
    assert_eq!(answer.usage, None);
}

#[test]
fn logprobs_are_openais() {
    let answer = read(&json!({"candidates": [{
        "content": {"parts": [{"text": "é!"}]},
        "finishReason": "STOP",
        "avgLogprobs": -0.1,
        "logprobsResult": {
            "chosenCandidates": [
                {"token": "é", "tokenId": 5, "logProbability": -0.25},
                {"token": "!", "logProbability": "-Infinity"},
            ],
            "topCandidates": [{"candidates": [{"token": "a", "logProbability": -1}]}],
        },
    }]}));
    assert_eq!(
        answer.choices[0].logprobs,
        Some(json!({"content": [
            {"token": "é", "logprob": -0.25, "bytes": [195, 169],
                "top_logprobs": [{"token": "a", "logprob": -1.0, "bytes": [97]}]},
            {"token": "!", "logprob": -9999.0, "bytes": [33], "top_logprobs": []},
        ], "refusal": null}))
    );
}

#[test]
fn an_error_in_a_success_is_an_error() {
    for (body, class) in [
        (
            json!({"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "bad"},
                "usageMetadata": {"promptTokenCount": 4}}),
            ErrorClass::ContentPolicy,
        ),
        (
            json!({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}),
            ErrorClass::Overloaded,
        ),
        (
            json!([{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}]),
            ErrorClass::RateLimited,
        ),
        (
            json!({"promptFeedback": {}, "candidates": []}),
            ErrorClass::Server,
        ),
        (json!({"candidates": null}), ErrorClass::Server),
        (
            json!({"candidates": [{"content": {"parts": [{"text": 5}]}}]}),
            ErrorClass::Server,
        ),
        (json!([]), ErrorClass::Server),
        (json!("x"), ErrorClass::Server),
    ] {
        let error = read_answer(body.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.class, class, "{body}");
    }
    let blocked = br#"{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"bad"}}"#;
    let error = read_answer(blocked).unwrap_err();
    assert_eq!(
        error.message,
        "The provider blocked the prompt (SAFETY): bad"
    );
    assert_eq!(error.code.as_deref(), Some("content_filter"));
    assert_eq!(
        read_answer(b"<html>").unwrap_err().class,
        ErrorClass::Server
    );
}

#[test]
fn made_ids_differ_between_answers() {
    let id = |request: &str, response: Value| {
        let call = json!({"functionCall": {"name": "f"}});
        let mut body = json!({"candidates": [{"content": {"parts": [call]}}]});
        body["responseId"] = response;
        let answer = read_answer_of(request, body.to_string().as_bytes()).unwrap();
        let Part::ToolCall { id, .. } = &answer.choices[0].parts[0] else {
            panic!("{answer:?}");
        };
        id.clone()
    };
    assert_eq!(id("q1", json!("r1")), id("q2", json!("r1")));
    assert_ne!(id("q1", json!("r1")), id("q1", json!("r2")));
    // Where the provider gave none, by the request's.
    assert_ne!(id("q1", Value::Null), id("q2", Value::Null));
}
