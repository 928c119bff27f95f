//! JSON Schema as far as Anthropic's structured outputs follow it.
//!
//! Source: <https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations>
//! and the SDK's `lib/_parse/_transform.py`, which treats schemas in the same way: what cannot be
//! enforced goes into the description, where the model reads it.

use serde_json::{Map, Value};

const UNSUPPORTED: [&str; 19] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "if",
    "then",
    "else",
];
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// The schema with closed objects and without what is not supported, and whether all of it is
/// still enforced.
pub(super) fn supported(schema: &Value) -> (Value, bool) {
    let mut whole = true;
    let schema = rewrite(schema, &mut whole);
    (schema, whole)
}

fn rewrite(schema: &Value, whole: &mut bool) -> Value {
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    let mut out = Map::new();
    let mut left_out = Map::new();
    for (name, value) in members {
        match name.as_str() {
            "properties" | "$defs" | "definitions" => {
                out.insert(name.clone(), each_member(value, whole));
            }
            "items" => {
                out.insert(name.clone(), rewrite(value, whole));
            }
            "anyOf" | "allOf" => {
                out.insert(name.clone(), each_item(value, whole));
            }
            "oneOf" => {
                out.insert("anyOf".to_owned(), each_item(value, whole));
            }
            // Objects are closed below.
            "additionalProperties" => *whole &= value == &Value::Bool(false),
            _ if is_unsupported(name, value) => {
                left_out.insert(name.clone(), value.clone());
            }
            _ => {
                out.insert(name.clone(), value.clone());
            }
        }
    }
    if is_object(&out) {
        out.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if !left_out.is_empty() {
        *whole = false;
        describe(&mut out, &Value::Object(left_out));
    }
    Value::Object(out)
}

fn each_member(value: &Value, whole: &mut bool) -> Value {
    let Value::Object(members) = value else {
        return value.clone();
    };
    let members = members
        .iter()
        .map(|(name, schema)| (name.clone(), rewrite(schema, whole)));
    Value::Object(members.collect())
}

fn each_item(value: &Value, whole: &mut bool) -> Value {
    let Value::Array(items) = value else {
        return value.clone();
    };
    Value::Array(items.iter().map(|item| rewrite(item, whole)).collect())
}

fn is_unsupported(name: &str, value: &Value) -> bool {
    match name {
        "minItems" => value.as_u64().is_none_or(|least| least > 1),
        "format" => value.as_str().is_none_or(|form| !FORMATS.contains(&form)),
        _ => UNSUPPORTED.contains(&name),
    }
}

fn is_object(schema: &Map<String, Value>) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => schema.contains_key("properties"),
    }
}

fn describe(schema: &mut Map<String, Value>, left_out: &Value) {
    let text = match schema.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text}\n\n{left_out}"),
        None => left_out.to_string(),
    };
    schema.insert("description".to_owned(), Value::String(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_enforced_is_told_to_the_model() {
        for (schema, expected, expected_whole) in [
            (
                r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#,
                r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#,
                true,
            ),
            (
                r#"{"type":"object","properties":{"minimum":{"type":"integer","minimum":1}}}"#,
                r#"{"type":"object","properties":{"minimum":{"type":"integer","description":"{\"minimum\":1}"}},"additionalProperties":false}"#,
                false,
            ),
            (
                r##"{"type":"array","minItems":1,"items":{"oneOf":[{"type":"null"},{"$ref":"#/$defs/x"}]}}"##,
                r##"{"type":"array","minItems":1,"items":{"anyOf":[{"type":"null"},{"$ref":"#/$defs/x"}]}}"##,
                true,
            ),
            (
                r#"{"type":"string","format":"color","description":"D"}"#,
                r#"{"type":"string","description":"D\n\n{\"format\":\"color\"}"}"#,
                false,
            ),
            (
                r#"{"type":["object","null"],"additionalProperties":{"type":"string"}}"#,
                r#"{"type":["object","null"],"additionalProperties":false}"#,
                false,
            ),
            ("true", "true", true),
        ] {
            let (written, whole) = supported(&serde_json::from_str(schema).unwrap());
            assert_eq!(
                (written.to_string().as_str(), whole),
                (expected, expected_whole)
            );
        }
    }
}
