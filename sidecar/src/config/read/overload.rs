//! What a worker of the gateway takes on before it sheds load.

use crate::config::node::Fields;

/// Requests in flight per worker where the operator has not said: far more than one core serves.
pub(super) const MOST_IN_FLIGHT: u32 = 8_192;
/// So many of the largest bodies are held per worker where the operator has not said.
pub(super) const BODIES: u64 = 16;
/// How late a worker may run where the operator has not said, milliseconds: it does not matter, see
/// docs/overload.md for what it costs.
pub(super) const LATE_MS: u32 = 0;

/// The bounds of one worker; each `None` exactly when it has a problem.
pub(super) struct Room {
    pub(super) max_in_flight_per_worker: Option<u32>,
    pub(super) max_body_bytes_per_worker: Option<u64>,
    pub(super) shed_when_late_ms: Option<u32>,
}

/// Reads them; 0 takes a bound away.
pub(super) fn read(fields: &mut Fields<'_, '_>, body_limit_bytes: Option<u32>) -> Room {
    let body = u64::from(body_limit_bytes.unwrap_or_default());
    Room {
        max_in_flight_per_worker: fields.or("max_in_flight_per_worker", MOST_IN_FLIGHT, |node| {
            node.integer(0..=100_000)
        }),
        max_body_bytes_per_worker: fields.or("max_body_bytes_per_worker", BODIES * body, |node| {
            let bytes: u64 = node.integer(0..=1 << 40)?;
            if bytes > 0 && bytes < 2 * body {
                return node.problem_with_hint(
                    format!("{bytes} is less than two of the largest bodies"),
                    "gateway.body_limit_bytes is the largest: at least twice that, or 0 for no bound",
                );
            }
            Some(bytes)
        }),
        shed_when_late_ms: fields.or("shed_when_late_ms", LATE_MS, |node| node.integer(0..=10_000)),
    }
}
