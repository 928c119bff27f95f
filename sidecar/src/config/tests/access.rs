//! `access`: what is wrong, what is doubtful, and what comes of it.

use ark_gateway_core::access::{Effect, ProviderSet};
use ark_gateway_core::snapshot::{ModelId, ProviderId};

use super::*;

/// [`GOOD`] with these rules, and these members of its one key.
fn with(rules: &str, key: &str) -> String {
    let key = format!("models: [small]\n{key}");
    let text = GOOD.replacen("models: [small]\n", &key, 1);
    format!("{text}access:\n{rules}")
}

fn problems(rules: &str) -> Vec<String> {
    match parse(&with(rules, "")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

fn doubts(rules: &str, key: &str) -> Vec<String> {
    let config = parse(&with(rules, key)).unwrap_or_else(|e| panic!("{e}"));
    let all = warnings(&config, day("2026-01-01")).into_iter();
    let own = all.filter(|w| w.path.starts_with("access") || w.message.contains("access rule"));
    own.map(|w| format!("{}: {}", w.path, w.message)).collect()
}

#[test]
fn all_that_is_wrong_is_said() {
    for (rule, expected) in [
        (
            "{name: a, effect: alow, who: {tenants: [wob], keys: [x]}}",
            &[
                "access[0].effect: \"alow\" is not known; did you mean allow?",
                "access[0].who.tenants[0]: tenant \"wob\" is not defined; defined: web",
                "access[0].who.keys[0]: key \"x\" is not defined; defined: web",
            ][..],
        ),
        (
            "{name: a, effect: allow, what: {models: [], endpoints: [chat], providers: [opnai], priorities: [urgent]}}",
            &[
                "access[0].what.models: names nothing: the rule can never match; name some, or remove the line for any",
                "access[0].what.endpoints[0]: \"chat\" is not known; known: chat_completions, completions, embeddings, responses, messages, count_tokens",
                "access[0].what.providers[0]: provider \"opnai\" is not defined; defined: openai, azure",
                "access[0].what.priorities[0]: \"urgent\" is not known; known: critical, standard, batch",
            ],
        ),
        (
            "{name: a, effect: allow, when: {networks: [10.0.0.1/8, here], hours: {from: \"9\", until: \"25:00\", zone: Mars, days: [monday]}}}",
            &[
                "access[0].when.hours.days[0]: \"monday\" is not known; known: mon, tue, wed, thu, fri, sat, sun",
                "access[0].when.hours.from: \"9\" is not a time of day; write \"08:30\", in quotes; the day ends at \"24:00\"",
                "access[0].when.hours.until: \"25:00\" is not a time of day; write \"08:30\", in quotes; the day ends at \"24:00\"",
                "access[0].when.hours.zone: \"Mars\" is not a time zone; write its name in the IANA database: Europe/Berlin, Asia/Shanghai, UTC",
                "access[0].when.networks[0]: \"10.0.0.1/8\" has bits beyond its prefix: write the network's first address",
                "access[0].when.networks[1]: \"here\" is not a network; write 10.0.0.0/8, 2001:db8::/32, or one address",
            ],
        ),
        (
            "{name: a, effect: allow, when: {hours: {from: \"09:00\", until: \"09:00\", zone: UTC}}}",
            &[
                "access[0].when.hours: begin when they end: they can never hold; from 22:00 until 06:00 goes on past midnight; without both it is the whole day",
            ],
        ),
        (
            "{name: a, effect: deny, limit: {max_tokens: 1}, require: {retention: zero}}",
            &[
                "access[0].limit: has no meaning where effect is deny; what a rule denies it need not bound; write an allow with this bound",
                "access[0].require: has no meaning where effect is deny; what a rule denies it need not bound; write an allow with this bound",
            ],
        ),
        (
            "{name: default, effect: allow}",
            &["access[0].name: is the name of what refuses a request that no rule matches"],
        ),
        (
            "{name: a, effect: allow, whom: {}}",
            &["access[0].whom: is not a known field; did you mean who?"],
        ),
    ] {
        assert_eq!(problems(&format!("  - {rule}\n")), expected, "{rule}");
    }
    let twice = "  - {name: a, effect: allow}\n  - {name: a, effect: deny}\n";
    assert_eq!(
        problems(twice),
        ["access[1].name: this access rule is already at access[0].name"]
    );
}

#[test]
fn what_can_never_match_is_doubtful() {
    let allow = "  - {name: all, effect: allow}\n";
    for (rules, key, expected) in [
        (allow, "", &[][..]),
        (
            "  - {name: all, effect: allow}\n  - {name: late, effect: deny, who: {tenants: [web]}, what: {models: [small]}}\n",
            "",
            &["access[1]: late can never match: all before it decides on all of it"],
        ),
        (
            "  - {name: no-azure, effect: deny, what: {providers: [azure]}}\n  - {name: all, effect: allow}\n",
            "",
            &[],
        ),
        (
            "  - {name: day, effect: allow, when: {hours: {from: \"08:00\", until: \"20:00\", zone: UTC}}}\n  - {name: noon, effect: allow, when: {hours: {from: \"11:00\", until: \"12:00\", zone: UTC}}}\n",
            "",
            &["access[1]: noon can never match: day before it decides on all of it"],
        ),
        (
            "  - {name: day, effect: allow, when: {hours: {from: \"08:00\", until: \"20:00\", zone: UTC}}}\n  - {name: rest, effect: deny}\n",
            "",
            &[],
        ),
        (
            "  - {name: wide, effect: allow, when: {networks: [10.0.0.0/8]}}\n  - {name: part, effect: allow, when: {networks: [10.1.0.0/16, 10.2.0.0/16]}}\n  - {name: more, effect: allow, when: {networks: [10.1.0.0/16, 11.0.0.0/8]}}\n",
            "",
            &["access[1]: part can never match: wide before it decides on all of it"],
        ),
        (
            "  - {name: team, effect: allow, who: {tenants: [web]}}\n  - {name: one, effect: deny, who: {keys: [web]}}\n",
            "",
            &["access[1]: one can never match: team before it decides on all of it"],
        ),
        (
            "  - {name: boss, effect: allow, who: {keys: [web], roles: [boss]}}\n",
            "        roles: [dev]\n",
            &[
                "access[0]: boss can never match: none of its keys is of its tenants and has one of its roles",
                "tenants[0].keys[0]: no access rule allows web anything",
            ],
        ),
        (
            "  - {name: all, effect: allow, who: {tenants: [web]}}\n  - {name: typo, effect: allow, who: {roles: [enginer]}}\n",
            "        roles: [engineer]\n",
            &["access[1]: typo names the role enginer, which no key has"],
        ),
        (
            "  - {name: urgent, effect: allow, who: {keys: [web]}, what: {priorities: [critical]}}\n",
            "",
            &[
                "access[0]: urgent can never match: the keys that it concerns may use none of its priorities",
            ],
        ),
    ] {
        assert_eq!(doubts(rules, key), expected, "{rules}");
    }
}

#[test]
fn a_role_may_come_with_a_token() {
    let boss = "  - {name: boss, effect: allow, who: {keys: [web], roles: [boss]}}\n  - {name: web, effect: deny, who: {keys: [web]}}\n";
    let tokens = "identity:\n  jwt:\n    - {name: sso, issuer: \"https://sso.example.com\", audiences: [ark], key: web, claims: {roles: roles}, jwks: {file: /etc/ark/jwks.json}}\n";
    let held = "        roles: [boss]\n";
    assert_eq!(doubts(boss, "").len(), 2);
    assert_eq!(
        doubts(boss, held),
        ["access[1]: web can never match: boss before it decides on all of it"]
    );
    for key in ["", held] {
        assert!(doubts(&format!("{boss}{tokens}"), key).is_empty());
    }
}

#[test]
fn a_key_that_nothing_lets_in_is_doubtful() {
    assert_eq!(
        doubts("  - {name: none, effect: deny}\n", ""),
        ["tenants[0].keys[0]: no access rule allows web anything"]
    );
}

#[test]
fn too_many_rules_of_one_key_let_nothing_pass_and_are_told() {
    let rules: String = (0..65)
        .map(|n| format!("  - {{name: r{n}, effect: allow, when: {{networks: [10.0.0.{n}]}}}}\n"))
        .collect();
    assert_eq!(
        doubts(&rules, ""),
        [
            "tenants[0].keys[0]: 65 access rules concern web, at most 64 work: it is refused everything"
        ]
    );
    let config = parse(&with(&rules, "")).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    assert_eq!(snapshot.access.lists, [Vec::<u16>::new()]);
}

#[test]
fn rules_are_compiled_once_per_key() {
    let rules = "  - {name: a, effect: allow, who: {roles: [dev]}, what: {models: [small], providers: [azure]}, limit: {max_tokens: 9, tools: false}}
  - {name: b, effect: deny, who: {roles: [ops]}}
  - {name: c, effect: allow, require: {retention: zero}, when: {hours: {days: [sun, fri], from: \"22:00\", until: \"06:00\", zone: Europe/Berlin}}}\n";
    let config = parse(&with(rules, "        roles: [dev]\n")).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    let access = &snapshot.access;
    assert_eq!(access.lists, [vec![0, 2]]);
    assert_eq!(snapshot.keys[0].access, Some(0));
    let [a, b, c] = access.rules.as_slice() else {
        panic!("three rules");
    };
    assert_eq!((a.effect, b.effect), (Effect::Allow, Effect::Deny));
    assert_eq!(a.models, Some(vec![ModelId(0)]));
    let azure = ProviderSet::default().with(ProviderId(1));
    assert_eq!(a.providers, Some(azure));
    assert_eq!(
        (a.limit.max_tokens, a.limit.no_tools, a.limit.no_images),
        (Some(9), true, false)
    );
    let hours = c.hours.as_ref().unwrap();
    // Sunday's goes on into Monday, the week's first day.
    assert_eq!(
        hours.spans,
        [
            (0, 360),
            (4 * 1440 + 1320, 5 * 1440 + 360),
            (6 * 1440 + 1320, 7 * 1440)
        ]
    );
    assert_eq!(hours.words, "fri,sun 22:00-06:00 Europe/Berlin");
    assert_eq!(c.requires.words, "the access rule 'c': retention=zero");
    // A provider that is not usable now is nobody, and the rule does not widen.
    let only_openai = BTreeSet::from(["openai".to_owned()]);
    let partial = compile(&config, &only_openai, day("2026-01-01"));
    assert_eq!(
        partial.access.rules[0].providers,
        Some(ProviderSet::default())
    );
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}

#[test]
fn the_prober_is_subject_to_no_rule() {
    let config = parse(&with("  - {name: none, effect: deny}\n", "")).unwrap();
    let mut probing = config.clone();
    probing.tenants.push(prober(&"b".repeat(64)).unwrap());
    let snapshot = compile(&probing, &all(&config), day("2026-01-01"));
    assert_eq!(
        (snapshot.keys[0].access, snapshot.keys[1].access),
        (Some(0), None)
    );
}

#[test]
fn without_rules_there_is_nothing() {
    let config = parse(GOOD).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    assert!(snapshot.access.is_empty() && snapshot.keys.iter().all(|key| key.access.is_none()));
    assert!(!serde_json::to_string(&snapshot).unwrap().contains("access"));
}

#[test]
fn who_stores_by_default_is_known_by_its_address() {
    let stores = |text: &str| {
        let config = parse(text).unwrap();
        config
            .providers
            .iter()
            .map(|p| p.stores)
            .collect::<Vec<_>>()
    };
    assert_eq!(stores(GOOD), [true, false]);
    let other = GOOD.replacen(
        "https://api.openai.com/v1",
        "https://api.openai.com.example.org/v1",
        1,
    );
    assert_eq!(stores(&other), [false, false]);
    let told = GOOD.replacen("tier: azure", "tier: azure\n    stores: true", 1);
    assert_eq!(stores(&told), [true, true]);
}

#[test]
fn an_account_is_a_providers_own_unless_it_is_said_to_be_shared() {
    let accounts = |text: &str| {
        let config = parse(text).unwrap();
        let snapshot = compile(&config, &all(&config), day("2026-01-01"));
        let of =
            |p: &ark_gateway_core::snapshot::ProviderSpec| (p.account.clone(), p.shows_rate_limits);
        snapshot.providers.iter().map(of).collect::<Vec<_>>()
    };
    let own = accounts(GOOD);
    assert!(own.iter().all(|(name, shown)| name.len() == 8 && !shown));
    assert_ne!(own[0], own[1]);
    let shared = GOOD
        .replacen("tier: azure", "tier: azure\n    account: acme", 1)
        .replacen(
            "tier: official",
            "tier: official\n    account: acme\n    show_rate_limits: true",
            1,
        );
    let shared = accounts(&shared);
    assert_eq!(shared[0].0, shared[1].0);
    assert_ne!(shared[0].0, own[0].0);
    assert_eq!((shared[0].1, shared[1].1), (true, false));
    // Others of the maker can read what these models thought.
    let anthropics = GOOD.replacen("kind: openai", "kind: anthropic", 1);
    assert_eq!(accounts(&anthropics)[0].0, "");
}
