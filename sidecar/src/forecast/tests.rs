use proptest::prelude::*;

use super::*;

/// Feeds tokens per bin, and gives back the forecaster at the end.
fn fed(bins: impl Iterator<Item = u64>, unix_ms: u64) -> Forecaster {
    let mut forecaster = Forecaster::new(unix_ms);
    for (n, tokens) in (0..).zip(bins) {
        forecaster.add(tokens, n * BIN_MS + 5_000);
    }
    forecaster
}

fn next(forecaster: &Forecaster) -> f64 {
    forecaster
        .forecast(Horizon::Next)
        .unwrap()
        .tokens_per_minute
}

#[test]
fn a_steady_demand_goes_on() {
    let forecaster = fed((0..200).map(|_| 1_000), 0);
    for horizon in Horizon::ALL {
        let forecast = forecaster.forecast(horizon).unwrap();
        assert!(
            (forecast.tokens_per_minute - 6_000.0).abs() < 1.0,
            "{forecast:?}"
        );
        let errors = forecaster.errors(horizon).unwrap();
        assert!(errors.mape < 1e-6 && errors.wape < 1e-6, "{errors:?}");
    }
    assert!((forecaster.last_minute() - 6_000.0).abs() < 1.0);
}

#[test]
fn nothing_is_said_before_there_is_something_to_go_by() {
    assert_eq!(Forecaster::new(0).forecast(Horizon::Next), None);
    let few = fed((0..2).map(|_| 10), 0);
    assert_eq!(few.forecast(Horizon::Next), None);
    assert_eq!(few.errors(Horizon::Next), None);
}

#[test]
fn a_ramp_is_seen_ahead_of_what_was_measured() {
    // 100 more per bin in each bin: 600 more per minute in each minute, six times over.
    let forecaster = fed((0..240).map(|n| 1_000 + 100 * n), 0);
    let measured = forecaster.last_minute();
    let (soon, later) = (
        next(&forecaster),
        forecaster
            .forecast(Horizon::Fifth)
            .unwrap()
            .tokens_per_minute,
    );
    let actual = |from: u64| (from..from + 6).map(|n| 1_000 + 100 * n).sum::<u64>() as f64;
    assert!(soon > measured, "{soon} after {measured}");
    assert!(
        (soon / actual(239) - 1.0).abs() < 0.03,
        "{soon} of {}",
        actual(239)
    );
    assert!(
        (later / actual(263) - 1.0).abs() < 0.06,
        "{later} of {}",
        actual(263)
    );
}

#[test]
fn noise_is_not_taken_for_a_trend() {
    // A busy bin in every six, wherever the minute begins.
    let forecaster = fed((0..400).map(|n| if n % 6 == 0 { 6_000 } else { 0 }), 0);
    let soon = next(&forecaster);
    assert!((5_000.0..7_000.0).contains(&soon), "{soon}");
}

#[test]
fn the_upper_bound_holds_nine_times_of_ten() {
    // The golden ratio's fractions: even, and without a pattern.
    let noise = (1..4_000_u64).map(|n| (n as f64 * 0.618_034).fract() * 2_000.0);
    let forecaster = fed(noise.map(|tokens| tokens as u64), 0);
    let errors = forecaster.errors(Horizon::Next).unwrap();
    assert!((0.85..0.95).contains(&errors.covered), "{errors:?}");
}

#[test]
fn a_day_that_was_seen_is_known_the_day_after() {
    // Busy by day, quiet by night, changing within minutes at eight and at twenty o'clock.
    let day = 8_640;
    let busy = |bin: u64| (2_880..7_200).contains(&(bin % day));
    let bins = |count: u64| (0..count).map(move |n| if busy(n) { 5_000 } else { 500 });
    let midnight = 1_767_225_600_000;
    // Two days and until three minutes before eight o'clock.
    let forecaster = fed(bins(2 * day + 2_880 - 18), midnight);
    let fifth = forecaster
        .forecast(Horizon::Fifth)
        .unwrap()
        .tokens_per_minute;
    assert!(fifth > 20_000.0, "{fifth}: the morning comes");
    let first_day = fed(bins(2_880 - 18), midnight);
    let fifth = first_day
        .forecast(Horizon::Fifth)
        .unwrap()
        .tokens_per_minute;
    assert!(fifth < 5_000.0, "{fifth}: nobody could know");
}

#[test]
fn a_long_silence_is_forgotten_and_costs_nothing() {
    let mut forecaster = fed((0..100).map(|_| 1_000), 0);
    forecaster.advance(3_600_000);
    assert!(
        next(&forecaster) < 100.0,
        "it has been quiet for most of an hour"
    );
    forecaster.advance(u64::MAX / 2);
    assert_eq!(forecaster.forecast(Horizon::Next), None);
    forecaster.add(5, u64::MAX / 2 + 1);
}

proptest! {
    /// Whatever is asked for and whenever, forecasts are finite and not negative, and the same comes out
    /// twice.
    #[test]
    fn any_series_gives_finite_forecasts(
        series in prop::collection::vec((0_u64..100_000_000, 0_u64..100_000), 1..100),
    ) {
        let run = || {
            let (mut forecaster, mut now) = (Forecaster::new(7), 0);
            for (tokens, pause) in &series {
                now += pause;
                forecaster.add(*tokens, now);
            }
            Horizon::ALL.map(|horizon| forecaster.forecast(horizon))
        };
        let forecasts = run();
        prop_assert_eq!(forecasts, run());
        for forecast in forecasts.into_iter().flatten() {
            prop_assert!(forecast.tokens_per_minute.is_finite() && forecast.tokens_per_minute >= 0.0);
            prop_assert!(forecast.upper_tokens_per_minute >= forecast.tokens_per_minute);
        }
    }
}
