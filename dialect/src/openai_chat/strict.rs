//! Whether a schema may be followed to the letter.

use serde_json::Value;

/// Whether OpenAI takes the schema with `strict: true`: every object is closed
/// (`additionalProperties: false`) and requires all its properties. Other dialects' strictness leaves
/// properties optional. In doubt it does not conform.
///
/// <https://platform.openai.com/docs/guides/structured-outputs#all-fields-must-be-required>
pub(super) fn conforms(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "object") && is_strict(schema)
}

fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            let is_object =
                properties.is_some() || members.get("type").is_some_and(names_an_object);
            let closed = members.get("additionalProperties") == Some(&Value::Bool(false));
            let required = members.get("required").and_then(Value::as_array);
            let requires = |name: &String| {
                required.is_some_and(|names| names.iter().any(|n| n.as_str() == Some(name)))
            };
            let whole = properties.is_none_or(|properties| properties.keys().all(requires));
            let parts = || {
                let parts = members.iter().filter(|(name, _)| !is_data(name));
                parts.map(|(_, value)| value).all(is_strict)
            };
            // A property may have any name: what is in `properties` are schemas, not keywords.
            let inner = || properties.is_none_or(|properties| properties.values().all(is_strict));
            (!is_object || (closed && whole)) && inner() && parts()
        }
        Value::Array(items) => items.iter().all(is_strict),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// Values, not schemas; `properties` are looked at by name.
fn is_data(keyword: &str) -> bool {
    matches!(
        keyword,
        "enum" | "const" | "default" | "examples" | "properties"
    )
}

fn names_an_object(kind: &Value) -> bool {
    let among = kind
        .as_array()
        .is_some_and(|kinds| kinds.iter().any(|k| k == "object"));
    kind == "object" || among
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_object_is_closed_and_requires_all() {
        let closed = json!({"type": "object", "properties": {"a": {"type": "string"}},
            "required": ["a"], "additionalProperties": false});
        for (schema, conforming) in [
            (closed.clone(), true),
            (
                json!({"type": "object", "properties": {}, "additionalProperties": false}),
                true,
            ),
            (json!({"type": "object"}), false),
            (json!({"anyOf": [closed]}), false),
            (
                json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false}),
                false,
            ),
            (
                json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
                false,
            ),
            (
                json!({"type": "object", "properties": {"type": closed, "properties": {"type": "string"}},
                    "required": ["type", "properties"], "additionalProperties": false}),
                true,
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": ["object", "null"]}},
                    "required": ["a"], "additionalProperties": false}),
                false,
            ),
            (
                json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "required": ["a"],
                    "additionalProperties": false, "$defs": {"b": {"type": "object", "properties": {}}}}),
                false,
            ),
            (
                json!({"type": "object", "properties": {"a": {"enum": [{"properties": {"b": 1}}]}},
                    "required": ["a"], "additionalProperties": false}),
                true,
            ),
        ] {
            assert_eq!(conforms(&schema), conforming, "{schema}");
        }
    }
}
