use super::*;
use crate::capability::Needs;
use crate::decide::{Facts, decide};
use crate::score::TargetScore;
use crate::snapshot::{ModelId, ProviderId};
use crate::testing::demo;

fn policy(after_ms: Option<u32>) -> Policy {
    let mut snapshot = demo();
    snapshot.models[0].hedge = Some(HedgeSpec {
        after_ms,
        at_least_ms: 200,
        budget: 0.05,
        priorities: vec![Priority::Critical],
    });
    Policy::new(snapshot).unwrap()
}

fn decision(policy: &Policy, pin: Option<ProviderId>) -> Decision {
    let facts = Facts {
        model: ModelId(0),
        priority: Priority::Critical,
        pin,
        needs: Needs::default(),
        refused: &[],
        caller: crate::decide::Caller::default(),
        part: crate::decide::Part::All,
        requires: crate::compliance::Requirement::default(),
        warm: None,
    };
    decide(policy, None, &facts, 0).unwrap()
}

fn asked(policy: &Policy, scores: Option<&Scores>) -> Option<Result<Hedge, Skip>> {
    let model = policy.model(ModelId(0)).unwrap();
    let decision = decision(policy, None);
    hedge(policy, scores, (model, Priority::Critical), &decision)
}

fn scores(policy: &Policy, score: TargetScore) -> Scores {
    Scores {
        snapshot: policy.snapshot().version.clone(),
        targets: vec![score; 5],
        ..Scores::default()
    }
}

#[test]
fn hedges_are_a_bounded_share_of_the_requests() {
    let policy = policy(Some(300));
    let mut used = 0;
    for _ in 0..10_000 {
        if let Some(Ok(hedge)) = asked(&policy, None) {
            used += hedge.credits;
        }
    }
    // The full bucket at the beginning, and a twentieth of the requests.
    assert!((540..=551).contains(&used), "{used}");
    let next: Vec<_> = (0..2).filter_map(|_| asked(&policy, None)).collect();
    assert!(next.contains(&Err(Skip::NoBudget)));
}

#[test]
fn what_is_not_used_is_given_back() {
    let policy = policy(Some(300));
    for _ in 0..1_000 {
        let Some(Ok(hedge)) = asked(&policy, None) else {
            panic!("the budget is full");
        };
        assert_eq!((hedge.after_ms, hedge.credits), (300, 2));
        policy.hedge_budget().give_back(hedge.credits);
    }
}

#[test]
fn the_delay_is_learnt_where_it_is_not_given() {
    let policy = policy(None);
    assert_eq!(asked(&policy, None), Some(Err(Skip::NoDelay)));
    for (ttft_ms, after) in [
        (Some(500.2), Ok(501)),
        (Some(20.0), Ok(200)),
        (Some(1_000.0), Err(Skip::NoDelay)),
        (None, Err(Skip::NoDelay)),
    ] {
        let score = TargetScore {
            ttft_ms,
            ..TargetScore::default()
        };
        let said = asked(&policy, Some(&scores(&policy, score))).unwrap();
        assert_eq!(said.map(|h| h.after_ms), after, "{ttft_ms:?}");
    }
}

#[test]
fn nobody_is_hedged_to_a_target_that_is_not_well_nor_while_failover_is_short() {
    let policy = policy(Some(300));
    let full = TargetScore {
        metered: Some(0.9),
        ..TargetScore::default()
    };
    let full = scores(&policy, full);
    assert_eq!(asked(&policy, Some(&full)), Some(Err(Skip::NoTarget)));
    let model = policy.model(ModelId(0)).unwrap();
    let pinned = decision(&policy, Some(ProviderId(0)));
    let of = |priority, decision: &Decision| hedge(&policy, None, (model, priority), decision);
    assert_eq!(
        of(Priority::Critical, &pinned),
        Some(Err(Skip::NoTarget)),
        "one target"
    );
    let any = decision(&policy, None);
    assert_eq!(of(Priority::Batch, &any), None, "not its priority");
    for _ in 0..60 {
        policy.retry_budget().spend();
    }
    assert_eq!(of(Priority::Critical, &any), Some(Err(Skip::Retries)));
}

#[test]
fn each_reason_is_counted_in_its_own_place() {
    let mut skips = Skips::default();
    for skip in [Skip::NoTarget, Skip::NoDelay, Skip::NoBudget, Skip::Retries] {
        skips.count(skip);
    }
    assert!(skips.named().all(|(_, count)| count == 1));
    assert_eq!(skips.since(skips), Skips::default());
}
