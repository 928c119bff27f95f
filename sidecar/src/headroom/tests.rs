use ark_gateway_core::record::{Allowance, RateLimits};
use proptest::prelude::*;

use super::told::MOST_BELIEVED_MS;
use super::*;

fn said(remaining: u64, limit: Option<u64>, reset_ms: Option<u64>) -> RateLimits {
    RateLimits {
        requests: Some(Allowance {
            remaining,
            limit,
            reset_ms,
        }),
        tokens: None,
    }
}

fn used(word: RateLimits, after_ms: Ms) -> Option<f32> {
    let mut told = Told::default();
    told.hear(&word, 1_000);
    told.utilisation(1_000 + after_ms)
}

#[test]
fn a_window_gives_nothing_back_before_its_end_and_a_bucket_evenly() {
    let window = said(0, Some(60), Some(3_000));
    assert_eq!(used(window, 0), Some(1.0));
    assert_eq!(used(window, 2_999), Some(1.0));
    assert_eq!(used(window, 3_000), None);
    let bucket = said(0, Some(60), Some(60_000));
    assert_eq!(used(bucket, 0), Some(1.0));
    assert_eq!(used(bucket, 30_000), Some(0.5));
    let half = said(30, Some(60), Some(30_000));
    assert_eq!(used(half, 15_000), Some(0.25));
    assert_eq!(used(said(30, Some(60), None), 15_000), Some(0.25));
    // Without a limit only nothing means something.
    assert_eq!(used(said(0, None, Some(5_000)), 4_000), Some(1.0));
    assert_eq!(used(said(7, None, Some(5_000)), 0), None);
    assert_eq!(used(said(0, Some(0), None), 0), Some(1.0));
}

#[test]
fn the_freshest_word_wins_whatever_comes_last() {
    let mut told = Told::default();
    told.hear(&said(0, Some(10), Some(9_000)), 5_000);
    told.hear(&said(10, Some(10), Some(9_000)), 4_000);
    assert_eq!(told.utilisation(5_000), Some(1.0));
    told.hear(&said(10, Some(10), Some(0)), 6_000);
    assert_eq!(told.utilisation(6_000), None, "whole again");
    assert!(told.shown(6_000).is_none());
}

proptest! {
    /// Nothing that a provider says in one answer holds for longer than the bound, and a share stays one.
    #[test]
    fn no_word_holds_for_longer_than_the_bound(
        remaining in any::<u64>(),
        limit in prop::option::of(any::<u64>()),
        reset_ms in prop::option::of(any::<u64>()),
        after_ms in 0..2 * MOST_BELIEVED_MS,
    ) {
        let share = used(said(remaining, limit, reset_ms), after_ms);
        prop_assert!(share.is_none_or(|share| (0.0..=1.0).contains(&share)));
        if after_ms >= MOST_BELIEVED_MS {
            prop_assert_eq!(share, None);
        }
    }
}

fn account() -> Account {
    let limits = Limits {
        requests: None,
        tokens: Some(60_000),
    };
    Account::new(limits, 0)
}

#[test]
fn without_limits_there_is_nothing_to_fill() {
    let mut account = Account::new(Limits::default(), 0);
    account.take(1_000_000, 1_000);
    assert_eq!(account.fill(50, 1_000), Fill::default());
}

#[test]
fn what_is_in_flight_counts_before_it_is_metered() {
    let mut account = account();
    account.take(1_000, 1_000);
    let fill = account.fill(10, 1_000);
    assert!(fill.now < 0.02, "{fill:?}");
    assert!(
        (fill.predicted - 11_000.0 / 60_000.0).abs() < 1e-3,
        "{fill:?}"
    );
}

#[test]
fn a_ramp_fills_an_account_before_it_is_full() {
    let mut account = account();
    // A request of 1,000 tokens, ever more often: over the limit's one a second from 300 s on.
    let (mut now, mut warned) = (0.0_f64, None);
    while now < 600_000.0 && warned.is_none() {
        account.take(1_000, now as Ms);
        now += 300_000_000.0 / now.max(60_000.0);
        let fill = account.fill(0, now as Ms);
        if fill.predicted > 0.5 {
            warned = Some((now, fill));
        }
    }
    let (at, fill) = warned.unwrap();
    assert!(at > 240_000.0, "{at}: not before there is a reason");
    assert!(fill.now < 0.4, "{fill:?} at {at}");
}
