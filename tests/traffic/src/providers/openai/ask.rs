//! The request's body, read as strictly as a provider reads it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::reply::{Choice, Format, Sights, Tool, Wish};

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
    pub(super) tools: Option<Vec<ToolEntry>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) response_format: Option<Value>,
    pub(super) encoding_format: Option<Encoding>,
    pub(super) dimensions: Option<usize>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) logprobs: Option<Value>,
    #[serde(borrow, default)]
    pub(super) service_tier: Option<Cow<'a, str>>,
}

/// A message; of its content only what is not text matters.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) role: Role,
    #[serde(default)]
    content: Content,
}

/// What a message shows besides text.
#[derive(Debug, Default)]
struct Content(Sights);

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string or a list of parts")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::default())
    }

    fn visit_str<E>(self, _text: &str) -> Result<Content, E> {
        Ok(Content::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Content, A::Error> {
        let mut sights = Sights::default();
        while let Some(part) = parts.next_element::<Part<'_>>()? {
            match part.kind.as_deref() {
                Some("image_url") => sights.images += 1,
                Some("input_audio") => sights.sounds += 1,
                Some("file") => sights.documents += 1,
                _ => {}
            }
        }
        Ok(Content(sights))
    }
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
pub(super) struct ToolEntry {
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

    /// What is asked for of `model`.
    pub(super) fn wish(&self, model: &str) -> Wish {
        let messages = self.messages.as_deref().unwrap_or_default();
        let mut sights = Sights {
            answered: messages.last().is_some_and(|m| m.role == Role::Tool),
            ..Sights::default()
        };
        for message in messages {
            sights.images += message.content.0.images;
            sights.sounds += message.content.0.sounds;
            sights.documents += message.content.0.documents;
            sights.results += usize::from(message.role == Role::Tool);
        }
        let tool = |entry: &ToolEntry| Tool {
            name: entry.function.name.clone(),
            schema: entry.function.parameters.clone(),
        };
        Wish {
            model: model.to_owned(),
            limit: self.token_limit(),
            tools: self.tools.iter().flatten().map(tool).collect(),
            choice: choice(self.tool_choice.as_ref()),
            one_call: self.parallel_tool_calls == Some(false),
            format: self.format(),
            thinks: false,
            sights,
        }
    }

    fn format(&self) -> Format {
        let at = |pointer| {
            self.response_format
                .as_ref()
                .and_then(|f| f.pointer(pointer))
        };
        match at("/type").and_then(Value::as_str) {
            Some("json_object") => Format::Json,
            Some("json_schema") => {
                Format::Schema(at("/json_schema/schema").cloned().unwrap_or_default())
            }
            _ => Format::Words,
        }
    }
}

/// `tool_choice` of chat and of responses.
pub(super) fn choice(choice: Option<&Value>) -> Choice {
    let Some(choice) = choice else {
        return Choice::Auto;
    };
    let named = choice
        .pointer("/function/name")
        .or_else(|| choice.get("name"));
    match (choice.as_str(), named.and_then(Value::as_str)) {
        (Some("none"), _) => Choice::None,
        (Some("required" | "any"), _) => Choice::Any,
        (_, Some(name)) => Choice::Named(name.to_owned()),
        _ => Choice::Auto,
    }
}

/// The smallest value that satisfies a JSON schema of the kind that SDKs generate.
pub(in crate::providers) fn sample(schema: &Value, depth: usize) -> Value {
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

    fn wish(extra: &Value) -> Wish {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let text = body.to_string();
        let ask: Ask = serde_json::from_str(&text).unwrap();
        ask.wish("m")
    }

    #[test]
    fn a_choice_is_read_in_every_form() {
        for (said, expected) in [
            (json!({}), Choice::Auto),
            (json!({"tool_choice": "auto"}), Choice::Auto),
            (json!({"tool_choice": "none"}), Choice::None),
            (json!({"tool_choice": "required"}), Choice::Any),
            (
                json!({"tool_choice": {"type": "function", "function": {"name": "b"}}}),
                Choice::Named("b".to_owned()),
            ),
            (
                json!({"tool_choice": {"type": "function", "name": "b"}}),
                Choice::Named("b".to_owned()),
            ),
        ] {
            assert_eq!(wish(&said).choice, expected, "{said}");
        }
    }

    #[test]
    fn what_messages_show_is_counted() {
        let parts = json!([
            {"type": "text", "text": "x"},
            {"type": "image_url", "image_url": {"url": "https://x"}},
            {"type": "file", "file": {"file_data": "x"}},
            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        ]);
        let seen = wish(&json!({"messages": [
            {"role": "user", "content": parts},
            {"role": "assistant", "content": null},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
        ]}));
        let expected = Sights {
            images: 1,
            documents: 1,
            sounds: 1,
            results: 1,
            answered: true,
        };
        assert_eq!(seen.sights, expected);
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
