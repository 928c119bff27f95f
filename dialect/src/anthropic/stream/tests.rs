use std::borrow::Cow;

use super::*;
use crate::chat::{AnswerContext, Event, Finish, Maker, Signature};
use crate::loss::Field;
use crate::provider_error::{ErrorClass, ProviderError};
use crate::usage::Usage;

/// A stream as the documentation of streaming shows it: thinking, text, a call, cached tokens.
const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm\n"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Let me "}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"look."}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":" 1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":89,"output_tokens_details":{"thinking_tokens":12}}}

event: message_stop
data: {"type":"message_stop"}

"#;

fn owned(event: &Event<'_>) -> Event<'static> {
    let own = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
    match event.clone() {
        Event::Start { id, model, created } => Event::Start {
            id: id.as_ref().map(own),
            model: model.as_ref().map(own),
            created,
        },
        Event::Text { choice, text } => Event::Text {
            choice,
            text: own(&text),
        },
        Event::Reasoning { choice, text } => Event::Reasoning {
            choice,
            text: own(&text),
        },
        Event::Refusal { choice, text } => Event::Refusal {
            choice,
            text: own(&text),
        },
        Event::ToolCall {
            choice,
            call,
            id,
            name,
            signature,
        } => Event::ToolCall {
            choice,
            call,
            id: own(&id),
            name: own(&name),
            signature,
        },
        Event::ToolArguments { choice, call, json } => Event::ToolArguments {
            choice,
            call,
            json: own(&json),
        },
        Event::ReasoningSignature { choice, signature } => {
            Event::ReasoningSignature { choice, signature }
        }
        Event::RedactedReasoning { choice, signature } => {
            Event::RedactedReasoning { choice, signature }
        }
        Event::Logprobs { choice, logprobs } => Event::Logprobs { choice, logprobs },
        Event::Foreign { choice, field } => Event::Foreign { choice, field },
        Event::Finish { choice, finish } => Event::Finish { choice, finish },
        Event::Usage(usage) => Event::Usage(usage),
        Event::Ping => Event::Ping,
        Event::Error(error) => Event::Error(error),
        Event::End => Event::End,
    }
}

fn read_by(stream: &str, chunk: usize) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    let mut reader = StreamReader::new();
    for piece in stream.as_bytes().chunks(chunk) {
        reader.push(piece, &mut |event| events.push(owned(&event)));
    }
    reader.finish(&mut |event| events.push(owned(&event)));
    events
}

fn read(stream: &str) -> Vec<Event<'static>> {
    let events = read_by(stream, usize::MAX);
    for chunk in [1, 2, 3, 7, 64] {
        assert_eq!(read_by(stream, chunk), events, "by {chunk}");
    }
    events
}

/// The events of these data, without the stream's end.
fn read_data(data: &[&str]) -> Vec<Event<'static>> {
    let framed = data.iter().map(|data| format!("data: {data}\n\n"));
    let mut events = read(&framed.collect::<String>());
    events.pop_if(|last| *last == Event::Error(ProviderError::truncated()));
    events
}

fn write(events: &[Event<'_>]) -> String {
    let context = AnswerContext {
        model: "asked".to_owned(),
        id: "id-1".to_owned(),
        ..AnswerContext::default()
    };
    let mut writer = StreamWriter::new(context);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn text(text: &'static str) -> Event<'static> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn reasoning(text: &'static str) -> Event<'static> {
    Event::Reasoning {
        choice: 0,
        text: text.into(),
    }
}

fn sign(maker: Maker) -> Signature {
    Signature {
        maker,
        data: "sig".to_owned(),
    }
}

fn call(call: u32, signature: Option<Signature>) -> Event<'static> {
    Event::ToolCall {
        choice: 0,
        call,
        id: "toolu_1".into(),
        name: "f".into(),
        signature,
    }
}

fn arguments(call: u32, json: &'static str) -> Event<'static> {
    Event::ToolArguments {
        choice: 0,
        call,
        json: json.into(),
    }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish { choice: 0, finish }
}

fn usage(output_tokens: u64, reasoning_tokens: u64) -> Usage {
    Usage {
        input_tokens: 103,
        output_tokens,
        cached_tokens: 100,
        reasoning_tokens,
        ..Usage::default()
    }
}

fn story() -> Vec<Event<'static>> {
    vec![
        Event::Start {
            id: Some("msg_1".into()),
            model: Some("claude-opus-5".into()),
            created: None,
        },
        Event::Usage(usage(1, 0)),
        Event::Ping,
        reasoning("Hm\n"),
        Event::ReasoningSignature {
            choice: 0,
            signature: sign(Maker::Anthropic),
        },
        text("Let me "),
        text("look."),
        call(0, None),
        arguments(0, "{\"a\":"),
        arguments(0, " 1}"),
        finish(Finish::ToolCalls),
        Event::Usage(usage(89, 12)),
        Event::End,
    ]
}

#[test]
fn a_stream_is_read() {
    assert_eq!(read(STREAM), story());
    assert_eq!(read(&STREAM.replace('\n', "\r\n")), story());
    let nameless: String = STREAM
        .lines()
        .filter(|line| !line.starts_with("event:"))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(read(&nameless), story());
}

#[test]
fn a_stream_is_written_as_anthropic_writes_it() {
    let written = write(&story());
    // The writer gets the usage after the start, and thinking has begun when the ping comes.
    let (start, ping) = (
        STREAM.find("event: content").unwrap(),
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    );
    let expected = format!(
        "{}{ping}{}",
        STREAM[..start].replace(
            r#""input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":1"#,
            r#""input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0"#
        ),
        STREAM[start..].replace(ping, "")
    );
    assert_eq!(written, expected);
}

#[test]
fn a_usage_that_comes_first_stands_in_the_start() {
    let written = write(&[Event::Usage(usage(1, 0)), text("A")]);
    assert!(written.contains(r#""usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":1}"#));
}

#[test]
fn a_stream_without_a_start_and_a_reason_is_made_whole() {
    assert_eq!(
        write(&[text("A"), Event::End, text("B"), Event::End]),
        r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_id-1","type":"message","role":"assistant","model":"asked","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"A"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}

event: message_stop
data: {"type":"message_stop"}

"#
    );
}

/// The data of the events that `events` add to a stream that has begun and ends.
fn data(events: Vec<Event<'_>>) -> Vec<String> {
    let written = write(&events);
    let data = written
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| !data.contains("message_start"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn foreign_reasoning_becomes_thinking() {
    let start = |at: u32, block: &str| {
        format!(r#"{{"type":"content_block_start","index":{at},"content_block":{block}}}"#)
    };
    let delta = |at: u32, delta: &str| {
        format!(r#"{{"type":"content_block_delta","index":{at},"delta":{delta}}}"#)
    };
    let stop = |at: u32| format!(r#"{{"type":"content_block_stop","index":{at}}}"#);
    let empty = r#"{"type":"thinking","thinking":"","signature":""}"#;
    assert_eq!(
        data(vec![
            reasoning("T"),
            call(0, Some(sign(Maker::Google))),
            Event::RedactedReasoning {
                choice: 0,
                signature: sign(Maker::Openai),
            },
        ]),
        [
            start(0, empty),
            delta(0, r#"{"type":"thinking_delta","thinking":"T"}"#),
            stop(0),
            start(1, empty),
            delta(
                1,
                r#"{"type":"signature_delta","signature":"ark1.google.sig"}"#
            ),
            stop(1),
            start(
                2,
                r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#
            ),
            stop(2),
            start(
                3,
                r#"{"type":"redacted_thinking","data":"ark1.openai.sig"}"#
            ),
            stop(3),
        ]
    );
}

#[test]
fn ends_are_told() {
    let refusal = || Event::Refusal {
        choice: 0,
        text: "No.".into(),
    };
    for (events, delta) in [
        (
            vec![finish(Finish::Length)],
            r#""stop_reason":"max_tokens","stop_sequence":null"#,
        ),
        (
            vec![finish(Finish::StopSequence(Some("END".to_owned())))],
            r#""stop_reason":"stop_sequence","stop_sequence":"END""#,
        ),
        (
            vec![refusal(), finish(Finish::Stop)],
            r#""stop_reason":"refusal","stop_sequence":null"#,
        ),
        (
            vec![call(0, None), finish(Finish::Stop)],
            r#""stop_reason":"tool_use","stop_sequence":null"#,
        ),
        (
            vec![finish(Finish::Pause)],
            r#""stop_reason":"pause_turn","stop_sequence":null"#,
        ),
    ] {
        let written = write(&[events, vec![Event::End]].concat());
        assert!(written.contains(delta), "{written}");
    }
}

#[test]
fn other_choices_and_log_probabilities_are_not_written() {
    let other = vec![
        Event::Text {
            choice: 1,
            text: "B".into(),
        },
        Event::Finish {
            choice: 1,
            finish: Finish::Length,
        },
        Event::Logprobs {
            choice: 0,
            logprobs: serde_json::Value::Null,
        },
        text(""),
        reasoning(""),
        arguments(7, ""),
    ];
    assert_eq!(write(&other), "");
}

#[test]
fn errors_end_the_stream() {
    let overloaded = ProviderError::new(ErrorClass::Overloaded, "Busy.");
    let body = r#"{"type":"error","error":{"type":"overloaded_error","message":"Busy."}}"#;
    assert_eq!(
        write(&[Event::Error(overloaded.clone()), text("A"), Event::End]),
        format!("event: error\ndata: {body}\n\n")
    );
    let events = read(&format!("event: error\ndata: {body}\n\ndata: {{}}\n\n"));
    // Its kind says no more than the class: other clients have their own word.
    assert_eq!(events, [Event::Error(overloaded)]);
    // Arguments of a call that is over.
    let late = write(&[call(0, None), call(1, None), arguments(0, "{}"), Event::End]);
    assert!(late.ends_with("\"message\":\"The provider's tool calls came in no order.\"}}\n\n"));
}

#[test]
fn a_cut_stream_is_an_error() {
    let whole = STREAM.len();
    for end in [0, 1, whole / 2, whole - 2] {
        let events = read_by(&STREAM[..end], usize::MAX);
        assert_eq!(
            events.last(),
            Some(&Event::Error(ProviderError::truncated()))
        );
    }
    assert!(read(&format!("{STREAM}garbage\n\ndata: garbage\n\n")).ends_with(&[Event::End]));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let classes = |data: &str| -> Vec<_> {
        let mut classes = Vec::new();
        for event in read_data(&[data]) {
            let Event::Error(error) = event else {
                panic!("{event:?}")
            };
            classes.push(error.class);
        }
        classes
    };
    for data in [
        "garbage",
        "[DONE]",
        "[]",
        r#"{"type":"content_block_delta","index":"x"}"#,
    ] {
        assert_eq!(classes(data), [ErrorClass::Server], "{data}");
    }
    for (data, class) in [
        (r#"{"type":"error","message":"x"}"#, ErrorClass::Server),
        (
            r#"{"error":{"type":"rate_limit_error"}}"#,
            ErrorClass::RateLimited,
        ),
    ] {
        assert_eq!(classes(data), [class], "{data}");
    }
    let large = format!("data: {}", "x".repeat(EVENT_LIMIT_BYTES));
    assert!(matches!(
        read_by(&large, 4096).as_slice(),
        [Event::Error(_)]
    ));
}

fn foreign(field: Field) -> Event<'static> {
    Event::Foreign { choice: 0, field }
}

#[test]
fn odd_events_are_read_with_care() {
    let start = |block: &str| {
        format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#)
    };
    let delta =
        |delta: &str| format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
    let json = delta(r#"{"type":"input_json_delta","partial_json":"{}"}"#);
    for (data, events) in [
        (vec!["{}".to_owned(), r#"{"type":"of_the_future"}"#.to_owned()], vec![]),
        // Text and input that come with the start.
        (vec![start(r#"{"type":"text","text":"A"}"#)], vec![text("A")]),
        (
            vec![start(r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{"a":1}}"#), json.clone()],
            vec![call(0, None), arguments(0, r#"{"a":1}"#)],
        ),
        // A server tool's input belongs to nobody.
        (vec![start(r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#), json.clone()], vec![foreign(Field::AnswerServerTools)]),
        (vec![json], vec![]),
        (
            vec![start(r#"{"type":"text","text":""}"#), delta(r#"{"type":"citations_delta","citation":{"type":"char_location"}}"#)],
            vec![foreign(Field::AnswerAnnotations)],
        ),
        (
            vec![start(r#"{"type":"redacted_thinking","data":"sig"}"#)],
            vec![Event::RedactedReasoning { choice: 0, signature: sign(Maker::Anthropic) }],
        ),
        // Thinking that is not shown.
        (
            vec![start(r#"{"type":"thinking","thinking":"","signature":""}"#), delta(r#"{"type":"signature_delta","signature":"sig"}"#)],
            vec![Event::ReasoningSignature { choice: 0, signature: sign(Maker::Anthropic) }],
        ),
        (
            vec![r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"Not this."}}}"#.to_owned()],
            vec![Event::Refusal { choice: 0, text: "Not this.".into() }, finish(Finish::Refusal)],
        ),
    ] {
        let data: Vec<&str> = data.iter().map(String::as_str).collect();
        assert_eq!(read_data(&data), events, "{data:?}");
    }
}

#[test]
fn blocks_may_overlap() {
    let start = |at: u32| {
        format!(
            r#"{{"type":"content_block_start","index":{at},"content_block":{{"type":"tool_use","id":"toolu_1","name":"f","input":{{}}}}}}"#
        )
    };
    let delta = |at: u32| {
        format!(
            r#"{{"type":"content_block_delta","index":{at},"delta":{{"type":"input_json_delta","partial_json":"{{}}"}}}}"#
        )
    };
    let stop = r#"{"type":"content_block_stop","index":0}"#.to_owned();
    let data = [start(0), start(1), delta(0), stop, delta(1), delta(0)];
    let data: Vec<&str> = data.iter().map(String::as_str).collect();
    assert_eq!(
        read_data(&data),
        [
            call(0, None),
            call(1, None),
            arguments(0, "{}"),
            arguments(1, "{}"),
        ]
    );
}

#[test]
fn usage_is_replaced_never_added() {
    let report =
        |usage: &str| format!(r#"{{"type":"message_delta","delta":{{}},"usage":{usage}}}"#);
    let first = report(r#"{"input_tokens":10,"output_tokens":5}"#);
    let second = report(r#"{"output_tokens":9}"#);
    let events = read_data(&[&first, &second]);
    let usage = |output_tokens| {
        Event::Usage(Usage {
            input_tokens: 10,
            output_tokens,
            ..Usage::default()
        })
    };
    assert_eq!(events, [usage(5), usage(9)]);
}

#[test]
fn a_passing_stream_is_metered() {
    for chunk in [1, 5, 64, usize::MAX] {
        let mut meter = StreamMeter::new();
        for piece in STREAM.as_bytes().chunks(chunk) {
            assert!(!meter.saw_end());
            meter.push(piece);
        }
        assert_eq!(meter.usage(), Some(usage(89, 12)));
        assert_eq!(meter.events(), 6);
        assert!(meter.saw_end() && !meter.saw_error());
    }
    let mut meter = StreamMeter::new();
    let cut = STREAM.find("event: content_block_stop").unwrap();
    meter.push(&STREAM.as_bytes()[..cut]);
    meter.push(b"event: error\ndata: {\"type\":\"error\"}\n\n");
    assert_eq!((meter.usage(), meter.events()), (Some(usage(1, 0)), 2));
    assert!(!meter.saw_end() && meter.saw_error());
    let mut nameless = StreamMeter::new();
    nameless.push(b"data: {\"type\":\"message_stop\"}\n\ndata: x\n\n");
    assert!(nameless.saw_end());
}
