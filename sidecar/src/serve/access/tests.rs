use super::*;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    pairs.collect()
}

fn tokens() -> Vec<AdminTokenConfig> {
    let token = |id: &str, role| AdminTokenConfig {
        id: id.to_owned(),
        sha256: digest::hex(&[format!("token-{id}").as_bytes()]),
        role,
    };
    vec![
        token("eve", Role::Viewer),
        token("otto", Role::Operator),
        token("ada", Role::Admin),
    ]
}

const JSON: (&str, &str) = ("content-type", "application/json");
const HERE: (&str, &str) = ("host", "127.0.0.1:8081");

fn status(
    access: (Reach, &[AdminTokenConfig]),
    (method, path): (Method, &str),
    pairs: &[(&'static str, &str)],
) -> u16 {
    let change_by = (method != Method::GET).then_some("http://");
    match admit(access, needed(&method, path), change_by, &headers(pairs)) {
        Ok(_) => 200,
        Err(refused) => refused.status.as_u16(),
    }
}

#[test]
fn each_role_may_what_those_below_it_may() {
    let tokens = tokens();
    let requests = [
        (Method::GET, "/v1/scores"),
        (Method::GET, "/v1/keys"),
        (Method::POST, "/v1/drains"),
        (Method::POST, "/v1/keys"),
        (Method::POST, "/v1/keys/a/revoke"),
    ];
    for reach in [Reach::Loopback, Reach::Remote { is_open: true }] {
        for (who, expected) in [
            ("token-eve", [200, 200, 403, 403, 403]),
            ("token-otto", [200, 200, 200, 403, 403]),
            ("token-ada", [200; 5]),
            ("token-mallory", [401; 5]),
        ] {
            let bearer = format!("Bearer {who}");
            let pairs = [
                ("authorization", bearer.as_str()),
                JSON,
                ("host", "ark:8081"),
            ];
            let got = requests
                .clone()
                .map(|request| status((reach, &tokens), request, &pairs));
            assert_eq!(got, expected, "{who}");
        }
    }
}

#[test]
fn without_a_token_nobody_enters_where_there_are_tokens() {
    let tokens = tokens();
    for value in ["", "Bearer ", "Basic dG9rZW4tYWRh", "token-ada"] {
        let pairs = [("authorization", value), HERE];
        let got = status(
            (Reach::Loopback, &tokens),
            (Method::GET, "/metrics"),
            &pairs,
        );
        assert_eq!(got, 401, "{value:?}");
    }
    let long = format!("Bearer {}", "x".repeat(MAX_TOKEN_BYTES + 1));
    let pairs = [("authorization", long.as_str()), HERE];
    assert_eq!(
        status(
            (Reach::Loopback, &tokens),
            (Method::GET, "/metrics"),
            &pairs
        ),
        401
    );
}

#[test]
fn this_machine_may_do_everything_but_no_web_page_may() {
    let access = (Reach::Loopback, &[][..]);
    let change = || (Method::POST, "/v1/keys");
    let read = || (Method::GET, "/v1/scores");
    for host in [
        "127.0.0.1:8081",
        "localhost:8081",
        "localhost",
        "[::1]:8081",
        "127.0.0.2",
    ] {
        assert_eq!(
            status(access, change(), &[("host", host), JSON]),
            200,
            "{host}"
        );
    }
    for host in [
        "evil.example:8081",
        "",
        "127.0.0.1.evil.example",
        "10.0.0.1:8081",
        "::1.evil",
    ] {
        assert_eq!(status(access, read(), &[("host", host)]), 403, "{host}");
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    for bad in [form, ("content-type", "text/plain"), ("x-nothing", "")] {
        assert_eq!(status(access, change(), &[HERE, bad]), 415, "{bad:?}");
    }
    for (name, value, expected) in [
        ("origin", "http://127.0.0.1:8081", 200),
        ("origin", "https://127.0.0.1:8081", 403),
        ("origin", "http://127.0.0.1:8082", 403),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "cross-site", 403),
    ] {
        let got = status(access, change(), &[HERE, JSON, (name, value)]);
        assert_eq!(got, expected, "{name}: {value}");
    }
}

#[test]
fn other_machines_change_nothing_without_a_token() {
    let access = (Reach::Remote { is_open: true }, &[][..]);
    let host = ("host", "ark.internal:8081");
    assert_eq!(status(access, (Method::GET, "/metrics"), &[host]), 200);
    let closed = (Reach::Remote { is_open: false }, &[][..]);
    assert_eq!(status(closed, (Method::GET, "/metrics"), &[host]), 403);
    let refused = admit(
        access,
        Role::Operator,
        Some("http://"),
        &headers(&[host, JSON]),
    )
    .unwrap_err();
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.reason.contains("admin.tokens"),
        "{}",
        refused.reason
    );
}

#[test]
fn a_page_is_of_this_name_by_this_scheme() {
    let tokens = tokens();
    let access = (Reach::Remote { is_open: false }, &tokens[..]);
    let by = |scheme: &str, origin: &str| {
        let pairs = [
            ("authorization", "Bearer token-otto"),
            JSON,
            ("host", "ark:8081"),
            ("origin", origin),
        ];
        admit(access, Role::Operator, Some(scheme), &headers(&pairs)).is_ok()
    };
    assert!(by("https://", "https://ark:8081"));
    assert!(!by("https://", "http://ark:8081"));
    assert!(!by("http://", "https://ark:8081"));
}
