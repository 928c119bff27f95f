use ark_gateway_core::record::Verdict;

use proptest::prelude::*;

use super::*;
use crate::window::Sample;

fn inputs(window: Option<&Window>) -> Inputs<'_> {
    Inputs {
        window,
        waiting_ms: &[],
        provider_waiting: None,
        gauges: None,
        reachability: Reachability::default(),
        max_in_flight: 100,
        metered: 0.0,
        rate_per_s: 10.0,
    }
}

fn attempts(verdicts: &[(Verdict, u64)], now: Ms) -> Window {
    let mut window = Window::default();
    for (verdict, count) in verdicts {
        for _ in 0..*count {
            let sample = Sample {
                verdict: *verdict,
                ttft_us: (*verdict == Verdict::Ok).then_some(100_000),
                duration_us: 200_000,
                output_tokens: 11,
                streamed: true,
                retry_after_ms: None,
            };
            window.record(&sample, now);
        }
    }
    window
}

#[test]
fn nothing_measured_is_nothing_known_and_worth_exploring() {
    let unknown = TargetScore {
        explore: 1.0,
        unseen: true,
        ..TargetScore::default()
    };
    assert_eq!(assess(&inputs(None), 5_000), unknown);
    let few = attempts(&[(Verdict::Ok, 19)], 1_000);
    assert_eq!(assess(&inputs(Some(&few)), 5_999).explore, 1.0);
    assert!(!assess(&inputs(Some(&few)), 5_999).unseen, "it was seen");
    let fewer = attempts(&[(Verdict::Ok, 4)], 1_000);
    assert!(assess(&inputs(Some(&fewer)), 900_000).unseen);
    let window = attempts(&[(Verdict::Ok, 20)], 1_000);
    let fresh = assess(&inputs(Some(&window)), 5_999);
    assert_eq!((fresh.explore, fresh.hoped_ttft_ms), (0.0, None));
    // What is old is not forgotten: it is what is expected, and what may have become better.
    for now in [6_000, 40_000] {
        let stale = assess(&inputs(Some(&window)), now);
        assert_eq!(stale.explore, 1.0);
        assert!(stale.ttft_ms.is_some() && stale.hoped_ttft_ms.is_some());
        assert_eq!(stale.hoped_failure_rate, stale.failure_rate, "none failed");
    }
}

#[test]
fn a_slowed_target_is_hoped_to_be_as_it_used_to_be() {
    let mut window = attempts(&[(Verdict::Ok, 400)], 1_000);
    for i in 0..40 {
        let slow = Sample {
            verdict: Verdict::Ok,
            ttft_us: Some(400_000),
            duration_us: 500_000,
            output_tokens: 11,
            streamed: true,
            retry_after_ms: None,
        };
        window.record(&slow, 20_000 + i);
    }
    let stale = assess(&inputs(Some(&window)), 28_000);
    assert!(
        (390.0..410.0).contains(&stale.ttft_ms.unwrap()),
        "its last word"
    );
    assert!((95.0..105.0).contains(&stale.hoped_ttft_ms.unwrap()));
    assert_eq!(stale.explore, 1.0);
}

#[test]
fn a_few_good_answers_outweigh_what_is_remembered_as_they_become_more() {
    let mut window = attempts(&[(Verdict::Ok, 40)], 1_000);
    let record = |window: &mut Window, ttft_us, n, at| {
        for i in 0..n {
            let sample = Sample {
                verdict: Verdict::Ok,
                ttft_us: Some(ttft_us),
                duration_us: 2 * ttft_us,
                output_tokens: 11,
                streamed: true,
                retry_after_ms: None,
            };
            window.record(&sample, at + i);
        }
    };
    record(&mut window, 1_000_000, 60, 2_000);
    let usual = assess(&inputs(Some(&window)), 3_000).ttft_ms.unwrap();
    assert!(usual > 900.0, "{usual}");
    // It is well again, and a request finds out now and then.
    let mut last = usual;
    for (n, at) in [(5, 40_000), (5, 45_000), (10, 49_000)] {
        record(&mut window, 100_000, n, at);
        let told = assess(&inputs(Some(&window)), at + 20).ttft_ms.unwrap();
        assert!(told < last, "{told} after {last}");
        last = told;
    }
    assert!(last < 120.0, "{last}");
}

#[test]
fn a_half_open_circuit_gets_probes_by_the_second_not_by_the_share() {
    let window = attempts(&[(Verdict::ServerError, 3)], 1_000);
    let explore = |rate_per_s, now| {
        let inputs = Inputs {
            rate_per_s,
            ..inputs(Some(&window))
        };
        let score = assess(&inputs, now);
        (score.circuit, score.explore)
    };
    assert_eq!(explore(10.0, 2_999), (Circuit::Open, 0.0));
    assert_eq!(explore(10.0, 3_000), (Circuit::HalfOpen, MOST_PROBING));
    let (_, busy) = explore(1_000.0, 3_000);
    assert!((busy * 1_000.0 * USUAL_EXPLORATION - PROBES_PER_S).abs() < 1e-3);
}

#[test]
fn what_is_used_up_of_the_rate_limits_is_load() {
    let metered = Inputs {
        metered: 0.7,
        ..inputs(None)
    };
    let score = assess(&metered, 1_000);
    assert_eq!((score.metered, score.utilisation), (Some(0.7), None));
}

#[test]
fn a_failure_weighs_by_how_much_is_known() {
    let rate = |verdicts: &[(Verdict, u64)]| {
        let window = attempts(verdicts, 1_000);
        assess(&inputs(Some(&window)), 1_000).failure_rate.unwrap()
    };
    use Verdict::{Abandoned, ClientError, Ok, Overloaded, ServerError};
    let few = rate(&[(Ok, 10)]);
    let many = rate(&[(Ok, 5_000)]);
    assert_eq!((few, many), (0.0, 0.0), "nothing speaks against either");
    let one = rate(&[(ServerError, 1)]);
    assert!((0.2..0.35).contains(&one), "{one}: one of one");
    let one_of_many = rate(&[(Ok, 999), (ServerError, 1)]);
    assert!((0.000_4..0.001_2).contains(&one_of_many), "{one_of_many}");
    let tenth = rate(&[(Ok, 450), (Overloaded, 50)]);
    assert!((0.08..0.11).contains(&tenth), "{tenth}");
    assert!(rate(&[(ServerError, 80)]) > 0.9);
    assert!(rate(&[(ClientError, 10), (Abandoned, 50)]) < 0.02);
    let abandoned = attempts(&[(Abandoned, 50)], 1_000);
    assert_eq!(assess(&inputs(Some(&abandoned)), 1_000).failure_rate, None);
}

#[test]
fn old_successes_do_not_hide_a_fresh_outage() {
    let mut window = attempts(&[(Verdict::Ok, 700)], 1_000);
    let failed = Sample {
        verdict: Verdict::Unreachable,
        ttft_us: None,
        duration_us: 1_000,
        output_tokens: 0,
        streamed: false,
        retry_after_ms: None,
    };
    for _ in 0..80 {
        window.record(&failed, 8_000);
    }
    let rate = assess(&inputs(Some(&window)), 8_200).failure_rate.unwrap();
    assert!(rate > 0.9, "{rate}");
    assert_eq!(window.breaker().circuit(8_200), Circuit::Open);
}

#[test]
fn what_waits_too_long_shows_at_once_even_without_a_finished_attempt() {
    let slow = Inputs {
        waiting_ms: &[1_000, 2_000],
        ..inputs(None)
    };
    let seen = assess(&slow, 5_000).ttft_ms.unwrap();
    assert!((1_900.0..2_100.0).contains(&seen), "{seen}");
}

#[test]
fn the_fast_samples_of_the_last_seconds_do_not_wait_for_the_long_window() {
    let mut window = attempts(&[(Verdict::Ok, 2_000)], 1_000);
    for i in 0..40 {
        let slow = Sample {
            verdict: Verdict::Ok,
            ttft_us: Some(1_000_000),
            duration_us: 2_000_000,
            output_tokens: 0,
            streamed: false,
            retry_after_ms: None,
        };
        window.record(&slow, 8_000 + i);
    }
    let seen = assess(&inputs(Some(&window)), 8_200).ttft_ms.unwrap();
    assert!((970.0..1_030.0).contains(&seen), "{seen}");
}

#[test]
fn envoy_is_believed_while_its_word_is_fresh_then_the_workers_are() {
    let gauges = Gauges {
        active: 50,
        healthy: 0,
        total: 1,
        at: 1_000,
    };
    let both = Inputs {
        gauges: Some(gauges),
        provider_waiting: Some(7),
        ..inputs(None)
    };
    let fresh = assess(&both, 4_500);
    assert_eq!((fresh.utilisation, fresh.unavailable), (Some(0.5), true));
    let stale = assess(&both, 4_501);
    assert_eq!((stale.utilisation, stale.unavailable), (Some(0.07), false));
    assert!(explain(&both, stale, 4_501).hosts.unwrap().stale);
    let empty = Gauges { total: 0, ..gauges };
    let resolving = Inputs {
        gauges: Some(empty),
        ..inputs(None)
    };
    assert!(
        !assess(&resolving, 1_000).unavailable,
        "no host yet is not an unhealthy host"
    );
}

#[test]
fn a_lost_provider_is_lost_for_all_its_models_and_its_pace_is_not_shared() {
    let lost = Reachability {
        judged: 80,
        faults: 80,
    };
    let sibling = assess(
        &Inputs {
            reachability: lost,
            ..inputs(None)
        },
        1_000,
    );
    assert!(sibling.failure_rate.unwrap() > 0.9);
    assert_eq!(sibling.ttft_ms, None);
    let fine = Reachability {
        judged: 80,
        faults: 0,
    };
    let sibling = assess(
        &Inputs {
            reachability: fine,
            ..inputs(None)
        },
        1_000,
    );
    assert_eq!(sibling.failure_rate, None);
}

#[test]
fn noise_is_no_news() {
    let told = TargetScore {
        ttft_ms: Some(100.0),
        tpot_ms: Some(20.0),
        failure_rate: Some(0.01),
        utilisation: Some(0.3),
        ..TargetScore::default()
    };
    assert!(!differs(
        &told,
        &TargetScore {
            ttft_ms: Some(105.0),
            ..told
        }
    ));
    assert!(!differs(
        &told,
        &TargetScore {
            utilisation: Some(0.315),
            ..told
        }
    ));
    assert!(differs(
        &told,
        &TargetScore {
            ttft_ms: Some(107.0),
            ..told
        }
    ));
    assert!(differs(
        &told,
        &TargetScore {
            ttft_ms: None,
            ..told
        }
    ));
    assert!(differs(
        &told,
        &TargetScore {
            failure_rate: Some(0.02),
            ..told
        }
    ));
    assert!(differs(
        &told,
        &TargetScore {
            unavailable: true,
            ..told
        }
    ));
}

proptest! {
    /// However much is known: who never failed is as good as who never failed, one failure more is never
    /// better, and one success more never worse.
    #[test]
    fn doubt_counts_only_where_failures_give_a_reason(
        few in 1u16..3_000, more in 0u16..3_000, faults in 1u16..300,
    ) {
        let [few, more, faults] = [few, more, faults].map(f32::from);
        prop_assert_eq!(bounded((few, 0.0)), Some(0.0));
        prop_assert_eq!(bounded((few + more, 0.0)), Some(0.0));
        let rate = |judged: f32, faults: f32| bounded((judged + faults, faults)).unwrap();
        prop_assert!(rate(few, faults) > 0.0);
        prop_assert!(rate(few, faults + 1.0) > rate(few, faults));
        prop_assert!(rate(few + more, faults) <= rate(few, faults) + 1e-6);
        // It is still the careful end of what is known, but for what is owed to the prior.
        let share = faults / (few + faults + PRIOR_SUCCESSES);
        prop_assert!(rate(few, faults) >= share, "{} of {share}", rate(few, faults));
    }
}
