use super::*;

/// A valid file whose one key has no digest, with this `identity`.
fn file(identity: &str) -> String {
    format!(
        r#"
version: 1
providers:
  - {{name: openai, kind: openai, credential: {{env: OPENAI_API_KEY}}, tier: official}}
models:
  - {{name: m, targets: [{{provider: openai}}]}}
tenants:
  - {{name: acme, keys: [{{id: staff, models: ["*"]}}, {{id: other, models: ["*"]}}]}}
identity:
{identity}
"#
    )
}

const CORP: &str = r#"  jwt:
    - name: corp
      issuer: https://id.test
      audiences: [ark]
      jwks: {url: "https://id.test/keys"}
"#;

fn problems(identity: &str) -> Vec<String> {
    match parse(&file(identity)) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn an_issuer_maps_to_keys_by_name() {
    let text = format!(
        "{CORP}      keys: [{{tenant: b, key: other}}, {{tenant: a, key: staff}}]\n      claims: {{tenant: org, user: sub, roles: [realm, roles]}}\n"
    );
    let config = parse(&file(&text)).unwrap();
    let usable = std::collections::BTreeSet::new();
    let snapshot = compile(&config, &usable, day("2026-01-01"));
    let spec = serde_json::to_value(&snapshot.identity.jwt[0]).unwrap();
    assert_eq!(
        spec["key"]["by_claim"]["keys"],
        serde_json::json!([["a", 0], ["b", 1]])
    );
    assert_eq!(
        spec["algorithms"],
        serde_json::json!(["RS256", "ES256", "EdDSA"])
    );
    assert_eq!(spec["roles"], serde_json::json!(["realm", "roles"]));
    assert_eq!(spec["require_kid"], true);
    assert!(snapshot.keys.iter().all(|key| key.sha256.is_empty()));
}

#[test]
fn what_is_wrong_with_an_issuer_is_named() {
    for (text, expected) in [
        (
            CORP.to_owned(),
            "identity.jwt[0]: must say whose rights its callers have, in one way",
        ),
        (
            format!("{CORP}      key: stuff\n"),
            "identity.jwt[0].key: key \"stuff\" is not defined",
        ),
        (
            format!("{CORP}      key: staff\n      algorithms: [none]\n"),
            "identity.jwt[0].algorithms[0]: \"none\" is not known",
        ),
        (
            format!("{CORP}      key: staff\n      algorithms: [RS256, HS256]\n"),
            "identity.jwt[0].algorithms: mixes algorithms",
        ),
        (
            format!("{CORP}      key: staff\n").replace("[ark]", "[]"),
            "identity.jwt[0].audiences: names no audience",
        ),
        (
            format!("{CORP}      key: staff\n")
                .replace("https://id.test/keys", "http://id.test/keys"),
            "identity.jwt[0].jwks: are fetched in clear text",
        ),
        (
            format!("{CORP}      key: staff\n      secret: x\n"),
            "identity.jwt[0].secret: is not a known field",
        ),
        (
            "  certificates: [{name: a, spiffe: \"spiffe://td//x\", key: staff}]".to_owned(),
            "identity.certificates[0].spiffe: is not a SPIFFE id",
        ),
        (
            "  certificates: [{name: a, key: staff}]".to_owned(),
            "identity.certificates[0]: must say which certificates, in one way",
        ),
    ] {
        let found = problems(&text);
        assert!(
            found.iter().any(|p| p.starts_with(expected)),
            "{text}\n{found:?}"
        );
    }
    assert!(problems(&format!("{CORP}      key: staff\n")).is_empty());
}

#[test]
fn without_identity_a_key_has_a_digest() {
    let text = file("  jwt: []").replace("identity:\n  jwt: []", "");
    let found = parse(&text).unwrap_err().to_string();
    assert!(found.contains("keys[0].sha256: is missing"), "{found}");
}
