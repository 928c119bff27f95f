use super::*;
use crate::chat::{Format, ToolChoice};

const STRUCTURED: &str = "anthropic.claude-opus-4-6-v1";

fn with_format(schema: Value, strict: Option<bool>) -> ChatRequest {
    ChatRequest {
        format: Format::JsonSchema {
            name: "person".to_owned(),
            description: None,
            schema,
            strict,
        },
        ..ask()
    }
}

fn closed() -> Value {
    json!({
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": false,
    })
}

fn open() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}}})
}

fn with_tools(choice: Option<ToolChoice>) -> ChatRequest {
    ChatRequest {
        tools: vec![tool("a"), tool("b")],
        tool_choice: choice,
        ..ask()
    }
}

/// The names of the tools, the choice, and the losses.
fn offered(request: &ChatRequest, model: &str) -> (Vec<String>, Value, Vec<String>) {
    let (mut body, losses) = write(request, model);
    let names = body["toolConfig"]["tools"].as_array();
    let names = names.into_iter().flatten();
    let names = names.map(|tool| tool["toolSpec"]["name"].as_str().unwrap().to_owned());
    (
        names.collect(),
        body["toolConfig"]["toolChoice"].take(),
        losses,
    )
}

#[test]
fn tools_are_declared() {
    let mut request = with_tools(None);
    request.tools[0].description = Some("Adds.".to_owned());
    request.tools[0].strict = Some(false);
    request.tools[1].parameters = None;
    request.tools.push(Tool {
        name: "c".to_owned(),
        description: Some(String::new()),
        parameters: Some(json!({"properties": {}})),
        ..Tool::default()
    });
    assert_eq!(
        settings(&request, CLAUDE),
        (
            json!({"toolConfig": {"tools": [
                {"toolSpec": {
                    "name": "a",
                    "description": "Adds.",
                    "inputSchema": {"json": {"type": "object", "properties": {"a": {"type": "string"}}}},
                }},
                {"toolSpec": {"name": "b", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
                {"toolSpec": {"name": "c", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
            ]}}),
            vec![]
        )
    );
}

#[test]
fn strict_tools_are_for_models_that_constrain() {
    let strict = |schema: Value, model| {
        let mut request = with_tools(None);
        request.tools.truncate(1);
        request.tools[0].strict = Some(true);
        request.tools[0].parameters = Some(schema);
        let (body, losses) = write(&request, model);
        (
            body["toolConfig"]["tools"][0]["toolSpec"]["strict"].clone(),
            losses,
        )
    };
    let lost = (Value::Null, vec!["tools.strict".to_owned()]);
    assert_eq!(strict(closed(), STRUCTURED), (json!(true), vec![]));
    assert_eq!(strict(open(), STRUCTURED), lost);
    assert_eq!(strict(closed(), CLAUDE), lost);
}

#[test]
fn every_choice_of_tools() {
    let all = ["a", "b"].as_slice();
    let allowed = |required| ToolChoice::Allowed {
        names: vec!["b".to_owned()],
        required,
    };
    let one = || ToolChoice::Tool("b".to_owned());
    let any = json!({"any": {}});
    for (choice, model, names, said, losses) in [
        (None, CLAUDE, all, Value::Null, [].as_slice()),
        (Some(ToolChoice::Auto), CLAUDE, all, Value::Null, &[]),
        (Some(ToolChoice::None), CLAUDE, &[], Value::Null, &[]),
        (Some(ToolChoice::Required), LLAMA, all, any.clone(), &[]),
        (Some(one()), NOVA, all, json!({"tool": {"name": "b"}}), &[]),
        // Others know only `any`: that one tool is all they get.
        (Some(one()), LLAMA, &["b"], any.clone(), &[]),
        (Some(allowed(false)), CLAUDE, &["b"], Value::Null, &[]),
        (Some(allowed(true)), CLAUDE, &["b"], any, &[]),
        // Always thinks, and is refused when it is forced.
        (
            Some(ToolChoice::Required),
            "anthropic.claude-opus-5-5",
            all,
            Value::Null,
            &["tool_choice"],
        ),
    ] {
        let (names_written, choice_written, lost) = offered(&with_tools(choice.clone()), model);
        assert_eq!(names_written, names, "{choice:?}");
        assert_eq!(choice_written, said, "{choice:?}");
        assert_eq!(lost, losses, "{choice:?}");
    }
    let mut single = with_tools(None);
    single.parallel_tool_calls = Some(false);
    assert_eq!(offered(&single, CLAUDE).2, ["parallel_tool_calls"]);
    single.tools.clear();
    assert_eq!(offered(&single, CLAUDE).2, [""; 0]);
}

/// "The toolConfig field must be defined when using toolUse and toolResult content blocks."
#[test]
fn calls_in_the_conversation_keep_the_tools() {
    let called = |name: &str| Part::ToolCall {
        id: "c".to_owned(),
        name: name.to_owned(),
        arguments: String::new(),
        cache: None,
        signature: None,
    };
    let turns = vec![
        user("x"),
        turn(Role::Assistant, vec![called("old"), called("old")]),
    ];
    let mut request = with_tools(Some(ToolChoice::None));
    request.turns = turns;
    assert_eq!(
        offered(&request, CLAUDE),
        (
            vec!["a".to_owned(), "b".to_owned()],
            Value::Null,
            vec!["tool_choice".to_owned()]
        )
    );
    request.tools.clear();
    request.tool_choice = None;
    assert_eq!(
        offered(&request, CLAUDE),
        (vec!["old".to_owned()], Value::Null, vec![])
    );
}

#[test]
fn a_schema_is_a_text_format_where_models_constrain() {
    let request = with_format(closed(), Some(true));
    assert_eq!(
        settings(&request, STRUCTURED),
        (
            json!({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
                "schema": closed().to_string(),
                "name": "person",
            }}}}}),
            vec![]
        )
    );
}

#[test]
fn a_schema_is_a_tool_elsewhere() {
    let answer = |schema: Value| {
        json!({"toolSpec": {
            "name": ANSWER_TOOL,
            "description": "Gives the answer to the user. Call it exactly once, with the whole answer as its input.",
            "inputSchema": {"json": schema},
        }})
    };
    for (schema, strict, model, losses) in [
        (closed(), None, CLAUDE, [].as_slice()),
        (closed(), Some(true), NOVA, &["tools.strict"]),
        // Constrained output takes closed objects only.
        (open(), None, STRUCTURED, &[]),
    ] {
        let (written, lost) = settings(&with_format(schema.clone(), strict), model);
        assert_eq!(
            written,
            json!({"toolConfig": {"tools": [answer(schema)], "toolChoice": {"any": {}}}})
        );
        assert_eq!(lost, losses);
    }
    // An object by another word.
    let (written, losses) = settings(&with_format(json!({"$ref": "#/$defs/x"}), None), CLAUDE);
    let schema = &written["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"];
    assert_eq!(schema, &json!({"type": "object", "$ref": "#/$defs/x"}));
    assert_eq!(losses, [""; 0]);
}

#[test]
fn forms_that_cannot_be_had_are_lost() {
    let json_object = ChatRequest {
        format: Format::JsonObject,
        ..ask()
    };
    let array = with_format(json!({"type": "array"}), None);
    assert_eq!(
        settings(&json_object, CLAUDE),
        (
            json!({"system": [{"text": "Answer with a single JSON object and nothing else."}]}),
            vec!["response_format".to_owned()]
        )
    );
    for request in [array, with_format(json!(true), None)] {
        assert_eq!(
            settings(&request, CLAUDE),
            (json!({}), vec!["response_format".to_owned()])
        );
    }
    // The tool is offered, for it cannot be forced.
    let (names, choice, losses) = offered(&with_format(closed(), None), "anthropic.claude-fable-5");
    assert_eq!(names, [ANSWER_TOOL]);
    assert_eq!(
        (choice, losses),
        (Value::Null, vec!["response_format".to_owned()])
    );
}

#[test]
fn an_answer_by_tool_stands_beside_the_clients_tools() {
    let ask = |choice| ChatRequest {
        format: with_format(open(), None).format,
        ..with_tools(choice)
    };
    let any = json!({"any": {}});
    for (choice, names, said) in [
        (None, ["a", "b", ANSWER_TOOL].as_slice(), any.clone()),
        (Some(ToolChoice::None), &[ANSWER_TOOL], any.clone()),
        // The client's own tool is forced: there will be no answer to give a form to.
        (Some(ToolChoice::Required), &["a", "b"], any),
        (
            Some(ToolChoice::Tool("a".to_owned())),
            &["a", "b"],
            json!({"tool": {"name": "a"}}),
        ),
    ] {
        let (names_written, choice_written, lost) = offered(&ask(choice.clone()), CLAUDE);
        assert_eq!(names_written, names, "{choice:?}");
        assert_eq!(choice_written, said, "{choice:?}");
        assert_eq!(lost, [""; 0], "{choice:?}");
    }
}
