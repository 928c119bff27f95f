//! Streams, read from providers and written for clients.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::{Value, json};

use crate::chat::{AnswerContext, ChatRequest, Event, Finish, Maker, Signature};
use crate::openai_chat::{EVENT_LIMIT_BYTES, StreamReader, StreamWriter};
use crate::provider_error::{ErrorClass, ProviderError};
use crate::usage::Usage;

/// What an event says, in one line.
fn line(event: &Event<'_>) -> String {
    match event {
        Event::Start { id, model, created } => {
            format!(
                "start {} {} {}",
                id.as_deref().unwrap_or("-"),
                model.as_deref().unwrap_or("-"),
                created.unwrap_or(0)
            )
        }
        Event::Text { choice, text } => format!("{choice} text {text}"),
        Event::Reasoning { choice, text } => format!("{choice} thought {text}"),
        Event::ReasoningSignature { choice, signature } => {
            format!("{choice} proof {:?} {}", signature.maker, signature.data)
        }
        Event::RedactedReasoning { choice, signature } => {
            format!("{choice} redacted {:?} {}", signature.maker, signature.data)
        }
        Event::Refusal { choice, text } => format!("{choice} refusal {text}"),
        Event::ToolCall {
            choice,
            call,
            id,
            name,
            signature,
        } => {
            let proof = signature
                .as_ref()
                .map(|s| format!(" {}", s.data))
                .unwrap_or_default();
            format!("{choice} call {call} {id} {name}{proof}")
        }
        Event::ToolArguments { choice, call, json } => format!("{choice} arguments {call} {json}"),
        Event::Logprobs { choice, logprobs } => format!("{choice} logprobs {logprobs}"),
        Event::Finish { choice, finish } => format!("{choice} finish {finish:?}"),
        Event::Usage(usage) => format!("usage {} {}", usage.input_tokens, usage.output_tokens),
        Event::Ping => "ping".to_owned(),
        Event::Foreign { field, .. } => format!("foreign {}", field.label()),
        Event::Error(error) => format!("error {:?}", error.class),
        Event::End => "end".to_owned(),
    }
}

fn read(stream: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut reader = StreamReader::new();
    reader.push(stream.as_bytes(), &mut |event| lines.push(line(&event)));
    reader.finish(&mut |event| lines.push(line(&event)));
    lines
}

/// The events of a stream whose chunks have these choices, after the start and before the end.
fn choices(choices: &[Value]) -> Vec<String> {
    let mut stream = String::new();
    for choice in choices {
        let choices = if choice.is_array() {
            choice.clone()
        } else {
            json!([choice])
        };
        stream += &format!(
            "data: {}\n\n",
            json!({"id": "i", "model": "m", "choices": choices})
        );
    }
    let mut lines = read(&(stream + "data: [DONE]\n\n"));
    assert_eq!(lines.remove(0), "start i m 0");
    assert_eq!(lines.pop().as_deref(), Some("end"));
    lines
}

fn deltas(deltas: &[Value]) -> Vec<String> {
    let deltas = deltas
        .iter()
        .map(|delta| json!({"index": 0, "delta": delta}));
    let mut lines = choices(&deltas.collect::<Vec<_>>());
    assert!(lines.pop().is_some_and(|last| last.contains("finish")));
    lines
}

#[test]
fn openai_s_own_stream_is_read() {
    let stream = r#": hello
data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":9,"model":"gpt","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}],"obfuscation":"x"}

data: {"id":"chatcmpl-1","created":9,"model":"gpt","choices":[{"index":0,"delta":{"content":"H\u00e9"},"logprobs":{"content":[]},"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-1","created":9,"model":"gpt","choices":[{"index":0,"delta":{"content":"llo"},"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","created":9,"model":"gpt","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}

data: [DONE]

data: {"choices":[{"delta":{"content":"after the end"}}]}

"#;
    assert_eq!(
        read(stream),
        [
            "start chatcmpl-1 gpt 9",
            "0 text Hé",
            "0 logprobs {\"content\":[]}",
            "0 text llo",
            "0 finish Stop",
            "usage 3 2",
            "end",
        ]
    );
}

#[test]
fn text_is_borrowed_from_the_bytes() {
    let mut borrowed = Vec::new();
    let stream = "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"content\":\"plain\"}}]}\n\n";
    StreamReader::new().push(stream.as_bytes(), &mut |event| {
        if let Event::Text { text, .. } = event {
            borrowed.push(matches!(text, Cow::Borrowed("plain")));
        }
    });
    assert_eq!(borrowed, [true]);
}

#[test]
fn reasoning_in_every_vendor_s_member() {
    let claude = "anthropic-claude-v1";
    assert_eq!(
        deltas(&[
            json!({"content": null, "reasoning_content": "a"}),
            json!({"content": "", "reasoning": "b"}),
            json!({"reasoning": "c", "reasoning_details": [{"type": "reasoning.text", "text": "c", "format": claude}]}),
            json!({"reasoning_details": [{"type": "reasoning.summary", "summary": "d"}]}),
            json!({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "format": claude}]}),
            json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1"}]}),
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "e"}]}]}),
            json!({"content": "t", "refusal": "no"}),
        ]),
        [
            "0 thought a",
            "0 thought b",
            "0 thought c",
            "0 thought d",
            "0 proof Anthropic s",
            "0 redacted Openai x",
            "0 thought e",
            "0 text t",
            "0 refusal no",
        ]
    );
}

/// A piece of a tool call.
fn call(index: Value, id: Value, name: Value, arguments: Value) -> Value {
    json!({"tool_calls": [{"index": index, "id": id, "type": "function",
        "function": {"name": name, "arguments": arguments}}]})
}

const ONE_THEN_OTHER: [&str; 5] = [
    "0 call 0 a f",
    "0 arguments 0 {",
    "0 arguments 0 }",
    "0 call 1 b g",
    "0 arguments 1 {}",
];

#[test]
fn tool_calls_in_every_vendor_s_pieces() {
    let null = Value::Null;
    // OpenAI: id and name once.
    assert_eq!(
        deltas(&[
            call(json!(0), json!("a"), json!("f"), json!("")),
            call(json!(0), null.clone(), null.clone(), json!("{")),
            call(json!(0), null.clone(), null.clone(), json!("}")),
            call(json!(1), json!("b"), json!("g"), json!("{}")),
        ]),
        ONE_THEN_OTHER
    );
    // Repeated with every piece; or empty.
    assert_eq!(
        deltas(&[
            call(json!(0), json!("a"), json!("f"), json!("{")),
            call(json!(0), json!("a"), json!("f"), json!("}")),
            call(json!(1), json!("b"), json!("g"), json!("")),
            call(json!(1), json!(""), json!(""), json!("{}")),
        ]),
        ONE_THEN_OTHER
    );
    // No index; or always the same.
    for index in [null.clone(), json!(0)] {
        assert_eq!(
            deltas(&[
                call(index.clone(), json!("a"), json!("f"), json!("{")),
                call(index.clone(), null.clone(), null.clone(), json!("}")),
                call(index.clone(), json!("b"), json!("g"), json!("{}")),
            ]),
            ONE_THEN_OTHER
        );
    }
}

#[test]
fn tool_calls_whose_pieces_hardly_say_whose_they_are() {
    let null = Value::Null;
    // Another id with every piece, and the name after the id.
    assert_eq!(
        deltas(&[
            call(json!(0), json!("a"), null.clone(), null.clone()),
            call(json!(0), null.clone(), json!("f"), json!("{")),
            call(json!(0), json!("made-up"), null.clone(), json!("}")),
            call(json!(1), json!("b"), json!("g"), json!({})),
        ]),
        ONE_THEN_OTHER
    );
    // No id at all, two in one piece, and Google's signature.
    assert_eq!(
        deltas(&[json!({"tool_calls": [
            {"index": 0, "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "s"}}},
            {"index": 1, "function": {"name": "g"}}]})]),
        [
            "0 call 0 call_e66c3671_0_0 f s",
            "0 arguments 0 {}",
            "0 call 1 call_e66c3671_0_1 g"
        ]
    );
    // Before there were tools.
    assert_eq!(
        deltas(&[
            json!({"function_call": {"name": "f", "arguments": ""}}),
            json!({"function_call": {"arguments": "{}"}}),
        ]),
        ["0 call 0 call_e66c3671_0_0 f", "0 arguments 0 {}"]
    );
}

#[test]
fn several_choices_finish_each() {
    assert_eq!(
        choices(&[
            json!([{"index": 0, "delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]),
            json!({"index": 1, "delta": {}, "finish_reason": "length"}),
            json!({"index": 0, "delta": {}, "finish_reason": ""}),
            json!({"index": 0, "delta": {"content": "c"}, "finish_reason": "eos"}),
            json!({"index": 0, "delta": {"content": "too late"}, "finish_reason": "stop"}),
        ]),
        [
            "0 text a",
            "1 text b",
            "1 finish Length",
            "0 text c",
            "0 finish Stop",
        ]
    );
}

#[test]
fn usage_is_found_where_vendors_put_it() {
    let stream = |chunk: Value| {
        let done = json!({"id": "i", "choices": [{"delta": {}, "finish_reason": "stop"}]});
        read(&format!(
            "data: {done}\n\ndata: {chunk}\n\ndata: [DONE]\n\n"
        ))
    };
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2});
    for chunk in [
        json!({"choices": [], "usage": usage}),
        json!({"choices": [{"index": 0, "delta": {}, "usage": usage}]}),
        json!({"choices": [], "x_groq": {"usage": usage}}),
        json!({"usage": usage}),
    ] {
        assert_eq!(
            stream(chunk.clone()),
            ["start i - 0", "0 finish Stop", "usage 3 2", "end"],
            "{chunk}"
        );
    }
}

#[test]
fn the_start_waits_for_something_to_start_with() {
    let azure = r#"data: {"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[]}

data: {"choices":[{"delta":{"content":"t"},"finish_reason":"stop"}],"created":4,"id":"i","model":"m"}

data: [DONE]

"#;
    assert_eq!(
        read(azure),
        ["start i m 4", "0 text t", "0 finish Stop", "end"]
    );
}

#[test]
fn an_end_is_an_end_and_a_break_is_an_error() {
    let text = "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"content\":\"t\"}}]}\n\n";
    let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let begun = ["start i - 0", "0 text t"];
    let whole = [&begun[..], &["0 finish Stop", "end"]].concat();
    let broken = [&begun[..], &["error Server"]].concat();
    for (rest, expected) in [
        (format!("{stop}data: [DONE]\n\n"), &whole),
        (stop.to_owned(), &whole),
        (stop.trim_end().to_owned(), &whole),
        ("data: [DONE]\n\n".to_owned(), &whole),
        ("data:[DONE]".to_owned(), &whole),
        (String::new(), &broken),
        ("data: {\"choices\":[{\"delta\":{\"cont".to_owned(), &broken),
        (format!("{stop}data: {{\"choi"), &whole),
        ("data: <html>\n\n".to_owned(), &broken),
    ] {
        assert_eq!(&read(&format!("{text}{rest}")), expected, "{rest}");
    }
    assert_eq!(read(""), ["error Server"]);
    assert_eq!(read(": ping\n\n"), ["error Server"]);
}

#[test]
fn errors_within_a_stream() {
    for (event, class) in [
        (
            r#"data: {"error":{"message":"x","code":"rate_limit_exceeded"}}"#,
            "RateLimited",
        ),
        (
            "event: error\ndata: {\"message\":\"x\",\"code\":\"503\"}",
            "Overloaded",
        ),
        (
            r#"data: {"object":"error","message":"x","code":40303,"type":"invalid"}"#,
            "Auth",
        ),
        (
            r#"data: {"code":"Throttling.RateQuota","message":"x"}"#,
            "RateLimited",
        ),
        (
            r#"data: {"base_resp":{"status_code":1004,"status_msg":"x"}}"#,
            "Auth",
        ),
        (
            r#"data: {"choices":[{"delta":{},"finish_reason":"error"}]}"#,
            "Server",
        ),
    ] {
        let lines = read(&format!("{event}\n\ndata: [DONE]\n\n"));
        let errors: Vec<_> = lines.iter().filter(|l| !l.starts_with("start")).collect();
        assert_eq!(errors, [&format!("error {class}")], "{event}");
    }
    let large = format!("data: {}\n\n", "x".repeat(EVENT_LIMIT_BYTES));
    assert_eq!(read(&large), ["error Server"]);
    let crowd: String = (0..200)
        .map(|n| format!("data: {{\"id\":\"i\",\"choices\":[{{\"index\":{n}}}]}}\n\n"))
        .collect();
    assert_eq!(read(&crowd), ["start i - 0", "error Server"]);
}

fn context(request: ChatRequest) -> AnswerContext {
    AnswerContext {
        model: "asked".into(),
        id: "7".into(),
        created: 5,
        request: Rc::new(request),
        encoding: Default::default(),
        account: String::new(),
    }
}

/// What the client gets, chunk by chunk; of chunks with choices only the first choice, of which
/// every head is checked.
fn write(request: ChatRequest, events: &[Event<'_>]) -> Vec<Value> {
    let mut out = Vec::new();
    let mut writer = StreamWriter::new(context(request));
    events
        .iter()
        .for_each(|event| writer.write(event, &mut out));
    let out = String::from_utf8(out).unwrap();
    assert!(out.is_empty() || out.ends_with("\n\n"));
    out.split_terminator("\n\n").map(chunk).collect()
}

fn chunk(event: &str) -> Value {
    let Some(data) = event
        .strip_prefix("data: ")
        .filter(|data| *data != "[DONE]")
    else {
        return json!(event);
    };
    let mut chunk: Value = serde_json::from_str(data).unwrap();
    if chunk.get("error").is_some() {
        return chunk;
    }
    assert_eq!(chunk["object"], "chat.completion.chunk");
    assert!(chunk["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(chunk["created"].is_u64() && chunk["model"].is_string());
    match chunk["choices"].as_array_mut().unwrap().pop() {
        Some(choice) => choice,
        None => chunk["usage"].take(),
    }
}

fn piece(delta: Value) -> Value {
    json!({"index": 0, "delta": delta, "finish_reason": null})
}

fn role() -> Value {
    piece(json!({"role": "assistant", "content": "", "refusal": null}))
}

fn end(word: &str) -> Value {
    json!({"index": 0, "delta": {}, "finish_reason": word})
}

fn text(text: &str) -> Event<'_> {
    Event::Text {
        choice: 0,
        text: text.into(),
    }
}

fn finish(finish: Finish) -> Event<'static> {
    Event::Finish { choice: 0, finish }
}

#[test]
fn a_stream_is_written_byte_for_byte() {
    let mut out = Vec::new();
    let mut writer = StreamWriter::new(context(ChatRequest::default()));
    for event in [
        Event::Start {
            id: Some("msg_\"1".into()),
            model: Some("claude".into()),
            created: None,
        },
        text("a\n\"é"),
        finish(Finish::Stop),
        Event::End,
        text("after the end"),
    ] {
        writer.write(&event, &mut out);
    }
    let head = r#"data: {"id":"chatcmpl-\"1","object":"chat.completion.chunk","created":5,"model":"claude","choices":[{"index":0,"delta":{"#;
    let expected = [
        r#""role":"assistant","content":"","refusal":null},"finish_reason":null}]}"#,
        r#""content":"a\n\"é"},"finish_reason":null}]}"#,
        r#"},"finish_reason":"stop"}]}"#,
    ]
    .map(|rest| format!("{head}{rest}\n\n"))
    .concat();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        expected + "data: [DONE]\n\n"
    );
}

#[test]
fn usage_comes_last_and_only_if_asked_for() {
    let usage = |output_tokens| {
        Event::Usage(Usage {
            input_tokens: 3,
            output_tokens,
            cached_tokens: 1,
            ..Usage::default()
        })
    };
    let events = [
        usage(1),
        text("t"),
        usage(2),
        finish(Finish::Stop),
        Event::End,
    ];
    let told = [role(), piece(json!({"content": "t"})), end("stop")];
    let silent = write(ChatRequest::default(), &events);
    assert_eq!(silent, [&told[..], &[json!("data: [DONE]")]].concat());
    let asked = ChatRequest {
        include_usage: true,
        ..ChatRequest::default()
    };
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}});
    assert_eq!(
        write(asked, &events),
        [&told[..], &[usage, json!("data: [DONE]")]].concat()
    );
}

#[test]
fn reasoning_and_its_proof_are_written() {
    let thought = |text: &'static str| Event::Reasoning {
        choice: 0,
        text: text.into(),
    };
    let signature = Signature {
        maker: Maker::Anthropic,
        data: "s".into(),
    };
    let proof = Event::ReasoningSignature {
        choice: 0,
        signature: signature.clone(),
    };
    let redacted = Event::RedactedReasoning {
        choice: 0,
        signature,
    };
    let detail = |start: u64, end: u64, index: u64| {
        piece(
            json!({"reasoning_details": [{"type": "reasoning.text", "signature": "s",
            "format": "anthropic-claude-v1", "index": index, "span": {"start": start, "end": end}}]}),
        )
    };
    let events = [
        thought("a"),
        thought("é"),
        proof.clone(),
        redacted,
        thought("b"),
        proof,
    ];
    assert_eq!(
        write(ChatRequest::default(), &events),
        [
            role(),
            piece(json!({"reasoning_content": "a"})),
            piece(json!({"reasoning_content": "é"})),
            detail(0, 3, 0),
            piece(
                json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "s",
                "format": "anthropic-claude-v1", "index": 1}]})
            ),
            piece(json!({"reasoning_content": "b"})),
            detail(3, 4, 2),
        ]
    );
}

#[test]
fn tool_calls_are_written() {
    let call = |call, signature: Option<Signature>| Event::ToolCall {
        choice: 0,
        call,
        id: "a".into(),
        name: "f".into(),
        signature,
    };
    let arguments = |call| Event::ToolArguments {
        choice: 0,
        call,
        json: "{\"x\":1}".into(),
    };
    let google = Some(Signature {
        maker: Maker::Google,
        data: "s".into(),
    });
    let events = [
        call(0, None),
        arguments(0),
        call(1, google),
        finish(Finish::Stop),
        Event::End,
    ];
    assert_eq!(
        write(ChatRequest::default(), &events),
        [
            role(),
            piece(
                json!({"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]})
            ),
            piece(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\":1}"}}]})),
            piece(
                json!({"tool_calls": [{"index": 1, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""},
                "extra_content": {"google": {"thought_signature": "s"}}}]})
            ),
            end("tool_calls"),
            json!("data: [DONE]"),
        ]
    );
    let legacy = ChatRequest {
        legacy_functions: true,
        ..ChatRequest::default()
    };
    assert_eq!(
        write(legacy, &events),
        [
            role(),
            piece(json!({"function_call": {"name": "f", "arguments": ""}})),
            piece(json!({"function_call": {"arguments": "{\"x\":1}"}})),
            end("function_call"),
            json!("data: [DONE]"),
        ]
    );
}

#[test]
fn refusals_odds_pings_and_open_ends() {
    let events = [
        Event::Refusal {
            choice: 0,
            text: "no".into(),
        },
        Event::Logprobs {
            choice: 0,
            logprobs: json!({"refusal": []}),
        },
        Event::Ping,
        Event::End,
    ];
    assert_eq!(
        write(ChatRequest::default(), &events),
        [
            role(),
            piece(json!({"refusal": "no"})),
            json!({"index": 0, "delta": {}, "logprobs": {"content": null, "refusal": []}, "finish_reason": null}),
            json!(": ping"),
            end("stop"),
            json!("data: [DONE]"),
        ]
    );
}

#[test]
fn an_error_is_the_last_that_is_written() {
    let error = Event::Error(ProviderError::new(ErrorClass::Overloaded, "busy"));
    assert_eq!(
        write(ChatRequest::default(), &[text("t"), error, Event::End]),
        [
            role(),
            piece(json!({"content": "t"})),
            json!({"error": {"message": "busy", "type": "server_error", "param": null, "code": "overloaded"}}),
        ]
    );
}
