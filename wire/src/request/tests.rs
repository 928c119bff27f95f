use super::*;

fn read(body: &str) -> Result<RequestFacts, BodyError> {
    let mut inspector = RequestInspector::new();
    inspector.push(body.as_bytes());
    inspector.finish()
}

fn with(member: &str) -> Result<RequestFacts, BodyError> {
    read(&format!(r#"{{"model":"m",{member}}}"#))
}

#[test]
fn a_full_request_is_understood() {
    let body = r#" {"messages":[{"role":"user","content":"{\"model\":\"x\"}"}], "model" : "gpt\u002d4o",
        "stream":true,"stream_options":{ "x":1, "include_usage" : false},"max_tokens":5,
        "max_completion_tokens":7,"tools":[{}],"response_format":{"type":"json_schema"}}"#;
    let facts = read(body).unwrap();
    assert_eq!(facts.model, "gpt-4o");
    assert_eq!(&body[facts.model_span.clone()], r#""gpt\u002d4o""#);
    assert!(facts.stream && !facts.include_usage && facts.tools && facts.json_schema);
    assert_eq!(facts.max_tokens, Some(7));
    assert_eq!((facts.object_open, facts.body_len), (2, body.len()));
    let StreamOptions::Object {
        span,
        open,
        empty,
        include_usage: Some(value),
    } = facts.stream_options
    else {
        panic!("no options");
    };
    assert_eq!(&body[span.clone()], r#"{ "x":1, "include_usage" : false}"#);
    assert_eq!(open, span.start + 1);
    assert!(!empty);
    assert_eq!(&body[value], "false");
}

#[test]
fn the_smallest_request_has_defaults() {
    let facts = read(r#"{"model":"m"}"#).unwrap();
    assert!(!facts.stream && !facts.include_usage && !facts.tools && !facts.json_schema);
    assert_eq!(
        (facts.stream_options, facts.max_tokens),
        (StreamOptions::Absent, None)
    );
}

#[test]
fn what_a_client_calls_its_conversation_is_kept_as_it_stands() {
    let key = |member: &str| with(member).unwrap().prompt_cache_key;
    assert_eq!(
        key(r#""prompt_cache_key":"c-1""#).as_deref(),
        Some(&br#""c-1""#[..])
    );
    for member in [
        r#""prompt_cache_key":null"#,
        r#""prompt_cache_key":7"#,
        r#""x":1"#,
    ] {
        assert_eq!(key(member), None, "{member}");
    }
    let long = format!(r#""prompt_cache_key":"{}""#, "x".repeat(2_000));
    assert_eq!(key(&long), None);
}

#[test]
fn members_are_read_leniently() {
    for (member, expected) in [
        (r#""max_tokens":12"#, Some(12)),
        (r#""max_tokens":12.0"#, Some(12)),
        (r#""max_tokens":null"#, None),
        (r#""max_tokens":1,"max_completion_tokens":null"#, Some(1)),
        (r#""max_tokens":1,"max_tokens":2"#, Some(2)),
    ] {
        assert_eq!(with(member).unwrap().max_tokens, expected, "{member}");
    }
    for (member, expected) in [
        (r#""tools":[]"#, false),
        (r#""tools":[ ]"#, false),
        (r#""tools":null"#, false),
        (r#""tools":[{"type":"function"}]"#, true),
        (r#""functions":[{}]"#, true),
    ] {
        assert_eq!(with(member).unwrap().tools, expected, "{member}");
    }
    let large = format!(
        r#""response_format":{{"json_schema":"{}"}}"#,
        "x".repeat(9999)
    );
    for (member, expected) in [
        (r#""response_format":{"type":"text"}"#, false),
        (r#""response_format":{"type":"json_object"}"#, false),
        (
            r#""response_format":{"json_schema":{},"type":"json_schema"}"#,
            true,
        ),
        (r#""response_format":null"#, false),
        (&large, true),
    ] {
        assert_eq!(with(member).unwrap().json_schema, expected, "{member}");
    }
    for (member, stream) in [(r#""stream":null"#, false), (r#""stream":false"#, false)] {
        assert_eq!(with(member).unwrap().stream, stream, "{member}");
    }
}

#[test]
fn what_the_gateway_acts_on_must_be_right() {
    for (body, param) in [
        ("{}", Some("model")),
        (r#"{"model":null}"#, Some("model")),
        (r#"{"model":""}"#, Some("model")),
        (r#"{"model":["m"]}"#, Some("model")),
        (r#"{"model":"m","model":"n"}"#, Some("model")),
        (r#"{"model":"m","mod\u0065l":"n"}"#, Some("model")),
        (r#"{"model":"\ud800"}"#, None),
        (r#"{"model":"m","stream":"true"}"#, Some("stream")),
        (r#"{"model":"m","stream":1}"#, Some("stream")),
        (r#"{"model":"m","stream":trueish}"#, Some("stream")),
        (
            r#"{"model":"m","stream_options":[]}"#,
            Some("stream_options"),
        ),
        (
            r#"{"model":"m","stream_options":true}"#,
            Some("stream_options"),
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage":1}}"#,
            Some("stream_options.include_usage"),
        ),
        (
            r#"{"model":"m","stream_options":{"include_usage":true,"include_usage":false}}"#,
            Some("stream_options.include_usage"),
        ),
        (r#"{"model":"m","max_tokens":"5"}"#, Some("max_tokens")),
        (r#"{"model":"m","max_tokens":-1}"#, Some("max_tokens")),
        (r#"{"model":"m","max_tokens":1.5}"#, Some("max_tokens")),
        (
            r#"{"model":"m","max_completion_tokens":[]}"#,
            Some("max_completion_tokens"),
        ),
        ("[1]", None),
        ("", None),
        ("{", None),
        ("nope", None),
    ] {
        let error = read(body).unwrap_err();
        assert_eq!(error.param(), param, "{body}: {error:?}");
        let message = error.message();
        assert!(
            message.ends_with('.') && param.is_none_or(|p| message.contains(p)),
            "{message}"
        );
    }
}

#[test]
fn values_are_bounded() {
    let model = |len: usize| read(&format!(r#"{{"model":"{}"}}"#, "m".repeat(len)));
    assert!(model(MODEL_LIMIT_BYTES).is_ok());
    for len in [MODEL_LIMIT_BYTES + 1, 100_000] {
        assert_eq!(
            model(len).unwrap_err(),
            BodyError::TooLong {
                field: "model",
                limit_bytes: 256
            }
        );
    }
    let escaped = format!(r#"{{"model":"{}"}}"#, r"\u006d".repeat(MODEL_LIMIT_BYTES));
    assert_eq!(read(&escaped).unwrap().model.len(), MODEL_LIMIT_BYTES);
    let options = format!(r#""stream_options":{{{}}}"#, " ".repeat(2000));
    assert_eq!(with(&options).unwrap_err().param(), Some("stream_options"));
}

#[test]
fn a_refusal_is_known_before_the_end() {
    let mut inspector = RequestInspector::new();
    inspector.push(b"[");
    assert!(inspector.failed());
}

#[test]
fn a_key_that_differs_in_case_only_is_not_passed_on() {
    for member in [
        r#""Model":"x""#,
        r#""MODEL":"x""#,
        r#""mod\u0065L":"x""#,
        r#""\u004dodel":"x""#,
        r#""ſtore":true"#,
        r#""\u017Ftore":true"#,
        r#""Store":true"#,
    ] {
        let name = if member.contains("tore") {
            "store"
        } else {
            "model"
        };
        let refused = Err(BodyError::DuplicateField { field: name });
        assert_eq!(with(member), refused, "{member}");
    }
    for member in [
        r#""models":"x""#,
        r#""model ":"x""#,
        r#""Tools":[]"#,
        r#""STREAM":1"#,
    ] {
        assert!(with(member).is_ok(), "{member}");
    }
}

#[test]
fn where_store_stands_and_what_it_says() {
    for (member, off) in [
        (r#""store":false"#, true),
        (r#""store" : true"#, false),
        (r#""store":null"#, false),
        (r#""store":"false""#, false),
    ] {
        let store = with(member).unwrap().store.unwrap();
        assert_eq!(store.off, off, "{member}");
        assert_eq!(store.span.end, r#"{"model":"m","#.len() + member.len());
    }
    assert_eq!(read(r#"{"model":"m"}"#).unwrap().store, None);
}

fn params(member: &str) -> Result<Params, BodyError> {
    let mut scan = ParamsScan::default();
    scan.push(format!(r#"{{"model":"m",{member}}}"#).as_bytes());
    scan.finish()
}

#[test]
fn the_largest_bound_counts() {
    for (member, expected) in [
        (r#""x":1"#, None),
        (r#""max_tokens":5"#, Some(5)),
        (r#""max_tokens":5,"max_completion_tokens":7"#, Some(7)),
        (
            r#""max_completion_tokens":5,"max_tokens":7,"max_output_tokens":9"#,
            Some(9),
        ),
        (r#""max_tokens":null"#, None),
    ] {
        assert_eq!(params(member).unwrap().max_tokens, expected, "{member}");
    }
    for member in [
        r#""max_tokens":1,"max_tokens":2"#,
        r#""max_tokens":1,"Max_Tokens":2"#,
        r#""max_tokens":1,"max_to\u212aens":2"#,
        r#""max_tokens":1,"max_toKens":2"#,
        r#""tools":[],"TOOLS":[{}]"#,
        r#""max_tokens":1e9"#,
        r#""max_tokens":"9""#,
        r#""max_tokens":18446744073709551616"#,
    ] {
        assert!(params(member).is_err(), "{member}");
    }
    assert!(params(r#""web_search_options":{}"#).unwrap().tools);
    assert!(!params(r#""tools":[]"#).unwrap().tools);
}

#[test]
fn a_bound_is_written_where_there_is_none() {
    for (member, expected) in [
        (r#""x":1"#, r#"{"max_tokens":9,"model":"m","x":1}"#),
        (r#""max_tokens": null"#, r#"{"model":"m","max_tokens": 9}"#),
        (
            r#""max_completion_tokens":null"#,
            r#"{"max_tokens":9,"model":"m","max_completion_tokens":null}"#,
        ),
    ] {
        let body = format!(r#"{{"model":"m",{member}}}"#);
        let splice = params(member).unwrap().bound("max_tokens", 9);
        let plan = crate::rewrite::Plan::new(vec![splice], body.len());
        assert_eq!(plan.apply(body.as_bytes()).unwrap(), expected.as_bytes());
    }
}
