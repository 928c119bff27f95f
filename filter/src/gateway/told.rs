//! What the provider says of its rate limits, for a client that may know.

use ark_gateway_core::quota::{Unit, told_headers};

use super::quota::dialect_of;
use crate::host;
use crate::vm::Live;

/// The headers of the provider's own limits, if the operator shows them. A limit that Ark itself keeps for
/// the caller stands in the place of the provider's of the same kind: `own` are its headers.
pub(super) fn told_limits(
    live: &Live,
    own: &[(&'static str, String)],
) -> Vec<(&'static str, String)> {
    let Some(said) = live.exchange.limits_said() else {
        return Vec::new();
    };
    let policy = live.exchange.policy();
    let target = live.exchange.current_target();
    let target = target.and_then(|target| policy.target(target));
    let provider = target.and_then(|target| policy.provider(target.provider));
    if !provider.is_some_and(|provider| provider.shows_rate_limits) {
        return Vec::new();
    }
    let has = |word: &str| own.iter().any(|(name, _)| name.contains(word));
    told_headers(
        &said,
        dialect_of(live),
        host::now() / 1_000_000,
        |unit| match unit {
            Unit::Requests => has("-requests"),
            Unit::Tokens | Unit::InputTokens | Unit::OutputTokens => has("tokens"),
            Unit::Concurrency | Unit::MicroUsd => true,
        },
    )
}
