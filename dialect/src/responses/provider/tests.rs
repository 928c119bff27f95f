use serde_json::{Value, json};

use super::*;
use crate::chat::{Event, Finish, Maker, Part, TargetFacts};
use crate::translate::{Asked, Client, OpenaiApi, Translation, Wire, answer, read};
use crate::vendor::Vendor;

const WIRE: Wire = Wire::Responses(Vendor::OPENAI);

/// What a client's request becomes for a model, and what that loses.
fn written(client: Client, model: &str, body: &Value) -> (Value, Vec<String>) {
    let Asked::Chat(request) = read(client, body.to_string().as_bytes()).unwrap() else {
        panic!("no conversation");
    };
    let target = TargetFacts {
        model,
        ..TargetFacts::default()
    };
    let written = write_request(&request, &target);
    let names = written.losses.iter().map(|l| l.field.name().into_owned());
    (
        serde_json::from_slice(&written.body).unwrap(),
        names.collect(),
    )
}

fn messages(more: &Value) -> Value {
    let mut body = json!({
        "model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn check(model: &str, more: &Value, members: &Value, lost: &[&str]) {
    let (body, losses) = written(Client::Messages, model, &messages(more));
    for (name, value) in members.as_object().unwrap() {
        let got = body.get(name).unwrap_or(&Value::Null);
        assert_eq!(got, value, "{model} {name}: {body}");
    }
    assert_eq!(losses, lost, "{model}: {more}");
}

#[test]
fn what_models_take_is_said_and_the_rest_is_lost() {
    let tool = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    let own = ["reasoning.encrypted_content"];
    // Reasoning next to tools, which chat would not have.
    check(
        "gpt-5.6",
        &json!({"tools": tool, "thinking": {"type": "enabled", "budget_tokens": 20_000}}),
        &json!({
            "store": false, "include": own, "reasoning": {"effort": "high", "summary": "auto"},
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": false}],
            "max_output_tokens": 100, "messages": null, "stream": null,
        }),
        &[],
    );
    // The answer is to be thought about, but nobody reads the thoughts.
    check(
        "gpt-5.6",
        &json!({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}}),
        &json!({"reasoning": {"effort": "xhigh"}, "include": own}),
        &[],
    );
    check(
        "gpt-5.6",
        &json!({"thinking": {"type": "disabled"}, "temperature": 0.5}),
        &json!({"reasoning": {"effort": "none"}, "temperature": 0.5}),
        &[],
    );
    // A model that does not reason knows no encrypted reasoning.
    check(
        "gpt-4.1",
        &json!({"temperature": 0.5, "stop_sequences": ["END"], "max_tokens": 5}),
        &json!({"include": null, "reasoning": null, "temperature": 0.5, "stop": null, "max_output_tokens": 16}),
        &["max_tokens", "stop"],
    );
    // Of a model without a known name, what was asked decides.
    check(
        "mine",
        &json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
        &json!({"include": own, "reasoning": {"effort": "low", "summary": "auto"}}),
        &[],
    );
    check("mine", &json!({}), &json!({"include": null}), &[]);
}

#[test]
fn what_only_chat_says_is_lost() {
    let chat = json!({
        "model": "m", "messages": [{"role": "user", "content": "Hi", "name": "ann"}], "seed": 1, "n": 2,
        "logit_bias": {"5": 1}, "frequency_penalty": 1, "presence_penalty": 1, "logprobs": true,
        "top_logprobs": 3, "metadata": {"a": "b"},
    });
    let (body, lost) = written(Client::Chat, "gpt-4.1", &chat);
    assert_eq!(
        lost,
        [
            "messages.name",
            "seed",
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "n"
        ]
    );
    assert_eq!(body["include"], json!(["message.output_text.logprobs"]));
    assert_eq!(body["top_logprobs"], 3);
    assert_eq!(body["metadata"], json!({"a": "b"}));
    assert_eq!(body.get("logprobs"), None);
}

#[test]
fn content_is_said_in_the_apis_own_parts() {
    let parts = json!([
        {"type": "text", "text": "See:"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}},
        {"type": "document", "title": "a.pdf", "source": {"type": "url", "url": "https://x/a.pdf"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QQ=="}},
        {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "D"}},
    ]);
    let asked = messages(&json!({"messages": [{"role": "user", "content": parts}]}));
    let (body, lost) = written(Client::Messages, "gpt-5.6", &asked);
    assert_eq!(lost, [""; 0]);
    assert_eq!(
        body["input"][0]["content"],
        json!([
            {"type": "input_text", "text": "See:"},
            {"type": "input_image", "image_url": "data:image/png;base64,QQ==", "detail": "auto"},
            {"type": "input_file", "file_url": "https://x/a.pdf"},
            {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,QQ=="},
            {"type": "input_text", "text": "T\n\nD"},
        ])
    );
}

#[test]
fn tools_answer_with_all_that_they_have_to_say() {
    let history = json!([
        {"role": "user", "content": "Draw"},
        {"role": "assistant", "content": [
            {"type": "text", "text": "Now"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "text", "text": "There"},
            {"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
            ]},
        ]},
    ]);
    let (body, lost) = written(
        Client::Messages,
        "gpt-5.6",
        &messages(&json!({ "messages": history })),
    );
    assert_eq!(lost, [""; 0]);
    assert_eq!(
        body["input"],
        json!([
            {"type": "message", "role": "user", "content": "Draw"},
            {"type": "message", "role": "assistant", "content": "Now"},
            {"type": "function_call", "call_id": "t1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "t1", "output": [
                {"type": "input_text", "text": "Error"},
                {"type": "input_image", "image_url": "https://x/a.png", "detail": "auto"},
            ]},
            {"type": "message", "role": "user", "content": "There"},
        ])
    );
}

#[test]
fn reasoning_goes_to_the_client_and_back_with_its_id() {
    let response = json!({
        "id": "resp_1", "object": "response", "status": "completed", "output": [
            {"type": "reasoning", "id": "rs_0a1b", "summary": [{"type": "summary_text", "text": "Look."}],
             "encrypted_content": "gAAAA+/="},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"},
        ],
    });
    let context = crate::chat::AnswerContext::default();
    let told = response.to_string();
    let given = answer(
        Client::Messages,
        (WIRE, "gpt-5.6"),
        told.as_bytes(),
        &context,
    )
    .unwrap();
    let given: Value = serde_json::from_slice(&given.body).unwrap();
    assert_eq!(
        given["content"][0]["signature"],
        "ark1.openai.rs_0a1b:gAAAA+/="
    );
    let result = json!([{"type": "tool_result", "tool_use_id": "c1", "content": "1"}]);
    let history = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": given["content"]},
        {"role": "user", "content": result},
    ]);
    let (body, lost) = written(
        Client::Messages,
        "gpt-5.6",
        &messages(&json!({ "messages": history })),
    );
    assert_eq!(lost, [""; 0]);
    assert_eq!(
        body["input"].as_array().unwrap()[1..3],
        response["output"].as_array().unwrap()[..]
    );
    // The same through a client of this dialect that has been elsewhere, too.
    let given = answer(
        Client::Responses,
        (WIRE, "gpt-5.6"),
        told.as_bytes(),
        &context,
    )
    .unwrap();
    let given: Value = serde_json::from_slice(&given.body).unwrap();
    let sealed = &given["output"][0]["encrypted_content"];
    assert_eq!(sealed, "ark1.openai.rs_0a1b:gAAAA+/=");
    let mut input = given["output"].as_array().unwrap().clone();
    input.push(json!({"type": "function_call_output", "call_id": "c1", "output": "1"}));
    // And as OpenAI itself gave it, where bytes had passed.
    for first in [input[0].clone(), response["output"][0].clone()] {
        input[0] = first;
        let asked = json!({"model": "m", "input": input});
        let (body, _) = written(Client::Responses, "gpt-5.6", &asked);
        assert_eq!(body["input"][0]["id"], "rs_0a1b");
        assert_eq!(body["input"][0]["encrypted_content"], "gAAAA+/=");
    }
}

#[test]
fn reasoning_of_others_and_reasoning_that_led_to_nothing_stay_behind() {
    for (thought, lost) in [
        (
            json!({"type": "thinking", "thinking": "x", "signature": "EqQB"}),
            true,
        ),
        (
            json!({"type": "thinking", "thinking": "x", "signature": "ark1.google.EqQB"}),
            true,
        ),
        (
            json!({"type": "thinking", "thinking": "x", "signature": ""}),
            true,
        ),
        (json!({"type": "redacted_thinking", "data": "EqQB"}), true),
        (
            json!({"type": "thinking", "thinking": "x", "signature": "ark1.openai.rs_1:gA"}),
            false,
        ),
    ] {
        for ends in [false, true] {
            let mut said = vec![thought.clone()];
            if !ends {
                said.push(json!({"type": "text", "text": "Hi"}));
            }
            let history = json!([
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": said},
                {"role": "user", "content": "Go on"},
            ]);
            let asked = messages(&json!({ "messages": history }));
            let (body, losses) = written(Client::Messages, "gpt-5.6", &asked);
            let kept =
                body.to_string().contains("\"reasoning\",") || body.to_string().contains("gA");
            assert_eq!(kept, !lost && !ends, "{body}");
            assert_eq!(losses.is_empty(), kept, "{losses:?}");
        }
    }
}

#[test]
fn a_target_is_asked_by_what_it_has_and_the_client_speaks() {
    use OpenaiApi::{Chat, Either, Responses};
    let vendor = |name| Wire::Openai(Vendor::parse(name).unwrap());
    let openai = Wire::Openai(Vendor::OPENAI);
    let (old, new) = (Wire::Azure { v1: false }, Wire::Azure { v1: true });
    for (wire, client, api, by) in [
        (openai, Client::Responses, Chat, openai),
        (openai, Client::Responses, Either, WIRE),
        (openai, Client::Messages, Either, openai),
        (openai, Client::Messages, Responses, WIRE),
        (openai, Client::Chat, Responses, openai),
        (openai, Client::Completions, Responses, openai),
        (openai, Client::CountTokens, Responses, openai),
        (old, Client::Messages, Responses, old),
        (old, Client::Responses, Either, old),
        (new, Client::Messages, Responses, WIRE),
        (new, Client::Responses, Either, WIRE),
        (
            vendor("mistral"),
            Client::Responses,
            Either,
            vendor("mistral"),
        ),
        (
            Wire::Anthropic,
            Client::Messages,
            Responses,
            Wire::Anthropic,
        ),
    ] {
        assert_eq!(
            wire.asked_by(client, api),
            by,
            "{wire:?} {client:?} {api:?}"
        );
    }
    assert!(Client::Responses.is_native_to(WIRE) && !Client::Responses.is_native_to(openai));
    for (model, better) in [
        ("gpt-5.6", true),
        ("o3", true),
        ("my-gpt-5-4", true),
        ("gpt-4.1", false),
        ("gpt-oss-120b", false),
        ("mine", false),
    ] {
        assert_eq!(is_better_for(model), better, "{model}");
    }
}

fn events(stream: &str) -> Vec<String> {
    let mut reader = StreamReader::default();
    let mut seen = Vec::new();
    let mut sink = |event: Event<'_>| seen.push(format!("{event:?}"));
    reader.push(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    seen
}

fn event(kind: &str, more: &Value) -> String {
    let mut data = json!({ "type": kind });
    for (name, value) in more.as_object().unwrap() {
        data[name] = value.clone();
    }
    format!("event: {kind}\ndata: {data}\n\n")
}

#[test]
fn whole_answers_and_streams_say_why_they_stopped() {
    for (status, reason, finish) in [
        ("completed", json!(null), Finish::Stop),
        (
            "incomplete",
            json!({"reason": "max_output_tokens"}),
            Finish::Length,
        ),
        (
            "incomplete",
            json!({"reason": "content_filter"}),
            Finish::ContentFilter,
        ),
        ("incomplete", json!(null), Finish::Length),
    ] {
        let response = json!({
            "status": status, "incomplete_details": reason,
            "usage": {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12,
                "input_tokens_details": {"cached_tokens": 3},
                "output_tokens_details": {"reasoning_tokens": 2}},
        });
        let whole = read_answer(response.to_string().as_bytes()).unwrap();
        assert_eq!(whole.choices[0].finish, finish);
        let usage = whole.usage.unwrap();
        assert_eq!(
            (
                usage.input_tokens,
                usage.cached_tokens,
                usage.output_tokens,
                usage.reasoning_tokens
            ),
            (7, 3, 5, 2)
        );
        let end = event(
            &format!("response.{status}"),
            &json!({ "response": response }),
        );
        let seen = events(&end);
        let finished = format!("{:?}", Event::Finish { choice: 0, finish });
        assert!(seen.contains(&finished), "{seen:?}");
        assert!(
            seen.contains(&format!("{:?}", Event::Usage(usage))),
            "{seen:?}"
        );
        assert_eq!(seen.last().map(String::as_str), Some("End"));
    }
}

#[test]
fn items_that_interleave_are_told_apart() {
    let call = |n: u32| json!({"type": "function_call", "call_id": format!("c{n}"), "name": "f", "arguments": ""});
    let mut stream = String::new();
    for n in 0..2_u32 {
        stream += &event(
            "response.output_item.added",
            &json!({"output_index": n, "item": call(n)}),
        );
    }
    for (n, delta) in [(1, "{"), (0, "[1"), (1, "}"), (0, "]")] {
        let piece = json!({"output_index": n, "delta": delta});
        stream += &event("response.function_call_arguments.delta", &piece);
    }
    stream += &event("response.completed", &json!({"response": {}}));
    let context = crate::chat::AnswerContext::default();
    let mut translation = Translation::new(Client::Chat, (WIRE, "m"), context);
    let mut out = Vec::new();
    translation.push(stream.as_bytes(), true, &mut out);
    let out = String::from_utf8(out).unwrap();
    let said = |call: u32, json: &str| {
        let choice = 0;
        let event = Event::ToolArguments {
            choice,
            call,
            json: json.into(),
        };
        events(&stream).contains(&format!("{event:?}"))
    };
    assert!(said(1, "{") && said(0, "[1") && said(1, "}") && said(0, "]"));
    assert!(
        translation.ended() && out.contains("\"finish_reason\":\"tool_calls\""),
        "{out}"
    );
}

#[test]
fn what_is_no_answer_is_an_error() {
    for (body, message) in [
        ("{}", "could not be read"),
        ("[]", "could not be read"),
        (
            r#"{"error":{"message":"gone","type":"server_error"}}"#,
            "gone",
        ),
        (
            r#"{"status":"failed","error":{"code":"server_error","message":"broke"}}"#,
            "broke",
        ),
    ] {
        let error = read_answer(body.as_bytes()).unwrap_err();
        assert!(error.message.contains(message), "{body}: {error:?}");
    }
    for (stream, message) in [
        (
            event(
                "error",
                &json!({"code": "server_error", "message": "flat", "param": null}),
            ),
            "flat",
        ),
        (
            event(
                "error",
                &json!({"error": {"code": "x", "message": "nested"}}),
            ),
            "nested",
        ),
        (
            "data: {\"error\":{\"message\":\"untyped\"}}\n\n".to_owned(),
            "untyped",
        ),
        (
            event(
                "response.failed",
                &json!({"response": {"error": {"message": "failed"}}}),
            ),
            "failed",
        ),
        ("data: {\n\n".to_owned(), "could not be read"),
        (String::new(), "broke off"),
    ] {
        let seen = events(&stream);
        assert_eq!(
            seen.iter().filter(|e| e.starts_with("Error")).count(),
            1,
            "{seen:?}"
        );
        assert!(seen.last().unwrap().contains(message), "{stream}: {seen:?}");
    }
}

#[test]
fn an_answer_of_too_many_items_or_too_large_an_event_is_refused() {
    let item = json!({"type": "function_call", "name": "f"});
    let mut stream = String::new();
    for n in 0..=1024 {
        stream += &event(
            "response.output_item.added",
            &json!({"output_index": n, "item": item}),
        );
    }
    let large = "x".repeat(EVENT_LIMIT_BYTES);
    for stream in [stream, format!("data: {large}")] {
        let seen = events(&stream);
        assert!(
            seen.last()
                .unwrap()
                .contains("larger than the gateway reads")
        );
    }
}

#[test]
fn the_signature_is_openais() {
    let item = json!({"output_index": 0, "item": {"type": "reasoning", "summary": [], "encrypted_content": "gA"}});
    let seen = events(&event("response.output_item.done", &item));
    assert!(
        seen[0].contains(&format!("{:?}", Maker::Openai)),
        "{seen:?}"
    );
    assert!(matches!(
        read_answer(
            json!({"status": "completed", "output": [item["item"]]})
                .to_string()
                .as_bytes()
        )
        .unwrap()
        .choices[0]
            .parts[..],
        [Part::Reasoning { .. }]
    ));
}
