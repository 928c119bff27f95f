//! What a worker's record is taken into.

use ark_gateway_core::record::{Record, Verdict};

use super::Control;
use crate::Ms;
use crate::probing::is_probe;

/// Least time between two logs of a provider that refuses our credential, milliseconds.
const LOUD_EVERY_MS: Ms = 60_000;

impl Control {
    pub(super) fn observe(&mut self, record: &Record, now: Ms) {
        if is_probe(record) {
            self.probe_told(record);
        } else {
            self.setting.metrics.observe(record, &self.known);
        }
        self.observations.observe(record, now);
        if !record.is_shadow() {
            self.canaries.observe(record, now);
        }
        self.shadows.observe(record);
        for attempt in &record.attempts {
            let known = self.known.providers.contains(&attempt.provider);
            if attempt.verdict == Verdict::Auth && known {
                self.complain(&attempt.provider, attempt.status, now);
            }
        }
    }

    /// A bad credential of ours is the operator's to mend, and no client's error shows it.
    fn complain(&mut self, provider: &str, status: Option<u16>, now: Ms) {
        let last = self.loud_at.get(provider).copied();
        if last.is_none_or(|last| now.saturating_sub(last) >= LOUD_EVERY_MS) {
            self.loud_at.insert(provider.to_owned(), now);
            tracing::error!(
                provider,
                status,
                "provider refuses Ark's credential; check that it is valid"
            );
        }
    }
}
