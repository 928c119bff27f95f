use super::*;
use crate::capability::Needs;
use crate::circuit::Circuit;
use crate::snapshot::{ModelId, ProviderId};
use crate::testing::demo;
use proptest::prelude::*;

fn measured() -> impl Strategy<Value = TargetScore> {
    let rates = (prop::option::of(0.0f32..0.5), prop::option::of(0.0f32..1.2));
    let circuit = prop_oneof![
        4 => Just(Circuit::Closed),
        1 => Just(Circuit::HalfOpen),
        1 => Just(Circuit::Open)
    ];
    (
        prop::option::of(50.0f32..5_000.0),
        rates,
        any::<bool>(),
        circuit,
        0.0f32..5.0,
    )
        .prop_map(
            |(ttft_ms, (failure_rate, utilisation), unavailable, circuit, explore)| TargetScore {
                ttft_ms,
                tpot_ms: Some(10.0),
                failure_rate,
                utilisation,
                unavailable,
                circuit,
                explore,
                metered: None,
                hoped_ttft_ms: ttft_ms.map(|ms| ms / 3.0),
                hoped_failure_rate: Some(0.001),
                unseen: explore > 2.0,
            },
        )
}

fn facts(priority: Priority, pin: Option<u16>, tools: bool) -> Facts<'static> {
    Facts {
        model: ModelId(0),
        priority,
        pin: pin.map(ProviderId),
        needs: Needs {
            tools,
            input_tokens: 700,
            ..Needs::default()
        },
        refused: &[TargetId(3)],
        caller: crate::decide::Caller::default(),
        part: crate::decide::Part::All,
        requires: Requirement::default(),
        warm: None,
    }
}

fn policy() -> Policy {
    let mut snapshot = demo();
    snapshot.targets[1].capabilities.tools = false;
    Policy::new(snapshot).unwrap()
}

proptest! {
    /// What is explained is what is decided: the ranks are the order, the removed are not in it, and
    /// the first is one whose odds or exploration are above 0.
    #[test]
    fn it_agrees_with_the_decision(
        targets in prop::collection::vec(measured(), 5), which in 0usize..3,
        pin in prop::option::of(0u16..4), tools in any::<bool>(), known in any::<bool>(),
        draw in any::<u64>(),
    ) {
        let policy = policy();
        let scores = Scores {
            snapshot: policy.snapshot().version.clone(),
            sequence: 9,
            targets,
            ..Scores::default()
        };
        let asked = facts(Priority::ALL[which], pin, tools);
        let scores = known.then_some(&scores);
        let decided = decide(&policy, scores, &asked, draw);
        let explained = explain(&policy, scores, &asked, draw).unwrap();
        prop_assert_eq!(explained.refused, decided.err());
        let mut ranked: Vec<_> = explained.candidates.iter().filter(|c| c.rank.is_some()).collect();
        ranked.sort_by_key(|c| c.rank);
        let order: Vec<_> = ranked.iter().map(|c| c.target).collect();
        let expected: Vec<_> = decided.iter().flat_map(|d| d.targets().collect::<Vec<_>>()).collect();
        prop_assert_eq!(order, expected);
        prop_assert_eq!(explained.rule, decided.ok().map(|d| d.rule));
        for candidate in &explained.candidates {
            prop_assert!(candidate.removed_by.is_none() || candidate.rank.is_none());
            prop_assert!(candidate.removed_by.is_none() || candidate.scored.is_none());
        }
        if let Some(first) = ranked.first().and_then(|c| c.scored.as_ref()) {
            match explained.rule {
                Some(Rule::Explore) => prop_assert!(first.exploration > 0.0),
                _ => prop_assert!(first.odds > 0.0),
            }
            let odds: f32 = explained.candidates.iter().flat_map(|c| &c.scored).map(|s| s.odds).sum();
            prop_assert!((odds - 1.0).abs() < 1e-4, "{odds}");
        }
        prop_assert!(serde_json::to_string(&explained).unwrap().contains("0123456789ab"));
    }
}

#[test]
fn the_odds_are_the_shares_that_decisions_come_to() {
    let policy = policy();
    let known = |ttft_ms, failure_rate| TargetScore {
        ttft_ms: Some(ttft_ms),
        tpot_ms: Some(2.0),
        failure_rate: Some(failure_rate),
        utilisation: Some(0.1),
        ..TargetScore::default()
    };
    let scores = Scores {
        snapshot: policy.snapshot().version.clone(),
        sequence: 1,
        targets: vec![
            known(100.0, 0.0005),
            known(1_100.0, 0.0004),
            known(1_700.0, 0.0003),
            known(100.0, 0.0),
            known(1.0, 0.0),
        ],
        ..Scores::default()
    };
    let asked = facts(Priority::Critical, None, false);
    let mut first = [0u32; 5];
    for draw in 0..20_000 {
        let decision = decide(&policy, Some(&scores), &asked, draw).unwrap();
        first[usize::from(decision.targets().next().unwrap().0)] += 1;
    }
    let explained = explain(&policy, Some(&scores), &asked, 0).unwrap();
    for (candidate, count) in explained.candidates.iter().zip(first) {
        let odds = candidate.scored.as_ref().map_or(0.0, |s| s.odds);
        let share = count as f32 / 20_000.0;
        assert!((share - odds).abs() < 0.015, "{share} for {odds}");
    }
    assert_eq!(explained.candidates[3].removed_by, Some(Filter::Dialect));
}

#[test]
fn in_short_it_fits_into_a_header_and_says_what_it_left_out() {
    let policy = policy();
    let scores = Scores {
        snapshot: policy.snapshot().version.clone(),
        sequence: 9,
        targets: vec![TargetScore::default(); 5],
        ..Scores::default()
    };
    let asked = facts(Priority::Batch, None, true);
    let explained = explain(&policy, Some(&scores), &asked, 255).unwrap();
    let whole = serde_json::to_value(Compact::new(&explained, 16)).unwrap();
    assert_eq!(whole["draw"], "00000000000000ff");
    assert_eq!(whole["scores"], 9);
    let candidates = whole["candidates"].as_array().unwrap();
    let ranks: Vec<_> = candidates.iter().map(|c| c["rank"].as_u64()).collect();
    assert_eq!(ranks, [Some(1), Some(2), None, None]);
    let removed: Vec<_> = candidates
        .iter()
        .filter_map(|c| c["removed"].as_str())
        .collect();
    assert_eq!(removed, ["tools", "dialect"]);
    assert!(whole.get("more").is_none());
    let text = serde_json::to_string(&Compact::new(&explained, 1)).unwrap();
    assert!(text.contains(r#""more":3"#) && text.len() < 600, "{text}");
    assert!(!text.contains('\n'));
}

#[test]
fn what_is_sent_besides_is_explained_where_there_is_room_for_it() {
    use crate::snapshot::{HedgeSpec, ShadowSpec};
    let explained = |score: TargetScore, priority: Priority| {
        let mut snapshot = demo();
        let model = &mut snapshot.models[0];
        let copied = model.targets.remove(2);
        model.hedge = Some(HedgeSpec {
            after_ms: None,
            at_least_ms: 200,
            budget: 0.05,
            priorities: vec![Priority::Critical],
        });
        model.shadow = Some(ShadowSpec {
            target: copied,
            share: 0.1,
            priorities: vec![Priority::Batch],
            body_limit_bytes: 1_000,
        });
        let policy = Policy::new(snapshot).unwrap();
        let scores = Scores {
            snapshot: policy.snapshot().version.clone(),
            targets: vec![score; 5],
            ..Scores::default()
        };
        let asked = facts(priority, None, false);
        explain_whole(&policy, Some(&scores), &asked, 0).unwrap()
    };
    let well = TargetScore {
        ttft_ms: Some(350.0),
        tpot_ms: Some(1.0),
        ..TargetScore::default()
    };
    let critical = explained(well, Priority::Critical);
    let hedge = critical.hedge.unwrap();
    assert_eq!((hedge.after_ms, hedge.skipped), (Some(350), None));
    let second = critical.candidates.iter().find(|c| c.rank == Some(2));
    assert_eq!(hedge.provider, second.map(|c| c.provider.clone()));
    let shadow = critical.shadow.unwrap();
    assert_eq!((shadow.share, shadow.skipped), (0.0, None));
    let batch = explained(well, Priority::Batch);
    assert!(batch.hedge.is_none(), "not of its priority");
    assert!((batch.shadow.unwrap().share - 0.1).abs() < 1e-6);
    let full = TargetScore {
        utilisation: Some(0.9),
        ..well
    };
    let busy = explained(full, Priority::Critical);
    assert_eq!(
        busy.hedge.unwrap().skipped,
        Some(crate::hedge::Skip::NoTarget)
    );
    let skipped = busy.shadow.unwrap().skipped;
    assert_eq!(skipped, Some(crate::shadow::Skip::Limited));
}
