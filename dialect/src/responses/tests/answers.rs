use serde_json::json;

use super::*;
use crate::chat::{ChatAnswer, Choice, Finish, Part};
use crate::usage::Usage;

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

const GOLDEN: &str = r#"{
    "id": "resp_7", "object": "response", "created_at": 5, "status": "completed",
    "background": false, "error": null, "incomplete_details": null, "instructions": null,
    "max_output_tokens": 9, "max_tool_calls": null, "metadata": {"k": "v"}, "model": "gpt",
    "output": [
        {"type": "reasoning", "id": "rs_r1_0", "summary": [],
         "content": [{"type": "reasoning_text", "text": "thought"}],
         "encrypted_content": "ark1.anthropic.s", "status": "completed"},
        {"type": "message", "id": "msg_r1_1", "status": "completed", "role": "assistant",
         "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Hello"}]},
        {"type": "reasoning", "id": "rs_r1_2", "summary": [],
         "encrypted_content": "ark1.google.g", "status": "completed"},
        {"type": "function_call", "id": "fc_r1_3", "call_id": "c1", "name": "f",
         "arguments": "{}", "status": "completed"}
    ],
    "parallel_tool_calls": true, "previous_response_id": null, "prompt_cache_key": null,
    "reasoning": {"effort": "high", "summary": null}, "safety_identifier": "u",
    "service_tier": "default", "store": false, "temperature": 0.5,
    "text": {"format": {"type": "json_object"}}, "tool_choice": "required",
    "tools": [{"type": "function", "name": "f", "description": null,
               "parameters": {"type": "object"}, "strict": true}],
    "top_logprobs": null, "top_p": null, "truncation": "disabled",
    "usage": {"input_tokens": 10,
              "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
              "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2},
              "total_tokens": 15}
}"#;

#[test]
fn an_answer_repeats_the_request_and_says_all() {
    let request = r#"{"model":"m","input":"q","instructions":"i","temperature":0.5,"max_output_tokens":9,"metadata":{"k":"v"},
        "tools":[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true}],"tool_choice":"required",
        "reasoning":{"effort":"high"},"text":{"format":{"type":"json_object"}},"safety_identifier":"u","store":true}"#;
    let mut whole = answer(
        vec![
            Part::Reasoning {
                text: "thought".to_owned(),
                signature: Some(signature(Maker::Anthropic, "s")),
            },
            Part::text("Hel"),
            Part::text("lo"),
            Part::ToolCall {
                id: "c1".to_owned(),
                name: "f".to_owned(),
                arguments: String::new(),
                cache: None,
                signature: Some(signature(Maker::Google, "g")),
            },
        ],
        Finish::ToolCalls,
    );
    whole.id = Some("chatcmpl-7".to_owned());
    whole.model = Some("gpt".to_owned());
    whole.created = Some(5);
    whole.service_tier = Some("standard".to_owned());
    whole.usage = Some(Usage {
        input_tokens: 10,
        output_tokens: 5,
        cached_tokens: 4,
        cache_creation_tokens: 3,
        reasoning_tokens: 2,
        ..Usage::default()
    });
    assert_eq!(
        json(&write_answer(&whole, &context(request))),
        json(GOLDEN.as_bytes())
    );
}

#[test]
fn what_the_provider_did_not_say_comes_from_the_context() {
    let body = json(&write_answer(
        &ChatAnswer::default(),
        &context(r#"{"model":"m","input":""}"#),
    ));
    assert_eq!(body["id"], "resp_r1");
    assert_eq!(body["model"], "asked");
    assert_eq!(body["created_at"], 1_700_000_000);
    assert_eq!(body["status"], "completed");
    assert_eq!(body["output"], json!([]));
    assert_eq!(body.get("usage"), None);
    let own = ChatAnswer {
        id: Some("resp_own".to_owned()),
        ..ChatAnswer::default()
    };
    let body = json(&write_answer(&own, &context(r#"{"model":"m","input":""}"#)));
    assert_eq!(body["id"], "resp_own");
}

#[test]
fn why_it_stopped_is_its_status() {
    let refusal = Part::Refusal {
        text: "no".to_owned(),
    };
    for (parts, finish, status, reason) in [
        (vec![], Finish::Stop, "completed", None),
        (vec![], Finish::StopSequence(None), "completed", None),
        (vec![], Finish::Pause, "completed", None),
        (
            vec![Part::text("x")],
            Finish::Length,
            "incomplete",
            Some("max_output_tokens"),
        ),
        (
            vec![],
            Finish::ContentFilter,
            "incomplete",
            Some("content_filter"),
        ),
        (vec![refusal], Finish::Refusal, "completed", None),
        (
            vec![],
            Finish::Refusal,
            "incomplete",
            Some("content_filter"),
        ),
    ] {
        let written = write_answer(
            &answer(parts, finish.clone()),
            &context(r#"{"model":"m","input":""}"#),
        );
        let body = json(&written);
        assert_eq!(body["status"], status, "{finish:?}");
        assert_eq!(
            body["incomplete_details"]["reason"].as_str(),
            reason,
            "{finish:?}"
        );
        if let Some(last) = body["output"].as_array().unwrap().last() {
            assert_eq!(last["status"], status);
        }
    }
}

#[test]
fn a_summary_is_shown_as_one_when_asked_for() {
    let thought = answer(
        vec![Part::Reasoning {
            text: "t".to_owned(),
            signature: Some(signature(Maker::Openai, "enc")),
        }],
        Finish::Stop,
    );
    let asked = r#"{"model":"m","input":"","reasoning":{"summary":"auto"}}"#;
    let body = json(&write_answer(&thought, &context(asked)));
    assert_eq!(
        body["output"][0],
        json!({"type": "reasoning", "id": "rs_r1_0",
               "summary": [{"type": "summary_text", "text": "t"}],
               "encrypted_content": "enc", "status": "completed"})
    );
    assert_eq!(body["reasoning"]["summary"], "auto");
}

#[test]
fn log_probabilities_have_bytes() {
    let mut whole = answer(vec![Part::text("é")], Finish::Stop);
    whole.choices[0].logprobs = Some(json!({"content": [
        {"token": "é", "logprob": -0.1, "bytes": null, "top_logprobs": [{"token": "x", "logprob": -2.5, "bytes": [120]}]}],
        "refusal": null}));
    let body = json(&write_answer(
        &whole,
        &context(r#"{"model":"m","input":""}"#),
    ));
    assert_eq!(
        body["output"][0]["content"][0]["logprobs"],
        json!([{"token": "é", "logprob": -0.1, "bytes": [195, 169],
                "top_logprobs": [{"token": "x", "logprob": -2.5, "bytes": [120]}]}])
    );
}

#[test]
fn proof_comes_back_as_it_went() {
    let parts = vec![
        Part::Reasoning {
            text: "a".to_owned(),
            signature: Some(signature(Maker::Anthropic, "x.y")),
        },
        Part::RedactedReasoning {
            signature: signature(Maker::Anthropic, "red"),
        },
        Part::RedactedReasoning {
            signature: signature(Maker::Openai, "red"),
        },
        Part::Reasoning {
            text: String::new(),
            signature: Some(signature(Maker::Openai, "enc")),
        },
        Part::Reasoning {
            text: "b".to_owned(),
            signature: Some(signature(Maker::Bedrock, "")),
        },
        Part::text("t"),
        Part::ToolCall {
            id: "c".to_owned(),
            name: "f".to_owned(),
            arguments: "{}".to_owned(),
            cache: None,
            signature: Some(signature(Maker::Google, "g")),
        },
    ];
    let written = write_answer(
        &answer(parts.clone(), Finish::ToolCalls),
        &context(r#"{"model":"m","input":""}"#),
    );
    let again = json!({"model": "m", "input": json(&written)["output"]});
    assert_eq!(read(&again.to_string()).turns[0].parts, parts);
}
