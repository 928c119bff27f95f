//! What the configured targets did: one window per target, fed by the filter's records.

use std::collections::{BTreeMap, BTreeSet};

use ark_gateway_core::record::{AttemptRecord, Outcome, Record, Verdict};
use ark_gateway_core::score::ModelScore;

use crate::Ms;
use crate::memory::Lengths;
use crate::meter::{Limits, Meter};
use crate::scores::Reachability;
use crate::window::{Sample, Window};

/// A target by name: (provider, the provider's name for the model).
pub type TargetKey = (String, String);

/// The windows of the configured targets; attempts at others are not kept.
#[derive(Default)]
pub struct Observations {
    windows: BTreeMap<TargetKey, Window>,
    meters: BTreeMap<String, Metered>,
    lengths: BTreeMap<String, Lengths>,
}

/// A provider's limits and what is used up of them.
struct Metered {
    limits: Limits,
    meter: Meter,
}

impl Observations {
    /// Keeps windows for these targets only; those that stay keep what they know.
    pub fn configure(&mut self, targets: &BTreeSet<TargetKey>) {
        self.windows.retain(|key, _| targets.contains(key));
        for key in targets {
            self.windows.entry(key.clone()).or_default();
        }
    }

    /// Keeps what these models have answered and what these providers take; both by name.
    pub fn configure_limits(
        &mut self,
        models: &BTreeSet<String>,
        providers: BTreeMap<String, Limits>,
    ) {
        self.lengths.retain(|model, _| models.contains(model));
        for model in models {
            self.lengths.entry(model.clone()).or_default();
        }
        self.meters.retain(|name, _| providers.contains_key(name));
        for (name, limits) in providers {
            let meter = Meter::default();
            self.meters
                .entry(name)
                .or_insert(Metered { limits, meter })
                .limits = limits;
        }
    }

    /// Takes in a record that arrived at `now`.
    pub fn observe(&mut self, record: &Record, now: Ms) {
        if let Some(lengths) = self
            .lengths
            .get_mut(record.fallback.as_ref().unwrap_or(&record.model))
            && record.outcome == Outcome::Ok
            && !record.is_shadow()
            && record.usage.output_tokens > 0
        {
            lengths.record(record.usage.output_tokens, now);
        }
        let last = record.attempts.len();
        for (n, attempt) in record.attempts.iter().enumerate() {
            let key = (attempt.provider.clone(), attempt.model.clone());
            if let Some(window) = self.windows.get_mut(&key) {
                // The usage of a record is that of the attempt whose answer the client got.
                let tokens = if n + 1 == last {
                    record.usage.output_tokens
                } else {
                    0
                };
                window.record(&sample(attempt, tokens, record.stream), now);
                // What was refused was not metered.
                if let Some(Metered { limits, meter }) = self.meters.get_mut(&attempt.provider)
                    && attempt.verdict != Verdict::RateLimited
                {
                    meter.take(record.usage.input_tokens + tokens, *limits, now);
                }
            }
        }
    }

    /// A target's window.
    #[must_use]
    pub fn window(&self, provider: &str, model: &str) -> Option<&Window> {
        self.windows.get(&(provider.to_owned(), model.to_owned()))
    }

    /// Attempts have waited so long at a target, milliseconds.
    pub fn waiting(&mut self, key: &TargetKey, ages_ms: &[u32], now: Ms) {
        if let Some(window) = self.windows.get_mut(key) {
            window.waiting(ages_ms, now);
        }
    }

    /// How much of a provider's rate limits is used up.
    #[must_use]
    pub fn metered(&self, provider: &str, now: Ms) -> f32 {
        let metered = self.meters.get(provider);
        metered.map_or(0.0, |m| m.meter.utilisation(m.limits, now))
    }

    /// How long the answers of a model are.
    #[must_use]
    pub fn lengths(&self, model: &str, now: Ms) -> ModelScore {
        let learnt = self.lengths.get(model).and_then(|l| l.learnt(now));
        ModelScore {
            output_tokens: learnt.map(|(mean, _)| mean),
            long_output_tokens: learnt.map(|(_, long)| long),
        }
    }

    /// What all targets of each provider say of it, over the last 10 s.
    #[must_use]
    pub fn reachability(&self, now: Ms) -> BTreeMap<&str, Reachability> {
        let mut providers: BTreeMap<&str, Reachability> = BTreeMap::new();
        for ((provider, _), window) in &self.windows {
            let verdicts = window.verdicts(now, 10);
            let sum = providers.entry(provider).or_default();
            sum.judged += verdicts.judged();
            sum.faults += verdicts.provider_wide_faults();
        }
        providers
    }
}

fn sample(attempt: &AttemptRecord, output_tokens: u64, streamed: bool) -> Sample {
    // Whoever gave no first byte in time, or before another did, took at least as long as was waited.
    let waited = matches!(attempt.verdict, Verdict::Timeout | Verdict::Hedged)
        .then_some(attempt.duration_us);
    Sample {
        verdict: attempt.verdict,
        ttft_us: match attempt.verdict {
            Verdict::Ok | Verdict::Cut | Verdict::Timeout | Verdict::Hedged => {
                attempt.ttft_us.or(waited)
            }
            // A refusal is fast, and says nothing of how fast an answer would be.
            Verdict::ClientError
            | Verdict::Unreachable
            | Verdict::RateLimited
            | Verdict::Overloaded
            | Verdict::ServerError
            | Verdict::Auth
            | Verdict::FirstEvent => None,
            // The client went: what had come, had come.
            Verdict::Abandoned => attempt.ttft_us,
        },
        duration_us: attempt.duration_us,
        output_tokens,
        streamed,
        retry_after_ms: attempt.retry_after_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{attempt, record};

    fn observations() -> Observations {
        let mut observations = Observations::default();
        let key = |model: &str| ("a".to_owned(), model.to_owned());
        observations.configure(&BTreeSet::from([key("m"), key("n")]));
        observations
    }

    #[test]
    fn only_configured_targets_are_kept_and_they_keep_what_they_know() {
        let mut observations = observations();
        observations.observe(&record(vec![attempt("a", "m", Verdict::Ok)]), 1_000);
        observations.observe(&record(vec![attempt("made", "up", Verdict::Ok)]), 1_000);
        assert_eq!(observations.windows.len(), 2);
        observations.configure(&BTreeSet::from([("a".to_owned(), "m".to_owned())]));
        let view = observations.window("a", "m").unwrap().view(1_000, 30);
        assert_eq!(view.verdicts.judged(), 1);
        assert!(observations.window("a", "n").is_none());
    }

    #[test]
    fn a_record_speaks_for_each_of_its_attempts_and_its_tokens_for_the_last() {
        let mut observations = observations();
        let attempts = vec![
            attempt("a", "m", Verdict::Timeout),
            attempt("a", "n", Verdict::Ok),
        ];
        observations.observe(&record(attempts), 1_000);
        let m = observations.window("a", "m").unwrap().view(1_000, 30);
        let n = observations.window("a", "n").unwrap().view(1_000, 30);
        assert_eq!(
            (m.verdicts.faults(), m.output_tokens, m.ttft.len()),
            (1, 0, 1)
        );
        assert_eq!(
            (n.verdicts.faults(), n.output_tokens, n.ttft.len()),
            (0, 21, 1)
        );
    }

    #[test]
    fn a_fast_refusal_makes_no_provider_look_fast() {
        let mut observations = observations();
        for verdict in [
            Verdict::RateLimited,
            Verdict::Unreachable,
            Verdict::ClientError,
        ] {
            observations.observe(&record(vec![attempt("a", "m", verdict)]), 1_000);
        }
        let view = observations.window("a", "m").unwrap().view(1_000, 30);
        assert!(view.ttft.is_empty());
        let reachability = observations.reachability(1_000);
        assert_eq!(
            reachability["a"],
            Reachability {
                judged: 3,
                faults: 1
            }
        );
    }
}
