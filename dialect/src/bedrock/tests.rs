mod answers;
mod conversations;
mod errors;
mod forms;
mod settings;
mod streams;

use serde_json::{Value, json};

use super::*;
use crate::chat::{ChatRequest, Part, Role, TargetFacts, Tool, Turn};

const CLAUDE: &str = "anthropic.claude-sonnet-4-20250514-v1:0";
const NOVA: &str = "amazon.nova-2-lite-v1:0";
const GPT_OSS: &str = "openai.gpt-oss-120b-1:0";
const LLAMA: &str = "meta.llama3-3-70b-instruct-v1:0";
const PROFILE: &str = "arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2c3";

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

/// A request of one user turn.
fn ask() -> ChatRequest {
    ChatRequest {
        turns: vec![user("Hi")],
        ..ChatRequest::default()
    }
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        parameters: Some(json!({"type": "object", "properties": {"a": {"type": "string"}}})),
        ..Tool::default()
    }
}

/// The body for a model, and the names of the losses.
fn write(request: &ChatRequest, model: &str) -> (Value, Vec<String>) {
    let target = TargetFacts {
        model,
        default_max_tokens: 4096,
        account: "",
    };
    let written = write_request(request, &target);
    let losses = written.losses.iter();
    let losses = losses.map(|loss| loss.field.name().into_owned());
    (
        serde_json::from_slice(&written.body).unwrap(),
        losses.collect(),
    )
}

/// Members of the body but for the messages, where these are not what is tested.
fn settings(request: &ChatRequest, model: &str) -> (Value, Vec<String>) {
    let (mut body, losses) = write(request, model);
    body.as_object_mut().unwrap().shift_remove("messages");
    (body, losses)
}

#[test]
fn paths_name_the_model_in_one_segment() {
    for (base, model, stream, expected) in [
        (
            "",
            "anthropic.claude-3-haiku-20240307-v1:0",
            false,
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
        ),
        (
            "/proxy",
            "us.amazon.nova-2-lite-v1:0",
            true,
            "/proxy/model/us.amazon.nova-2-lite-v1%3A0/converse-stream",
        ),
        (
            "",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x-y_z~1",
            true,
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x-y_z~1/converse-stream",
        ),
    ] {
        assert_eq!(path(base, model, stream), expected);
    }
}
