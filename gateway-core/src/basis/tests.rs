use std::rc::Rc;

use super::*;
use crate::admit::Admission;
use crate::exchange::{End, Exchange, Knowledge};
use crate::record::Endpoint;
use crate::score::TargetScore;
use crate::testing::demo;
use proptest::prelude::*;

/// A request for model `big` through a policy that serves others, and its record as JSON.
fn recorded(policy: &Rc<Policy>, scores: Option<&Scores>, facts: &Facts<'_>, draw: u64) -> Record {
    let id = "id".to_owned();
    let mut exchange = Exchange::new(Rc::clone(policy), id, Endpoint::ChatCompletions, 0);
    exchange.admitted(Admission {
        key: 0,
        priority: facts.priority,
        pin: facts.pin,
        limit: None,
        explain: crate::admit::Explain::No,
        requires: Requirement::default(),
        asks: false,
    });
    exchange.inspected("big", false).unwrap();
    let decision = decide(policy, scores, facts, draw).unwrap();
    exchange.decided_by(Basis::of(policy, facts, draw));
    let knowledge = Knowledge {
        scores: scores.map_or(0, |s| s.sequence),
        stale: false,
    };
    exchange.decided(decision, knowledge, facts.needs.input_tokens);
    let record = exchange.settle(End::ClientGone, 1).unwrap();
    serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap()
}

fn scores(of: &[(f32, f32)]) -> Scores {
    let target = |(ttft_ms, utilisation): &(f32, f32)| TargetScore {
        ttft_ms: Some(*ttft_ms),
        utilisation: Some(*utilisation),
        explore: 1.0,
        ..TargetScore::default()
    };
    Scores {
        snapshot: demo().version,
        sequence: 7,
        targets: of.iter().map(target).collect(),
        workers: 2,
        ..Scores::default()
    }
}

proptest! {
    /// A record is enough: with its snapshot and scores the same order comes of it, whatever this
    /// worker had in flight and however little it might retry.
    #[test]
    fn a_decision_is_made_again_from_its_record(
        measured in prop::collection::vec((50.0f32..400.0, 0.0f32..1.0), 5),
        in_flight in prop::collection::vec(0u16..4, 0..150),
        futile in 0u32..60,
        draw: u64,
        known: bool,
        tools: bool,
        priority in prop::sample::select(Priority::ALL.to_vec()),
        pin in prop::option::of(0u16..4),
    ) {
        let policy = Rc::new(Policy::new(demo()).unwrap());
        for provider in in_flight {
            policy.attempt_began(ProviderId(provider));
        }
        for _ in 0..futile {
            policy.retry_budget().spend();
        }
        let scores = scores(&measured);
        let scores = known.then_some(&scores);
        let facts = Facts {
            model: ModelId(0),
            priority,
            pin: pin.map(ProviderId),
            needs: Needs { tools, input_tokens: 900, max_output_tokens: Some(70), ..Needs::default() },
            refused: &[TargetId(2)],
            caller: Caller { key: Some(1), unit: None },
            part: Part::All,
            requires: Requirement::default(),
            warm: Some(crate::affinity::Warm { target: TargetId(1), tokens: 800 }),
        };
        prop_assume!(decide(&policy, scores, &facts, draw).is_ok());
        let record = recorded(&policy, scores, &facts, draw);
        let fresh = Policy::new(demo()).unwrap();
        let again = redecide(&fresh, scores, &record).unwrap();
        let order: Vec<TargetId> = again.targets().collect();
        prop_assert_eq!(order, record.basis.unwrap().order);
        prop_assert_eq!(again.rule, record.rule);
    }
}

#[test]
fn what_cannot_be_made_again_is_said() {
    let policy = Rc::new(Policy::new(demo()).unwrap());
    let scores = scores(&[(100.0, 0.1); 5]);
    let facts = Basis {
        priority: Priority::Batch,
        ..Basis::default()
    };
    let facts = facts.facts(ModelId(0));
    let mut record = recorded(&policy, Some(&scores), &facts, u64::MAX);
    assert_eq!(record.basis.as_ref().unwrap().draw, u64::MAX);
    assert_eq!(
        redecide(&policy, None, &record),
        Err(Irreproducible::Scores)
    );
    record.snapshot.0 = "other".to_owned();
    let other = redecide(&policy, Some(&scores), &record);
    assert_eq!(other, Err(Irreproducible::Snapshot));
    record.basis = None;
    let none = redecide(&policy, Some(&scores), &record);
    assert_eq!(none, Err(Irreproducible::NoBasis));
}

#[test]
fn an_idle_worker_writes_little() {
    let policy = Policy::new(demo()).unwrap();
    let facts = Basis::default();
    let basis = Basis::of(&policy, &facts.facts(ModelId(0)), 255);
    let json = serde_json::to_string(&basis).unwrap();
    assert_eq!(json, r#"{"draw":"00000000000000ff","input_tokens":0}"#);
}
