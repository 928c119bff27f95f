use super::*;
use proptest::prelude::*;

const LIMIT: RequestLimit = RequestLimit {
    requests_per_minute: 60,
    burst: 3,
};
const SECOND: Nanos = 1_000_000_000;
const START: Nanos = 1_000 * SECOND;

#[test]
fn a_burst_passes_then_one_a_second() {
    let mut state = None;
    let mut remaining = Vec::new();
    for _ in 0..3 {
        let verdict = take(state, LIMIT, START);
        assert!(verdict.allowed);
        remaining.push(verdict.remaining);
        state = Some(verdict.state);
    }
    assert_eq!(remaining, [2, 1, 0]);
    let refused = take(state, LIMIT, START);
    assert!(!refused.allowed);
    assert_eq!(refused.retry_after_ms, 1_000);
    assert_eq!(refused.reset_ms, 3_000);
    assert_eq!(Some(refused.state), state, "a refusal takes nothing");
    assert!(take(state, LIMIT, START + SECOND).allowed);
}

#[test]
fn a_state_from_another_clock_does_not_lock_the_key() {
    let verdict = take(Some(START + 1_000_000 * SECOND), LIMIT, START);
    assert!(!verdict.allowed);
    assert!(verdict.retry_after_ms <= 1_000);
}

proptest! {
    /// In any window the bucket admits at most its burst plus what the rate refills.
    #[test]
    fn never_admits_more_than_burst_plus_rate(
        rpm in 1u32..100_000, burst in 1u32..100, gaps in prop::collection::vec(0u64..2_000_000_000, 1..300),
    ) {
        let limit = RequestLimit { requests_per_minute: rpm, burst };
        let (mut now, mut state, mut admitted) = (START, None, 0u64);
        for gap in gaps {
            now += gap;
            let verdict = take(state, limit, now);
            admitted += u64::from(verdict.allowed);
            state = Some(verdict.state);
        }
        let interval = 60_000_000_000 / u64::from(rpm);
        prop_assert!(admitted <= u64::from(burst) + (now - START) / interval + 1);
    }

    /// Waiting as long as the refusal says is enough.
    #[test]
    fn retry_after_is_enough(rpm in 1u32..100_000, burst in 1u32..50) {
        let limit = RequestLimit { requests_per_minute: rpm, burst };
        let mut state = None;
        let refused = loop {
            let verdict = take(state, limit, START);
            if !verdict.allowed { break verdict; }
            state = Some(verdict.state);
        };
        prop_assert!(take(state, limit, START + refused.retry_after_ms * 1_000_000).allowed);
    }
}
