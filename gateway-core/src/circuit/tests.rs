use super::*;
use proptest::prelude::*;

const RULES: Rules = Rules {
    consecutive: 3,
    share: 0.5,
    least_outcomes: 10,
    least_slow: 4,
    cool_down_ms: 2_000,
    most_cool_down_ms: 10_000,
    most_retry_after_ms: 60_000,
    close_after: 2,
    untested_ms: 30_000,
};

fn after(outcomes: &[Outcome]) -> Breaker {
    let mut breaker = Breaker::default();
    for outcome in outcomes {
        breaker.record(*outcome, 900, 1_000, &RULES);
    }
    breaker
}

#[test]
fn it_opens_on_a_row_a_share_slowness_and_the_providers_word() {
    use Outcome::{Failed, Good, Limited, Slow};
    let mixed = [
        Good, Failed, Failed, Good, Good, Failed, Failed, Good, Good, Failed,
    ];
    for (outcomes, cause) in [
        (&[Failed, Failed][..], None),
        (&[Failed, Limited(None), Failed], Some(Cause::Consecutive)),
        (&[Failed, Failed, Good, Failed], None),
        (&mixed, Some(Cause::Failures)),
        (&[Slow; 3], None),
        (&[Slow; 4], Some(Cause::Slowness)),
        (&[Good, Good, Good, Slow, Slow, Slow], None),
        (&[Limited(Some(500))], Some(Cause::RetryAfter)),
    ] {
        let breaker = after(outcomes);
        assert_eq!(breaker.cause(), cause, "{outcomes:?}");
        let open = breaker.circuit(1_000) == Circuit::Open;
        assert_eq!(open, cause.is_some(), "{outcomes:?}");
    }
}

#[test]
fn old_outcomes_are_forgotten() {
    let mut breaker = Breaker::default();
    for i in 0..40 {
        breaker.record(Outcome::Slow, i * 5_000, i * 5_000, &RULES);
    }
    assert_eq!(breaker.circuit(200_000), Circuit::Closed);
}

#[test]
fn it_cools_down_longer_with_every_probe_that_fails_and_closes_after_good_ones() {
    let mut breaker = after(&[Outcome::Failed; 3]);
    let mut now = 1_000;
    for cool_down in [2_000, 4_000, 8_000, 10_000, 10_000] {
        assert_eq!(breaker.circuit(now + cool_down - 1), Circuit::Open);
        now += cool_down;
        assert_eq!(breaker.circuit(now), Circuit::HalfOpen);
        breaker.record(Outcome::Failed, now, now, &RULES);
    }
    now += 10_000;
    breaker.record(Outcome::Good, now, now + 5, &RULES);
    assert_eq!(breaker.circuit(now + 5), Circuit::HalfOpen);
    breaker.record(Outcome::Good, now, now + 6, &RULES);
    assert_eq!(breaker.circuit(now + 6), Circuit::Closed);
    for _ in 0..3 {
        breaker.record(Outcome::Failed, now + 6, now + 7, &RULES);
    }
    assert_eq!(
        breaker.circuit(now + 7 + 2_000),
        Circuit::HalfOpen,
        "the first cool-down again"
    );
    assert_eq!(breaker.opened(), 7);
}

#[test]
fn stragglers_of_the_time_before_are_no_probes() {
    let mut breaker = after(&[Outcome::Failed; 3]);
    breaker.record(Outcome::Slow, 900, 3_500, &RULES);
    assert_eq!(breaker.circuit(3_500), Circuit::HalfOpen);
    breaker.record(Outcome::Good, 2_999, 3_600, &RULES);
    breaker.record(Outcome::Good, 2_999, 3_600, &RULES);
    assert_eq!(breaker.circuit(3_600), Circuit::HalfOpen);
}

#[test]
fn the_providers_word_is_kept_within_reason() {
    let mut breaker = after(&[Outcome::Limited(Some(30_000))]);
    assert_eq!(breaker.circuit(30_999), Circuit::Open);
    breaker.record(Outcome::Limited(Some(1)), 1_000, 1_001, &RULES);
    assert_eq!(breaker.circuit(30_999), Circuit::Open, "never shortened");
    breaker.record(Outcome::Limited(Some(u64::MAX)), 1_000, 1_001, &RULES);
    assert_eq!(breaker.circuit(61_001), Circuit::Closed, "nothing to probe");
}

#[test]
fn half_open_and_untested_it_closes() {
    let breaker = after(&[Outcome::Failed; 3]);
    assert_eq!(breaker.circuit(32_999), Circuit::HalfOpen);
    assert_eq!(breaker.circuit(33_000), Circuit::Closed);
}

#[test]
fn what_waits_far_too_long_opens_it_before_it_ends() {
    let mut breaker = Breaker::default();
    breaker.overdue(3, 0, 1_000, &RULES);
    breaker.overdue(9, 9, 1_000, &RULES);
    assert_eq!(breaker.circuit(1_000), Circuit::Closed);
    breaker.overdue(10, 9, 1_000, &RULES);
    assert_eq!(breaker.cause(), Some(Cause::Slowness));
    breaker.overdue(1, 9, 3_100, &RULES);
    assert_eq!(breaker.circuit(3_100), Circuit::HalfOpen, "no probe yet");
    breaker.overdue(1, 9, 5_100, &RULES);
    assert_eq!(breaker.cause(), Some(Cause::Probe));
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Good),
        Just(Outcome::Slow),
        Just(Outcome::Failed),
        prop::option::of(0u64..100_000).prop_map(Outcome::Limited),
    ]
}

proptest! {
    /// Whatever has happened, a target is tried again within a minute, and two good probes close it.
    #[test]
    fn it_never_stays_shut(events in prop::collection::vec((outcome(), 0u64..5_000), 0..200)) {
        let mut breaker = Breaker::default();
        let mut now = 0;
        for (outcome, wait) in events {
            now += wait;
            breaker.record(outcome, now, now, &RULES);
        }
        now += RULES.most_retry_after_ms;
        prop_assert_ne!(breaker.circuit(now), Circuit::Open);
        for _ in 0..2 {
            breaker.record(Outcome::Good, now, now, &RULES);
        }
        prop_assert_eq!(breaker.circuit(now), Circuit::Closed);
    }
}
