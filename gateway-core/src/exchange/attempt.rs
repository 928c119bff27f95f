//! One attempt at one target.

use crate::limit::Nanos;
use crate::record::{RateLimits, Usage, Verdict};
use crate::snapshot::{ProviderId, TargetId};

/// One attempt while it runs and after.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) target: TargetId,
    pub(super) provider: ProviderId,
    pub(super) started: Nanos,
    pub(super) first_byte: Option<Nanos>,
    pub(super) status: Option<u16>,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) rate_limits: Option<RateLimits>,
    pub(super) lost: Vec<String>,
    /// What the provider last reported.
    pub(super) usage: Option<Usage>,
    /// What the output would come to if it never does: about one per piece that came.
    pub(super) output_tokens: u64,
    /// It began while another one waited.
    pub(super) hedge: bool,
    /// It reported of the whole answer, or of all that came.
    pub(super) usage_is_whole: bool,
    /// The answer came to its proper end; when is known when the exchange is settled.
    pub(super) complete: bool,
    /// The sidecar was told that it runs.
    pub(super) told: bool,
    /// Set once, by whatever ended it.
    pub(super) ended: Option<(Nanos, Verdict)>,
}

/// The verdict of a status that the router retries; `None` for success and for the client's errors.
#[must_use]
pub fn failure_of(status: u16) -> Option<Verdict> {
    match status {
        401 | 403 => Some(Verdict::Auth),
        429 => Some(Verdict::RateLimited),
        503 | 529 => Some(Verdict::Overloaded),
        500.. => Some(Verdict::ServerError),
        _ => None,
    }
}
