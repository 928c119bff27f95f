//! What clients ask, as it is understood.

use serde_json::{Value, json};

use crate::chat::{
    BadRequest, CacheMark, ChatRequest, Effort, Format, Maker, Part, Reasoning, Role, Signature,
    Source, Tool, ToolChoice, Turn,
};
use crate::openai_chat::read_request;

fn read(extra: Value) -> Result<ChatRequest, BadRequest> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    read_request(body.to_string().as_bytes())
}

fn turns(messages: Value) -> Vec<Turn> {
    read(json!({"messages": messages})).unwrap().turns
}

/// The parts of a conversation of one message.
fn parts(message: Value) -> Vec<Part> {
    turns(json!([message])).remove(0).parts
}

fn content(part: Value) -> Part {
    parts(json!({"role": "user", "content": [part]})).remove(0)
}

fn mark(ttl: Option<&str>) -> Option<CacheMark> {
    Some(CacheMark {
        ttl: ttl.map(str::to_owned),
    })
}

#[test]
fn roles_names_and_both_forms_of_content() {
    let turns = turns(json!([
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "name": "ann", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "annotations": [], "audio": null},
        {"role": "assistant", "content": ""},
    ]));
    let told: Vec<_> = turns
        .iter()
        .map(|t| (t.role, t.parts.len(), t.name.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (Role::System, 1, None),
            (Role::Developer, 2, None),
            (Role::User, 1, Some("ann")),
            (Role::Assistant, 1, None),
            (Role::Assistant, 0, None),
        ]
    );
    assert_eq!(turns[1].parts[1], Part::text("b"));
}

fn base64(media_type: &str) -> Source {
    Source::Base64 {
        media_type: media_type.into(),
        data: "AAA=".into(),
    }
}

#[test]
fn images_from_urls_and_from_bytes() {
    let image = |source, detail: Option<&str>| Part::Image {
        source,
        detail: detail.map(Into::into),
        cache: None,
    };
    for (written, understood) in [
        (
            json!({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}),
            image(Source::Url("https://x/y.png".into()), Some("low")),
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAA="}}),
            image(base64("image/png"), None),
        ),
        (
            json!({"type": "image_url", "image_url": "data:image/jpeg;q=1;base64,AAA="}),
            image(base64("image/jpeg"), None),
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg%3E"}}),
            image(Source::Url("data:image/svg+xml,%3Csvg%3E".into()), None),
        ),
    ] {
        assert_eq!(content(written.clone()), understood, "{written}");
    }
}

#[test]
fn files_sound_and_what_is_neither() {
    let file = |source, name: Option<&str>| Part::File {
        source,
        name: name.map(Into::into),
        cache: None,
    };
    for (written, understood) in [
        (
            json!({"type": "file", "file": {"file_data": "data:text/csv;base64,AAA=", "filename": "a.csv"}}),
            file(base64("text/csv"), Some("a.csv")),
        ),
        (
            json!({"type": "file", "file": {"file_data": "AAA=", "filename": "a.pdf"}}),
            file(base64("application/pdf"), Some("a.pdf")),
        ),
        (
            json!({"type": "file", "file": {"file_data": "https://x/y.pdf"}}),
            file(Source::Url("https://x/y.pdf".into()), None),
        ),
        (
            json!({"type": "file", "file": {"file_id": "file-1"}}),
            file(Source::FileId("file-1".into()), None),
        ),
        (
            json!({"type": "input_audio", "input_audio": {"data": "AAA=", "format": "wav"}}),
            Part::Audio {
                data: "AAA=".into(),
                format: "wav".into(),
            },
        ),
        (
            json!({"type": "refusal", "refusal": "No."}),
            Part::Refusal { text: "No.".into() },
        ),
        (
            json!({"type": "video_url", "video_url": {"url": "u"}}),
            Part::Foreign {
                kind: "video_url".into(),
                value: json!({"type": "video_url", "video_url": {"url": "u"}}),
            },
        ),
    ] {
        assert_eq!(content(written.clone()), understood, "{written}");
    }
}

#[test]
fn tool_calls_and_the_results_that_belong_together() {
    let turns = turns(json!([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"},
             "extra_content": {"google": {"thought_signature": "sig"}}},
            {"id": "b", "function": {"name": "g", "arguments": {"y": 2}}},
            {"id": "c", "type": "custom", "custom": {"name": "h", "input": "raw"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}], "cache_control": {"type": "ephemeral"}},
        {"role": "tool", "tool_call_id": "c", "content": null},
        {"role": "user", "content": "And?"},
        {"role": "tool", "tool_call_id": "a", "content": "3"},
    ]));
    let call = |id: &str, name: &str, arguments: &str, signature| Part::ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        cache: None,
        signature,
    };
    let signature = Some(Signature {
        maker: Maker::Google,
        data: "sig".into(),
    });
    assert_eq!(
        turns[1].parts,
        [
            call("a", "f", r#"{"x":1}"#, signature),
            call("b", "g", r#"{"y":2}"#, None),
            call("c", "h", r#"{"input":"raw"}"#, None),
        ]
    );
    let result = |id: &str, parts: Vec<Part>, cache| Part::ToolResult {
        id: id.into(),
        parts,
        is_error: false,
        cache,
    };
    assert_eq!(turns.len(), 5, "{turns:?}");
    assert_eq!(
        turns[2].parts,
        [
            result("a", vec![Part::text("1")], None),
            result("b", vec![Part::text("2")], mark(None)),
            result("c", vec![], None),
        ]
    );
    assert_eq!(turns[4].role, Role::User);
    assert_eq!(turns[4].parts.len(), 1);
}

#[test]
fn functions_as_they_were_before_tools() {
    let request = read(json!({
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "r"},
        ],
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
    }))
    .unwrap();
    let [Part::ToolCall { id: call, name, .. }] = &request.turns[1].parts[..] else {
        panic!("{request:?}");
    };
    let [Part::ToolResult { id: result, .. }] = &request.turns[2].parts[..] else {
        panic!("{request:?}");
    };
    assert_eq!((call, name.as_str()), (result, "f"));
    assert_eq!(request.tool_choice, Some(ToolChoice::Tool("f".into())));
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert!(request.legacy_functions);
    assert_eq!(request.tools.len(), 1);
    assert!(request.unknown.is_empty());
}

#[test]
fn tools_and_every_choice_among_them() {
    let request = read(json!({"tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true},
         "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "function", "function": {"name": "g"}},
        {"type": "custom", "custom": {"name": "h"}},
        {"type": "web_search"},
    ], "parallel_tool_calls": false}))
    .unwrap();
    let f = Tool {
        name: "f".into(),
        description: Some("d".into()),
        parameters: Some(json!({"type": "object"})),
        strict: Some(true),
        cache: mark(Some("1h")),
    };
    let g = Tool {
        name: "g".into(),
        ..Tool::default()
    };
    assert_eq!(request.tools, [f, g]);
    assert_eq!(request.unknown, ["tools.custom", "tools.web_search"]);
    assert_eq!(request.parallel_tool_calls, Some(false));
    for (written, understood) in [
        (json!("none"), Some(ToolChoice::None)),
        (json!("auto"), Some(ToolChoice::Auto)),
        (json!("required"), Some(ToolChoice::Required)),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            Some(ToolChoice::Tool("f".into())),
        ),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required",
                "tools": [{"type": "function", "function": {"name": "f"}}]}}),
            Some(ToolChoice::Allowed {
                names: vec!["f".into()],
                required: true,
            }),
        ),
        (json!({"type": "custom", "custom": {"name": "h"}}), None),
    ] {
        let request = read(json!({"tool_choice": written})).unwrap();
        assert_eq!(request.tool_choice, understood, "{written}");
        let lost = request.unknown == ["tool_choice.custom"];
        assert_eq!(lost, understood.is_none());
    }
}

#[test]
fn every_response_format() {
    for (written, understood) in [
        (json!({"type": "text"}), Format::Text),
        (json!({"type": "json_object"}), Format::JsonObject),
        (
            json!({"type": "json_schema", "json_schema": {"name": "n", "description": "d",
                "schema": {"type": "object"}, "strict": true}}),
            Format::JsonSchema {
                name: "n".into(),
                description: Some("d".into()),
                schema: json!({"type": "object"}),
                strict: Some(true),
            },
        ),
    ] {
        let request = read(json!({"response_format": written})).unwrap();
        assert_eq!(request.format, understood);
    }
}

#[test]
fn numbers_stay_as_they_are_and_options_are_read() {
    let request = read(json!({
        "max_tokens": 5, "max_completion_tokens": 7.0, "temperature": 0.70, "top_p": 1, "top_k": 40,
        "stop": "END", "seed": -3, "frequency_penalty": -0.5, "presence_penalty": 2,
        "logit_bias": {"50256": -100}, "logprobs": true, "top_logprobs": 2, "n": 3, "verbosity": "low",
        "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false},
        "service_tier": "flex", "user": "u", "safety_identifier": "s", "metadata": {"a": "b"},
        "prompt_cache_key": "k", "store": false, "modalities": ["text"], "prediction": null,
    }))
    .unwrap();
    let number = |n: &Option<serde_json::Number>| n.as_ref().map(ToString::to_string);
    assert_eq!(request.max_tokens, Some(7));
    assert_eq!(number(&request.temperature).as_deref(), Some("0.7"));
    assert_eq!(number(&request.top_p).as_deref(), Some("1"));
    assert_eq!(request.top_k, Some(40));
    assert_eq!(request.stop, ["END"]);
    assert_eq!(number(&request.seed).as_deref(), Some("-3"));
    assert_eq!(number(&request.frequency_penalty).as_deref(), Some("-0.5"));
    assert_eq!(number(&request.presence_penalty).as_deref(), Some("2"));
    assert_eq!(request.logit_bias.unwrap()["50256"], -100);
    assert!(request.logprobs && request.stream && request.include_usage);
    assert_eq!((request.top_logprobs, request.n), (Some(2), Some(3)));
    assert_eq!(request.verbosity.as_deref(), Some("low"));
    assert_eq!(request.service_tier.as_deref(), Some("flex"));
    assert_eq!(request.user.as_deref(), Some("s"));
    assert_eq!(request.metadata.unwrap()["a"], "b");
    assert_eq!(request.prompt_cache_key.as_deref(), Some("k"));
    assert!(request.unknown.is_empty(), "{:?}", request.unknown);
}

#[test]
fn what_nobody_knows_is_named() {
    let request = read(json!({
        "messages": [{"role": "user", "content": "q", "prefix": true}],
        "web_search_options": {}, "store": true, "min_p": 0.1, "stop": ["a", "b"],
        "stream_options": {"include_obfuscation": true, "x": 1},
    }))
    .unwrap();
    assert_eq!(
        request.unknown,
        [
            "messages.prefix",
            "min_p",
            "store",
            "stream_options.include_obfuscation",
            "stream_options.x",
            "web_search_options",
        ]
    );
    assert_eq!(request.stop, ["a", "b"]);
}

fn effort(effort: Effort) -> Reasoning {
    Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    }
}

#[test]
fn reasoning_in_every_client_s_words() {
    let budget = |tokens| Reasoning {
        budget_tokens: Some(tokens),
        ..Reasoning::default()
    };
    let adaptive = Reasoning {
        adaptive: true,
        ..Reasoning::default()
    };
    for (written, understood) in [
        (
            json!({"reasoning_effort": "xhigh"}),
            Some(effort(Effort::XHigh)),
        ),
        (
            json!({"reasoning_effort": "none"}),
            Some(effort(Effort::None)),
        ),
        (json!({"reasoning_effort": null}), None),
        (
            json!({"reasoning": {"effort": "low"}}),
            Some(effort(Effort::Low)),
        ),
        (
            json!({"reasoning": {"max_tokens": 2000}}),
            Some(budget(2000)),
        ),
        (
            json!({"reasoning": {"enabled": true}}),
            Some(adaptive.clone()),
        ),
        (
            json!({"reasoning": {"effort": "low", "exclude": true}}),
            Some(Reasoning {
                summary: Some(false),
                ..effort(Effort::Low)
            }),
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}),
            Some(budget(1024)),
        ),
        (json!({"thinking": {"type": "enabled"}}), Some(adaptive)),
        (
            json!({"thinking": {"type": "disabled"}}),
            Some(effort(Effort::None)),
        ),
        (
            json!({"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
            Some(effort(Effort::High)),
        ),
    ] {
        assert_eq!(
            read(written.clone()).unwrap().reasoning,
            understood,
            "{written}"
        );
    }
}

#[test]
fn cache_marks_of_parts_and_of_whole_messages() {
    let Part::Text { cache, .. } = content(
        json!({"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "5m"}}),
    ) else {
        panic!("no text");
    };
    assert_eq!(cache, mark(Some("5m")));
    let Part::Text { cache, .. } = content(
        json!({"type": "text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}}),
    ) else {
        panic!("no text");
    };
    assert_eq!(cache, mark(None));
    let parts = parts(
        json!({"role": "user", "cache_control": {"type": "ephemeral"},
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
    );
    let marks: Vec<_> = parts
        .iter()
        .map(|part| matches!(part, Part::Text { cache: Some(_), .. }))
        .collect();
    assert_eq!(marks, [false, true]);
}

/// The parts of an assistant's message with these members.
fn said(members: Value) -> Vec<Part> {
    let mut message = json!({"role": "assistant"});
    let members = members.as_object().unwrap().clone();
    message.as_object_mut().unwrap().extend(members);
    parts(message)
}

fn reasoning(text: &str, proof: Option<(Maker, &str)>) -> Part {
    Part::Reasoning {
        text: text.into(),
        signature: proof.map(|(maker, data)| Signature {
            maker,
            data: data.into(),
        }),
    }
}

#[test]
fn reasoning_comes_back_with_its_proof() {
    // Only text.
    assert_eq!(
        said(json!({"reasoning_content": "abc"})),
        [reasoning("abc", None)]
    );
    assert_eq!(said(json!({"reasoning": "abc"})), [reasoning("abc", None)]);
    // Text repeated in the details, in one piece or in many.
    assert_eq!(
        said(json!({"reasoning_content": "abc", "reasoning_details": [
            {"type": "reasoning.text", "text": "abc", "signature": "s", "format": "google-gemini-v1"}]})),
        [reasoning("abc", Some((Maker::Google, "s")))]
    );
    assert_eq!(
        said(json!({"reasoning_details": [
            {"type": "reasoning.text", "text": "ab", "index": 0},
            {"type": "reasoning.text", "text": "c", "index": 0},
            {"type": "reasoning.text", "signature": "s", "format": "openai-responses-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "xx", "format": "bedrock-v1"}]})),
        [
            reasoning("abc", Some((Maker::Openai, "s"))),
            Part::RedactedReasoning {
                signature: Signature {
                    maker: Maker::Bedrock,
                    data: "xx".into()
                }
            }
        ]
    );
}

fn proof(data: &str) -> Value {
    json!({"type": "reasoning.text", "signature": data, "format": "anthropic-claude-v1"})
}

fn span(data: &str, start: u64, end: u64) -> Value {
    let mut detail = proof(data);
    detail["span"] = json!({"start": start, "end": end});
    detail
}

#[test]
fn proof_comes_back_apart_from_its_text() {
    let claude = |data| Some((Maker::Anthropic, data));
    // Proof alone: of all the text, of parts of it, of text that was not sent back.
    assert_eq!(
        said(json!({"reasoning_content": "abc", "reasoning_details": [proof("s")]})),
        [reasoning("abc", claude("s"))]
    );
    assert_eq!(
        said(
            json!({"reasoning_content": "abécd", "reasoning_details": [span("s", 0, 2), span("t", 4, 5)]})
        ),
        [
            reasoning("ab", claude("s")),
            reasoning("é", None),
            reasoning("c", claude("t")),
            reasoning("d", None),
        ]
    );
    assert_eq!(
        said(json!({"reasoning_details": [span("s", 0, 2)]})),
        [reasoning("", claude("s"))]
    );
    // Proof of nobody knows what proves nothing.
    for (content, details) in [
        ("abc", json!([proof("s"), proof("t")])),
        ("abc", span("s", 0, 9)),
        ("aé", span("s", 0, 2)),
        (
            "abc",
            json!({"type": "reasoning.text", "signature": "s", "format": "unknown"}),
        ),
    ] {
        let details = if details.is_array() {
            details
        } else {
            json!([details])
        };
        assert_eq!(
            said(json!({"reasoning_content": content, "reasoning_details": details})),
            [reasoning(content, None)],
            "{details}"
        );
    }
}

fn check_errors(cases: &[(Value, &str)]) {
    for (members, field) in cases {
        let error = read(members.clone()).unwrap_err();
        assert_eq!(error.field, *field, "{members}: {}", error.problem);
        assert!(!error.problem.is_empty());
    }
}

#[test]
fn errors_name_the_field_of_a_message() {
    let message = |message: Value| json!({"messages": [message]});
    let user = |part: Value| message(json!({"role": "user", "content": [part]}));
    check_errors(&[
        (json!({"messages": null}), "messages"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": [1]}), "messages[0]"),
        (message(json!({"content": "x"})), "messages[0].role"),
        (
            message(json!({"role": "bot", "content": "x"})),
            "messages[0].role",
        ),
        (
            message(json!({"role": "user", "content": 7})),
            "messages[0].content",
        ),
        (message(json!({"role": "user"})), "messages[0].content"),
        (
            message(json!({"role": "tool", "content": "x"})),
            "messages[0].tool_call_id",
        ),
        (user(json!({})), "messages[0].content[0].type"),
        (user(json!("x")), "messages[0].content[0]"),
        (user(json!({"type": "text"})), "messages[0].content[0].text"),
        (
            user(json!({"type": "image_url", "image_url": {}})),
            "messages[0].content[0].image_url.url",
        ),
        (
            user(json!({"type": "file", "file": {}})),
            "messages[0].content[0].file",
        ),
        (
            user(json!({"type": "input_audio", "input_audio": {"data": ""}})),
            "messages[0].content[0].input_audio.format",
        ),
        (
            message(json!({"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]})),
            "messages[0].tool_calls[0].function.name",
        ),
    ]);
}

#[test]
fn errors_name_the_field_of_an_option() {
    check_errors(&[
        (json!({"model": null}), "model"),
        (json!({"model": ""}), "model"),
        (json!({"tools": {}}), "tools"),
        (
            json!({"tools": [{"function": {"name": 1}}]}),
            "tools[0].function.name",
        ),
        (json!({"functions": [{}]}), "functions[0].name"),
        (json!({"tool_choice": "sometimes"}), "tool_choice"),
        (json!({"tool_choice": 7}), "tool_choice"),
        (
            json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{}]}}}),
            "tool_choice.allowed_tools.tools[0]",
        ),
        (
            json!({"response_format": {"type": "xml"}}),
            "response_format.type",
        ),
        (
            json!({"response_format": {"type": "json_schema"}}),
            "response_format.json_schema",
        ),
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"max_tokens": 1.5}), "max_tokens"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"stop": [1]}), "stop[0]"),
        (json!({"stop": 1}), "stop"),
        (json!({"stream": "yes"}), "stream"),
        (
            json!({"stream_options": {"include_usage": 1}}),
            "stream_options.include_usage",
        ),
        (json!({"reasoning_effort": "a lot"}), "reasoning_effort"),
        (json!({"thinking": {}}), "thinking.type"),
    ]);
    for body in ["", "{", "[]", "7"] {
        assert_eq!(
            read_request(body.as_bytes()).unwrap_err().field,
            "",
            "{body}"
        );
    }
}
