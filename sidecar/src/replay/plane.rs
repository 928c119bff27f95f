//! The control plane in the simulation: windows, meters, lengths and scores of [`crate::scores`], by
//! index instead of by name.

use std::rc::Rc;

use ark_gateway_core::record::Verdict;
use ark_gateway_core::rules::CanaryShare;
use ark_gateway_core::score::{ModelScore, Scores, TargetScore};
use ark_gateway_core::snapshot::{ModelId, ModelSpec, Snapshot, TargetId};

use super::Us;
use super::engine::Running;
use super::outlier::Outlier;
use crate::Ms;
use crate::headroom::Account;
use crate::memory::Lengths;
use crate::meter::Limits;
use crate::scores::{self, Gauges, Inputs, Reachability};
use crate::window::{Sample, Window};

/// How often Envoy's gauges are read.
const SCRAPE_MS: Ms = 1_000;
/// Least time between two judgements, milliseconds.
const JUDGE_LEAST_MS: Ms = 100;
/// Over which reachability and rates are taken, seconds.
const SPAN_S: u64 = 10;

/// What a worker's record says of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Its target.
    pub target: TargetId,
    /// Its model.
    pub model: ModelId,
    /// Prompt tokens.
    pub input_tokens: u64,
    /// The rest.
    pub sample: Sample,
}

/// What is known of one target, and what came of it.
#[derive(Default)]
struct Known {
    window: Window,
    /// Ages of waiting attempts, by worker, as of a time.
    waiting: Vec<(usize, Ms, u32)>,
    provider: usize,
    judged: TargetScore,
    /// Something was heard since it was judged.
    news: bool,
}

struct Metered {
    account: Account,
    max_in_flight: u32,
    gauges: Option<Gauges>,
    outlier: Outlier,
}

/// The shares of automatic canaries: here they stay with what they begin with.
fn starting_shares(snapshot: &Snapshot) -> Vec<CanaryShare> {
    let models = (0u16..).zip(&snapshot.models);
    let share = |(n, model): (u16, &ModelSpec)| {
        let canary = model.rules.canary.as_ref().filter(|c| c.is_automatic)?;
        let (model, share) = (ModelId(n), canary.share);
        Some(CanaryShare { model, share })
    };
    models.filter_map(share).collect()
}

/// The control plane.
pub struct Plane {
    snapshot: Snapshot,
    targets: Vec<Known>,
    providers: Vec<Metered>,
    lengths: Vec<Lengths>,
    /// Attempts that run, per worker and provider.
    running: Vec<Vec<u32>>,
    scores: Rc<Scores>,
    second: Ms,
    scraped: Ms,
    judged_at: Ms,
    /// Whether what is to come counts, or only what was.
    forecasts: bool,
}

impl Plane {
    /// Starts with a snapshot and no knowledge.
    #[must_use]
    pub fn new(snapshot: &Snapshot, forecasts: bool) -> Self {
        let mut plane = Self {
            snapshot: snapshot.clone(),
            targets: Vec::new(),
            providers: Vec::new(),
            lengths: Vec::new(),
            running: Vec::new(),
            scores: Rc::default(),
            second: 0,
            scraped: 0,
            judged_at: 0,
            forecasts,
        };
        plane.replace(snapshot);
        plane
    }

    /// Takes another snapshot; what is known of its targets stays.
    pub fn replace(&mut self, snapshot: &Snapshot) {
        self.snapshot = snapshot.clone();
        self.targets
            .resize_with(snapshot.targets.len(), Known::default);
        for (known, spec) in self.targets.iter_mut().zip(&snapshot.targets) {
            known.provider = usize::from(spec.provider.0);
            known.news = true;
        }
        self.providers
            .resize_with(snapshot.providers.len(), || Metered {
                account: Account::new(Limits::default(), 0),
                max_in_flight: 0,
                gauges: None,
                outlier: Outlier::default(),
            });
        for (metered, spec) in self.providers.iter_mut().zip(&snapshot.providers) {
            metered.max_in_flight = spec.max_in_flight;
            metered.account.limit(Limits {
                requests: spec.requests_per_minute,
                tokens: spec.tokens_per_minute,
            });
        }
        self.lengths
            .resize_with(snapshot.models.len(), Lengths::default);
        self.scores = Rc::new(Scores {
            snapshot: snapshot.version.clone(),
            sequence: self.scores.sequence + 1,
            targets: self.targets.iter().map(|known| known.judged).collect(),
            models: self.scores.models.clone(),
            lengths: Vec::new(),
            canaries: starting_shares(snapshot),
            workers: self.scores.workers,
        });
    }

    /// What workers are told.
    #[must_use]
    pub fn scores(&self) -> Rc<Scores> {
        Rc::clone(&self.scores)
    }

    /// A record arrives.
    pub fn observe(&mut self, told: &Told, now: Us) {
        let now = now / 1000;
        let ok = told.sample.verdict == Verdict::Ok;
        if let Some(lengths) = self.lengths.get_mut(told.model_index())
            && ok
            && told.sample.output_tokens > 0
        {
            lengths.record(told.sample.output_tokens, now);
        }
        let Some(known) = self.targets.get_mut(told.target_index()) else {
            return;
        };
        known.window.record(&told.sample, now);
        known.news = true;
        if let Some(provider) = self.providers.get_mut(known.provider)
            && told.sample.verdict != Verdict::RateLimited
        {
            let tokens = told.input_tokens + told.sample.output_tokens;
            provider.account.take(tokens, now);
        }
    }

    /// A worker says which of its attempts run, and how long those without a first byte have waited.
    pub fn waits<'a>(
        &mut self,
        worker: usize,
        running: impl Iterator<Item = &'a Running>,
        now: Us,
    ) {
        for known in &mut self.targets {
            let before = known.waiting.len();
            known.waiting.retain(|(who, _, _)| *who != worker);
            known.news |= before != known.waiting.len();
        }
        if self.running.len() <= worker {
            self.running.resize(worker + 1, Vec::new());
        }
        let mut counts = vec![0_u32; self.providers.len()];
        for attempt in running {
            let Some(known) = self.targets.get_mut(usize::from(attempt.target.0)) else {
                continue;
            };
            if let Some(count) = counts.get_mut(known.provider) {
                *count += 1;
            }
            if attempt.fate.first_byte.is_none_or(|at| at > now) {
                let age = u32::try_from((now - attempt.started) / 1000).unwrap_or(u32::MAX);
                known.waiting.push((worker, now / 1000, age));
                known.news = true;
            }
        }
        if let Some(slot) = self.running.get_mut(worker) {
            *slot = counts;
        }
    }

    /// Envoy sees how an attempt at a target ends.
    pub fn envoy_saw(&mut self, target: TargetId, verdict: Verdict, now: Us) {
        let provider = self.targets.get(usize::from(target.0)).map(|t| t.provider);
        if let Some(provider) = provider.and_then(|at| self.providers.get_mut(at)) {
            provider.outlier.saw(verdict, now / 1000);
        }
    }

    /// Judges on a worker's word, unless that has just been done.
    pub fn rescore_at_once(&mut self, now: Us) {
        if (now / 1000).saturating_sub(self.judged_at) >= JUDGE_LEAST_MS {
            self.rescore(now);
        }
    }

    /// Judges all targets anew, as the sidecar does; what has not changed beyond noise is no news.
    pub fn rescore(&mut self, now: Us) {
        let now = now / 1000;
        self.judged_at = now;
        self.scrape(now);
        let is_new_second = now / 1000 != self.second;
        self.second = now / 1000;
        if !is_new_second && self.targets.iter().all(|known| !known.news) {
            return;
        }
        let reachability = self.reachability(now);
        let rates = self.rates(now);
        let metered = self.metered(now);
        for (n, known) in self.targets.iter_mut().enumerate() {
            if !known.news && !is_new_second {
                continue;
            }
            let ages = known.waiting.iter().map(|(_, at, age)| {
                age.saturating_add(u32::try_from(now.saturating_sub(*at)).unwrap_or(u32::MAX))
            });
            let ages: Vec<u32> = ages.collect();
            known.window.waiting(&ages, now);
            known.news = !ages.is_empty();
            let provider = self.providers.get(known.provider);
            known.judged = scores::assess(
                &Inputs {
                    window: Some(&known.window),
                    waiting_ms: &ages,
                    provider_waiting: None,
                    gauges: provider.and_then(|p| p.gauges),
                    reachability: reachability
                        .get(known.provider)
                        .copied()
                        .unwrap_or_default(),
                    max_in_flight: provider.map_or(0, |p| p.max_in_flight),
                    metered: metered.get(known.provider).copied().unwrap_or_default(),
                    rate_per_s: rates.get(n).copied().unwrap_or_default(),
                },
                now,
            );
        }
        self.tell(now);
    }

    fn tell(&mut self, now: Ms) {
        let told = &self.scores;
        let learnt = self.lengths.iter().map(|lengths| lengths.learnt(now));
        let models: Vec<ModelScore> = learnt
            .map(|learnt| ModelScore {
                output_tokens: learnt.map(|(mean, _)| mean),
                long_output_tokens: learnt.map(|(_, long)| long),
            })
            .collect();
        let pairs = told.targets.iter().zip(&self.targets);
        let workers = u16::try_from(self.running.len().max(1)).unwrap_or(u16::MAX);
        let moved = told.workers != workers
            || pairs
                .clone()
                .any(|(old, new)| scores::differs(old, &new.judged))
            || told.models.len() != models.len()
            || told
                .models
                .iter()
                .zip(&models)
                .any(|(old, new)| scores::lengths_differ(*old, *new));
        if moved {
            self.scores = Rc::new(Scores {
                snapshot: self.snapshot.version.clone(),
                sequence: told.sequence + 1,
                targets: self.targets.iter().map(|known| known.judged).collect(),
                models,
                lengths: Vec::new(),
                canaries: told.canaries.clone(),
                workers,
            });
        }
    }

    /// What Envoy's gauges would say: attempts that run, by what the workers have said since.
    fn scrape(&mut self, now: Ms) {
        if now < self.scraped + SCRAPE_MS {
            return;
        }
        self.scraped = now;
        for (n, provider) in self.providers.iter_mut().enumerate() {
            let running = self.running.iter().filter_map(|counts| counts.get(n));
            provider.gauges = Some(Gauges {
                active: running.map(|count| u64::from(*count)).sum(),
                healthy: u64::from(!provider.outlier.is_ejected(now)),
                total: 1,
                at: now,
            });
        }
    }

    /// How full each provider is.
    fn metered(&mut self, now: Ms) -> Vec<f32> {
        let mut shares = Vec::new();
        for (n, provider) in self.providers.iter_mut().enumerate() {
            let running = self.running.iter().filter_map(|counts| counts.get(n));
            let in_flight = running.map(|count| u64::from(*count)).sum();
            provider.account.advance(now);
            let fill = provider.account.fill(in_flight, now);
            shares.push(if self.forecasts {
                fill.predicted
            } else {
                fill.now
            });
        }
        shares
    }

    fn reachability(&self, now: Ms) -> Vec<Reachability> {
        let mut providers = vec![Reachability::default(); self.providers.len()];
        for known in &self.targets {
            let verdicts = known.window.verdicts(now, SPAN_S);
            if let Some(sum) = providers.get_mut(known.provider) {
                sum.judged += verdicts.judged();
                sum.faults += verdicts.provider_wide_faults();
            }
        }
        providers
    }

    fn rates(&self, now: Ms) -> Vec<f32> {
        let attempts = |known: &Known| known.window.verdicts(now, SPAN_S).judged();
        let own: Vec<u64> = self.targets.iter().map(attempts).collect();
        let mut rates = vec![0.0_f32; own.len()];
        for model in &self.snapshot.models {
            let ids = || model.targets.iter().map(|id| usize::from(id.0));
            let sum: u64 = ids().filter_map(|id| own.get(id)).sum();
            for id in ids() {
                if let Some(rate) = rates.get_mut(id) {
                    *rate = rate.max(scores::ratio(sum, SPAN_S));
                }
            }
        }
        rates
    }
}
