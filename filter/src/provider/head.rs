//! The head of a provider's answer, read once.

use ark_dialect::rate_limit::{self, Reader};
use ark_gateway_core::record::{Allowance, RateLimits};

use crate::host;
use crate::raw::pairs;

/// Longest time to come back that is believed, milliseconds.
const RETRY_AFTER_LIMIT_MS: f64 = 3_600_000.0;

/// What matters of it.
#[derive(Default)]
pub(super) struct AnswerHead {
    /// 0 when there is none.
    pub(super) status: u16,
    /// Whether the body is a stream of events.
    pub(super) is_event_stream: bool,
    /// When the provider wants to be asked again: OpenAI's `retry-after-ms`, else `retry-after` in seconds
    /// (RFC 9110; its form as a date is not used by any vendor).
    pub(super) retry_after_ms: Option<u64>,
    /// What it says of its limits.
    pub(super) rate_limits: Option<RateLimits>,
}

impl AnswerHead {
    pub(super) fn read() -> Self {
        Self::of(&host::response_headers(), || host::now() / 1_000_000)
    }

    /// Of a header map in wire form; `now` tells milliseconds since the Unix epoch.
    fn of(wire: &[u8], now: impl Fn() -> u64) -> Self {
        let mut head = Self::default();
        let mut limits = Reader::default();
        let (mut seconds, mut milliseconds) = (None, None);
        for (name, value) in pairs(wire) {
            match name {
                b":status" => head.status = number(value).unwrap_or(0),
                b"content-type" => head.is_event_stream = is_event_stream(value),
                b"retry-after" => seconds = number::<f64>(value),
                b"retry-after-ms" => milliseconds = number::<f64>(value),
                _ => limits.push(name, value),
            }
        }
        let wait_ms = milliseconds.or_else(|| seconds.map(|s| s * 1000.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped, and a NaN becomes 0"
        )]
        let bounded = |ms: f64| ms.clamp(0.0, RETRY_AFTER_LIMIT_MS) as u64;
        head.retry_after_ms = wait_ms.map(bounded);
        head.rate_limits = limits.finish(now).map(|said| RateLimits {
            requests: said.requests.map(allowance),
            tokens: said.tokens.map(allowance),
        });
        head
    }
}

fn allowance(said: rate_limit::Allowance) -> Allowance {
    Allowance {
        remaining: said.remaining,
        limit: said.limit,
        reset_ms: said.reset_ms,
    }
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn is_event_stream(value: &[u8]) -> bool {
    [
        &b"text/event-stream"[..],
        b"application/vnd.amazon.eventstream",
    ]
    .into_iter()
    .any(|kind| {
        let head = value.get(..kind.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> AnswerHead {
        let count = u32::try_from(headers.len()).unwrap();
        let mut wire = count.to_le_bytes().to_vec();
        for size in headers
            .iter()
            .flat_map(|(name, value)| [name.len(), value.len()])
        {
            wire.extend(u32::try_from(size).unwrap().to_le_bytes());
        }
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            wire.extend(text.as_bytes());
            wire.push(0);
        }
        AnswerHead::of(&wire, || 0)
    }

    #[test]
    fn one_reading_tells_all_that_matters() {
        let head = head(&[
            (":status", "429"),
            ("content-type", "Text/Event-Stream; charset=utf-8"),
            ("retry-after", "7"),
            ("retry-after-ms", "6500"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "6s"),
        ]);
        assert_eq!((head.status, head.is_event_stream), (429, true));
        assert_eq!(head.retry_after_ms, Some(6_500));
        let requests = head.rate_limits.unwrap().requests.unwrap();
        assert_eq!((requests.remaining, requests.reset_ms), (0, Some(6_000)));
    }

    #[test]
    fn nonsense_is_bounded_or_not_said() {
        for (value, expected) in [
            ("inf", Some(3_600_000)),
            ("-1", Some(0)),
            ("NaN", Some(0)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
            ("1e300", Some(3_600_000)),
        ] {
            assert_eq!(
                head(&[("retry-after", value)]).retry_after_ms,
                expected,
                "{value}"
            );
        }
        let bare = head(&[(":status", "x")]);
        assert_eq!((bare.status, bare.rate_limits), (0, None));
    }
}
