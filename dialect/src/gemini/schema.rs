//! JSON Schemas as Gemini reads them.
//!
//! `parametersJsonSchema` and `responseJsonSchema` take the whole of JSON Schema and act on a part
//! of it: `$id`, `$defs`, `$ref`, `$anchor`, `type`, `format`, `title`, `description`, `enum` of
//! strings and numbers, `items`, `prefixItems`, `minItems`, `maxItems`, `minimum`, `maximum`,
//! `anyOf`, `oneOf`, `properties`, `additionalProperties`, `required`. Next to `$ref` only members
//! that begin with `$` may stand. (Reference of `GenerationConfig`.) What that part can say in other
//! words is said so; the rest goes out as it is.

use serde_json::{Map, Value};

/// A function's parameters: an object.
pub(super) fn parameters(schema: &Value) -> Value {
    let mut schema = cleaned(schema);
    if let Value::Object(members) = &mut schema
        && !members.contains_key("$ref")
    {
        members
            .entry("type")
            .or_insert_with(|| Value::String("object".to_owned()));
    }
    schema
}

/// A schema, said by the members that Gemini acts on where that is possible.
pub(super) fn cleaned(schema: &Value) -> Value {
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    let merged = only_one(members);
    let members = merged.as_ref().unwrap_or(members);
    let refers = members.get("$ref").is_some_and(Value::is_string);
    let mut out = Map::new();
    for (name, value) in members {
        if refers && !name.starts_with('$') && name != "definitions" {
            continue;
        }
        let (name, value) = member(name, value, members);
        if name != "$schema" {
            out.insert(name.to_owned(), value);
        }
    }
    Value::Object(out)
}

/// A schema whose `allOf` has one member, as generators write it to set things beside a `$ref`, with
/// that member in its place.
fn only_one(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    let Some(Value::Array(all)) = members.get("allOf") else {
        return None;
    };
    let [Value::Object(only)] = all.as_slice() else {
        return None;
    };
    let beside = members
        .iter()
        .filter(|(name, _)| name.as_str() != "allOf" && !only.contains_key(name.as_str()));
    let all = only.iter().chain(beside);
    Some(all.map(|(k, v)| (k.clone(), v.clone())).collect())
}

fn member<'a>(name: &'a str, value: &Value, members: &Map<String, Value>) -> (&'a str, Value) {
    match (name, value) {
        // What the drafts before 2019-09 call it.
        ("definitions" | "$defs", Value::Object(schemas)) => ("$defs", each(schemas)),
        ("properties" | "patternProperties" | "dependentSchemas", Value::Object(schemas)) => {
            (name, each(schemas))
        }
        ("$ref", Value::String(target)) => {
            let renamed = target.strip_prefix("#/definitions/");
            let renamed = renamed.map(|rest| Value::String(format!("#/$defs/{rest}")));
            (name, renamed.unwrap_or_else(|| value.clone()))
        }
        ("const", Value::String(_) | Value::Number(_)) if !members.contains_key("enum") => {
            ("enum", Value::Array(vec![value.clone()]))
        }
        ("exclusiveMinimum", _) => bound(("minimum", 1), (name, value), members),
        ("exclusiveMaximum", _) => bound(("maximum", -1), (name, value), members),
        ("enum" | "const" | "default" | "example" | "examples" | "required", _) => {
            (name, value.clone())
        }
        (_, Value::Array(schemas)) => (name, schemas.iter().map(cleaned).collect()),
        (_, Value::Object(_)) => (name, cleaned(value)),
        (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            (name, value.clone())
        }
    }
}

/// Keywords that Gemini takes and does not act on, though they say what is valid.
const IGNORED: [&str; 27] = [
    "allOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "else",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "if",
    "maxContains",
    "maxLength",
    "maxProperties",
    "minContains",
    "minLength",
    "minProperties",
    "multipleOf",
    "not",
    "pattern",
    "patternProperties",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
];

/// Whether Gemini acts on all that a [`cleaned`] schema demands.
pub(super) fn is_acted_on(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().all(|(name, value)| match name.as_str() {
            "properties" | "$defs" => value
                .as_object()
                .is_none_or(|schemas| schemas.values().all(is_acted_on)),
            "enum" | "default" | "example" | "examples" | "required" => true,
            name => !IGNORED.contains(&name) && is_acted_on(value),
        }),
        Value::Array(schemas) => schemas.iter().all(is_acted_on),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn each(schemas: &Map<String, Value>) -> Value {
    let cleaned = schemas.iter().map(|(k, v)| (k.clone(), cleaned(v)));
    Value::Object(cleaned.collect())
}

/// An exclusive bound of integers as the inclusive one next to it.
fn bound<'a>(
    (inclusive, step): (&'static str, i64),
    (name, value): (&'a str, &Value),
    members: &Map<String, Value>,
) -> (&'a str, Value) {
    let integers = members.get("type").and_then(Value::as_str) == Some("integer");
    let next = value.as_i64().and_then(|bound| bound.checked_add(step));
    match next {
        Some(next) if integers && !members.contains_key(inclusive) => (inclusive, next.into()),
        Some(_) | None => (name, value.clone()),
    }
}
