use super::*;
use crate::testing::{DEMO_KEY, demo};

fn check(head: RequestHead<'_>) -> Result<Admission, RejectCode> {
    let policy = Policy::new(demo()).unwrap();
    admit(&policy, &head, 0).map_err(|r| r.code)
}

fn head(authorization: &str) -> RequestHead<'_> {
    RequestHead {
        method: "POST",
        path: "/v1/chat/completions",
        authorization: Some(authorization),
        ..RequestHead::default()
    }
}

#[test]
fn a_key_comes_as_bearer_or_as_api_key() {
    let by_bearer = check(head("Bearer ark-demo")).unwrap();
    assert_eq!(by_bearer, check(head("bearer   ark-demo")).unwrap());
    let by_header = RequestHead {
        api_key: Some(DEMO_KEY),
        authorization: None,
        ..head("")
    };
    assert_eq!(by_bearer, check(by_header).unwrap());
}

#[test]
fn a_key_is_good_until_its_last_second() {
    let mut snapshot = demo();
    for key in &mut snapshot.keys {
        key.expires_at_s = Some(1_000);
    }
    let policy = Policy::new(snapshot).unwrap();
    let at = |now| admit(&policy, &head("Bearer ark-demo"), now).map_err(|r| r.code);
    assert!(at(999_999_999_999).is_ok());
    assert_eq!(at(1_000_000_000_000), Err(RejectCode::ExpiredKey));
}

#[test]
fn without_a_known_key_nobody_enters() {
    for (value, code) in [
        ("", RejectCode::MissingKey),
        ("Bearer ", RejectCode::MissingKey),
        ("Basic ark-demo", RejectCode::MissingKey),
        ("ark-demo", RejectCode::MissingKey),
        ("Bearer nope", RejectCode::InvalidKey),
    ] {
        assert_eq!(check(head(value)).unwrap_err(), code, "{value:?}");
    }
}

#[test]
fn headers_ask_only_for_what_the_key_allows() {
    let limited = head("Bearer ark-limited");
    let asked = |priority, provider| {
        check(RequestHead {
            priority,
            provider,
            ..limited
        })
    };
    assert_eq!(asked(None, None).unwrap().priority, Priority::Batch);
    assert_eq!(
        asked(Some("critical"), None).unwrap_err(),
        RejectCode::PriorityNotAllowed
    );
    assert_eq!(
        asked(Some("now!"), None).unwrap_err(),
        RejectCode::InvalidRequest
    );
    assert_eq!(
        asked(None, Some("a")).unwrap_err(),
        RejectCode::PinNotAllowed
    );
    let pinned = RequestHead {
        provider: Some("b"),
        ..head("Bearer ark-demo")
    };
    assert_eq!(check(pinned).unwrap().pin, Some(ProviderId(1)));
    let unknown = RequestHead {
        provider: Some("zz"),
        ..head("Bearer ark-demo")
    };
    assert_eq!(check(unknown).unwrap_err(), RejectCode::InvalidRequest);
}

#[test]
fn a_body_of_exactly_the_limit_passes() {
    let sized = |n| RequestHead {
        content_length: Some(n),
        ..head("Bearer ark-demo")
    };
    assert!(check(sized(1_000)).is_ok());
    assert_eq!(check(sized(1_001)).unwrap_err(), RejectCode::BodyTooLarge);
}

#[test]
fn routes() {
    let code = |method, path| route(method, path).map_err(|r| r.code);
    assert_eq!(
        code("POST", "/v1/embeddings"),
        Ok(Route::Call(Endpoint::Embeddings))
    );
    assert_eq!(code("GET", "/v1/models/a/b"), Ok(Route::ShowModel("a/b")));
    assert_eq!(code("HEAD", "/healthz"), Ok(Route::Health));
    for path in ["/", "/v1", "/v1/models/", "/v1/chat/completions/", "/admin"] {
        assert_eq!(
            code("GET", path),
            Err(RejectCode::EndpointNotFound),
            "{path}"
        );
    }
    assert_eq!(
        code("GET", "/v1/chat/completions"),
        Err(RejectCode::MethodNotAllowed)
    );
}

#[test]
fn whoever_may_not_ask_for_an_explanation_is_served_and_told() {
    let asked = |key, explain| {
        let explain = Some(explain);
        check(RequestHead {
            explain,
            ..head(key)
        })
        .unwrap()
        .explain
    };
    assert_eq!(asked("Bearer ark-demo", "True"), Explain::Yes);
    assert_eq!(asked("Bearer ark-demo", "no"), Explain::No);
    assert_eq!(asked("Bearer ark-limited", "true"), Explain::NotAllowed);
    assert_eq!(check(head("Bearer ark-demo")).unwrap().explain, Explain::No);
}
