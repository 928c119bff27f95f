use proptest::prelude::*;

use super::*;

/// 2026-01-01T00:00:00Z in milliseconds.
const NOW: u64 = 1_767_225_600_000;

fn read(headers: &[(&str, &str)]) -> Option<RateLimits> {
    let mut reader = Reader::default();
    for (name, value) in headers {
        reader.push(name.as_bytes(), value.as_bytes());
    }
    reader.finish(|| NOW)
}

fn left(remaining: u64, limit: Option<u64>, reset_ms: Option<u64>) -> Option<Allowance> {
    Some(Allowance {
        remaining,
        limit,
        reset_ms,
    })
}

#[test]
fn each_vendors_headers_say_the_same() {
    let openai = read(&[
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-limit-tokens", "150000"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-ratelimit-reset-tokens", "6m0s"),
        ("retry-after", "7"),
    ]);
    let expected = RateLimits {
        requests: left(59, Some(60), Some(1_000)),
        tokens: left(149_984, Some(150_000), Some(360_000)),
    };
    assert_eq!(openai, Some(expected));
    let anthropic = read(&[
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:12Z"),
        ("anthropic-ratelimit-tokens-limit", "90000"),
        ("anthropic-ratelimit-tokens-remaining", "60000"),
        ("anthropic-ratelimit-input-tokens-limit", "50000"),
        ("anthropic-ratelimit-input-tokens-remaining", "40000"),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
        ("anthropic-ratelimit-output-tokens-remaining", "100"),
        (
            "anthropic-ratelimit-output-tokens-reset",
            "2026-01-01T01:00:30+01:00",
        ),
    ]);
    let expected = RateLimits {
        requests: left(0, Some(50), Some(12_000)),
        tokens: left(100, Some(8_000), Some(30_000)),
    };
    assert_eq!(
        anthropic,
        Some(expected),
        "the tightest of all that count tokens"
    );
}

#[test]
fn other_vendors_headers_do_too() {
    let azure = read(&[
        ("x-ratelimit-remaining-requests", "9"),
        ("x-ratelimit-remaining-tokens", "900"),
        ("x-ratelimit-reset-tokens", "3"),
    ]);
    let expected = RateLimits {
        requests: left(9, None, None),
        tokens: left(900, None, Some(3_000)),
    };
    assert_eq!(azure, Some(expected));
    let mistral = read(&[
        ("x-ratelimitbysize-limit-minute", "500000"),
        ("x-ratelimitbysize-remaining-minute", "100"),
        ("x-ratelimitbysize-limit-month", "1000000000"),
        ("x-ratelimitbysize-remaining-month", "999999999"),
    ]);
    assert_eq!(mistral.unwrap().tokens, left(100, Some(500_000), None));
    let cerebras = read(&[
        ("x-ratelimit-limit-requests-day", "14400"),
        ("x-ratelimit-remaining-requests-day", "1"),
        ("x-ratelimit-reset-requests-day", "33011.382867"),
        ("x-ratelimit-limit-tokens-minute", "60000"),
        ("x-ratelimit-remaining-tokens-minute", "60000"),
    ]);
    assert_eq!(
        cerebras.unwrap().requests,
        left(1, Some(14_400), Some(RESET_LIMIT_MS))
    );
    let together = read(&[
        ("x-ratelimit-limit", "10"),
        ("x-ratelimit-remaining", "4"),
        ("x-ratelimit-reset", "1767225605000"),
        ("x-tokenlimit-limit", "1000"),
        ("x-tokenlimit-remaining", "500"),
    ]);
    let expected = RateLimits {
        requests: left(4, Some(10), Some(5_000)),
        tokens: left(500, Some(1_000), None),
    };
    assert_eq!(together, Some(expected));
}

#[test]
fn what_makes_no_sense_counts_as_not_said() {
    assert_eq!(read(&[("content-type", "text/event-stream")]), None);
    assert_eq!(
        read(&[("x-ratelimit-limit-requests", "10")]),
        None,
        "what is left matters"
    );
    for remaining in [
        "",
        "-1",
        "many",
        "1e9",
        "99999999999999999999",
        "9999999999999",
        "0x10",
    ] {
        assert_eq!(
            read(&[("x-ratelimit-remaining-requests", remaining)]),
            None,
            "{remaining}"
        );
    }
    let odd = read(&[
        ("x-ratelimit-limit-requests", "0"),
        ("x-ratelimit-remaining-requests", "7"),
        ("x-ratelimit-reset-requests", "soon"),
        ("x-ratelimit-remaining-limit-requests", "3"),
        ("x-ratelimit-over-limit", "yes"),
    ]);
    assert_eq!(odd.unwrap().requests, left(7, None, None));
    let more_than_all = read(&[
        ("x-ratelimit-limit-requests", "5"),
        ("x-ratelimit-remaining-requests", "500"),
    ]);
    assert_eq!(more_than_all.unwrap().requests, left(5, Some(5), None));
}

#[test]
fn resets_are_read_in_all_their_forms_and_bounded() {
    for (text, expected) in [
        ("1s", Some(1_000)),
        ("20ms", Some(20)),
        ("7.66s", Some(7_660)),
        ("2m59.56s", Some(179_560)),
        ("1h30m", Some(RESET_LIMIT_MS)),
        ("500µs", Some(0)),
        ("0", Some(0)),
        ("57", Some(57_000)),
        ("0.25", Some(250)),
        ("1767225600", Some(0)),
        ("1767225660", Some(60_000)),
        ("2026-01-01T00:00:01.5Z", Some(1_000)),
        ("2025-12-31T23:00:01-01:00", Some(1_000)),
        ("2020-01-01T00:00:00Z", Some(0)),
        ("9999-12-31T23:59:59Z", Some(RESET_LIMIT_MS)),
        ("999999999999999h", Some(RESET_LIMIT_MS)),
        ("1x", None),
        ("s", None),
        ("1s2", None),
        ("-5", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T00:00:00+x", None),
    ] {
        let said = read(&[
            ("x-ratelimit-remaining-requests", "1"),
            ("x-ratelimit-reset-requests", text),
        ]);
        assert_eq!(said.unwrap().requests, left(1, None, expected), "{text}");
    }
}

proptest! {
    /// Whatever a provider sends, it is read without a panic, and what comes of it is bounded.
    #[test]
    fn any_headers_are_read_and_bounded(
        headers in prop::collection::vec((
            prop_oneof![
                Just("x-ratelimit-limit-requests".to_owned()),
                Just("x-ratelimit-remaining-requests".to_owned()),
                Just("x-ratelimit-reset-requests".to_owned()),
                Just("anthropic-ratelimit-tokens-remaining".to_owned()),
                Just("anthropic-ratelimit-tokens-reset".to_owned()),
                "x-ratelimit[a-z-]{0,24}",
            ],
            prop_oneof![prop::collection::vec(any::<u8>(), 0..80), "[0-9smhT:.Zµ+-]{0,30}".prop_map(String::into_bytes)],
        ), 0..12),
        now in any::<u64>(),
    ) {
        let mut reader = Reader::default();
        for (name, value) in &headers {
            reader.push(name.as_bytes(), value);
        }
        let said = reader.finish(|| now).unwrap_or_default();
        for allowance in [said.requests, said.tokens].into_iter().flatten() {
            prop_assert!(allowance.reset_ms.is_none_or(|ms| ms <= RESET_LIMIT_MS));
            prop_assert!(allowance.remaining <= COUNT_LIMIT);
            prop_assert!(allowance.limit.is_none_or(|n| n > 0 && allowance.remaining <= n));
        }
    }
}
