//! The request limit of a key, in memory that all workers of this Envoy share.

use ark_gateway_core::limit::{LimitVerdict, Nanos, take};
use ark_gateway_core::snapshot::{KeySpec, RequestLimit};
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;

/// Attempts to swap the state before giving up: each failure means that another worker succeeded.
const MOST_SWAPS: usize = 64;

fn slot(key: &KeySpec) -> String {
    format!("ark.limit.{}.{}", key.tenant, key.id)
}

/// A version that no slot has: with it a slot is made only where there is none, so that of two workers
/// that begin at once one begins and the other one sees it.
const NO_VERSION: u32 = u32::MAX;

/// Takes one request; `None` when the shared state could not be swapped: the caller lets the
/// request pass and counts it, as a limit must not become an outage.
pub(crate) fn take_one(key: &KeySpec, limit: RequestLimit, now: Nanos) -> Option<LimitVerdict> {
    let slot = slot(key);
    for _ in 0..MOST_SWAPS {
        let (bytes, version) = hostcalls::get_shared_data(&slot).ok()?;
        let state = bytes
            .and_then(|b| b.try_into().ok())
            .map(u64::from_le_bytes);
        let verdict = take(state, limit, now);
        if !verdict.allowed {
            return Some(verdict);
        }
        let version = version.unwrap_or(NO_VERSION);
        let state = verdict.state.to_le_bytes();
        match hostcalls::set_shared_data(&slot, Some(&state), Some(version)) {
            Ok(()) => return Some(verdict),
            Err(Status::CasMismatch) => {}
            Err(_) => return None,
        }
    }
    None
}
