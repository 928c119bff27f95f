use super::*;
use crate::chat::{CacheMark, Maker, Signature, Source};

fn assistant(parts: Vec<Part>) -> Turn {
    turn(Role::Assistant, parts)
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall {
        id: id.to_owned(),
        name: "look".to_owned(),
        arguments: arguments.to_owned(),
        cache: None,
        signature: None,
    }
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult {
        id: id.to_owned(),
        parts,
        is_error,
        cache: None,
    }
}

fn marked(text: &str, ttl: Option<&str>) -> Part {
    Part::Text {
        text: text.to_owned(),
        cache: Some(CacheMark {
            ttl: ttl.map(str::to_owned),
        }),
    }
}

fn base64(media_type: &str) -> Source {
    Source::Base64 {
        media_type: media_type.to_owned(),
        data: "QUJD".to_owned(),
    }
}

fn image(source: Source) -> Part {
    Part::Image {
        source,
        detail: None,
        cache: None,
    }
}

fn file(source: Source, name: Option<&str>) -> Part {
    Part::File {
        source,
        name: name.map(str::to_owned),
        cache: None,
    }
}

fn signed(text: &str, maker: Maker) -> Part {
    Part::Reasoning {
        text: text.to_owned(),
        signature: Some(Signature {
            maker,
            data: "c2ln".to_owned(),
        }),
    }
}

fn messages(turns: Vec<Turn>, model: &str) -> (Value, Vec<String>) {
    let request = ChatRequest {
        turns,
        ..ChatRequest::default()
    };
    let (mut body, losses) = write(&request, model);
    (body["messages"].take(), losses)
}

/// The content of one user turn.
fn content(parts: Vec<Part>) -> (Value, Vec<String>) {
    let (mut messages, losses) = messages(vec![turn(Role::User, parts)], CLAUDE);
    (messages[0]["content"].take(), losses)
}

#[test]
fn neighbours_of_a_role_become_one_message() {
    let turns = vec![
        user("a"),
        user(" "),
        user("b"),
        assistant(vec![Part::text("c")]),
        assistant(vec![Part::Refusal {
            text: "d".to_owned(),
        }]),
        assistant(vec![]),
        user("e"),
    ];
    assert_eq!(
        messages(turns, CLAUDE),
        (
            json!([
                {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
                {"role": "assistant", "content": [{"text": "c"}, {"text": "d"}]},
                {"role": "user", "content": [{"text": "e"}]},
            ]),
            vec![]
        )
    );
}

#[test]
fn a_conversation_begins_with_the_user() {
    assert_eq!(
        messages(vec![assistant(vec![Part::text("Hello")])], CLAUDE),
        (
            json!([
                {"role": "user", "content": [{"text": "(start)"}]},
                {"role": "assistant", "content": [{"text": "Hello"}]},
            ]),
            vec![]
        )
    );
}

#[test]
fn an_answer_that_has_begun_goes_on_where_the_model_can_do_that() {
    let turns = || vec![user("a"), assistant(vec![Part::text("b")])];
    let begun = json!([
        {"role": "user", "content": [{"text": "a"}]},
        {"role": "assistant", "content": [{"text": "b"}]},
    ]);
    for model in [CLAUDE, NOVA, LLAMA, PROFILE] {
        assert_eq!(messages(turns(), model), (begun.clone(), vec![]), "{model}");
    }
    let mut asked = begun;
    let go_on = json!({"role": "user", "content": [{"text": "Continue."}]});
    asked.as_array_mut().unwrap().push(go_on);
    for model in ["anthropic.claude-opus-4-6-v1", "anthropic.claude-fable-5"] {
        let lost = vec!["messages".to_owned()];
        assert_eq!(messages(turns(), model), (asked.clone(), lost), "{model}");
    }
}

#[test]
fn sound_is_for_models_that_hear() {
    let turns = || {
        let sound = Part::Audio {
            data: "QUJD".to_owned(),
            format: "wav".to_owned(),
        };
        vec![turn(Role::User, vec![Part::text("a"), sound])]
    };
    for (model, parts, lost) in [
        (CLAUDE, 1, ["audio"].as_slice()),
        ("amazon.nova-pro-v1:0", 1, &["audio"]),
        (PROFILE, 2, &[]),
    ] {
        let (messages, losses) = messages(turns(), model);
        let content = messages[0]["content"].as_array().map(Vec::len);
        assert_eq!(
            (content, losses.as_slice()),
            (
                Some(parts),
                lost.iter()
                    .map(|&l| l.to_owned())
                    .collect::<Vec<_>>()
                    .as_slice()
            ),
            "{model}"
        );
    }
}

#[test]
fn system_turns_are_gathered_and_late_ones_noted() {
    let system = |role, text| turn(role, vec![Part::text(text)]);
    let leading = ChatRequest {
        turns: vec![
            system(Role::System, "a"),
            system(Role::Developer, "b"),
            user("Hi"),
        ],
        ..ChatRequest::default()
    };
    let (body, losses) = write(&leading, LLAMA);
    assert_eq!(body["system"], json!([{"text": "a"}, {"text": "b"}]));
    assert_eq!(losses, [""; 0]);

    let late = ChatRequest {
        turns: vec![user("Hi"), system(Role::System, "a")],
        ..ChatRequest::default()
    };
    let (body, losses) = write(&late, LLAMA);
    assert_eq!(body["system"], json!([{"text": "a"}]));
    assert_eq!(losses, ["messages"]);
}

#[test]
fn names_of_participants_are_lost() {
    let mut named = user("Hi");
    named.name = Some("Ann".to_owned());
    assert_eq!(messages(vec![named], CLAUDE).1, ["messages.name"]);
}

#[test]
fn images_by_bytes_and_from_s3() {
    for (source, block) in [
        (
            base64("image/jpg"),
            Some(json!({"image": {"format": "jpeg", "source": {"bytes": "QUJD"}}})),
        ),
        (
            base64("image/webp; x=y"),
            Some(json!({"image": {"format": "webp", "source": {"bytes": "QUJD"}}})),
        ),
        (
            Source::Url("s3://bucket/cat.png".to_owned()),
            Some(
                json!({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/cat.png"}}}}),
            ),
        ),
        (base64("image/tiff"), None),
        (Source::Url("https://example.com/cat.png".to_owned()), None),
        (Source::FileId("file-1".to_owned()), None),
    ] {
        let (content, losses) = content(vec![Part::text("See"), image(source)]);
        match block {
            Some(block) => {
                assert_eq!((content, losses), (json!([{"text": "See"}, block]), vec![]));
            }
            None => assert_eq!(
                (content, losses),
                (json!([{"text": "See"}]), vec!["images".to_owned()])
            ),
        }
    }
    let detailed = Part::Image {
        source: base64("image/png"),
        detail: Some("high".to_owned()),
        cache: None,
    };
    assert_eq!(content(vec![detailed]).1, ["images.detail"]);
    let by_model = assistant(vec![image(base64("image/png")), Part::text("x")]);
    assert_eq!(messages(vec![user("Hi"), by_model], CLAUDE).1, ["images"]);
}

#[test]
fn documents_have_clean_names_and_a_text_beside_them() {
    let pdf = |name| file(base64("application/pdf"), name);
    let document = |format, name, bytes| json!({"document": {"format": format, "name": name, "source": {"bytes": bytes}}});
    for (parts, expected) in [
        (
            vec![Part::text("Read"), pdf(Some("a_b.pdf")), pdf(None)],
            json!([{"text": "Read"}, document("pdf", "a b", "QUJD"), document("pdf", "document", "QUJD")]),
        ),
        (
            vec![pdf(Some("plan.pdf"))],
            json!([document("pdf", "plan", "QUJD"), {"text": "plan"}]),
        ),
        (
            vec![
                file(Source::Text("foobar".to_owned()), None),
                Part::text("x"),
            ],
            json!([document("txt", "document", "Zm9vYmFy"), {"text": "x"}]),
        ),
        (
            vec![
                file(base64("application/octet-stream"), Some("t.CSV")),
                Part::text("x"),
            ],
            json!([document("csv", "t", "QUJD"), {"text": "x"}]),
        ),
    ] {
        assert_eq!(content(parts), (expected, vec![]));
    }
    for source in [
        base64("application/zip"),
        Source::FileId("file-1".to_owned()),
        Source::Url("https://example.com/a.pdf".to_owned()),
    ] {
        let (content, losses) = content(vec![Part::text("x"), file(source, None)]);
        assert_eq!(
            (content, losses),
            (json!([{"text": "x"}]), vec!["files".to_owned()])
        );
    }
}

#[test]
fn audio_in_known_formats() {
    let audio = |format: &str| Part::Audio {
        data: "QUJD".to_owned(),
        format: format.to_owned(),
    };
    let content = |parts: Vec<Part>| {
        let (mut messages, losses) = messages(vec![turn(Role::User, parts)], PROFILE);
        (messages[0]["content"].take(), losses)
    };
    assert_eq!(
        content(vec![audio("wav")]),
        (
            json!([{"audio": {"format": "wav", "source": {"bytes": "QUJD"}}}]),
            vec![]
        )
    );
    assert_eq!(content(vec![Part::text("x"), audio("pcm16")]).1, ["audio"]);
}

#[test]
fn calls_and_results() {
    let turns = vec![
        user("Weather?"),
        assistant(vec![
            Part::text("I look."),
            call("c 1", r#"{"q":"Bern"}"#),
            call("c2", ""),
            call("c3", "[1"),
        ]),
        turn(
            Role::User,
            vec![
                Part::text("By the way"),
                result(
                    "c 1",
                    vec![Part::text("sun"), image(base64("image/png"))],
                    false,
                ),
                result("c2", vec![Part::text("")], true),
                result("c3", vec![file(base64("text/csv"), Some("t.csv"))], false),
            ],
        ),
    ];
    let (written, losses) = messages(turns, CLAUDE);
    let id = written[1]["content"][1]["toolUse"]["toolUseId"].clone();
    assert!(id.as_str().unwrap().starts_with("c_1_"));
    assert_eq!(
        written,
        json!([
            {"role": "user", "content": [{"text": "Weather?"}]},
            {"role": "assistant", "content": [
                {"text": "I look."},
                {"toolUse": {"toolUseId": id, "name": "look", "input": {"q": "Bern"}}},
                {"toolUse": {"toolUseId": "c2", "name": "look", "input": {}}},
                {"toolUse": {"toolUseId": "c3", "name": "look", "input": {"arguments": "[1"}}},
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": id, "content": [
                    {"text": "sun"},
                    {"image": {"format": "png", "source": {"bytes": "QUJD"}}},
                ]}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "(no output)"}], "status": "error"}},
                {"toolResult": {"toolUseId": "c3", "content": [
                    {"document": {"format": "csv", "name": "t", "source": {"bytes": "QUJD"}}},
                ]}},
                {"text": "By the way"},
            ]},
        ])
    );
    assert_eq!(losses, [""; 0]);
}

#[test]
fn what_results_cannot_hold_is_lost() {
    let turns = |part, is_error| {
        vec![
            user("x"),
            assistant(vec![call("c", "{}")]),
            turn(Role::User, vec![result("c", vec![part], is_error)]),
        ]
    };
    let audio = Part::Audio {
        data: "QUJD".to_owned(),
        format: "wav".to_owned(),
    };
    let by_url = image(Source::Url("https://example.com/x.png".to_owned()));
    assert_eq!(messages(turns(audio, false), CLAUDE).1, ["tool_results"]);
    assert_eq!(messages(turns(by_url, false), CLAUDE).1, ["tool_results"]);
    // Whether it failed is for Claude and Nova to read.
    let failed = || turns(Part::text("no"), true);
    assert_eq!(messages(failed(), LLAMA).1, ["tool_results"]);
    let (written, losses) = messages(failed(), PROFILE);
    assert_eq!(written[2]["content"][0]["toolResult"]["status"], "error");
    assert_eq!(losses, [""; 0]);
}

#[test]
fn own_signatures_survive_and_foreign_ones_are_removed() {
    let own = json!({"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}});
    let redacted = Part::RedactedReasoning {
        signature: Signature {
            maker: Maker::Anthropic,
            data: "eHg=".to_owned(),
        },
    };
    let encrypted = json!({"reasoningContent": {"redactedContent": "eHg="}});
    let unsigned = Part::Reasoning {
        text: "hm".to_owned(),
        signature: None,
    };
    for (part, model, block) in [
        (signed("hm", Maker::Anthropic), CLAUDE, Some(&own)),
        (signed("hm", Maker::Bedrock), CLAUDE, Some(&own)),
        (signed("hm", Maker::Bedrock), NOVA, Some(&own)),
        (signed("hm", Maker::Anthropic), PROFILE, Some(&own)),
        (redacted.clone(), CLAUDE, Some(&encrypted)),
        (signed("hm", Maker::Anthropic), NOVA, None),
        (signed("hm", Maker::Openai), CLAUDE, None),
        (signed("hm", Maker::Google), GPT_OSS, None),
        (redacted, LLAMA, None),
        (unsigned, CLAUDE, None),
    ] {
        let turns = vec![user("x"), assistant(vec![part, Part::text("y")]), user("z")];
        let (written, losses) = messages(turns, model);
        let content = &written[1]["content"];
        match block {
            Some(block) => {
                assert_eq!(content, &json!([block, {"text": "y"}]));
                assert_eq!(losses, [""; 0]);
            }
            None => {
                assert_eq!(content, &json!([{"text": "y"}]));
                assert_eq!(losses, ["reasoning_history"]);
            }
        }
    }
}

#[test]
fn cache_marks_become_cache_points() {
    let request = |model| {
        let mut request = ChatRequest {
            turns: vec![
                turn(Role::System, vec![marked("s", Some("1h"))]),
                turn(Role::User, vec![marked("a", None), marked(" ", None)]),
            ],
            tools: vec![tool("t")],
            ..ChatRequest::default()
        };
        request.tools[0].cache = Some(CacheMark::default());
        let (body, losses) = write(&request, model);
        (
            body["system"].clone(),
            body["messages"][0]["content"].clone(),
            body["toolConfig"]["tools"][1].clone(),
            losses,
        )
    };
    let point = json!({"cachePoint": {"type": "default"}});
    assert_eq!(
        request(CLAUDE),
        (
            json!([{"text": "s"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]),
            json!([{"text": "a"}, point, point]),
            point.clone(),
            vec![]
        )
    );
    let lost = vec!["cache_control".to_owned()];
    assert_eq!(
        request(NOVA),
        (
            json!([{"text": "s"}, point]),
            json!([{"text": "a"}, point, point]),
            Value::Null,
            lost.clone()
        )
    );
    assert_eq!(
        request(LLAMA),
        (
            json!([{"text": "s"}]),
            json!([{"text": "a"}]),
            Value::Null,
            lost.clone()
        )
    );
    let five = (0..5).map(|_| marked("a", None)).collect();
    let (content, losses) = content(five);
    let points = content.as_array().unwrap().iter();
    assert_eq!(points.filter(|block| **block == point).count(), 4);
    assert_eq!(losses, lost);
}

#[test]
fn a_mark_within_a_result_stands_behind_it() {
    let turns = vec![
        user("x"),
        assistant(vec![call("c", "{}")]),
        turn(
            Role::User,
            vec![result("c", vec![marked("r", None)], false), Part::text("y")],
        ),
    ];
    assert_eq!(
        messages(turns, CLAUDE).0[2]["content"],
        json!([
            {"toolResult": {"toolUseId": "c", "content": [{"text": "r"}]}},
            {"cachePoint": {"type": "default"}},
            {"text": "y"},
        ])
    );
}

#[test]
fn parts_of_other_dialects_are_lost() {
    let foreign = Part::Foreign {
        kind: "web_search_call".to_owned(),
        value: json!({}),
    };
    let misplaced = turn(Role::User, vec![Part::text("x"), call("c", "{}")]);
    assert_eq!(content(vec![Part::text("x"), foreign]).1, ["messages"]);
    assert_eq!(messages(vec![misplaced], CLAUDE).1, ["messages"]);
}
