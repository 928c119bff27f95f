//! The request limit of a key: a token bucket kept as one number.
//!
//! The generic cell rate algorithm (ITU-T I.371), which is a token bucket whose whole state is the
//! *theoretical arrival time*: small enough to live in memory that all Envoy workers share and swap
//! atomically, so the limit holds across workers without a lock or a lease.

use crate::snapshot::RequestLimit;

/// Nanoseconds since the Unix epoch.
pub type Nanos = u64;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;
const NANOS_PER_MS: u64 = 1_000_000;

/// What the bucket says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitVerdict {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Requests that may still come at once.
    pub remaining: u32,
    /// Milliseconds until the bucket is full again.
    pub reset_ms: u64,
    /// Milliseconds until the next request would be allowed; 0 when it is now.
    pub retry_after_ms: u64,
    /// The state to store; unchanged when refused.
    pub state: Nanos,
}

/// Takes one request from the bucket whose stored state is `state` (`None`: never used).
#[must_use]
pub fn take(state: Option<Nanos>, limit: RequestLimit, now: Nanos) -> LimitVerdict {
    let interval = (NANOS_PER_MINUTE / u64::from(limit.requests_per_minute.max(1))).max(1);
    let depth = interval.saturating_mul(u64::from(limit.burst.max(1)));
    // A state beyond a full bucket is from another clock or another limit: it must not lock the key.
    let arrival = state.map_or(now, |s| s.clamp(now, now.saturating_add(depth)));
    let next = arrival.saturating_add(interval);
    let used = next - now;
    if used > depth {
        return LimitVerdict {
            allowed: false,
            remaining: 0,
            reset_ms: (arrival - now).div_ceil(NANOS_PER_MS),
            retry_after_ms: (used - depth).div_ceil(NANOS_PER_MS),
            state: arrival,
        };
    }
    LimitVerdict {
        allowed: true,
        remaining: u32::try_from((depth - used) / interval).unwrap_or(u32::MAX),
        reset_ms: used.div_ceil(NANOS_PER_MS),
        retry_after_ms: 0,
        state: next,
    }
}

#[cfg(test)]
mod tests;
