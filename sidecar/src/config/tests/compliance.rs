//! `requires`: what may be written, and whom it admits.

use ark_gateway_core::compliance::{Demand, Retention};

use super::*;

/// [`GOOD`] with a region, certifications and a retention class each, and requirements.
fn file(tenant: &str, key: &str, model: &str, more: &str) -> String {
    let openai = "tier: official\n    region: us-east-1\n    certifications: [soc2, hipaa]\n    retention: days-30";
    let azure = "tier: azure\n    region: swedencentral\n    certifications: [soc2, iso27001]\n    retention: zero";
    GOOD.replacen("tier: official", openai, 1)
        .replacen("tier: azure", azure, 1)
        .replacen("- name: small\n", &format!("- name: small\n{model}"), 1)
        .replacen("- name: web\n", &format!("- name: web\n{tenant}"), 1)
        .replacen("models: [small]\n", &format!("models: [small]\n{key}"), 1)
        + more
}

/// What stands between the model of the file and each provider.
fn unmet(text: &str) -> [Option<Demand>; 2] {
    let config = parse(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"));
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    let of_key = snapshot.keys[0].requires.requirement;
    let required = of_key.and(snapshot.models[0].requires.requirement);
    [0, 1].map(|provider: usize| required.unmet_by(&snapshot.providers[provider].assurance))
}

#[test]
fn tenant_key_and_model_are_all_met_or_nobody_is_asked() {
    let region = Some(Demand::Region);
    let certification = Some(Demand::Certification);
    let retention = Some(Demand::Retention);
    let line = |indent: usize, requires: &str| match requires {
        "" => String::new(),
        some => format!("{}requires: {{{some}}}\n", " ".repeat(indent)),
    };
    for (tenant, key, model, expected) in [
        ("", "", "", [None, None]),
        ("regions: [eu]", "", "", [region, None]),
        ("", "regions: [us-east-1]", "", [None, region]),
        ("", "", "certifications: [soc2]", [None, None]),
        (
            "",
            "",
            "certifications: [soc2, hipaa]",
            [None, certification],
        ),
        ("retention: transient", "", "", [retention, None]),
        (
            "regions: [eu, us-east-1]",
            "retention: days-30",
            "",
            [None, None],
        ),
        (
            "regions: [eu]",
            "regions: [us-east-1]",
            "",
            [region, region],
        ),
        (
            "certifications: [soc2]",
            "retention: stored",
            "regions: [us-east-1]",
            [None, region],
        ),
    ] {
        let text = file(
            &line(4, tenant),
            &line(8, key),
            &line(4, model),
            "region_groups: {eu: [swedencentral, westeurope]}\n",
        );
        assert_eq!(unmet(&text), expected, "{tenant}; {key}; {model}");
    }
}

#[test]
fn a_refusal_can_say_who_requires_what_in_the_operators_words() {
    let text = file(
        "    requires: {regions: [eu], retention: zero}\n",
        "        requires: {certifications: [soc2, iso27001]}\n",
        "    requires: {regions: [eu]}\n",
        "region_groups: {eu: [swedencentral]}\n",
    );
    let config = parse(&text).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    assert_eq!(
        snapshot.keys[0].requires.words,
        "the tenant: region=eu; retention=zero; by the key: certification=iso27001,soc2"
    );
    assert_eq!(snapshot.models[0].requires.words, "the model: region=eu");
    // A header may name what the file names, and what nobody is.
    let read = |header: &str| snapshot.compliance.read(header).unwrap();
    let azure = &snapshot.providers[1].assurance;
    assert_eq!(read("region=eu").unmet_by(azure), None);
    assert_eq!(read("region=swedencentral").unmet_by(azure), None);
    let elsewhere = read("region=westeurope").unmet_by(azure);
    assert_eq!(elsewhere, Some(Demand::Region));
}

#[test]
fn what_the_operator_has_not_said_is_not_assured() {
    let config = parse(GOOD).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    let assurance = snapshot.providers[0].assurance;
    assert_eq!(assurance.retention, Retention::Training);
    for header in ["region=us-east-1", "certification=soc2", "retention=stored"] {
        let required = snapshot.compliance.read(header).unwrap();
        assert!(required.unmet_by(&assurance).is_some(), "{header}");
    }
}

#[test]
fn a_name_that_nobody_has_is_a_typing_error() {
    let report = |text: &str| match parse(text) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    };
    let wrong = "    requires: {regions: [eu, mars], certifications: [soc3], retention: none, region: eu}\n";
    let groups = "region_groups: {eu: [swedencentral], us-east-1: [], Eu: [x]}\n";
    assert_eq!(
        report(&file(wrong, "", "", groups)),
        [
            "tenants[0].requires.regions[1]: region \"mars\" is not defined; defined: swedencentral, us-east-1, eu, us-east-1, Eu",
            "tenants[0].requires.certifications[0]: certification \"soc3\" is not defined; defined: hipaa, iso27001, soc2",
            "tenants[0].requires.retention: \"none\" is not known; known: zero, transient, days-30, stored, training",
            "tenants[0].requires.region: is not a known field; did you mean regions?",
            "region_groups.us-east-1: is a region of a provider, and cannot also be a group",
            "region_groups.Eu: is not a name: up to 64 of a-z 0-9 . _ -",
        ]
        .join("\n")
    );
    assert_eq!(
        report(&file("    requires: {regions: []}\n", "", "", "")),
        "tenants[0].requires.regions: allows no region; name some, or remove the line"
    );
    let many: String = (0..65)
        .map(|n| {
            format!(
                "  - {{name: p{n}, kind: openai, endpoint: 'https://x', tier: official, region: r{n}}}\n"
            )
        })
        .collect();
    let text = GOOD.replacen("models:\n", &format!("{many}models:\n"), 1);
    assert_eq!(
        report(&text),
        "providers: has 65 different regions, at most 64 work"
    );
}
