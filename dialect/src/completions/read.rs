//! What a client of legacy Completions asks.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::chat::{BadRequest, ChatRequest, Part, Role, Turn};
use crate::openai_chat::common;
use crate::openai_chat::object::Object;

/// Reads a request for `/v1/completions`: the prompt, which must be one text, becomes a user turn.
/// `suffix`, `echo` and `best_of` are unknown, since no chat has a word for them.
///
/// # Errors
/// When it is not JSON, a member that is acted on is not what it must be, or the prompt is tokens or
/// several texts; the field is named by its path.
pub fn read_request(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    let mut body = Object::body(body)?;
    let mut unknown = BTreeSet::new();
    let mut request = ChatRequest::default();
    common(&mut body, &mut request, &mut unknown)?;
    request.turns = vec![Turn {
        role: Role::User,
        parts: vec![Part::text(prompt(&mut body)?)],
        name: None,
    }];
    request.max_tokens = body.count("max_tokens")?;
    request.top_logprobs = body.count("logprobs")?;
    request.logprobs = request.top_logprobs.is_some();
    for (name, default) in [
        ("echo", Value::Bool(false)),
        ("best_of", Value::from(1)),
        ("suffix", Value::from("")),
    ] {
        body.drop_if(name, &default);
    }
    unknown.extend(body.rest());
    request.unknown = unknown.into_iter().collect();
    Ok(request)
}

fn prompt(body: &mut Object<'_>) -> Result<String, BadRequest> {
    const NAME: &str = "prompt";
    const TOKENS: &str = "must be text: this model takes no token ids";
    match body.take(NAME) {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Array(mut texts)) => {
            let several = texts.len() > 1;
            match texts.pop() {
                Some(Value::String(_)) if several => {
                    Err(body.wrong(NAME, "must be one text: send one request per prompt"))
                }
                Some(Value::String(text)) => Ok(text),
                Some(Value::Number(_) | Value::Array(_)) => Err(body.wrong(NAME, TOKENS)),
                _ => Err(body.wrong(NAME, "must be a string")),
            }
        }
        _ => Err(body.wrong(NAME, "is required and must be a string")),
    }
}
