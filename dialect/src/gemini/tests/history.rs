use super::*;
use crate::chat::Source;
use serde_json::json;

const NEW: &str = "gemini-3-flash-preview";
const OLD: &str = "gemini-2.5-flash";

fn system(role: Role, text: &str) -> Turn {
    turn(role, vec![Part::text(text)])
}

fn reasoning(text: &str, signature: Option<Signature>) -> Part {
    Part::Reasoning {
        text: text.to_owned(),
        signature,
    }
}

#[test]
fn system_and_developer_turns_make_the_instruction() {
    let turns = vec![
        system(Role::System, "be kind"),
        system(Role::Developer, "be short"),
        user("hi"),
    ];
    let (body, losses) = written(&conversation(turns), OLD);
    assert_eq!(
        body["systemInstruction"],
        json!({"parts": [{"text": "be kind"}, {"text": "be short"}]})
    );
    assert_eq!(body["contents"].as_array().map(Vec::len), Some(1));
    assert!(losses.is_empty());

    let late = vec![user("a"), system(Role::Developer, "be short"), user("b")];
    let (body, losses) = written(&conversation(late), OLD);
    assert_eq!(body["systemInstruction"]["parts"][0]["text"], "be short");
    assert_eq!(
        body["contents"],
        json!([{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}])
    );
    assert_eq!(losses, ["messages"]);

    let (body, losses) = written(&conversation(vec![system(Role::System, "hi")]), OLD);
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]})
    );
    assert_eq!(losses, ["messages"]);
}

#[test]
fn turns_alternate_and_empty_ones_are_left_out() {
    let turns = vec![
        user("a"),
        user("b"),
        turn(Role::Assistant, vec![Part::text("")]),
        user("c"),
        turn(Role::Assistant, vec![Part::text("d")]),
        turn(
            Role::Assistant,
            vec![Part::Refusal {
                text: "no".to_owned(),
            }],
        ),
        Turn {
            name: Some("ada".to_owned()),
            ..user("e")
        },
    ];
    let (body, losses) = written(&conversation(turns), OLD);
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]},
            {"role": "model", "parts": [{"text": "d"}, {"text": "no"}]},
            {"role": "user", "parts": [{"text": "e"}]},
        ])
    );
    assert_eq!(losses, ["messages.name"]);
}

#[test]
fn results_name_the_function_of_their_call() {
    let turns = vec![
        user("weather?"),
        turn(
            Role::Assistant,
            vec![
                call("call_0_0", "old", "{}", None),
                call("toolu_1", "time", " ", None),
                call("x", "odd", "not json", None),
            ],
        ),
        turn(
            Role::User,
            vec![
                result("call_0_0", vec![Part::text("21"), Part::text("°C")], false),
                result("toolu_1", vec![Part::text("no clock")], true),
                result("x", vec![Part::text(r#"{"a": [1.5, "b c"]}"#)], false),
            ],
        ),
        turn(
            Role::Assistant,
            vec![call("call_0_0", "new", r#"{"a":1}"#, None)],
        ),
        turn(
            Role::User,
            vec![result("call_0_0", vec![Part::text("[1e2]")], false)],
        ),
    ];
    let (body, losses) = written(&conversation(turns), OLD);
    assert_eq!(
        body["contents"][1]["parts"],
        json!([
            {"functionCall": {"name": "old", "args": {}}},
            {"functionCall": {"id": "toolu_1", "name": "time", "args": {}}},
            {"functionCall": {"id": "x", "name": "odd", "args": {"arguments": "not json"}}},
        ])
    );
    assert_eq!(
        body["contents"][2],
        json!({"role": "user", "parts": [
            {"functionResponse": {"name": "old", "response": {"result": "21\n°C"}}},
            {"functionResponse":
                {"id": "toolu_1", "name": "time", "response": {"error": "no clock"}}},
            {"functionResponse":
                {"id": "x", "name": "odd", "response": {"result": {"a": [1.5, "b c"]}}}},
        ]})
    );
    assert_eq!(
        body["contents"][3]["parts"][0]["functionCall"]["args"],
        json!({"a": 1})
    );
    assert_eq!(
        body["contents"][4]["parts"][0]["functionResponse"]["name"],
        "new"
    );
    assert!(losses.is_empty());
}

#[test]
fn json_of_calls_and_results_stays_as_it_was_written() {
    let turns = vec![
        turn(
            Role::Assistant,
            vec![call(
                "a",
                "f",
                r#"{"n":  1e2, "id":123456789012345678901234567890}"#,
                None,
            )],
        ),
        turn(
            Role::User,
            vec![result("a", vec![Part::text(r#"[1.0, "b\u00e9"]"#)], false)],
        ),
    ];
    let request = conversation(turns);
    let body = write_request(&request, &TargetFacts::default()).body;
    let body = String::from_utf8(body).unwrap();
    for json in [
        r#""args":{"n":  1e2, "id":123456789012345678901234567890}"#,
        r#""response":{"result":[1.0, "b\u00e9"]}"#,
    ] {
        assert!(body.contains(json), "{body}");
    }
}

#[test]
fn a_result_without_a_call_stays_as_text() {
    let parts = vec![result("gone", vec![Part::text("42")], false)];
    let (body, losses) = written(&conversation(vec![turn(Role::User, parts)]), OLD);
    assert_eq!(body["contents"][0]["parts"], json!([{"text": "42"}]));
    assert_eq!(losses, ["messages"]);
}

#[test]
fn media_of_results_stand_within_them_from_3_on_and_beside_them_before() {
    let image = Part::Image {
        source: Source::Base64 {
            media_type: "image/png".to_owned(),
            data: "aGk=".to_owned(),
        },
        detail: None,
        cache: None,
    };
    let turns = vec![
        turn(Role::Assistant, vec![call("1", "draw", "{}", google("s"))]),
        turn(
            Role::User,
            vec![result("1", vec![Part::text("done"), image], false)],
        ),
    ];
    let blob = json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}});
    let plain = json!({"id": "1", "name": "draw", "response": {"result": "done"}});
    let mut within = plain.clone();
    within["parts"] = json!([blob]);
    for (model, parts) in [
        (NEW, json!([{"functionResponse": within}])),
        (OLD, json!([{"functionResponse": plain}, blob])),
    ] {
        let (body, losses) = written(&conversation(turns.clone()), model);
        assert_eq!(body["contents"][1]["parts"], parts);
        assert!(losses.is_empty());
    }
}

/// The model's parts, and what is lost.
#[track_caller]
fn replayed(model: &str, parts: Vec<Part>, expected: Value, lost: &[&str]) {
    let turns = vec![user("q"), turn(Role::Assistant, parts), user("r")];
    let (body, losses) = written(&conversation(turns), model);
    assert_eq!(body["contents"][1]["parts"], expected);
    assert_eq!(losses, lost);
}

#[test]
fn googles_own_signatures_go_back_where_they_came_from() {
    // On a text, behind reasoning.
    replayed(
        NEW,
        vec![reasoning("hm", google("s")), Part::text("yes")],
        json!([{"text": "hm", "thought": true}, {"text": "yes", "thoughtSignature": "s"}]),
        &[],
    );
    // On an empty text at the end of a stream.
    replayed(
        NEW,
        vec![Part::text("yes"), reasoning("", google("s"))],
        json!([{"text": "yes"}, {"text": "", "thoughtSignature": "s"}]),
        &[],
    );
    // On a thought of its own.
    replayed(
        NEW,
        vec![
            reasoning("hm", google("s")),
            call("a", "f", "{}", google("t")),
        ],
        json!([
            {"text": "hm", "thought": true, "thoughtSignature": "s"},
            {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "t"},
        ]),
        &[],
    );
    // On the first of parallel calls; the thought before it has none of its own.
    replayed(
        NEW,
        vec![
            reasoning("hm", None),
            call("a", "f", "{}", google("t")),
            call("b", "f", "{}", None),
        ],
        json!([
            {"text": "hm", "thought": true},
            {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "t"},
            {"functionCall": {"id": "b", "name": "f", "args": {}}},
        ]),
        &[],
    );
}

#[test]
fn signatures_of_other_makers_never_reach_google() {
    for maker in [Maker::Anthropic, Maker::Openai, Maker::Bedrock] {
        replayed(
            OLD,
            vec![
                reasoning("hm", signed(maker, "secret")),
                Part::RedactedReasoning {
                    signature: signed(maker, "secret").unwrap(),
                },
                Part::text("yes"),
                call("a", "f", "{}", signed(maker, "secret")),
            ],
            json!([{"text": "yes"}, {"functionCall": {"id": "a", "name": "f", "args": {}}}]),
            &["reasoning_history"],
        );
    }
    replayed(
        OLD,
        vec![reasoning("hm", None), Part::text("yes")],
        json!([{"text": "yes"}]),
        &["reasoning_history"],
    );
    let nothing_said = vec![reasoning("", None), Part::text("yes")];
    replayed(OLD, nothing_said, json!([{"text": "yes"}]), &[]);
}

#[test]
fn an_unsigned_step_of_another_model_passes_gemini_3() {
    let calls = || vec![call("a", "f", "{}", None), call("b", "f", "{}", None)];
    let part = |id: &str| json!({"functionCall": {"id": id, "name": "f", "args": {}}});
    replayed(OLD, calls(), json!([part("a"), part("b")]), &[]);
    let mut first = part("a");
    first["thoughtSignature"] = json!("skip_thought_signature_validator");
    replayed(NEW, calls(), json!([first, part("b")]), &[]);
}

#[test]
fn parts_of_another_dialect_are_lost() {
    let foreign = Part::Foreign {
        kind: "x".to_owned(),
        value: json!({}),
    };
    replayed(
        OLD,
        vec![foreign.clone(), Part::text("a")],
        json!([{"text": "a"}]),
        &["messages"],
    );
    let turns = vec![
        turn(Role::Assistant, vec![call("1", "f", "{}", None)]),
        turn(Role::User, vec![result("1", vec![foreign], false)]),
    ];
    assert_eq!(written(&conversation(turns), OLD).1, ["tool_results"]);
}

#[test]
fn ids_that_ark_made_do_not_go_back() {
    let made = crate::chat::MadeIds::of("r1").id(0, 0);
    let turns = vec![
        turn(Role::Assistant, vec![call(&made, "f", "{}", None)]),
        turn(Role::User, vec![result(&made, vec![], false)]),
    ];
    let (body, _) = written(&conversation(turns), OLD);
    for (at, kind) in [(0, "functionCall"), (1, "functionResponse")] {
        let part = &body["contents"][at]["parts"][0][kind];
        assert_eq!(part["name"], "f");
        assert_eq!(part.get("id"), None);
    }
}

#[test]
fn an_answer_that_has_begun_may_not_go_on() {
    let turns = vec![user("a"), turn(Role::Assistant, vec![Part::text("{")])];
    let (body, losses) = written(&conversation(turns), OLD);
    assert_eq!(body["contents"][1]["parts"], json!([{"text": "{"}]));
    assert_eq!(losses, ["messages"]);
}

#[test]
fn the_title_of_a_text_stands_before_it() {
    let document = |name: Option<&str>| Part::File {
        source: Source::Text("The capital is Ulaanbaatar.".to_owned()),
        name: name.map(str::to_owned),
        cache: None,
    };
    let turns = vec![
        turn(Role::User, vec![document(Some("Mongolia")), document(None)]),
        turn(Role::Assistant, vec![call("a", "f", "{}", None)]),
        turn(
            Role::User,
            vec![result("a", vec![document(Some("Mongolia"))], false)],
        ),
    ];
    let (body, losses) = written(&conversation(turns), OLD);
    let titled = "Mongolia\n\nThe capital is Ulaanbaatar.";
    assert_eq!(
        body["contents"][0]["parts"],
        json!([{"text": titled}, {"text": "The capital is Ulaanbaatar."}])
    );
    let response = &body["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!(response["response"]["result"], titled);
    assert_eq!(losses, [""; 0]);
}
