use serde_json::json;

use super::*;

static PART: Shape = Shape::Tagged(
    "type",
    &[
        ("text", &[must("text", &Shape::Sized(1, 5))]),
        ("none", &[]),
    ],
);
static WHOLE: Shape = Shape::Object(&[
    must("model", &Shape::Text),
    may("heat", &Shape::Number(0.0, 1.0)),
    may("count", &Shape::Integer(1, 9)),
    may(
        "parts",
        &Shape::Either(&[Shape::Text, Shape::List(&PART, 1, 3)]),
    ),
    may(
        "one",
        &Shape::Single(&[may("a", &Shape::Flag), may("b", &Shape::Any)]),
    ),
    may("map", &Shape::Map(&Shape::Word(&["x", "y"]))),
]);

fn check(value: &Value) -> Vec<(String, Problem)> {
    let words = |flaw: Flaw| (format!("{:?}", flaw.path), flaw.problem);
    flaws(&WHOLE, value).into_iter().map(words).collect()
}

#[test]
fn other_names_become_the_known_ones() {
    let short = |name: &str| name.trim_end_matches('_').to_owned();
    let given = json!({"model_": "m", "map": {"k_": "x"}, "one": {"b_": {"c_": 1}}, "z_": 1});
    assert_eq!(
        renamed(&WHOLE, given, &short),
        json!({"model": "m", "map": {"k_": "x"}, "one": {"b": {"c_": 1}}, "z_": 1})
    );
}

#[test]
fn what_fits_has_no_flaws() {
    for value in [
        json!({"model": "m"}),
        json!({"model": "m", "heat": null, "count": 9, "parts": "p", "one": {"b": null, "a": true}}),
        json!({"model": "m", "parts": [{"type": "text", "text": "12345"}, {"type": "none"}], "map": {"k": "x"}}),
    ] {
        assert_eq!(check(&value), [], "{value}");
    }
}

#[test]
fn each_flaw_has_its_place() {
    use Measure::Value as Amount;
    let at = |path: &str, problem: Problem| (path.to_owned(), problem);
    for (value, expected) in [
        (
            json!({"x": 1}),
            vec![
                at("[]", Problem::Unknown("x".to_owned(), json!(1))),
                at("[]", Problem::Missing("model")),
            ],
        ),
        (
            json!({"model": 1}),
            vec![at(r#"[Key("model")]"#, Problem::Type("string", json!(1)))],
        ),
        (
            json!({"model": "", "heat": 1.5}),
            vec![at(r#"[Key("heat")]"#, Problem::Over(1.0, Amount))],
        ),
        (
            json!({"model": "", "count": 0}),
            vec![at(r#"[Key("count")]"#, Problem::Under(1.0, Amount))],
        ),
    ] {
        assert_eq!(check(&value), expected, "{value}");
    }
}

#[test]
fn flaws_inside_have_their_paths() {
    use Measure::{Characters, Items};
    let at = |path: &str, problem: Problem| (path.to_owned(), problem);
    for (value, expected) in [
        (
            json!({"model": "", "parts": []}),
            vec![at(r#"[Key("parts")]"#, Problem::Under(1.0, Items))],
        ),
        (
            json!({"model": "", "parts": 1}),
            vec![at(r#"[Key("parts")]"#, Problem::Type("array", json!(1)))],
        ),
        (
            json!({"model": "", "parts": [{"type": "text", "text": "123456", "y": 0}]}),
            vec![
                at(
                    r#"[Key("parts"), Index(0), Tag("text"), Key("text")]"#,
                    Problem::Over(5.0, Characters),
                ),
                at(
                    r#"[Key("parts"), Index(0), Tag("text")]"#,
                    Problem::Unknown("y".to_owned(), json!(0)),
                ),
            ],
        ),
        (
            json!({"model": "", "parts": [{"type": "?"}]}),
            vec![at(
                r#"[Key("parts"), Index(0)]"#,
                Problem::Tag("type", Some("?".to_owned()), vec!["text", "none"]),
            )],
        ),
        (
            json!({"model": "", "one": {}}),
            vec![at(r#"[Key("one")]"#, Problem::NotSingle(vec!["a", "b"]))],
        ),
        (
            json!({"model": "", "map": {"k": "z"}}),
            vec![at(
                r#"[Key("map"), Entry(0)]"#,
                Problem::Word(&["x", "y"], "z".to_owned()),
            )],
        ),
    ] {
        assert_eq!(check(&value), expected, "{value}");
    }
}
