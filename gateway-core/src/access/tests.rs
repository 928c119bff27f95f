use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::admit::Admission;
use crate::compliance::{NameSet, Requirement};
use crate::exchange::Exchange;
use crate::policy::Policy;
use crate::reject::RejectCode;
use crate::snapshot::ProviderId;
use crate::testing;

const BIG: ModelId = ModelId(0);
const SMALL: ModelId = ModelId(1);
/// Monday, 23 November 2026, 12:00 UTC.
const MONDAY_NOON_S: u64 = 1_795_435_200;

fn rule(name: &str, effect: Effect) -> AccessRule {
    AccessRule {
        name: name.into(),
        effect,
        who: Who::default(),
        models: None,
        endpoints: None,
        priorities: None,
        hours: None,
        networks: None,
        providers: None,
        limit: Ceiling::default(),
        requires: Stated::default(),
    }
}

fn allow(name: &str) -> AccessRule {
    rule(name, Effect::Allow)
}

fn deny(name: &str) -> AccessRule {
    rule(name, Effect::Deny)
}

fn networks(list: &[&str]) -> Option<Vec<Network>> {
    Some(list.iter().map(|n| Network::parse(n).unwrap()).collect())
}

fn spec(rules: Vec<AccessRule>) -> AccessSpec {
    AccessSpec {
        lists: vec![(0..u16::try_from(rules.len()).unwrap()).collect()],
        rules,
        zones: vec![vec![Offset {
            from_s: 0,
            ahead_s: 3_600,
        }]],
    }
}

fn exchange(spec: &AccessSpec, endpoint: Endpoint) -> Exchange {
    of(testing::demo(), spec, endpoint)
}

fn of(mut snapshot: crate::snapshot::Snapshot, spec: &AccessSpec, endpoint: Endpoint) -> Exchange {
    snapshot.access = spec.clone();
    for key in &mut snapshot.keys {
        key.access = Some(0);
    }
    let policy = Rc::new(Policy::new(snapshot).unwrap());
    let mut exchange = Exchange::new(policy, "id".into(), endpoint, 0);
    exchange.admitted(Admission {
        key: 0,
        priority: Priority::Standard,
        pin: None,
        limit: None,
        requires: Requirement::default(),
        asks: false,
        explain: crate::admit::Explain::No,
    });
    exchange
}

/// Asks for a model by chat at noon from 10.1.2.3; the rule that decided, with a `!` when it refused.
fn ask(spec: &AccessSpec, model: &str) -> String {
    let mut exchange = exchange(spec, Endpoint::ChatCompletions);
    let source = || source_of("10.1.2.3:5");
    let head = exchange.check_access(MONDAY_NOON_S * 1_000_000_000, source);
    let whole = head.and_then(|()| exchange.inspected(model, false));
    let rule = exchange.access_rule().unwrap_or("(none)").to_owned();
    match whole {
        Ok(_) => rule,
        Err(reject) => {
            assert_eq!(reject.code, RejectCode::AccessDenied);
            assert!(reject.message.contains(&format!("'{rule}'")));
            format!("!{rule}")
        }
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let of_small = |rule: AccessRule| AccessRule {
        models: Some(vec![SMALL]),
        ..rule
    };
    for (rules, big, small) in [
        (vec![allow("all")], "all", "all"),
        (vec![deny("none"), allow("all")], "!none", "!none"),
        (
            vec![of_small(deny("no-small")), allow("all")],
            "all",
            "!no-small",
        ),
        (vec![of_small(allow("small"))], "!default", "small"),
        (vec![allow("all"), of_small(deny("late"))], "all", "all"),
        (vec![of_small(deny("no-small"))], "!default", "!default"),
    ] {
        let spec = spec(rules);
        let names: Vec<_> = spec.rules.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(
            (ask(&spec, "big").as_str(), ask(&spec, "small").as_str()),
            (big, small),
            "{names:?}"
        );
    }
}

fn hours(from: u16, until: u16) -> Option<Hours> {
    Some(Hours {
        spans: vec![(from, until)],
        zone: 0,
        words: String::new(),
    })
}

#[test]
fn each_condition_must_hold() {
    const NOON: u16 = 12 * 60;
    type Change = fn(&mut AccessRule);
    let cases: [(Change, bool); 9] = [
        (
            |r| r.endpoints = Some(vec![Endpoint::ChatCompletions]),
            true,
        ),
        (|r| r.endpoints = Some(vec![Endpoint::Embeddings]), false),
        (|r| r.priorities = Some(vec![Priority::Standard]), true),
        (|r| r.priorities = Some(vec![Priority::Critical]), false),
        (|r| r.networks = networks(&["10.0.0.0/8"]), true),
        (|r| r.networks = networks(&["11.0.0.0/8", "10.1.2.3"]), true),
        (|r| r.networks = networks(&["10.1.2.4/31"]), false),
        // It is 13:00 where the hours are.
        (|r| r.hours = hours(NOON + 60, NOON + 61), true),
        (|r| r.hours = hours(NOON, NOON + 60), false),
    ];
    for (change, matches) in cases {
        let mut rule = allow("r");
        change(&mut rule);
        let expected = if matches { "r" } else { "!default" };
        assert_eq!(ask(&spec(vec![rule.clone()]), "big"), expected, "{rule:?}");
    }
}

#[test]
fn who_is_meant() {
    let roles = ["dev".to_owned(), "ops".to_owned()];
    let who = Requester {
        tenant: "t",
        key: "k",
        roles: &roles,
    };
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    for (tenants, keys, roles, meant) in [
        (&[][..], &[][..], &[][..], true),
        (&["t"], &[], &[], true),
        (&["u"], &[], &[], false),
        (&["u", "t"], &["k"], &["ops"], true),
        (&["t"], &["x"], &["ops"], false),
        (&[], &[], &["boss"], false),
    ] {
        let rule = Who {
            tenants: list(tenants),
            keys: list(keys),
            roles: list(roles),
        };
        assert_eq!(rule.means(&who), meant, "{rule:?}");
    }
    let nobody = Requester {
        tenant: "",
        key: "",
        roles: &[],
    };
    assert!(
        !Who {
            keys: list(&["k"]),
            ..Who::default()
        }
        .means(&nobody)
    );
}

#[test]
fn an_unknown_source_is_trusted_with_nothing() {
    for (effect, expected) in [(Effect::Allow, "default"), (Effect::Deny, "r")] {
        let near = AccessRule {
            networks: networks(&["0.0.0.0/0", "::/0"]),
            ..rule("r", effect)
        };
        let mut exchange = exchange(&spec(vec![near, allow("all")]), Endpoint::ChatCompletions);
        let refused = exchange.check_access(0, || None);
        match effect {
            Effect::Deny => assert!(refused.is_err()),
            Effect::Allow => assert!(refused.is_ok()),
        }
        let rule = exchange.access_rule();
        assert_eq!(rule.unwrap_or("default"), expected);
    }
}

#[test]
fn a_rule_bounds_providers_requirements_and_stand_ins() {
    let a = ProviderSet::default().with(ProviderId(0));
    let mut narrow = AccessRule {
        providers: Some(
            ProviderSet::default()
                .with(ProviderId(0))
                .with(ProviderId(1)),
        ),
        models: Some(vec![BIG]),
        ..allow("narrow")
    };
    narrow.requires.requirement.regions = Some(NameSet::of(3));
    let spec = spec(vec![
        AccessRule {
            providers: Some(a),
            ..deny("no-a")
        },
        narrow,
    ]);
    let mut exchange = exchange(&spec, Endpoint::ChatCompletions);
    exchange.check_access(0, || None).unwrap();
    exchange.inspected("big", false).unwrap();
    let requires = exchange.admission().unwrap().requires;
    assert_eq!(
        requires.providers,
        Some(ProviderSet::default().with(ProviderId(1)))
    );
    assert_eq!(
        (requires.regions, requires.rule),
        (Some(NameSet::of(3)), Some(1))
    );
    let only_denied = AccessSpec {
        rules: vec![spec.rules[0].clone(), allow("rest")],
        ..spec
    };
    let mut other = super::tests::exchange(&only_denied, Endpoint::ChatCompletions);
    other.check_access(0, || None).unwrap();
    other.inspected("big", false).unwrap();
    let left = other.admission().unwrap().requires.providers.unwrap();
    assert_eq!(Vec::from(left), [1, 2, 3].map(ProviderId));
}

#[test]
fn ceilings_are_the_rules_that_decided() {
    let limit = Ceiling {
        max_tokens: Some(10),
        no_tools: true,
        no_images: true,
    };
    let spec = spec(vec![AccessRule {
        limit,
        ..allow("tight")
    }]);
    let mut exchange = exchange(&spec, Endpoint::ChatCompletions);
    exchange.check_access(0, || None).unwrap();
    assert!(exchange.bounds_body());
    exchange.inspected("big", false).unwrap();
    for (asked, param) in [
        (
            Asked {
                max_tokens: Some(10),
                ..Asked::default()
            },
            None,
        ),
        (
            Asked {
                max_tokens: Some(11),
                ..Asked::default()
            },
            Some("max_tokens"),
        ),
        (
            Asked {
                tools: true,
                ..Asked::default()
            },
            Some("tools"),
        ),
    ] {
        let refused = exchange.check_ceiling(&asked).err();
        assert_eq!(refused.and_then(|r| r.param).as_deref(), param, "{asked:?}");
    }
    let images = Asked {
        images: true,
        ..Asked::default()
    };
    assert!(
        exchange
            .check_ceiling(&images)
            .unwrap_err()
            .message
            .contains("images")
    );
}

#[test]
fn models_are_shown_that_some_endpoint_may_be_asked_for() {
    let spec = spec(vec![AccessRule {
        models: Some(vec![SMALL]),
        endpoints: Some(vec![Endpoint::Embeddings]),
        ..allow("small")
    }]);
    let mut exchange = exchange(&spec, Endpoint::Models);
    assert!(!exchange.shows(SMALL), "before anybody has looked");
    exchange.check_access(0, || None).unwrap();
    assert!(exchange.shows(SMALL) && !exchange.shows(BIG));
}

#[test]
fn rules_that_nobody_asked_let_nothing_pass() {
    let mut exchange = exchange(&spec(vec![allow("all")]), Endpoint::ChatCompletions);
    assert_eq!(
        exchange.inspected("big", false).unwrap_err().code,
        RejectCode::Internal
    );
}

#[test]
fn a_callers_own_roles_make_its_own_list() {
    let dev = Who {
        roles: vec!["dev".into()],
        ..Who::default()
    };
    let spec = AccessSpec {
        lists: vec![vec![]],
        ..spec(vec![AccessRule {
            who: dev,
            ..allow("devs")
        }])
    };
    assert_eq!(ask(&spec, "big"), "!default");
    let mut exchange = exchange(&spec, Endpoint::ChatCompletions);
    let roles = ["dev".to_owned()];
    exchange.identified(&Requester {
        tenant: "t",
        key: "",
        roles: &roles,
    });
    exchange.check_access(0, || None).unwrap();
    exchange.inspected("big", false).unwrap();
    assert_eq!(exchange.access_rule(), Some("devs"));
}

#[test]
fn more_rules_than_a_caller_may_have_let_nothing_pass() {
    let who = Requester {
        tenant: "t",
        key: "k",
        roles: &[],
    };
    let of = |count: usize| spec((0..count).map(|_| allow("r")).collect()).concerning(&who);
    assert_eq!(
        of(MOST_RULES_OF_CALLER).map(|list| list.len()),
        Some(MOST_RULES_OF_CALLER)
    );
    assert_eq!(of(MOST_RULES_OF_CALLER + 1), None);
}

#[test]
fn networks_are_read_strictly() {
    for (text, right) in [
        ("10.0.0.0/8", true),
        ("10.0.0.1/8", false),
        ("10.0.0.1", true),
        ("0.0.0.0/0", true),
        ("10.0.0.0/33", false),
        ("10.0.0.0/+8", false),
        ("2001:db8::/32", true),
        ("2001:db8::1/32", false),
        ("::ffff:10.0.0.0/104", true),
        ("localhost", false),
        ("10.0.0/8", false),
        ("", false),
    ] {
        assert_eq!(Network::parse(text).is_ok(), right, "{text}");
    }
    let v4 = Network::parse("10.0.0.0/8").unwrap();
    assert!(v4.holds(source_of("[::ffff:10.9.9.9]:1").unwrap()));
    assert!(!v4.holds(source_of("[::a09:909]:1").unwrap()));
    assert_eq!(source_of("/run/socket"), None);
}

proptest! {
    #[test]
    fn one_more_deny_admits_no_more(
        effects in prop::collection::vec((any::<bool>(), 0u16..3, 0u16..5), 1..8),
        place in 0usize..8,
        model in 0u16..2,
    ) {
        let made = |(effect, models, providers): &(bool, u16, u16)| AccessRule {
            models: (*models < 2).then(|| vec![ModelId(*models)]),
            providers: (*providers < 4).then(|| ProviderSet::default().with(ProviderId(*providers))),
            ..rule("r", if *effect { Effect::Allow } else { Effect::Deny })
        };
        let rules: Vec<AccessRule> = effects.iter().map(made).collect();
        let judge = |rules: Vec<AccessRule>| {
            let spec = spec(rules);
            let all = Alive(u64::MAX);
            spec.judge(&spec.lists[0], all, ModelId(model))
        };
        let before = judge(rules.clone());
        let mut tighter = rules;
        tighter.insert(place.min(tighter.len()), deny("more"));
        if let Ok(after) = judge(tighter) {
            prop_assert_eq!(before.map(|grant| grant.providers), Ok(after.providers));
        }
    }

    #[test]
    fn sets_of_providers_travel(ids in prop::collection::btree_set(0u16..256, 0..20)) {
        let ids: Vec<ProviderId> = ids.into_iter().map(ProviderId).collect();
        let set = ProviderSet::from(ids.clone());
        let json = serde_json::to_string(&set).unwrap();
        prop_assert_eq!(serde_json::from_str::<ProviderSet>(&json).unwrap(), set);
        prop_assert_eq!(Vec::from(set), ids);
    }

    #[test]
    fn networks_cover_what_they_hold(a: u32, b: u32, wide in 0u8..=32, more in 0u8..=32) {
        let narrow = wide.saturating_add(more).min(32);
        let net = |ip: u32, bits: u8| {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            Network::parse(&format!("{}/{bits}", std::net::Ipv4Addr::from(ip & mask))).unwrap()
        };
        let (wide, narrow) = (net(a, wide), net(a, narrow));
        prop_assert!(wide.covers(&narrow));
        let b = IpAddr::from(std::net::Ipv4Addr::from(b));
        prop_assert!(!narrow.holds(b) || wide.holds(b));
    }
}

/// Takes a provider away.
fn without(provider: u16) -> AccessRule {
    AccessRule {
        providers: Some(ProviderSet::default().with(ProviderId(provider))),
        ..deny("without")
    }
}

#[test]
fn what_serves_instead_has_stand_ins_of_its_own() {
    let mut snapshot = testing::demo();
    snapshot.models[0].rules.fallback = vec![SMALL];
    let mut third = snapshot.models[1].clone();
    third.name = "third".into();
    snapshot.models.push(third);
    snapshot.models[1].rules.fallback = vec![ModelId(2)];
    let no_third = AccessRule {
        models: Some(vec![ModelId(2)]),
        ..deny("no-third")
    };
    let rules = spec(vec![no_third, allow("all")]);
    let mut exchange = of(snapshot, &rules, Endpoint::ChatCompletions);
    exchange.check_access(0, || None).unwrap();
    exchange.inspected("big", false).unwrap();
    let stand_ins = |exchange: &Exchange| exchange.admission().unwrap().requires.stand_ins;
    assert_eq!(stand_ins(&exchange), Some(1));
    exchange.served_by(SMALL);
    assert_eq!(stand_ins(&exchange), Some(0));
}

#[test]
fn a_fallback_stands_in_by_the_same_rule_only() {
    let small = |rule: AccessRule| AccessRule {
        models: Some(vec![SMALL]),
        ..rule
    };
    for (rules, may) in [
        (vec![allow("all")], true),
        (vec![small(deny("no-small")), allow("all")], false),
        (vec![small(allow("small")), allow("all")], false),
        (
            vec![AccessRule {
                models: Some(vec![BIG]),
                ..allow("big")
            }],
            false,
        ),
        (vec![small(without(0)), allow("all")], false),
        (vec![without(0), allow("all")], true),
        (
            vec![
                AccessRule {
                    models: Some(vec![BIG]),
                    ..without(0)
                },
                allow("all"),
            ],
            true,
        ),
    ] {
        let mut snapshot = testing::demo();
        snapshot.models[0].rules.fallback = vec![SMALL];
        let mut exchange = of(snapshot, &spec(rules), Endpoint::ChatCompletions);
        exchange.check_access(0, || None).unwrap();
        exchange.inspected("big", false).unwrap();
        let requires = exchange.admission().unwrap().requires;
        assert_eq!(requires.stand_ins, Some(u64::from(may)));
        assert_eq!(exchange.stands_in(SMALL), may);
        let facts = crate::decide::Facts {
            model: BIG,
            priority: Priority::Standard,
            pin: None,
            needs: crate::capability::Needs::default(),
            refused: &[],
            caller: crate::decide::Caller::default(),
            part: crate::decide::Part::All,
            requires,
            warm: None,
        };
        let model = exchange.policy().model(BIG).unwrap();
        let left = crate::decide::chain::fallbacks(exchange.policy(), model, &facts);
        assert_eq!(left.count(), usize::from(may));
    }
}
