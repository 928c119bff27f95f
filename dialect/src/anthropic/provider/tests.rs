mod conversation;
mod parts;
mod sampling;
mod thinking;
mod tools;

use serde_json::json;

use super::*;
use crate::chat::{
    CacheMark, Effort, Maker, Part, Reasoning, Role, Signature, Source, Tool, ToolChoice, Turn,
};

const OLD: &str = "claude-sonnet-4-5";
const NEW: &str = "claude-opus-5";

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn {
        role,
        parts,
        name: None,
    }
}

fn user(text: &str) -> Turn {
    turn(Role::User, vec![Part::text(text)])
}

fn ask() -> ChatRequest {
    ChatRequest {
        turns: vec![user("Hi")],
        max_tokens: Some(4096),
        ..ChatRequest::default()
    }
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        cache: None,
        signature: None,
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

fn tool() -> Tool {
    Tool {
        name: "f".to_owned(),
        ..Tool::default()
    }
}

fn write(request: &ChatRequest, model: &str) -> (Value, Vec<Field>) {
    let target = TargetFacts {
        model,
        default_max_tokens: 1000,
        account: "",
    };
    let written = write_request(request, &target);
    let body = serde_json::from_slice(&written.body).unwrap();
    let losses = written.losses.into_iter().map(|loss| loss.field);
    (body, losses.collect())
}

/// The value of a member of what is written for a model, and what is lost.
fn member(request: &ChatRequest, model: &str, name: &str) -> (Value, Vec<Field>) {
    let (mut body, losses) = write(request, model);
    (body[name].take(), losses)
}

fn messages(turns: Vec<Turn>, model: &str) -> (Value, Vec<Field>) {
    let request = ChatRequest { turns, ..ask() };
    member(&request, model, "messages")
}

fn effort(effort: Effort) -> Reasoning {
    Reasoning {
        effort: Some(effort),
        ..Reasoning::default()
    }
}

fn budget(tokens: u64) -> Reasoning {
    Reasoning {
        budget_tokens: Some(tokens),
        ..Reasoning::default()
    }
}

#[test]
fn a_plain_request_is_written() {
    let request = ChatRequest {
        turns: vec![
            turn(Role::System, vec![Part::text("Be kind.")]),
            turn(Role::Developer, vec![Part::text("Be brief.")]),
            user("Hi"),
        ],
        max_tokens: None,
        temperature: serde_json::from_str("0.5").ok(),
        top_k: Some(5),
        stop: vec!["END".to_owned(), " ".to_owned()],
        stream: true,
        user: Some("u-1".to_owned()),
        service_tier: Some("default".to_owned()),
        ..ChatRequest::default()
    };
    let (body, losses) = write(&request, OLD);
    assert_eq!(
        body.to_string(),
        r#"{"model":"claude-sonnet-4-5","max_tokens":1000,"system":[{"type":"text","text":"Be kind."},{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"temperature":0.5,"top_k":5,"stop_sequences":["END"],"metadata":{"user_id":"u-1"},"service_tier":"standard_only","stream":true}"#
    );
    assert_eq!(losses, [Field::Stop]);
}

#[test]
fn what_anthropic_does_not_know_is_a_loss() {
    let one = || serde_json::Number::from(1);
    let request = ChatRequest {
        seed: Some(one()),
        frequency_penalty: Some(one()),
        presence_penalty: Some(one()),
        logit_bias: json!({"1": 1}).as_object().cloned(),
        logprobs: true,
        n: Some(2),
        verbosity: Some("low".to_owned()),
        metadata: json!({"a": "b"}).as_object().cloned(),
        prompt_cache_key: Some("k".to_owned()),
        service_tier: Some("flex".to_owned()),
        unknown: vec!["store".to_owned()],
        ..ask()
    };
    let (body, losses) = write(&request, OLD);
    assert_eq!(body, write(&ask(), OLD).0);
    assert_eq!(
        losses,
        [
            Field::Seed,
            Field::FrequencyPenalty,
            Field::PresencePenalty,
            Field::LogitBias,
            Field::Logprobs,
            Field::N,
            Field::Verbosity,
            Field::CacheControl,
            Field::ServiceTier,
            Field::Metadata,
            Field::Unknown("store".to_owned()),
        ]
    );
    let defaults = ChatRequest {
        n: Some(1),
        parallel_tool_calls: Some(true),
        top_logprobs: Some(0),
        logit_bias: Some(serde_json::Map::new()),
        ..ask()
    };
    assert_eq!(write(&defaults, OLD), write(&ask(), OLD));
}

#[test]
fn the_form_of_the_answer_is_asked_for() {
    let json_object = ChatRequest {
        format: Format::JsonObject,
        ..ask()
    };
    let (body, losses) = write(&json_object, NEW);
    assert_eq!(
        body["system"],
        json!([{"type":"text","text":JSON_INSTRUCTION}])
    );
    assert_eq!(losses, [Field::ResponseFormat]);

    let schema = |schema: Value| ChatRequest {
        format: Format::JsonSchema {
            name: "n".to_owned(),
            description: Some("D".to_owned()),
            schema,
            strict: Some(true),
        },
        reasoning: Some(effort(Effort::Low)),
        ..ask()
    };
    let closed = json!({"type":"object","properties":{},"additionalProperties":false});
    let (output, losses) = member(&schema(closed), NEW, "output_config");
    assert_eq!(
        output,
        json!({"effort":"low","format":{"type":"json_schema","schema":{
            "type":"object","properties":{},"additionalProperties":false,"description":"D"}}})
    );
    assert_eq!(losses, []);
    let bounded = json!({"type":"integer","minimum":1});
    assert_eq!(write(&schema(bounded), NEW).1, [Field::ResponseFormat]);
}

#[test]
fn the_last_four_cache_marks_stay() {
    let marked = |text: &str, ttl: Option<&str>| Part::Text {
        text: text.to_owned(),
        cache: Some(CacheMark {
            ttl: ttl.map(str::to_owned),
        }),
    };
    let request = ChatRequest {
        tools: vec![Tool {
            cache: Some(CacheMark::default()),
            ..tool()
        }],
        turns: vec![
            turn(Role::System, vec![marked("s", Some("1h"))]),
            turn(
                Role::User,
                vec![
                    marked("a", Some("1h")),
                    marked("b", Some("5m")),
                    result("c", vec![marked("d", None)]),
                ],
            ),
        ],
        ..ask()
    };
    let (body, losses) = write(&request, NEW);
    let marks = |value: &Value| value.to_string().matches("cache_control").count();
    assert_eq!(marks(&body["tools"]), 0);
    assert_eq!(marks(&body["system"]), 1);
    assert_eq!(marks(&body["messages"]), 3);
    assert_eq!(
        body["system"][0]["cache_control"],
        json!({"type":"ephemeral","ttl":"1h"})
    );
    assert_eq!(losses, [Field::CacheControl]);
    let odd = ChatRequest {
        turns: vec![turn(Role::User, vec![marked("a", Some("24h"))])],
        ..ask()
    };
    let (messages, losses) = member(&odd, NEW, "messages");
    assert_eq!(
        messages[0]["content"][0]["cache_control"],
        json!({"type":"ephemeral"})
    );
    assert_eq!(losses, [Field::CacheControl]);
}

#[test]
fn only_the_prompt_is_counted() {
    let request = ChatRequest {
        tools: vec![tool()],
        temperature: serde_json::from_str("0.5").ok(),
        stop: vec!["END".to_owned()],
        user: Some("u".to_owned()),
        stream: true,
        ..ask()
    };
    let target = TargetFacts {
        model: OLD,
        default_max_tokens: 1000,
        account: "",
    };
    let body = write_count_tokens_request(&request, &target).body;
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]}"#
    );
}
