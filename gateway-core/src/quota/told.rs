//! What a provider said of its rate limits, in its caller's convention.

use super::headers::{Dialect, names, reset};
use super::spec::Unit;
use crate::record::{Allowance, RateLimits};

/// The headers of what a provider told in an answer's head at `now_ms`, for a caller whose own limits do
/// not concern that: `own` says which are. What the provider did not say is not told.
pub fn told_headers(
    said: &RateLimits,
    dialect: Dialect,
    now_ms: u64,
    own: impl Fn(Unit) -> bool,
) -> Vec<(&'static str, String)> {
    let of = [(Unit::Requests, said.requests), (Unit::Tokens, said.tokens)];
    let mut headers = Vec::new();
    for (unit, allowance) in of {
        let (Some(allowance), Some([limit, remaining, when])) = (allowance, names(unit, dialect))
        else {
            continue;
        };
        if own(unit) {
            continue;
        }
        let Allowance {
            remaining: left,
            limit: of,
            reset_ms,
        } = allowance;
        headers.extend(of.map(|of| (limit, of.to_string())));
        headers.push((remaining, left.to_string()));
        headers.extend(reset_ms.map(|ms| (when, reset(dialect, ms, now_ms))));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &RateLimits, dialect: Dialect, own: Option<Unit>) -> Vec<String> {
        let headers = told_headers(said, dialect, 1_700_000_000_400, |unit| own == Some(unit));
        let line = |(name, value)| format!("{name}: {value}");
        headers.into_iter().map(line).collect()
    }

    #[test]
    fn each_caller_reads_its_own_convention() {
        let said = RateLimits {
            requests: Some(Allowance {
                remaining: 59,
                limit: Some(60),
                reset_ms: Some(1_000),
            }),
            tokens: Some(Allowance {
                remaining: 7,
                limit: None,
                reset_ms: Some(360_000),
            }),
        };
        assert_eq!(
            told(&said, Dialect::Openai, None),
            [
                "x-ratelimit-limit-requests: 60",
                "x-ratelimit-remaining-requests: 59",
                "x-ratelimit-reset-requests: 1000ms",
                "x-ratelimit-remaining-tokens: 7",
                "x-ratelimit-reset-tokens: 360000ms",
            ]
        );
        assert_eq!(
            told(&said, Dialect::Anthropic, None),
            [
                "anthropic-ratelimit-requests-limit: 60",
                "anthropic-ratelimit-requests-remaining: 59",
                // Rounded up: who comes back then is not too early.
                "anthropic-ratelimit-requests-reset: 2023-11-14T22:13:22Z",
                "anthropic-ratelimit-tokens-remaining: 7",
                "anthropic-ratelimit-tokens-reset: 2023-11-14T22:19:21Z",
            ]
        );
        for (own, names) in [(Unit::Requests, "tokens"), (Unit::Tokens, "requests")] {
            let told = told(&said, Dialect::Openai, Some(own));
            assert!(told.iter().all(|line| line.contains(names)), "{told:?}");
        }
        let nothing = RateLimits::default();
        assert!(told(&nothing, Dialect::Openai, None).is_empty());
    }
}
