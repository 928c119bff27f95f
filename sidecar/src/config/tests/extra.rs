//! A model's `shadow` and `hedge`.

use ark_gateway_core::priority::Priority;
use ark_gateway_core::snapshot::TargetId;

use super::*;

fn with(block: &str) -> String {
    format!("  - name: small\n    {block}\n")
}

fn refused(block: &str, expected: &[&str]) {
    check("  - name: small\n", &with(block), expected);
}

fn small(block: &str) -> (Config, Snapshot) {
    let config = parse(&GOOD.replacen("  - name: small\n", &with(block), 1)).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    (config, snapshot)
}

#[test]
fn copies_that_cannot_be_right_are_refused() {
    refused(
        "shadow: {provider: azur, model: new}",
        &[
            "models[0].shadow.share: is missing",
            "models[0].shadow.provider: provider \"azur\" is not defined; defined: openai, azure",
        ],
    );
    for share in ["0", "0%", "101%", "1.5", "much"] {
        let report = match parse(&GOOD.replacen(
            "  - name: small\n",
            &with(&format!(
                "shadow: {{provider: azure, model: new, share: {share}}}"
            )),
            1,
        )) {
            Ok(_) => String::new(),
            Err(problems) => problems.to_string(),
        };
        assert!(
            report.starts_with("models[0].shadow.share: must be"),
            "{share}: {report}"
        );
    }
    refused(
        "shadow: {provider: azure, share: 5%, priorities: []}",
        &[
            "models[0].shadow.priorities: names no priority; remove the line for the default",
            "models[0].shadow: copies to azure with model small, a target of the model itself; that one is measured already; name another",
        ],
    );
    refused(
        "shadow: {provider: azure, share: 5%}",
        &[
            "models[0].shadow: copies to azure with model small, a target of the model itself; that one is measured already; name another",
        ],
    );
}

#[test]
fn a_copys_target_is_compiled_beside_the_models_own() {
    let (config, snapshot) = small("shadow: {provider: azure, model: new, share: 2.5%}");
    let doubts = warnings(&config, day("2026-01-01"));
    assert!(
        doubts.iter().all(|doubt| !doubt.path.contains("shadow")),
        "{doubts:?}"
    );
    let model = &snapshot.models[0];
    let shadow = model.shadow.as_ref().unwrap();
    assert_eq!(shadow.target, TargetId(2));
    assert!(!model.targets.contains(&shadow.target));
    assert_eq!(snapshot.targets[2].model, "new");
    assert!((shadow.share - 0.025).abs() < 1e-6);
    assert_eq!(shadow.priorities, [Priority::Standard, Priority::Batch]);
    assert_eq!(shadow.body_limit_bytes, 1 << 20);
    let only_openai = compile(&config, &["openai".to_owned()].into(), day("2026-01-01"));
    assert!(
        only_openai.models[0].shadow.is_none(),
        "not while its provider is not there"
    );
    assert_eq!(only_openai.targets.len(), 1);
}

#[test]
fn hedges_that_cannot_be_right_are_refused() {
    refused(
        "hedge: {after_ms: 5, budget: 60%}",
        &[
            "models[0].hedge.after_ms: must be a whole number from 10 to 600000, is 5",
            "models[0].hedge.budget: must be at most 50%",
        ],
    );
    refused(
        "hedge: {after_ms: 70000}",
        &[
            "models[0].hedge.after_ms: is not before the first-byte time-out (60000 ms); wait less, or raise timeouts.first_byte_ms",
        ],
    );
    check(
        "      - provider: azure\ntenants",
        "    hedge: {}\ntenants",
        &[
            "models[0].hedge: has no second target to ask; give the model another target, or remove hedge",
        ],
    );
}

#[test]
fn a_hedge_has_defaults() {
    let (_, snapshot) = small("hedge: {}");
    let hedge = snapshot.models[0].hedge.as_ref().unwrap();
    assert_eq!((hedge.after_ms, hedge.at_least_ms), (None, 200));
    assert!((hedge.budget - 0.05).abs() < 1e-6);
    assert_eq!(hedge.priorities, [Priority::Critical]);
}
