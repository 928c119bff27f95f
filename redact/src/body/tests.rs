use proptest::prelude::*;

use super::*;

/// Masks again until nothing is left, as the gateway does.
fn clean(body: &str) -> String {
    let mut body = body.as_bytes().to_vec();
    for _ in 0..4 {
        let hits = search(&body, Kinds::ALL).unwrap();
        if hits.is_empty() {
            break;
        }
        body = masked(&body, &hits, Kinds::ALL);
    }
    String::from_utf8(body).unwrap()
}

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(clean(body), expected, "{body}");
    assert_eq!(
        search(expected.as_bytes(), Kinds::ALL),
        Ok(Vec::new()),
        "left in {expected}"
    );
}

/// What a message's text becomes.
#[track_caller]
fn says(text: &str, expected: &str) {
    let body = |text: &str| {
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#)
    };
    check(&body(text), &body(expected));
}

#[test]
fn texts_are_read_as_a_model_reads_them() {
    says("to ann@example.com, now", "to [email], now");
    says(r"to\nann\u0040example.com\tnow", r"to\n[email]\tnow");
    says(r"\u0061nn@example\u002ecom", "[email]");
    says("ann＠example.com", "[email]");
    says(
        "card ４１１１ 1111\u{a0}1111\u{2011}1111",
        "card ４１１１ 1111\u{a0}1111\u{2011}1111",
    );
    says("card ４１１１\u{a0}1111 1111 1111.", "card [card].");
    says("4111\u{200b}1111\u{ad}1111\\u200d1111", "[card]");
    says(
        r"\uD83D\uDE00 ann@example.com \ud83d",
        r"\uD83D\uDE00 [email] \ud83d",
    );
    says(
        "邮箱：ann@example.com，电话13812345678。",
        "邮箱：[email]，电话[phone]。",
    );
    says("nothing here, 12 of 34", "nothing here, 12 of 34");
    says("[email] and [card]", "[email] and [card]");
}

#[test]
fn json_in_json_stays_json() {
    says(r#"{\"to\":\"ann@example.com\"}"#, r#"{\"to\":\"[email]\"}"#);
    says(
        r#"{\"to\":\"hi\\nann@example.com\"}"#,
        r#"{\"to\":\"hi\\n[email]\"}"#,
    );
    says(
        r#"{\"to\":\"ann\\u0040example.com\"}"#,
        r#"{\"to\":\"[email]\"}"#,
    );
    says(
        r#"{\"card\": 4111111111111111 }"#,
        r#"{\"card\": \"[card]\" }"#,
    );
    says(
        r#"{\"card\":-4111111111111111,\"b\":\"\\n\"}"#,
        r#"{\"card\":\"[card]\",\"b\":\"\\n\"}"#,
    );
    says("[4111111111111111]", r#"[\"[card]\"]"#);
    says(
        r#"{\"password\":\"hunter-22\"}"#,
        r#"{\"password\":\"[credential]\"}"#,
    );
    // Words in which a letter behind a backslash is no escape.
    says(r"C:\\rk_live_abcdefghijklmnop1", r"C:\\\\[api_key]");
}

#[test]
fn all_dialects_have_their_places() {
    for (body, expected) in [
        (
            r#"{"prompt":["a","ann@example.com"]}"#,
            r#"{"prompt":["a","[email]"]}"#,
        ),
        (r#"{"input":"ann@example.com"}"#, r#"{"input":"[email]"}"#),
        (
            r#"{"instructions":"ann@example.com"}"#,
            r#"{"instructions":"[email]"}"#,
        ),
        (
            r#"{"system":[{"type":"text","text":"ann@example.com"}]}"#,
            r#"{"system":[{"type":"text","text":"[email]"}]}"#,
        ),
        (
            r#"{"messages":[{"content":[{"type":"tool_result","tool_use_id":"13812345678","content":[{"type":"text","text":"ann@example.com"}]}]}]}"#,
            r#"{"messages":[{"content":[{"type":"tool_result","tool_use_id":"13812345678","content":[{"type":"text","text":"[email]"}]}]}]}"#,
        ),
        (
            r#"{"messages":[{"content":[{"type":"tool_use","id":"13812345678","input":{"id":"13812345678","n":4111111111111111,"ann@example.com":[{"password":"hunter-22"}]}}]}]}"#,
            r#"{"messages":[{"content":[{"type":"tool_use","id":"13812345678","input":{"id":"[phone]","n":"[card]","[email]":[{"password":"[credential]"}]}}]}]}"#,
        ),
        (
            r#"{"messages":[{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"n\":4111111111111111}"}}]}]}"#,
            r#"{"messages":[{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"n\":\"[card]\"}"}}]}]}"#,
        ),
        (
            r#"{"input":[{"type":"function_call_output","call_id":"13812345678","output":"ann@example.com"}]}"#,
            r#"{"input":[{"type":"function_call_output","call_id":"13812345678","output":"[email]"}]}"#,
        ),
        (
            r#"{"model":"ann@example.com","user":"ann@example.com"}"#,
            r#"{"model":"ann@example.com","user":"[email]"}"#,
        ),
        (
            r#"{"seed":4111111111111111,"a":[13812345678]}"#,
            r#"{"seed":4111111111111111,"a":[13812345678]}"#,
        ),
    ] {
        check(body, expected);
    }
}

#[test]
fn what_is_no_content_stays() {
    for body in [
        r#"{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,4111111111111111"}}]}]}"#,
        r#"{"messages":[{"content":[{"source":{"type":"base64","data":"4111111111111111+\/=="}}]}]}"#,
        r#"{"messages":[{"content":[{"thinking":"x","signature":"4111111111111111"}]}]}"#,
        r#"{"tools":[{"type":"mcp","authorization":"Bearer abcdefgh1","headers":{"x-api-key":"sk-abcdefghijklmnopqrst1"}}]}"#,
        r#"{"mcp_servers":[{"authorization_token":"sk-abcdefghijklmnopqrst1"}]}"#,
    ] {
        check(body, body);
    }
    // What only says that it is data is searched.
    check(
        r#"{"messages":[{"content":[{"source":{"type":"text","data":"ann@example.com"}}]}]}"#,
        r#"{"messages":[{"content":[{"source":{"type":"text","data":"[email]"}}]}]}"#,
    );
    check(
        r#"{"tools":[{"function":{"description":"of ann@example.com"}}]}"#,
        r#"{"tools":[{"function":{"description":"of [email]"}}]}"#,
    );
}

#[test]
fn parts_of_one_message_are_read_over_their_border() {
    let parts = |a: &str, b: &str| {
        format!(
            r#"{{"messages":[{{"content":[{{"type":"text","text":"{a}"}},{{"type":"text","text":"{b}","x":null}}]}}]}}"#
        )
    };
    check(
        &parts("to ann@exam", "ple.com now"),
        &parts("to [email]", " now"),
    );
    check(
        &parts(r"to \u0061nn", r"\u0040example.com"),
        &parts("to [email]", ""),
    );
    check(
        &parts("4111 1111 1111 ", "1111, ann@example.com"),
        &parts("[card]", ", [email]"),
    );
    check(
        &parts("ann@example.com", "and bob@example.com"),
        &parts("[email]", "and [email]"),
    );
    let long = "é".repeat(600);
    check(
        &parts(&format!("{long} ann@exam"), "ple.com"),
        &parts(&format!("{long} [email]"), ""),
    );
    let apart = r#"{"messages":[{"content":"ann@exam"},{"content":"ple.com"}]}"#;
    check(apart, apart);
    let hits = search(parts("ann@exam", "ple.com").as_bytes(), Kinds::ALL).unwrap();
    assert_eq!(hits.iter().filter(|hit| hit.counts()).count(), 1);
}

#[test]
fn only_what_is_wanted_is_found() {
    let body = r#"{"input":"ann@example.com 13812345678"}"#.as_bytes();
    let only = Kinds::default().with(Kind::Phone);
    let hits = search(body, only).unwrap();
    assert_eq!(hits.len(), 1);
    assert_eq!(
        masked(body, &hits, only),
        br#"{"input":"ann@example.com [phone]"}"#
    );
    assert_eq!(masked(body, &hits, Kinds::default()), body);
}

#[test]
fn a_path_names_fields_and_never_content() {
    for (body, expected) in [
        (
            r#"{"messages":[{},{"content":[{"type":"text","text":"ann@example.com"}]}]}"#,
            "messages[1].content[0].text",
        ),
        (
            r#"{"messages":[{"content":[{"input":{"Ann Lee":"ann@example.com"}}]}]}"#,
            "messages[0].content[0].input",
        ),
        (r#"{"input":"ann@example.com"}"#, "input"),
        (r#"{"anns_own":"ann@example.com"}"#, ""),
    ] {
        let hits = search(body.as_bytes(), Kinds::ALL).unwrap();
        assert_eq!(
            path_of(body.as_bytes(), hits[0].at.start),
            expected,
            "{body}"
        );
    }
}

#[test]
fn what_is_no_json_is_said_to_be_none() {
    for (body, offset) in [
        ("", 0),
        ("[]", 0),
        (r#"{"a""#, 4),
        (r#"{"a":"b}"#, 8),
        (r#"{"a":[}"#, 6),
        (r#"{"a":1}}"#, 7),
        ("{\"a\":\"\\", 8),
    ] {
        assert_eq!(
            search(body.as_bytes(), Kinds::ALL),
            Err(NotJson { offset }),
            "{body}"
        );
    }
    assert_eq!(
        search(b"{\"\xff\":1}", Kinds::ALL),
        Err(NotJson { offset: 2 })
    );
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    assert!(search(deep.as_bytes(), Kinds::ALL).is_err());
}

#[test]
fn what_the_fuzzer_begins_with_is_masked() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/body");
    let files: Vec<_> = std::fs::read_dir(corpus).unwrap().collect();
    assert!(files.len() > 1);
    for file in files {
        let body = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let after = clean(&body);
        assert_ne!(after, body);
        assert_eq!(search(after.as_bytes(), Kinds::ALL), Ok(Vec::new()));
        assert!(
            serde_json::from_str::<serde_json::Value>(&after).is_ok(),
            "{after}"
        );
    }
}

/// A stretch of text: harmless, or what is looked for.
fn stretch() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[\\\\\"a-z0-9@.: ＠\u{200b}é\n]{0,8}",
        Just("ann@example.com".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("4111111111111111".to_owned()),
        Just("sk-abcdefghijklmnopqrst1".to_owned()),
        Just("password=hunter-22".to_owned()),
        Just("+49 30 1234567".to_owned()),
        Just("{\"a\":".to_owned()),
        Just("}".to_owned()),
        Just("\\n".to_owned()),
        Just("\\u0040".to_owned()),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop::collection::vec(stretch(), 0..8).prop_map(|parts| parts.concat())
}

/// A JSON string, with some of its characters escaped that need not be.
fn written(text: &str, salt: usize) -> String {
    let mut out = String::from('"');
    for (at, char) in text.chars().enumerate() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            _ if salt > 0 && at % (salt + 1) == 0 => {
                let mut units = [0; 2];
                for unit in char.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => out.push(char),
        }
    }
    out + "\""
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Masked until nothing is left, which takes few rounds; JSON stays JSON; and outside of what was
    /// found every byte is as it was.
    #[test]
    fn nothing_is_left_and_all_else_stays(
        texts in prop::collection::vec((texts(), 0_usize..4), 1..4),
        form in 0..3,
    ) {
        let strings = texts.iter().map(|(text, salt)| written(text, *salt));
        let body = match form {
            0 => format!("{{\"prompt\":[{}]}}", strings.collect::<Vec<_>>().join(",")),
            1 => {
                let parts = strings.map(|s| format!("{{\"type\":\"text\",\"text\":{s}}}"));
                format!("{{\"messages\":[{{\"content\":[{}]}}]}}", parts.collect::<Vec<_>>().join(","))
            }
            _ => {
                let fields = strings.enumerate().map(|(n, s)| format!("\"f{n}\":{s}"));
                format!("{{\"a\":[{{\"input\":{{{}}}}}]}}", fields.collect::<Vec<_>>().join(","))
            }
        };
        let mut now = body.clone().into_bytes();
        for round in 0.. {
            prop_assert!(round < 4, "{body} is {} after four rounds", String::from_utf8_lossy(&now));
            let hits = search(&now, Kinds::ALL).unwrap();
            if hits.is_empty() {
                break;
            }
            let next = masked(&now, &hits, Kinds::ALL);
            let mut kept = Vec::new();
            let mut done = 0;
            for hit in &hits {
                prop_assert!(hit.at.start >= done && !hit.at.is_empty(), "{hit:?} in {body}");
                kept.push(&now[done..hit.at.start]);
                done = hit.at.end;
            }
            kept.push(&now[done..]);
            let mut place = 0;
            for part in kept {
                let at = next[place..].windows(part.len().max(1)).position(|w| w == part);
                let at = if part.is_empty() { Some(0) } else { at };
                prop_assert!(at.is_some(), "lost bytes of {body}");
                place += at.unwrap() + part.len();
            }
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&next).is_ok(), "no JSON: {body}");
            now = next;
        }
        let walked = search(&now, Kinds::ALL);
        prop_assert_eq!(walked, Ok(Vec::new()));
    }

    /// The arguments of a tool are JSON in a string, and stay that.
    #[test]
    fn arguments_stay_json(values in prop::collection::vec(prop_oneof![
        texts().prop_map(serde_json::Value::from),
        prop::sample::select(vec![4_111_111_111_111_111_i64, -13_812_345_678, 7]).prop_map(serde_json::Value::from),
    ], 1..4)) {
        let inner = serde_json::json!({"password": values.first(), "list": values}).to_string();
        let outer = serde_json::json!({"messages": [{"function": {"arguments": inner}}]});
        let after: serde_json::Value = serde_json::from_str(&clean(&outer.to_string())).unwrap();
        let inner = after["messages"][0]["function"]["arguments"].as_str().unwrap();
        prop_assert!(serde_json::from_str::<serde_json::Value>(inner).is_ok(), "{inner}");
    }

    /// Also where texts look like JSON, or like a list of numbers.
    #[test]
    fn arguments_stay_json_whatever_stands_around(
        texts in prop::collection::vec("[\\[{\":, ]{0,3}(4111111111111111|ann@example\\.com|x)[\\]},\" ]{0,3}", 1..4),
    ) {
        let inner = serde_json::json!({"a": texts.first(), "list": texts, "n": 4_111_111_111_111_111_i64}).to_string();
        let outer = serde_json::json!({"messages": [{"function": {"arguments": inner}}]});
        let after: serde_json::Value = serde_json::from_str(&clean(&outer.to_string())).unwrap();
        let inner = after["messages"][0]["function"]["arguments"].as_str().unwrap();
        let read: Result<serde_json::Value, _> = serde_json::from_str(inner);
        prop_assert!(read.is_ok_and(|read| read["n"].is_string()), "{inner}");
    }

    /// Whatever is no JSON is an error, never a panic.
    #[test]
    fn bytes_do_not_matter(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = search(&bytes, Kinds::ALL);
    }
}
