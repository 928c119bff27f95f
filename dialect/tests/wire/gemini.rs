//! Properties of Google's dialect, on generated input.

use ark_dialect::chat::{
    CacheMark, ChatAnswer, ChatRequest, Choice, Event, Finish, Maker, Part, Role, Signature,
    Source, TargetFacts, Turn,
};
use ark_dialect::embeddings;
use ark_dialect::gemini::{self, Api, StreamReader};
use ark_dialect::usage::Usage;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

/// Whole events, their parts, and noise.
const PIECES: &[&str] = &[
    "data: ",
    "\n",
    "\r\n\r\n",
    ": ping\n\n",
    "{",
    "é😀",
    "[DONE]",
    r#"{"candidates":[{"content":{"parts":[{"text":"#,
    r#"data: {"candidates":[{"content":{"parts":[{"text":"a"},{"text":"é\n"}]},"index":1}]}"#,
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\",\"thought\":true}]}}]}\n\n",
    "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3}}\n\n",
    "data: {\"candidates\":[{\"finishReason\":\"STOP\",\"index\":1}]}\r\n\r\n",
    "data: {\"error\":{\"code\":503,\"message\":\"m\"}}\n\n",
    "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n",
    "[{\"error\":{\"status\":\"NOT_FOUND\"}}]",
];

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(select(PIECES), 0..16).prop_map(|pieces| pieces.concat().into_bytes()),
        vec(chunk(), 0..8).prop_map(|chunks| stream(&chunks)),
        any_json().prop_map(|value| value.to_string().into_bytes()),
        any_json().prop_map(|value| format!("data: {value}\n\n").into_bytes()),
        vec(any::<u8>(), 0..200),
    ]
}

/// JSON in which Google's members stand anywhere.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(&[0.5, -1.5e300, 3e39][..]).prop_map(Value::from),
        select(&["", "STOP", "MAX_TOKENS", "SAFETY", "AUDIO", "a", "1.5s"][..])
            .prop_map(Value::from),
    ];
    let name = select(
        &[
            "candidates",
            "content",
            "parts",
            "text",
            "thought",
            "thoughtSignature",
            "functionCall",
            "args",
            "finishReason",
            "index",
            "usageMetadata",
            "promptTokenCount",
            "promptTokensDetails",
            "promptFeedback",
            "blockReason",
            "logprobsResult",
            "chosenCandidates",
            "error",
            "details",
            "retryDelay",
            "embeddings",
            "values",
            "inlineData",
            "$ref",
            "allOf",
            "definitions",
        ][..],
    );
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((name.clone(), inner), 0..5).prop_map(|members| {
                let members = members.into_iter().map(|(k, v)| (k.to_owned(), v));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// A well-formed chunk of one candidate.
fn chunk() -> impl Strategy<Value = Value> {
    let text = || select(&["", "a", "b\n", "é😀", "\"{}\""][..]);
    let part = prop_oneof![
        text().prop_map(|text| json!({"text": text})),
        text().prop_map(|text| json!({"text": text, "thought": true})),
        text().prop_map(|text| json!({"text": text, "thoughtSignature": "s"})),
        text().prop_map(|x| json!({"functionCall": {"name": "f", "args": {"x": x}}})),
        Just(json!({"functionCall": {"name": "g", "id": "i"}, "thoughtSignature": "t"})),
    ];
    let reason = select(&["", "STOP", "MAX_TOKENS", "SAFETY"][..]);
    (vec(part, 0..4), reason, 0u64..50, 0u64..50).prop_map(|(parts, reason, input, output)| {
        json!({
            "candidates": [{"content": {"parts": parts, "role": "model"},
                "finishReason": reason}],
            "usageMetadata": {"promptTokenCount": input, "candidatesTokenCount": output},
        })
    })
}

fn stream(chunks: &[Value]) -> Vec<u8> {
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n"));
    events.collect::<String>().into_bytes()
}

/// Events, in the form in which they can be compared.
fn told(pieces: &[&[u8]]) -> Vec<String> {
    let mut told = Vec::new();
    let mut reader = StreamReader::new();
    let mut sink = |event: Event<'_>| told.push(format!("{event:?}"));
    for piece in pieces {
        reader.push(piece, &mut sink);
    }
    reader.finish(&mut sink);
    told
}

/// The answer that a stream tells, if it is whole.
#[derive(Default)]
struct Gathered {
    parts: Vec<Part>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    ended: bool,
}

impl Gathered {
    fn of(stream: &[u8]) -> Self {
        let mut gathered = Self::default();
        let mut reader = StreamReader::new();
        let mut sink = |event: Event<'_>| gathered.add(event);
        reader.push(stream, &mut sink);
        reader.finish(&mut sink);
        gathered
    }

    fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Text { text, .. } => self.parts.push(Part::text(text)),
            Event::Reasoning { text, .. } => self.parts.push(reasoning(&text, None)),
            Event::ReasoningSignature { signature, .. } => match self.parts.last_mut() {
                Some(Part::Reasoning {
                    signature: proof @ None,
                    ..
                }) => *proof = Some(signature),
                _ => self.parts.push(reasoning("", Some(signature))),
            },
            Event::ToolCall {
                id,
                name,
                signature,
                ..
            } => self.parts.push(Part::ToolCall {
                id: id.into(),
                name: name.into(),
                arguments: String::new(),
                cache: None,
                signature,
            }),
            Event::ToolArguments { json, .. } => {
                if let Some(Part::ToolCall { arguments, .. }) = self.parts.last_mut() {
                    arguments.push_str(&json);
                }
            }
            Event::Finish { finish, .. } => self.finish = Some(finish),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::End => self.ended = true,
            Event::Start { .. }
            | Event::RedactedReasoning { .. }
            | Event::Refusal { .. }
            | Event::Logprobs { .. }
            | Event::Ping
            | Event::Foreign { .. }
            | Event::Error(_) => {}
        }
    }
}

fn reasoning(text: &str, signature: Option<Signature>) -> Part {
    Part::Reasoning {
        text: text.to_owned(),
        signature,
    }
}

fn text() -> impl Strategy<Value = String> {
    let texts = ["", "a", "{\"a\":1}", "[1, \"b c\"]", "https://x/y.png"];
    select(texts.map(String::from).to_vec())
}

fn any_signature() -> impl Strategy<Value = Option<Signature>> {
    let makers = [
        Maker::Google,
        Maker::Anthropic,
        Maker::Openai,
        Maker::Bedrock,
    ];
    prop::option::of(select(makers.to_vec()).prop_map(|maker| Signature {
        maker,
        data: format!("{maker:?} made this"),
    }))
}

fn any_call() -> impl Strategy<Value = Part> {
    let cache = any::<bool>().prop_map(|mark| mark.then(CacheMark::default));
    (text(), text(), any_signature(), cache).prop_map(|(id, arguments, signature, cache)| {
        Part::ToolCall {
            id,
            name: "f".to_owned(),
            arguments,
            cache,
            signature,
        }
    })
}

fn any_part() -> impl Strategy<Value = Part> {
    let (detail, cache, name) = (None, None, None);
    let simple = prop_oneof![
        text().prop_map(Part::text),
        text().prop_map(|text| Part::Refusal { text }),
        (text(), any_signature()).prop_map(|(text, signature)| reasoning(&text, signature)),
        text().prop_map(move |url| Part::Image {
            source: Source::Url(url),
            detail: detail.clone(),
            cache: cache.clone(),
        }),
        text().prop_map(move |id| Part::File {
            source: Source::FileId(id),
            name: name.clone(),
            cache: None,
        }),
        text().prop_map(|data| Part::Audio {
            data,
            format: "wav".to_owned(),
        }),
        text().prop_map(|text| Part::Foreign {
            kind: "x".to_owned(),
            value: json!(text),
        }),
        any_call(),
    ];
    simple.prop_recursive(2, 8, 3, move |inner| {
        (vec(inner, 0..3), text(), any::<bool>()).prop_map(|(parts, id, is_error)| {
            Part::ToolResult {
                id,
                parts,
                is_error,
                cache: None,
            }
        })
    })
}

fn any_request() -> impl Strategy<Value = ChatRequest> {
    let roles = [Role::System, Role::Developer, Role::User, Role::Assistant];
    let turn = (select(roles.to_vec()), vec(any_part(), 0..4)).prop_map(|(role, parts)| Turn {
        role,
        parts,
        name: None,
    });
    vec(turn, 0..6).prop_map(|turns| ChatRequest {
        turns,
        ..ChatRequest::default()
    })
}

/// What Gemini refuses, whatever the conversation.
fn sound(body: &Value) {
    let contents = body["contents"].as_array().unwrap();
    let roles: Vec<_> = contents
        .iter()
        .map(|it| it["role"].as_str().unwrap())
        .collect();
    assert!(roles.windows(2).all(|pair| pair[0] != pair[1]), "{roles:?}");
    let instruction = body["systemInstruction"]["parts"].as_array();
    let parts = contents.iter().map(|it| it["parts"].as_array().unwrap());
    for parts in parts.chain(instruction) {
        assert!(!parts.is_empty());
        for part in parts {
            let kinds = [
                "text",
                "inlineData",
                "fileData",
                "functionCall",
                "functionResponse",
            ];
            let said = kinds.iter().filter(|kind| !part[**kind].is_null());
            assert_eq!(said.count(), 1, "{part}");
            assert!(part["text"] != "" || part["thoughtSignature"].is_string());
            if let Some(response) = part["functionResponse"].as_object() {
                assert!(response["response"].is_object() && response["name"].is_string());
            }
            assert!(part["functionCall"].is_null() || part["functionCall"]["args"].is_object());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunking_changes_nothing(stream in any_bytes(), cuts in vec(any::<Index>(), 0..6)) {
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces: Vec<_> = at.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        let whole = told(&[&stream]);
        prop_assert_eq!(&told(&pieces), &whole);
        let bytes: Vec<_> = stream.chunks(1).collect();
        prop_assert_eq!(&told(&bytes), &whole);
        // Told to the end, once.
        let last = whole.last().unwrap();
        prop_assert!(last == "End" || last.starts_with("Error"), "{}", last);
        let ends = whole.iter().filter(|it| *it == "End" || it.starts_with("Error")).count();
        prop_assert_eq!(ends, 1);
    }

    #[test]
    fn a_stream_tells_the_answer_of_its_chunks(chunks in vec(chunk(), 1..6)) {
        let gathered = Gathered::of(&stream(&chunks));
        let mut parts = Vec::new();
        let mut merged = Map::new();
        for chunk in &chunks {
            let candidate = &chunk["candidates"][0];
            parts.extend(candidate["content"]["parts"].as_array().unwrap().clone());
            if candidate["finishReason"] != "" {
                merged.insert("finishReason".to_owned(), candidate["finishReason"].clone());
            }
        }
        merged.insert("content".to_owned(), json!({"parts": parts}));
        let reported = |chunk: &&Value| {
            let usage = &chunk["usageMetadata"];
            usage["promptTokenCount"] != 0 || usage["candidatesTokenCount"] != 0
        };
        let usage = chunks.iter().rfind(reported).map(|chunk| chunk["usageMetadata"].clone());
        let body = json!({"candidates": [merged], "usageMetadata": usage});
        let answer = gemini::read_answer(body.to_string().as_bytes()).unwrap();
        let ChatAnswer { mut choices, usage, .. } = answer;
        let Choice { parts, finish, .. } = choices.remove(0);
        prop_assert_eq!(gathered.parts, parts);
        prop_assert_eq!(gathered.usage, usage);
        prop_assert_eq!(gathered.ended, merged.contains_key("finishReason"));
        if gathered.ended {
            prop_assert_eq!(gathered.finish, Some(finish));
        }
    }

    #[test]
    fn no_bytes_are_too_odd(body in any_bytes(), status: u16) {
        if let Err(error) = gemini::read_answer(&body) {
            prop_assert!(!error.message.is_empty());
        }
        prop_assert!(!gemini::read_error(status, &body).message.is_empty());
        let _ = gemini::read_count(&body);
        let _ = embeddings::read_request(&body);
        if let Ok(answer) = gemini::read_embeddings(&body) {
            let written = embeddings::write_answer(&answer, embeddings::Encoding::Float, "m");
            let list: Value = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(list["data"].as_array().unwrap().len(), answer.vectors.len());
        }
    }

    #[test]
    fn usage_is_conserved(counts in prop::array::uniform5(0u64..u64::MAX)) {
        let [prompt, tools, output, thoughts, cached] = counts;
        let body = json!({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {
            "promptTokenCount": prompt, "toolUsePromptTokenCount": tools,
            "candidatesTokenCount": output, "thoughtsTokenCount": thoughts,
            "cachedContentTokenCount": cached}});
        let expected = Usage {
            input_tokens: prompt.saturating_add(tools),
            output_tokens: output.saturating_add(thoughts),
            cached_tokens: cached,
            reasoning_tokens: thoughts,
            ..Usage::default()
        };
        let read = gemini::read_answer(body.to_string().as_bytes()).unwrap().usage;
        prop_assert_eq!(read.unwrap_or_default(), expected);
        prop_assert_eq!(Gathered::of(&stream(&[body])).usage, read);
    }

    #[test]
    fn any_conversation_is_one_that_gemini_takes(
        request in any_request(),
        model in select(&["gemini-2.0-flash", "gemini-2.5-pro", "gemini-3-flash-preview"][..]),
    ) {
        let target = TargetFacts { model, default_max_tokens: 0, account: "" };
        let written = gemini::write_request(&request, &target);
        let text = String::from_utf8(written.body.clone()).unwrap();
        prop_assert!(!["Anthropic", "Openai", "Bedrock"].iter().any(|it| text.contains(it)));
        sound(&serde_json::from_slice(&written.body).unwrap());
        for api in [Api::Gemini, Api::Vertex] {
            let counted = gemini::write_count(&request, &target, api);
            prop_assert_eq!(&counted.losses, &written.losses);
        }
    }

    #[test]
    fn any_schema_is_cleaned_once_and_for_all(schema in any_json()) {
        let body = |parameters: Value| -> Value {
            let tool = ark_dialect::chat::Tool {
                name: "f".to_owned(),
                parameters: Some(parameters),
                ..Default::default()
            };
            let request = ChatRequest { tools: vec![tool], ..ChatRequest::default() };
            let written = gemini::write_request(&request, &TargetFacts::default());
            let body: Value = serde_json::from_slice(&written.body).unwrap();
            body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"].clone()
        };
        let once = body(schema);
        prop_assert_eq!(body(once.clone()), once);
    }
}
