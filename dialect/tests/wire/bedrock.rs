//! Properties of Bedrock's reader and writer, on generated streams, answers and requests.

use crate::event_stream::frames::{encode, texts};
use crate::event_stream::properties;
use ark_dialect::bedrock::{
    ANSWER_TOOL, StreamReader, read_answer, read_answer_of, read_error, read_error_typed,
    write_request,
};
use ark_dialect::chat::{
    CacheMark, ChatAnswer, ChatRequest, Choice, Effort, Event, Finish, Format, Maker, Part,
    Reasoning, Role, Signature, Source, TargetFacts, Tool, ToolChoice, Turn,
};
use ark_dialect::usage::Usage;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Any JSON, with members that the readers know.
fn any_json() -> impl Strategy<Value = Value> {
    let names = select(
        &[
            "output",
            "message",
            "content",
            "text",
            "toolUse",
            "toolUseId",
            "name",
            "input",
            "reasoningContent",
            "reasoningText",
            "signature",
            "redactedContent",
            "stopReason",
            "usage",
            "inputTokens",
            "contentBlockIndex",
            "delta",
            "start",
            "__type",
            "Message",
            "originalStatusCode",
            "Output",
            "additionalModelResponseFields",
            "image",
            "source",
        ][..],
    );
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let member = (names.clone().prop_map(str::to_owned), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            vec(member, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn event(kind: &str, payload: &Value) -> Vec<u8> {
    let headers = [
        (":event-type", kind),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    encode(&texts(&headers), &serde_json::to_vec(payload).unwrap())
}

const KINDS: &[&str] = &[
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
];

/// A content block of an answer, which is the same whole and streamed.
#[derive(Clone, Debug)]
enum Block {
    Text(Vec<String>),
    Reasoning(Vec<String>, String),
    Redacted(String),
    Call(String, Vec<(String, String)>),
}

fn block() -> impl Strategy<Value = Block> {
    let pieces = || vec("[a-z\"\\\\é\n]{1,5}", 1..4);
    let input = vec(("[a-z]{1,4}", "\\PC{0,6}"), 0..3);
    let name = prop_oneof![Just(ANSWER_TOOL.to_owned()), "[a-z]{1,5}"];
    prop_oneof![
        pieces().prop_map(Block::Text),
        (pieces(), "[a-zA-Z0-9]{1,8}").prop_map(|(text, sign)| Block::Reasoning(text, sign)),
        "[a-zA-Z0-9]{1,8}".prop_map(Block::Redacted),
        (name, input).prop_map(|(name, input)| Block::Call(name, input)),
    ]
}

impl Block {
    fn whole(&self, at: usize) -> Value {
        match self {
            Self::Text(pieces) => json!({"text": pieces.concat()}),
            Self::Reasoning(pieces, signature) => json!({"reasoningContent": {
                "reasoningText": {"text": pieces.concat(), "signature": signature},
            }}),
            Self::Redacted(data) => json!({"reasoningContent": {"redactedContent": data}}),
            Self::Call(name, _) => json!({"toolUse": {
                "toolUseId": format!("t{at}"), "name": name, "input": self.input(),
            }}),
        }
    }

    fn input(&self) -> Value {
        match self {
            Self::Call(_, members) => members
                .iter()
                .map(|(name, value)| (name.clone(), Value::from(value.clone())))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Self::Text(_) | Self::Reasoning(..) | Self::Redacted(_) => Value::Null,
        }
    }

    fn streamed(&self, at: usize) -> Vec<u8> {
        let delta = |delta: Value| {
            let payload = json!({"contentBlockIndex": at, "delta": delta, "p": "abcdef"});
            event("contentBlockDelta", &payload)
        };
        let mut stream = Vec::new();
        match self {
            Self::Text(pieces) => {
                stream.extend(
                    pieces
                        .iter()
                        .flat_map(|piece| delta(json!({"text": piece}))),
                );
            }
            Self::Reasoning(pieces, signature) => {
                let pieces = pieces.iter().map(|piece| json!({"text": piece}));
                let (first, second) = signature.split_at(signature.len() / 2);
                let signature = [first, second].map(|piece| json!({"signature": piece}));
                let pieces = pieces.chain(signature);
                stream.extend(pieces.flat_map(|piece| delta(json!({"reasoningContent": piece}))));
            }
            Self::Redacted(data) => stream.extend(delta(
                json!({"reasoningContent": {"redactedContent": data}}),
            )),
            Self::Call(name, _) => {
                let tool = json!({"toolUseId": format!("t{at}"), "name": name});
                let start = json!({"contentBlockIndex": at, "start": {"toolUse": tool}});
                stream.extend(event("contentBlockStart", &start));
                let input = self.input().to_string();
                let (first, second) = input.split_at(1);
                for piece in ["", first, second] {
                    stream.extend(delta(json!({"toolUse": {"input": piece}})));
                }
            }
        }
        stream.extend(event("contentBlockStop", &json!({"contentBlockIndex": at})));
        stream
    }
}

/// Puts the events of a stream together to what a whole answer says.
fn gathered(stream: &[u8], model: &str) -> ChatAnswer {
    let mut parts: Vec<Part> = Vec::new();
    let mut misplaced = Vec::new();
    let (mut finish, mut usage) = (Finish::Stop, None);
    let mut reader = StreamReader::of_model(model);
    let mut sink = |event: Event<'_>| match (event, parts.last_mut()) {
        (Event::Text { text, .. }, Some(Part::Text { text: last, .. })) => last.push_str(&text),
        (Event::Text { text, .. }, _) => parts.push(Part::text(text)),
        (
            Event::Reasoning { text, .. },
            Some(Part::Reasoning {
                text: last,
                signature: None,
            }),
        ) => last.push_str(&text),
        (Event::Reasoning { text, .. }, _) => parts.push(Part::Reasoning {
            text: text.into_owned(),
            signature: None,
        }),
        (
            Event::ReasoningSignature { signature, .. },
            Some(Part::Reasoning {
                signature: last, ..
            }),
        ) => *last = Some(signature),
        (Event::RedactedReasoning { signature, .. }, _) => {
            parts.push(Part::RedactedReasoning { signature });
        }
        (Event::ToolCall { id, name, .. }, _) => parts.push(Part::ToolCall {
            id: id.into_owned(),
            name: name.into_owned(),
            arguments: String::new(),
            cache: None,
            signature: None,
        }),
        (Event::ToolArguments { json, .. }, Some(Part::ToolCall { arguments, .. })) => {
            arguments.push_str(&json);
        }
        (Event::Finish { finish: why, .. }, _) => finish = why,
        (Event::Usage(used), _) => usage = Some(used),
        (Event::Start { .. } | Event::End, _) => {}
        (event, last) => misplaced.push(format!("{event:?} after {last:?}")),
    };
    reader.push(stream, &mut sink);
    reader.finish(&mut sink);
    assert_eq!(misplaced, [""; 0]);
    let choice = Choice {
        parts,
        finish,
        logprobs: None,
    };
    ChatAnswer {
        choices: vec![choice],
        usage,
        ..ChatAnswer::default()
    }
}

/// Neighbouring texts made one, as a stream has them.
fn joined(mut answer: ChatAnswer) -> ChatAnswer {
    let parts = &mut answer.choices[0].parts;
    let mut joined: Vec<Part> = Vec::new();
    for part in parts.drain(..) {
        match (joined.last_mut(), part) {
            (Some(Part::Text { text: last, .. }), Part::Text { text, .. }) => last.push_str(&text),
            (_, part) => joined.push(part),
        }
    }
    *parts = joined;
    answer
}

fn part() -> impl Strategy<Value = Part> {
    let text = || "\\PC{0,8}";
    let cache = || prop::option::of(Just(CacheMark { ttl: None }));
    let source = || {
        prop_oneof![
            (text(), text()).prop_map(|(media_type, data)| Source::Base64 { media_type, data }),
            select(&["image/png", "application/pdf"][..]).prop_map(|kind| Source::Base64 {
                media_type: kind.to_owned(),
                data: "QUJD".to_owned(),
            }),
            text().prop_map(Source::Url),
            text().prop_map(Source::Text),
            text().prop_map(Source::FileId),
        ]
    };
    let signature = (
        select(&[Maker::Anthropic, Maker::Bedrock, Maker::Google][..]),
        text(),
    )
        .prop_map(|(maker, data)| Signature { maker, data });
    let leaf = prop_oneof![
        (text(), cache()).prop_map(|(text, cache)| Part::Text { text, cache }),
        (source(), cache()).prop_map(|(source, cache)| Part::Image {
            source,
            detail: None,
            cache,
        }),
        (source(), prop::option::of(text()), cache()).prop_map(|(source, name, cache)| {
            Part::File {
                source,
                name,
                cache,
            }
        }),
        (text(), text(), text(), cache()).prop_map(|(id, name, arguments, cache)| {
            Part::ToolCall {
                id,
                name,
                arguments,
                cache,
                signature: None,
            }
        }),
        (text(), prop::option::of(signature))
            .prop_map(|(text, signature)| Part::Reasoning { text, signature }),
        text().prop_map(|text| Part::Refusal { text }),
    ];
    leaf.prop_recursive(2, 8, 3, move |inner| {
        (text(), vec(inner, 0..3), any::<bool>(), cache()).prop_map(
            |(id, parts, is_error, cache)| Part::ToolResult {
                id,
                parts,
                is_error,
                cache,
            },
        )
    })
}

fn request() -> impl Strategy<Value = ChatRequest> {
    let role = select(&[Role::System, Role::User, Role::Assistant][..]);
    let turn = (role, vec(part(), 0..4)).prop_map(|(role, parts)| Turn {
        role,
        parts,
        name: None,
    });
    let tool = ("[a-z]{1,4}", prop::option::of(any_json())).prop_map(|(name, parameters)| Tool {
        name,
        parameters,
        ..Tool::default()
    });
    let choice = prop_oneof![
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        "[a-z]{1,4}".prop_map(ToolChoice::Tool),
    ];
    let format = prop_oneof![
        Just(Format::Text),
        Just(Format::JsonObject),
        any_json().prop_map(|schema| Format::JsonSchema {
            name: "n".to_owned(),
            description: None,
            schema,
            strict: Some(true),
        }),
    ];
    let reasoning =
        (prop::option::of(0..99_999_u64), any::<bool>()).prop_map(|(tokens, max)| Reasoning {
            budget_tokens: tokens,
            effort: max.then_some(Effort::Max),
            ..Reasoning::default()
        });
    let settings = (
        prop::option::of(choice),
        format,
        prop::option::of(reasoning),
        prop::option::of(any::<u64>()),
    );
    (vec(turn, 0..5), vec(tool, 0..3), settings).prop_map(
        |(turns, tools, (tool_choice, format, reasoning, max_tokens))| ChatRequest {
            turns,
            tools,
            tool_choice,
            format,
            reasoning,
            max_tokens,
            ..ChatRequest::default()
        },
    )
}

const MODELS: &[&str] = &[
    "anthropic.claude-3-haiku-20240307-v1:0",
    "anthropic.claude-opus-4-6-v1",
    "anthropic.claude-opus-5-5",
    "amazon.nova-2-lite-v1:0",
    "openai.gpt-oss-120b-1:0",
    "meta.llama3-3-70b-instruct-v1:0",
    "",
];

/// What Converse refuses whatever the model.
fn check_body(body: &Value) {
    let messages = body["messages"].as_array().unwrap();
    let mut ids = std::collections::BTreeSet::new();
    let mut names = std::collections::BTreeSet::new();
    let mut calls = false;
    for (at, message) in messages.iter().enumerate() {
        assert_eq!(message["role"], ["user", "assistant"][at % 2]);
        let content = message["content"].as_array().unwrap();
        assert!(!content.is_empty());
        let mut documents = false;
        for block in content {
            assert_eq!(block.as_object().unwrap().len(), 1);
            assert!(
                block["text"]
                    .as_str()
                    .is_none_or(|text| !text.trim().is_empty())
            );
            if let Some(call) = block["toolUse"].as_object() {
                calls = true;
                assert!(call["input"].is_object());
                assert!(ids.insert(call["toolUseId"].as_str().unwrap()), "{body}");
            }
            let results = block["toolResult"]["content"].as_array();
            calls |= results.is_some();
            assert!(results.is_none_or(|content| !content.is_empty()));
            documents |= block["document"].is_object();
            let within = results.into_iter().flatten();
            for block in within.chain(Some(block)) {
                if let Some(name) = block["document"]["name"].as_str() {
                    assert!(names.insert(name), "{body}");
                }
            }
        }
        let has_text = content.iter().any(|block| block["text"].is_string());
        assert!(!documents || has_text);
    }
    let names_a_call = body["messages"].to_string().contains("\"toolUse\":");
    assert!(
        !calls || !names_a_call || body["toolConfig"].is_object(),
        "{body}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_says_what_the_whole_answer_says(blocks in vec(block(), 1..5), seed: u64) {
        let model = "anthropic.claude-opus-4-6-v1";
        let blocks_at = || blocks.iter().enumerate();
        let calls = blocks.iter().any(|block| matches!(block, Block::Call(..)));
        let reason = if calls { "tool_use" } else { "end_turn" };
        let usage = json!({"inputTokens": 1, "outputTokens": 2, "totalTokens": 6, "cacheReadInputTokens": 3});
        let content: Vec<_> = blocks_at().map(|(at, block)| block.whole(at)).collect();
        let whole = json!({
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": reason,
            "usage": usage,
        });
        let mut stream = event("messageStart", &json!({"role": "assistant"}));
        stream.extend(blocks_at().flat_map(|(at, block)| block.streamed(at)));
        stream.extend(event("messageStop", &json!({"stopReason": reason})));
        stream.extend(event("metadata", &json!({"usage": usage})));
        properties::event_stream(&stream, seed);
        let whole = read_answer_of(model, &serde_json::to_vec(&whole).unwrap()).unwrap();
        let used = Usage { input_tokens: 4, output_tokens: 2, cached_tokens: 3, ..Usage::default() };
        prop_assert_eq!(whole.usage, Some(used));
        prop_assert_eq!(gathered(&stream, model), joined(whole));
    }

    #[test]
    fn any_json_in_frames(payloads in vec((select(KINDS), any_json()), 0..5), seed: u64) {
        let frames = payloads.iter().flat_map(|(kind, payload)| event(kind, payload));
        properties::event_stream(&frames.collect::<Vec<_>>(), seed);
    }

    #[test]
    fn any_answer_and_any_error(body in any_json(), bytes in vec(any::<u8>(), 0..50), status: u16) {
        for body in [serde_json::to_vec(&body).unwrap(), bytes] {
            let _ = read_answer(&body);
            let error = read_error(status, &body);
            prop_assert!(!error.message.is_empty());
            let header = String::from_utf8_lossy(&body);
            prop_assert!(!read_error_typed(status, Some(&header), &body).message.is_empty());
        }
    }

    #[test]
    fn any_request_is_written_as_converse_takes_it(request in request(), model in select(MODELS)) {
        let target = TargetFacts { model, default_max_tokens: 1000, account: "" };
        let written = write_request(&request, &target);
        check_body(&serde_json::from_slice(&written.body).unwrap());
        prop_assert_eq!(write_request(&request, &target), written);
    }
}
