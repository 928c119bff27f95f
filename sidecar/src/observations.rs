//! What the configured targets did: one window per target, fed by the filter's records.

use std::collections::{BTreeMap, BTreeSet};

use ark_gateway_core::record::{AttemptRecord, Outcome, Record, Verdict};
use ark_gateway_core::score::{KeyLengths, ModelScore};

use crate::Ms;
use crate::forecast::Forecaster;
use crate::headroom::{Account, Fill, Shown, Told};
use crate::key_lengths::{ByKey, Keyed};
use crate::memory::Lengths;
use crate::meter::Limits;
use crate::probing::is_probe;
use crate::scores::Reachability;
use crate::window::{Sample, Window};

/// A target by name: (provider, the provider's name for the model).
pub type TargetKey = (String, String);

/// The windows of the configured targets; attempts at others are not kept.
#[derive(Default)]
pub struct Observations {
    windows: BTreeMap<TargetKey, Window>,
    told: BTreeMap<TargetKey, Told>,
    accounts: BTreeMap<String, Account>,
    lengths: BTreeMap<String, Lengths>,
    key_lengths: ByKey,
    demands: BTreeMap<String, Demand>,
    /// The moment of the clock's zero, for the time of the day.
    unix_ms: u64,
}

/// What is asked of one model.
pub struct Demand {
    /// In tokens, prompt and completion.
    pub tokens: Forecaster,
    /// Mean tokens of a request: what one that failed had asked for.
    mean: u64,
}

impl Observations {
    /// Without knowledge; `unix_ms` is the moment of the clock's zero.
    #[must_use]
    pub fn new(unix_ms: u64) -> Self {
        Self {
            unix_ms,
            ..Self::default()
        }
    }

    /// Keeps windows for these targets only; those that stay keep what they know.
    pub fn configure(&mut self, targets: &BTreeSet<TargetKey>) {
        self.windows.retain(|key, _| targets.contains(key));
        self.told.retain(|key, _| targets.contains(key));
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
        self.key_lengths.retain(|model| models.contains(model));
        for model in models {
            self.lengths.entry(model.clone()).or_default();
        }
        self.accounts.retain(|name, _| providers.contains_key(name));
        for (name, limits) in providers {
            let account = Account::new(limits, self.unix_ms);
            self.accounts.entry(name).or_insert(account).limit(limits);
        }
        self.demands.retain(|model, _| models.contains(model));
        for model in models {
            let demand = || Demand {
                tokens: Forecaster::new(self.unix_ms),
                mean: 0,
            };
            self.demands.entry(model.clone()).or_insert_with(demand);
        }
    }

    /// Lets time pass, so that forecasts are of now.
    pub fn advance(&mut self, now: Ms) {
        for account in self.accounts.values_mut() {
            account.advance(now);
        }
        for demand in self.demands.values_mut() {
            demand.tokens.advance(now);
        }
    }

    /// Takes in a record that arrived at `now`.
    pub fn observe(&mut self, record: &Record, now: Ms) {
        // A probe is nobody's demand, and its answer is cut short.
        let is_demand = !is_probe(record) && !record.is_shadow();
        let answered_by = record.fallback.as_ref().unwrap_or(&record.model);
        if let Some(lengths) = self.lengths.get_mut(answered_by)
            && is_demand
            && record.outcome == Outcome::Ok
            && record.usage.output_tokens > 0
        {
            lengths.record(record.usage.output_tokens, now);
            if !record.key.is_empty() {
                let of = (answered_by.as_str(), record.key.as_str());
                self.key_lengths.record(of, record.usage.output_tokens, now);
            }
        }
        if is_demand {
            self.ask(record, now);
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
                if let Some(account) = self.accounts.get_mut(&attempt.provider)
                    && attempt.verdict != Verdict::RateLimited
                {
                    account.take(record.usage.input_tokens + tokens, now);
                }
                if let Some(said) = &attempt.rate_limits {
                    let at = now.saturating_sub(since_head_ms(record, attempt));
                    self.told.entry(key).or_default().hear(said, at);
                }
            }
        }
    }

    /// What a client asked of a model. What failed was asked for too.
    fn ask(&mut self, record: &Record, now: Ms) {
        let Some(demand) = self.demands.get_mut(&record.model) else {
            return;
        };
        let tokens = record.usage.input_tokens + record.usage.output_tokens;
        if tokens > 0 {
            demand.tokens.add(tokens, now);
            demand.mean = (demand.mean * 31 + tokens) / 32;
        } else if record.outcome == Outcome::Failed {
            demand.tokens.add(demand.mean, now);
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

    /// How full a target's rate limits are: the most of what was sent to its provider, what will have been
    /// with so many requests in flight, and the provider's own word.
    #[must_use]
    pub fn metered(&self, provider: &str, model: &str, in_flight: u64, now: Ms) -> f32 {
        let fill = self.fill(provider, in_flight, now);
        let key = (provider.to_owned(), model.to_owned());
        let told = self.told.get(&key).and_then(|told| told.utilisation(now));
        fill.now.max(fill.predicted).max(told.unwrap_or(0.0))
    }

    /// How full a provider's account is, by the limits in `ark.yaml`.
    #[must_use]
    pub fn fill(&self, provider: &str, in_flight: u64, now: Ms) -> Fill {
        let account = self.accounts.get(provider);
        account.map_or_else(Fill::default, |account| account.fill(in_flight, now))
    }

    /// What each provider is sent, and will be.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &Account)> {
        let accounts = self.accounts.iter();
        accounts.map(|(name, account)| (name.as_str(), account))
    }

    /// What is asked of each model, and will be.
    pub fn demands(&self) -> impl Iterator<Item = (&str, &Forecaster)> {
        let demands = self.demands.iter();
        demands.map(|(model, demand)| (model.as_str(), &demand.tokens))
    }

    /// What providers have said of their limits and what still holds of it, with how full each target is
    /// by that.
    pub fn told(&self, now: Ms) -> impl Iterator<Item = (&TargetKey, Shown, f32)> {
        self.told.iter().filter_map(move |(key, told)| {
            let used = told.utilisation(now)?;
            Some((key, told.shown(now)?, used))
        })
    }

    /// How long the answers of models to single keys are, where that is another length than `models` say.
    pub fn key_lengths(
        &mut self,
        paged: Keyed<'_>,
        models: &[ModelScore],
        now: Ms,
    ) -> Vec<KeyLengths> {
        self.key_lengths.told(paged, models, now)
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

/// How long before the end of the request the head of an attempt's answer came, milliseconds.
fn since_head_ms(record: &Record, attempt: &AttemptRecord) -> Ms {
    let took_us = attempt.ttft_us.unwrap_or(attempt.duration_us);
    let head_us = attempt.start_us.saturating_add(took_us);
    record.duration_us.saturating_sub(head_us) / 1_000
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
