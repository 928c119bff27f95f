use std::rc::Rc;

use super::*;
use crate::admit::{Admission, Explain};
use crate::compliance::Requirement;
use crate::policy::Policy;
use crate::priority::Priority;
use crate::testing;

const BIG: ModelId = ModelId(0);
const SMALL: ModelId = ModelId(1);
fn admission() -> Admission {
    Admission {
        key: 0,
        priority: Priority::Standard,
        pin: None,
        limit: None,
        requires: Requirement::default(),
        asks: false,
        explain: Explain::No,
    }
}

fn guard(name: &str, action: Action, kinds: &[Kind]) -> GuardRule {
    GuardRule {
        name: name.into(),
        who: Who::default(),
        models: None,
        endpoints: None,
        kinds: kinds.iter().copied().collect::<Kinds>().bits(),
        action,
    }
}

/// An exchange of a caller whom all guards but those of `not` concern.
fn exchange(guards: Vec<GuardRule>, not: u64) -> Exchange {
    let mut snapshot = testing::demo();
    snapshot.guard = GuardSpec(guards);
    for key in &mut snapshot.keys {
        key.guards = !not;
    }
    let policy = Rc::new(Policy::new(snapshot).unwrap());
    let mut exchange = Exchange::new(policy, "id".into(), Endpoint::ChatCompletions, 0);
    exchange.admitted(admission());
    exchange
}

#[test]
fn without_a_guard_that_holds_nothing_is_looked_for() {
    assert_eq!(exchange(Vec::new(), 0).watch(BIG, BIG), None);
    let all = || guard("all", Action::Mask, &Kind::ALL);
    assert!(exchange(vec![all()], 0).watch(BIG, BIG).is_some());
    assert_eq!(exchange(vec![all()], 1).watch(BIG, BIG), None);
    let of_small = GuardRule {
        models: Some(vec![SMALL]),
        ..all()
    };
    let small = exchange(vec![of_small], 0);
    assert_eq!(small.watch(BIG, BIG), None);
    assert!(small.watch(SMALL, BIG).is_some());
    assert!(small.watch(BIG, SMALL).is_some());
    let elsewhere = GuardRule {
        endpoints: Some(vec![Endpoint::Messages]),
        ..all()
    };
    assert_eq!(exchange(vec![elsewhere], 0).watch(BIG, BIG), None);
}

#[test]
fn a_fallback_counts_as_what_may_serve() {
    let mut snapshot = testing::demo();
    snapshot.models[0].rules.fallback = vec![SMALL];
    snapshot.guard = GuardSpec(vec![GuardRule {
        models: Some(vec![SMALL]),
        ..guard("all", Action::Mask, &Kind::ALL)
    }]);
    snapshot.keys[0].guards = 1;
    let policy = Rc::new(Policy::new(snapshot).unwrap());
    let mut exchange = Exchange::new(policy, "id".into(), Endpoint::ChatCompletions, 0);
    exchange.admitted(admission());
    assert!(exchange.watch(BIG, BIG).is_some());
}

#[test]
fn of_each_kind_the_strictest_action_counts_and_its_first_guard_is_named() {
    let mut exchange = exchange(
        vec![
            guard(
                "dry",
                Action::Count,
                &[Kind::Email, Kind::Phone, Kind::Card],
            ),
            guard("soft", Action::Mask, &[Kind::Email, Kind::Card]),
            guard("hard", Action::Refuse, &[Kind::Card]),
            guard("hard-too", Action::Refuse, &[Kind::Card]),
        ],
        0,
    );
    let watch = exchange.watch(BIG, BIG).unwrap();
    let only = |kind| Kinds::default().with(kind);
    assert_eq!(watch.of(Action::Count), only(Kind::Phone));
    assert_eq!(watch.of(Action::Mask), only(Kind::Email));
    assert_eq!(watch.of(Action::Refuse), only(Kind::Card));
    assert_eq!(exchange.guard_words(), None);
    let found = [
        Kind::Email,
        Kind::Card,
        Kind::Email,
        Kind::Phone,
        Kind::Iban,
    ];
    exchange.found(&watch, found.into_iter());
    let words = "refused; card=1, masked; email=2, counted; phone=1";
    assert_eq!(exchange.guard_words().as_deref(), Some(words));
    let reject = exchange.refused_by_guard("messages[0].content".into());
    assert_eq!(reject.code, RejectCode::ContentGuard);
    assert_eq!(reject.param.as_deref(), Some("messages[0].content"));
    assert_eq!(
        reject.message,
        "The content guard 'hard' does not let this request pass: it holds card, first in \
         `messages[0].content`."
    );
}

#[test]
fn the_kinds_of_a_watch_are_apart() {
    for first in [Action::Count, Action::Mask, Action::Refuse] {
        for second in [Action::Count, Action::Mask, Action::Refuse] {
            let exchange = exchange(
                vec![
                    guard("a", first, &[Kind::Email, Kind::Jwt]),
                    guard("b", second, &[Kind::Email, Kind::Iban]),
                ],
                0,
            );
            let watch = exchange.watch(BIG, BIG).unwrap();
            assert!(watch.of(first.max(second)).has(Kind::Email));
            let sum: u32 = watch.kinds.iter().map(|k| k.bits().count_ones()).sum();
            assert_eq!((sum, watch.kinds().bits().count_ones()), (3, 3));
        }
    }
}
