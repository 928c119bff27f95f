use serde_json::json;

use super::*;

const CLAUDE: &str = "anthropic.claude-v1:0";

fn checked(extra: &Value) -> Result<(), String> {
    let mut body = json!({"messages": [{"role": "user", "content": [{"text": "hi"}]}]});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    check(CLAUDE, &body).map_err(|refusal| {
        assert_eq!(refusal.status, 400);
        format!("{}: {}", refusal.kind, refusal.message)
    })
}

fn messages(turns: &[(&str, Value)]) -> Value {
    let turn = |(role, content): &(&str, Value)| json!({"role": role, "content": content});
    json!({
        "messages": turns.iter().map(turn).collect::<Vec<Value>>(),
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {}}}}]},
    })
}

fn call(id: &str) -> Value {
    json!([{"toolUse": {"toolUseId": id, "name": "f", "input": {}}}])
}

fn result(id: &str) -> Value {
    json!([{"toolResult": {"toolUseId": id, "content": [{"text": "1"}]}}])
}

#[test]
fn good_requests_pass() {
    let thought = json!({"reasoningContent": {"reasoningText": {
        "text": "hm", "signature": Maker::Anthropic.sign("hm"),
    }}});
    let mut thinking = call("1");
    thinking.as_array_mut().unwrap().insert(0, thought);
    for extra in [
        json!({
            "system": [{"text": "s"}, {"cachePoint": {"type": "default"}}],
            "inferenceConfig": {"maxTokens": 2048, "temperature": 1, "stopSequences": ["x"]},
            "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        }),
        messages(&[
            ("user", json!([{"text": "a"}])),
            ("assistant", thinking),
            ("user", result("1")),
        ]),
        messages(&[(
            "user",
            json!([
                {"text": "a"},
                {"image": {"format": "png", "source": {"bytes": "AA=="}}},
                {"document": {"format": "pdf", "name": "a (1)", "source": {"bytes": "AA=="}}},
            ]),
        )]),
    ] {
        assert_eq!(checked(&extra), Ok(()), "{extra}");
    }
    assert!(is_model("us.anthropic.claude-3-v1:0") && !is_model("a b"));
}

#[test]
fn what_converse_refuses_is_refused() {
    let ask = ("user", json!([{"text": "a"}]));
    let document = |name: &str| json!({"document": {"name": name, "source": {"text": "x"}}});
    for (extra, part) in [
        (json!({"max_tokens": 1}), "extraneous key [max_tokens]"),
        (
            json!({"messages": [{"role": "user", "content": [{"text": "a", "cache_control": {}}]}]}),
            "#messages/1/member/content/1/member: extraneous key [cache_control]",
        ),
        (
            json!({"messages": [{"role": "user"}]}),
            "'messages.1.member.content' failed to satisfy constraint: Member must not be null",
        ),
        (
            json!({"messages": [{"role": "system", "content": []}]}),
            "enum value set",
        ),
        (
            json!({"inferenceConfig": {"temperature": 1.5}}),
            "less than or equal to 1",
        ),
        (json!({"messages": []}), "messages field is empty"),
        (
            messages(&[("assistant", json!([{"text": "a"}]))]),
            "must start with a user message",
        ),
        (messages(&[ask.clone(), ask.clone()]), "must alternate"),
        (messages(&[("user", json!([]))]), "at messages.0 is empty"),
        (
            messages(&[("user", json!([{"text": " "}]))]),
            "at messages.0.content.0 is blank",
        ),
        (
            messages(&[("user", json!([{"text": "a"}, document("a.pdf")]))]),
            "document file name",
        ),
        (
            messages(&[("user", json!([document("a")]))]),
            "must also include a ContentBlock with a text",
        ),
    ] {
        let message = checked(&extra).unwrap_err();
        assert!(message.contains(part), "{extra}: {message}");
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let ask = ("user", json!([{"text": "a"}]));
    let forged =
        json!([{"reasoningContent": {"reasoningText": {"text": "a", "signature": "Zm9v"}}}]);
    for (extra, part) in [
        (
            messages(&[("user", result("1"))]),
            "exceeds the number of toolUse blocks",
        ),
        (
            messages(&[ask.clone(), ("assistant", call("1")), ask.clone()]),
            "Expected toolResult blocks at messages.2.content for the following Ids: 1",
        ),
        (
            messages(&[ask.clone(), ("assistant", forged)]),
            "Invalid `signature`",
        ),
        (
            messages(&[(
                "user",
                json!([{"text": "a", "image": {"format": "png", "source": {"bytes": "AA=="}}}]),
            )]),
            "SerializationException: Exactly one member",
        ),
        (
            messages(&[(
                "user",
                json!([{"image": {"format": "png", "source": {"bytes": "*"}}}]),
            )]),
            "SerializationException: Invalid Base64",
        ),
        (
            json!({"toolConfig": {"tools": []}}),
            "length greater than or equal to 1",
        ),
        (
            json!({"additionalModelRequestFields": {"seed": 1}}),
            "seed: Extra inputs are not permitted",
        ),
    ] {
        let message = checked(&extra).unwrap_err();
        assert!(message.contains(part), "{extra}: {message}");
    }
    let mut bare = messages(&[ask, ("assistant", call("1")), ("user", result("1"))]);
    bare.as_object_mut().unwrap().remove("toolConfig");
    assert!(
        checked(&bare)
            .unwrap_err()
            .contains("toolConfig field must be defined")
    );
}
