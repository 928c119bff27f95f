use super::*;
use crate::request::RequestInspector;

fn plan_for(body: &str, edits: Edits<'_>) -> Plan {
    let mut inspector = RequestInspector::new();
    inspector.push(body.as_bytes());
    plan(&inspector.finish().unwrap(), edits)
}

const BOTH: Edits<'static> = Edits {
    model: Some("n\"w"),
    include_usage: true,
    store: StoreEdit::Leave,
};

#[test]
fn only_what_is_asked_for_is_changed() {
    for (before, after) in [
        (
            r#"{ "model" : "m","stream":true,"t":1.0e-0}"#,
            r#"{"stream_options":{"include_usage":true}, "model" : "n\"w","stream":true,"t":1.0e-0}"#,
        ),
        (
            r#"{"stream":true,"stream_options": null,"model":"m"}"#,
            r#"{"stream":true,"stream_options": {"include_usage":true},"model":"n\"w"}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{ }}"#,
            r#"{"model":"n\"w","stream":true,"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"x":[1]}}"#,
            r#"{"model":"n\"w","stream":true,"stream_options":{"include_usage":true,"x":[1]}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"x":1,"include_usage": false }}"#,
            r#"{"model":"n\"w","stream":true,"stream_options":{"x":1,"include_usage": true }}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":null}}"#,
            r#"{"model":"n\"w","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (r#"{"model":"m"}"#, r#"{"model":"n\"w"}"#),
        (
            r#"{"model":"m","stream":false}"#,
            r#"{"model":"n\"w","stream":false}"#,
        ),
    ] {
        let plan = plan_for(before, BOTH);
        let edited = plan.apply(before.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(edited).unwrap(), after);
        assert_eq!(plan.new_len(), after.len());
        assert_eq!(
            plan.len_delta(),
            after.len() as isize - before.len() as isize
        );
        assert!(!plan.is_empty());
    }
}

#[test]
fn nothing_to_change_is_an_empty_plan() {
    let body = r#"{"model":"n\"w","stream":true,"stream_options":{"include_usage":true}}"#;
    let plan = plan_for(body, BOTH);
    assert!(plan.is_empty());
    assert_eq!(plan.len_delta(), 0);
    assert_eq!(plan.apply(body.as_bytes()).unwrap(), body.as_bytes());
    assert!(plan_for(r#"{"model":"m"}"#, Edits::default()).is_empty());
}

#[test]
fn a_plan_fits_its_own_body_only() {
    let plan = plan_for(r#"{"model":"m"}"#, BOTH);
    assert_eq!(
        plan.apply(b"{}"),
        Err(OtherBody {
            planned_len: 13,
            body_len: 2
        })
    );
}

#[test]
fn plans_grow_and_what_is_taken_away_takes_its_edits_along() {
    let body = r#"{"model":"m","stream":true,"stream_options":{"include_usage":false},"x":1}"#;
    let at = |text: &str| {
        let start = body.find(text).unwrap();
        start..start + text.len()
    };
    let out = |at| Splice {
        at,
        text: "".into(),
    };
    let options = out(at(r#","stream_options":{"include_usage":false}"#));
    let insert = Splice {
        at: 1..1,
        text: r#""y":2,"#.into(),
    };
    let plan = plan_for(body, BOTH).with(vec![out(at(r#","x":1"#)), options, insert]);
    assert_eq!(
        String::from_utf8(plan.apply(body.as_bytes()).unwrap()).unwrap(),
        r#"{"y":2,"model":"n\"w","stream":true}"#
    );
    // What lies outside the body is no splice of it.
    assert!(Plan::new(vec![out(3..9)], 8).is_empty());
}
