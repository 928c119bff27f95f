use proptest::prelude::*;

use super::*;
use crate::admit::{RequestHead, admit};
use crate::policy::Policy;
use crate::priority::Priority;
use crate::reject::RejectCode;
use crate::testing::demo;

fn path(name: &str) -> ClaimPath {
    ClaimPath(name.split('.').map(str::to_owned).collect())
}

fn spec() -> JwtSpec {
    JwtSpec {
        name: "corp".into(),
        issuer: "https://id.test".into(),
        algorithms: vec![Algorithm::Rs256, Algorithm::EdDsa],
        require_kid: true,
        key: KeyChoice::ByClaim {
            claim: path("org"),
            keys: vec![("acme".into(), 0), ("small".into(), 1)],
        },
        user: Some(path("sub")),
        roles: Some(path("realm.roles")),
        priority: Some(path("urgency")),
    }
}

fn policy(spec: JwtSpec) -> Policy {
    let mut snapshot = demo();
    snapshot.identity.jwt = vec![spec];
    Policy::new(snapshot).unwrap()
}

fn check(policy: &Policy, head: &str, claims: &str) -> Result<u32, RejectCode> {
    let head = serde_json::from_str(head).unwrap();
    let claims = serde_json::from_str(claims).unwrap();
    by_token(policy, &head, &claims).map_err(|reject| reject.code)
}

const HEAD: &str = r#"{"alg":"RS256","kid":"1","jku":"https://evil.test"}"#;

#[test]
fn a_token_gives_a_keys_rights_under_the_callers_name() {
    let policy = policy(spec());
    let ann =
        r#"{"iss":"https://id.test","org":"acme","sub":"ann","realm":{"roles":["b","a","b"]}}"#;
    let at = check(&policy, HEAD, ann).unwrap();
    let identity = policy.identity(at).unwrap();
    assert_eq!((identity.tenant, identity.key), ("acme", "corp:ann"));
    assert_eq!(identity.roles.as_slice(), ["a", "b"]);
    assert!(identity.roles.contains("a") && !identity.roles.contains("c"));
    assert_eq!(
        check(&policy, HEAD, ann),
        Ok(at),
        "the same caller has one number"
    );
    let key = policy.key(at).unwrap();
    assert!(key.sha256.is_empty() && key.may_pin);
    let head = RequestHead {
        caller: Some(at),
        ..RequestHead::default()
    };
    assert_eq!(admit(&policy, &head, 0).unwrap().key, at);

    let bob = ann.replace("ann", "bob");
    assert_ne!(check(&policy, HEAD, &bob), Ok(at));
    let promoted = ann.replace("\"b\",\"a\"", "\"c\"");
    assert_ne!(
        check(&policy, HEAD, &promoted),
        Ok(at),
        "other roles are another caller's"
    );
}

#[test]
fn a_claim_of_priority_is_default_and_ceiling() {
    let policy = policy(spec());
    let batch = r#"{"iss":"https://id.test","org":"acme","sub":"ann","urgency":"batch"}"#;
    let at = check(&policy, HEAD, batch).unwrap();
    let asked = |priority| {
        let head = RequestHead {
            caller: Some(at),
            priority,
            ..RequestHead::default()
        };
        admit(&policy, &head, 0)
            .map(|a| a.priority)
            .map_err(|r| r.code)
    };
    assert_eq!(asked(None), Ok(Priority::Batch));
    assert_eq!(asked(Some("standard")), Err(RejectCode::PriorityNotAllowed));
    let critical = batch.replace("batch", "critical").replace("acme", "small");
    let at = check(&policy, HEAD, &critical).unwrap();
    let head = RequestHead {
        caller: Some(at),
        ..RequestHead::default()
    };
    let refused = admit(&policy, &head, 0).map_err(|r| r.code);
    assert_eq!(
        refused,
        Err(RejectCode::PriorityNotAllowed),
        "a claim adds no right"
    );
}

#[test]
fn a_token_that_is_not_what_its_issuer_signs_is_refused() {
    let policy = policy(spec());
    let good = r#"{"iss":"https://id.test","org":"acme","sub":"ann"}"#;
    for (head, claims) in [
        (r#"{"alg":"none","kid":"1"}"#, good),
        (r#"{"alg":"HS256","kid":"1"}"#, good),
        (r#"{"alg":"rs256","kid":"1"}"#, good),
        (r#"{"alg":"RS256"}"#, good),
        (r#"{"alg":"RS256","kid":""}"#, good),
        (r#"{"alg":"RS256","kid":"1","crit":["exp"]}"#, good),
        (
            HEAD,
            r#"{"iss":"https://other.test","org":"acme","sub":"ann"}"#,
        ),
        (HEAD, r#"{"org":"acme","sub":"ann"}"#),
    ] {
        let code = Err(RejectCode::InvalidToken);
        assert_eq!(check(&policy, head, claims), code, "{head} {claims}");
    }
}

#[test]
fn a_token_that_names_nobody_who_is_let_in_is_refused() {
    let policy = policy(spec());
    for claims in [
        r#""org":"evil","sub":"ann""#,
        r#""org":["acme"],"sub":"ann""#,
        r#""sub":"ann""#,
        r#""org":"acme""#,
        r#""org":"acme","sub":"""#,
        r#""org":"acme","sub":"a\nb""#,
        r#""org":"acme","sub":"a","urgency":"now""#,
        r#""org":"acme","sub":"a","realm":{"roles":{}}"#,
    ] {
        let claims = format!(r#"{{"iss":"https://id.test",{claims}}}"#);
        let code = Err(RejectCode::IdentityNotAllowed);
        assert_eq!(check(&policy, HEAD, &claims), code, "{claims}");
    }
}

#[test]
fn a_member_that_is_there_twice_makes_no_token() {
    for text in [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"["iss"]"#,
        "1",
    ] {
        assert!(serde_json::from_str::<Claims>(text).is_err(), "{text}");
    }
    let twice = r#"{"alg":"RS256","alg":"none"}"#;
    assert!(serde_json::from_str::<TokenHead>(twice).is_err());
}

#[test]
fn a_limit_on_a_key_concerns_all_who_have_its_rights() {
    let mut snapshot = demo();
    snapshot.identity.jwt = vec![spec()];
    let policy = Policy::new(snapshot).unwrap();
    let claims = r#"{"iss":"https://id.test","org":"small","sub":"ann"}"#;
    let at = check(&policy, HEAD, claims).unwrap();
    assert_eq!(policy.base_of(at), 1);
    assert_eq!(policy.base_of(0), 0);
}

#[test]
fn a_key_that_is_revoked_takes_its_callers_with_it() {
    let gone = JwtSpec {
        key: KeyChoice::Everyone(None),
        ..spec()
    };
    let claims = r#"{"iss":"https://id.test","sub":"ann"}"#;
    assert_eq!(
        check(&policy(gone), HEAD, claims),
        Err(RejectCode::IdentityNotAllowed)
    );
    let mut snapshot = demo();
    snapshot.identity.jwt = vec![JwtSpec {
        key: KeyChoice::Everyone(Some(9)),
        ..spec()
    }];
    assert!(
        Policy::new(snapshot).is_err(),
        "an index of nothing is no snapshot"
    );
}

#[test]
fn certificates_are_matched_in_order_and_whole() {
    let certificate = |name: &str, matches, key| CertificateSpec {
        name: name.into(),
        matches,
        key,
    };
    let mut snapshot = demo();
    snapshot.identity.certificates = vec![
        certificate(
            "web",
            CertificateMatch::Uri("spiffe://td/web".into()),
            Some(0),
        ),
        certificate(
            "ns",
            CertificateMatch::UriPrefix("spiffe://td/ns/".into()),
            Some(1),
        ),
        certificate(
            "old",
            CertificateMatch::Subject("CN=old,O=Acme".into()),
            Some(1),
        ),
    ];
    let policy = Policy::new(snapshot).unwrap();
    let of = |uri, subject| {
        let found = by_certificate(&policy, Certificate { uri, subject });
        found
            .map(|at| policy.identity(at).unwrap().key.to_owned())
            .map_err(|r| r.code)
    };
    assert_eq!(of("spiffe://td/web", ""), Ok("demo".into()));
    assert_eq!(of("spiffe://td/ns/a", ""), Ok("ns:spiffe://td/ns/a".into()));
    assert_eq!(of("", "CN=old,O=Acme"), Ok("limited".into()));
    for (uri, subject) in [
        ("spiffe://td/web2", ""),
        ("spiffe://td/ns/", ""),
        ("spiffe://td.evil/ns/a", ""),
        ("", "CN=old,O=Acme,OU=x"),
        ("", ""),
    ] {
        assert_eq!(
            of(uri, subject),
            Err(RejectCode::IdentityNotAllowed),
            "{uri} {subject}"
        );
    }
}

#[test]
fn callers_have_a_bound() {
    let callers = Callers::new(true);
    let key = demo().keys.remove(0);
    let mark = |i: usize| (Some(format!("corp:{i:0>120}")), Roles::default(), None);
    let taken = (0..)
        .take_while(|i| callers.place_of(0, &key, mark(*i)).is_some())
        .count();
    assert!(
        callers.are_many() && taken > 10_000 && taken < 20_000,
        "{taken}"
    );
    assert!(
        callers.place_of(0, &key, mark(5)).is_some(),
        "those who are known stay"
    );
    assert!(Callers::new(false).place_of(0, &key, mark(0)).is_none());
}

proptest! {
    /// Whatever a token claims, its caller has no right that its key lacks.
    #[test]
    fn no_claim_adds_a_right(org in "acme|small|x", sub in ".{0,8}", role in ".{0,8}", urgency in "critical|standard|batch|x") {
        let policy = policy(spec());
        let claims = serde_json::json!({
            "iss": "https://id.test", "org": org, "sub": sub, "realm": {"roles": [role]}, "urgency": urgency,
        });
        if let Ok(at) = check(&policy, HEAD, &claims.to_string()) {
            let base = policy.key(policy.base_of(at)).unwrap();
            let own = policy.key(at).unwrap();
            prop_assert_eq!(&own.tenant, &base.tenant);
            prop_assert_eq!(&own.models, &base.models);
            prop_assert_eq!((own.may_pin, own.may_explain), (base.may_pin, base.may_explain));
            prop_assert!(own.priorities.iter().all(|p| base.priorities.contains(p)));
            prop_assert!(own.id.starts_with("corp:"));
        }
    }
}
