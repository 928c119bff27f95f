use std::rc::Rc;

use super::*;
use crate::access::{AccessRule, Ceiling, Who};
use crate::admit::{Admission, Explain};
use crate::basis::Basis;
use crate::compliance::{NameSet, Retention, Stated};
use crate::exchange::{End, Exchange};
use crate::explain::explain_whole;
use crate::priority::Priority;
use crate::record::Endpoint;
use crate::snapshot::ModelGrant;
use crate::testing;

const BIG: ModelId = ModelId(0);
const SMALL: ModelId = ModelId(1);
const NOON_S: u64 = 1_795_435_200;

fn rule(name: &str, effect: Effect, providers: Option<&[u16]>) -> AccessRule {
    let providers = providers.map(|ids| ids.iter().copied().map(ProviderId).collect::<Vec<_>>());
    AccessRule {
        name: name.into(),
        effect,
        who: Who::default(),
        models: None,
        endpoints: None,
        priorities: None,
        hours: None,
        networks: None,
        providers: providers.map(ProviderSet::from),
        limit: Ceiling::default(),
        requires: Stated::default(),
    }
}

fn policy(rules: Vec<AccessRule>) -> Policy {
    let mut snapshot = testing::demo();
    snapshot.access = AccessSpec {
        lists: vec![(0..u16::try_from(rules.len()).unwrap()).collect()],
        rules,
        zones: Vec::new(),
    };
    for key in &mut snapshot.keys {
        key.access = Some(0);
        key.models = ModelGrant::All;
        key.requires.requirement.certifications = NameSet::default();
    }
    Policy::new(snapshot).unwrap()
}

fn head(endpoint: Endpoint) -> Head {
    Head {
        endpoint: Some(endpoint),
        priority: Priority::Standard,
        now_s: NOON_S,
        source: None,
    }
}

/// What an exchange with the same request is required, or the rule that refuses it.
fn exchanged(policy: Policy, model: &str, endpoint: Endpoint) -> Result<Requirement, String> {
    let policy = Rc::new(policy);
    let mut exchange = Exchange::new(Rc::clone(&policy), "id".into(), endpoint, 0);
    exchange.admitted(Admission {
        key: 0,
        priority: Priority::Standard,
        pin: None,
        limit: None,
        requires: policy.key(0).unwrap().requires.requirement,
        asks: false,
        explain: Explain::No,
    });
    let passed = exchange.check_access(NOON_S * 1_000_000_000, || None);
    let passed = passed.and_then(|()| exchange.inspected(model, false).map(|_| ()));
    let refused = exchange.access_rule().unwrap_or_default().to_owned();
    let record = exchange.settle(End::ClientGone, NOON_S * 1_000_000_001);
    match passed {
        Ok(()) => Ok(record.unwrap().requires),
        Err(_reject) => Err(refused),
    }
}

fn rule_sets() -> Vec<Vec<AccessRule>> {
    use Effect::{Allow, Deny};
    let mut strict = rule("strict", Allow, Some(&[1, 2, 3]));
    strict.requires.requirement.retention = Retention::Days30;
    let of_small = |mut rule: AccessRule| {
        rule.models = Some(vec![SMALL]);
        rule
    };
    let of_embeddings = |mut rule: AccessRule| {
        rule.endpoints = Some(vec![Endpoint::Embeddings]);
        rule
    };
    vec![
        vec![rule("all", Allow, None)],
        vec![rule("no-d", Deny, Some(&[3])), rule("all", Allow, None)],
        vec![rule("no-d", Deny, Some(&[3])), strict],
        vec![
            of_small(rule("no-small", Deny, None)),
            rule("all", Allow, None),
        ],
        vec![
            of_embeddings(rule("no-vectors", Deny, None)),
            rule("few", Allow, Some(&[0])),
        ],
        vec![of_small(rule("small", Allow, None))],
        vec![],
    ]
}

#[test]
fn what_is_explained_is_what_an_exchange_is_held_to() {
    for rules in rule_sets() {
        for (model, name) in [(BIG, "big"), (SMALL, "small")] {
            for endpoint in [Endpoint::ChatCompletions, Endpoint::Embeddings] {
                let own = rights(&policy(rules.clone()), 0, (model, &head(endpoint)));
                let access = own.access.unwrap();
                match exchanged(policy(rules.clone()), name, endpoint) {
                    Ok(requires) => assert_eq!((own.requires, access.allowed), (requires, true)),
                    Err(rule) => assert_eq!((access.rule, access.allowed), (rule, false)),
                }
            }
        }
    }
}

fn removed(rules: Vec<AccessRule>, model: ModelId) -> (String, Vec<(String, Option<String>)>) {
    let policy = policy(rules);
    let own = rights(&policy, 0, (model, &head(Endpoint::ChatCompletions)));
    let basis = Basis {
        requires: own.requires,
        ..Basis::default()
    };
    let explained = explain_whole(&policy, None, &basis.facts(model), 1).unwrap();
    let explained = explained.with_access(own.access);
    for candidate in &explained.candidates {
        let is_taken = candidate.access_rule.is_some();
        assert_eq!(is_taken, candidate.removed_by.is_some());
        assert_eq!(
            is_taken,
            candidate.rank.is_none() && candidate.removed_by.is_some()
        );
    }
    let named = |c: &CandidateView| (c.provider.clone(), c.access_rule.clone());
    let rule = explained.access.unwrap().rule;
    (rule, explained.candidates.iter().map(named).collect())
}

#[test]
fn each_provider_that_is_out_names_the_rule_that_takes_it() {
    use Effect::{Allow, Deny};
    let (rule_name, candidates) = removed(
        vec![
            rule("no-d", Deny, Some(&[3])),
            rule("but-a", Allow, Some(&[1, 2, 3])),
        ],
        BIG,
    );
    assert_eq!(rule_name, "but-a");
    let some = |name: &str| Some(name.to_owned());
    let rules: Vec<Option<String>> = candidates.into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(rules, [some("but-a"), None, None, some("no-d")]);

    let (rule_name, candidates) = removed(vec![], BIG);
    assert_eq!(rule_name, "default");
    assert!(candidates.iter().all(|(_, rule)| *rule == some("default")));
}

#[test]
fn a_key_without_the_model_is_said_to_be_the_reason() {
    let mut snapshot = testing::demo();
    for key in &mut snapshot.keys {
        key.models = ModelGrant::Only(vec![SMALL]);
    }
    let policy = Policy::new(snapshot).unwrap();
    let own = rights(&policy, 0, (BIG, &head(Endpoint::ChatCompletions)));
    let access = own.access.unwrap();
    assert_eq!((access.rule.as_str(), access.allowed), (BY_KEY, false));
    let own = rights(&policy, 0, (SMALL, &head(Endpoint::ChatCompletions)));
    assert_eq!(own.access, None, "no rules, nothing to say");
}
