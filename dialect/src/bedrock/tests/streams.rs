use super::*;
use crate::chat::{Event, Finish, Maker};
use crate::event_stream::tests::{raw_frame, raw_header};
use crate::provider_error::ErrorClass;

/// A frame of an event, as the service sends it.
fn event(kind: &str, payload: &Value) -> Vec<u8> {
    frame("event", ":event-type", kind, payload)
}

fn frame(message: &str, name: &str, kind: &str, payload: &Value) -> Vec<u8> {
    let headers = [
        raw_header(name, 7, kind.as_bytes()),
        raw_header(":content-type", 7, b"application/json"),
        raw_header(":message-type", 7, message.as_bytes()),
    ];
    raw_frame(&headers.concat(), &serde_json::to_vec(payload).unwrap())
}

fn start(index: u64, id: &str, name: &str) -> Vec<u8> {
    let start = json!({"toolUse": {"toolUseId": id, "name": name}});
    event(
        "contentBlockStart",
        &json!({"contentBlockIndex": index, "start": start, "p": "abc"}),
    )
}

fn delta(index: u64, delta: &Value) -> Vec<u8> {
    event(
        "contentBlockDelta",
        &json!({"contentBlockIndex": index, "delta": delta, "p": "abcdefg"}),
    )
}

fn text(text: &str) -> Vec<u8> {
    delta(0, &json!({"text": text}))
}

fn input(index: u64, json: &str) -> Vec<u8> {
    delta(index, &json!({"toolUse": {"input": json}}))
}

fn stop(index: u64) -> Vec<u8> {
    event("contentBlockStop", &json!({"contentBlockIndex": index}))
}

fn message_start() -> Vec<u8> {
    event("messageStart", &json!({"role": "assistant"}))
}

fn message_stop(reason: &str) -> Vec<u8> {
    event("messageStop", &json!({"stopReason": reason}))
}

fn metadata() -> Vec<u8> {
    event(
        "metadata",
        &json!({
            "usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 10, "cacheReadInputTokens": 2},
            "metrics": {"latencyMs": 700},
        }),
    )
}

/// One line for each event.
fn read_by(mut reader: StreamReader, stream: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut sink = |event: Event<'_>| lines.push(line(&event));
    reader.push(stream, &mut sink);
    reader.finish(&mut sink);
    reader.push(stream, &mut sink);
    reader.finish(&mut sink);
    lines
}

fn read(frames: &[Vec<u8>]) -> Vec<String> {
    read_by(StreamReader::of_model(CLAUDE), &frames.concat())
}

fn line(event: &Event<'_>) -> String {
    match event {
        Event::Start { .. } => "start".to_owned(),
        Event::Text { text, .. } => format!("text {text}"),
        Event::Reasoning { text, .. } => format!("reasoning {text}"),
        Event::ReasoningSignature { signature, .. } => {
            format!("signature {:?} {}", signature.maker, signature.data)
        }
        Event::RedactedReasoning { signature, .. } => format!("redacted {}", signature.data),
        Event::ToolCall { call, id, name, .. } => format!("call {call} {id} {name}"),
        Event::ToolArguments { call, json, .. } => format!("arguments {call} {json}"),
        Event::Finish { finish, .. } => format!("finish {finish:?}"),
        Event::Usage(usage) => format!(
            "usage {} {} {}",
            usage.input_tokens, usage.output_tokens, usage.cached_tokens
        ),
        Event::Error(error) => format!("error {:?} {}", error.class, error.message),
        Event::End => "end".to_owned(),
        Event::Foreign { field, .. } => format!("foreign {}", field.label()),
        Event::Refusal { .. } | Event::Logprobs { .. } | Event::Ping => format!("{event:?}"),
    }
}

#[test]
fn a_text() {
    let frames = [
        message_start(),
        text("Hel"),
        text(""),
        text("lo \"é\""),
        stop(0),
        message_stop("end_turn"),
        metadata(),
    ];
    assert_eq!(
        read(&frames),
        [
            "start",
            "text Hel",
            "text lo \"é\"",
            "finish Stop",
            "usage 5 5 2",
            "end"
        ]
    );
}

#[test]
fn texts_without_escapes_are_borrowed() {
    let mut reader = StreamReader::new();
    let stream = [text("plain"), text("line\n")].concat();
    let mut borrowed = Vec::new();
    reader.push(&stream, &mut |event| {
        if let Event::Text { text, .. } = event {
            borrowed.push(matches!(text, std::borrow::Cow::Borrowed(_)));
        }
    });
    assert_eq!(borrowed, [true, false]);
}

#[test]
fn reasoning_and_calls() {
    let reasoning = |piece: Value| delta(0, &json!({"reasoningContent": piece}));
    let frames = [
        message_start(),
        reasoning(json!({"text": "h"})),
        reasoning(json!({"text": "m"})),
        reasoning(json!({"signature": "c2"})),
        reasoning(json!({"signature": "ln"})),
        stop(0),
        delta(1, &json!({"reasoningContent": {"redactedContent": "eHg="}})),
        stop(1),
        delta(2, &json!({"text": "I look."})),
        stop(2),
        start(3, "t1", "look"),
        input(3, ""),
        input(3, "{\"q\":"),
        input(3, "\"Bern\"}"),
        stop(3),
        start(4, "t2", "wait"),
        stop(4),
        message_stop("tool_use"),
        metadata(),
    ];
    assert_eq!(
        read(&frames),
        [
            "start",
            "reasoning h",
            "reasoning m",
            "signature Anthropic c2ln",
            "redacted eHg=",
            "text I look.",
            "call 0 t1 look",
            "arguments 0 {\"q\":",
            "arguments 0 \"Bern\"}",
            "call 1 t2 wait",
            "finish ToolCalls",
            "usage 5 5 2",
            "end"
        ]
    );
    let unknown = read_by(StreamReader::default(), &frames.concat());
    assert_eq!(unknown[3], format!("signature {:?} c2ln", Maker::Bedrock));
}

#[test]
fn an_answer_by_tool_is_text() {
    let frames = [
        message_start(),
        start(0, "t1", ANSWER_TOOL),
        input(0, "{\"a\":"),
        input(0, "1}"),
        stop(0),
        start(1, "t2", ANSWER_TOOL),
        input(1, "{}"),
        stop(1),
        message_stop("tool_use"),
    ];
    let lines = ["start", "text {\"a\":", "text 1}", "finish Stop", "end"];
    assert_eq!(read(&frames), lines);
    let empty = [
        start(0, "t", ANSWER_TOOL),
        stop(0),
        message_stop("tool_use"),
    ];
    assert_eq!(read(&empty), ["start", "text {}", "finish Stop", "end"]);
    let beside = [
        start(0, "t", "look"),
        stop(0),
        start(1, "u", ANSWER_TOOL),
        input(1, "{}"),
        message_stop("tool_use"),
    ];
    let lines = [
        "start",
        "call 0 t look",
        "text {}",
        "finish ToolCalls",
        "end",
    ];
    assert_eq!(read(&beside), lines);
}

#[test]
fn stop_texts_are_named_where_claude_says_them() {
    let fields = json!({"delta": {"stop_sequence": "END"}});
    let said = json!({"stopReason": "stop_sequence", "additionalModelResponseFields": fields});
    let lines = read(&[message_start(), event("messageStop", &said)]);
    let finish = Finish::StopSequence(Some("END".to_owned()));
    assert_eq!(lines[1], format!("finish {finish:?}"));
}

#[test]
fn exceptions_end_the_stream() {
    let message = |text: &str| json!({"message": text});
    for (kind, payload, class) in [
        ("throttlingException", message("m"), ErrorClass::RateLimited),
        (
            "serviceUnavailableException",
            message("m"),
            ErrorClass::Overloaded,
        ),
        ("internalServerException", message("m"), ErrorClass::Server),
        (
            "modelStreamErrorException",
            message("m"),
            ErrorClass::Server,
        ),
        (
            "modelStreamErrorException",
            json!({"message": "m", "originalStatusCode": 529, "originalMessage": "x"}),
            ErrorClass::Overloaded,
        ),
        (
            "validationException",
            message("m"),
            ErrorClass::InvalidRequest,
        ),
        (
            "validationException",
            message("Input is too long for requested model."),
            ErrorClass::ContextLength,
        ),
        ("newException", message("m"), ErrorClass::Server),
    ] {
        let exception = frame("exception", ":exception-type", kind, &payload);
        let lines = read(&[message_start(), text("a"), exception, text("b")]);
        let said = payload["message"].as_str().unwrap();
        let error = format!("error {class:?} {said}");
        assert_eq!(lines, ["start", "text a", error.as_str()], "{kind}");
    }
    let headers = [
        raw_header(":message-type", 7, b"error"),
        raw_header(":error-code", 7, b"InternalFailure"),
        raw_header(":error-message", 7, b"An internal server error occurred"),
    ];
    assert_eq!(
        read(&[raw_frame(&headers.concat(), b"")]),
        ["error Server An internal server error occurred"]
    );
}

#[test]
fn streams_that_break_off_or_are_damaged() {
    let truncated = "error Server The provider's answer broke off before its end.";
    let unreadable = "error Server The provider's stream is not readable.";
    assert_eq!(read(&[]), [truncated]);
    assert_eq!(
        read(&[message_start(), text("a")]),
        ["start", "text a", truncated]
    );
    // Within a frame.
    let mut cut = text("b");
    cut.pop();
    assert_eq!(
        read(&[text("a"), cut.clone()]),
        ["start", "text a", truncated]
    );
    // The message is whole; only its usage is not there.
    assert_eq!(
        read(&[text("a"), message_stop("end_turn"), cut]),
        ["start", "text a", "finish Stop", "end"]
    );
    let mut damaged = text("b");
    damaged[60] ^= 1;
    assert_eq!(
        read(&[text("a"), damaged, text("c")]),
        [
            "start",
            "text a",
            "error Server The provider's stream is damaged: a checksum does not match."
        ]
    );
    for reason in ["malformed_model_output", "malformed_tool_use"] {
        let lines = read(&[text("a"), message_stop(reason), metadata()]);
        let error = "error Server The model's output could not be read by the provider.";
        assert_eq!(lines, ["start", "text a", error]);
    }
    for payload in [json!({"delta": {"text": 5}}), json!([]), json!("x")] {
        let lines = read(&[event("contentBlockDelta", &payload), text("a")]);
        assert_eq!(lines, [unreadable], "{payload}");
    }
}

#[test]
fn memory_is_bounded() {
    let piece = "x".repeat(FRAME_LIMIT_BYTES / 2);
    let signature = delta(0, &json!({"reasoningContent": {"signature": piece}}));
    let lines = read(&[signature.clone(), signature.clone(), signature]);
    let too_large = "error Server The provider's stream has a frame that is too large.";
    assert_eq!(lines, ["start", too_large]);
    let large = text(&"x".repeat(FRAME_LIMIT_BYTES));
    assert_eq!(read(&[large]), [too_large]);
    // Blocks that never stop.
    let starts = (0..100).map(|index| start(index, "t", "look"));
    let mut reader = StreamReader::new();
    reader.push(&starts.collect::<Vec<_>>().concat(), &mut |_| ());
    assert!(format!("{reader:?}").matches("Open {").count() < 40);
}

#[test]
fn what_is_unknown_or_out_of_place_is_passed_over() {
    let frames = [
        event("initial-response", &json!({})),
        event(
            "contentBlockStart",
            &json!({"contentBlockIndex": 0, "start": {"image": {"format": "png"}}}),
        ),
        event(
            "contentBlockDelta",
            &json!({"contentBlockIndex": 0, "delta": {"citation": {"title": "x"}}}),
        ),
        input(7, "{}"),
        start(9, "t", "web"),
        event("later", &json!({"x": 1})),
        message_start(),
        text("a"),
        metadata(),
        message_stop("max_tokens"),
        text("too late"),
    ];
    assert_eq!(
        read(&frames),
        [
            "start",
            "foreign answer.images",
            "foreign answer.annotations",
            "call 0 t web",
            "text a",
            "usage 5 5 2",
            "finish Length",
            "end"
        ]
    );
}
