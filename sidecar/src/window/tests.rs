use super::*;

fn ok(ttft_us: u64, duration_us: u64) -> Sample {
    Sample {
        verdict: Verdict::Ok,
        ttft_us: Some(ttft_us),
        duration_us,
        output_tokens: 11,
        streamed: true,
        retry_after_ms: None,
    }
}

#[test]
fn samples_are_forgotten_second_by_second_and_the_ring_never_mixes_rounds() {
    let mut window = Window::default();
    for second in 0..95_u64 {
        let now = second * 1000 + 500;
        window.record(&ok(100_000, 300_000), now);
        let expected = (second + 1).min(30);
        assert_eq!(
            window.view(now, 30).verdicts.judged(),
            expected,
            "at {second}"
        );
        assert_eq!(window.view(now, 10).verdicts.judged(), (second + 1).min(10));
    }
    assert_eq!(window.view(94_999 + 29_000, 30).verdicts.judged(), 1);
    assert_eq!(window.view(95_000 + 29_000, 30).verdicts.judged(), 0);
}

#[test]
fn a_target_that_slept_a_whole_round_starts_afresh() {
    let mut window = Window::default();
    window.record(&ok(1_000, 2_000), 1_000);
    assert_eq!(
        window.view(31_000, 30).verdicts.judged(),
        0,
        "same slot, one round later"
    );
    window.record(&ok(1_000, 2_000), 31_000);
    assert_eq!(window.view(31_000, 30).verdicts.judged(), 1);
}

#[test]
fn the_pace_of_tokens_comes_from_streams_and_latency_from_successes_only() {
    let mut window = Window::default();
    window.record(&ok(100_000, 300_000), 10);
    window.record(
        &Sample {
            streamed: false,
            ..ok(900_000, 900_000)
        },
        20,
    );
    window.record(
        &Sample {
            verdict: Verdict::Timeout,
            ..ok(5_000_000, 5_000_000)
        },
        30,
    );
    let view = window.view(40, 30);
    assert!((view.tpot_ms().unwrap() - 20.0).abs() < 0.01);
    assert_eq!(view.output_tokens, 22);
    assert_eq!(view.latency.len(), 2);
    assert_eq!(
        view.ttft.len(),
        3,
        "what a timeout waited counts as time to first byte"
    );
    assert_eq!(view.newest, Some(30));
}

#[test]
fn attempts_that_wait_longer_than_usual_show_before_they_finish() {
    let mut window = Window::default();
    for i in 0..500 {
        window.record(&ok(100_000, 200_000), i * 20);
    }
    let usual = window.view(10_000, 10).ttft.quantile_ms(0.95).unwrap();
    assert!((95.0..105.0).contains(&usual), "{usual}");

    // One second of 50 requests per second that no longer get their first byte.
    let ages: Vec<u32> = (0..50).map(|i| i * 20).collect();
    let mut view = window.view(10_000, 10);
    view.add_waiting(&ages);
    let seen = view.ttft.quantile_ms(0.95).unwrap();
    assert!(seen > 300.0, "{seen}");

    let mut young = window.view(10_000, 10);
    let before = young.ttft.len();
    young.add_waiting(&[1, 20, 90]);
    assert_eq!(young.ttft.len(), before, "no older than usual says nothing");
}

#[test]
fn ten_times_as_slow_as_usual_opens_the_circuit_answered_or_not() {
    let usual = |count: u64| {
        let mut window = Window::default();
        for i in 0..count {
            window.record(&ok(100_000, 200_000), i * 20);
        }
        window
    };
    let slow = ok(1_000_000, 1_200_000);
    let opens = |mut window: Window| {
        for i in 0..8 {
            window.record(&slow, 20_000 + i);
        }
        window.breaker().circuit(20_010) == Circuit::Open
    };
    assert!(opens(usual(500)));
    assert!(!opens(usual(5)), "nothing is usual yet");

    let mut window = usual(500);
    window.waiting(&[600; 8], 15_000);
    assert_eq!(window.breaker().circuit(15_000), Circuit::Open);
    let mut window = usual(500);
    window.waiting(&[400; 8], 15_000);
    assert_eq!(window.breaker().circuit(15_000), Circuit::Closed);
}

#[test]
fn a_provider_that_says_when_to_come_back_is_left_alone_until_then() {
    let mut window = Window::default();
    let limited = Sample {
        verdict: Verdict::RateLimited,
        ttft_us: None,
        retry_after_ms: Some(7_000),
        ..ok(0, 1_000)
    };
    window.record(&limited, 1_000);
    assert_eq!(window.breaker().circuit(7_999), Circuit::Open);
    assert_eq!(window.breaker().circuit(8_000), Circuit::Closed);
}

fn failed() -> Sample {
    Sample {
        verdict: Verdict::ServerError,
        ttft_us: None,
        ..ok(0, 1_000)
    }
}

#[test]
fn an_outage_is_remembered_as_one_fault() {
    let mut window = Window::default();
    for _ in 0..500 {
        window.record(&failed(), 1_000);
    }
    assert_eq!(window.memory().judged(1_000), (1.0, 1.0));
    assert_eq!(window.view(1_000, 10).verdicts.faults(), 500);
}

#[test]
fn an_outage_is_as_bad_whatever_answers_come_between_its_first_failures() {
    // Answers to what was sent before it went down come among its first failures, by chance.
    for beginning in ["fff", "f.fff", "ff.fff", "ff.f.fff", "f.f.f.ff.fff"] {
        let mut window = Window::default();
        for i in 0..100 {
            window.record(&ok(100_000, 200_000), i * 10);
        }
        let mut answers = 100.0;
        for one in beginning.chars() {
            let sample = if one == 'f' {
                failed()
            } else {
                answers += 1.0;
                ok(100_000, 200_000)
            };
            window.record(&sample, 20_000);
        }
        assert_eq!(
            window.breaker().circuit(20_000),
            Circuit::Open,
            "{beginning}"
        );
        let (judged, faults) = window.memory().judged(20_000);
        assert!((faults - 1.0).abs() < 1e-3, "{beginning}: {faults}");
        // Some twenty seconds take a twentieth of the weight at most.
        let left = (answers * 0.95)..(answers + 1.1);
        assert!(left.contains(&judged), "{beginning}: {judged} of {answers}");
    }
}

#[test]
fn what_fails_now_and_then_is_remembered_each_time() {
    let mut window = Window::default();
    for i in 0..100 {
        let sample = if i % 10 == 9 {
            failed()
        } else {
            ok(100_000, 200_000)
        };
        window.record(&sample, 1_000 + i * 100);
    }
    assert_eq!(window.breaker().circuit(11_000), Circuit::Closed);
    let (_, faults) = window.memory().judged(11_000);
    assert!((faults - 10.0).abs() < 0.2, "{faults}");
}
