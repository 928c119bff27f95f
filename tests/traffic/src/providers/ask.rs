//! The request's body, read as strictly as a provider reads it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// The fields that shape an answer; all others are checked to be JSON and skipped.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Ask<'a> {
    #[serde(borrow, default)]
    pub(super) model: Option<Cow<'a, str>>,
    pub(super) messages: Option<Vec<Message>>,
    pub(super) prompt: Option<IgnoredAny>,
    pub(super) input: Option<Value>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    pub(super) max_tokens: Option<usize>,
    pub(super) max_completion_tokens: Option<usize>,
    pub(super) n: Option<usize>,
    pub(super) tools: Option<Vec<Tool>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) response_format: Option<Value>,
    pub(super) encoding_format: Option<Encoding>,
    pub(super) dimensions: Option<usize>,
}

/// A message; its content does not matter.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) role: Role,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    Function,
}

/// `stream_options`.
#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: bool,
}

/// One of `tools`.
#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    pub(super) function: Function,
}

/// A function that the model may call.
#[derive(Debug, Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    #[serde(default)]
    pub(super) parameters: Value,
}

/// `encoding_format` of embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    Float,
    Base64,
}

impl Ask<'_> {
    /// Whether a stream ends with a usage event.
    pub(super) fn include_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .is_some_and(|o| o.include_usage)
    }

    /// The bound on the answer's tokens, if any.
    pub(super) fn token_limit(&self) -> Option<usize> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// The function to call, when the request offers some and the turn is not a tool's answer,
    /// after which a model speaks.
    pub(super) fn function_to_call(&self) -> Option<&Function> {
        let tools = self.tools.as_ref()?;
        let last = self.messages.as_ref().and_then(|m| m.last());
        if last.is_some_and(|m| m.role == Role::Tool)
            || self.tool_choice.as_ref().and_then(Value::as_str) == Some("none")
        {
            return None;
        }
        let wanted = self
            .tool_choice
            .as_ref()
            .and_then(|choice| choice.pointer("/function/name"))
            .and_then(Value::as_str);
        tools
            .iter()
            .map(|tool| &tool.function)
            .find(|function| wanted.is_none_or(|name| name == function.name))
    }
}

/// The smallest value that satisfies a JSON schema of the kind that SDKs generate.
pub(super) fn sample(schema: &Value, depth: usize) -> Value {
    let first = |key: &str| schema.get(key).and_then(|v| v.get(0)).cloned();
    if let Some(value) = schema.get("const").cloned().or_else(|| first("enum")) {
        return value;
    }
    if depth > 8 {
        return Value::Null;
    }
    for union in ["anyOf", "oneOf"] {
        if let Some(member) = first(union) {
            return sample(&member, depth + 1);
        }
    }
    let kind = schema.get("type").cloned().unwrap_or(Value::Null);
    let kind = kind
        .as_str()
        .or_else(|| kind.get(0).and_then(Value::as_str));
    match kind {
        Some("string") => Value::from("example"),
        Some("integer") => schema.get("minimum").cloned().unwrap_or(Value::from(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or(Value::from(1.5)),
        Some("boolean") => Value::from(true),
        Some("null") => Value::Null,
        Some("array") => {
            let item = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(vec![sample(item, depth + 1)])
        }
        _ => sample_object(schema, depth),
    }
}

fn sample_object(schema: &Value, depth: usize) -> Value {
    let required = schema.get("required").and_then(Value::as_array);
    let wanted = |name: &String| {
        required.is_none_or(|names| names.iter().any(|n| n.as_str() == Some(name.as_str())))
    };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Value::Object(serde_json::Map::new());
    };
    properties
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, property)| (name.clone(), sample(property, depth + 1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_function_is_called_only_when_it_may_be() {
        let call = |extra: Value| {
            let mut body = json!({
                "model": "m", "messages": [{"role": "user", "content": "x"}],
                "tools": [
                    {"type": "function", "function": {"name": "a"}},
                    {"type": "function", "function": {"name": "b"}},
                ],
            });
            for (key, value) in extra.as_object().unwrap() {
                body[key] = value.clone();
            }
            let text = body.to_string();
            let ask: Ask = serde_json::from_str(&text).unwrap();
            ask.function_to_call().map(|f| f.name.clone())
        };
        assert_eq!(call(json!({})).as_deref(), Some("a"));
        assert_eq!(call(json!({"tool_choice": "none"})), None);
        assert_eq!(
            call(json!({"tool_choice": {"type": "function", "function": {"name": "b"}}}))
                .as_deref(),
            Some("b")
        );
        let answered = json!({"messages": [{"role": "tool", "tool_call_id": "c", "content": "1"}]});
        assert_eq!(call(answered), None);
    }

    #[test]
    fn a_sample_has_what_the_schema_requires() {
        let schema = json!({
            "type": "object",
            "required": ["city", "unit", "days", "place", "tags"],
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 3},
                "note": {"type": "string"},
                "place": {"anyOf": [{"type": "object", "properties": {"x": {"type": ["number", "null"]}}}]},
                "tags": {"type": "array", "items": {"type": "boolean"}},
            },
        });
        assert_eq!(
            sample(&schema, 0),
            json!({
                "city": "example", "unit": "celsius", "days": 3, "place": {"x": 1.5}, "tags": [true],
            })
        );
    }
}
