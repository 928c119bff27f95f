use proptest::prelude::*;

use crate::capability::Needs;
use crate::compliance::{Assurance, Demand, NameSet, Requirement, Retention, Stated};
use crate::decide::{Decision, Facts, NoTarget, decide};
use crate::explain::{Filter, explain};
use crate::money::PriceBasis;
use crate::policy::Policy;
use crate::priority::Priority;
use crate::record::Rule;
use crate::score::{Scores, TargetScore};
use crate::snapshot::{ModelId, ProviderId, Snapshot};
use crate::testing::demo;

/// Provider `a` in region 0 keeps 30 days, `b` in region 1 keeps nothing, `c` in region 1 and `d` unknown.
fn assured() -> Snapshot {
    let mut snapshot = demo();
    let assurance = |region, certifications, retention| Assurance {
        region: NameSet(region),
        certifications: NameSet(certifications),
        retention,
    };
    let assured = [
        assurance(1, 3, Retention::Days30),
        assurance(2, 1, Retention::Zero),
        assurance(2, 2, Retention::Stored),
        Assurance::default(),
    ];
    for (provider, assurance) in snapshot.providers.iter_mut().zip(assured) {
        provider.assurance = assurance;
    }
    snapshot
}

fn facts(requires: Requirement, pin: Option<u16>) -> Facts<'static> {
    Facts {
        model: ModelId(0),
        priority: Priority::Standard,
        pin: pin.map(ProviderId),
        needs: Needs::default(),
        refused: &[],
        caller: crate::decide::Caller::default(),
        part: crate::decide::Part::All,
        requires,
        warm: None,
    }
}

fn in_region(set: u64) -> Requirement {
    Requirement {
        regions: Some(NameSet(set)),
        ..Requirement::default()
    }
}

fn measured(snapshot: &Snapshot) -> Scores {
    Scores {
        snapshot: snapshot.version.clone(),
        sequence: 1,
        targets: vec![TargetScore::default(); snapshot.targets.len()],
        ..Scores::default()
    }
}

fn order(decision: Result<Decision, NoTarget>) -> Result<Vec<u16>, NoTarget> {
    decision.map(|d| d.targets().map(|t| t.0).collect())
}

#[test]
fn nobody_else_is_tried_whatever_orders_the_targets() {
    let snapshot = assured();
    let scores = measured(&snapshot);
    let policy = Policy::new(snapshot).unwrap();
    let region = facts(in_region(2), None);
    assert_eq!(order(decide(&policy, None, &region, 1)), Ok(vec![1, 2]));
    for draw in 0..200 {
        let mut tried = order(decide(&policy, Some(&scores), &region, draw)).unwrap();
        tried.sort_unstable();
        assert_eq!(tried, [1, 2]);
    }
    let pinned = facts(in_region(2), Some(1));
    assert_eq!(order(decide(&policy, None, &pinned, 1)), Ok(vec![1]));
    for pin in [0, 3] {
        let pinned = decide(&policy, None, &facts(in_region(2), Some(pin)), 1);
        assert_eq!(order(pinned), Err(NoTarget::Compliance(Demand::Region)));
    }
}

#[test]
fn what_the_model_requires_comes_on_top() {
    let mut snapshot = assured();
    snapshot.models[0].requires = Stated {
        requirement: Requirement {
            retention: Retention::Days30,
            ..Requirement::default()
        },
        words: "the model: retention=days-30".into(),
    };
    let policy = Policy::new(snapshot).unwrap();
    let all = |requires| order(decide(&policy, None, &facts(requires, None), 1));
    assert_eq!(all(Requirement::default()), Ok(vec![0, 1]));
    assert_eq!(all(in_region(2)), Ok(vec![1]));
    let both = all(in_region(2).and(in_region(1)));
    assert_eq!(both, Err(NoTarget::Compliance(Demand::Region)));
}

#[test]
fn each_filter_is_shown_by_name() {
    let mut snapshot = assured();
    snapshot.targets[1].price = None;
    snapshot.targets[1].price_basis = PriceBasis::Denied;
    let policy = Policy::new(snapshot).unwrap();
    let required = Requirement {
        certifications: NameSet(1),
        ..Requirement::default()
    };
    let asked = facts(required, None);
    let removed = |asked: &Facts<'_>| {
        let explained = explain(&policy, None, asked, 1).unwrap();
        explained
            .candidates
            .iter()
            .map(|c| c.removed_by)
            .collect::<Vec<_>>()
    };
    let certification = Some(Filter::Compliance(Demand::Certification));
    let expected = [
        None,
        Some(Filter::UnknownPrice),
        certification,
        certification,
    ];
    assert_eq!(removed(&asked), expected);
    let json = serde_json::to_string(&expected).unwrap();
    assert!(json.contains(r#"{"compliance":"certification"}"#), "{json}");
    let region = Some(Filter::Compliance(Demand::Region));
    assert_eq!(removed(&facts(in_region(0), None)), [region; 4]);
}

#[test]
fn a_target_without_a_known_price_is_refused_by_that_name() {
    let mut snapshot = assured();
    for target in &mut snapshot.targets[..2] {
        target.price = None;
        target.price_basis = PriceBasis::Denied;
    }
    let policy = Policy::new(snapshot).unwrap();
    let all = |requires, pin| order(decide(&policy, None, &facts(requires, pin), 1));
    assert_eq!(all(Requirement::default(), None), Ok(vec![2, 3]));
    let nobody = Err(NoTarget::UnknownPrice);
    assert_eq!(all(Requirement::default(), Some(0)), nobody);
    assert_eq!(all(in_region(1), None), nobody, "its provider would do");
}

proptest! {
    #[test]
    fn tightening_never_admits_more(
        loose in crate::compliance::tests::requirements(),
        more in crate::compliance::tests::requirements(),
        of_model in crate::compliance::tests::requirements(),
        pin in prop::option::of(0u16..4),
        (known, draw) in (any::<bool>(), any::<u64>()),
    ) {
        let mut snapshot = assured();
        snapshot.models[0].requires.requirement = of_model;
        let scores = measured(&snapshot);
        let policy = Policy::new(snapshot).unwrap();
        let scores = known.then_some(&scores);
        let admitted = |requires| {
            let explained = explain(&policy, scores, &facts(requires, pin), draw).unwrap();
            let left = explained.candidates.iter().filter(|c| c.removed_by.is_none());
            left.map(|c| c.target).collect::<Vec<_>>()
        };
        let loosely = admitted(loose);
        for target in admitted(loose.and(more)) {
            prop_assert!(loosely.contains(&target));
        }
        // Nobody whom any of the requirements excludes is ever tried.
        if let Ok(decision) = decide(&policy, scores, &facts(loose, pin), draw) {
            prop_assert!(decision.rule != Rule::None);
            for target in decision.targets() {
                let provider = policy.target(target).unwrap().provider;
                let assurance = policy.provider(provider).unwrap().assurance;
                prop_assert_eq!(loose.and(of_model).unmet_by(&assurance), None);
            }
        }
    }
}
