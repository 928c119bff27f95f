use serde_json::json;

use super::*;
use crate::chat::{Event, Finish};
use crate::provider_error::{ErrorClass, ProviderError};
use crate::usage::Usage;

const PLAIN: &str = r#"{"model":"m","input":"q"}"#;

fn stream(request: &str, events: &[Event<'_>]) -> Vec<Value> {
    let mut writer = StreamWriter::new(context(request));
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    parse(&out)
}

/// The events; each is named as its data say, and they are numbered from 0.
fn parse(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    let blocks = text
        .split_terminator("\n\n")
        .filter(|b| !b.starts_with(':'));
    let mut events = Vec::new();
    for (index, block) in blocks.enumerate() {
        let (name, data) = block.split_once("\ndata: ").unwrap();
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(name, format!("event: {}", event["type"].as_str().unwrap()));
        assert_eq!(event["sequence_number"], index);
        events.push(event);
    }
    events
}

/// The types of the events, each with what it says in its own member.
fn story(events: &[Value]) -> Vec<String> {
    let said = ["delta", "text", "refusal", "arguments", "code"];
    let line = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        let kind = kind.strip_prefix("response.").unwrap_or(kind);
        let item = &event["item"];
        let what = said.iter().find_map(|name| event[name].as_str());
        let what = what
            .or(item["id"].as_str())
            .or(event["part"]["type"].as_str());
        let what = what.or(event["response"]["status"].as_str());
        format!("{kind} {}", what.unwrap_or_default())
    };
    events.iter().map(line).collect()
}

fn start() -> Event<'static> {
    Event::Start {
        id: Some("p1".into()),
        model: Some("gpt".into()),
        created: Some(5),
    }
}

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn reasoning(text: &str) -> Event<'_> {
    Event::Reasoning {
        choice: 0,
        text: text.into(),
    }
}

fn call(call: u32, id: &str) -> Event<'_> {
    Event::ToolCall {
        choice: 0,
        call,
        id: id.into(),
        name: "f".into(),
        signature: None,
    }
}

fn arguments(call: u32, json: &str) -> Event<'_> {
    Event::ToolArguments {
        choice: 0,
        call,
        json: json.into(),
    }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish { choice: 0, finish }
}

#[test]
fn text_goes_through_all_its_events() {
    let usage = Usage {
        input_tokens: 3,
        output_tokens: 2,
        ..Usage::default()
    };
    let probs =
        json!({"content": [{"token": "Hi", "logprob": -1, "bytes": null, "top_logprobs": []}]});
    let events = stream(
        PLAIN,
        &[
            start(),
            start(),
            text("Hel"),
            text(""),
            Event::Ping,
            text("lo"),
            Event::Logprobs {
                choice: 0,
                logprobs: probs,
            },
            finish(Finish::Stop),
            Event::Usage(usage),
            Event::End,
            text("late"),
            Event::End,
        ],
    );
    assert_eq!(
        story(&events),
        [
            "created in_progress",
            "in_progress in_progress",
            "output_item.added msg_r1_0",
            "content_part.added output_text",
            "output_text.delta Hel",
            "output_text.delta lo",
            "output_text.done Hello",
            "content_part.done output_text",
            "output_item.done msg_r1_0",
            "completed completed",
        ]
    );
    let place = json!({"item_id": "msg_r1_0", "output_index": 0, "content_index": 0});
    for event in &events[3..8] {
        for (name, value) in place.as_object().unwrap() {
            assert_eq!(&event[name], value, "{event}");
        }
    }
    assert_eq!(events[4]["logprobs"], json!([]));
    assert_eq!(events[6]["logprobs"][0]["bytes"], json!([72, 105]));
    let whole = &events[9]["response"];
    assert_eq!(whole["id"], "resp_p1");
    assert_eq!(whole["model"], "gpt");
    assert_eq!(whole["usage"]["total_tokens"], 5);
    assert_eq!(whole["output"][0], events[8]["item"]);
    assert_eq!(
        whole["output"][0]["content"][0]["logprobs"],
        events[6]["logprobs"]
    );
}

/// What the reasoning below is, shown as content or as a summary, and what follows.
const AFTER: [&str; 22] = [
    "output_item.added rs_r1_1",
    "output_item.done rs_r1_1",
    "output_item.added msg_r1_2",
    "content_part.added output_text",
    "output_text.delta a",
    "output_text.done a",
    "content_part.done output_text",
    "content_part.added refusal",
    "refusal.delta no",
    "refusal.done no",
    "content_part.done refusal",
    "output_item.done msg_r1_2",
    "output_item.added fc_r1_3",
    "function_call_arguments.delta {\"a\":",
    "function_call_arguments.delta 1}",
    "function_call_arguments.done {\"a\":1}",
    "output_item.done fc_r1_3",
    "output_item.added fc_r1_4",
    "function_call_arguments.delta {}",
    "function_call_arguments.done {}",
    "output_item.done fc_r1_4",
    "completed completed",
];
const AS_CONTENT: [&str; 7] = [
    "output_item.added rs_r1_0",
    "content_part.added reasoning_text",
    "reasoning_text.delta th",
    "reasoning_text.delta ink",
    "reasoning_text.done think",
    "content_part.done reasoning_text",
    "output_item.done rs_r1_0",
];
const AS_SUMMARY: [&str; 7] = [
    "output_item.added rs_r1_0",
    "reasoning_summary_part.added summary_text",
    "reasoning_summary_text.delta th",
    "reasoning_summary_text.delta ink",
    "reasoning_summary_text.done think",
    "reasoning_summary_part.done summary_text",
    "output_item.done rs_r1_0",
];

#[test]
fn reasoning_calls_and_refusals_have_their_own_events() {
    let events = [
        start(),
        reasoning("th"),
        reasoning("ink"),
        Event::ReasoningSignature {
            choice: 0,
            signature: signature(Maker::Anthropic, "s"),
        },
        Event::RedactedReasoning {
            choice: 0,
            signature: signature(Maker::Anthropic, "r"),
        },
        text("a"),
        Event::Refusal {
            choice: 0,
            text: "no".into(),
        },
        call(0, "c0"),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
        call(1, "c1"),
        // Not of the call under way, and of another choice.
        arguments(0, "late"),
        Event::Text {
            choice: 1,
            text: "other".into(),
        },
        finish(Finish::ToolCalls),
        Event::End,
    ];
    let asked = r#"{"model":"m","input":"q","reasoning":{"summary":"auto"}}"#;
    for (request, before) in [(PLAIN, AS_CONTENT), (asked, AS_SUMMARY)] {
        let written = stream(request, &events);
        let story = story(&written);
        assert_eq!(story[2..9], before);
        assert_eq!(story[9..], AFTER);
        let part = &written[3];
        assert_eq!(part["summary_index"].is_null(), request == PLAIN, "{part}");
        assert_eq!(part["content_index"].is_null(), request != PLAIN, "{part}");
        assert_eq!(written[8]["item"]["encrypted_content"], "ark1.anthropic.s");
    }
}

#[test]
fn a_signature_stands_alone_or_before_its_call() {
    let sign = Event::ReasoningSignature {
        choice: 0,
        signature: signature(Maker::Openai, "enc"),
    };
    let signed = Event::ToolCall {
        choice: 0,
        call: 0,
        id: "c".into(),
        name: "f".into(),
        signature: Some(signature(Maker::Google, "g")),
    };
    let events = stream(PLAIN, &[sign, signed, Event::End]);
    assert_eq!(
        story(&events)[2..],
        [
            "output_item.added rs_r1_0",
            "output_item.done rs_r1_0",
            "output_item.added rs_r1_1",
            "output_item.done rs_r1_1",
            "output_item.added fc_r1_2",
            "function_call_arguments.delta {}",
            "function_call_arguments.done {}",
            "output_item.done fc_r1_2",
            "completed completed",
        ]
    );
    assert_eq!(events[3]["item"]["encrypted_content"], "enc");
    assert_eq!(events[5]["item"]["encrypted_content"], "ark1.google.g");
}

#[test]
fn an_answer_that_was_cut_short_says_so() {
    for (finished, reason) in [
        (Finish::Length, "max_output_tokens"),
        (Finish::ContentFilter, "content_filter"),
    ] {
        let events = stream(PLAIN, &[start(), text("a"), finish(finished), Event::End]);
        let (last, item) = (&events[events.len() - 1], &events[events.len() - 2]);
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["incomplete_details"]["reason"], reason);
        assert_eq!(item["item"]["status"], "incomplete");
        assert_eq!(last["response"]["output"][0], item["item"]);
    }
}

#[test]
fn an_error_ends_the_stream() {
    let busy = ProviderError::new(ErrorClass::Overloaded, "busy");
    let long = ProviderError::new(ErrorClass::ContextLength, "too long");
    let mut coded = ProviderError::new(ErrorClass::RateLimited, "slow");
    coded.code = Some("tpm".to_owned());
    for (before, error, code, failure) in [
        (
            vec![start(), text("part")],
            busy,
            "overloaded",
            "server_error",
        ),
        (vec![], long, "context_length_exceeded", "invalid_prompt"),
        (vec![start()], coded, "tpm", "rate_limit_exceeded"),
    ] {
        let message = error.message.clone();
        let mut all = before;
        all.extend([Event::Error(error), text("late"), Event::End]);
        let events = stream(PLAIN, &all);
        let (told, failed) = (&events[events.len() - 2], &events[events.len() - 1]);
        assert_eq!(events[0]["type"], "response.created");
        assert_eq!(told["type"], "error");
        assert_eq!(told["code"], code);
        assert_eq!(told["message"], message);
        assert_eq!(failed["type"], "response.failed");
        assert_eq!(failed["response"]["status"], "failed");
        assert_eq!(
            failed["response"]["error"],
            json!({"code": failure, "message": message})
        );
    }
}

#[test]
fn output_is_bounded_and_pieces_and_whole_agree() {
    let piece = "x".repeat(OUTPUT_LIMIT_BYTES / 4);
    let mut writer = StreamWriter::new(context(PLAIN));
    let mut out = Vec::new();
    for _ in 0..9 {
        writer.write(&text(&piece), &mut out);
    }
    assert!(writer.cut());
    writer.write(&call(0, "c"), &mut out);
    writer.write(&finish(Finish::Stop), &mut out);
    writer.write(&Event::End, &mut out);
    let events = parse(&out);
    let pieces = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| event["delta"].as_str().unwrap().len())
        .sum::<usize>();
    let last = events.last().unwrap();
    let whole = &last["response"]["output"];
    assert_eq!(whole.as_array().unwrap().len(), 1);
    assert_eq!(
        whole[0]["content"][0]["text"].as_str().unwrap().len(),
        pieces
    );
    assert!(pieces <= OUTPUT_LIMIT_BYTES && pieces > OUTPUT_LIMIT_BYTES / 2);
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(
        last["response"]["incomplete_details"]["reason"],
        "max_output_tokens"
    );
}
