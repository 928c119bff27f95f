use super::*;

/// Writes two tools with this choice of them.
fn check(
    choice: Option<ToolChoice>,
    parallel: Option<bool>,
    model: &str,
    expected: Value,
    losses: &[Field],
) {
    let narrowed = matches!(choice, Some(ToolChoice::Allowed { .. }));
    let other = Tool {
        name: "g".to_owned(),
        ..Tool::default()
    };
    let request = ChatRequest {
        tools: vec![tool(), other],
        tool_choice: choice,
        parallel_tool_calls: parallel,
        ..ask()
    };
    let (body, lost) = write(&request, model);
    assert_eq!((&body["tool_choice"], lost.as_slice()), (&expected, losses));
    let offered = body["tools"].as_array().map(Vec::len);
    assert_eq!(offered, Some(if narrowed { 1 } else { 2 }));
}

#[test]
fn every_choice_of_tools_is_written() {
    let forced = || Some(ToolChoice::Tool("f".to_owned()));
    let allowed = |required| {
        let names = vec!["f".to_owned()];
        Some(ToolChoice::Allowed { names, required })
    };
    let auto = || json!({"type":"auto"});
    let any = || json!({"type":"any"});
    let none = || json!({"type":"none"});
    check(None, None, NEW, Value::Null, &[]);
    check(Some(ToolChoice::Auto), Some(true), NEW, auto(), &[]);
    check(Some(ToolChoice::None), Some(false), NEW, none(), &[]);
    check(Some(ToolChoice::Required), None, NEW, any(), &[]);
    check(forced(), None, NEW, json!({"type":"tool","name":"f"}), &[]);
    check(allowed(true), None, NEW, any(), &[]);
    check(allowed(false), None, NEW, auto(), &[]);
    // Models of 5.5 cannot be forced.
    let lost = [Field::ToolChoice];
    check(forced(), None, "claude-opus-5-5", auto(), &lost);
}

#[test]
fn parallel_calls_are_forbidden() {
    let single = |mut choice: Value| {
        choice["disable_parallel_tool_use"] = Value::Bool(true);
        choice
    };
    let no = Some(false);
    let auto = single(json!({"type":"auto"}));
    check(None, no, NEW, auto.clone(), &[]);
    check(Some(ToolChoice::Auto), no, NEW, auto, &[]);
    let any = single(json!({"type":"any"}));
    check(Some(ToolChoice::Required), no, NEW, any, &[]);
}

#[test]
fn tools_are_written() {
    let request = ChatRequest {
        tools: vec![
            Tool {
                description: Some("D".to_owned()),
                parameters: Some(json!({"properties":{"a":{"type":"string"}}})),
                cache: Some(CacheMark::default()),
                ..tool()
            },
            Tool {
                name: "g".to_owned(),
                parameters: Some(
                    json!({"type":"object","properties":{"a":{"type":"string","maxLength":3}}}),
                ),
                strict: Some(true),
                ..Tool::default()
            },
        ],
        ..ask()
    };
    let (tools, losses) = member(&request, NEW, "tools");
    assert_eq!(
        tools,
        json!([
            {"name":"f","description":"D","input_schema":{"type":"object","properties":{"a":{"type":"string"}}},"cache_control":{"type":"ephemeral"}},
            {"name":"g","input_schema":{"type":"object","properties":{"a":{"type":"string","description":"{\"maxLength\":3}"}},"additionalProperties":false},"strict":true},
        ])
    );
    assert_eq!(losses, [Field::StrictTools]);
}

#[test]
fn tools_of_earlier_turns_are_declared() {
    let request = ChatRequest {
        turns: vec![
            user("a"),
            turn(Role::Assistant, vec![call("c", ""), call("d", "")]),
            turn(Role::User, vec![result("c", vec![]), result("d", vec![])]),
        ],
        tool_choice: Some(ToolChoice::Auto),
        ..ask()
    };
    let (body, losses) = write(&request, NEW);
    assert_eq!(
        body["tools"],
        json!([{"name":"f","input_schema":{"type":"object","properties":{}}}])
    );
    assert_eq!(body["tool_choice"], json!({"type":"none"}));
    assert_eq!(losses, []);
    assert_eq!(member(&ask(), NEW, "tool_choice").0, Value::Null);
}
