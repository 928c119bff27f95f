use super::*;

static ONE: [Wanted; 2] = [
    Wanted {
        name: "model",
        capture_bytes: 64,
        unique: true,
    },
    Wanted {
        name: "n",
        capture_bytes: 4,
        unique: false,
    },
];

fn scan(body: &str, keys: Keys, chunk: usize) -> Result<Scanned<2>, ScanError> {
    let mut scanner = ObjectScanner::new(&ONE, keys);
    for piece in body.as_bytes().chunks(chunk) {
        scanner.push(piece);
    }
    scanner.finish()
}

/// Scans in one piece and byte by byte; the results must agree.
fn check(body: &str) -> Result<[Option<(String, String)>; 2], ScanError> {
    let shape = |scan: Scanned<2>| {
        scan.members.map(|member| {
            member.map(|m| {
                assert!(m.closed);
                let key = &body[m.key_start..m.span.start];
                assert!(
                    key.starts_with('"') && key.trim_end().ends_with(':'),
                    "{key}"
                );
                let kept = String::from_utf8(m.raw).unwrap();
                (body[m.span].to_owned(), kept)
            })
        })
    };
    let whole = scan(body, Keys::Decoded, usize::MAX).map(shape);
    for chunk in [1, 2, 3, 7] {
        assert_eq!(scan(body, Keys::Decoded, chunk).map(shape), whole, "{body}");
    }
    whole
}

fn found(body: &str) -> [Option<String>; 2] {
    check(body).unwrap().map(|m| m.map(|(span, _)| span))
}

#[test]
fn wanted_members_are_found_at_the_top_level_only() {
    let some = |text: &str| Some(text.to_owned());
    for (body, model, n) in [
        ("{}", None, None),
        (" { } \n", None, None),
        (r#"{"model":"a"}"#, some("\"a\""), None),
        (
            r#"{ "model" : "a" , "n" : -1.5e3 }"#,
            some("\"a\""),
            some("-1.5e3"),
        ),
        (r#"{"mod\u0065l":"a"}"#, some("\"a\""), None),
        (r#"{"m\u006F\u0064el":null}"#, some("null"), None),
        (
            r#"{"x":{"model":"no"},"n":[1,{"model":2}]}"#,
            None,
            some(r#"[1,{"model":2}]"#),
        ),
        (r#"{"x":"\"model\":1","model":"\\"}"#, some(r#""\\""#), None),
        (
            r#"{"x":"a\\\"]}{","n":{"y":"}\\"}}"#,
            None,
            some(r#"{"y":"}\\"}"#),
        ),
        (r#"{"n":1,"n":2}"#, None, some("2")),
        (r#"{"models":1,"mode":2,"":3,"model\n":4}"#, None, None),
        (r#"{"é":1,"\u00e9":2,"\ud83d\ude00":3}"#, None, None),
        (
            r#"{"a_key_that_is_longer_than_any_that_is_wanted":1,"n":true}"#,
            None,
            some("true"),
        ),
        (
            r#"{"x":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20],"n":0}"#,
            None,
            some("0"),
        ),
    ] {
        assert_eq!(found(body), [model, n], "{body}");
    }
}

#[test]
fn errors_say_what_and_where() {
    use ScanError::{Duplicate, Empty, NotAnObject, Truncated, Unexpected};
    for (body, error) in [
        ("", Empty),
        (" \n", Empty),
        ("[]", NotAnObject),
        ("\"x\"", NotAnObject),
        ("12", NotAnObject),
        ("null", NotAnObject),
        ("hello", Unexpected { offset: 0 }),
        ("{", Truncated),
        (r#"{"a"#, Truncated),
        (r#"{"a""#, Truncated),
        (r#"{"a":"#, Truncated),
        (r#"{"a":[1,"#, Truncated),
        (r#"{"a":"x\"#, Truncated),
        (r#"{"a":1"#, Truncated),
        (r#"{"a":1}x"#, Unexpected { offset: 7 }),
        (r#"{"a":1}{}"#, Unexpected { offset: 7 }),
        (r#"{"a":1,}"#, Unexpected { offset: 7 }),
        (r#"{"a" 1}"#, Unexpected { offset: 5 }),
        (r#"{"a":1 2}"#, Unexpected { offset: 7 }),
        (r#"{"a":}"#, Unexpected { offset: 5 }),
        (r#"{a:1}"#, Unexpected { offset: 1 }),
        (r#"{"\x":1}"#, Unexpected { offset: 3 }),
        (r#"{"\u00g0":1}"#, Unexpected { offset: 6 }),
        ("{\"a\nb\":1}", Unexpected { offset: 3 }),
        (r#"{"a":[1}}"#, Unexpected { offset: 7 }),
        (r#"{"a":{]}"#, Unexpected { offset: 6 }),
        (r#"{"model":1,"model":1}"#, Duplicate { name: "model" }),
        (r#"{"model":1,"m\u006fdel":1}"#, Duplicate { name: "model" }),
    ] {
        assert_eq!(check(body).err(), Some(error), "{body}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let most = MAX_DEPTH as usize - 1;
    assert!(check(&nested(most)).is_ok());
    assert_eq!(check(&nested(most + 1)).err(), Some(ScanError::TooDeep));
    assert_eq!(check(&nested(100_000)).err(), Some(ScanError::TooDeep));
}

#[test]
fn what_is_kept_is_bounded() {
    let members = check(r#"{"n":"abcdefgh"}"#).unwrap();
    assert_eq!(
        members[1],
        Some(("\"abcdefgh\"".to_owned(), "\"abc".to_owned()))
    );
    let long = scan(r#"{"n":"abcdefgh"}"#, Keys::Decoded, 5).unwrap();
    assert_eq!(long.members[1].as_ref().unwrap().whole(), None);
}

#[test]
fn raw_keys_are_not_decoded() {
    let raw = |body| scan(body, Keys::Raw, 3).unwrap().members[0].is_some();
    assert!(raw(r#"{"model":1}"#));
    assert!(!raw(r#"{"mod\u0065l":1}"#));
}
