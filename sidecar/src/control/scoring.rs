//! Scores of the running snapshot's targets, from all that was measured.

use ark_gateway_core::score::{ModelScore, Scores, TargetScore};
use ark_gateway_core::snapshot::TargetSpec;

use super::Control;
use crate::Ms;
use crate::key_lengths;
use crate::scores::{self, Inputs};

/// Over which the rate of attempts is taken, seconds.
const RATE_SPAN_S: u64 = 10;

/// Least time between two judgements, milliseconds: what a worker says is in the answer that it gets.
const JUDGE_LEAST_MS: Ms = 100;
/// And so much more for each target: judging one takes microseconds, and all are judged.
const JUDGE_TARGETS_PER_MS: usize = 4;
/// The tick judges at any rate.
const JUDGE_MOST_MS: Ms = 250;

impl Control {
    /// Judges anew on a worker's word, unless that has just been done.
    pub(super) fn rescore_at_once(&mut self, now: Ms) {
        let targets = self.snapshot.targets.len() / JUDGE_TARGETS_PER_MS;
        let pause = JUDGE_LEAST_MS + Ms::try_from(targets).unwrap_or(Ms::MAX);
        if now.saturating_sub(self.judged_at) >= pause.min(JUDGE_MOST_MS) {
            self.rescore(now);
        }
    }

    /// Judges all targets anew; what has not changed beyond noise is no news for the workers.
    pub(super) fn rescore(&mut self, now: Ms) {
        self.judged_at = now;
        self.notice_waiting(now);
        self.observations.advance(now);
        let targets = self.assess(now, |inputs, _| scores::assess(inputs, now));
        let models = self.lengths(now);
        let keyed = (&self.snapshot, self.pages.as_slice());
        let lengths = self.observations.key_lengths(keyed, &models, now);
        let canaries = self.canary_shares();
        let workers = u16::try_from(self.workers.live(now).count().max(1)).unwrap_or(u16::MAX);
        let told = &self.scores;
        let same = told.snapshot == self.snapshot.version
            && told.workers == workers
            && told.canaries == canaries
            && told.targets.len() == targets.len()
            && !told
                .targets
                .iter()
                .zip(&targets)
                .any(|(old, new)| scores::differs(old, new))
            && !key_lengths::differ(&told.lengths, &lengths)
            && told.models.len() == models.len()
            && !told
                .models
                .iter()
                .zip(&models)
                .any(|(old, new)| scores::lengths_differ(*old, *new));
        if !same {
            self.scores = Scores {
                snapshot: self.snapshot.version.clone(),
                sequence: told.sequence + 1,
                targets,
                models,
                lengths,
                canaries,
                workers,
            };
            self.past.told(&self.scores);
        }
    }

    /// Requests in flight at a provider: by Envoy's word, or else by its workers'.
    pub(super) fn in_flight(&self, provider: &str, now: Ms) -> u64 {
        let waiting = self.workers.waiting_at(provider, now);
        scores::in_flight(self.envoy.gauges(provider), waiting, now).unwrap_or(0)
    }

    /// Attempts that wait far too long open a circuit before they end.
    fn notice_waiting(&mut self, now: Ms) {
        for spec in &self.snapshot.targets {
            let provider = self.snapshot.providers.get(usize::from(spec.provider.0));
            let name = provider.map_or("", |p| p.name.as_str());
            let ages_ms = self.workers.waiting(name, &spec.model, now);
            if !ages_ms.is_empty() {
                let key = (name.to_owned(), spec.model.clone());
                self.observations.waiting(&key, &ages_ms, now);
            }
        }
    }

    fn lengths(&self, now: Ms) -> Vec<ModelScore> {
        let models = self.snapshot.models.iter();
        models
            .map(|model| self.observations.lengths(&model.name, now))
            .collect()
    }

    /// Attempts per second of each target's models, all their targets together.
    fn rates(&self, now: Ms) -> Vec<f32> {
        let attempts = |spec: &TargetSpec| {
            let provider = self.snapshot.providers.get(usize::from(spec.provider.0));
            let name = provider.map_or("", |p| p.name.as_str());
            let window = self.observations.window(name, &spec.model);
            window.map_or(0, |w| w.verdicts(now, RATE_SPAN_S).judged())
        };
        let own: Vec<u64> = self.snapshot.targets.iter().map(attempts).collect();
        let mut rates = vec![0.0_f32; own.len()];
        for model in &self.snapshot.models {
            let ids = || model.targets.iter().map(|id| usize::from(id.0));
            let sum: u64 = ids().filter_map(|id| own.get(id)).sum();
            for id in ids() {
                if let Some(rate) = rates.get_mut(id) {
                    *rate = rate.max(scores::ratio(sum, RATE_SPAN_S));
                }
            }
        }
        rates
    }

    /// Runs `judge` over the inputs of every target of the snapshot, with what the filter was told.
    pub(super) fn assess<T>(
        &self,
        now: Ms,
        judge: impl Fn(&Inputs<'_>, TargetScore) -> T,
    ) -> Vec<T> {
        let reachability = self.observations.reachability(now);
        let rates = self.rates(now);
        let is_told = self.scores.snapshot == self.snapshot.version;
        let target = |(n, spec): (usize, &TargetSpec)| {
            let provider = self.snapshot.providers.get(usize::from(spec.provider.0));
            let name = provider.map_or("", |p| p.name.as_str());
            let told = self.scores.targets.get(n).filter(|_| is_told);
            let inputs = Inputs {
                window: self.observations.window(name, &spec.model),
                waiting_ms: &self.workers.waiting(name, &spec.model, now),
                provider_waiting: self.workers.waiting_at(name, now),
                gauges: self.envoy.gauges(name),
                reachability: reachability.get(name).copied().unwrap_or_default(),
                max_in_flight: provider.map_or(1, |p| p.max_in_flight),
                metered: self.observations.metered(
                    name,
                    &spec.model,
                    self.in_flight(name, now),
                    now,
                ),
                rate_per_s: rates.get(n).copied().unwrap_or_default(),
            };
            judge(&inputs, told.copied().unwrap_or_default())
        };
        self.snapshot
            .targets
            .iter()
            .enumerate()
            .map(target)
            .collect()
    }
}
