//! One case per feature: what is written, what is read.

mod answer;
mod error;
mod history;
mod method;
mod request;
mod schema;
mod stream;

use serde_json::Value;

use super::write_request;
use crate::chat::{ChatRequest, Maker, Part, Role, Signature, TargetFacts, Turn};

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

fn asking(text: &str) -> ChatRequest {
    conversation(vec![user(text)])
}

fn conversation(turns: Vec<Turn>) -> ChatRequest {
    ChatRequest {
        turns,
        ..ChatRequest::default()
    }
}

fn google(data: &str) -> Option<Signature> {
    signed(Maker::Google, data)
}

fn signed(maker: Maker, data: &str) -> Option<Signature> {
    Some(Signature {
        maker,
        data: data.to_owned(),
    })
}

fn call(id: &str, name: &str, arguments: &str, signature: Option<Signature>) -> Part {
    Part::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        cache: None,
        signature,
    }
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult {
        id: id.to_owned(),
        parts,
        is_error,
        cache: None,
    }
}

/// The body for a model, and the names of what it does not say.
fn written(request: &ChatRequest, model: &str) -> (Value, Vec<String>) {
    let target = TargetFacts {
        model,
        default_max_tokens: 4096,
        account: "",
    };
    let written = write_request(request, &target);
    let losses = written.losses.iter().map(|loss| loss.field.name().into());
    (
        serde_json::from_slice(&written.body).unwrap(),
        losses.collect(),
    )
}
