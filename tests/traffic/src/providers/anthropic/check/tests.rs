use serde_json::json;

use super::*;

fn checked(extra: &Value) -> Result<(), String> {
    checked_in(Version::First, extra)
}

fn checked_in(version: Version, extra: &Value) -> Result<(), String> {
    let mut body = json!({
        "model": "claude", "max_tokens": 2048, "messages": [{"role": "user", "content": "hi"}],
    });
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    check(&body, version, false).map_err(|refusal| {
        assert_eq!(
            (refusal.status, refusal.kind),
            (400, "invalid_request_error")
        );
        refusal.message
    })
}

fn user(blocks: &Value) -> Value {
    json!({"messages": [{"role": "user", "content": blocks}]})
}

fn turns_of(list: &[(&str, Value)]) -> Value {
    let turn = |(role, content): &(&str, Value)| json!({"role": role, "content": content});
    json!({"messages": list.iter().map(turn).collect::<Vec<Value>>()})
}

fn call(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {}})
}

fn result(id: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": "1"})
}

#[test]
fn good_requests_pass() {
    let signed = json!({
        "type": "thinking", "thinking": "hm", "signature": Maker::Anthropic.sign("hm"),
    });
    let redacted = json!({"type": "redacted_thinking", "data": Maker::Anthropic.seal(3)});
    let tool = json!({"name": "f", "input_schema": {"type": "object"}});
    for extra in [
        json!({"temperature": 1.0, "top_k": 5, "stop_sequences": ["x"], "metadata": {"user_id": "u"}}),
        user(&json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            {"type": "image", "source": {"type": "url", "url": "https://x"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ])),
        // Turns of one role in a row are one turn.
        turns_of(&[
            ("user", json!("a")),
            ("user", json!("b")),
            ("assistant", json!("c")),
        ]),
        turns_of(&[
            ("user", json!("a")),
            ("assistant", json!([signed, redacted, call("1"), call("2")])),
            ("user", json!([result("2")])),
            ("user", json!([result("1"), {"type": "text", "text": "x"}])),
        ]),
        turns_of(&[
            ("user", json!("a")),
            ("system", json!("b")),
            ("assistant", json!("c")),
        ]),
        json!({"tools": [tool], "tool_choice": {"type": "tool", "name": "f"}}),
        json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "temperature": 1}),
        json!({"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}}}),
        json!({"system": [{"type": "text", "text": "s"}], "service_tier": "auto"}),
    ] {
        assert_eq!(checked(&extra), Ok(()), "{extra}");
    }
}

#[test]
fn flaws_are_worded_as_the_api_words_them() {
    let text = |extra: Value| {
        let mut block = json!({"type": "text", "text": "x"});
        for (key, value) in extra.as_object().unwrap() {
            block[key] = value.clone();
        }
        user(&json!([block]))
    };
    for (extra, message) in [
        (
            json!({"max_completion_tokens": 5}),
            "max_completion_tokens: Extra inputs are not permitted",
        ),
        (
            json!({"messages": [{"role": "user", "content": "x", "name": "y"}]}),
            "messages.0.name: Extra inputs are not permitted",
        ),
        (
            text(json!({"index": 1})),
            "messages.0.content.0.text.index: Extra inputs are not permitted",
        ),
        (
            text(json!({"cache_control": {"type": "ephemeral", "scope": "x"}})),
            "messages.0.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted",
        ),
        (
            json!({"temperature": 1.5}),
            "temperature: Input should be less than or equal to 1",
        ),
        (
            json!({"messages": []}),
            "messages: at least one message is required",
        ),
        (
            json!({"tool_choice": {"type": "required"}}),
            "tool_choice: Input tag 'required' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'",
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 500}}),
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            user(
                &json!([{"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": ""}}]),
            ),
            "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif', 'image/webp'",
        ),
    ] {
        assert_eq!(checked(&extra), Err(message.to_owned()), "{extra}");
    }
    let bare = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
    let missing = check(&bare, Version::First, false).unwrap_err();
    assert_eq!(missing.message, "max_tokens: Field required");
    assert_eq!(check(&bare, Version::First, true), Ok(()));
}

#[test]
fn broken_conversations_are_refused() {
    for (extra, part) in [
        (
            turns_of(&[("assistant", json!("a"))]),
            "first message must use the \"user\" role",
        ),
        (
            turns_of(&[("system", json!("a"))]),
            "first message must use the \"user\" role",
        ),
        (
            user(&json!([{"type": "text", "text": ""}])),
            "text content blocks must be non-empty",
        ),
        (
            user(&json!([{"type": "text", "text": " "}])),
            "non-whitespace text",
        ),
        (user(&json!("")), "non-empty content"),
        (
            user(&json!([result("1")])),
            "unexpected `tool_use_id` found in `tool_result` blocks: 1.",
        ),
        (
            turns_of(&[
                ("user", json!("a")),
                ("assistant", json!([call("1"), call("2")])),
                ("user", json!([result("1")])),
            ]),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: 2.",
        ),
        (
            turns_of(&[("user", json!("a")), ("assistant", json!([call("1")]))]),
            "immediately after: 1.",
        ),
    ] {
        let message = checked(&extra).unwrap_err();
        assert!(message.contains(part), "{extra}: {message}");
    }
}

#[test]
fn broken_turns_and_settings_are_refused() {
    let forged = json!({"type": "thinking", "thinking": "hm", "signature": "Zm9v"});
    let mark = json!({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}});
    let marks: Vec<Value> = std::iter::repeat_n(mark, 5).collect();
    for (extra, part) in [
        (
            turns_of(&[("user", json!("a")), ("assistant", json!([forged]))]),
            "messages.1.content.0: Invalid `signature` in `thinking` block",
        ),
        (
            turns_of(&[("user", json!("a")), ("assistant", json!("b "))]),
            "trailing whitespace",
        ),
        (
            user(&json!(marks)),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}),
            "greater than `thinking.budget_tokens`",
        ),
        (
            json!({
                "thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"},
                "tools": [{"name": "f", "input_schema": {}}],
            }),
            "Thinking may not be enabled when tool_choice forces tool use.",
        ),
        (
            json!({"tool_choice": {"type": "auto"}}),
            "while providing tools",
        ),
    ] {
        let message = checked(&extra).unwrap_err();
        assert!(message.contains(part), "{extra}: {message}");
    }
}

#[test]
fn the_second_version_has_no_sampling_parameters() {
    let second = |extra: &Value| checked_in(Version::Second, extra);
    assert_eq!(
        second(&json!({"temperature": 1})),
        Err("temperature: Extra inputs are not permitted".to_owned())
    );
    let document = json!([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}]);
    let of_assistant = turns_of(&[("user", json!("a")), ("assistant", document.clone())]);
    assert!(
        second(&of_assistant)
            .unwrap_err()
            .contains("`document` blocks")
    );
    assert_eq!(second(&user(&document)), Ok(()));
    for (header, good) in [
        (None, false),
        (Some("2023-06-01"), true),
        (Some("2024-01-01"), false),
    ] {
        assert_eq!(Version::read(header).is_ok(), good, "{header:?}");
    }
}
