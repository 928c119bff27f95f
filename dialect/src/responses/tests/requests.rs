use serde_json::{Number, json};

use super::*;
use crate::chat::{
    CacheMark, Effort, Format, Part, Reasoning, Role, Source, Tool, ToolChoice, Turn,
};
use crate::loss::{Field, Severity};

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    let name = None;
    Turn { role, parts, name }
}

fn turns(input: &str) -> Vec<Turn> {
    read(&format!(r#"{{"model":"m","input":{input}}}"#)).turns
}

#[test]
fn text_is_a_user_turn_and_instructions_come_first() {
    let request = read(r#"{"model":"m","input":"hi","instructions":"be brief"}"#);
    assert_eq!(
        request,
        ChatRequest {
            model: "m".to_owned(),
            turns: vec![
                turn(Role::System, vec![Part::text("be brief")]),
                turn(Role::User, vec![Part::text("hi")]),
            ],
            ..ChatRequest::default()
        }
    );
}

fn check_part(part: &str, expected: Part) {
    let input = format!(r#"[{{"role":"user","content":[{part}]}}]"#);
    assert_eq!(turns(&input), [turn(Role::User, vec![expected])], "{part}");
}

fn bytes(media_type: &str, data: &str) -> Source {
    Source::Base64 {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    }
}

#[test]
fn texts_and_images_have_their_place() {
    let image = |source| Part::Image {
        source,
        detail: None,
        cache: None,
    };
    for (part, expected) in [
        (
            r#"{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}"#,
            Part::Text {
                text: "a".to_owned(),
                cache: Some(CacheMark { ttl: None }),
            },
        ),
        (
            r#"{"type":"input_image","image_url":"https://x/y.png","detail":"low","prompt_cache_breakpoint":{"mode":"explicit","ttl":"30m"}}"#,
            Part::Image {
                source: Source::Url("https://x/y.png".to_owned()),
                detail: Some("low".to_owned()),
                cache: Some(CacheMark {
                    ttl: Some("1h".to_owned()),
                }),
            },
        ),
        (
            r#"{"type":"input_image","image_url":"data:image/png;base64,QUJD"}"#,
            image(bytes("image/png", "QUJD")),
        ),
        (
            r#"{"type":"input_image","file_id":"file-1"}"#,
            image(Source::FileId("file-1".to_owned())),
        ),
    ] {
        check_part(part, expected);
    }
}

#[test]
fn files_sounds_and_others_have_their_place() {
    let file = |source, name: Option<&str>| Part::File {
        source,
        name: name.map(str::to_owned),
        cache: None,
    };
    for (part, expected) in [
        (
            r#"{"type":"input_file","file_data":"data:application/pdf;base64,QQ==","filename":"a.pdf"}"#,
            file(bytes("application/pdf", "QQ=="), Some("a.pdf")),
        ),
        (
            r#"{"type":"input_file","file_data":"QQ==","filename":"a.CSV"}"#,
            file(bytes("text/csv", "QQ=="), Some("a.CSV")),
        ),
        (
            r#"{"type":"input_file","file_url":"https://x/a.pdf"}"#,
            file(Source::Url("https://x/a.pdf".to_owned()), None),
        ),
        (
            r#"{"type":"input_audio","input_audio":{"data":"QQ==","format":"wav"}}"#,
            Part::Audio {
                data: "QQ==".to_owned(),
                format: "wav".to_owned(),
            },
        ),
        (
            r#"{"type":"input_video","x":1}"#,
            Part::Foreign {
                kind: "input_video".to_owned(),
                value: json!({"type": "input_video", "x": 1}),
            },
        ),
    ] {
        check_part(part, expected);
    }
}

const ITEMS: &str = r#"[
        {"type":"message","role":"developer","content":"rules"},
        {"type":"message","role":"user","content":"q"},
        {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":"enc"},
        {"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"x","annotations":[]},{"type":"refusal","refusal":"no"}]},
        {"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"ark1.google.sig"},
        {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"},
        {"type":"function_call","call_id":"c2","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c1","output":"ok"},
        {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"https://i"}]},
        {"role":"user","content":"more"},
        {"type":"reasoning","id":"rs_3","summary":[],"content":[{"type":"reasoning_text","text":"raw"}]},
        {"type":"reasoning","id":"rs_4","summary":[],"encrypted_content":"ark1r.anthropic.red"},
        {"type":"web_search_call","id":"ws_1","status":"completed"},
        {"type":"custom_tool_call_output","call_id":"x","output":"y"}]"#;

fn call(id: &str, signature: Option<Signature>) -> Part {
    Part::ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        cache: None,
        signature,
    }
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::ToolResult {
        id: id.to_owned(),
        parts,
        is_error: false,
        cache: None,
    }
}

fn reasoning(text: &str, signature: Option<Signature>) -> Part {
    Part::Reasoning {
        text: text.to_owned(),
        signature,
    }
}

fn foreign(value: Value) -> Part {
    Part::Foreign {
        kind: value["type"].as_str().unwrap().to_owned(),
        value,
    }
}

#[test]
fn items_make_turns() {
    let image = Part::Image {
        source: Source::Url("https://i".to_owned()),
        detail: None,
        cache: None,
    };
    let refusal = Part::Refusal {
        text: "no".to_owned(),
    };
    assert_eq!(
        turns(ITEMS),
        [
            turn(Role::Developer, vec![Part::text("rules")]),
            turn(Role::User, vec![Part::text("q")]),
            turn(
                Role::Assistant,
                vec![
                    reasoning("a\n\nb", Some(signature(Maker::Openai, "rs_1:enc"))),
                    Part::text("x"),
                    refusal,
                    call("c1", Some(signature(Maker::Google, "sig"))),
                    call("c2", None),
                ]
            ),
            turn(
                Role::User,
                vec![
                    result("c1", vec![Part::text("ok")]),
                    result("c2", vec![Part::text("t"), image]),
                ]
            ),
            turn(Role::User, vec![Part::text("more")]),
            turn(
                Role::Assistant,
                vec![
                    reasoning("raw", None),
                    Part::RedactedReasoning {
                        signature: signature(Maker::Anthropic, "red"),
                    },
                    foreign(
                        json!({"type": "web_search_call", "id": "ws_1", "status": "completed"})
                    ),
                ]
            ),
            turn(
                Role::User,
                vec![foreign(
                    json!({"type": "custom_tool_call_output", "call_id": "x", "output": "y"})
                )]
            ),
        ]
    );
}

#[test]
fn parameters_have_their_places() {
    let request = read(
        r#"{"model":"m","input":[],"max_output_tokens":100.0,"temperature":0.70,"top_p":1,"stream":true,
        "store":true,"service_tier":"flex","user":"old","safety_identifier":"who","metadata":{"k":"v"},
        "prompt_cache_key":"key","parallel_tool_calls":false,"top_logprobs":3,"truncation":"disabled",
        "include":["reasoning.encrypted_content"],"background":false,"previous_response_id":null,
        "reasoning":{"effort":"minimal","summary":"detailed","mode":"standard","context":null},
        "text":{"verbosity":"low","format":{"type":"json_schema","name":"n","schema":{"b":1,"a":2},"strict":true,"description":"d"}},
        "tools":[{"type":"function","name":"f","description":"d","parameters":{"type":"object"},"strict":false,"async":false}],
        "tool_choice":{"type":"function","name":"f"},"stream_options":{"include_obfuscation":false}}"#,
    );
    let map = |value: Value| value.as_object().cloned();
    assert_eq!(
        request,
        ChatRequest {
            model: "m".to_owned(),
            max_tokens: Some(100),
            temperature: Number::from_f64(0.7),
            top_p: Some(Number::from(1)),
            stream: true,
            include_usage: true,
            service_tier: Some("flex".to_owned()),
            user: Some("who".to_owned()),
            metadata: map(json!({"k": "v"})),
            prompt_cache_key: Some("key".to_owned()),
            parallel_tool_calls: Some(false),
            logprobs: true,
            top_logprobs: Some(3),
            reasoning: Some(Reasoning {
                effort: Some(Effort::Minimal),
                summary: Some(true),
                ..Reasoning::default()
            }),
            verbosity: Some("low".to_owned()),
            format: Format::JsonSchema {
                name: "n".to_owned(),
                description: Some("d".to_owned()),
                schema: json!({"b": 1, "a": 2}),
                strict: Some(true),
            },
            tools: vec![Tool {
                name: "f".to_owned(),
                description: Some("d".to_owned()),
                parameters: Some(json!({"type": "object"})),
                strict: Some(false),
                cache: None,
            }],
            tool_choice: Some(ToolChoice::Tool("f".to_owned())),
            ..ChatRequest::default()
        }
    );
}

#[test]
fn tool_choice_has_every_form() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    for (choice, expected) in [
        (r#""none""#, Some(ToolChoice::None)),
        (r#""auto""#, Some(ToolChoice::Auto)),
        (r#""required""#, Some(ToolChoice::Required)),
        ("null", None),
        (
            r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}]}"#,
            Some(ToolChoice::Allowed {
                names: names(&["f", "g"]),
                required: true,
            }),
        ),
    ] {
        let body = format!(r#"{{"model":"m","input":"","tool_choice":{choice}}}"#);
        assert_eq!(read(&body).tool_choice, expected, "{choice}");
        assert!(read(&body).unknown.is_empty());
    }
}

#[test]
fn what_has_no_place_is_listed() {
    for (members, unknown) in [
        (
            r#""tools":[{"type":"web_search"},{"type":"mcp","server_label":"x"},{"type":"function","name":"f","parameters":null,"defer_loading":true}]"#,
            "tools.defer_loading tools.mcp tools.web_search",
        ),
        (
            r#""tool_choice":{"type":"file_search"}"#,
            "tool_choice.file_search",
        ),
        (
            r#""tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"mcp"}]}"#,
            "tool_choice.mcp",
        ),
        (
            r#""max_tool_calls":3,"truncation":"auto","moderation":{"model":"x"}"#,
            "max_tool_calls moderation truncation",
        ),
        (
            r#""include":["file_search_call.results","message.output_text.logprobs"]"#,
            "include.file_search_call.results",
        ),
        (
            r#""reasoning":{"mode":"pro","context":"all_turns"},"text":{"x":1}"#,
            "reasoning.context reasoning.mode text.x",
        ),
        (
            r#""stream_options":{"include_obfuscation":true}"#,
            "stream_options",
        ),
        (r#""zzz":null,"truncation":null"#, ""),
    ] {
        let request = read(&format!(r#"{{"model":"m","input":"",{members}}}"#));
        assert_eq!(request.unknown.join(" "), unknown, "{members}");
    }
    // A tool that is missing matters more than a parameter.
    let severity = |name: &str| Field::Unknown(name.to_owned()).severity();
    assert_eq!(severity("tools.web_search"), Severity::Content);
    assert_eq!(severity("max_tool_calls"), Severity::Behaviour);
}

/// Body, the field to blame, a part of what is said.
const WRONG: &[(&str, &str, &str)] = &[
    ("", "", "not valid JSON"),
    ("[]", "", "must be a JSON object"),
    (r#"{"input":""}"#, "model", "must be a string"),
    (r#"{"model":"","input":""}"#, "model", "non-empty"),
    (r#"{"model":"m"}"#, "input", "must be a string or an array"),
    (
        r#"{"model":"m","input":[5]}"#,
        "input[0]",
        "must be an object",
    ),
    (
        r#"{"model":"m","input":[{}]}"#,
        "input[0].type",
        "must be a string",
    ),
    (
        r#"{"model":"m","input":[{"role":"tool","content":""}]}"#,
        "input[0].role",
        "must be user",
    ),
    (
        r#"{"model":"m","input":[{"role":"user"}]}"#,
        "input[0].content",
        "must be a string or",
    ),
    (
        r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_image"}]}]}"#,
        "input[0].content[0].image_url",
        "must be a URL",
    ),
    (
        r#"{"model":"m","input":[{"type":"function_call","name":"f"}]}"#,
        "input[0].call_id",
        "must be a string",
    ),
    (
        r#"{"model":"m","input":"","reasoning":{"effort":"huge"}}"#,
        "reasoning.effort",
        "must be none",
    ),
    (
        r#"{"model":"m","input":"","text":{"format":{"type":"xml"}}}"#,
        "text.format.type",
        "must be text",
    ),
    (
        r#"{"model":"m","input":"","text":{"format":{"type":"json_schema","name":"n"}}}"#,
        "text.format.schema",
        "must be an object",
    ),
    (
        r#"{"model":"m","input":"","max_output_tokens":-1}"#,
        "max_output_tokens",
        "non-negative",
    ),
    (
        r#"{"model":"m","input":"","max_output_tokens":1.5}"#,
        "max_output_tokens",
        "non-negative",
    ),
    (
        r#"{"model":"m","input":"","metadata":{"k":1}}"#,
        "metadata.k",
        "must be a string",
    ),
    (
        r#"{"model":"m","input":"","tools":[{"type":"function"}]}"#,
        "tools[0].name",
        "must be a string",
    ),
    (
        r#"{"model":"m","input":"","tool_choice":"any"}"#,
        "tool_choice",
        "must be none",
    ),
    (
        r#"{"model":"m","input":"","stream":"yes"}"#,
        "stream",
        "true or false",
    ),
    // What needs a store.
    (
        r#"{"model":"m","input":"","previous_response_id":"resp_1"}"#,
        "previous_response_id",
        "send the earlier input",
    ),
    (
        r#"{"model":"m","input":"","conversation":"conv_1"}"#,
        "conversation",
        "send its items",
    ),
    (
        r#"{"model":"m","prompt":{"id":"pmpt_1"}}"#,
        "prompt",
        "send its text",
    ),
    (
        r#"{"model":"m","input":"","background":true}"#,
        "background",
        "stream long answers",
    ),
    (
        r#"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#,
        "input[0]",
        "send the item itself",
    ),
    (
        r#"{"model":"m","input":[{"id":"msg_1"}]}"#,
        "input[0]",
        "send the item itself",
    ),
];

#[test]
fn what_is_wrong_is_named() {
    for (body, field, problem) in WRONG {
        let bad = read_request(body.as_bytes()).unwrap_err();
        assert_eq!(&bad.field, field, "{body}");
        assert!(bad.problem.contains(problem), "{body}: {}", bad.problem);
    }
}

#[test]
fn passing_requests_say_that_nothing_is_to_be_stored() {
    let edit = |body: &str| {
        let splices = store_edit(body.as_bytes())?.into_iter().collect();
        let plan = crate::rewrite::Plan::new(splices, body.len());
        Ok::<_, crate::chat::BadRequest>(
            String::from_utf8(plan.apply(body.as_bytes()).unwrap()).unwrap(),
        )
    };
    for (before, after) in [
        (r#"{ "model":"m"}"#, r#"{"store":false, "model":"m"}"#),
        (r#"{"a":1,"store": true }"#, r#"{"a":1,"store": false }"#),
        (r#"{"store":null}"#, r#"{"store":false}"#),
        (r#"{"st\u006fre":1}"#, r#"{"st\u006fre":false}"#),
        (r#"{"store":false}"#, r#"{"store":false}"#),
        (r#"{ }"#, r#"{"store":false }"#),
        (
            r#"{"background":false,"conversation":null,"prompt":{"id":"p"},"store":false}"#,
            r#"{"background":false,"conversation":null,"prompt":{"id":"p"},"store":false}"#,
        ),
    ] {
        assert_eq!(edit(before).unwrap(), after);
    }
    for (body, field) in [
        (r#"{"store":false,"store":true}"#, "store"),
        (
            r#"{"previous_response_id":"resp_1"}"#,
            "previous_response_id",
        ),
        (r#"{"conversation":{"id":"c"}}"#, "conversation"),
        (r#"{"background":true}"#, "background"),
        ("[]", ""),
    ] {
        assert_eq!(edit(body).unwrap_err().field, field, "{body}");
    }
}
