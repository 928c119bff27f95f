//! The request limit of a key, in memory that all workers of this Envoy share.

use ark_gateway_core::limit::{LimitVerdict, Nanos, take};
use ark_gateway_core::policy::Policy;
use ark_gateway_core::snapshot::{KeySpec, RequestLimit};
use proxy_wasm::hostcalls;
use proxy_wasm::types::Status;

use crate::host;

/// Attempts to swap the state before giving up: each failure means that another worker succeeded.
const MOST_SWAPS: usize = 64;

fn slot(key: &KeySpec) -> String {
    format!("ark.limit.{}.{}", key.tenant, key.id)
}

/// Makes the slots of all limited keys, so that the first requests already swap atomically.
pub(crate) fn prepare(policy: &Policy) {
    for key in policy.snapshot().keys.iter().filter(|k| k.limit.is_some()) {
        let slot = slot(key);
        let absent = matches!(hostcalls::get_shared_data(&slot), Ok((None, _)) | Err(_));
        if absent {
            host::report(
                "limit",
                hostcalls::set_shared_data(&slot, Some(&0u64.to_le_bytes()), None),
            );
        }
    }
}

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
        match hostcalls::set_shared_data(&slot, Some(&verdict.state.to_le_bytes()), version) {
            Ok(()) => return Some(verdict),
            Err(Status::CasMismatch) => {}
            Err(_) => return None,
        }
    }
    None
}
