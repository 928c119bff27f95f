use super::*;

fn check(turns: Vec<Turn>, model: &str, expected: Value, losses: &[Field]) {
    let (messages, lost) = messages(turns, model);
    assert_eq!((messages, lost.as_slice()), (expected, losses));
}

fn assistant(text: &str) -> Turn {
    turn(Role::Assistant, vec![Part::text(text)])
}

fn system(text: &str) -> Turn {
    turn(Role::System, vec![Part::text(text)])
}

/// A turn of texts, as it is written.
fn say(role: &str, texts: &[&str]) -> Value {
    let text = |text: &&str| json!({"type": "text", "text": text});
    let content: Vec<Value> = texts.iter().map(text).collect();
    json!({"role": role, "content": content})
}

#[test]
fn neighbours_are_merged_and_empty_text_is_left_out() {
    let turns = vec![
        user("a"),
        user(" "),
        user("b"),
        assistant("c"),
        assistant("d"),
        user("e"),
    ];
    let expected = json!([
        say("user", &["a", "b"]),
        say("assistant", &["c", "d"]),
        say("user", &["e"]),
    ]);
    check(turns, NEW, expected, &[]);
}

#[test]
fn the_user_is_the_first_to_speak() {
    let expected = json!([
        say("user", &["(start)"]),
        say("assistant", &["a"]),
        say("user", &["b"]),
    ]);
    check(vec![assistant("a"), user("b")], NEW, expected, &[]);
    check(vec![], NEW, json!([say("user", &["(start)"])]), &[]);
}

#[test]
fn an_answer_that_has_begun_goes_on_where_the_model_can_do_that() {
    let turns = || vec![user("a"), assistant("b \n")];
    let expected = json!([say("user", &["a"]), say("assistant", &["b"])]);
    check(turns(), OLD, expected, &[]);
    let expected = json!([
        say("user", &["a"]),
        say("assistant", &["b"]),
        say("user", &["Continue."]),
    ]);
    check(turns(), NEW, expected, &[Field::Messages]);
}

#[test]
fn later_instructions_stay_where_they_are() {
    let turns = vec![system("s"), user("a"), system("b")];
    let expected = json!([say("user", &["a", "<system>\nb\n</system>"])]);
    check(turns, NEW, expected, &[]);
    // A conversation of instructions only.
    let expected = json!([say("user", &["b"])]);
    check(vec![system("b")], NEW, expected, &[Field::Messages]);
}

#[test]
fn results_stand_first_after_their_calls() {
    let turns = vec![
        user("a"),
        turn(
            Role::Assistant,
            vec![
                Part::text("b"),
                call("functions.f:0", r#"{"x":1.0}"#),
                call("c2", ""),
            ],
        ),
        turn(Role::System, vec![Part::text("s")]),
        turn(
            Role::User,
            vec![
                Part::text("t"),
                result("functions.f:0", vec![Part::text("42")]),
                Part::ToolResult {
                    id: "c2".to_owned(),
                    parts: vec![],
                    is_error: true,
                    cache: None,
                },
            ],
        ),
    ];
    let request = ChatRequest {
        turns,
        tools: vec![tool()],
        ..ask()
    };
    let (messages, losses) = member(&request, NEW, "messages");
    assert_eq!(
        messages,
        json!([
            {"role":"user","content":[{"type":"text","text":"a"}]},
            {"role":"assistant","content":[
                {"type":"text","text":"b"},
                {"type":"tool_use","id":"functions_f_0","name":"f","input":{"x":1.0}},
                {"type":"tool_use","id":"c2","name":"f","input":{}},
            ]},
            {"role":"user","content":[
                {"type":"tool_result","tool_use_id":"functions_f_0","content":[{"type":"text","text":"42"}]},
                {"type":"tool_result","tool_use_id":"c2","is_error":true},
                {"type":"text","text":"<system>\ns\n</system>"},
                {"type":"text","text":"t"},
            ]},
        ])
    );
    assert_eq!(losses, []);
}

#[test]
fn an_id_that_comes_again_names_another_call() {
    let calls = |id: &str| turn(Role::Assistant, vec![call(id, "")]);
    let results = |id: &str| turn(Role::User, vec![result(id, vec![])]);
    let turns = vec![
        user("a"),
        calls("call_0_0"),
        results("call_0_0"),
        calls("call_0_0"),
        results("call_0_0"),
    ];
    let (messages, losses) = messages(turns, NEW);
    for (at, member, id) in [
        (1, "id", "call_0_0"),
        (2, "tool_use_id", "call_0_0"),
        (3, "id", "call_0_0-2"),
        (4, "tool_use_id", "call_0_0-2"),
    ] {
        assert_eq!(messages[at]["content"][0][member], id);
    }
    assert_eq!(losses, []);
}

#[test]
fn arguments_of_earlier_calls_keep_their_numbers() {
    let turns = vec![
        user("a"),
        turn(
            Role::Assistant,
            vec![call("c", r#"{"big":12345678901234567890123,"x":1.50}"#)],
        ),
        turn(Role::User, vec![result("c", vec![])]),
    ];
    let target = TargetFacts {
        model: NEW,
        default_max_tokens: 1,
        account: "",
    };
    let body = write_request(&ChatRequest { turns, ..ask() }, &target).body;
    let body = String::from_utf8(body).unwrap();
    assert!(
        body.contains(r#""input":{"big":12345678901234567890123,"x":1.50}"#),
        "{body}"
    );
}
