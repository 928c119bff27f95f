//! The file's strictness as a table: what is written, and every line that the operator reads.

mod access;
mod api;
mod compliance;
mod extra;
mod guard;
mod identity;
mod kinds;
mod own_tls;
mod prices;
mod rules;

use std::collections::BTreeSet;

use ark_gateway_core::money::{MicroUsdPerMillion, Price};
use ark_gateway_core::snapshot::{ModelGrant, ModelId, Snapshot};
use proptest::prelude::*;

use super::*;

const DEMO: &str = include_str!("../../../ark.yaml");

/// The smallest file with one of everything that the table bends.
const GOOD: &str = r#"
version: 1
providers:
  - name: openai
    kind: openai
    endpoint: https://api.openai.com/v1
    tier: official
    credential: {env: OPENAI_API_KEY}
  - name: azure
    kind: azure-openai
    endpoint: https://x.openai.azure.com
    api_version: "2024-10-21"
    tier: azure
models:
  - name: small
    targets:
      - provider: openai
        price: {currency: USD, input_per_million: 0.15, output_per_million: 0.60}
      - provider: azure
tenants:
  - name: web
    keys:
      - id: web
        sha256: "00000000000000000000000000000000000000000000000000000000000000aa"
        models: [small]
"#;

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn all(config: &Config) -> BTreeSet<String> {
    config.providers.iter().map(|p| p.name.clone()).collect()
}

fn demo() -> (Config, Snapshot) {
    let config = parse(DEMO).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    (config, snapshot)
}

/// Replaces `from` by `to` in [`GOOD`] and compares all lines of the report.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(
        GOOD.contains(from),
        "the table names text that is gone: {from}"
    );
    let report = match parse(&GOOD.replacen(from, to, 1)) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    };
    assert_eq!(report, expected.join("\n"), "with {to:?}");
}

#[test]
fn the_good_file_is_good() {
    check("version: 1", "version: 1", &[]);
}

#[test]
fn the_document() {
    check(
        "version: 1",
        "version: 2",
        &["version: is 2, which this Ark does not know; this Ark reads version 1"],
    );
    check("version: 1\n", "", &["version: is missing"]);
    check(
        "version: 1",
        "version: 1\nprovider: []\ngatewy: {}",
        &[
            "provider: is not a known field; did you mean providers?",
            "gatewy: is not a known field; did you mean gateway?",
        ],
    );
    check(
        "version: 1",
        "version: 1\nversion: 1",
        &["line 3, column 1: this field is written twice"],
    );
    check(
        "version: 1",
        "version: 1\ngateway: {listen: 8080, max_attempts: 4, body_limit_bytes: 32MiB, snapshot_max_age_ms:}",
        &[
            "gateway.listen: must be text, is a number; put it in quotes if it is text",
            "gateway.body_limit_bytes: must be a whole number from 1024 to 1073741824, is text",
            "gateway.snapshot_max_age_ms: must be a whole number from 100 to 86400000, is nothing; give it a value, or remove the line",
            "gateway.max_attempts: must be a whole number from 1 to 3, is 4",
        ],
    );
    check(
        "version: 1",
        "version: 1\ngateway: {listen: \"localhost:8080\"}",
        &[
            "gateway.listen: \"localhost:8080\" is not an address and port; write it as 127.0.0.1:8080, or 0.0.0.0:8080 for every interface",
        ],
    );
}

#[test]
fn providers() {
    check(
        "kind: openai\n",
        "kind: openia\n",
        &["providers[0].kind: \"openia\" is not known; did you mean openai?"],
    );
    check(
        "tier: azure",
        "tier: cloud",
        &[
            "providers[1].tier: \"cloud\" is not known; known: official, azure, optimized, domestic, self-hosted",
        ],
    );
    check(
        "name: azure",
        "name: ark-azure",
        &[
            "providers[1].name: names that begin with ark- are Ark's own",
            "models[0].targets[1].provider: provider \"azure\" is not defined; defined: openai, ark-azure",
        ],
    );
    check(
        "name: azure",
        "name: openai",
        &[
            "providers[1].name: this provider name is already at providers[0].name",
            "models[0].targets[1].provider: provider \"azure\" is not defined; defined: openai, openai",
        ],
    );
    check(
        "    api_version: \"2024-10-21\"\n",
        "",
        &[
            "providers[1]: api_version is missing; azure-openai needs one, such as api_version: \"2024-10-21\"",
        ],
    );
}

#[test]
fn endpoints_and_limits() {
    check(
        "https://api.openai.com/v1",
        "api.openai.com",
        &[
            "providers[0].endpoint: must start with http:// or https://; such as https://api.openai.com/v1 or http://10.0.0.7:8000/v1",
        ],
    );
    check(
        "https://api.openai.com/v1",
        "https://api.openai.com/v1/chat/completions",
        &[
            "providers[0].endpoint: names one API path; write the base only, Ark adds /chat/completions and the others",
        ],
    );
    check(
        "tier: official",
        "tier: official\n    price_multiplier: 0\n    limits: {max_in_flight: 0}\n    timeouts: {connect_ms: 1.5}\n    tls: {min_version: 1.3}\n    certifications: [soc2, soc2]",
        &[
            "providers[0].certifications: names a certification twice",
            "providers[0].price_multiplier: must be above 0; for a provider that costs nothing write prices of 0",
            "providers[0].limits.max_in_flight: must be a whole number from 1 to 1000000, is 0",
            "providers[0].timeouts.connect_ms: must be a whole number from 1 to 60000, is 1.5",
            "providers[0].tls.min_version: must be text, is a number; put it in quotes if it is text",
        ],
    );
    check(
        "https://x.openai.azure.com",
        "http://x.openai.azure.com\n    tls: {}",
        &["providers[1].tls: is given, but the endpoint is http://; write https:// or remove tls"],
    );
}

#[test]
fn probes() {
    check(
        "tier: official",
        "tier: official\n    probe: {every_s: 0, often: 1}",
        &[
            "providers[0].probe.every_s: must be a whole number from 1 to 86400, is 0",
            "providers[0].probe.often: is not a known field; known: every_s, per_day, usd_per_day",
        ],
    );
    check(
        "tier: azure",
        "tier: azure\n    probe: {}",
        &[
            "providers[1].probe: would cost money at a provider that is not self-hosted; say how much it may in a day, usd_per_day: 0.50; or remove probe",
        ],
    );
    check(
        "id: web",
        "id: ark-probe",
        &["tenants[0]: ark-probe is the name of Ark's own probes"],
    );
    let of = |written: &str| {
        let text = GOOD.replace("tier: azure", written);
        parse(&text).unwrap().providers[1].probe
    };
    assert_eq!(of("tier: azure"), None, "off unless asked for");
    let own = of("tier: self-hosted\n    probe: {}").unwrap();
    assert_eq!(
        (own.every_s, own.per_day, own.budget_per_day),
        (30, 10_000, None)
    );
    let paid = of("tier: azure\n    probe: {usd_per_day: 0.5}").unwrap();
    assert_eq!(paid.budget_per_day.map(|usd| usd.0), Some(500_000));
}

#[test]
fn models() {
    check(
        "provider: openai\n",
        "provider: opnai\n",
        &[
            "models[0].targets[0].provider: provider \"opnai\" is not defined; defined: openai, azure",
        ],
    );
    // A provider with another problem is still defined: its references are not wrong.
    check(
        "tier: azure",
        "teir: azure",
        &[
            "providers[1].tier: is missing",
            "providers[1].teir: is not a known field; did you mean tier?",
        ],
    );
    check(
        "      - provider: azure\n",
        "      - provider: openai\n",
        &["models[0].targets: has provider openai with model small twice"],
    );
    check(
        "input_per_million: 0.15",
        "input_per_million: 0.0000001, valid_from: 2025-02-30, valid_until: soon",
        &[
            "models[0].targets[0].price.input_per_million: must be a number from 0 to 1000000 with at most 6 decimals, is 1e-7",
            "models[0].targets[0].price.valid_from: \"2025-02-30\" is not a day; write it as 2025-12-31",
            "models[0].targets[0].price.valid_until: \"soon\" is not a day; write it as 2025-12-31",
        ],
    );
    check(
        "currency: USD",
        "currency: EUR, valid_from: 2025-02-01, valid_until: 2025-01-01",
        &[
            "models[0].targets[0].price.currency: EUR has no rate; say how much of it a US dollar buys: prices: {per_usd: {EUR: …}}",
        ],
    );
    check(
        "  - name: small\n",
        "  - name: sm all\n    timeouts: {first_byte_ms: 2000, total_ms: 1000}\n",
        &[
            "models[0].name: \"sm all\" is not a model's name; a model's name has up to 128 of A-Z a-z 0-9 . _ : / @ -",
            "models[0].timeouts: first_byte_ms (2000) is longer than total_ms (1000)",
            "tenants[0].keys[0].models[0]: model \"small\" is not defined; defined: sm all",
        ],
    );
}

#[test]
fn tenants_and_priorities() {
    let digest = "\"00000000000000000000000000000000000000000000000000000000000000aa\"";
    check(
        "models: [small]",
        "models: [small, large]\n        priority: critical\n        priorities: [batch]\n        may_pin: 1\n        limits: {burst: 5}",
        &[
            "tenants[0].keys[0].models[1]: model \"large\" is not defined; defined: small",
            "tenants[0].keys[0].priorities: lacks critical, the key's own priority; add it, or change priority",
            "tenants[0].keys[0].may_pin: must be true or false, is a number",
            "tenants[0].keys[0].limits.requests_per_minute: is missing",
        ],
    );
    check(
        "models: [small]",
        "models: []",
        &[
            "tenants[0].keys[0].models: allows no model; name some, write [\"*\"] for all, or remove the key",
        ],
    );
    let second = format!("models: [small]\n      - {{id: web, sha256: {digest}, models: [\"*\"]}}");
    check(
        "models: [small]",
        &second,
        &[
            "tenants[0].keys[1].id: this key id is already at tenants[0].keys[0].id",
            "tenants[0].keys[1].sha256: this key is already at tenants[0].keys[0].sha256",
        ],
    );
    check(
        "version: 1",
        "version: 1\npriorities: {critical: {exploration_share: 0.1}, batch: {weights: {cost: 0, performance: 0, reliability: 0, load: 0}, slo: {failure_rate: 1}}, urgent: {}}",
        &[
            "priorities.critical.exploration_share: must be 0: critical requests are never explored with, is 0.1",
            "priorities.batch.weights: are all 0, one of them must be above",
            "priorities.batch.slo.failure_rate: must be a number above 0 and below 1, is 1",
            "priorities.urgent: is not a known field; known: critical, standard, batch",
        ],
    );
}

/// What real keys look like.
const SECRETS: [&str; 4] = [
    "sk-proj-Q2hhbmdlTWU5OTk5",
    "8f14e45fceea167a5a36dedd4bea2543",
    "AIzaSyD-9tSrke72PouQMnMX",
    "Bearer abcdefghijkl",
];

/// Where operators paste them: what stands there, and what is pasted instead.
const PLACES: [(&str, &str); 19] = [
    ("credential: {env: OPENAI_API_KEY}", "credential: SECRET"),
    (
        "credential: {env: OPENAI_API_KEY}",
        "credential: {env: SECRET}",
    ),
    (
        "credential: {env: OPENAI_API_KEY}",
        "credential: {file: SECRET}",
    ),
    (
        "credential: {env: OPENAI_API_KEY}",
        "credential: {value: SECRET}",
    ),
    (
        "credential: {env: OPENAI_API_KEY}",
        "credential: {command: [SECRET]}",
    ),
    (
        "credential: {env: OPENAI_API_KEY}",
        "credential: {command: [/bin/echo, 7, SECRET]}",
    ),
    ("credential: {env: OPENAI_API_KEY}", "api_key: SECRET"),
    ("credential: {env: OPENAI_API_KEY}", "SECRET: 1"),
    (
        "https://api.openai.com/v1",
        "https://SECRET@api.openai.com/v1",
    ),
    (
        "https://api.openai.com/v1",
        "https://api.openai.com/v1?key=SECRET",
    ),
    ("kind: openai\n", "kind: SECRET\n"),
    ("kind: openai\n", "kind: \"SECRET\n"),
    ("kind: openai\n", "kind: *SECRET\n"),
    ("kind: openai\n", "kind: !SECRET openai\n    kind: x\n"),
    (
        "\"00000000000000000000000000000000000000000000000000000000000000aa\"",
        "SECRET",
    ),
    ("- id: web", "- SECRET\n      - id: web"),
    ("- id: web", "- id: web\n        key: SECRET"),
    ("currency: USD", "currency: SECRET"),
    ("provider: openai\n", "provider: SECRET\n"),
];

/// A key that was written down is reported, with what to do instead, and never repeated.
#[test]
fn tokens_of_the_admin_api() {
    let digest = crate::digest::hex(&[b"token"]);
    let with = |token: &str| {
        let block = format!("version: 1\nadmin:\n  tokens:\n    - {token}\n");
        parse(&include_str!("../../../ark.yaml").replace("version: 1\n", &block))
    };
    let config = with(&format!("{{id: ada, sha256: {digest}, role: admin}}")).unwrap();
    assert_eq!(config.admin.tokens[0].role, Role::Admin);
    let demo = config.tenants[0].keys[0].sha256.clone();
    for (token, expected) in [
        (
            format!("{{id: ada, sha256: {digest}, role: root}}"),
            "admin.tokens[0].role: \"root\" is not known; known: viewer, operator, admin",
        ),
        (
            format!("{{id: ada, sha256: {demo}, role: viewer}}"),
            "tenants[0].keys[0].sha256: this key is already at admin.tokens[0].sha256",
        ),
        (
            "{id: ada, token: abc, role: viewer}".to_owned(),
            "admin.tokens[0].token: is not a known field",
        ),
    ] {
        let problems = with(&token).unwrap_err().to_string();
        assert!(problems.contains(expected), "{problems}");
    }
}

#[test]
fn a_key_is_good_until_the_end_of_its_last_day() {
    let text = include_str!("../../../ark.yaml");
    let until = |day: &str| {
        let key = format!("- valid_until: {day}\n        id: demo ");
        parse(&text.replacen("- id: demo ", &key, 1)).map(|c| c.tenants[0].keys[0].expires_at_s)
    };
    assert_eq!(parse(text).unwrap().tenants[0].keys[0].expires_at_s, None);
    assert_eq!(until("1970-01-01"), Ok(Some(86_400)));
    assert_eq!(until("2024-02-29"), Ok(Some(1_709_251_200)));
    assert_eq!(until("2026-12-31"), Ok(Some(1_798_761_600)));
    assert!(
        until("2026-02-30")
            .unwrap_err()
            .to_string()
            .contains("is not a day")
    );
}

#[test]
fn secrets_are_refused_and_not_repeated() {
    for secret in SECRETS {
        for (from, to) in PLACES {
            assert!(GOOD.contains(from), "{from}");
            let text = GOOD.replacen(from, &to.replace("SECRET", secret), 1);
            let report = parse(&text).expect_err(to).to_string();
            assert!(!report.contains(secret), "{to}: {report}");
            assert!(!report.is_empty());
        }
    }
    check(
        "{env: OPENAI_API_KEY}",
        "8f14e45fceea167a5a36dedd4bea2543",
        &[
            "providers[0].credential: must say where the key is kept, not hold it; a key is never written here: say where it is kept, credential: {env: NAME} or {file: PATH}",
        ],
    );
    check(
        "\"00000000000000000000000000000000000000000000000000000000000000aa\"",
        "my-password",
        &[
            "tenants[0].keys[0].sha256: must be 64 hex digits, a SHA-256 digest; a key is never written here: `ark keys hash` prints its digest, write that as sha256",
        ],
    );
}

#[test]
fn what_is_doubtful_is_said() {
    let text = GOOD
        .replacen(
            "output_per_million: 0.60",
            "output_per_million: 0.60, valid_from: 2025-01-01, valid_until: 2025-06-30",
            1,
        )
        .replacen("https://api", "http://api", 1)
        .replacen("      - provider: azure\n", "", 1)
        .replacen(
            "version: 1",
            "version: 1\ngateway: {listen: \"0.0.0.0:8080\"}",
            1,
        )
        .replacen(
            "00000000000000000000000000000000000000000000000000000000000000aa",
            &digest_of("ark-demo"),
            1,
        );
    let config = parse(&text).unwrap();
    let lines = |today| -> Vec<String> {
        let warnings = warnings(&config, day(today));
        warnings.iter().map(ToString::to_string).collect()
    };
    let always = [
        "providers[0].endpoint: the credential travels in clear text; use https:// unless the network between is yours",
        "providers[1]: no model has a target at azure",
    ];
    let demo = "tenants[0].keys[0].sha256: is the demo's key, which everybody knows; `ark keys new` makes one of your own";
    assert_eq!(lines("2025-06-30"), [always[0], always[1], demo]);
    let expired = "models[0].targets[0].price: was valid until 2025-06-30; it counts as unknown";
    assert_eq!(lines("2025-07-01"), [always[0], always[1], expired, demo]);
    let early = "models[0].targets[0].price: is valid only from 2025-01-01; it counts as unknown";
    assert_eq!(lines("2024-12-31"), [always[0], always[1], early, demo]);
    for (today, known) in [
        ("2024-12-31", false),
        ("2025-06-30", true),
        ("2025-07-01", false),
    ] {
        let snapshot = compile(&config, &all(&config), day(today));
        assert_eq!(snapshot.targets[0].price.is_some(), known, "{today}");
        assert_eq!(
            snapshot.models[0].reference_price.is_some(),
            known,
            "{today}"
        );
    }
}

fn digest_of(key: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(key);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_committed_files_are_good() {
    let (config, snapshot) = demo();
    assert_eq!(warnings(&config, day("2026-01-01")), []);
    let digests: Vec<_> = snapshot.keys.iter().map(|key| key.sha256.clone()).collect();
    assert_eq!(
        digests,
        [digest_of("ark-demo"), digest_of("ark-demo-limited")]
    );
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            load(&path).unwrap_or_else(|error| panic!("{error}"));
            seen += 1;
        }
    }
    assert!(seen >= 10);
}

/// What the file says is the default is the default.
#[test]
fn the_demo_spells_out_the_defaults() {
    let (config, _) = demo();
    let mut bare = DEMO.split("# Priorities:").next().unwrap().to_owned();
    assert_eq!(parse(&bare).unwrap(), config);
    let from = bare.find("gateway:").unwrap();
    let to = bare.find("# Providers:").unwrap();
    bare.replace_range(from..to, "");
    assert_eq!(parse(&bare).unwrap(), config);
}

#[test]
fn a_snapshot_holds_what_is_usable_and_what_it_costs() {
    let (config, snapshot) = demo();
    let names: Vec<_> = snapshot.models.iter().map(|m| m.name.as_str()).collect();
    let sorted = [
        "gpt-3.5-turbo-instruct",
        "gpt-4o",
        "gpt-4o-mini",
        "text-embedding-3-small",
    ];
    assert_eq!(names, sorted);
    let mini = &snapshot.models[2];
    let inputs: Vec<_> = mini
        .targets
        .iter()
        .map(|id| snapshot.targets[usize::from(id.0)].price.unwrap().input.0)
        .collect();
    assert_eq!(inputs, [150_000, 120_000, 60_000, 45_000]);
    let dearest = Price::flat(MicroUsdPerMillion(150_000), MicroUsdPerMillion(600_000));
    assert_eq!(mini.reference_price, Some(dearest));
    assert_eq!(snapshot.keys[0].models, ModelGrant::All);
    assert_eq!(snapshot.keys[1].models, ModelGrant::Only(vec![ModelId(2)]));
    assert_eq!(snapshot.providers[1].authority, "127.0.0.1:9102");

    let usable = ["azure".to_owned()].into();
    let part = compile(&config, &usable, day("2026-01-01"));
    assert_eq!(part.providers.len(), 1);
    assert_eq!(part.models.len(), 4);
    let counts: Vec<_> = part.models.iter().map(|m| m.targets.len()).collect();
    assert_eq!(counts, [0, 1, 1, 1]);
    assert_eq!(part.targets[0].price.unwrap().input.0, 2_000_000);
    let none = compile(&config, &BTreeSet::new(), day("2026-01-01"));
    assert!(none.targets.is_empty() && none.models.len() == 4);
}

#[test]
fn the_version_is_the_content() {
    let (config, snapshot) = demo();
    assert_eq!(snapshot.version.0.len(), 12);
    assert_eq!(demo().1, snapshot);
    // What does not change what runs does not change the version.
    let mut other = config.clone();
    other.models.reverse();
    assert_eq!(compile(&other, &all(&other), day("2026-01-02")), snapshot);
    let changed = parse(&DEMO.replacen("burst: 5}", "burst: 6}", 1)).unwrap();
    let changed = compile(&changed, &all(&config), day("2026-01-01"));
    assert_ne!(changed.version, snapshot.version);
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot);
}

/// Text that is nearly a configuration: the demo with some of its lines cut, moved or spoilt.
fn nearly() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = DEMO.lines().collect();
    let spoilt = prop_oneof![
        Just(""),
        Just("- "),
        Just("  : :"),
        Just("    - [{"),
        Just("  name: 7"),
        Just("limits: null"),
        Just("      price: &a {currency: *a}"),
        Just("\u{0}\t\u{feff}é"),
    ];
    let edit = (0..lines.len(), spoilt, any::<bool>());
    proptest::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut lines: Vec<&str> = lines.clone();
        for (at, text, keep) in edits {
            let at = at.min(lines.len() - 1);
            if keep {
                lines.insert(at, text);
            } else {
                lines[at] = text;
            }
        }
        lines.join("\n")
    })
}

fn never_panics(text: &str) {
    match parse(text) {
        Ok(config) => {
            let today = day("2026-01-01");
            let _ = compile(&config, &all(&config), today);
            let _ = warnings(&config, today);
        }
        Err(problems) => assert!(!problems.0.is_empty(), "refused without a reason: {text}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        never_panics(&text);
    }

    #[test]
    fn no_yaml_panics(text in "([ \\-]{0,4}(name|providers|models|version|price|\"\\*\"|&a|\\*a|[0-9.]{1,9}|true|~|\\[|\\]|\\{|\\}|,)(: |\n|)){0,40}") {
        never_panics(&text);
    }

    #[test]
    fn no_broken_demo_panics(text in nearly()) {
        never_panics(&text);
    }
}

#[test]
fn tags_and_the_ledger_are_read_strictly() {
    let with = |text: &str| GOOD.replace("version: 1\n", &format!("version: 1\n{text}\n"));
    let config = parse(&with(
        "gateway: {tags: [X-Team, x-project]}\n\
         ledger: {store: /x/l.db, retention_days: 30, on_failure: drop, durability: process, \
         lost_after_s: 90}",
    ))
    .unwrap();
    assert_eq!(config.gateway.tags, ["x-team", "x-project"]);
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    assert_eq!(snapshot.tags, config.gateway.tags);
    let expected = LedgerConfig {
        store: Some(LedgerStore::File("/x/l.db".into())),
        retention_days: Some(30),
        on_failure: OnLedgerFailure::Drop,
        durability: Durability::Process,
        spool: LedgerSpool::default(),
        lost_after_s: Some(90),
    };
    assert_eq!(config.ledger, expected);
    assert_eq!(parse(GOOD).unwrap().ledger, LedgerConfig::default());
    for (text, part) in [
        ("gateway: {tags: [authorization]}", "no tag can be"),
        ("gateway: {tags: [x-ark-team]}", "no tag can be"),
        ("gateway: {tags: [x team]}", "is not the name of a header"),
        ("gateway: {tags: [x-a, X-A]}", "has \"x-a\" twice"),
        ("ledger: {store: 'postgres://u:p@h/d'}", "holds a password"),
        ("ledger: {store: 'mysql://h/d'}", "of no PostgreSQL"),
        ("ledger: {password: {env: X}}", "has a password"),
        (
            "ledger: {spool: 'postgres://h/d'}",
            "must be off, or a path",
        ),
        ("ledger: {retention_days: 0}", "from 1 to"),
        ("ledger: {lost_after_s: 1}", "from 2 to"),
        ("ledger: {on_failure: ignore}", "is not known"),
        ("ledger: {path: x}", "is not a known field"),
    ] {
        let problems = parse(&with(text)).unwrap_err().to_string();
        assert!(problems.contains(part), "{text}: {problems}");
        assert!(!problems.contains("u:p"), "{problems}");
    }
}

#[test]
fn limits() {
    let with = |text: &str, expected: &[&str]| {
        check("version: 1", &format!("version: 1\n{text}"), expected);
    };
    with(
        "limits: [{per: [tenant], of: usd, limit: 12.50, window: month, zone: Europe/Berlin}]",
        &[],
    );
    with(
        "limits: [{per: [tenant, modell], of: token, limit: 0, window: fortnight, zone: Mars}]",
        &[
            "limits[0].per[1]: \"modell\" is not known; did you mean model?",
            "limits[0].of: \"token\" is not known; did you mean tokens?",
            "limits[0].zone: \"Mars\" is not a time zone; write its name in the IANA database: Europe/Berlin, Asia/Shanghai, UTC",
            "limits[0].window: \"fortnight\" is not known; known: second, minute, hour, day, week, month",
        ],
    );
    with(
        "limits: [{per: [], of: concurrency, limit: 5, window: day}, {per: [], of: tokens, limit: 1, window: day, tenants: [nobody], at: [{percent: 50}]}]",
        &[
            "limits[0].window: has no meaning for concurrency, which comes back",
            "limits[1].tenants[0]: tenant \"nobody\" is not defined; defined: web",
            "limits[1].at[0]: must have one of use_priority and use_model",
        ],
    );
    with(
        "limits: [{per: [], of: tokens, limit: 1, window: day}, {per: [], of: tokens, limit: 2, window: day}]",
        &["limits[1]: this limit is already at limits[0]"],
    );
    with(
        "limits_store: {file: /x, redis: {url: \"redis://:pw@h:1/0\", password: x}}\nlimit_alerts: {webhook: \"ftp://x\"}",
        &[
            "limits_store.redis.url: must be redis://HOST:PORT/DATABASE, or rediss:// for TLS, without a credential; the password stays out of this file: password: {env: NAME} or {file: PATH}",
            "limits_store.redis.password: must be a mapping, is text",
            "limit_alerts.webhook: must start with http:// or https://; such as https://hooks.example.com/limits",
        ],
    );
}
