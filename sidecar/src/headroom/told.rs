//! What a provider said of its limits in its answers, for one account and model: the freshest word wins, and
//! none is believed for longer than [`MOST_BELIEVED_MS`].

use ark_gateway_core::record::{Allowance, RateLimits};
use serde::Serialize;

use crate::Ms;

/// Longest that one answer's word is believed, milliseconds: whatever a provider says, its target is asked
/// again then.
pub(super) const MOST_BELIEVED_MS: Ms = 60_000;
/// The bucket of most vendors is whole again after this, milliseconds.
const MINUTE_MS: f64 = 60_000.0;
/// A reset that is off by so much is still that of a bucket, milliseconds: some vendors round to seconds.
const ROUNDING_MS: f64 = 1_500.0;
/// And by such a share.
const ROUNDING: f64 = 0.25;

/// The provider's word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    requests: Option<Word>,
    tokens: Option<Word>,
}

#[derive(Clone, Copy, Debug)]
struct Word {
    allowance: Allowance,
    at: Ms,
}

/// The provider's word, as `/v1/scores` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What it said of requests.
    pub requests: Option<Allowance>,
    /// What it said of tokens.
    pub tokens: Option<Allowance>,
    /// How long ago, milliseconds.
    pub age_ms: Ms,
}

impl Told {
    /// Takes in what an answer's head said at `at`; an older word than what is known counts for nothing.
    pub fn hear(&mut self, said: &RateLimits, at: Ms) {
        for (slot, said) in [
            (&mut self.requests, said.requests),
            (&mut self.tokens, said.tokens),
        ] {
            if let Some(allowance) = said
                && slot.is_none_or(|known| known.at <= at)
            {
                *slot = Some(Word { allowance, at });
            }
        }
    }

    /// How much is used up by its word, 0 to 1; `None` when it has said nothing that still holds.
    #[must_use]
    pub fn utilisation(&self, now: Ms) -> Option<f32> {
        let words = [self.requests, self.tokens].into_iter().flatten();
        words.filter_map(|word| word.used(now)).reduce(f32::max)
    }

    /// What still holds of it.
    #[must_use]
    pub fn shown(&self, now: Ms) -> Option<Shown> {
        let holds = |word: Option<Word>| word.filter(|word| word.used(now).is_some());
        let (requests, tokens) = (holds(self.requests), holds(self.tokens));
        let at = requests.map(|w| w.at).max(tokens.map(|w| w.at))?;
        Some(Shown {
            requests: requests.map(|word| word.allowance),
            tokens: tokens.map(|word| word.allowance),
            age_ms: now.saturating_sub(at),
        })
    }
}

impl Word {
    /// The share that is used up; `None` when that has passed, or cannot be told.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a share"
    )]
    fn used(&self, now: Ms) -> Option<f32> {
        let Allowance {
            remaining,
            limit,
            reset_ms,
        } = self.allowance;
        let age_ms = now.saturating_sub(self.at);
        if age_ms >= reset_ms.unwrap_or(MOST_BELIEVED_MS).min(MOST_BELIEVED_MS) {
            return None;
        }
        // Without a limit only that nothing is left means something.
        let Some(limit) = limit.filter(|limit| *limit > 0) else {
            return (remaining == 0).then_some(1.0);
        };
        let limit = limit as f64;
        let used = 1.0 - (remaining as f64 / limit).min(1.0);
        // A bucket refills evenly; a window gives nothing back before its end.
        let back = if is_bucket(used, reset_ms) {
            age_ms as f64 / MINUTE_MS
        } else {
            0.0
        };
        Some((used - back).max(0.0) as f32)
    }
}

/// Whether a limit of which a share is used is whole again when a bucket of one minute would be.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of an hour")]
fn is_bucket(used: f64, reset_ms: Option<u64>) -> bool {
    let expected_ms = used * MINUTE_MS;
    reset_ms.is_none_or(|ms| {
        let off_ms = (ms as f64 - expected_ms).abs();
        off_ms <= ROUNDING_MS.max(expected_ms * ROUNDING)
    })
}
