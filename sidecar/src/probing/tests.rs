use ark_gateway_core::money::MicroUsdPerMillion;
use proptest::prelude::*;

use super::*;

fn key() -> TargetKey {
    ("own".to_owned(), "m".to_owned())
}

fn idle(budget_per_day: Option<u64>, price: Option<u64>) -> Candidate {
    Candidate {
        config: ProbeConfig {
            every_s: 10,
            per_day: 1_000,
            budget_per_day: budget_per_day.map(MicroUsd),
        },
        price: price.map(|per_million| {
            Price::flat(
                MicroUsdPerMillion(per_million),
                MicroUsdPerMillion(per_million),
            )
        }),
        circuit: Circuit::Closed,
        newest: None,
        is_asked: false,
    }
}

fn today() -> Date {
    Date::parse("2026-01-01").unwrap()
}

/// How many probes of a target there are in so many seconds, each ending at once.
fn probes(target: &Candidate, seconds: u64) -> u64 {
    let mut probing = Probing::default();
    let due = (0..seconds * 4).filter(|tick| {
        let verdict = probing.wants(&key(), target, tick * 250);
        probing.ended(&key());
        verdict == Verdict::Due
    });
    due.count() as u64
}

#[test]
fn an_idle_target_is_asked_as_often_as_said_and_a_busy_one_never() {
    let target = idle(None, None);
    assert_eq!(probes(&target, 100), 10);
    let asked = Candidate {
        is_asked: true,
        ..target
    };
    assert_eq!(probes(&asked, 100), 0);
    let mut probing = Probing::default();
    let busy = Candidate {
        newest: Some(95_000),
        ..target
    };
    assert_eq!(probing.wants(&key(), &busy, 100_000), Verdict::NotDue);
    assert_eq!(probing.wants(&key(), &busy, 105_000), Verdict::Due);
}

#[test]
fn a_half_open_circuit_is_asked_each_second_and_an_open_one_never() {
    let at = |circuit| Candidate {
        circuit,
        newest: Some(0),
        ..idle(None, None)
    };
    assert_eq!(probes(&at(Circuit::HalfOpen), 20), 20);
    assert_eq!(probes(&at(Circuit::Open), 100), 0);
}

#[test]
fn only_one_probe_of_a_target_runs_and_a_lost_one_is_given_up() {
    let (mut probing, target) = (Probing::default(), idle(None, None));
    assert_eq!(probing.wants(&key(), &target, 0), Verdict::Due);
    assert_eq!(probing.wants(&key(), &target, LOST_MS - 1), Verdict::NotDue);
    assert_eq!(probing.wants(&key(), &target, LOST_MS), Verdict::Due);
}

#[test]
fn a_budget_ends_probes_for_the_day_and_says_so_once() {
    let mut target = idle(Some(1_000), Some(1_000_000));
    let mut probing = Probing::default();
    probing.tidy(today(), |_| true);
    let verdicts = |probing: &mut Probing, target: &Candidate, from: u64| {
        let one = |n: u64| {
            let verdict = probing.wants(&key(), target, from + n * 10_000);
            probing.ended(&key());
            verdict
        };
        (0..9).map(one).collect::<Vec<_>>()
    };
    // 144 micro-USD each at most: six fit.
    let first = verdicts(&mut probing, &target, 0);
    assert_eq!(first.iter().filter(|v| **v == Verdict::Due).count(), 6);
    assert_eq!(first.get(6), Some(&Verdict::OverBudget(true)));
    assert_eq!(first.get(7), Some(&Verdict::OverBudget(false)));
    probing.tidy(Date::parse("2026-01-02").unwrap(), |_| true);
    assert_eq!(verdicts(&mut probing, &target, 100_000)[0], Verdict::Due);
    // One that has cost far more than it was taken to leaves room for no other.
    probing.tidy(today(), |_| true);
    assert_eq!(verdicts(&mut probing, &target, 200_000)[0], Verdict::Due);
    probing.charged("own", Some(MicroUsd(5_000)), target.price);
    assert_eq!(
        verdicts(&mut probing, &target, 300_000)[0],
        Verdict::OverBudget(false)
    );
    target.price = None;
    probing.tidy(Date::parse("2026-01-03").unwrap(), |_| true);
    let unknown = verdicts(&mut probing, &target, 400_000);
    assert!(
        !unknown.contains(&Verdict::Due),
        "an unknown price is never zero"
    );
}

#[test]
fn what_is_no_target_any_more_is_forgotten() {
    let (mut probing, target) = (Probing::default(), idle(None, None));
    assert_eq!(probing.wants(&key(), &target, 0), Verdict::Due);
    probing.tidy(today(), |_| false);
    assert!(probing.turns.is_empty());
}

proptest! {
    /// Whatever happens, a day's probes never cost more than its budget by what they are taken to cost.
    #[test]
    fn a_budget_is_kept(
        budget in 0_u64..100_000,
        price in 0_u64..100_000_000,
        pauses in prop::collection::vec(0_u64..60_000, 1..100),
    ) {
        let target = idle(Some(budget), Some(price));
        let (mut probing, mut now, mut spent) = (Probing::default(), 0, 0);
        for pause in pauses {
            now += pause;
            if probing.wants(&key(), &target, now) == Verdict::Due {
                spent += worst(target.price).0;
            }
            probing.ended(&key());
        }
        prop_assert!(spent <= budget);
    }
}
