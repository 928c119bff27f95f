//! Aliases, fallbacks, splits, canaries and drains: what is read, and what is refused.

use ark_gateway_core::rules::{Share, Sticky};

use super::*;

const MODEL: &str = "  - name: small\n";

fn model(lines: &str) -> String {
    format!("{MODEL}    {lines}\n")
}

fn good(from: &str, to: &str) -> (Config, Snapshot) {
    assert!(GOOD.contains(from));
    let config = parse(&GOOD.replace(from, to)).unwrap_or_else(|problems| panic!("{problems}"));
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    (config, snapshot)
}

#[test]
fn a_canary_is_some_of_the_targets_and_all_has_its_default() {
    let (config, snapshot) = good(MODEL, &model("canary: {provider: azure, promote: {}}"));
    let canary = config.models[0].rules.canary.as_ref().unwrap();
    assert_eq!(canary.share, Share(10_000));
    assert_eq!(canary.promote, Some(PromoteConfig::default()));
    let spec = snapshot.models[0].rules.canary.as_ref().unwrap();
    assert_eq!(spec.targets, [snapshot.models[0].targets[1]]);
    assert!(spec.is_automatic && spec.sticky == Sticky::Key);
    let (config, snapshot) = good(
        MODEL,
        &model("canary: {provider: azure, model: small, share: 2.5%, sticky: {header: X-User}}"),
    );
    let spec = snapshot.models[0].rules.canary.as_ref().unwrap();
    assert_eq!((spec.share, spec.is_automatic), (Share(25_000), false));
    assert_eq!(spec.sticky, Sticky::Header("x-user".to_owned()));
    // Without either side's provider there is nothing to split.
    let few = compile(&config, &["openai".to_owned()].into(), day("2026-01-01"));
    assert_eq!(few.models[0].rules.canary, None);
}

#[test]
fn what_a_canary_cannot_be() {
    let canary = |text: &str, expected: &str| {
        check(MODEL, &model(&format!("canary: {text}")), &[expected]);
    };
    canary(
        "{provider: azure}",
        "models[0].canary: has neither share nor promote; share: 5% for good, or promote: {} to begin with 1% and grow while it proves itself",
    );
    canary(
        "{provider: azure, model: big, share: 5%}",
        "models[0].canary: names none of the model's targets; a canary is one of targets: add it there too",
    );
    canary(
        "{provider: azure, share: 5}",
        "models[0].canary.share: must be text, is a number; put it in quotes if it is text",
    );
    canary(
        "{provider: azure, share: 101%}",
        "models[0].canary.share: \"101%\" is not a share; write it as 5%, from 0% to 100% with at most 4 decimals",
    );
    canary(
        "{provider: azure, promote: {steps: [5%, 5%]}}",
        "models[0].canary.promote.steps: must be shares above 0%, each larger than the one before",
    );
    canary(
        "{provider: azure, share: 2%, promote: {}}",
        "models[0].canary: starts with a share that is none of promote.steps; add it to the steps, or leave share away to begin with the first",
    );
    canary(
        "{provider: azure, share: 5%, sticky: {header: x-ark-priority}}",
        "models[0].canary.sticky.header: \"x-ark-priority\" cannot be used; name a header that your clients set; for keys and tenants: sticky: key, or tenant",
    );
    canary(
        "{provider: azure, share: 5%, hold: true}",
        "models[0].canary: holds what does not move: hold is for a canary with promote",
    );
    canary(
        "{provider: azure, share: 5%, sticky: tenants}",
        "models[0].canary.sticky: \"tenants\" is not known; did you mean tenant?",
    );
}

#[test]
fn a_canary_leaves_a_baseline() {
    check(
        "      - provider: azure\n",
        "    canary: {provider: openai, share: 5%}\n",
        &["models[0].canary: leaves no target for the baseline"],
    );
}

#[test]
fn an_alias_is_nobodys_name_but_its_models() {
    let (_, snapshot) = good(MODEL, &model("aliases: [gpt-4, default]"));
    assert_eq!(snapshot.models[0].rules.aliases, ["gpt-4", "default"]);
    check(
        MODEL,
        &model("aliases: [default, small, default]"),
        &[
            "models[0].aliases[1]: \"small\" is a model's own name",
            "models[0].aliases[2]: this alias is already at models[0].aliases[0]",
        ],
    );
}

#[test]
fn a_fallback_is_another_model() {
    let other = "  - name: big\n    targets: [{provider: openai}]\n";
    let (_, snapshot) = good(MODEL, &format!("{other}{MODEL}    fallback: [big]\n"));
    let names: Vec<&str> = snapshot.models.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["big", "small"]);
    assert_eq!(snapshot.models[1].rules.fallback, [ModelId(0)]);
    check(
        MODEL,
        &model("fallback: [small]"),
        &["models[0].fallback[0]: is the model itself"],
    );
    check(
        MODEL,
        &model("fallback: [big]"),
        &["models[0].fallback[0]: model \"big\" is not defined; defined: small"],
    );
    check(
        MODEL,
        &format!("{other}{MODEL}    fallback: [big, big]\n"),
        &["models[1].fallback: names big twice"],
    );
}

#[test]
fn weights_are_everybodys_or_nobodys() {
    let (_, snapshot) = good(
        "      - provider: azure\n",
        "        weight: 9\n      - {provider: azure, weight: 1}\n",
    );
    assert_eq!(snapshot.models[0].rules.weights, [9, 1]);
    check(
        "      - provider: azure\n",
        "      - {provider: azure, weight: 1}\n",
        &[
            "models[0].targets: has targets with a weight and targets without; give each one; 0 is for a reserve that is used when nothing else works",
        ],
    );
    check(
        "      - provider: azure\n",
        "        weight: 0\n      - {provider: azure, weight: 0}\n",
        &["models[0].targets: has only weights of 0"],
    );
}

#[test]
fn an_order_that_weights_overrule_is_said_to_do_nothing() {
    let weighted = GOOD.replace(
        "      - provider: azure\n",
        "        weight: 9\n      - {provider: azure, weight: 1}\n",
    );
    let told = |order: &str| -> Vec<String> {
        let text = weighted.replace(MODEL, &format!("{MODEL}{order}"));
        assert_ne!(text, GOOD);
        let config = parse(&text).unwrap_or_else(|problems| panic!("{problems}"));
        let warnings = crate::config::warnings(&config, day("2026-01-01"));
        let orders = warnings.into_iter().filter(|w| w.path.ends_with(".order"));
        orders.map(|w| w.to_string()).collect()
    };
    assert_eq!(
        told("    order: listed\n"),
        [
            "models[0].order: listed does nothing, as the targets have weights, which draw the order; \
             remove order, or the weights"
        ]
    );
    assert_eq!(told("    order: scored\n"), [""; 0]);
}

#[test]
fn a_drain_is_for_good_or_for_a_time() {
    let drain = |text: &str| format!("    tier: azure\n    drain: {text}\n");
    let (config, snapshot) = good("    tier: azure\n", &drain("true"));
    assert_eq!(config.providers[1].drain, DrainConfig::Always);
    assert!(snapshot.providers[1].drained && !snapshot.providers[0].drained);
    let (config, snapshot) = good("    tier: azure\n", &drain("{from: 2026-01-31T02:00:00Z}"));
    assert!(
        !snapshot.providers[1].drained,
        "whether it is time, the sidecar says"
    );
    let drained = |unix_s| config.providers[1].drain.holds_at(unix_s);
    assert!(!drained(1_769_824_799) && drained(1_769_824_800));
    for (text, expected) in [
        (
            "{}",
            "providers[1].drain: names no time; write drain: true, or from and until",
        ),
        ("soon", "providers[1].drain: must be a mapping, is text"),
        (
            "{from: tomorrow}",
            "providers[1].drain.from: \"tomorrow\" is not a moment; write it as 2026-01-31T02:00:00Z, or with an offset: 2026-01-31T02:00:00+01:00",
        ),
        (
            "{from: 2026-01-31T02:00:00Z, until: 2026-01-31T03:00:00+01:00}",
            "providers[1].drain: ends before it begins, or with it",
        ),
    ] {
        check("    tier: azure\n", &drain(text), &[expected]);
    }
}
