use super::*;
use crate::chat::Event;
use crate::gemini::{EVENT_LIMIT_BYTES, StreamReader, read_answer_of};
use crate::provider_error::ProviderError;
use serde_json::json;

/// What is told of a stream, one line an event.
fn told(stream: &str) -> Vec<String> {
    let mut reader = StreamReader::new();
    let mut lines = Vec::new();
    let mut sink = |event: Event<'_>| lines.push(line(&event));
    reader.push(stream.as_bytes(), &mut sink);
    reader.finish(&mut sink);
    reader.push(b"data: {}\n\n", &mut sink);
    reader.finish(&mut sink);
    lines
}

fn line(event: &Event<'_>) -> String {
    match event {
        Event::Start { id, model, .. } => format!("start {id:?} {model:?}"),
        Event::Text { choice, text } => format!("{choice} text {text}"),
        Event::Reasoning { choice, text } => format!("{choice} thought {text}"),
        Event::ReasoningSignature { choice, signature } => {
            format!("{choice} proof {:?} {}", signature.maker, signature.data)
        }
        Event::ToolCall {
            choice,
            call,
            id,
            name,
            signature,
        } => {
            let proof = signature.as_ref().map(|it| it.data.as_str());
            format!("{choice} call {call} {id} {name} {proof:?}")
        }
        Event::ToolArguments { choice, call, json } => format!("{choice} args {call} {json}"),
        Event::Finish { choice, finish } => format!("{choice} finish {finish:?}"),
        Event::Usage(usage) => format!("usage {} {}", usage.input_tokens, usage.output_tokens),
        Event::Error(error) => format!("error {:?}", error.class),
        Event::Foreign { choice, field } => format!("{choice} foreign {}", field.label()),
        Event::RedactedReasoning { .. }
        | Event::Refusal { .. }
        | Event::Logprobs { .. }
        | Event::Ping
        | Event::End => format!("{event:?}"),
    }
}

fn sse(chunks: &[Value]) -> String {
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n"));
    events.collect()
}

fn said(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}]})
}

fn ending(mut chunk: Value, reason: &str) -> Value {
    chunk["candidates"][0]["finishReason"] = reason.into();
    chunk
}

/// As recorded from `streamGenerateContent?alt=sse`: usage in every chunk, no mark at the end.
#[test]
fn a_stream_of_text_ends_with_its_bytes() {
    let chunk = |text: &str, tokens: u64| {
        let mut chunk = said(json!([{"text": text}]));
        chunk["usageMetadata"] = json!({"promptTokenCount": 4, "candidatesTokenCount": tokens});
        chunk["modelVersion"] = "gemini-2.5-flash".into();
        chunk["responseId"] = "r1".into();
        chunk
    };
    let stream = sse(&[
        chunk("Hel", 1),
        chunk("lo\n", 1),
        ending(chunk("", 3), "STOP"),
    ]);
    assert_eq!(
        told(&stream),
        [
            r#"start Some("r1") Some("gemini-2.5-flash")"#,
            "usage 4 1",
            "0 text Hel",
            "0 text lo\n",
            "usage 4 3",
            "0 finish Stop",
            "End",
        ]
    );
    // Without the last blank line.
    assert_eq!(told(stream.trim_end()).last().unwrap(), "End");
}

#[test]
fn thoughts_signatures_and_calls_are_told_in_order() {
    let stream = sse(&[
        said(json!([{"text": "hm", "thought": true}])),
        said(json!([{"text": "So", "thoughtSignature": "s"}])),
        said(json!([
            {"functionCall": {"name": "a", "args": {"x": 1}}, "thoughtSignature": "t"},
            {"functionCall": {"name": "b", "id": "given"}},
        ])),
        ending(said(json!([{"text": "", "thoughtSignature": "u"}])), "STOP"),
    ]);
    assert_eq!(
        told(&stream),
        [
            "start None None",
            "0 thought hm",
            "0 proof Google s",
            "0 text So",
            r#"0 call 0 call_00000000_0_0 a Some("t")"#,
            r#"0 args 0 {"x":1}"#,
            "0 call 1 given b None",
            "0 args 1 {}",
            "0 proof Google u",
            "0 finish ToolCalls",
            "End",
        ]
    );
}

#[test]
fn a_finish_reason_is_not_the_end() {
    // Gemini 1.5 wrote STOP into every chunk.
    let stream = sse(&[
        ending(said(json!([{"text": "a"}])), "STOP"),
        ending(said(json!([{"text": "b"}])), "STOP"),
        ending(json!({"candidates": [{}]}), "SAFETY"),
    ]);
    let lines = told(&stream);
    assert_eq!(
        lines[1..],
        ["0 text a", "0 text b", "0 finish ContentFilter", "End"]
    );

    // Candidates end one by one.
    let part = |index: u32, text: &str, reason: &str| {
        json!({"candidates": [{"index": index, "content": {"parts": [{"text": text}]},
            "finishReason": reason}]})
    };
    let mut chunks = vec![
        part(1, "b", ""),
        part(0, "a", "STOP"),
        part(1, "c", "MAX_TOKENS"),
    ];
    let lines = told(&sse(&chunks));
    assert_eq!(
        lines[1..],
        [
            "1 text b",
            "0 text a",
            "1 text c",
            "1 finish Length",
            "0 finish Stop",
            "End"
        ]
    );
    chunks.pop();
    assert_eq!(told(&sse(&chunks)).last().unwrap(), "error Server");
}

#[test]
fn a_stream_that_breaks_off_is_an_error() {
    let text = sse(&[said(json!([{"text": "a"}]))]);
    let cut = format!("{text}data: {{\"candidates\":[{{\"finishReason\":\"ST");
    for stream in [text.as_str(), &cut] {
        assert_eq!(told(stream)[1..], ["0 text a", "error Server"]);
    }
    let mut last = None;
    let mut reader = StreamReader::new();
    reader.push(cut.as_bytes(), &mut |_| {});
    reader.finish(&mut |event| {
        if let Event::Error(error) = event {
            last = Some(error);
        }
    });
    assert_eq!(last, Some(ProviderError::truncated()));
}

#[test]
fn a_first_event_that_is_an_error_is_the_first_thing_told() {
    let quota = json!({"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}});
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": 4}});
    let usage = json!({"usageMetadata": {"promptTokenCount": 4}});
    let broken = ending(json!({"candidates": [{}]}), "MALFORMED_FUNCTION_CALL");
    for (stream, line) in [
        (sse(std::slice::from_ref(&quota)), "error RateLimited"),
        (sse(&[json!([quota])]), "error RateLimited"),
        (quota.to_string(), "error RateLimited"),
        (format!("\n [{quota}\n]\n"), "error RateLimited"),
        (sse(std::slice::from_ref(&blocked)), "error ContentPolicy"),
        (sse(&[usage, blocked]), "error ContentPolicy"),
        (sse(&[json!("?")]), "error Server"),
        (json!([said(json!([]))]).to_string(), "error Server"),
        ("data: oops\n\n".to_owned(), "error Server"),
        ("<html>".to_owned(), "error Server"),
        (": ping\n\ndata:\n\n".to_owned(), "error Server"),
        (String::new(), "error Server"),
    ] {
        assert_eq!(told(&stream), [line], "{stream}");
    }
    assert_eq!(told(&sse(&[broken])), ["error Server"]);
}

#[test]
fn nothing_follows_an_error() {
    let stream = sse(&[
        said(json!([{"text": "a"}])),
        json!({"error": {"code": 503, "message": "m", "status": "UNAVAILABLE"}}),
        ending(said(json!([{"text": "b"}])), "STOP"),
    ]);
    assert_eq!(told(&stream)[1..], ["0 text a", "error Overloaded"]);
}

#[test]
fn what_grows_is_bounded() {
    let large = format!("data: {}", " ".repeat(EVENT_LIMIT_BYTES + 1));
    assert_eq!(told(&large), ["error Server"]);
    let many: Vec<_> = (0..17)
        .map(|index| json!({"candidates": [{"index": index, "finishReason": "STOP"}]}))
        .collect();
    assert_eq!(told(&sse(&many[..16])).last().unwrap(), "End");
    assert_eq!(told(&sse(&many)), ["start None None", "error Server"]);
}

#[test]
fn parts_without_a_place_and_logprobs_are_told() {
    let mut chunk = said(json!([{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]));
    chunk["candidates"][0]["logprobsResult"] =
        json!({"chosenCandidates": [{"token": "a", "logProbability": -1.5}]});
    let mut logprobs = Vec::new();
    let mut events = Vec::new();
    StreamReader::default().push(sse(&[chunk]).as_bytes(), &mut |event| {
        events.push(line(&event));
        if let Event::Logprobs {
            choice,
            logprobs: it,
        } = event
        {
            logprobs.push((choice, it));
        }
    });
    let token = json!({"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": []});
    assert_eq!(
        logprobs,
        [(0, json!({"content": [token], "refusal": null}))]
    );
    assert_eq!(events.len(), 3);
    assert!(events.contains(&"0 foreign answer.images".to_owned()));
}

#[test]
fn made_ids_are_those_of_the_whole_answer() {
    for (request, response) in [("q1", json!("r1")), ("q1", Value::Null)] {
        let mut body = said(json!([{"functionCall": {"name": "f"}}]));
        body["responseId"] = response;
        let body = ending(body, "STOP");
        let answer = read_answer_of(request, body.to_string().as_bytes()).unwrap();
        let Part::ToolCall { id: expected, .. } = &answer.choices[0].parts[0] else {
            panic!("{answer:?}");
        };
        let mut reader = StreamReader::of_answer(request);
        let mut ids = Vec::new();
        reader.push(sse(&[body]).as_bytes(), &mut |event| {
            if let Event::ToolCall { id, .. } = event {
                ids.push(id.into_owned());
            }
        });
        assert_eq!(ids, [expected.as_str()]);
    }
}
