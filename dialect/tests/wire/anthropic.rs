//! Anthropic's dialect: bytes of any kind, any chunking, and what survives the round trip.

use std::borrow::Cow;

use ark_dialect::anthropic::{
    StreamMeter, StreamReader, StreamWriter, count_tokens_request, error_body, estimate_tokens,
    read_answer, read_error, read_request, read_usage, write_answer, write_request,
};
use ark_dialect::chat::{
    AnswerContext, CacheMark, ChatAnswer, ChatRequest, Choice, Event, Finish, Format, Maker, Part,
    Role, Signature, Source, TargetFacts, Tool, ToolChoice, Turn,
};
use ark_dialect::provider_error::{ErrorClass, ProviderError};
use ark_dialect::usage::Usage;
use ark_wire::sse::SseReader;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TARGET: TargetFacts<'_> = TargetFacts {
    model: "claude-3-7-sonnet-20250219",
    default_max_tokens: 1000,
    account: "",
};

/// Text that is said: not blank, and without white space at the end.
fn said() -> impl Strategy<Value = String> {
    "[a-z\"\\\\é日\n]{0,6}[a-z日]"
}

fn signature(maker: impl Strategy<Value = Maker>) -> impl Strategy<Value = Signature> {
    (maker, "[A-Za-z0-9+/=.]{1,8}").prop_map(|(maker, data)| Signature { maker, data })
}

fn maker() -> impl Strategy<Value = Maker> {
    prop_oneof![
        Just(Maker::Anthropic),
        Just(Maker::Google),
        Just(Maker::Openai),
        Just(Maker::Bedrock)
    ]
}

fn cache() -> impl Strategy<Value = Option<CacheMark>> {
    let ttl = prop_oneof![Just(None), Just(Some("5m")), Just(Some("1h"))];
    let mark = ttl.prop_map(|ttl| CacheMark {
        ttl: ttl.map(str::to_owned),
    });
    option::weighted(0.05, mark)
}

fn text() -> impl Strategy<Value = Part> {
    (said(), cache()).prop_map(|(text, cache)| Part::Text { text, cache })
}

fn media() -> impl Strategy<Value = Part> {
    let base64 = |media_type: &'static str| {
        "[A-Za-z0-9]{4}".prop_map(move |data| Source::Base64 {
            media_type: media_type.to_owned(),
            data,
        })
    };
    let url = "https://[a-z]{1,5}/".prop_map(Source::Url);
    let file = "file_[a-z]{1,5}".prop_map(Source::FileId);
    let image = prop_oneof![base64("image/png"), url.clone(), file.clone()];
    let document = prop_oneof![
        base64("application/pdf"),
        url,
        file,
        said().prop_map(Source::Text)
    ];
    prop_oneof![
        (image, cache()).prop_map(|(source, cache)| Part::Image {
            source,
            detail: None,
            cache
        }),
        (document, option::of("[a-z]{1,5}"), cache()).prop_map(|(source, name, cache)| {
            Part::File {
                source,
                name,
                cache,
            }
        }),
    ]
}

fn assistant_part() -> impl Strategy<Value = Part> {
    let reasoning = (said(), signature(Just(Maker::Anthropic)));
    prop_oneof![
        text(),
        reasoning.prop_map(|(text, signature)| Part::Reasoning {
            text,
            signature: Some(signature)
        }),
        signature(Just(Maker::Anthropic))
            .prop_map(|signature| Part::RedactedReasoning { signature }),
    ]
}

/// A turn of the model and the user's after it; with calls when there are ids.
fn exchange(at: usize) -> impl Strategy<Value = [Turn; 2]> {
    let calls = vec((said(), vec(prop_oneof![text(), media()], 0..3)), 0..3);
    let user = vec(prop_oneof![text(), media()], 0..3);
    (vec(assistant_part(), 0..3), said(), calls, user, said()).prop_map(
        move |(mut parts, last, calls, user, asked)| {
            let mut results = Vec::new();
            parts.push(Part::text(last));
            for (call, (argument, given)) in calls.into_iter().enumerate() {
                let id = format!("toolu_{at}_{call}");
                parts.push(Part::ToolCall {
                    id: id.clone(),
                    name: "f".to_owned(),
                    arguments: json!({ "a": argument }).to_string(),
                    cache: None,
                    signature: None,
                });
                results.push(Part::ToolResult {
                    id,
                    parts: given,
                    is_error: call == 1,
                    cache: None,
                });
            }
            results.extend(user);
            results.push(Part::text(asked));
            [turn(Role::Assistant, parts), turn(Role::User, results)]
        },
    )
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn {
        role,
        parts,
        name: None,
    }
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let system = vec(text(), 0..2);
    (system, said(), exchange(0), exchange(1)).prop_map(|(system, first, a, b)| {
        let mut turns = Vec::new();
        if !system.is_empty() {
            turns.push(turn(Role::System, system));
        }
        turns.push(turn(Role::User, vec![Part::text(first)]));
        turns.extend(a);
        turns.extend(b);
        turns
    })
}

fn choice() -> impl Strategy<Value = Option<ToolChoice>> {
    prop_oneof![
        Just(None),
        Just(Some(ToolChoice::None)),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::Required)),
        Just(Some(ToolChoice::Tool("f".to_owned()))),
    ]
}

prop_compose! {
    /// A request of which everything can be said.
    fn request()(
        turns in turns(),
        tool_choice in choice(),
        single in any::<bool>(),
        strict in any::<bool>(),
        has_schema in any::<bool>(),
        max_tokens in 1_u64..100_000,
        temperature in option::of(0_u32..=10),
        stop in vec("[a-z]{1,3}", 0..3),
        stream in any::<bool>(),
        user in option::of("[a-z]{1,5}"),
    ) -> ChatRequest {
        let schema = json!({"type":"object","properties":{},"additionalProperties":false});
        ChatRequest {
            model: TARGET.model.to_owned(),
            turns,
            tools: vec![Tool {
                name: "f".to_owned(),
                description: user.clone(),
                parameters: Some(schema.clone()),
                strict: strict.then_some(true),
                cache: None,
            }],
            parallel_tool_calls: match &tool_choice {
                Some(ToolChoice::Auto | ToolChoice::Required) if single => Some(false),
                _ => None,
            },
            tool_choice,
            format: if has_schema {
                Format::JsonSchema {
                    name: "answer".to_owned(),
                    description: None,
                    schema,
                    strict: Some(true),
                }
            } else {
                Format::Text
            },
            max_tokens: Some(max_tokens),
            temperature: temperature
                .and_then(|tenths| serde_json::Number::from_f64(f64::from(tenths) / 10.0)),
            stop,
            stream,
            include_usage: true,
            user,
            ..ChatRequest::default()
        }
    }
}

fn usage() -> impl Strategy<Value = Usage> {
    (0..1000_u64, 0..1000_u64, 0..1000_u64, 0..1000_u64).prop_map(
        |(fresh, cached, created, output)| Usage {
            input_tokens: fresh + cached + created,
            output_tokens: output,
            cached_tokens: cached,
            cache_creation_tokens: created,
            reasoning_tokens: output / 2,
            ..Usage::default()
        },
    )
}

fn event() -> impl Strategy<Value = Event<'static>> {
    let piece = || "[a-z\"\\\\é日\n]{0,4}".prop_map(Cow::Owned);
    let choice = || prop_oneof![9 => Just(0_u32), 1 => Just(1)];
    let finish = prop_oneof![
        Just(Finish::Stop),
        Just(Finish::Length),
        Just(Finish::ToolCalls),
        Just(Finish::ContentFilter),
        Just(Finish::StopSequence(Some("x".to_owned()))),
    ];
    prop_oneof![
        option::of(piece()).prop_map(|id| Event::Start {
            model: id.clone(),
            id,
            created: None
        }),
        (choice(), piece()).prop_map(|(choice, text)| Event::Text { choice, text }),
        (choice(), piece()).prop_map(|(choice, text)| Event::Reasoning { choice, text }),
        (choice(), piece()).prop_map(|(choice, text)| Event::Refusal { choice, text }),
        (choice(), signature(maker()))
            .prop_map(|(choice, signature)| Event::ReasoningSignature { choice, signature }),
        (choice(), signature(maker()))
            .prop_map(|(choice, signature)| Event::RedactedReasoning { choice, signature }),
        (choice(), 0_u32..3, piece(), option::of(signature(maker()))).prop_map(
            |(choice, call, id, signature)| Event::ToolCall {
                choice,
                call,
                name: id.clone(),
                id,
                signature
            }
        ),
        (choice(), 0_u32..3, piece()).prop_map(|(choice, call, json)| Event::ToolArguments {
            choice,
            call,
            json
        }),
        (choice(), finish).prop_map(|(choice, finish)| Event::Finish { choice, finish }),
        usage().prop_map(Event::Usage),
        Just(Event::Ping),
        choice().prop_map(|choice| Event::Logprobs {
            choice,
            logprobs: Value::Null
        }),
        Just(Event::Error(ProviderError::new(
            ErrorClass::Overloaded,
            "Busy."
        ))),
        Just(Event::End),
    ]
}

fn write(events: &[Event<'_>]) -> Vec<u8> {
    let context = AnswerContext {
        model: "m".to_owned(),
        id: "i".to_owned(),
        ..AnswerContext::default()
    };
    let mut writer = StreamWriter::new(context);
    let mut out = Vec::new();
    for event in events {
        writer.write(event, &mut out);
    }
    out
}

/// What a reader says of a stream cut at these places, as text.
fn read(stream: &[u8], cuts: &[usize]) -> Vec<String> {
    let mut said = Vec::new();
    let mut reader = StreamReader::new();
    for piece in pieces(stream, cuts) {
        reader.push(piece, &mut |event| said.push(format!("{event:?}")));
    }
    reader.finish(&mut |event| said.push(format!("{event:?}")));
    said
}

fn metered(stream: &[u8], cuts: &[usize]) -> (Option<Usage>, u64, bool, bool) {
    let mut meter = StreamMeter::new();
    for piece in pieces(stream, cuts) {
        meter.push(piece);
    }
    let (end, error) = (meter.saw_end(), meter.saw_error());
    (meter.usage(), meter.events(), end, error)
}

fn pieces<'s>(stream: &'s [u8], cuts: &[usize]) -> Vec<&'s [u8]> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, left) = rest.split_at(cut % (rest.len() + 1));
        pieces.push(piece);
        rest = left;
    }
    pieces.push(rest);
    pieces
}

/// Blocks are numbered and nested as the documentation says, and the last event is the end or an
/// error. Returns what the message begins and ends with.
fn check_form(stream: &[u8], complete: bool) -> Option<(Value, Value)> {
    let mut seen: Vec<(String, Value)> = Vec::new();
    SseReader::new(1 << 20)
        .push(stream, &mut |event| {
            let name = String::from_utf8(event.name.to_vec()).unwrap();
            let data: Value = serde_json::from_slice(event.data).unwrap();
            assert_eq!(data["type"], name.as_str());
            if name != "ping" {
                seen.push((name, data));
            }
        })
        .unwrap();
    let mut open = None;
    let mut blocks = 0;
    let mut ends: Vec<Value> = Vec::new();
    for (at, (name, data)) in seen.iter().enumerate() {
        match name.as_str() {
            "message_start" => assert_eq!(at, 0),
            "content_block_start" => {
                assert_eq!((open, &data["index"]), (None, &json!(blocks)));
                open = Some(blocks);
                blocks += 1;
            }
            "content_block_delta" => assert_eq!(json!(open), data["index"]),
            "content_block_stop" => assert_eq!(json!(open.take()), data["index"]),
            "message_delta" => assert_eq!(open, None),
            "message_stop" => assert_eq!(seen[at - 1].0, "message_delta"),
            _ => assert_eq!(name, "error"),
        }
        let is_end = matches!(name.as_str(), "message_stop" | "error");
        assert!(!is_end || at + 1 == seen.len());
        assert!(at == 0 || seen[0].0 == "message_start");
        ends.extend((name == "message_delta").then(|| data.clone()));
    }
    let last = seen.last().map(|(name, _)| name.as_str());
    assert!(!complete || matches!(last, Some("message_stop" | "error")));
    Some((seen.first()?.1.clone(), ends.pop()?))
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = [
        "type",
        "text",
        "content",
        "messages",
        "role",
        "user",
        "tool_use",
        "tool_result",
        "input",
        "source",
        "model",
        "max_tokens",
        "thinking",
        "delta",
        "index",
        "usage",
        "error",
        "message",
    ];
    let word = prop::sample::select(words.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let member = (word.clone(), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::Array),
            vec(member, 0..5).prop_map(|members| {
                let members = members.into_iter().map(|(k, v)| (k.to_owned(), v));
                Value::Object(members.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// Reads the bytes as everything that they might be; what is written from it is JSON.
fn read_everything(body: &[u8]) {
    let is_json = |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok();
    if let Ok(request) = read_request(body) {
        assert_eq!(count_tokens_request(body).as_ref(), Ok(&request));
    }
    if let Ok(request) = count_tokens_request(body) {
        assert!(is_json(&write_request(&request, &TARGET).body));
        assert!(estimate_tokens(&request) > 0);
    }
    if let Ok(answer) = read_answer(body) {
        assert!(is_json(&write_answer(&answer, &AnswerContext::default())));
    }
    assert!(is_json(&error_body(&read_error(400, body))));
    assert!(read_usage(body).is_none_or(|usage| usage.cached_tokens <= usage.input_tokens));
    assert!(matches!(read(body, &[]).last(), Some(end) if end.starts_with("E")));
    assert!(metered(body, &[]).1 <= 1);
}

proptest! {
    #[test]
    fn a_request_survives_the_round_trip_but_for_its_losses(request in request()) {
        let written = write_request(&request, &TARGET);
        let mut expected = request;
        let marked = written.losses.iter().any(|loss| loss.field.name() == "cache_control");
        let mut read = read_request(&written.body).unwrap();
        if marked {
            prop_assert_eq!(String::from_utf8_lossy(&written.body).matches("ephemeral").count(), 4);
            unmark(&mut expected.turns);
            unmark(&mut read.turns);
        }
        prop_assert_eq!(written.losses.len(), usize::from(marked), "{:?}", written.losses);
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn an_answer_survives_the_round_trip(
        parts in vec(assistant_part(), 0..4),
        usage in usage(),
        id in "msg_[a-z]{1,5}",
    ) {
        let mut parts = parts;
        unmark_parts(&mut parts);
        let answer = ChatAnswer {
            id: Some(id),
            model: Some("m".to_owned()),
            choices: vec![Choice { parts, finish: Finish::Length, logprobs: None }],
            usage: Some(usage),
            ..ChatAnswer::default()
        };
        let body = write_answer(&answer, &AnswerContext::default());
        prop_assert_eq!(read_answer(&body), Ok(answer));
    }

    #[test]
    fn a_written_stream_is_well_formed_and_keeps_its_usage(events in vec(event(), 0..30)) {
        let ended = events.iter().any(|event| matches!(event, Event::End | Event::Error(_)));
        let stream = write(&events);
        let Some((start, end)) = check_form(&stream, ended) else {
            return Ok(());
        };
        prop_assert_eq!(&start["type"], "message_start");
        let mut last = Usage::default();
        for event in events.iter().take_while(|event| **event != Event::End) {
            if let Event::Usage(usage) = event {
                last = *usage;
            }
        }
        let told = read_usage(end["usage"].to_string().as_bytes());
        prop_assert_eq!(told, Some(last));
        prop_assert_eq!(metered(&stream, &[]).0, told);
    }

    #[test]
    fn chunks_do_not_matter(
        events in vec(event(), 0..20),
        cuts in vec(any::<usize>(), 0..30),
    ) {
        let stream = write(&events);
        prop_assert_eq!(read(&stream, &cuts), read(&stream, &[]));
        prop_assert_eq!(metered(&stream, &cuts), metered(&stream, &[]));
    }

    #[test]
    fn any_bytes_are_read(bytes in vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
        let framed = [b"event: content_block_delta\ndata: ", bytes.as_slice(), b"\n\n"].concat();
        read_everything(&framed);
    }

    #[test]
    fn any_json_is_read(value in any_json(), kind in "message_start|content_block_start|content_block_delta|message_delta|error") {
        let mut value = value;
        read_everything(value.to_string().as_bytes());
        if let Value::Object(members) = &mut value {
            members.insert("type".to_owned(), Value::from(kind));
        }
        read_everything(format!("data: {value}\n\n").as_bytes());
        let request = json!({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[value]}]});
        read_everything(request.to_string().as_bytes());
    }
}

fn unmark(turns: &mut [Turn]) {
    for turn in turns {
        unmark_parts(&mut turn.parts);
    }
}

fn unmark_parts(parts: &mut [Part]) {
    for part in parts {
        if let Part::ToolResult { parts, .. } = part {
            unmark_parts(parts);
        }
        if let Part::Text { cache, .. } | Part::Image { cache, .. } | Part::File { cache, .. } =
            part
        {
            *cache = None;
        }
    }
}
