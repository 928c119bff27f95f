//! Requests of other dialects, as they are written for an OpenAI-shaped provider.

use serde_json::{Value, json};

use crate::chat::{
    CacheMark, ChatRequest, Effort, Format, Maker, Part, Reasoning, Role, Signature, Source,
    TargetFacts, Tool, ToolChoice, Turn,
};
use crate::openai_chat::write_request;

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn {
        role,
        parts,
        name: None,
    }
}

fn user(parts: Vec<Part>) -> ChatRequest {
    ChatRequest {
        turns: vec![turn(Role::User, parts)],
        ..ChatRequest::default()
    }
}

/// The body, and what is lost.
fn write(request: &ChatRequest) -> (Value, Vec<String>) {
    write_to("gpt", request)
}

fn write_to(model: &str, request: &ChatRequest) -> (Value, Vec<String>) {
    let target = TargetFacts {
        model,
        default_max_tokens: 99,
        account: "",
    };
    let written = write_request(request, &target);
    let losses = written.losses.iter().map(|l| l.field.name().into_owned());
    (
        serde_json::from_slice(&written.body).unwrap(),
        losses.collect(),
    )
}

fn messages(request: &ChatRequest) -> (Value, Vec<String>) {
    let (mut body, losses) = write(request);
    (body["messages"].take(), losses)
}

#[test]
fn a_plain_request_is_plain() {
    let (body, losses) = write(&user(vec![Part::text("Hi")]));
    assert_eq!(
        body,
        json!({"model": "gpt", "messages": [{"role": "user", "content": "Hi"}]})
    );
    assert!(losses.is_empty());
}

#[test]
fn a_stream_asks_for_its_usage() {
    let request = ChatRequest {
        stream: true,
        include_usage: false,
        ..user(vec![Part::text("Hi")])
    };
    let (body, _) = write(&request);
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
}

#[test]
fn instructions_stay_in_place() {
    let request = ChatRequest {
        turns: vec![
            turn(Role::System, vec![Part::text("a"), Part::text("b")]),
            turn(Role::User, vec![Part::text("q")]),
            turn(Role::Developer, vec![Part::text("c")]),
        ],
        ..ChatRequest::default()
    };
    assert_eq!(
        messages(&request).0,
        json!([
            {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "q"},
            {"role": "developer", "content": "c"},
        ])
    );
}

fn base64(media_type: &str) -> Source {
    Source::Base64 {
        media_type: media_type.into(),
        data: "AA==".into(),
    }
}

/// Checks what becomes of parts of a user's turn, and what is lost of them.
fn check_parts<const N: usize>(cases: [(Part, Value, Option<&str>); N]) {
    for (part, written, lost) in cases {
        let (messages, losses) = messages(&user(vec![part.clone()]));
        assert_eq!(messages[0]["content"], written, "{part:?}");
        assert_eq!(losses, Vec::from_iter(lost), "{part:?}");
    }
}

#[test]
fn images_by_url_and_by_bytes() {
    let image = |source| Part::Image {
        source,
        detail: Some("high".into()),
        cache: None,
    };
    check_parts([
        (
            image(Source::Url("https://x".into())),
            json!([{"type": "image_url", "image_url": {"url": "https://x", "detail": "high"}}]),
            None,
        ),
        (
            image(base64("image/png")),
            json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "high"}}]),
            None,
        ),
        (
            image(Source::FileId("file-1".into())),
            json!(""),
            Some("images"),
        ),
    ]);
}

#[test]
fn files_sound_and_what_is_neither() {
    let file = |source, name: Option<&str>| Part::File {
        source,
        name: name.map(Into::into),
        cache: None,
    };
    check_parts([
        (
            file(base64("application/pdf"), None),
            json!([{"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA=="}}]),
            None,
        ),
        (
            file(Source::FileId("file-1".into()), Some("a.pdf")),
            json!([{"type": "file", "file": {"filename": "a.pdf", "file_id": "file-1"}}]),
            None,
        ),
        (
            file(Source::FileId("file_other".into()), None),
            json!(""),
            Some("files"),
        ),
        (
            file(Source::Url("https://x".into()), None),
            json!(""),
            Some("files"),
        ),
        (
            file(Source::Text("words".into()), None),
            json!("words"),
            None,
        ),
        (
            Part::Audio {
                data: "AA==".into(),
                format: "mp3".into(),
            },
            json!([{"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}]),
            None,
        ),
        (
            Part::Foreign {
                kind: "search_result".into(),
                value: Value::Null,
            },
            json!(""),
            Some("messages"),
        ),
    ]);
}

#[test]
fn calls_and_results_whose_images_follow() {
    let call = |id: &str, arguments: &str, signature| Part::ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        cache: None,
        signature,
    };
    let result = |id: &str, parts, is_error| Part::ToolResult {
        id: id.into(),
        parts,
        is_error,
        cache: None,
    };
    let image = Part::Image {
        source: Source::Url("https://x".into()),
        detail: None,
        cache: None,
    };
    let request = ChatRequest {
        turns: vec![
            turn(
                Role::Assistant,
                vec![call("a", "", None), call("b", "{\"x\":1}", None)],
            ),
            turn(
                Role::User,
                vec![
                    Part::text("and now?"),
                    result("a", vec![Part::text("seen"), image.clone()], false),
                    result("b", vec![image], false),
                    result("c", vec![Part::text("no such file")], true),
                    result("d", vec![Part::text("ERROR 7")], true),
                    result("e", vec![], false),
                ],
            ),
        ],
        ..ChatRequest::default()
    };
    let (messages, losses) = messages(&request);
    let url = json!({"type": "image_url", "image_url": {"url": "https://x"}});
    assert_eq!(
        messages,
        json!([
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{\"x\":1}"}}]},
            {"role": "tool", "content": "seen", "tool_call_id": "a"},
            {"role": "tool", "content": "The result is in the next message.", "tool_call_id": "b"},
            {"role": "tool", "content": "Error: no such file", "tool_call_id": "c"},
            {"role": "tool", "content": "ERROR 7", "tool_call_id": "d"},
            {"role": "tool", "content": "", "tool_call_id": "e"},
            {"role": "user", "content": [
                {"type": "text", "text": "The result of tool call a:"}, url,
                {"type": "text", "text": "The result of tool call b:"}, url,
                {"type": "text", "text": "and now?"}]},
        ])
    );
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn an_assistant_s_turn_leaves_reasoning_behind() {
    let signature = Signature {
        maker: Maker::Anthropic,
        data: "s".into(),
    };
    let request = ChatRequest {
        turns: vec![
            turn(
                Role::Assistant,
                vec![
                    Part::Reasoning {
                        text: "hm".into(),
                        signature: Some(signature.clone()),
                    },
                    Part::text("a"),
                    Part::Refusal { text: "no".into() },
                ],
            ),
            turn(Role::Assistant, vec![Part::RedactedReasoning { signature }]),
        ],
        ..ChatRequest::default()
    };
    let (messages, losses) = messages(&request);
    assert_eq!(
        messages,
        json!([
            {"role": "assistant", "content": "a", "refusal": "no"},
            {"role": "assistant", "content": ""},
        ])
    );
    assert_eq!(losses, ["reasoning_history"]);
}

#[test]
fn a_history_that_says_nothing_more_than_openai_knows_is_no_loss() {
    let of = |assistant: &str| {
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"assistant","content":"a",{assistant}}}]}}"#
        );
        let request = crate::openai_chat::read_request(body.as_bytes()).unwrap();
        messages(&request)
    };
    let plain = json!([{"role": "assistant", "content": "a"}]);
    for nothing in [
        r#""reasoning_content":"""#,
        r#""reasoning_content":null,"reasoning_details":[]"#,
        r#""refusal":null,"annotations":[]"#,
    ] {
        assert_eq!(of(nothing), (plain.clone(), vec![]), "{nothing}");
    }
    let call = |extra: &str| {
        format!(
            r#""tool_calls":[{{"id":"i","type":"function","function":{{"name":"f","arguments":""}},"extra_content":{extra}}}]"#
        )
    };
    assert_eq!(of(&call(r#"{"google":{}}"#)).1, [""; 0]);
    let signed = call(r#"{"google":{"thought_signature":"s"}}"#);
    for something in [r#""reasoning_content":"hm""#, &signed] {
        let (messages, losses) = of(something);
        assert_eq!(losses, ["reasoning_history"]);
        assert!(!messages.to_string().contains("reasoning"), "{messages}");
        assert!(!messages.to_string().contains("extra"), "{messages}");
    }
}

#[test]
fn a_vendor_gets_back_what_was_thought() {
    use crate::openai_chat::ReasoningBack;
    let thought = |text: &str, signature| Part::Reasoning {
        text: text.into(),
        signature,
    };
    let signature = Signature {
        maker: Maker::Anthropic,
        data: "s".into(),
    };
    let call = || Part::ToolCall {
        id: "i".into(),
        name: "f".into(),
        arguments: "{}".into(),
        cache: None,
        signature: None,
    };
    let hidden = thought("", Some(signature.clone()));
    let request = |parts: Vec<Part>| ChatRequest {
        turns: vec![turn(Role::Assistant, parts)],
        ..ChatRequest::default()
    };
    let target = TargetFacts {
        model: "m",
        default_max_tokens: 99,
        account: "",
    };
    for (back, parts, content, lost) in [
        (
            ReasoningBack::LeftOut,
            vec![thought("a", None), call()],
            None,
            true,
        ),
        (
            ReasoningBack::Taken,
            vec![thought("a", None), thought("b", Some(signature)), call()],
            Some("ab"),
            false,
        ),
        (ReasoningBack::Taken, vec![call()], None, false),
        (ReasoningBack::Demanded, vec![call()], Some(""), false),
        (ReasoningBack::Demanded, vec![Part::text("a")], None, false),
        (
            ReasoningBack::Demanded,
            vec![hidden, call()],
            Some(""),
            true,
        ),
    ] {
        let written =
            crate::openai_chat::write_request_with(&request(parts.clone()), &target, back);
        let body: Value = serde_json::from_slice(&written.body).unwrap();
        let written_content = body["messages"][0].get("reasoning_content");
        assert_eq!(
            written_content.and_then(Value::as_str),
            content,
            "{parts:?}"
        );
        assert_eq!(!written.losses.is_empty(), lost, "{parts:?}");
    }
}

#[test]
fn tools_and_every_choice_among_them() {
    let tool = |name: &str| Tool {
        name: name.into(),
        ..Tool::default()
    };
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let f = Tool {
        description: Some("d".into()),
        parameters: Some(closed.clone()),
        strict: Some(true),
        ..tool("f")
    };
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    for (choice, written) in [
        (ToolChoice::None, json!("none")),
        (ToolChoice::Auto, json!("auto")),
        (ToolChoice::Required, json!("required")),
        (ToolChoice::Tool("f".into()), named("f")),
        (
            ToolChoice::Allowed {
                names: vec!["f".into(), "g".into()],
                required: false,
            },
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("f"), named("g")]}}),
        ),
    ] {
        let request = ChatRequest {
            tools: vec![f.clone(), tool("g")],
            tool_choice: Some(choice.clone()),
            parallel_tool_calls: Some(false),
            ..user(vec![])
        };
        let (body, losses) = write(&request);
        assert_eq!(
            body["tools"],
            json!([{"type": "function", "function": {"name": "f", "description": "d",
                "parameters": closed, "strict": true}}, named("g")])
        );
        assert_eq!(body["tool_choice"], written);
        assert_eq!(body["parallel_tool_calls"], false);
        assert!(losses.is_empty());
        let without = ChatRequest {
            tools: vec![],
            ..request
        };
        let (body, losses) = write(&without);
        assert_eq!(body.get("tool_choice"), None);
        assert_eq!(body.get("parallel_tool_calls"), None);
        let forced = !matches!(choice, ToolChoice::None | ToolChoice::Auto);
        assert_eq!(losses.contains(&"tool_choice".to_owned()), forced);
    }
}

#[test]
fn every_response_format() {
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let schema = |name: &str| Format::JsonSchema {
        name: name.into(),
        description: None,
        schema: closed.clone(),
        strict: Some(true),
    };
    for (format, written) in [
        (Format::Text, Value::Null),
        (Format::JsonObject, json!({"type": "json_object"})),
        (
            schema("n"),
            json!({"type": "json_schema", "json_schema": {"name": "n", "schema": closed, "strict": true}}),
        ),
        (
            schema(""),
            json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": closed, "strict": true}}),
        ),
    ] {
        let request = ChatRequest {
            format,
            ..user(vec![])
        };
        assert_eq!(write(&request).0["response_format"], written);
    }
}

#[test]
fn a_schema_that_openai_s_strictness_forbids_is_not_strict() {
    let optional = json!({"type": "object", "properties": {"a": {"type": "string"}},
        "additionalProperties": false});
    let request = ChatRequest {
        tools: vec![Tool {
            name: "f".into(),
            parameters: Some(optional.clone()),
            strict: Some(true),
            ..Tool::default()
        }],
        format: Format::JsonSchema {
            name: "n".into(),
            description: None,
            schema: optional,
            strict: Some(true),
        },
        ..user(vec![])
    };
    let (body, losses) = write(&request);
    assert_eq!(body["tools"][0]["function"]["strict"], false);
    assert_eq!(body["response_format"]["json_schema"]["strict"], false);
    assert_eq!(losses, ["tools.strict", "response_format"]);
}

#[test]
fn a_model_that_reasons_is_told_what_it_takes() {
    let number = |text: &str| serde_json::from_str(text).ok();
    let request = ChatRequest {
        temperature: number("0.5"),
        top_p: number("1"),
        stop: vec!["a".into()],
        frequency_penalty: number("0"),
        presence_penalty: number("0.2"),
        logprobs: true,
        tools: vec![Tool::default()],
        reasoning: Some(Reasoning {
            effort: Some(Effort::High),
            ..Reasoning::default()
        }),
        ..user(vec![])
    };
    let (body, losses) = write_to("o4-mini", &request);
    assert_eq!(
        losses,
        ["temperature", "stop", "presence_penalty", "logprobs"]
    );
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["model", "messages", "tools", "reasoning_effort"]);
    // The same with functions beside reasoning, which newer models refuse: they do not reason, and
    // take a temperature.
    let (body, losses) = write_to("gpt-5.4", &request);
    assert_eq!(body["reasoning_effort"], "none");
    assert_eq!(body["temperature"], 0.5);
    assert_eq!(losses, ["stop", "presence_penalty", "reasoning"]);
}

#[test]
fn reasoning_becomes_an_effort() {
    let reasoning = |effort, budget_tokens| Reasoning {
        effort,
        budget_tokens,
        ..Reasoning::default()
    };
    for (reasoning, written) in [
        (reasoning(Some(Effort::XHigh), None), json!("xhigh")),
        (reasoning(Some(Effort::Max), None), json!("xhigh")),
        (reasoning(Some(Effort::None), None), json!("none")),
        (reasoning(None, Some(2048)), json!("low")),
        (reasoning(None, Some(16_000)), json!("high")),
        (reasoning(Some(Effort::Low), Some(16_000)), json!("low")),
        (
            Reasoning {
                adaptive: true,
                ..Reasoning::default()
            },
            Value::Null,
        ),
    ] {
        let request = ChatRequest {
            reasoning: Some(reasoning),
            ..user(vec![])
        };
        let (body, losses) = write(&request);
        assert_eq!(body["reasoning_effort"], written);
        assert!(losses.is_empty());
    }
}

#[test]
fn options_are_written_in_openai_s_words() {
    let number = |text: &str| serde_json::from_str(text).ok();
    let request = ChatRequest {
        max_tokens: Some(7),
        temperature: number("0.5"),
        top_p: number("1"),
        stop: vec!["a".into()],
        seed: number("-3"),
        frequency_penalty: number("0.1"),
        presence_penalty: number("0.2"),
        logit_bias: json!({"1": 2}).as_object().cloned(),
        logprobs: true,
        top_logprobs: Some(2),
        n: Some(2),
        verbosity: Some("low".into()),
        service_tier: Some("standard_only".into()),
        user: Some("u".into()),
        prompt_cache_key: Some("k".into()),
        ..user(vec![Part::text("Hi")])
    };
    let (body, losses) = write(&request);
    assert_eq!(
        body,
        json!({"model": "gpt", "messages": [{"role": "user", "content": "Hi"}],
            "max_completion_tokens": 7, "temperature": 0.5, "top_p": 1, "stop": ["a"], "seed": -3,
            "frequency_penalty": 0.1, "presence_penalty": 0.2, "logit_bias": {"1": 2}, "logprobs": true,
            "top_logprobs": 2, "n": 2, "verbosity": "low", "service_tier": "default", "user": "u",
            "prompt_cache_key": "k"})
    );
    assert!(losses.is_empty());
}

#[test]
fn what_cannot_be_said_is_a_loss() {
    let cached = Part::Text {
        text: "t".into(),
        cache: Some(CacheMark::default()),
    };
    let request = ChatRequest {
        top_k: Some(4),
        stop: (0..5).map(|n| n.to_string()).collect(),
        service_tier: Some("batch".into()),
        user: Some("u".repeat(65)),
        metadata: Some(serde_json::Map::new()),
        reasoning: Some(Reasoning {
            summary: Some(true),
            ..Reasoning::default()
        }),
        unknown: [
            "context_management",
            "tools.bash",
            "tool_choice.x",
            "messages.y",
        ]
        .map(Into::into)
        .into(),
        ..user(vec![cached])
    };
    let (body, losses) = write(&request);
    assert_eq!(
        losses,
        [
            "messages",
            "tools",
            "tool_choice",
            "top_k",
            "stop",
            "reasoning",
            "cache_control",
            "service_tier",
            "user",
            "metadata",
            "context_management",
        ]
    );
    assert_eq!(
        body,
        json!({"model": "gpt", "messages": [{"role": "user", "content": "t"}], "stop": ["0", "1", "2", "3"]})
    );
}
