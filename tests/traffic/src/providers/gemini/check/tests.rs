use serde_json::json;

use super::*;

fn checked(extra: &Value) -> Result<(), String> {
    checked_for("gemini-2.5-pro", extra)
}

fn checked_for(model: &str, extra: &Value) -> Result<(), String> {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    check(Method::Generate, model, &body).map_err(|refusal| {
        assert_eq!((refusal.status, refusal.kind), (400, "INVALID_ARGUMENT"));
        refusal.message
    })
}

fn contents(turns: &[(&str, Value)]) -> Value {
    let turn = |(role, parts): &(&str, Value)| json!({"role": role, "parts": parts});
    json!({"contents": turns.iter().map(turn).collect::<Vec<Value>>()})
}

fn declared(schema: &Value) -> Value {
    json!({"tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]})
}

#[test]
fn good_requests_pass() {
    let signed = Maker::Google.seal(1);
    let call = json!({"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": signed});
    let response = json!({"functionResponse": {"name": "f", "response": {"output": 1}}});
    for extra in [
        json!({"systemInstruction": {"parts": [{"text": "s"}]}, "safetySettings": [
            {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},
        ]}),
        contents(&[
            (
                "user",
                json!([{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]),
            ),
            ("model", json!([call, {"functionCall": {"name": "f"}}])),
            ("user", json!([response, response])),
        ]),
        declared(
            &json!({"type": "OBJECT", "properties": {"x": {"type": "string", "nullable": true}}}),
        ),
        json!({"tools": [{"functionDeclarations": [
            {"name": "f", "parametersJsonSchema": {"additionalProperties": false, "$defs": {}}},
        ]}], "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}}),
        json!({"generationConfig": {
            "responseMimeType": "application/json", "responseJsonSchema": {"oneOf": []}, "topK": 40,
            "stopSequences": ["1", "2", "3", "4", "5"], "thinkingConfig": {"includeThoughts": true},
        }}),
    ] {
        assert_eq!(checked(&extra), Ok(()), "{extra}");
    }
}

#[test]
fn unknown_names_are_told_with_their_place() {
    for (extra, message) in [
        (
            json!({"max_tokens": 1}),
            "Invalid JSON payload received. Unknown name \"max_tokens\": Cannot find field.",
        ),
        (
            json!({"generationConfig": {"responseSchema": {"properties": {"a": {"const": 1}}}, "x": 1}}),
            "Invalid JSON payload received. Unknown name \"const\" at 'generation_config.response_schema.properties[0].value': Cannot find field.\nInvalid JSON payload received. Unknown name \"x\" at 'generation_config': Cannot find field.",
        ),
        (
            declared(&json!({"type": "object", "additionalProperties": false})),
            "Invalid JSON payload received. Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
        ),
        (
            declared(&json!({"type": ["string", "null"]})),
            "Invalid JSON payload received. Unknown name \"\" at 'tools[0].function_declarations[0].parameters.type': Proto field is not repeating, cannot start list.",
        ),
    ] {
        assert_eq!(checked(&extra), Err(message.to_owned()), "{extra}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let call = json!([{"functionCall": {"name": "f"}}]);
    let response = json!([{"functionResponse": {"name": "f", "response": {}}}]);
    let ask = ("user", json!([{"text": "a"}]));
    for (extra, part) in [
        (json!({"contents": []}), "contents is not specified"),
        (
            contents(&[("assistant", json!([{"text": "a"}]))]),
            "valid role: user, model",
        ),
        (contents(&[("user", json!([]))]), "must not be empty"),
        (
            contents(&[("user", json!([{}]))]),
            "required oneof field 'data'",
        ),
        (
            contents(&[("user", response.clone())]),
            "immediately after a function call turn",
        ),
        (
            contents(&[
                ask.clone(),
                ("model", call.clone()),
                ("user", json!([{"text": "b"}])),
            ]),
            "equal to the number of function call parts",
        ),
        (
            contents(&[("model", call.clone())]),
            "immediately after a user turn",
        ),
        (
            contents(&[
                ask.clone(),
                ("model", json!([{"text": "b", "thoughtSignature": "Zm9v"}])),
            ]),
            "Corrupted thought signature",
        ),
    ] {
        let message = checked(&extra).unwrap_err();
        assert!(message.contains(part), "{extra}: {message}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    for (extra, part) in [
        (
            contents(&[(
                "user",
                json!([{"inlineData": {"mimeType": "image/gif", "data": ""}}]),
            )]),
            "Unsupported MIME type: image/gif",
        ),
        (
            json!({"generationConfig": {"stopSequences": ["1", "2", "3", "4", "5", "6"]}}),
            "generation_config.stop_sequences: the number of stop sequences must be at most 5",
        ),
        (
            json!({"generationConfig": {"temperature": 3}}),
            "generation_config.temperature: must be at most 2",
        ),
        (
            json!({"generationConfig": {"responseSchema": {}}}),
            "response_mime_type",
        ),
        (
            json!({"toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}}}),
            "mode to ANY",
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "a b"}]}]}),
            "Invalid function name",
        ),
    ] {
        let message = checked(&extra).unwrap_err();
        assert!(message.contains(part), "{extra}: {message}");
    }
}

#[test]
fn newer_models_want_signatures() {
    let call = json!([{"functionCall": {"name": "f"}}]);
    let response = json!([{"functionResponse": {"name": "f", "response": {}}}]);
    let ask = ("user", json!([{"text": "a"}]));
    let unsigned = contents(&[ask, ("model", call), ("user", response)]);
    assert_eq!(checked(&unsigned), Ok(()));
    let newer = checked_for("gemini-3-pro", &unsigned).unwrap_err();
    assert!(newer.contains("missing a thought_signature"), "{newer}");
}

#[test]
fn the_wires_own_names_are_as_good() {
    let said = json!({"system_instruction": {"parts": [{"inline_data": {"mime_type": "a/b", "data": ""}}]}, "max_tokens": 1});
    assert_eq!(
        named(Method::Generate, said),
        json!({"systemInstruction": {"parts": [{"inlineData": {"mimeType": "a/b", "data": ""}}]}, "max_tokens": 1})
    );
}
