//! How much of a provider's rate limits is used up.
//!
//! Vendors meter requests and tokens per minute with buckets that refill evenly; this is the same
//! bucket, seen from our side. What others take from the same account it does not see.

use crate::Ms;

/// A provider's limits per minute; `None` where the operator has not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests.
    pub requests: Option<u32>,
    /// Prompt and completion tokens.
    pub tokens: Option<u64>,
}

/// What is to come on top of what was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct More {
    /// Requests.
    pub requests: f64,
    /// Prompt and completion tokens.
    pub tokens: f64,
}

/// What was taken from one provider's buckets and has not yet flowed back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    requests: f64,
    tokens: f64,
    at: Ms,
}

impl Meter {
    /// One request with so many tokens was sent.
    pub fn take(&mut self, tokens: u64, limits: Limits, now: Ms) {
        let (requests, held) = self.levels(limits, now);
        self.requests = requests + 1.0;
        self.tokens = held + to_f64(tokens);
        self.at = self.at.max(now);
    }

    /// The fuller of both buckets, 0 to 1 and above.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "an f32 of a share is fine enough"
    )]
    pub fn utilisation(&self, limits: Limits, now: Ms) -> f32 {
        let (requests, tokens) = self.levels(limits, now);
        let by_requests = limits
            .requests
            .map_or(0.0, |n| requests / f64::from(n.max(1)));
        let by_tokens = limits.tokens.map_or(0.0, |n| tokens / to_f64(n.max(1)));
        by_requests.max(by_tokens) as f32
    }

    /// The same when so much more had been taken.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "an f32 of a share is fine enough"
    )]
    pub fn utilisation_with(&self, more: More, limits: Limits, now: Ms) -> f32 {
        let (requests, tokens) = self.levels(limits, now);
        let share = |level: f64, limit: Option<f64>| {
            limit.map_or(0.0, |limit| level.max(0.0) / limit.max(1.0))
        };
        let by_requests = share(requests + more.requests, limits.requests.map(f64::from));
        let by_tokens = share(tokens + more.tokens, limits.tokens.map(to_f64));
        by_requests.max(by_tokens) as f32
    }

    fn levels(&self, limits: Limits, now: Ms) -> (f64, f64) {
        let minutes = to_f64(now.saturating_sub(self.at)) / 60_000.0;
        let left = |level: f64, limit: Option<f64>| {
            limit.map_or(0.0, |limit| (level - limit * minutes).max(0.0))
        };
        (
            left(self.requests, limits.requests.map(f64::from)),
            left(self.tokens, limits.tokens.map(to_f64)),
        )
    }
}

#[allow(clippy::cast_precision_loss, reason = "tokens of minutes")]
fn to_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_bucket_counts_and_both_drain() {
        let limits = Limits {
            requests: Some(60),
            tokens: Some(6_000),
        };
        let mut meter = Meter::default();
        assert_eq!(meter.utilisation(limits, 0), 0.0);
        for _ in 0..30 {
            meter.take(10, limits, 1_000);
        }
        assert!((meter.utilisation(limits, 1_000) - 0.5).abs() < 1e-6);
        meter.take(5_000, limits, 1_000);
        assert!((meter.utilisation(limits, 1_000) - 5_300.0 / 6_000.0).abs() < 1e-6);
        assert!((meter.utilisation(limits, 31_000) - 2_300.0 / 6_000.0).abs() < 1e-6);
        assert_eq!(meter.utilisation(limits, 120_000), 0.0);
        assert_eq!(meter.utilisation(Limits::default(), 1_000), 0.0, "no limit");
    }
}
