//! What a caller is told of its limits, in its own convention.

use super::book::Known;
use super::spec::Unit;

/// Whose convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`; the reset is a duration.
    Openai,
    /// `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`; the
    /// reset is an RFC 3339 time.
    Anthropic,
}

/// The headers of the limits that are known: of each kind the one with the least left.
pub fn limit_headers(
    known: impl Iterator<Item = Known>,
    dialect: Dialect,
    now_ms: u64,
    mut tell: impl FnMut(&'static str, String),
) {
    let mut tightest: [Option<Known>; 5] = [None; 5];
    for known in known {
        let Some(place) = place(known.of).and_then(|at| tightest.get_mut(at)) else {
            continue;
        };
        if place.is_none_or(|kept| known.remaining < kept.remaining) {
            *place = Some(known);
        }
    }
    for known in tightest.iter().flatten() {
        match (names(known.of, dialect), known.of) {
            (_, Unit::MicroUsd) => tell("x-ark-budget-remaining-usd", usd(known.remaining)),
            (Some([limit, remaining, reset]), _) => {
                tell(limit, known.limit.to_string());
                tell(remaining, known.remaining.min(known.limit).to_string());
                let rest_ms = known.end_s.saturating_mul(1_000).saturating_sub(now_ms);
                tell(
                    reset,
                    match dialect {
                        Dialect::Openai => format!("{rest_ms}ms"),
                        Dialect::Anthropic => rfc3339(known.end_s),
                    },
                );
            }
            (None, _) => {}
        }
    }
}

fn place(of: Unit) -> Option<usize> {
    Some(match of {
        Unit::Requests => 0,
        Unit::Tokens => 1,
        Unit::InputTokens => 2,
        Unit::OutputTokens => 3,
        Unit::MicroUsd => 4,
        Unit::Concurrency => return None,
    })
}

pub(super) fn names(of: Unit, dialect: Dialect) -> Option<[&'static str; 3]> {
    Some(match (dialect, of) {
        (Dialect::Openai, Unit::Requests) => [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
        (Dialect::Openai, Unit::Tokens) => [
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
        ],
        (Dialect::Openai, Unit::InputTokens) => [
            "x-ratelimit-limit-input-tokens",
            "x-ratelimit-remaining-input-tokens",
            "x-ratelimit-reset-input-tokens",
        ],
        (Dialect::Openai, Unit::OutputTokens) => [
            "x-ratelimit-limit-output-tokens",
            "x-ratelimit-remaining-output-tokens",
            "x-ratelimit-reset-output-tokens",
        ],
        (Dialect::Anthropic, Unit::Requests) => [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
        (Dialect::Anthropic, Unit::Tokens) => [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
        (Dialect::Anthropic, Unit::InputTokens) => [
            "anthropic-ratelimit-input-tokens-limit",
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ],
        (Dialect::Anthropic, Unit::OutputTokens) => [
            "anthropic-ratelimit-output-tokens-limit",
            "anthropic-ratelimit-output-tokens-remaining",
            "anthropic-ratelimit-output-tokens-reset",
        ],
        (Dialect::Openai | Dialect::Anthropic, Unit::Concurrency | Unit::MicroUsd) => return None,
    })
}

/// When a limit is whole again that is so in `reset_ms` from `now_ms`.
pub(super) fn reset(dialect: Dialect, reset_ms: u64, now_ms: u64) -> String {
    match dialect {
        Dialect::Openai => format!("{reset_ms}ms"),
        Dialect::Anthropic => rfc3339(now_ms.saturating_add(reset_ms).div_ceil(1_000)),
    }
}

/// Micro-USD as US dollars, exact.
fn usd(micro: u64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

/// A time of UTC, by the civil calendar (proleptic Gregorian; days to date after Hinnant).
fn rfc3339(unix_s: u64) -> String {
    // Beyond the year 9999 there is no RFC 3339.
    let unix_s = unix_s.min(253_402_300_799);
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_money_are_exact() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(1_709_164_799), "2024-02-28T23:59:59Z");
        assert_eq!(rfc3339(1_709_164_800), "2024-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(usd(12_000_345), "12.000345");
    }

    #[test]
    fn each_convention_tells_the_tightest_of_a_kind() {
        let known = [(Unit::Tokens, 500), (Unit::Tokens, 20), (Unit::MicroUsd, 7)];
        let known = known.map(|(of, remaining)| Known {
            of,
            limit: 1_000,
            remaining,
            end_s: 60,
        });
        let mut told = Vec::new();
        limit_headers(known.into_iter(), Dialect::Openai, 58_500, |name, value| {
            told.push((name, value));
        });
        let expected = [
            ("x-ratelimit-limit-tokens", "1000"),
            ("x-ratelimit-remaining-tokens", "20"),
            ("x-ratelimit-reset-tokens", "1500ms"),
            ("x-ark-budget-remaining-usd", "0.000007"),
        ];
        assert_eq!(told, expected.map(|(n, v)| (n, v.to_owned())));
        told.clear();
        limit_headers(known.into_iter(), Dialect::Anthropic, 0, |name, value| {
            told.push((name, value));
        });
        let reset = told.iter().find(|(n, _)| n.ends_with("tokens-reset"));
        assert_eq!(reset.unwrap().1, "1970-01-01T00:01:00Z");
    }
}
