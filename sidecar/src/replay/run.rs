//! A whole replay: every policy and every baseline over one load.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ark_gateway_core::snapshot::{ModelId, Snapshot};

use super::Us;
use super::ark::{Ark, Wiring};
use super::baseline::{Baseline, Way};
use super::engine::{Change, Chooser, Engine, World};
use super::load::Load;
use super::server::Server;
use super::tally::Tally;
use super::world::{Nature, WorldConfig};

/// Slots of the time line.
const SLOTS: usize = 96;

/// A policy to replay.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What it is called in the report.
    pub name: String,
    /// What it compiles to.
    pub snapshot: Snapshot,
}

/// What is common to all runs of a replay.
#[derive(Debug)]
pub struct Setting<'a> {
    /// The requests.
    pub load: &'a Load,
    /// The providers.
    pub world: &'a WorldConfig,
    /// Envoy workers.
    pub workers: usize,
    /// Of everything random.
    pub seed: u64,
    /// The yardstick for SLO misses in all runs, and the targets of the baselines.
    pub first: &'a Snapshot,
    /// The model of requests that name none.
    pub model: ModelId,
    /// Whether Ark's control plane looks at what was only, and not at what is to come.
    pub no_forecast: bool,
}

/// One run and what came of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is called in the report.
    pub name: String,
    /// What chose.
    pub kind: Kind,
    /// What came of it.
    pub tally: Tally,
    /// The name of each target's provider.
    pub providers: Vec<String>,
}

/// What chose in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A policy of Ark.
    Policy,
    /// A baseline.
    Baseline(Way),
}

impl Setting<'_> {
    /// A world of the providers of `snapshot`, at its beginning.
    #[must_use]
    pub fn world_of(&self, snapshot: &Snapshot) -> World {
        // Processes run on for a while after the last request has come.
        let horizon = self.load.span().saturating_add(3_600_000_000);
        let server = |spec: &ark_gateway_core::snapshot::ProviderSpec| {
            let given = self.world.providers.get(&spec.name);
            let nature = given.cloned().unwrap_or_else(|| Nature::of(spec.tier));
            Server::new(&spec.name, nature, self.seed, horizon)
        };
        World {
            servers: snapshot.providers.iter().map(server).collect(),
            snapshot: snapshot.clone(),
            now: 0,
        }
    }

    /// An engine with `slots` slots of time line; `full` has every target that the run will know.
    #[must_use]
    pub fn engine(&self, snapshot: &Snapshot, full: &Snapshot, slots: usize) -> Engine<'_> {
        let slos = self.first.priorities.map(|spec| spec.slo);
        let tally = Tally::new(slos, full.targets.len(), self.load.span(), slots);
        let mut world = self.world_of(full);
        world.snapshot = snapshot.clone();
        Engine::new(world, self.load, self.workers, tally, self.seed)
    }

    /// Runs one policy, with an optional change in its middle.
    ///
    /// # Errors
    /// The snapshot contradicts itself.
    pub fn policy(
        &self,
        snapshot: &Snapshot,
        wiring: Wiring,
        change: Option<Change>,
        slots: usize,
    ) -> Result<Tally, String> {
        let mut ark = Ark::new(snapshot, self.workers, wiring, self.seed)?;
        let full = change.as_ref().map_or(snapshot, |change| &change.snapshot);
        let mut engine = self.engine(snapshot, full, slots);
        engine.change = change;
        Ok(engine.run(&mut ark, &mut |_| {}))
    }

    /// The baselines over the targets of the first policy's model.
    #[must_use]
    pub fn ways(&self) -> Vec<Way> {
        let model = self.first.models.get(usize::from(self.model.0));
        let targets = model.map_or(0, |model| model.targets.len());
        let singles = (0..targets).map(Way::Only);
        let others = [
            Way::RoundRobin,
            Way::LowestPrice,
            Way::LowestLatency,
            Way::WeightedStatic,
            Way::TwoChoices,
            Way::Oracle,
        ];
        singles.chain(others).collect()
    }

    fn one(&self, job: &Job<'_>, done: &AtomicU64) -> Result<Run, String> {
        let (snapshot, name, kind, mut chooser): (_, _, _, Box<dyn Chooser>) = match job {
            Job::Policy(policy) => {
                let snapshot = &policy.snapshot;
                let wiring = Wiring {
                    no_forecast: self.no_forecast,
                    starts_ready: true,
                    ..Wiring::default()
                };
                let ark = Ark::new(snapshot, self.workers, wiring, self.seed)?;
                (snapshot, policy.name.clone(), Kind::Policy, Box::new(ark))
            }
            Job::Baseline(way) => {
                let baseline = Baseline::new(*way, self.first, self.seed);
                let name = self.name_of(*way);
                (self.first, name, Kind::Baseline(*way), Box::new(baseline))
            }
        };
        let mut before = 0;
        let engine = self.engine(snapshot, snapshot, SLOTS);
        let tally = engine.run(chooser.as_mut(), &mut |index| {
            done.fetch_add(index - before, Ordering::Relaxed);
            before = index;
        });
        done.fetch_add(self.load.len() - before, Ordering::Relaxed);
        Ok(Run {
            name,
            kind,
            tally,
            providers: providers_of(snapshot),
        })
    }

    fn name_of(&self, way: Way) -> String {
        let model = self.first.models.get(usize::from(self.model.0));
        let providers = providers_of(self.first);
        let name = |place: usize| {
            let target = model?.targets.get(place)?;
            providers.get(usize::from(target.0)).cloned()
        };
        match way {
            Way::Only(place) => format!("only {}", name(place).unwrap_or_default()),
            Way::RoundRobin => "round robin".to_owned(),
            Way::LowestPrice => "lowest price".to_owned(),
            Way::LowestLatency => "lowest latency".to_owned(),
            Way::WeightedStatic => "weighted static".to_owned(),
            Way::TwoChoices => "P2C with EWMA".to_owned(),
            Way::Oracle => "oracle".to_owned(),
        }
    }
}

enum Job<'a> {
    Policy(&'a Candidate),
    Baseline(Way),
}

fn providers_of(snapshot: &Snapshot) -> Vec<String> {
    let name = |spec: &ark_gateway_core::snapshot::TargetSpec| {
        let provider = snapshot.providers.get(usize::from(spec.provider.0));
        provider.map_or_else(String::new, |p| p.name.clone())
    };
    snapshot.targets.iter().map(name).collect()
}

/// Runs all policies, then the baselines if wanted, on as many threads as help. `progress` is told
/// how many of how many requests have been played, several times a second.
///
/// # Errors
/// A snapshot contradicts itself.
pub fn replay(
    setting: &Setting<'_>,
    policies: &[Candidate],
    with_baselines: bool,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Run>, String> {
    let mut jobs: Vec<Job<'_>> = policies.iter().map(Job::Policy).collect();
    if with_baselines {
        jobs.extend(setting.ways().into_iter().map(Job::Baseline));
    }
    let all = setting.load.len() * jobs.len() as u64;
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let results: Mutex<Vec<(u64, Result<Run, String>)>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || {
            loop {
                let mine = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = usize::try_from(mine).ok().and_then(|n| jobs.get(n)) else {
                    return;
                };
                let run = setting.one(job, &done);
                if let Ok(mut results) = results.lock() {
                    results.push((mine, run));
                }
            }
        };
        let working: Vec<_> = (0..threads.min(jobs.len()))
            .map(|_| scope.spawn(work))
            .collect();
        while working.iter().any(|thread| !thread.is_finished()) {
            progress(done.load(Ordering::Relaxed), all);
            std::thread::park_timeout(std::time::Duration::from_millis(50));
        }
    });
    progress(all, all);
    let mut results = results
        .into_inner()
        .map_err(|_poisoned| "a run has failed".to_owned())?;
    results.sort_by_key(|(n, _)| *n);
    results.into_iter().map(|(_, run)| run).collect()
}

/// The span of a slot in seconds, for people.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "seconds for people")]
pub fn seconds(us: Us) -> f64 {
    us as f64 / 1e6
}
