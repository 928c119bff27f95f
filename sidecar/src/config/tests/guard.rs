//! `guard`: what is wrong, what is doubtful, and what comes of it.

use ark_gateway_core::guard::Action;
use ark_redact::{Kind, Kinds};

use super::*;

/// [`GOOD`] with these guards, and these members of its one key.
fn with(guards: &str, key: &str) -> String {
    let key = format!("models: [small]\n{key}");
    let text = GOOD.replacen("models: [small]\n", &key, 1);
    format!("{text}guard:\n{guards}")
}

fn problems(guards: &str) -> Vec<String> {
    match parse(&with(guards, "")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

fn doubts(guards: &str, key: &str) -> Vec<String> {
    let config = parse(&with(guards, key)).unwrap_or_else(|e| panic!("{e}"));
    let all = warnings(&config, day("2026-01-01")).into_iter();
    let own = all.filter(|w| w.path.starts_with("guard"));
    own.map(|w| format!("{}: {}", w.path, w.message)).collect()
}

#[test]
fn all_that_is_wrong_is_said() {
    for (guard, expected) in [
        (
            "{name: a, find: [emial], action: masks, who: {tenants: [wob], keys: [x]}}",
            &[
                "guard[0].action: \"masks\" is not known; did you mean mask?",
                "guard[0].find[0]: \"emial\" is not known; did you mean email?",
                "guard[0].who.keys[0]: key \"x\" is not defined; defined: web",
                "guard[0].who.tenants[0]: tenant \"wob\" is not defined; defined: web",
            ][..],
        ),
        (
            "{name: a, find: [], action: mask, what: {models: [smal], endpoints: [chat]}}",
            &[
                "guard[0].find: names nothing: the rule can never match; name some, or remove the line for any",
                "guard[0].what.endpoints[0]: \"chat\" is not known; known: chat_completions, completions, embeddings, responses, messages, count_tokens",
                "guard[0].what.models[0]: model \"smal\" is not defined; defined: small",
            ],
        ),
        (
            "{name: a, look: [email]}",
            &[
                "guard[0].action: is missing",
                "guard[0].find: is missing",
                "guard[0].look: is not a known field; known: name, find, action, who, what",
            ],
        ),
    ] {
        let mut said = problems(&format!("  - {guard}\n"));
        said.sort();
        assert_eq!(said, expected, "{guard}");
    }
    let twice =
        "  - {name: a, find: [email], action: mask}\n  - {name: a, find: [card], action: mask}\n";
    assert_eq!(
        problems(twice),
        ["guard[1].name: this guard is already at guard[0].name"]
    );
}

#[test]
fn what_can_never_match_is_doubtful() {
    for (guards, key, expected) in [
        ("  - {name: a, find: [email], action: mask}\n", "", &[][..]),
        (
            "  - {name: a, find: [email, card], action: mask}\n  - {name: b, find: [email], action: count}\n  - {name: c, find: [card], action: mask, who: {tenants: [web]}}\n  - {name: d, find: [card], action: refuse}\n",
            "",
            &[
                "guard[1]: b has no effect: a finds all that it would find, and its action is mask",
                "guard[2]: c has no effect: a finds all that it would find, and its action is mask",
            ],
        ),
        (
            "  - {name: a, find: [personal], action: mask, who: {keys: [web], roles: [boss]}}\n",
            "        roles: [dev]\n",
            &[
                "guard[0]: a can never match: none of its keys is of its tenants and has one of its roles",
            ],
        ),
        (
            "  - {name: a, find: [personal], action: mask, who: {roles: [deev]}}\n",
            "        roles: [dev]\n",
            &["guard[0]: a names the role deev, which no key has"],
        ),
    ] {
        assert_eq!(doubts(guards, key), expected, "{guards}");
    }
}

#[test]
fn a_role_may_come_with_a_token() {
    let boss = "  - {name: a, find: [personal], action: mask, who: {keys: [web], roles: [boss]}}\n";
    let tokens = "identity:\n  jwt:\n    - {name: sso, issuer: \"https://sso.example.com\", audiences: [ark], key: web, claims: {roles: roles}, jwks: {file: /etc/ark/jwks.json}}\n";
    assert_eq!(doubts(boss, "").len(), 1);
    assert!(doubts(&format!("{boss}{tokens}"), "").is_empty());
}

#[test]
fn guards_become_bits_of_the_keys_that_they_concern() {
    let guards = "  - {name: a, find: [secrets], action: refuse, who: {roles: [dev]}}\n  - {name: b, find: [email], action: mask, who: {roles: [ops]}}\n  - {name: c, find: [personal, jwt], action: count, what: {models: [small], endpoints: [messages]}}\n";
    let config = parse(&with(guards, "        roles: [dev]\n")).unwrap();
    let usable = ["openai", "azure"].map(str::to_owned).into();
    let snapshot = compile(&config, &usable, day("2026-01-01"));
    assert_eq!(snapshot.keys[0].guards, 0b101);
    let [a, b, c] = snapshot.guard.0.as_slice() else {
        panic!("three guards");
    };
    let secrets: Kinds = Kind::ALL.into_iter().filter(|k| k.is_secret()).collect();
    assert_eq!((a.kinds, a.action), (secrets.bits(), Action::Refuse));
    assert_eq!(b.kinds, Kinds::default().with(Kind::Email).bits());
    let most = Kinds::ALL.without(secrets).with(Kind::Jwt);
    assert_eq!((c.kinds, c.action), (most.bits(), Action::Count));
    assert_eq!(c.models.as_ref().map(Vec::len), Some(1));
    let without = compile(&parse(GOOD).unwrap(), &usable, day("2026-01-01"));
    assert!(without.guard.is_empty() && without.keys.iter().all(|key| key.guards == 0));
}
