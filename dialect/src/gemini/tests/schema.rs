use crate::gemini::schema::{cleaned, is_acted_on, parameters};
use serde_json::{Value, json};

#[test]
fn what_gemini_can_say_in_other_words_is_said_so() {
    for (schema, expected) in [
        (
            json!({"$schema": "x", "type": "string"}),
            json!({"type": "string"}),
        ),
        (json!({"const": "a"}), json!({"enum": ["a"]})),
        (json!({"const": true}), json!({"const": true})),
        (
            json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}),
            json!({"type": "integer", "minimum": 1, "maximum": 9}),
        ),
        (
            json!({"type": "number", "exclusiveMinimum": 0}),
            json!({"type": "number", "exclusiveMinimum": 0}),
        ),
        (
            json!({"type": "integer", "minimum": 5, "exclusiveMinimum": 0}),
            json!({"type": "integer", "minimum": 5, "exclusiveMinimum": 0}),
        ),
        (
            json!({"$ref": "#/$defs/A", "description": "d", "default": 1}),
            json!({"$ref": "#/$defs/A"}),
        ),
        (
            json!({"allOf": [{"$ref": "#/definitions/A"}], "title": "t"}),
            json!({"$ref": "#/$defs/A"}),
        ),
        (
            json!({"allOf": [{"type": "string"}], "title": "t", "type": "x"}),
            json!({"type": "string", "title": "t"}),
        ),
        (
            json!({"definitions": {"A": {"const": 1}}, "$ref": "#/definitions/A"}),
            json!({"$defs": {"A": {"enum": [1]}}, "$ref": "#/$defs/A"}),
        ),
        // Within lists and maps of schemas, but not within values.
        (
            json!({"anyOf": [{"const": "a"}, {"type": "null"}], "items": {"$schema": "x"},
                "default": {"const": "a"}, "enum": [{"$schema": "x"}]}),
            json!({"anyOf": [{"enum": ["a"]}, {"type": "null"}], "items": {},
                "default": {"const": "a"}, "enum": [{"$schema": "x"}]}),
        ),
        // Properties may have any name.
        (
            json!({"properties": {"$ref": {"type": "string"}, "const": {"const": "a"}}}),
            json!({"properties": {"$ref": {"type": "string"}, "const": {"enum": ["a"]}}}),
        ),
        (json!(true), json!(true)),
    ] {
        assert_eq!(cleaned(&schema), expected, "{schema}");
        assert_eq!(cleaned(&expected), expected, "not twice the same: {schema}");
    }
}

#[test]
fn properties_keep_their_order() {
    let schema = json!({"properties": {"z": {}, "a": {}, "m": {}}, "required": ["z"]});
    assert_eq!(cleaned(&schema).to_string(), schema.to_string());
}

#[test]
fn parameters_are_an_object() {
    let typed = |schema: Value| parameters(&schema)["type"].clone();
    assert_eq!(typed(json!({})), "object");
    assert_eq!(
        typed(json!({"type": ["object", "null"]})),
        json!(["object", "null"])
    );
    assert_eq!(typed(json!({"$ref": "#/$defs/A"})), Value::Null);
}

#[test]
fn what_is_not_acted_on_is_known() {
    for (schema, acted_on) in [
        (json!({"type": "integer", "exclusiveMinimum": 0}), true),
        (json!({"type": "number", "exclusiveMinimum": 0}), false),
        (json!({"const": "a"}), true),
        (json!({"const": true}), false),
        (json!({"allOf": [{"type": "string"}]}), true),
        (
            json!({"allOf": [{"type": "string"}, {"enum": ["a"]}]}),
            false,
        ),
        (
            json!({"properties": {"a": {"items": {"pattern": "^a"}}}}),
            false,
        ),
        (
            json!({"anyOf": [{"type": "null"}, {"minLength": 1}]}),
            false,
        ),
        // A property's name and a value are no keywords.
        (
            json!({"properties": {"pattern": {"type": "string"}}, "required": ["pattern"],
                "default": {"pattern": "a"}, "title": "t", "minItems": 1}),
            true,
        ),
    ] {
        assert_eq!(is_acted_on(&cleaned(&schema)), acted_on, "{schema}");
    }
}
