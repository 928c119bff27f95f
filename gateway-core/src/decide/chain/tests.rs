//! Canaries, splits, fallbacks and drains, as decisions.

use proptest::prelude::*;

use super::*;
use crate::capability::{Capability, Needs};
use crate::explain::{Filter, explain};
use crate::policy::Policy;
use crate::priority::Priority;
use crate::rules::CanaryShare;
use crate::score::TargetScore;
use crate::snapshot::{ModelGrant, ProviderId, Snapshot};
use crate::testing::demo;

const BIG: ModelId = ModelId(0);
const SMALL: ModelId = ModelId(1);

fn facts(key: Option<u32>) -> Facts<'static> {
    Facts {
        model: BIG,
        priority: Priority::Standard,
        pin: None,
        needs: Needs::default(),
        refused: &[],
        caller: Caller { key, unit: None },
        part: Part::All,
        requires: crate::compliance::Requirement::default(),
        warm: None,
    }
}

fn measured(ttft_ms: f32) -> TargetScore {
    TargetScore {
        ttft_ms: Some(ttft_ms),
        tpot_ms: Some(5.0),
        failure_rate: Some(0.001),
        utilisation: Some(0.1),
        ..TargetScore::default()
    }
}

fn scores(snapshot: &Snapshot) -> Scores {
    Scores {
        snapshot: snapshot.version.clone(),
        sequence: 1,
        targets: vec![measured(100.0); 5],
        ..Scores::default()
    }
}

/// `big` with its last target as canary.
fn canary(sticky: Sticky, share: u32, is_automatic: bool) -> Snapshot {
    let mut snapshot = demo();
    snapshot.models[0].rules.canary = Some(CanarySpec {
        targets: vec![TargetId(3)],
        sticky,
        share: Share(share),
        is_automatic,
        salt: 7,
    });
    snapshot
}

/// `big`, and `small` for when nothing of it is left.
fn with_fallback() -> Snapshot {
    let mut snapshot = demo();
    snapshot.models[0].rules.fallback = vec![SMALL];
    snapshot
}

/// As many keys as asked for, each of its own tenant, who may use everything.
fn with_keys(mut snapshot: Snapshot, count: u16) -> Policy {
    let key = snapshot.keys[0].clone();
    for n in 0..count {
        let mut key = key.clone();
        key.id = format!("key-{n}");
        key.tenant = format!("tenant-{}", n / 2);
        key.sha256 = format!("{n:064x}");
        snapshot.keys.push(key);
    }
    Policy::new(snapshot).unwrap()
}

fn order(policy: &Policy, scores: Option<&Scores>, facts: &Facts<'_>, draw: u64) -> Vec<u16> {
    let decision = super::super::decide(policy, scores, facts, draw).unwrap();
    decision.targets().map(|t| t.0).collect()
}

fn rule(policy: &Policy, scores: Option<&Scores>, facts: &Facts<'_>, draw: u64) -> Rule {
    super::super::decide(policy, scores, facts, draw)
        .unwrap()
        .rule
}

#[test]
fn a_tenant_stays_on_its_side_whatever_the_draw_and_whatever_its_key() {
    let policy = with_keys(canary(Sticky::Tenant, 300_000, false), 400);
    let scores = scores(policy.snapshot());
    let mut on_canary = 0;
    for key in (2..402).step_by(2) {
        let side =
            |key, draw| rule(&policy, Some(&scores), &facts(Some(key)), draw) == Rule::Canary;
        let first = side(key, 1);
        on_canary += u32::from(first);
        for draw in 2..20 {
            assert_eq!(side(key, draw * 0x9E37_79B9), first);
            assert_eq!(side(key + 1, draw), first, "the same tenant's other key");
        }
        let order = order(&policy, Some(&scores), &facts(Some(key)), 5);
        assert_eq!(order.len(), 3);
        if first {
            assert_eq!(order[0], 3, "the canary first, the baseline behind it");
        } else {
            assert!(
                !order.contains(&3),
                "a canary is no reserve of the baseline"
            );
        }
    }
    assert!((40..80).contains(&on_canary), "{on_canary} of 200 at 30 %");
}

#[test]
fn a_request_goes_by_its_header_or_else_by_its_key_and_without_either_by_the_draw() {
    let header = Sticky::Header("x-user".into());
    let policy = with_keys(canary(header, 500_000, false), 200);
    let side = |key, unit, draw| {
        let mut asked = facts(key);
        asked.caller.unit = unit;
        rule(&policy, None, &asked, draw) == Rule::Canary
    };
    let by_user: Vec<bool> = (0..100)
        .map(|n| side(Some(2), Some(unit_of(&n.to_string())), 1))
        .collect();
    assert!(
        by_user.contains(&true) && by_user.contains(&false),
        "one key, many users"
    );
    let by_key: Vec<bool> = (2..100).map(|key| side(Some(key), None, 1)).collect();
    assert_eq!(
        by_key,
        (2..100)
            .map(|key| side(Some(key), None, 2))
            .collect::<Vec<_>>()
    );
    let drawn: Vec<bool> = (0..100).map(|draw| side(None, None, draw)).collect();
    assert!(drawn.contains(&true) && drawn.contains(&false));
}

#[test]
fn an_automatic_share_is_what_the_control_plane_says_and_nothing_without_it() {
    let policy = with_keys(canary(Sticky::Request, 50_000, true), 0);
    let mut known = scores(policy.snapshot());
    let share_of = |known: Option<&Scores>| {
        let is_canary = |draw: &u64| rule(&policy, known, &facts(None), *draw) == Rule::Canary;
        (0..4_000).filter(is_canary).count()
    };
    assert_eq!(share_of(Some(&known)), 0, "it has not said anything");
    known.canaries = vec![
        CanaryShare {
            model: BIG,
            share: Share(250_000),
        },
        CanaryShare {
            model: SMALL,
            share: Share::ALL,
        },
    ];
    assert!((900..1_100).contains(&share_of(Some(&known))));
    assert_eq!(share_of(None), 0, "nobody watches: nobody is tried on");
    known.snapshot.0 = "another".into();
    assert_eq!(share_of(Some(&known)), 0);
}

#[test]
fn a_canary_that_is_out_of_order_comes_after_the_baseline_and_is_better_than_nothing() {
    let mut snapshot = canary(Sticky::Request, 1_000_000, false);
    let policy = Policy::new(snapshot.clone()).unwrap();
    let mut known = scores(&snapshot);
    known.targets[3].circuit = Circuit::Open;
    let first = order(&policy, Some(&known), &facts(None), 0);
    assert!(first.len() == 3 && first[0] != 3, "{first:?}");
    for provider in snapshot.providers.iter_mut().take(3) {
        provider.drained = true;
    }
    snapshot.models[0].rules.canary.as_mut().unwrap().share = Share::NONE;
    let policy = Policy::new(snapshot).unwrap();
    assert_eq!(order(&policy, Some(&known), &facts(None), 0), [3]);
    assert_eq!(rule(&policy, None, &facts(None), 0), Rule::Canary);
}

#[test]
fn a_pin_is_exact_whatever_the_rules() {
    let mut snapshot = canary(Sticky::Request, 0, false);
    snapshot.models[0].rules.fallback = vec![SMALL];
    let policy = Policy::new(snapshot).unwrap();
    let mut pinned = facts(None);
    pinned.pin = Some(ProviderId(3));
    assert_eq!(order(&policy, None, &pinned, 0), [3]);
    assert_eq!(rule(&policy, None, &pinned, 0), Rule::Pin);
}

#[test]
fn fallbacks_follow_what_is_left_of_the_model() {
    let mut snapshot = with_fallback();
    snapshot.models[0].targets.truncate(2);
    let policy = Policy::new(snapshot.clone()).unwrap();
    assert_eq!(order(&policy, None, &facts(None), 0), [0, 1, 4]);
    assert_eq!(rule(&policy, None, &facts(None), 0), Rule::Static);
    // What is out of order comes after the fallback, and last of all still is tried.
    let mut known = scores(&snapshot);
    known.targets[0].circuit = Circuit::Open;
    assert_eq!(order(&policy, Some(&known), &facts(None), 0), [1, 4, 0]);
    known.targets[1].unavailable = true;
    let order = order(&policy, Some(&known), &facts(None), 0);
    assert_eq!(order[0], 4);
    assert_eq!(rule(&policy, Some(&known), &facts(None), 0), Rule::Fallback);
}

#[test]
fn three_that_work_leave_no_place_for_a_fallback() {
    let policy = Policy::new(with_fallback()).unwrap();
    assert_eq!(order(&policy, None, &facts(None), 0), [0, 1, 2]);
}

#[test]
fn a_fallback_needs_the_keys_grant_and_what_the_request_needs() {
    let mut snapshot = with_fallback();
    for provider in snapshot.providers.iter_mut().skip(1) {
        provider.drained = true;
    }
    snapshot.targets[4].provider = ProviderId(0);
    snapshot.keys[1].models = ModelGrant::Only(vec![BIG]);
    for target in snapshot.targets.iter_mut().take(4) {
        target.capabilities.tools = false;
    }
    let mut asked = facts(Some(0));
    asked.needs.tools = true;
    let policy = Policy::new(snapshot.clone()).unwrap();
    assert_eq!(
        order(&policy, None, &asked, 0),
        [4],
        "all of `big` is filtered"
    );
    asked.caller.key = Some(1);
    let refused = super::super::decide(&policy, None, &asked, 0);
    assert_eq!(refused, Err(NoTarget::Lacking(Capability::Tools)));
    snapshot.targets[4].capabilities.tools = false;
    asked.caller.key = Some(0);
    let refused = super::super::decide(&Policy::new(snapshot).unwrap(), None, &asked, 0);
    assert_eq!(refused, Err(NoTarget::Lacking(Capability::Tools)));
}

#[test]
fn a_drained_provider_gets_nothing_and_says_why() {
    let mut snapshot = demo();
    snapshot.providers[0].drained = true;
    let policy = Policy::new(snapshot.clone()).unwrap();
    assert_eq!(order(&policy, None, &facts(None), 0), [1, 2, 3]);
    let mut pinned = facts(None);
    pinned.pin = Some(ProviderId(0));
    let refused = super::super::decide(&policy, None, &pinned, 0);
    assert_eq!(refused, Err(NoTarget::Drained), "not even pinned");
    let mut asked = facts(None);
    asked.model = SMALL;
    let refused = super::super::decide(&policy, None, &asked, 0);
    assert_eq!(refused, Err(NoTarget::Drained));
    let explained = explain(&policy, None, &asked, 0).unwrap();
    assert_eq!(explained.candidates[0].removed_by, Some(Filter::Drained));
    // What it could not do anyway is no matter of the drain.
    snapshot.targets[4].capabilities.tools = false;
    asked.needs.tools = true;
    let refused = super::super::decide(&Policy::new(snapshot).unwrap(), None, &asked, 0);
    assert_eq!(refused, Err(NoTarget::Lacking(Capability::Tools)));
}

#[test]
fn weights_split_what_works_as_they_say() {
    let mut snapshot = demo();
    snapshot.models[0].rules.weights = vec![70, 20, 10, 0];
    let policy = Policy::new(snapshot).unwrap();
    let mut known = scores(policy.snapshot());
    let mut first = [0u32; 4];
    for draw in 0..10_000u64 {
        let order = order(&policy, Some(&known), &facts(None), draw);
        assert_eq!(order.len(), 3);
        first[usize::from(order[0])] += 1;
    }
    for (count, expected) in first.into_iter().zip([7_000u32, 2_000, 1_000, 0]) {
        assert!(count.abs_diff(expected) < 200, "{first:?}");
    }
    assert_eq!(rule(&policy, None, &facts(None), 3), Rule::Weighted);
    known.targets[0].unavailable = true;
    known.targets[1].circuit = Circuit::Open;
    known.targets[2].circuit = Circuit::Open;
    for draw in 0..100 {
        assert_eq!(
            order(&policy, Some(&known), &facts(None), draw)[0],
            3,
            "the reserve"
        );
    }
}

proptest! {
    /// Growing a share moves requests from the baseline to the canary, and never back.
    #[test]
    fn a_growing_share_never_moves_anyone_back(
        share in 0u32..=1_000_000, more in 0u32..=1_000_000, key in 0u32..40, draw in any::<u64>(),
    ) {
        let is_canary = |share: u32| {
            let policy = with_keys(canary(Sticky::Key, share.min(1_000_000), false), 40);
            rule(&policy, None, &facts(Some(key + 2)), draw) == Rule::Canary
        };
        prop_assert!(!is_canary(share) || is_canary(share + more));
    }

    /// Whatever the rules: what is explained is what is decided, nothing is tried twice, nothing that a
    /// filter removed is tried, and a tighter filter never admits more.
    #[test]
    fn rules_keep_the_filters_and_explain_themselves(
        share in 0u32..=1_000_000, weighted in any::<bool>(), split in any::<bool>(),
        drained in prop::collection::vec(any::<bool>(), 4), more in prop::collection::vec(any::<bool>(), 4),
        down in prop::collection::vec(any::<bool>(), 5), known in any::<bool>(), draw in any::<u64>(),
    ) {
        let mut snapshot = canary(Sticky::Key, share, false);
        snapshot.models[0].rules.fallback = vec![SMALL];
        if weighted {
            snapshot.models[0].rules.weights = vec![1, 2, 3, 4];
        }
        if split {
            snapshot.models[0].rules.canary = None;
        }
        let with = |drained: &[bool]| {
            let mut snapshot = snapshot.clone();
            for (provider, drained) in snapshot.providers.iter_mut().zip(drained) {
                provider.drained = *drained;
            }
            Policy::new(snapshot).unwrap()
        };
        let mut told = scores(&snapshot);
        for (target, down) in told.targets.iter_mut().zip(&down) {
            target.unavailable = *down;
        }
        let told = known.then_some(&told);
        let tighter: Vec<bool> = drained.iter().zip(&more).map(|(a, b)| *a || *b).collect();
        let admitted = |policy: &Policy| -> Vec<TargetId> {
            let decided = super::super::decide(policy, told, &facts(Some(0)), draw);
            let explained = explain(policy, told, &facts(Some(0)), draw).unwrap();
            let mut ranked: Vec<_> = explained.candidates.iter().filter(|c| c.rank.is_some()).collect();
            ranked.sort_by_key(|c| c.rank);
            let order: Vec<_> = decided.iter().flat_map(|d| d.targets().collect::<Vec<_>>()).collect();
            assert_eq!(ranked.iter().map(|c| c.target).collect::<Vec<_>>(), order);
            assert!(ranked.iter().all(|c| c.removed_by.is_none()));
            assert_eq!(explained.rule, decided.ok().map(|d| d.rule));
            assert_eq!(explained.candidates.len(), 5);
            let passing = explained.candidates.iter().filter(|c| c.removed_by.is_none());
            passing.map(|c| c.target).collect()
        };
        let (loose, tight) = (admitted(&with(&drained)), admitted(&with(&tighter)));
        prop_assert!(tight.iter().all(|t| loose.contains(t)), "{tight:?} of {loose:?}");
        let repeat = |policy: &Policy| super::super::decide(policy, told, &facts(Some(0)), draw);
        prop_assert_eq!(repeat(&with(&drained)), repeat(&with(&drained)), "same seed, same decision");
    }
}
