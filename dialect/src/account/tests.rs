use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chat::{TargetFacts, Turn};
use crate::rewrite::Plan;
use crate::translate::{Client, Wire, read, write};
use crate::vendor::Vendor;

const RESPONSES: Wire = Wire::Responses(Vendor::OPENAI);

fn signed(maker: Maker, data: &str) -> Signature {
    let data = data.to_owned();
    Signature { maker, data }
}

#[test]
fn only_what_belongs_to_one_account_is_marked_and_once() {
    for (maker, account, expected) in [
        (Maker::Openai, "1a", "@1a.rs_1:gAAA"),
        (Maker::Google, "1a", "@1a.rs_1:gAAA"),
        (Maker::Openai, "", "rs_1:gAAA"),
        (Maker::Anthropic, "1a", "rs_1:gAAA"),
        (Maker::Bedrock, "1a", "rs_1:gAAA"),
    ] {
        let mut signature = signed(maker, "rs_1:gAAA");
        mark(&mut signature, account);
        mark(&mut signature, account);
        assert_eq!(signature.data, expected);
    }
}

fn kept(part: Part, account: &str) -> (Vec<Part>, bool) {
    let turns = vec![Turn {
        role: Role::Assistant,
        parts: vec![part],
        name: None,
    }];
    let asked = Asked::Chat(Rc::new(ChatRequest {
        turns,
        ..ChatRequest::default()
    }));
    let (own, lost) = own(&asked, account);
    let Asked::Chat(request) = own.into_owned() else {
        panic!("a conversation");
    };
    (request.turns[0].parts.clone(), lost)
}

#[test]
fn an_account_gets_its_own_proofs_and_those_of_nobody() {
    let reasoning = |text: &str, data: Option<&str>| Part::Reasoning {
        text: text.to_owned(),
        signature: data.map(|data| signed(Maker::Openai, data)),
    };
    for (data, account, expected) in [
        ("@1a.rs_1:gA", "1a", Some("rs_1:gA")),
        ("rs_1:@1a.gA", "1a", Some("rs_1:gA")),
        ("@1a.gA", "2b", None),
        ("rs_1:@1a.gA", "2b", None),
        ("rs_1:gA", "2b", Some("rs_1:gA")),
        ("@1a", "2b", Some("@1a")),
    ] {
        let (parts, lost) = kept(reasoning("hm", Some(data)), account);
        assert_eq!(parts, [reasoning("hm", expected)], "{data} at {account}");
        assert_eq!(lost, expected.is_none());
    }
    assert_eq!(kept(reasoning("", Some("@1a.gA")), "2b"), (vec![], true));
    let redacted = |maker| Part::RedactedReasoning {
        signature: signed(maker, "@1a.gA"),
    };
    assert_eq!(kept(redacted(Maker::Google), "2b"), (vec![], true));
    let anthropics = redacted(Maker::Anthropic);
    assert_eq!(kept(anthropics.clone(), "2b"), (vec![anthropics], false));
    let call = |data: Option<&str>| Part::ToolCall {
        id: "c".into(),
        name: "f".into(),
        arguments: "{}".into(),
        cache: None,
        signature: data.map(|data| signed(Maker::Google, data)),
    };
    assert_eq!(kept(call(Some("@1a.gA")), "2b"), (vec![call(None)], true));
}

fn edited(body: &str, account: &str) -> (String, Vec<String>) {
    let edits = edits(body.as_bytes(), account).unwrap();
    let plan = Plan::new(edits.splices, body.len());
    let bytes = plan.apply(body.as_bytes()).unwrap();
    let losses = edits
        .losses
        .iter()
        .map(|loss| loss.field.name().into_owned());
    (String::from_utf8(bytes).unwrap(), losses.collect())
}

#[test]
fn a_passing_request_keeps_what_is_the_accounts_own() {
    let item =
        |data: &str| format!(r#"{{"type":"reasoning","id":"rs_1","encrypted_content":"{data}"}}"#);
    let body =
        |items: &[String]| format!(r#"{{"model":"m", "input" : [ {} ]}}"#, items.join(" , "));
    let said = r#"{"role":"user","content":"\"encrypted_content\":\"@1a.no\""}"#.to_owned();
    let plain = item("gA");
    let lost = vec!["reasoning_history".to_owned()];
    for (items, account, expected, losses) in [
        (
            vec![item("@1a.gA"), said.clone()],
            "1a",
            vec![plain.clone(), said.clone()],
            vec![],
        ),
        (vec![plain.clone()], "1a", vec![plain.clone()], vec![]),
    ] {
        assert_eq!(edited(&body(&items), account), (body(&expected), losses));
    }
    for items in [
        vec![item("@1a.gA"), said.clone()],
        vec![said.clone(), item("@1a.gA")],
        vec![item("@1a.gA"), said.clone(), item("@1a.gB"), item("@1a.gC")],
        vec![item("@1a.gA")],
    ] {
        let (body, losses) = edited(&body(&items), "2b");
        let parsed: Value = serde_json::from_str(&body).unwrap();
        let left = parsed["input"].as_array().unwrap();
        assert!(left.iter().all(|item| item.get("type").is_none()), "{body}");
        assert_eq!(left.len(), usize::from(items.contains(&said)));
        assert_eq!(losses, lost);
    }
}

#[test]
fn a_compacted_conversation_is_never_forgotten() {
    let item = r#"{"encrypted_content":"@1a.gA","type":"compaction","id":"cmp_1"}"#;
    let body = format!(r#"{{"input":[{item}]}}"#);
    let expected = body.replace("@1a.", "");
    for account in ["1a", "2b"] {
        assert_eq!(edited(&body, account), (expected.clone(), vec![]));
    }
}

#[test]
fn what_cannot_be_judged_is_an_error_or_stays() {
    let twice = r#"{"input":[{"type":"reasoning","type":"x","encrypted_content":"@1a.x"}]}"#;
    assert!(edits(twice.as_bytes(), "1a").is_err());
    for body in [
        r#"{"input":"\"encrypted_content\""}"#,
        r#"{"input":["encrypted_content"]}"#,
        r#"{"input":[{"encrypted_content":null}]}"#,
        r#"{"input":[{"encrypted_content":"@1a"}]}"#,
        r#"{"encrypted_content":"@1a.x"}"#,
    ] {
        assert_eq!(edited(body, "1a"), (body.to_owned(), vec![]));
    }
}

/// Whatever the client speaks, what one account thought reaches that account only.
#[test]
fn every_client_carries_the_mark() {
    let encrypted = "@1a.rs_9:gA";
    let thinking = json!({"type": "thinking", "thinking": "hm", "signature": format!("ark1.openai.{encrypted}")});
    let messages = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [thinking, {"type": "text", "text": "b"}]},
        {"role": "user", "content": "c"},
    ]});
    let item = |data: &str| json!({"type": "reasoning", "id": "rs_9", "summary": [], "encrypted_content": data});
    let responses = |data| {
        json!({"model": "m", "input": [
            item(data), {"type": "message", "role": "assistant", "content": "b"}, {"role": "user", "content": "c"},
        ]})
    };
    for (client, body) in [
        (Client::Messages, messages),
        (Client::Responses, responses("@1a.gA")),
        (Client::Responses, responses("ark1.openai.@1a.rs_9:gA")),
    ] {
        let asked = read(client, body.to_string().as_bytes()).unwrap();
        for (account, back) in [("1a", true), ("2b", false)] {
            let target = TargetFacts {
                model: "gpt-5.6",
                default_max_tokens: 9,
                account,
            };
            let written = write(&asked, client, RESPONSES, &target).unwrap();
            let text = String::from_utf8(written.body).unwrap();
            let whole =
                text.contains(r#""id":"rs_9""#) && text.contains(r#""encrypted_content":"gA""#);
            assert_eq!(whole, back, "{text}");
            assert!(!text.contains("1a"), "{text}");
            let lost = written
                .losses
                .iter()
                .any(|l| l.field == Field::ReasoningHistory);
            assert_eq!(lost, !back);
        }
    }
}

proptest! {
    #[test]
    fn marks_come_off_again(
        items in prop::collection::vec(("[A-Za-z0-9_=-]{1,12}", any::<bool>()), 0..6),
        pretty in any::<bool>(),
        cut in 1usize..40,
    ) {
        let items: Vec<Value> = items
            .iter()
            .map(|(data, reasoning)| match reasoning {
                true => json!({"type": "reasoning", "id": "rs_1", "encrypted_content": data}),
                false => json!({"role": "user", "content": data}),
            })
            .collect();
        let body = json!({"model": "m", "input": items});
        let body = if pretty { format!("{body:#}") } else { body.to_string() };
        let mut marking = marking("1a").unwrap();
        let mut marked = Vec::new();
        for part in body.as_bytes().chunks(cut) {
            marked.extend(marking.push(part).unwrap_or_else(|| part.to_vec()));
        }
        let marked = String::from_utf8(marked).unwrap();
        prop_assert_eq!(edited(&marked, "1a"), (body.clone(), vec![]));
        let (other, losses) = edited(&marked, "2b");
        let left: Value = serde_json::from_str(&other).unwrap();
        let all = items.iter().filter(|item| item.get("type").is_none());
        prop_assert_eq!(left["input"].as_array().unwrap().len(), all.count());
        prop_assert_eq!(losses.is_empty(), other == body);
    }
}
