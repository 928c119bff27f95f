//! Properties of the vendors' edits.

use ark_dialect::chat::Written;
use ark_dialect::rewrite::Plan;
use ark_dialect::vendor::{CallIds, ReasoningBack, Vendor, VendorEdits, adapt, edits};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::Value;

/// Members that some vendor does not take as they are, and what stays with all.
const MEMBERS: &[&str] = &[
    r#""model":"m""#,
    r#""x" : 1.50e+10"#,
    r#""y":{"seed":1,"n":[9,{"user":"u"}]}"#,
    r#""messages":[{"role":"developer","content":"\"role\":\"developer\" \\"},{"reasoning_content":"a","role":"assistant"},{"role":"assistant","reasoning_content":null,"reasoning_details":[]},{"role":"assistant","refusal":"no","tool_calls":[{"id":"call_0_0","extra_content":{}},{"id":"abcDEF123"}]},{"name":"f","role":"tool","tool_call_id":"call_0_0","content":""},{"name":"u","role":"user","cache_control":{},"content":[{"type":"text","text":"q","cache_control":{}}]}]"#,
    r#""max_tokens":5"#,
    r#""max_completion_tokens":null"#,
    r#""seed" : 7 "#,
    r#""random_seed":8"#,
    r#""n":3"#,
    r#""stop":["a","\"",",","]","e","f"]"#,
    r#""temperature":1.99999"#,
    r#""tool_choice":{"type":"function","function":{"name":"f"}}"#,
    r#""response_format":{"json_schema":{"name":"n","schema":{"type":"x"}},"type":"json_schema"}"#,
    r#""reasoning_effort":"none""#,
    r#""thinking":{"type":"enabled"}"#,
    r#""thinking_budget":1"#,
    r#""chat_template_kwargs":{}"#,
    r#""logprobs":true"#,
    r#""top_logprobs":1"#,
    r#""logit_bias":{"1":2}"#,
    r#""frequency_penalty":0"#,
    r#""presence_penalty":1"#,
    r#""parallel_tool_calls":false"#,
    r#""user":"u""#,
    r#""store":false"#,
    r#""service_tier":"auto""#,
    r#""stream_options":{"include_usage":true}"#,
    r#""functions":[]"#,
    r#""verb\u006fsity":"low""#,
    r#""modalities":["text"]"#,
    r#""reasoning_split":false"#,
];
/// Those whose every byte stays.
const KEPT: &[&str] = &[
    r#""model":"m""#,
    r#""x" : 1.50e+10"#,
    r#""y":{"seed":1,"n":[9,{"user":"u"}]}"#,
];

fn body() -> impl Strategy<Value = String> {
    let gaps = select(&[",", " , ", ",\n\t", " ,"][..]);
    let ends = select(&[("{", "}"), ("{ ", "\n}"), (" {\t", " } ")][..]);
    let members = subsequence(MEMBERS, 0..MEMBERS.len()).prop_shuffle();
    (members, gaps, ends)
        .prop_map(|(members, gap, (open, close))| format!("{open}{}{close}", members.join(gap)))
}

fn vendor() -> impl Strategy<Value = Vendor> {
    select(Vendor::all().collect::<Vec<_>>())
}

fn apply(body: &[u8], edits: VendorEdits) -> Vec<u8> {
    Plan::new(edits.splices, body.len()).apply(body).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_stays_json_and_what_is_not_meant_stays(body in body(), vendor in vendor()) {
        let planned = edits(body.as_bytes(), vendor).unwrap();
        let edited = apply(body.as_bytes(), planned.clone());
        let text = std::str::from_utf8(&edited).unwrap();
        let before: Value = serde_json::from_str(&body).unwrap();
        let after: Value = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("{}: {error}: {body} -> {text}", vendor.name()));
        for kept in KEPT {
            assert_eq!(body.contains(kept), text.contains(kept), "{kept}: {text}");
        }
        let quirks = vendor.quirks();
        for name in quirks.unsupported {
            assert!(after.get(name).is_none(), "{name}: {text}");
        }
        for (name, own) in quirks.renamed {
            assert!(after.get(name).is_none(), "{name}: {text}");
            if before.get(name).is_some() {
                assert!(after.get(own).is_some(), "{own}: {text}");
            }
        }
        for message in after["messages"].as_array().into_iter().flatten() {
            assert!(quirks.developer_role || message["role"] != "developer", "{text}");
            let refused = quirks.unsupported_in_messages;
            let spoken = message["role"] != "tool";
            let mut refused = refused.iter().filter(|name| spoken || **name != "name");
            assert!(refused.all(|name| message.get(name).is_none()), "{text}");
            let calls = message["tool_calls"].as_array();
            for call in calls.into_iter().flatten() {
                let mut refused = quirks.unsupported_in_calls.iter();
                assert!(refused.all(|name| call.get(name).is_none()), "{text}");
                let id = call["id"].as_str().unwrap();
                assert!(quirks.call_ids == CallIds::Any || id.len() == 9, "{text}");
            }
            let demanded = quirks.reasoning_back == ReasoningBack::Demanded;
            assert!(!demanded || calls.is_none() || message["reasoning_content"].is_string());
        }
        // What is as the vendor takes it needs no edit, and loses nothing more.
        let again = edits(&edited, vendor).unwrap();
        assert_eq!(again, VendorEdits::default(), "{}: {text}", vendor.name());
        // What is written and what passes are edited alike.
        let written = adapt(Written { body: body.into_bytes(), losses: Vec::new() }, vendor);
        assert_eq!(written, Written { body: edited, losses: planned.losses });
    }

    #[test]
    fn any_bytes_are_edited_or_refused(
        body in vec(any::<u8>(), 0..60),
        sound in body(),
        at in any::<prop::sample::Index>(),
        vendor in vendor(),
    ) {
        let mut damaged = sound.into_bytes();
        let at = at.index(damaged.len());
        damaged[at] = body.first().copied().unwrap_or_default();
        for body in [body, damaged] {
            if let Ok(planned) = edits(&body, vendor) {
                let edited = apply(&body, planned);
                if serde_json::from_slice::<Value>(&body).is_ok() {
                    assert!(serde_json::from_slice::<Value>(&edited).is_ok());
                }
            }
        }
    }
}
