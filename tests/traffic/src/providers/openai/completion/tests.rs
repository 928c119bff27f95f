use super::*;
use crate::providers::reply::{Call, Usage};
use crate::providers::script::Script;
use crate::providers::vendors;
use serde_json::{Value, json};

fn completion(form: Form, flavour: Flavour) -> Completion<'static> {
    Completion {
        form,
        flavour,
        provider: "azure",
        model: "gpt".to_owned(),
        sequence: 7,
        created: 1,
        choices: 1,
        include_usage: false,
        logprobs: false,
        service_tier: None,
        reply: Reply {
            thoughts: None,
            text: Some(Text::sentence("azure", "gpt", None).limited(Some(3))),
            calls: Vec::new(),
            stop: Stop::Limit,
            stop_word: None,
            usage: Usage {
                prompt: 10,
                answer: 3,
                ..Usage::default()
            },
        },
    }
}

fn weather() -> Call {
    Call {
        name: "weather".to_owned(),
        arguments: Text::of(r#"{"city":"Boston \"MA\""}"#),
    }
}

fn events(completion: &Completion<'_>) -> Vec<Value> {
    let sent = completion.stream().pieces(&Script::default()).bytes;
    let text = String::from_utf8(sent.to_vec()).unwrap();
    let mut data: Vec<&str> = text
        .split_terminator("\n\n")
        .map(|event| event.strip_prefix("data: ").unwrap())
        .collect();
    assert_eq!(data.pop(), Some("[DONE]"));
    data.iter()
        .map(|d| serde_json::from_str(d).unwrap())
        .collect()
}

fn joined(events: &[Value], pointer: &str) -> String {
    let part = |event: &Value| {
        event
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    events.iter().filter_map(part).collect()
}

#[test]
fn whole_answers_are_json_with_usage() {
    for form in [Form::Chat, Form::Text] {
        for flavour in [Flavour::OpenAi, Flavour::Azure] {
            let answer: Value = serde_json::from_slice(&completion(form, flavour).whole()).unwrap();
            assert_eq!(answer["usage"]["total_tokens"], 13);
            assert_eq!(answer["choices"][0]["finish_reason"], "length");
            let text = match form {
                Form::Chat => &answer["choices"][0]["message"]["content"],
                Form::Text => &answer["choices"][0]["text"],
            };
            assert_eq!(text, "This is azure");
        }
    }
}

#[test]
fn a_stream_says_the_same_and_its_usage_only_when_asked() {
    let mut chat = completion(Form::Chat, Flavour::OpenAi);
    let plain = events(&chat);
    assert_eq!(plain.len(), 5);
    assert_eq!(joined(&plain, "/choices/0/delta/content"), "This is azure");
    assert!(plain.iter().all(|event| event.get("usage").is_none()));

    chat.include_usage = true;
    let with_usage = events(&chat);
    assert_eq!(with_usage.len(), 6);
    assert_eq!(with_usage[0]["usage"], Value::Null);
    assert_eq!(with_usage[5]["choices"], json!([]));
    assert_eq!(with_usage[5]["usage"]["completion_tokens"], 3);

    let text = events(&completion(Form::Text, Flavour::OpenAi));
    assert_eq!(joined(&text, "/choices/0/text"), "This is azure");
}

#[test]
fn azure_starts_with_its_verdict_on_the_prompt() {
    let events = events(&completion(Form::Chat, Flavour::Azure));
    assert_eq!(events[0]["choices"], json!([]));
    assert!(events[0]["prompt_filter_results"][0].is_object());
    assert_eq!(events[1]["choices"][0]["delta"]["role"], "assistant");
}

#[test]
fn a_call_has_its_arguments_whole_and_streamed() {
    let mut call = completion(Form::Chat, Flavour::OpenAi);
    call.reply.text = None;
    call.reply.stop = Stop::Calls;
    call.reply.calls = vec![weather()];
    let whole: Value = serde_json::from_slice(&call.whole()).unwrap();
    let function = &whole["choices"][0]["message"]["tool_calls"][0]["function"];
    let streamed = joined(
        &events(&call),
        "/choices/0/delta/tool_calls/0/function/arguments",
    );
    assert_eq!(function["arguments"], Value::from(streamed.clone()));
    let arguments: Value = serde_json::from_str(&streamed).unwrap();
    assert_eq!(arguments["city"], "Boston \"MA\"");
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn every_choice_is_answered() {
    let mut chat = completion(Form::Chat, Flavour::OpenAi);
    chat.choices = 2;
    let whole: Value = serde_json::from_slice(&chat.whole()).unwrap();
    assert_eq!(whole["choices"][1]["index"], 1);
    assert_eq!(whole["usage"]["completion_tokens"], 6);
    assert_eq!(events(&chat).len(), 10);
}

#[test]
fn parallel_calls_are_told_apart() {
    let mut calls = completion(Form::Chat, Flavour::OpenAi);
    calls.reply.calls = vec![weather(), weather()];
    let whole: Value = serde_json::from_slice(&calls.whole()).unwrap();
    assert_eq!(
        whole["choices"][0]["message"]["tool_calls"][1]["id"],
        "call_7_1"
    );
    let starts: Vec<String> = events(&calls)
        .iter()
        .filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0/id"))
        .map(Value::to_string)
        .collect();
    assert_eq!(starts, ["\"call_7\"", "\"call_7_1\""]);
}

#[test]
fn a_refusal_and_logprobs_have_their_places() {
    let mut chat = completion(Form::Chat, Flavour::OpenAi);
    chat.logprobs = true;
    let whole: Value = serde_json::from_slice(&chat.whole()).unwrap();
    assert_eq!(
        whole["choices"][0]["logprobs"]["content"][2]["token"],
        " azure"
    );
    assert_eq!(
        joined(&events(&chat), "/choices/0/logprobs/content/0/token"),
        "This is azure"
    );
    chat.reply.stop_word = Some("refusal".to_owned());
    let refused: Value = serde_json::from_slice(&chat.whole()).unwrap();
    assert_eq!(refused["choices"][0]["message"]["refusal"], "This is azure");
    assert_eq!(refused["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(refused["choices"][0]["finish_reason"], "stop");
}

#[test]
fn vendors_put_reasoning_and_usage_where_they_do() {
    let of = |vendor: &str, include_usage: bool| {
        let mut chat = completion(Form::Chat, Flavour::Vendor(vendors::find(vendor).unwrap()));
        chat.include_usage = include_usage;
        chat.reply.thoughts = Some(Text::of("thinking"));
        events(&chat)
    };
    let deepseek = of("deepseek", true);
    assert_eq!(
        joined(&deepseek, "/choices/0/delta/reasoning_content"),
        "thinking"
    );
    assert_eq!(
        deepseek.last().unwrap()["usage"]["prompt_cache_miss_tokens"],
        10
    );
    let mistral = of("mistral", false);
    assert_eq!(mistral.last().unwrap()["usage"]["total_tokens"], 13);
    assert_eq!(
        mistral.last().unwrap()["choices"][0]["finish_reason"],
        "length"
    );
    let groq = of("groq", false);
    assert_eq!(groq.last().unwrap()["x_groq"]["usage"]["total_tokens"], 13);
    assert_eq!(joined(&groq, "/choices/0/delta/reasoning"), "thinking");
    let kimi = of("kimi", false);
    assert_eq!(
        kimi.last().unwrap()["choices"][0]["usage"]["total_tokens"],
        13
    );
}
