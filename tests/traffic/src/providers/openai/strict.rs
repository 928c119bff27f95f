//! What OpenAI's chat refuses besides broken JSON, in its words.

use std::fmt::Write;

use serde_json::Value;

use super::route::Flavour;
use super::shape::CHAT;
use crate::providers::config::ProviderConfig;
use crate::providers::refusal::Refusal;
use crate::providers::shape::{Flaw, Measure, Problem, Step, flaws, type_of};

/// Checks a chat request as strictly as its provider does.
pub(super) fn check(flavour: Flavour, config: &ProviderConfig, body: &[u8]) -> Result<(), Refusal> {
    let strict = config.strict || matches!(flavour, Flavour::Vendor(_));
    if !strict {
        return Ok(());
    }
    // What is no JSON is refused where it is read for an answer.
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return Ok(());
    };
    match flavour {
        Flavour::Vendor(vendor) => vendor.check(&request),
        Flavour::OpenAi | Flavour::Azure => {
            if let Some(flaw) = flaws(&CHAT, &request).first() {
                return Err(refusal(flaw));
            }
            check_model_limits(&request)?;
            check_json_word(&request)?;
            check_schema(&request)?;
            check_tool_turns(&request)
        }
    }
}

/// A flaw in OpenAI's words.
pub(super) fn refusal(flaw: &Flaw) -> Refusal {
    let path = path(&flaw.path);
    let inner = |name: &str| match path.as_str() {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match &flaw.problem {
        Problem::Unknown(name, _) => {
            let name = inner(name);
            Refusal::invalid(format!("Unknown parameter: '{name}'."), Some(&name))
                .coded("unknown_parameter")
        }
        Problem::Missing(name) => super::answer::missing(&inner(name)),
        Problem::Type(wanted, got) => {
            let article = if matches!(*wanted, "array" | "integer" | "object") {
                "an"
            } else {
                "a"
            };
            let message = format!(
                "Invalid type for '{path}': expected {article} {wanted}, but got {} instead.",
                type_of(got)
            );
            Refusal::invalid(message, Some(&path)).coded("invalid_type")
        }
        Problem::Word(words, got) => invalid_value(&path, got, words),
        Problem::Tag(tag, got, words) => match got {
            Some(got) => invalid_value(&inner(tag), got, words),
            None => super::answer::missing(&inner(tag)),
        },
        Problem::Under(least, measure) => bound(&path, "below", &format!(">= {least}"), *measure),
        Problem::Over(most, measure) => bound(&path, "above", &format!("<= {most}"), *measure),
        Problem::NotSingle(names) => Refusal::invalid(
            format!("Invalid value for '{path}': expected one of {names:?}."),
            Some(&path),
        ),
    }
}

fn bound(path: &str, side: &str, expected: &str, measure: Measure) -> Refusal {
    let (what, code) = match (measure, side) {
        (Measure::Value, "below") => ("value below minimum", "decimal_below_min_value"),
        (Measure::Value, _) => ("value above maximum", "decimal_above_max_value"),
        (Measure::Characters, "below") => ("string too short", "string_below_min_length"),
        (Measure::Characters, _) => ("string too long", "string_above_max_length"),
        (Measure::Items, "below") => ("empty array", "empty_array"),
        (Measure::Items, _) => ("array too long", "array_above_max_length"),
    };
    let message = format!("Invalid '{path}': {what}. Expected {expected}.");
    Refusal::invalid(message, Some(path)).coded(code)
}

fn invalid_value(path: &str, got: &str, words: &[&str]) -> Refusal {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let message = format!(
        "Invalid value: '{got}'. Supported values are: {}.",
        quoted.join(", ")
    );
    Refusal::invalid(message, Some(path)).coded("invalid_value")
}

fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        // Writing to a string cannot fail.
        let _written = match step {
            Step::Key(key) if path.is_empty() => write!(path, "{key}"),
            Step::Key(key) => write!(path, ".{key}"),
            Step::Index(index) | Step::Entry(index) => write!(path, "[{index}]"),
            Step::Tag(_) => Ok(()),
        };
    }
    path
}

/// Reasoning models take `max_completion_tokens` only.
fn check_model_limits(request: &Value) -> Result<(), Refusal> {
    let model = request
        .get("model")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let reasons = ["o1", "o3", "o4", "gpt-5"]
        .iter()
        .any(|prefix| model.starts_with(prefix));
    if reasons
        && request
            .get("max_tokens")
            .is_some_and(|limit| !limit.is_null())
    {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Err(Refusal::invalid(message, Some("max_tokens")).coded("unsupported_parameter"));
    }
    Ok(())
}

/// JSON mode needs the word in the conversation.
pub(in crate::providers) fn check_json_word(request: &Value) -> Result<(), Refusal> {
    let format = request
        .pointer("/response_format/type")
        .and_then(Value::as_str);
    let messages = request
        .get("messages")
        .map(Value::to_string)
        .unwrap_or_default();
    if format == Some("json_object") && !messages.to_lowercase().contains("json") {
        let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
        return Err(Refusal::invalid(message, Some("messages")));
    }
    Ok(())
}

/// A strict schema closes every object and requires every property.
fn check_schema(request: &Value) -> Result<(), Refusal> {
    let Some(format) = request.pointer("/response_format/json_schema") else {
        return Ok(());
    };
    let schema = format.get("schema").unwrap_or(&Value::Null);
    if format.get("strict") != Some(&Value::Bool(true)) || is_closed(schema) {
        return Ok(());
    }
    let name = format
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let message = format!(
        "Invalid schema for response_format '{name}': In context=(), 'additionalProperties' is required to be supplied and to be false, and 'required' to hold every property."
    );
    Err(Refusal::invalid(message, Some("response_format")))
}

fn is_closed(schema: &Value) -> bool {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return schema.get("items").is_none_or(is_closed);
    };
    let required = schema.get("required").and_then(Value::as_array);
    let all = properties
        .keys()
        .all(|name| required.is_some_and(|names| names.iter().any(|n| n.as_str() == Some(name))));
    all && schema.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.values().all(is_closed)
}

/// Tool messages answer the calls of the message before, all of them and no others.
pub(in crate::providers) fn check_tool_turns(request: &Value) -> Result<(), Refusal> {
    let messages = request.get("messages").and_then(Value::as_array);
    let mut open: Vec<&str> = Vec::new();
    let unanswered = |open: &[&str]| {
        let message = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            open.join(", ")
        );
        Refusal::invalid(message, Some("messages"))
    };
    let mut calling = false;
    for (index, message) in messages.into_iter().flatten().enumerate() {
        let field = |name: &str| message.get(name).and_then(Value::as_str);
        if field("role") == Some("tool") {
            let id = field("tool_call_id").unwrap_or_default();
            if !calling || !open.contains(&id) {
                let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return Err(Refusal::invalid(
                    message,
                    Some(&format!("messages.[{index}].role")),
                ));
            }
            open.retain(|open| *open != id);
            continue;
        }
        if !open.is_empty() {
            return Err(unanswered(&open));
        }
        let calls = message.get("tool_calls").and_then(Value::as_array);
        open = calls
            .into_iter()
            .flatten()
            .filter_map(|call| call.get("id")?.as_str())
            .collect();
        calling = !open.is_empty();
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(unanswered(&open))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::config::Kind;

    fn checked(extra: &Value) -> Result<(), String> {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let config = ProviderConfig {
            strict: true,
            ..ProviderConfig::new("p", Kind::Openai, 0)
        };
        check(Flavour::OpenAi, &config, body.to_string().as_bytes())
            .map_err(|refusal| format!("{:?} {}", refusal.param, refusal.message))
    }

    #[test]
    fn good_requests_pass() {
        let call =
            json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        for extra in [
            json!({"temperature": 2, "stop": ["a"], "seed": -1, "n": 2, "user": "u"}),
            json!({"messages": [
                {"role": "developer", "content": "d"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
                {"role": "assistant", "content": null, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": "1"},
            ]}),
            json!({"response_format": {"type": "json_schema", "json_schema": {
                "name": "n", "strict": true, "schema": {
                    "type": "object", "properties": {"a": {"type": "string"}},
                    "required": ["a"], "additionalProperties": false,
                },
            }}}),
        ] {
            assert_eq!(checked(&extra), Ok(()), "{extra}");
        }
    }

    #[test]
    fn bad_requests_are_named() {
        let call =
            json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        for (extra, part) in [
            (json!({"top_k": 5}), "Unknown parameter: 'top_k'."),
            (
                json!({"messages": [{"role": "user", "content": "x", "y": 1}]}),
                "'messages[0].y'",
            ),
            (
                json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]}),
                "'messages[0].content[0].cache_control'",
            ),
            (
                json!({"messages": [{"role": "user"}]}),
                "'messages[0].content'",
            ),
            (
                json!({"messages": [{"role": "x", "content": ""}]}),
                "Invalid value: 'x'",
            ),
            (json!({"temperature": 2.5}), "'temperature'"),
            (
                json!({"temperature": "1"}),
                "expected a number, but got a string",
            ),
            (json!({"stop": ["1", "2", "3", "4", "5"]}), "'stop'"),
            (json!({"tools": []}), "'tools'"),
            (
                json!({"model": "o3-mini", "max_tokens": 5}),
                "max_completion_tokens",
            ),
            (
                json!({"response_format": {"type": "json_object"}}),
                "the word 'json'",
            ),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {
                    "name": "n", "strict": true, "schema": {"properties": {"a": {}}},
                }}}),
                "additionalProperties",
            ),
            (
                json!({"messages": [{"role": "tool", "tool_call_id": "c", "content": "1"}]}),
                "preceeding message",
            ),
            (
                json!({"messages": [{"role": "assistant", "tool_calls": [call]}]}),
                "messages: c",
            ),
            (
                json!({"messages": [
                    {"role": "assistant", "tool_calls": [call]}, {"role": "user", "content": "x"},
                ]}),
                "did not have response messages: c",
            ),
        ] {
            let problem = checked(&extra).unwrap_err();
            assert!(problem.contains(part), "{extra}: {problem}");
        }
    }

    #[test]
    fn whoever_is_not_strict_takes_anything() {
        let config = ProviderConfig::new("p", Kind::Openai, 0);
        assert_eq!(check(Flavour::OpenAi, &config, b"{\"x\":1}"), Ok(()));
    }
}
