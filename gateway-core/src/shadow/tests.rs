use super::*;
use crate::capability::Needs;
use crate::circuit::Circuit;
use crate::priority::Priority;
use crate::score::TargetScore;
use crate::snapshot::{ModelId, ProviderId, ShadowSpec, Snapshot};
use crate::testing::demo;

/// Model `small` of the demo, served by `a`, with copies to target 1 (at `b`).
fn snapshot(share: f32) -> Snapshot {
    let mut snapshot = demo();
    snapshot.models[1].shadow = Some(ShadowSpec {
        target: TargetId(1),
        share,
        priorities: vec![Priority::Standard, Priority::Batch],
        body_limit_bytes: 1_000,
    });
    snapshot
}

fn facts(priority: Priority) -> Facts<'static> {
    Facts {
        model: ModelId(1),
        priority,
        pin: None,
        needs: Needs::default(),
        refused: &[],
        caller: crate::decide::Caller::default(),
        part: crate::decide::Part::All,
        requires: crate::compliance::Requirement::default(),
        warm: None,
    }
}

fn once(policy: &Policy, scores: Option<&Scores>, priority: Priority) -> Drawn {
    draw(policy, scores, (&facts(priority), 10), 0, 1)
}

#[test]
fn the_share_is_that_of_the_requests_and_the_others_are_left_alone() {
    let policy = Policy::new(snapshot(0.1)).unwrap();
    let drawn = |priority| {
        (0..20_000u64)
            .filter(|i| {
                let random = chance::mix(*i, 7);
                draw(&policy, None, (&facts(priority), 10), 0, random) == Drawn::To(TargetId(1))
            })
            .count()
    };
    let standard = drawn(Priority::Standard);
    assert!((1_850..2_150).contains(&standard), "{standard} of 20000");
    assert_eq!(drawn(Priority::Critical), 0, "only when named");
    let mut other = facts(Priority::Standard);
    other.model = ModelId(0);
    assert_eq!(draw(&policy, None, (&other, 10), 0, 1), Drawn::No);
}

#[test]
fn a_copy_is_never_what_breaks_its_target() {
    let policy = Policy::new(snapshot(1.0)).unwrap();
    let with = |score: TargetScore| Scores {
        snapshot: policy.snapshot().version.clone(),
        targets: vec![score; 5],
        ..Scores::default()
    };
    let nothing = TargetScore::default();
    for (score, said) in [
        (nothing, Drawn::To(TargetId(1))),
        (
            TargetScore {
                circuit: Circuit::HalfOpen,
                ..nothing
            },
            Drawn::To(TargetId(1)),
        ),
        (
            TargetScore {
                circuit: Circuit::Open,
                ..nothing
            },
            Drawn::Skipped(Skip::Unfit),
        ),
        (
            TargetScore {
                unavailable: true,
                ..nothing
            },
            Drawn::Skipped(Skip::Unfit),
        ),
        (
            TargetScore {
                metered: Some(0.7),
                ..nothing
            },
            Drawn::Skipped(Skip::Limited),
        ),
        (
            TargetScore {
                utilisation: Some(1.2),
                ..nothing
            },
            Drawn::Skipped(Skip::Limited),
        ),
    ] {
        assert_eq!(once(&policy, Some(&with(score)), Priority::Batch), said);
    }
    for _ in 0..70 {
        policy.attempt_began(ProviderId(1));
    }
    let crowded = once(&policy, None, Priority::Batch);
    assert_eq!(crowded, Drawn::Skipped(Skip::Limited));
}

#[test]
fn what_clients_requests_are_filtered_by_copies_are_too() {
    let mut snapshot = snapshot(1.0);
    snapshot.targets[1].capabilities.tools = false;
    let policy = Policy::new(snapshot).unwrap();
    let mut asked = facts(Priority::Standard);
    asked.pin = Some(ProviderId(0));
    let to = |asked: &Facts<'_>, bytes, busy| draw(&policy, None, (asked, bytes), busy, 1);
    assert_eq!(
        to(&asked, 10, 0),
        Drawn::To(TargetId(1)),
        "a pin is of the original"
    );
    assert_eq!(to(&asked, 1_001, 0), Drawn::Skipped(Skip::TooLarge));
    let most = MOST_IN_FLIGHT;
    assert_eq!(to(&asked, 10, most), Drawn::Skipped(Skip::Busy));
    asked.needs.tools = true;
    assert_eq!(to(&asked, 10, 0), Drawn::Skipped(Skip::Unsuitable));
    asked.needs.tools = false;
    asked.refused = &[TargetId(1)];
    assert_eq!(to(&asked, 10, 0), Drawn::Skipped(Skip::Unsuitable));
}

#[test]
fn each_reason_is_counted_in_its_own_place() {
    let mut skips = Skips::default();
    for skip in [
        Skip::Unfit,
        Skip::Limited,
        Skip::Unsuitable,
        Skip::TooLarge,
        Skip::Busy,
        Skip::NotSent,
    ] {
        skips.count(skip);
    }
    assert!(skips.named().all(|(_, count)| count == 1));
    assert_eq!(skips.since(skips), Skips::default());
}
