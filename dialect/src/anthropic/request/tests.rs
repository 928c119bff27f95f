use serde_json::json;

use super::*;
use crate::chat::{Effort, Format, Maker, Reasoning, Signature, Source, Tool, ToolChoice};

/// Reads a request with these members beside the ones that must be there.
fn with(members: &str) -> ChatRequest {
    read_request(&body(members, r#"[{"role":"user","content":"Hi"}]"#)).unwrap()
}

fn body(members: &str, messages: &str) -> Vec<u8> {
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"model":"claude-opus-5","max_tokens":9,"messages":{messages}{comma}{members}}}"#)
        .into_bytes()
}

/// Reads the content of a turn.
fn content(role: &str, content: &str) -> (Vec<Part>, Vec<String>) {
    let messages = format!(r#"[{{"role":"{role}","content":{content}}}]"#);
    let mut request = read_request(&body("", &messages)).unwrap();
    (request.turns.remove(0).parts, request.unknown)
}

fn mark(ttl: Option<&str>) -> Option<CacheMark> {
    Some(CacheMark {
        ttl: ttl.map(str::to_owned),
    })
}

#[test]
fn a_plain_request_is_read() {
    let request = with(
        r#""temperature":0.50,"top_p":0.9,"top_k":5,"stop_sequences":["END"],"stream":true,
        "metadata":{"user_id":"u-1"},"service_tier":"standard_only","system":"Be kind.""#,
    );
    assert_eq!(
        request,
        ChatRequest {
            model: "claude-opus-5".to_owned(),
            turns: vec![
                turn(Role::System, vec![Part::text("Be kind.")]),
                turn(Role::User, vec![Part::text("Hi")]),
            ],
            max_tokens: Some(9),
            temperature: serde_json::from_str("0.50").ok(),
            top_p: serde_json::from_str("0.9").ok(),
            top_k: Some(5),
            stop: vec!["END".to_owned()],
            stream: true,
            include_usage: true,
            service_tier: Some("standard_only".to_owned()),
            user: Some("u-1".to_owned()),
            ..ChatRequest::default()
        }
    );
}

#[test]
fn content_blocks_are_read() {
    for (block, part) in [
        (
            r#"{"type":"text","text":"T","cache_control":{"type":"ephemeral","ttl":"1h"},"citations":[{}]}"#,
            Part::Text {
                text: "T".to_owned(),
                cache: mark(Some("1h")),
            },
        ),
        (
            r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}"#,
            Part::Image {
                source: Source::Base64 {
                    media_type: "image/png".to_owned(),
                    data: "AA==".to_owned(),
                },
                detail: None,
                cache: None,
            },
        ),
        (
            r#"{"type":"image","source":{"type":"file","file_id":"file_1"},"cache_control":{"type":"ephemeral"}}"#,
            Part::Image {
                source: Source::FileId("file_1".to_owned()),
                detail: None,
                cache: mark(None),
            },
        ),
        (
            r#"{"type":"tool_result","tool_use_id":"t1","content":"42","is_error":true}"#,
            Part::ToolResult {
                id: "t1".to_owned(),
                parts: vec![Part::text("42")],
                is_error: true,
                cache: None,
            },
        ),
        (
            r#"{"type":"search_result","source":"s","title":"t","content":[]}"#,
            Part::Foreign {
                kind: "search_result".to_owned(),
                value: json!({"type":"search_result","source":"s","title":"t","content":[]}),
            },
        ),
    ] {
        assert_eq!(
            content("user", &format!("[{block}]")),
            (vec![part], vec![]),
            "{block}"
        );
    }
}

#[test]
fn documents_are_read_wherever_they_are() {
    let base64 = Source::Base64 {
        media_type: "application/pdf".to_owned(),
        data: "AA==".to_owned(),
    };
    for (source, expected) in [
        (
            r#"{"type":"base64","media_type":"application/pdf","data":"AA=="}"#,
            base64,
        ),
        (
            r#"{"type":"url","url":"https://x/y.pdf"}"#,
            Source::Url("https://x/y.pdf".to_owned()),
        ),
        (
            r#"{"type":"text","media_type":"text/plain","data":"T"}"#,
            Source::Text("T".to_owned()),
        ),
        (
            r#"{"type":"content","content":"T"}"#,
            Source::Text("T".to_owned()),
        ),
        (
            r#"{"type":"content","content":[{"type":"text","text":"T"},{"type":"text","text":"U"}]}"#,
            Source::Text("TU".to_owned()),
        ),
    ] {
        let block = format!(
            r#"[{{"type":"document","source":{source},"title":"N","citations":{{"enabled":true}},"context":null}}]"#
        );
        let part = Part::File {
            source: expected,
            name: Some("N".to_owned()),
            cache: None,
        };
        // Asking for citations is something that no other dialect has.
        let unknown = vec!["document.citations".to_owned()];
        assert_eq!(content("user", &block), (vec![part], unknown));
    }
    let pictures =
        r#"{"type":"document","source":{"type":"content","content":[{"type":"image"}]}}"#;
    let (parts, _) = content("user", &format!("[{pictures}]"));
    let [Part::Foreign { kind, value }] = parts.as_slice() else {
        panic!("{parts:?}");
    };
    assert_eq!(kind, "document");
    assert_eq!(*value, serde_json::from_str::<Value>(pictures).unwrap());
}

#[test]
fn reasoning_and_calls_keep_their_signatures() {
    let sign = |maker, data: &str| Signature {
        maker,
        data: data.to_owned(),
    };
    let (parts, unknown) = content(
        "assistant",
        r#"[{"type":"thinking","thinking":"T","signature":"Eq=="},
        {"type":"thinking","thinking":"U","signature":""},
        {"type":"redacted_thinking","data":"ark1.openai.x.y"},
        {"type":"thinking","thinking":"","signature":"ark1.google.sig"},
        {"type":"tool_use","id":"t1","name":"f","input":{"a":[1,2.50]},"caller":{"type":"direct"}},
        {"type":"server_tool_use","id":"s","name":"web_search","input":{}}]"#,
    );
    assert_eq!(unknown, Vec::<String>::new());
    assert_eq!(
        parts,
        [
            Part::Reasoning {
                text: "T".to_owned(),
                signature: Some(sign(Maker::Anthropic, "Eq==")),
            },
            Part::Reasoning {
                text: "U".to_owned(),
                signature: None,
            },
            Part::RedactedReasoning {
                signature: sign(Maker::Openai, "x.y"),
            },
            Part::ToolCall {
                id: "t1".to_owned(),
                name: "f".to_owned(),
                arguments: r#"{"a":[1,2.5]}"#.to_owned(),
                cache: None,
                signature: Some(sign(Maker::Google, "sig")),
            },
            Part::Foreign {
                kind: "server_tool_use".to_owned(),
                value: json!({"type":"server_tool_use","id":"s","name":"web_search","input":{}}),
            },
        ]
    );
}

#[test]
fn only_googles_signatures_belong_to_calls() {
    for (thinking, own) in [
        (r#""thinking":"","signature":"ark1.google.s""#, false),
        (r#""thinking":"","signature":"ark1.openai.s""#, true),
        (r#""thinking":"","signature":"s""#, true),
        (r#""thinking":"T","signature":"ark1.google.s""#, true),
    ] {
        let (parts, _) = content(
            "assistant",
            &format!(
                r#"[{{"type":"thinking",{thinking}}},{{"type":"tool_use","id":"t","name":"f","input":{{}}}}]"#
            ),
        );
        assert_eq!(parts.len(), if own { 2 } else { 1 }, "{thinking}");
        let Some(Part::ToolCall { signature, .. }) = parts.last() else {
            panic!("{parts:?}");
        };
        assert_eq!(signature.is_none(), own);
    }
}

#[test]
fn tools_and_their_choice_are_read() {
    let request = with(
        r#""tools":[{"name":"f","description":"D","input_schema":{"type":"object"},"strict":true,
        "cache_control":{"type":"ephemeral"},"defer_loading":true},
        {"type":"web_search_20250305","name":"web_search"}],
        "tool_choice":{"type":"any","disable_parallel_tool_use":true}"#,
    );
    assert_eq!(
        request.tools,
        [Tool {
            name: "f".to_owned(),
            description: Some("D".to_owned()),
            parameters: Some(json!({"type":"object"})),
            strict: Some(true),
            cache: mark(None),
        }]
    );
    assert_eq!(request.parallel_tool_calls, Some(false));
    assert_eq!(
        request.unknown,
        ["tools.defer_loading", "tools.web_search_20250305"]
    );
    for (choice, expected) in [
        (r#"{"type":"auto"}"#, ToolChoice::Auto),
        (r#"{"type":"any"}"#, ToolChoice::Required),
        (r#"{"type":"none"}"#, ToolChoice::None),
        (
            r#"{"type":"tool","name":"f"}"#,
            ToolChoice::Tool("f".to_owned()),
        ),
    ] {
        let request = with(&format!(r#""tool_choice":{choice}"#));
        assert_eq!(request.tool_choice, Some(expected));
        assert_eq!(request.parallel_tool_calls, None);
    }
}

#[test]
fn thinking_and_effort_are_read() {
    let effort = |effort| Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    };
    for (members, expected) in [
        (
            r#""thinking":{"type":"enabled","budget_tokens":2048}"#,
            Reasoning {
                budget_tokens: Some(2048),
                ..Reasoning::default()
            },
        ),
        (
            r#""thinking":{"type":"adaptive","display":"omitted"},"output_config":{"effort":"high"}"#,
            Reasoning {
                effort: Some(Effort::High),
                adaptive: true,
                summary: Some(false),
                ..Reasoning::default()
            },
        ),
        (r#""thinking":{"type":"disabled"}"#, effort(Effort::None)),
        (
            r#""output_config":{"effort":"xhigh"}"#,
            effort(Effort::XHigh),
        ),
        (r#""output_config":{"effort":"max"}"#, effort(Effort::Max)),
    ] {
        let request = with(members);
        assert_eq!(request.reasoning, Some(expected), "{members}");
        assert_eq!(request.unknown, Vec::<String>::new());
    }
    let both = with(r#""thinking":{"type":"disabled"},"output_config":{"effort":"low"}"#);
    assert_eq!(both.reasoning, Some(effort(Effort::None)));
    assert_eq!(both.unknown, ["output_config.effort"]);
}

#[test]
fn a_schema_is_read_by_its_newer_and_its_older_name() {
    let format = r#"{"type":"json_schema","schema":{"type":"object"}}"#;
    let expected = Format::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: json!({"type":"object"}),
        strict: Some(true),
    };
    for members in [
        format!(r#""output_config":{{"format":{format}}}"#),
        format!(r#""output_format":{format}"#),
    ] {
        assert_eq!(with(&members).format, expected);
    }
}

#[test]
fn a_mark_at_the_top_marks_the_last_part() {
    let messages = r#"[{"role":"user","content":"Hi"},
        {"role":"assistant","content":[{"type":"text","text":"A"},{"type":"thinking","thinking":"T"}]}]"#;
    let marked = r#""cache_control":{"type":"ephemeral","ttl":"5m"}"#;
    let request = read_request(&body(marked, messages)).unwrap();
    assert_eq!(request.turns[0].parts, [Part::text("Hi")]);
    assert_eq!(
        request.turns[1].parts[0],
        Part::Text {
            text: "A".to_owned(),
            cache: mark(Some("5m")),
        }
    );
}

#[test]
fn what_nobody_else_has_is_listed() {
    let request = with(r#""container":"c","mcp_servers":[],"diagnostics":null,"speed":"fast""#);
    assert_eq!(request.unknown, ["container", "mcp_servers", "speed"]);
}

#[test]
fn instructions_within_the_conversation_stay_there() {
    let messages = r#"[{"role":"user","content":"Hi"},{"role":"system","content":"Be brief."}]"#;
    let request = read_request(&body("", messages)).unwrap();
    assert_eq!(
        request.turns[1],
        turn(Role::System, vec![Part::text("Be brief.")])
    );
}

fn check_bad(messages: &str, members: &str, field: &str) {
    let error = read_request(&body(members, messages)).unwrap_err();
    assert_eq!(error.field, field, "{messages} {members}");
}

#[test]
fn a_bad_turn_names_its_field() {
    let part = "messages[0].content[0]";
    for (messages, field) in [
        ("[]", "messages"),
        ("3", "messages"),
        (r#"[{"role":"tool","content":""}]"#, "messages[0].role"),
        (r#"[{"role":"user"}]"#, "messages[0].content"),
        (r#"[{"role":"user","content":3}]"#, "messages[0].content"),
    ] {
        check_bad(messages, "", field);
    }
    for (block, field) in [
        ("3", ""),
        ("{}", ".type"),
        (r#"{"type":"text"}"#, ".text"),
        (r#"{"type":"image","source":{"type":"url"}}"#, ".source.url"),
        (r#"{"type":"image","source":{"type":"x"}}"#, ".source.type"),
        (r#"{"type":"tool_use","id":"t","name":"f"}"#, ".input"),
        (
            r#"{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":1}]}"#,
            ".content[0].text",
        ),
    ] {
        let messages = format!(r#"[{{"role":"user","content":[{block}]}}]"#);
        check_bad(&messages, "", &format!("{part}{field}"));
    }
}

#[test]
fn a_bad_member_names_itself() {
    let hi = r#"[{"role":"user","content":"Hi"}]"#;
    for (members, field) in [
        (r#""tools":[{"name":"f"}]"#, "tools[0].input_schema"),
        (r#""tool_choice":{"type":"tool"}"#, "tool_choice.name"),
        (r#""temperature":"hot""#, "temperature"),
        (r#""top_k":-1"#, "top_k"),
        (r#""stream":1"#, "stream"),
        (r#""stop_sequences":[1]"#, "stop_sequences"),
        (r#""thinking":{"type":"enabled"}"#, "thinking.budget_tokens"),
        (
            r#""output_config":{"format":{"type":"json_schema"}}"#,
            "output_config.format.schema",
        ),
    ] {
        check_bad(hi, members, field);
    }
    for (body, field) in [
        ("", ""),
        ("[]", ""),
        (r#"{"messages":[]}"#, "model"),
        (r#"{"model":"m"}"#, "messages"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"Hi"}]}"#,
            "max_tokens",
        ),
    ] {
        assert_eq!(read_request(body.as_bytes()).unwrap_err().field, field);
    }
}
