//! Why a limit refuses a request, and for how long.

use super::spec::{LimitSpec, Unit};
use super::window::Span;
use crate::limit::Nanos;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The limit's name.
    pub limit: String,
    /// What is limited.
    pub of: Unit,
    /// When it makes sense to come back, milliseconds.
    pub retry_after_ms: u64,
    /// Not for want of it: the store did not answer, or the price is not known.
    pub cause: Cause,
}

/// What stands against a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The limit is reached.
    Reached,
    /// The store does not answer.
    StoreDown,
    /// A target has no known price.
    NoPrice,
}

pub(super) fn refused(spec: &LimitSpec, cause: Cause, retry_after_ms: u64) -> Refusal {
    Refusal {
        limit: spec.name.clone(),
        of: spec.of,
        retry_after_ms,
        cause,
    }
}

/// Of several refusals the one that lasts longest is the one to tell.
pub(super) fn keep_longest(kept: &mut Option<Refusal>, other: Refusal) {
    if kept
        .as_ref()
        .is_none_or(|kept| kept.retry_after_ms < other.retry_after_ms)
    {
        *kept = Some(other);
    }
}

pub(super) fn rest_ms(span: Span, cause: Cause, now: Nanos) -> u64 {
    const SOON_MS: u64 = 1_000;
    match (cause, span.end_s) {
        (Cause::Reached, end_s) if end_s < u64::MAX => {
            let end_ms = end_s.saturating_mul(1_000);
            end_ms.saturating_sub(now / 1_000_000).max(1)
        }
        (Cause::Reached | Cause::StoreDown | Cause::NoPrice, _) => SOON_MS,
    }
}
