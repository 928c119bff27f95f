//! `messages`, as clients write them, read into turns.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::lenient::{Many, Text};
use super::object::{Object, Place};
use super::read_part::{cache_mark, content, mark_last};
use super::reasoning;
use super::wire::Detail;
use crate::chat::{BadRequest, Maker, Part, Role, Signature, Turn};

/// Members that SDKs send back with an answer and that say nothing, or nothing new.
const ECHOED: [&str; 5] = ["annotations", "index", "parsed", "reasoning", "tool_name"];

/// Reads the conversation; `unknown` gets `messages.X` for a member X that is not known.
pub(super) fn turns(
    messages: Vec<Value>,
    place: &Place<'_>,
    unknown: &mut BTreeSet<String>,
) -> Result<Vec<Turn>, BadRequest> {
    if messages.is_empty() {
        return Err(place.wrong("must have at least one message"));
    }
    let mut reader = Reader {
        turns: Vec::with_capacity(messages.len()),
        after_result: false,
        function_calls: Vec::new(),
        unknown,
    };
    for (index, message) in messages.into_iter().enumerate() {
        let place = place.element(index);
        reader.message(Object::new(message, &place)?)?;
    }
    Ok(reader.turns)
}

struct Reader<'u> {
    turns: Vec<Turn>,
    /// The last message was a tool's: the next tool's belongs to the same turn.
    after_result: bool,
    /// Name and made-up id of each deprecated `function_call` without a result.
    function_calls: Vec<(String, String)>,
    unknown: &'u mut BTreeSet<String>,
}

impl Reader<'_> {
    fn message(&mut self, mut message: Object<'_>) -> Result<(), BadRequest> {
        let role = message.need_text("role")?;
        let name = message.text("name")?;
        let mark = cache_mark(&mut message);
        let (role, mut parts) = match role.as_str() {
            "system" => (Role::System, said(&mut message)?),
            "developer" => (Role::Developer, said(&mut message)?),
            "user" => (Role::User, said(&mut message)?),
            "assistant" => (Role::Assistant, self.assistant(&mut message)?),
            "tool" | "function" => {
                let id = if role == "tool" {
                    message.need_text("tool_call_id")?
                } else {
                    self.function_id(name.unwrap_or_default())
                };
                let mut result = [tool_result(&mut message, id)?];
                mark_last(&mut result, mark);
                self.unknown_members(message);
                self.add_result(result);
                return Ok(());
            }
            _ => {
                return Err(message.wrong(
                    "role",
                    "must be one of system, developer, user, assistant, tool",
                ));
            }
        };
        mark_last(&mut parts, mark);
        self.unknown_members(message);
        self.after_result = false;
        self.turns.push(Turn { role, parts, name });
        Ok(())
    }

    fn add_result(&mut self, result: [Part; 1]) {
        if self.after_result
            && let Some(turn) = self.turns.last_mut()
        {
            turn.parts.extend(result);
            return;
        }
        self.after_result = true;
        self.turns.push(Turn {
            role: Role::User,
            parts: result.into(),
            name: None,
        });
    }

    fn assistant(&mut self, message: &mut Object<'_>) -> Result<Vec<Part>, BadRequest> {
        let mut parts = history(message)?;
        if let Some(value) = message.take("content") {
            parts.extend(content(value, &message.place().member("content"))?);
        }
        if let Some(text) = message.text("refusal")?.filter(|text| !text.is_empty()) {
            parts.push(Part::Refusal { text });
        }
        if let Some(value) = message.take("audio") {
            parts.push(Part::Foreign {
                kind: "audio".to_owned(),
                value,
            });
        }
        let calls = message.elements("tool_calls")?.unwrap_or_default();
        let place = message.place().member("tool_calls");
        for (index, value) in calls.into_iter().enumerate() {
            parts.push(self.tool_call(Object::new(value, &place.element(index))?)?);
        }
        if let Some(value) = message.take("function_call") {
            let place = message.place().member("function_call");
            let mut function = Object::new(value, &place)?;
            let name = function.need_text("name")?;
            let id = format!("call_fn_{}", self.turns.len());
            self.function_calls.push((name.clone(), id.clone()));
            parts.push(Part::ToolCall {
                id,
                name,
                arguments: arguments(&mut function, "arguments")?,
                cache: None,
                signature: None,
            });
        }
        Ok(parts)
    }

    fn tool_call(&mut self, mut call: Object<'_>) -> Result<Part, BadRequest> {
        let id = call.need_text("id")?;
        let kind = call.text("type")?.unwrap_or_default();
        let cache = cache_mark(&mut call);
        let signature = call.take("extra_content").and_then(|extra| {
            let data = extra.pointer("/google/thought_signature")?.as_str()?;
            Some(Signature {
                maker: Maker::Google,
                data: data.to_owned(),
            })
        });
        let (name, arguments) = match kind.as_str() {
            "function" | "" => {
                let place = call.place().member("function");
                let mut function = Object::new(call.take("function").unwrap_or_default(), &place)?;
                let name = function.need_text("name")?;
                (name, arguments(&mut function, "arguments")?)
            }
            "custom" => {
                // As a function of one argument, so that its result still has a call.
                self.unknown.insert("tools.custom".to_owned());
                let place = call.place().member("custom");
                let mut custom = Object::new(call.take("custom").unwrap_or_default(), &place)?;
                let name = custom.need_text("name")?;
                let input = custom.text("input")?.unwrap_or_default();
                (name, serde_json::json!({ "input": input }).to_string())
            }
            _ => return Err(call.wrong("type", "must be function or custom")),
        };
        Ok(Part::ToolCall {
            id,
            name,
            arguments,
            cache,
            signature,
        })
    }

    /// The id of the call that a message of the deprecated role `function` answers.
    fn function_id(&mut self, name: String) -> String {
        let call = self.function_calls.iter().position(|(of, _)| *of == name);
        match call {
            Some(at) => self.function_calls.remove(at).1,
            None => format!("call_{name}"),
        }
    }

    fn unknown_members(&mut self, message: Object<'_>) {
        for name in message.rest() {
            if !ECHOED.contains(&name.as_str()) {
                self.unknown.insert(format!("messages.{name}"));
            }
        }
    }
}

fn said(message: &mut Object<'_>) -> Result<Vec<Part>, BadRequest> {
    let place = message.place().member("content");
    content(message.take("content").unwrap_or_default(), &place)
}

/// A tool's message without content is one whose tool had nothing to say.
fn tool_result(message: &mut Object<'_>, id: String) -> Result<Part, BadRequest> {
    let value = message.take("content").unwrap_or(Value::Array(Vec::new()));
    Ok(Part::ToolResult {
        id,
        parts: content(value, &message.place().member("content"))?,
        is_error: false,
        cache: None,
    })
}

/// What the model thought in an earlier turn.
fn history(message: &mut Object<'_>) -> Result<Vec<Part>, BadRequest> {
    let flat = match message.text("reasoning_content")? {
        Some(flat) => Some(flat),
        None => message.text("reasoning")?,
    };
    let details = message.elements("reasoning_details")?.unwrap_or_default();
    // Reading a value leniently does not fail.
    let Many(details) = Many::<Detail<'_>>::deserialize(Value::Array(details)).unwrap_or_default();
    Ok(reasoning::parts(Text::from(flat), &details))
}

/// Arguments are JSON as text; some clients send the object.
fn arguments(function: &mut Object<'_>, name: &str) -> Result<String, BadRequest> {
    match function.take(name) {
        None => Ok(String::new()),
        Some(Value::String(arguments)) => Ok(arguments),
        Some(object @ Value::Object(_)) => Ok(object.to_string()),
        Some(_) => Err(function.wrong(name, "must be a string of JSON")),
    }
}
