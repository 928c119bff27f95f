//! What the Responses API refuses, in its words.

use std::borrow::Cow;

use serde_json::Value;

use super::super::strict::refusal;
use super::shape::CREATE;
use crate::providers::refusal::Refusal;
use crate::providers::shape::flaws;
use crate::providers::signature::{Maker, account_of};

/// Checks a whole request.
pub(super) fn check(request: &Value) -> Result<(), Refusal> {
    if let Some(flaw) = flaws(&CREATE, &with_types(request)).first() {
        return Err(refusal(flaw));
    }
    if let Some(id) = request.get("previous_response_id").and_then(Value::as_str) {
        let message = format!("Previous response with id '{id}' not found.");
        let refusal = Refusal::invalid(message, Some("previous_response_id"));
        return Err(refusal.coded("previous_response_not_found"));
    }
    if request.get("input").is_none() {
        return Err(super::missing("input"));
    }
    let items = request.get("input").and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    check_calls(items)?;
    check_reasoning(items)?;
    check_encryption(request)?;
    check_json_word(request)
}

/// Models that do not reason have nothing to encrypt.
fn check_encryption(request: &Value) -> Result<(), Refusal> {
    let wishes = request.get("include").and_then(Value::as_array);
    let wished =
        wishes.is_some_and(|wishes| wishes.contains(&"reasoning.encrypted_content".into()));
    if wished && word(request, "model").starts_with("gpt-4") {
        let message = "Encrypted content is not supported with this model.";
        return Err(Refusal::invalid(message, Some("include")));
    }
    Ok(())
}

/// Items without a type are messages.
fn with_types(request: &Value) -> Cow<'_, Value> {
    let bare = |item: &Value| item.is_object() && item.get("type").is_none();
    let items = request.get("input").and_then(Value::as_array);
    if !items.into_iter().flatten().any(bare) {
        return Cow::Borrowed(request);
    }
    let mut typed = request.clone();
    let items = typed.get_mut("input").and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        if let Some(object) = item.as_object_mut() {
            object
                .entry("type")
                .or_insert_with(|| Value::from("message"));
        }
    }
    Cow::Owned(typed)
}

fn word<'a>(item: &'a Value, name: &str) -> &'a str {
    item.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check_calls(items: &[Value]) -> Result<(), Refusal> {
    let of = |kind: &str| -> Vec<&str> {
        let found = items.iter().filter(|item| word(item, "type") == kind);
        found.map(|item| word(item, "call_id")).collect()
    };
    let (calls, outputs) = (of("function_call"), of("function_call_output"));
    if let Some(id) = outputs.iter().find(|id| !calls.contains(id)) {
        let message = format!("No tool call found for function call output with call_id {id}.");
        return Err(Refusal::invalid(message, Some("input")));
    }
    if let Some(id) = calls.iter().find(|id| !outputs.contains(id)) {
        let message = format!("No tool output found for function call {id}.");
        return Err(Refusal::invalid(message, Some("input")));
    }
    Ok(())
}

fn check_reasoning(items: &[Value]) -> Result<(), Refusal> {
    for (index, item) in items.iter().enumerate() {
        if word(item, "type") != "reasoning" {
            continue;
        }
        let sealed = item.get("encrypted_content").and_then(Value::as_str);
        if sealed.is_some_and(|sealed| !Maker::Openai.sealed(sealed)) {
            let message = format!(
                "The encrypted content for item {} could not be verified. Reason: Encrypted content could not be decrypted or parsed.",
                word(item, "id")
            );
            return Err(Refusal::invalid(message, None).coded("invalid_encrypted_content"));
        }
        if index + 1 == items.len() {
            let message = format!(
                "Item '{}' of type 'reasoning' was provided without its required following item.",
                word(item, "id")
            );
            return Err(Refusal::invalid(message, Some("input")));
        }
    }
    Ok(())
}

/// What one organisation encrypted, no other can read.
pub(super) fn check_account(request: &Value, account: &str) -> Result<(), Refusal> {
    let items = request.get("input").and_then(Value::as_array);
    for item in items.into_iter().flatten() {
        let sealed = word(item, "encrypted_content");
        if account_of(sealed).is_some_and(|of| !of.is_empty() && of != account) {
            let message = format!(
                "The encrypted content for item {} could not be verified. Reason: Encrypted content organization_id did not match the target organization.",
                word(item, "id")
            );
            return Err(Refusal::invalid(message, None).coded("invalid_encrypted_content"));
        }
    }
    Ok(())
}

fn check_json_word(request: &Value) -> Result<(), Refusal> {
    let format = request.pointer("/text/format/type").and_then(Value::as_str);
    let input = request
        .get("input")
        .map(Value::to_string)
        .unwrap_or_default();
    if format == Some("json_object") && !input.to_lowercase().contains("json") {
        let message = "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.";
        return Err(Refusal::invalid(message, Some("input")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(extra: &Value) -> Result<(), String> {
        let mut body = json!({"model": "m", "input": "hi"});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        check(&body).map_err(|refusal| format!("{:?} {}", refusal.code, refusal.message))
    }

    #[test]
    fn good_requests_pass() {
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
        let output = json!({"type": "function_call_output", "call_id": "c", "output": "1"});
        let sealed = Maker::Openai.seal(4);
        for extra in [
            json!({"instructions": "i", "store": false, "include": ["reasoning.encrypted_content"]}),
            json!({"input": [
                {"role": "user", "content": [{"type": "input_image", "image_url": "https://x"}]},
                {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": sealed},
                call, output,
            ]}),
            json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": {}}}}),
            json!({"reasoning": {"effort": "low", "summary": "auto"}, "max_output_tokens": 16}),
        ] {
            assert_eq!(checked(&extra), Ok(()), "{extra}");
        }
    }

    #[test]
    fn what_another_account_encrypted_is_refused() {
        let input = |account| {
            let sealed = Maker::Openai.seal_at(account, 4);
            json!({"input": [{"type": "reasoning", "id": "r", "encrypted_content": sealed}]})
        };
        assert_eq!(check_account(&input("ours"), "ours"), Ok(()));
        let refusal = check_account(&input("theirs"), "ours").unwrap_err();
        assert_eq!(refusal.code, Some("invalid_encrypted_content"));
    }

    #[test]
    fn bad_requests_are_named() {
        let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
        let output = json!({"type": "function_call_output", "call_id": "c", "output": "1"});
        let forged =
            json!({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "Zm9v"});
        for (extra, part) in [
            (json!({"max_tokens": 1}), "Unknown parameter: 'max_tokens'."),
            (json!({"messages": []}), "Unknown parameter: 'messages'."),
            (
                json!({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
                "Invalid value: 'text'. Supported values are: 'input_text'",
            ),
            (
                json!({"input": [{"role": "tool", "content": "x"}]}),
                "Invalid value: 'tool'",
            ),
            (
                json!({"tools": [{"type": "function", "function": {}}]}),
                "'tools[0].function'",
            ),
            (json!({"max_output_tokens": 3}), "Expected >= 16"),
            (
                json!({"previous_response_id": "resp_1"}),
                "previous_response_not_found",
            ),
            (json!({"input": [output]}), "No tool call found"),
            (
                json!({"input": [call]}),
                "No tool output found for function call c.",
            ),
            (json!({"input": [forged]}), "invalid_encrypted_content"),
            (
                json!({"input": [{"type": "reasoning", "id": "r", "summary": []}]}),
                "without its required following item",
            ),
            (
                json!({"input": [{"type": "reasoning", "summary": []}]}),
                "Missing required parameter: 'input[0].id'",
            ),
            (
                json!({"model": "gpt-4.1", "include": ["reasoning.encrypted_content"]}),
                "Encrypted content is not supported",
            ),
            (
                json!({"text": {"format": {"type": "json_object"}}}),
                "the word 'json'",
            ),
        ] {
            let problem = checked(&extra).unwrap_err();
            assert!(problem.contains(part), "{extra}: {problem}");
        }
    }
}
