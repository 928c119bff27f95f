use ark_gateway_core::record::Verdict;

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
            };
            window.record(&sample, now);
        }
    }
    window
}

#[test]
fn nothing_measured_is_nothing_known() {
    assert_eq!(assess(&inputs(None), 5_000), TargetScore::default());
    let window = attempts(&[(Verdict::Ok, 5)], 1_000);
    assert!(assess(&inputs(Some(&window)), 30_999).ttft_ms.is_some());
    assert_eq!(
        assess(&inputs(Some(&window)), 31_000),
        TargetScore::default()
    );
}

#[test]
fn a_failure_weighs_by_how_much_is_known() {
    let rate = |verdicts: &[(Verdict, u64)]| {
        assess(&inputs(Some(&attempts(verdicts, 1_000))), 1_000).failure_rate
    };
    let near = |got: Option<f32>, want: f32| {
        assert!((got.unwrap() - want).abs() < 0.001, "{got:?}, not {want}");
    };
    near(rate(&[(Verdict::ServerError, 1)]), 1.0 / 21.0);
    near(rate(&[(Verdict::ServerError, 80)]), 0.8);
    near(rate(&[(Verdict::Ok, 80)]), 0.0);
    near(rate(&[(Verdict::Ok, 70), (Verdict::Overloaded, 10)]), 0.1);
    near(
        rate(&[(Verdict::ClientError, 10), (Verdict::Abandoned, 50)]),
        0.0,
    );
    assert_eq!(rate(&[(Verdict::Abandoned, 50)]), None);
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
    };
    for _ in 0..80 {
        window.record(&failed, 8_000);
    }
    let rate = assess(&inputs(Some(&window)), 8_200).failure_rate.unwrap();
    assert!((rate - 0.8).abs() < 0.001, "{rate}");
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
    assert!(sibling.failure_rate.unwrap() > 0.7);
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
        unavailable: false,
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
