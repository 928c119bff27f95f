//! What must hold of Chat Completions for any request, answer and bytes.

use std::rc::Rc;

use ark_dialect::chat::{
    AnswerContext, CacheMark, ChatAnswer, ChatRequest, Choice, Effort, Event, Finish, Format,
    Maker, Part, Reasoning, Role, Signature, Source, TargetFacts, Tool, ToolChoice, Turn,
};
use ark_dialect::completions;
use ark_dialect::loss::Field;
use ark_dialect::openai_chat::{
    StreamReader, StreamWriter, read_answer, read_error, read_request, write_answer, write_request,
};
use ark_dialect::provider_error::{ErrorClass, ProviderError};
use ark_dialect::usage::Usage;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Number, Value, json};

use crate::cassette::recorded;
use crate::cut::cut;

fn words() -> impl Strategy<Value = String> {
    "[a-zé\"\\\\\n ]{1,8}"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_]{1,6}"
}

fn cache() -> impl Strategy<Value = Option<CacheMark>> {
    prop_oneof![3 => Just(None), 1 => of(name()).prop_map(|ttl| Some(CacheMark { ttl }))]
}

fn text() -> impl Strategy<Value = Part> {
    (words(), cache()).prop_map(|(text, cache)| Part::Text { text, cache })
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        name().prop_map(|path| Source::Url(format!("https://{path}"))),
        (name(), "[A-Za-z0-9+/]{4}").prop_map(|(kind, data)| Source::Base64 {
            media_type: format!("image/{kind}"),
            data,
        }),
        name().prop_map(|id| Source::FileId(format!("file-{id}"))),
    ]
}

fn said_by_user() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => text(),
        1 => (source(), of(name()), cache()).prop_map(|(source, detail, cache)| Part::Image { source, detail, cache }),
        1 => (source(), name(), cache()).prop_map(|(source, name, cache)| Part::File { source, name: Some(name), cache }),
        1 => (name(), name()).prop_map(|(data, format)| Part::Audio { data, format }),
        1 => name().prop_map(|kind| Part::Foreign { kind, value: Value::Null }),
    ]
}

fn signature() -> impl Strategy<Value = Signature> {
    let makers = [
        Maker::Anthropic,
        Maker::Google,
        Maker::Openai,
        Maker::Bedrock,
    ];
    (select(makers.to_vec()), name()).prop_map(|(maker, data)| Signature { maker, data })
}

fn call() -> impl Strategy<Value = Part> {
    let signature = of(signature());
    let arguments = select(&["", "{}", "{\"x\":\"\\n\"}"][..]);
    (name(), name(), arguments, signature, cache()).prop_map(
        |(id, name, arguments, signature, cache)| Part::ToolCall {
            id,
            name,
            arguments: arguments.to_owned(),
            cache,
            signature,
        },
    )
}

fn said_by_model() -> impl Strategy<Value = Vec<Part>> {
    let thought = (words(), of(signature()))
        .prop_map(|(text, signature)| Part::Reasoning { text, signature });
    let redacted = signature().prop_map(|signature| Part::RedactedReasoning { signature });
    let refusal = words().prop_map(|text| Part::Refusal { text });
    (
        vec(prop_oneof![thought, redacted], 0..3),
        vec(text(), 0..3),
        vec(refusal, 0..2),
        vec(call(), 0..3),
    )
        .prop_map(|(a, b, c, d)| [a, b, c, d].concat())
}

fn result() -> impl Strategy<Value = Part> {
    (name(), vec(text(), 0..3), cache()).prop_map(|(id, parts, cache)| Part::ToolResult {
        id,
        parts,
        is_error: false,
        cache,
    })
}

fn turn() -> impl Strategy<Value = Turn> {
    let instructions = select(&[Role::System, Role::Developer][..]);
    let with = |role, parts: Vec<Part>, name| Turn { role, parts, name };
    prop_oneof![
        (instructions, vec(text(), 0..3), of(name())).prop_map(move |(r, p, n)| with(r, p, n)),
        (vec(said_by_user(), 0..4), of(name())).prop_map(move |(p, n)| with(Role::User, p, n)),
        (said_by_model(), of(name())).prop_map(move |(p, n)| with(Role::Assistant, p, n)),
        vec(result(), 1..3).prop_map(move |p| with(Role::User, p, None)),
    ]
}

fn has_results(turn: &Turn) -> bool {
    matches!(turn.parts.first(), Some(Part::ToolResult { .. }))
}

/// Conversations in which no two turns would be one.
fn turns() -> impl Strategy<Value = Vec<Turn>> {
    vec(turn(), 1..5).prop_map(|mut turns| {
        turns.dedup_by(|b, a| has_results(a) && has_results(b));
        turns
    })
}

fn number() -> impl Strategy<Value = Option<Number>> {
    of((-100_i32..100).prop_map(|n| Number::from_f64(f64::from(n) / 8.0).unwrap()))
}

/// A schema that may be strict.
fn closed() -> Value {
    json!({"type": "object", "properties": {}, "additionalProperties": false})
}

fn tools() -> impl Strategy<Value = (Vec<Tool>, Option<ToolChoice>, Option<bool>)> {
    let tool = (
        name(),
        of(words()),
        of(Just(closed())),
        any::<Option<bool>>(),
        cache(),
    )
        .prop_map(|(name, description, parameters, strict, cache)| Tool {
            name,
            description,
            parameters,
            strict,
            cache,
        });
    let choice = prop_oneof![
        Just(ToolChoice::None),
        Just(ToolChoice::Auto),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Tool),
        (vec(name(), 0..3), any::<bool>())
            .prop_map(|(names, required)| ToolChoice::Allowed { names, required }),
    ];
    (vec(tool, 0..3), of(choice), any::<Option<bool>>())
}

fn format() -> impl Strategy<Value = Format> {
    let schema =
        (name(), of(words()), any::<Option<bool>>()).prop_map(|(name, description, strict)| {
            Format::JsonSchema {
                name,
                description,
                schema: closed(),
                strict,
            }
        });
    prop_oneof![Just(Format::Text), Just(Format::JsonObject), schema]
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let efforts = [
        Effort::None,
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::XHigh,
    ];
    (
        of(select(efforts.to_vec())),
        of(0_u64..40_000),
        any::<bool>(),
        any::<Option<bool>>(),
    )
        .prop_map(|(effort, budget_tokens, adaptive, summary)| Reasoning {
            effort,
            budget_tokens,
            adaptive,
            summary,
        })
}

fn sampling() -> impl Strategy<Value = ChatRequest> {
    let counts = (of(0_u64..9), of(1_u64..9), of(1_u64..9), of(0_u64..9));
    let numbers = (number(), number(), number(), number(), number());
    (
        counts,
        numbers,
        vec(words(), 0..6),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |((max_tokens, top_k, n, top_logprobs), (a, b, c, d, e), stop, logprobs, stream)| {
                ChatRequest {
                    max_tokens,
                    top_k,
                    n,
                    top_logprobs,
                    temperature: a,
                    top_p: b,
                    seed: c,
                    frequency_penalty: d,
                    presence_penalty: e,
                    stop,
                    logprobs,
                    stream,
                    ..ChatRequest::default()
                }
            },
        )
}

fn request() -> impl Strategy<Value = ChatRequest> {
    let map = || of(name().prop_map(|key| Map::from_iter([(key, json!(7))])));
    let tiers = select(&["auto", "flex", "standard_only", "batch"][..]);
    let user = prop_oneof![name(), "u{65}"];
    (
        turns(),
        tools(),
        format(),
        of(reasoning()),
        sampling(),
        (map(), map(), of(name()), of(name()), of(user), of(tiers)),
        vec(name(), 0..2),
    )
        .prop_map(
            |(turns, tools, format, reasoning, sampling, hints, unknown)| {
                let (logit_bias, metadata, verbosity, prompt_cache_key, user, tier) = hints;
                let (tools, tool_choice, parallel_tool_calls) = tools;
                ChatRequest {
                    turns,
                    tools,
                    tool_choice,
                    parallel_tool_calls,
                    format,
                    reasoning,
                    logit_bias,
                    metadata,
                    verbosity,
                    prompt_cache_key,
                    user,
                    service_tier: tier.map(str::to_owned),
                    unknown,
                    ..sampling
                }
            },
        )
}

/// What is left of the request when what is said to be lost is, and nothing else.
fn without(mut request: ChatRequest, lost: &[Field]) -> ChatRequest {
    let lost = |field| lost.contains(&field);
    let clear = |field, on: &mut dyn FnMut()| {
        if lost(field) {
            on();
        }
    };
    clear(Field::TopK, &mut || request.top_k = None);
    clear(Field::Metadata, &mut || request.metadata = None);
    clear(Field::User, &mut || request.user = None);
    clear(Field::ServiceTier, &mut || request.service_tier = None);
    clear(Field::Stop, &mut || request.stop.truncate(4));
    clear(Field::ToolChoice, &mut || request.tool_choice = None);
    clear(Field::Reasoning, &mut || {
        request.reasoning.iter_mut().for_each(|r| r.summary = None);
    });
    request
        .unknown
        .retain(|name| !lost(Field::Unknown(name.clone())));
    for tool in &mut request.tools {
        clear(Field::CacheControl, &mut || tool.cache = None);
    }
    for turn in &mut request.turns {
        turn.parts.retain(|part| match part {
            Part::Image {
                source: Source::FileId(_),
                ..
            } => !lost(Field::Images),
            Part::File {
                source: Source::Url(_),
                ..
            } => !lost(Field::Files),
            Part::Foreign { .. } => !lost(Field::Messages),
            Part::Reasoning { .. } | Part::RedactedReasoning { .. } => {
                !lost(Field::ReasoningHistory)
            }
            Part::Text { .. }
            | Part::Image { .. }
            | Part::File { .. }
            | Part::Audio { .. }
            | Part::ToolCall { .. }
            | Part::ToolResult { .. }
            | Part::Refusal { .. } => true,
        });
        for part in &mut turn.parts {
            if let Part::ToolCall { signature, .. } = part {
                clear(Field::ReasoningHistory, &mut || *signature = None);
            }
            clear(Field::CacheControl, &mut || unmark(part));
        }
    }
    request
}

fn unmark(part: &mut Part) {
    match part {
        Part::Text { cache, .. }
        | Part::Image { cache, .. }
        | Part::File { cache, .. }
        | Part::ToolCall { cache, .. } => *cache = None,
        Part::ToolResult { cache, parts, .. } => {
            *cache = None;
            parts.iter_mut().for_each(unmark);
        }
        Part::Audio { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => {}
    }
}

/// What the same request is in OpenAI's words, where those are others.
fn in_other_words(mut request: ChatRequest) -> ChatRequest {
    request.model = "gpt".to_owned();
    request.include_usage = request.stream;
    if request.tools.is_empty() {
        request.parallel_tool_calls = None;
        request.tool_choice = None;
    }
    request.top_logprobs = request.top_logprobs.filter(|_| request.logprobs);
    request.reasoning = request.reasoning.and_then(|r| {
        let effort = r.effort.or(r.budget_tokens.map(Effort::of_budget))?;
        Some(Reasoning {
            effort: Some(effort),
            ..Reasoning::default()
        })
    });
    if request.service_tier.as_deref() == Some("standard_only") {
        request.service_tier = Some("default".to_owned());
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Part::ToolCall { arguments, .. } = part
            && arguments.is_empty()
        {
            *arguments = "{}".to_owned();
        }
    }
    request
}

fn answer() -> impl Strategy<Value = ChatAnswer> {
    let finish = select(vec![Finish::Length, Finish::ContentFilter]);
    let choice = (said_by_model(), finish).prop_map(|(mut parts, finish)| {
        // Marks and the makers of other signatures have no place in an answer.
        parts.iter_mut().for_each(unmark);
        for part in &mut parts {
            if let Part::ToolCall {
                signature,
                arguments,
                ..
            } = part
            {
                *signature = signature.take().filter(|s| s.maker == Maker::Google);
                *arguments = "{\"x\":1}".to_owned();
            }
        }
        let texts = parts
            .iter()
            .filter(|p| matches!(p, Part::Text { .. }))
            .count();
        if texts > 1 {
            let mut seen = false;
            parts
                .retain(|p| !matches!(p, Part::Text { .. }) || !std::mem::replace(&mut seen, true));
        }
        Choice {
            parts,
            finish,
            logprobs: None,
        }
    });
    (vec(choice, 1..3), of(usage())).prop_map(|(choices, usage)| ChatAnswer {
        id: Some("chatcmpl-1".to_owned()),
        model: Some("gpt".to_owned()),
        created: Some(7),
        choices,
        usage,
        service_tier: None,
        ..ChatAnswer::default()
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    (
        0_u64..99,
        0_u64..99,
        0_u64..99,
        0_u64..99,
        0_u64..99,
        0_u64..99,
        0_u64..99,
    )
        .prop_map(|(a, b, c, d, e, f, g)| Usage {
            input_tokens: a,
            output_tokens: b,
            cached_tokens: c,
            cache_creation_tokens: d,
            reasoning_tokens: e,
            input_audio_tokens: f,
            output_audio_tokens: g,
        })
}

/// An event of a stream, well-formed or nearly.
fn event() -> impl Strategy<Value = String> {
    let piece = select(vec![
        r#"{"content":"a"}"#,
        r#"{"content":"\u00e9\n"}"#,
        r#"{"content":null,"reasoning":"r"}"#,
        r#"{"content":[{"text":"x"},{"thinking":"y"}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#,
        r#"{"tool_calls":[{"id":"b","function":{"name":"g"}}]}"#,
        r#"{"tool_calls":[{"index":3,"id":"c"}]}"#,
        r#"{"function_call":{"name":"f","arguments":{}}}"#,
        r#"{"reasoning_details":[{"signature":"s","format":"google-gemini-v1"},{"data":"d","format":"bedrock-v1"}]}"#,
        "{}",
        "7",
        "null",
    ]);
    let chunk = (piece, 0..3, of(select(vec!["stop", "length", "", "odd", "error"]))).prop_map(|(delta, index, finish)| {
        let finish = finish.map_or("null".to_owned(), |word| format!("\"{word}\""));
        format!("data: {{\"id\":\"i\",\"choices\":[{{\"index\":{index},\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n")
    });
    let other = select(vec![
        ": ping\n\n",
        "data: [DONE]\n\n",
        "data:\n\n",
        "data: {\"id\":\"i\",\r\ndata: \"choices\":[]}\r\n\r\n",
        "data: {\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
        "data: {\"error\":{\"message\":\"x\"}}\n\n",
        "event: error\ndata: {}\n\n",
        "data: {\"choices\":[{\"index\":99999999999}]}\n\n",
    ]);
    prop_oneof![6 => chunk, 1 => other.prop_map(str::to_owned)]
}

/// The events of a stream, each as text.
fn told(pieces: &[&[u8]]) -> Vec<String> {
    let mut told = Vec::new();
    let mut reader = StreamReader::new();
    for piece in pieces {
        reader.push(piece, &mut |event| told.push(format!("{event:?}")));
    }
    reader.finish(&mut |event| told.push(format!("{event:?}")));
    told
}

fn context(request: ChatRequest) -> AnswerContext {
    AnswerContext {
        model: "gpt".to_owned(),
        id: "1".to_owned(),
        created: 7,
        request: Rc::new(request),
        encoding: Default::default(),
        account: String::new(),
    }
}

/// What the writers make of a stream: never anything that is no event.
fn rewritten(stream: &[u8]) {
    let (mut chat, mut legacy) = (Vec::new(), Vec::new());
    let mut chat_writer = StreamWriter::new(context(ChatRequest::default()));
    let mut legacy_writer = completions::StreamWriter::new(context(ChatRequest::default()));
    let mut sink = |event: Event<'_>| {
        chat_writer.write(&event, &mut chat);
        legacy_writer.write(&event, &mut legacy);
    };
    let mut reader = StreamReader::new();
    reader.push(stream, &mut sink);
    reader.finish(&mut sink);
    for out in [chat, legacy] {
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with("\n\n"));
        for event in out.split_terminator("\n\n") {
            let data = event.strip_prefix("data: ").unwrap();
            assert!(
                data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok(),
                "{data}"
            );
        }
    }
}

const NAMES: &str = "model messages role content type text image_url url file file_data tool_calls \
    tool_call_id id function name arguments tools tool_choice allowed_tools mode response_format \
    json_schema stop reasoning reasoning_details reasoning_content thinking span start end signature \
    format stream_options prompt choices message error usage cache_control logprobs functions \
    function_call extra_content base_resp";

/// Any JSON, with members that have a meaning.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        select(vec![
            "",
            "user",
            "assistant",
            "tool",
            "function",
            "text",
            "image_url",
            "file",
            "data:x;base64,é",
            "é"
        ])
        .prop_map(Value::from),
    ];
    let names = select(NAMES.split(' ').collect::<Vec<_>>());
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((names.clone(), inner), 0..8).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(k, v)| (k.to_owned(), v))
                        .collect(),
                )
            }),
        ]
    })
}

/// Bytes read as everything that they could be.
fn read_all(bytes: &[u8]) {
    for request in [read_request(bytes), completions::read_request(bytes)]
        .into_iter()
        .flatten()
    {
        let written = write_request(&request, &TargetFacts::default());
        assert!(serde_json::from_slice::<Value>(&written.body).is_ok());
    }
    if let Ok(answer) = read_answer(bytes) {
        for written in [
            write_answer(&answer, &AnswerContext::default()),
            completions::write_answer(&answer, &AnswerContext::default()),
        ] {
            assert!(serde_json::from_slice::<Value>(&written).is_ok());
        }
    }
    assert!(!read_error(400, bytes).message.is_empty());
    rewritten(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_keeps_what_is_not_lost(request in request()) {
        let target = TargetFacts { model: "gpt", default_max_tokens: 9, account: "" };
        let written = write_request(&request, &target);
        let losses: Vec<Field> = written.losses.into_iter().map(|loss| loss.field).collect();
        let again = read_request(&written.body).unwrap();
        prop_assert_eq!(again, in_other_words(without(request, &losses)));
    }

    #[test]
    fn an_answer_comes_back_as_it_was(answer in answer()) {
        let mut answer = answer;
        let written = write_answer(&answer, &context(ChatRequest::default()));
        // Unsigned reasoning without a signed one beside it is one text.
        for choice in &mut answer.choices {
            join_unsigned(&mut choice.parts);
        }
        prop_assert_eq!(read_answer(&written).unwrap(), answer);
    }

    #[test]
    fn a_streamed_answer_comes_back_as_it_was(answer in answer()) {
        let (mut out, mut before) = (Vec::new(), Vec::new());
        let mut writer = StreamWriter::new(context(ChatRequest::default()));
        events(&answer, &mut |event| {
            before.push(format!("{event:?}"));
            writer.write(&event, &mut out);
        });
        prop_assert_eq!(told(&[&out]), before);
    }

    #[test]
    fn a_client_that_sends_the_stream_back_says_what_was_said(answer in answer()) {
        let mut answer = answer;
        let mut out = Vec::new();
        let mut writer = StreamWriter::new(context(ChatRequest::default()));
        events(&answer, &mut |event| writer.write(&event, &mut out));
        for (index, choice) in answer.choices.iter_mut().enumerate() {
            let body = json!({"model": "m", "messages": [accumulated(&out, index)]});
            let mut request = read_request(body.to_string().as_bytes()).unwrap();
            let parts = std::mem::take(&mut request.turns[0].parts);
            prop_assert_eq!(reasoning_of(&parts, false), reasoning_of(&choice.parts, true));
            join_unsigned(&mut choice.parts);
            let rest = |parts: &[Part]| parts.iter().filter(|p| !is_reasoning(p)).cloned().collect::<Vec<_>>();
            prop_assert_eq!(rest(&parts), rest(&choice.parts));
        }
    }

    #[test]
    fn usage_is_conserved(usage in usage()) {
        let mut out = Vec::new();
        let request = ChatRequest { include_usage: true, ..ChatRequest::default() };
        let mut writer = StreamWriter::new(context(request));
        writer.write(&Event::Usage(usage), &mut out);
        writer.write(&Event::End, &mut out);
        let mut read = None;
        StreamReader::new().push(&out, &mut |event| {
            if let Event::Usage(usage) = event {
                read = Some(usage);
            }
        });
        prop_assert_eq!(read, Some(usage));
    }

    #[test]
    fn a_stream_does_not_depend_on_its_cut(events in vec(event(), 0..12), seed: u64) {
        let stream = events.concat();
        prop_assert_eq!(told(&cut(stream.as_bytes(), seed)), told(&[stream.as_bytes()]));
        rewritten(stream.as_bytes());
    }

    #[test]
    fn a_stream_ends_exactly_once(events in vec(event(), 0..12)) {
        let told = told(&[events.concat().as_bytes()]);
        let end = |line: &&String| *line == "End" || line.starts_with("Error");
        prop_assert_eq!(told.iter().filter(end).count(), 1);
        prop_assert!(told.last().is_some_and(|last| end(&last)));
    }

    #[test]
    fn no_bytes_and_no_json_panic(json in any_json(), bytes in vec(any::<u8>(), 0..80), events in vec(event(), 0..4), hit: prop::sample::Index, byte: u8) {
        read_all(json.to_string().as_bytes());
        read_all(&bytes);
        let mut stream = events.concat().into_bytes();
        if !stream.is_empty() {
            let at = hit.index(stream.len());
            stream[at] = byte;
        }
        read_all(&stream);
    }
}

/// The events of a stream that says this answer.
fn events(answer: &ChatAnswer, sink: &mut dyn FnMut(Event<'_>)) {
    sink(Event::Start {
        id: answer.id.as_deref().map(Into::into),
        model: answer.model.as_deref().map(Into::into),
        created: answer.created,
    });
    for (at, choice) in answer.choices.iter().enumerate() {
        let mut calls = 0;
        let at = u32::try_from(at).unwrap();
        for part in &choice.parts {
            part_events(at, part, &mut calls, sink);
        }
        let finish = choice.finish.clone();
        sink(Event::Finish { choice: at, finish });
    }
    sink(Event::End);
}

fn part_events(choice: u32, part: &Part, calls: &mut u32, sink: &mut dyn FnMut(Event<'_>)) {
    match part {
        Part::Text { text, .. } => sink(Event::Text {
            choice,
            text: text.into(),
        }),
        Part::Refusal { text } => sink(Event::Refusal {
            choice,
            text: text.into(),
        }),
        Part::Reasoning { text, signature } => {
            sink(Event::Reasoning {
                choice,
                text: text.into(),
            });
            if let Some(signature) = signature.clone() {
                sink(Event::ReasoningSignature { choice, signature });
            }
        }
        Part::RedactedReasoning { signature } => sink(Event::RedactedReasoning {
            choice,
            signature: signature.clone(),
        }),
        Part::ToolCall {
            id,
            name,
            arguments,
            signature,
            ..
        } => {
            let call = *calls;
            *calls += 1;
            sink(Event::ToolCall {
                choice,
                call,
                id: id.into(),
                name: name.into(),
                signature: signature.clone(),
            });
            sink(Event::ToolArguments {
                choice,
                call,
                json: arguments.into(),
            });
        }
        Part::Image { .. }
        | Part::File { .. }
        | Part::Audio { .. }
        | Part::ToolResult { .. }
        | Part::Foreign { .. } => {}
    }
}

/// The message that a client puts together from the deltas of a choice, as OpenAI's SDKs do: texts
/// appended, lists joined, tool calls by their index.
fn accumulated(stream: &[u8], choice: usize) -> Value {
    let mut message = json!({"role": "assistant"});
    let stream = std::str::from_utf8(stream).unwrap();
    for event in stream.split_terminator("\n\n") {
        let data = event.strip_prefix("data: ").unwrap();
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            continue;
        };
        let piece = &chunk["choices"][0];
        if piece["index"] != choice {
            continue;
        }
        let delta = piece["delta"].as_object().unwrap();
        for name in ["content", "refusal", "reasoning_content"] {
            let so_far = message[name].as_str().unwrap_or_default().to_owned();
            if let Some(text) = delta.get(name).and_then(Value::as_str) {
                message[name] = json!(so_far + text);
            }
        }
        let list = |name| {
            delta
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        for detail in list("reasoning_details") {
            push(&mut message["reasoning_details"], detail.clone());
        }
        for call in list("tool_calls") {
            let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            match message["tool_calls"].get_mut(at) {
                Some(known) => {
                    let so_far = known["function"]["arguments"].as_str().unwrap().to_owned();
                    let more = call["function"]["arguments"].as_str().unwrap();
                    known["function"]["arguments"] = json!(so_far + more);
                }
                None => push(&mut message["tool_calls"], call.clone()),
            }
        }
    }
    message
}

fn push(list: &mut Value, element: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(element);
}

fn is_reasoning(part: &Part) -> bool {
    matches!(
        part,
        Part::Reasoning { .. } | Part::RedactedReasoning { .. }
    )
}

/// All that was thought, and each proof with the text that it proves: that of its part, and, when
/// `joined`, of those without a proof before it.
fn reasoning_of(parts: &[Part], joined: bool) -> (String, Vec<(String, Signature)>) {
    let (mut thought, mut open) = (String::new(), String::new());
    let mut proofs = Vec::new();
    for part in parts {
        if let Part::Reasoning { text, signature } = part {
            thought += text;
            open = if joined { open + text } else { text.clone() };
            if let Some(signature) = signature.clone() {
                proofs.push((std::mem::take(&mut open), signature));
            }
        } else if let Part::RedactedReasoning { signature } = part {
            open.clear();
            proofs.push((String::new(), signature.clone()));
        }
    }
    (thought, proofs)
}

/// Without a signature in the answer its reasoning is one text.
fn join_unsigned(parts: &mut Vec<Part>) {
    let signed = |part: &Part| {
        matches!(
            part,
            Part::RedactedReasoning { .. }
                | Part::Reasoning {
                    signature: Some(_),
                    ..
                }
        )
    };
    if parts.iter().any(signed) {
        return;
    }
    let mut joined = String::new();
    parts.retain(|part| {
        if let Part::Reasoning { text, .. } = part {
            joined.push_str(text);
        }
        !matches!(part, Part::Reasoning { .. })
    });
    if !joined.is_empty() {
        parts.insert(
            0,
            Part::Reasoning {
                text: joined,
                signature: None,
            },
        );
    }
}

#[test]
fn a_truncated_stream_says_so() {
    let expected = format!("{:?}", Event::Error(ProviderError::truncated()));
    assert_eq!(told(&[b""]), [expected]);
}

#[test]
fn recorded_requests_and_answers_are_understood() {
    for name in [
        "chat-basic",
        "chat-detailed-usage",
        "chat-json-mode",
        "chat-multimodal",
        "chat-tools",
    ] {
        let Some([asked, answered]) = recorded(name) else {
            continue;
        };
        let request = read_request(asked.as_bytes()).unwrap();
        assert!(request.unknown.is_empty(), "{name}: {:?}", request.unknown);
        let target = TargetFacts {
            model: &request.model,
            ..TargetFacts::default()
        };
        let written = write_request(&request, &target);
        assert!(written.losses.is_empty(), "{name}: {:?}", written.losses);
        let mut again = read_request(&written.body).unwrap();
        if again.temperature.is_none() && request.temperature == Some(1.into()) {
            // A reasoning model takes none but the default, which is left out.
            again.temperature = Some(1.into());
        }
        assert_eq!(again, request, "{name}");
        let answer = read_answer(answered.as_bytes()).unwrap();
        let mut truth: Value = serde_json::from_str(&answered).unwrap();
        let mut written: Value =
            serde_json::from_slice(&write_answer(&answer, &AnswerContext::default())).unwrap();
        for choice in truth["choices"].as_array_mut().unwrap() {
            // What is written of a choice without them.
            choice
                .as_object_mut()
                .unwrap()
                .entry("logprobs")
                .or_insert(Value::Null);
            choice["message"]
                .as_object_mut()
                .unwrap()
                .remove("annotations");
        }
        for value in [&mut truth, &mut written] {
            value.as_object_mut().unwrap().remove("system_fingerprint");
            let details = &mut value["usage"]["completion_tokens_details"];
            details
                .as_object_mut()
                .unwrap()
                .retain(|name, _| !name.ends_with("prediction_tokens"));
        }
        assert_eq!(written, truth, "{name}");
    }
}

#[test]
fn recorded_streams_are_understood() {
    for name in ["chat-streaming"] {
        let Some([_, answered]) = recorded(name) else {
            continue;
        };
        let told = told(&[answered.as_bytes()]);
        let pieces = told.iter().filter(|line| line.starts_with("Text")).count();
        assert_eq!(
            pieces,
            answered.matches("\"delta\":{\"content\":\"").count(),
            "{name}"
        );
        assert_eq!(told.last().map(String::as_str), Some("End"));
    }
}

#[test]
fn recorded_refusals_are_understood() {
    for (name, class) in [
        ("chat-bad-request", ErrorClass::InvalidRequest),
        ("chat-unknown-model", ErrorClass::NotFound),
    ] {
        let Some([_, answered]) = recorded(name) else {
            continue;
        };
        assert_eq!(read_error(400, answered.as_bytes()).class, class, "{name}");
    }
}
