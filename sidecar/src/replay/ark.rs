//! Ark itself in the simulation: workers that decide by what they were last told, and a control plane
//! that tells them what it has measured.
//!
//! Nothing here judges. Workers call [`decide`], the control plane [`scores::assess`], both as in
//! production; this is the wire between them, with its delays.

use std::collections::BTreeMap;
use std::rc::Rc;

use ark_gateway_core::capability::Needs;
use ark_gateway_core::compliance::Requirement;
use ark_gateway_core::decide::{Caller, Facts, Part, decide};
use ark_gateway_core::hedge::{self, Hedge};
use ark_gateway_core::policy::Policy;
use ark_gateway_core::record::Verdict;
use ark_gateway_core::score::Scores;
use ark_gateway_core::snapshot::{ModelId, Snapshot, TargetId};

use super::Us;
use super::chance;
use super::engine::{Chooser, Order, Running, World};
use super::load::Request;
use super::plane::{Plane, Told};
use crate::window::Sample;

/// How often the control plane judges anew.
const SCORE_US: Us = 250_000;
/// How often the filter looks whether it has something to say.
const LOOK_US: Us = 100_000;
/// How often it says something even if it has nothing.
const SYNC_US: Us = 250_000;

/// What the wires between filter and sidecar are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wiring {
    /// When the sidecar dies; `None`: never.
    pub plane_stops_at: Option<Us>,
    /// Whether the control plane looks at what was only, and not at what is to come.
    pub no_forecast: bool,
    /// Whether every worker has its first scores, those of an Ark that knows nobody, before the first
    /// request comes, as a gateway that is ready has. Otherwise the static order rules at first.
    pub starts_ready: bool,
}

struct Worker {
    policy: Policy,
    scores: Option<Rc<Scores>>,
    heard: Option<Us>,
    synced: Us,
    told: Vec<Told>,
    /// Attempts of requests that have not ended: a record is of a whole request.
    untold: BTreeMap<u64, Vec<Told>>,
    next: Us,
}

/// Ark, as a [`Chooser`].
pub struct Ark {
    workers: Vec<Worker>,
    plane: Plane,
    wiring: Wiring,
    next_score: Us,
    max_age_us: Us,
    /// Of the request that was decided last.
    hedge: Option<Hedge>,
    seed: u64,
}

impl Ark {
    /// So many workers on one snapshot.
    ///
    /// # Errors
    /// The snapshot contradicts itself.
    pub fn new(
        snapshot: &Snapshot,
        workers: usize,
        wiring: Wiring,
        seed: u64,
    ) -> Result<Self, String> {
        let count = workers.max(1);
        let mut plane = Plane::new(snapshot, !wiring.no_forecast);
        let scores = wiring.starts_ready.then(|| {
            plane.rescore(0);
            plane.scores()
        });
        let worker = |n: usize| {
            // Workers tick at different moments, as they started at different moments.
            let phase = LOOK_US * n as u64 / count as u64;
            Ok(Worker {
                policy: policy(snapshot)?,
                scores: scores.clone(),
                heard: scores.is_some().then_some(0),
                synced: 0,
                told: Vec::new(),
                untold: BTreeMap::new(),
                next: phase,
            })
        };
        Ok(Self {
            workers: (0..count).map(worker).collect::<Result<_, String>>()?,
            plane,
            wiring,
            next_score: 0,
            hedge: None,
            max_age_us: snapshot.gateway.snapshot_max_age_ms.saturating_mul(1_000),
            seed,
        })
    }

    /// The control plane's state, for tests.
    #[must_use]
    pub fn plane(&self) -> &Plane {
        &self.plane
    }

    fn is_stopped(&self, now: Us) -> bool {
        self.wiring.plane_stops_at.is_some_and(|at| now >= at)
    }

    fn sync(&mut self, n: usize, now: Us, running: &mut dyn Iterator<Item = &Running>) {
        let stopped = self.is_stopped(now);
        let Some(worker) = self.workers.get_mut(n) else {
            return;
        };
        worker.next = now + LOOK_US;
        let due = now - worker.synced >= SYNC_US;
        if stopped || (!due && worker.told.is_empty()) {
            return;
        }
        worker.synced = now;
        worker.heard = Some(now);
        for told in worker.told.drain(..) {
            self.plane.observe(&told, now);
        }
        let own = running.filter(|r| r.worker == n);
        self.plane.waits(n, own, now);
        self.plane.rescore_at_once(now);
        worker.scores = Some(self.plane.scores());
    }
}

fn policy(snapshot: &Snapshot) -> Result<Policy, String> {
    Policy::new(snapshot.clone()).map_err(|error| error.to_string())
}

impl Chooser for Ark {
    fn choose(&mut self, request: &Request, worker: usize, world: &World) -> Order {
        let draw = chance::bits(self.seed, [request.index, 9, 0]);
        let mut order = [None; ark_gateway_core::decide::MAX_ATTEMPTS];
        let Some(worker) = self.workers.get_mut(worker) else {
            return order;
        };
        let facts = Facts {
            model: request.model,
            priority: request.priority,
            pin: None,
            needs: Needs {
                input_tokens: u64::from(request.input_tokens),
                max_output_tokens: request.max_tokens.map(u64::from),
                ..Needs::default()
            },
            refused: &[],
            // Traces name no keys: a canary is drawn for each request.
            caller: Caller::default(),
            part: Part::All,
            // A trace does not say whose requests they were; what models require counts all the same.
            requires: Requirement::default(),
            warm: None,
        };
        let max_age_us = self.max_age_us;
        let is_fresh = worker
            .heard
            .is_some_and(|at| world.now.saturating_sub(at) <= max_age_us);
        let scores = worker.scores.as_deref().filter(|_| is_fresh);
        worker.policy.retry_budget().earn();
        self.hedge = None;
        if let Ok(decision) = decide(&worker.policy, scores, &facts, draw) {
            let asked = worker.policy.model(request.model);
            let said = asked.and_then(|model| {
                let whose = (model, request.priority);
                hedge::hedge(&worker.policy, scores, whose, &decision)
            });
            self.hedge = said.and_then(Result::ok);
            for (slot, target) in order.iter_mut().zip(decision.targets()) {
                *slot = Some(target);
            }
        }
        order
    }

    fn hedges(&mut self) -> Option<Hedge> {
        self.hedge.take()
    }

    fn gives_back(&mut self, worker: usize, credits: u32) {
        if let Some(worker) = self.workers.get(worker) {
            worker.policy.hedge_budget().give_back(credits);
        }
    }

    fn began(&mut self, attempt: &Running) {
        if let Some(worker) = self.workers.get(attempt.worker)
            && let Some(spec) = worker.policy.target(attempt.target)
        {
            worker.policy.attempt_began(spec.provider);
        }
    }

    fn ended(&mut self, attempt: &Running, now: Us) {
        let Some(worker) = self.workers.get_mut(attempt.worker) else {
            return;
        };
        if let Some(spec) = worker.policy.target(attempt.target) {
            worker.policy.attempt_ended(spec.provider);
        }
        if attempt.attempt > 0 && attempt.fate.verdict.is_provider_fault() {
            worker.policy.retry_budget().spend();
        }
        let untold = worker.untold.entry(attempt.request.index).or_default();
        untold.push(told(attempt, now));
        self.plane
            .envoy_saw(attempt.target, attempt.fate.verdict, now);
    }

    fn settled(&mut self, last: &Running) {
        if let Some(worker) = self.workers.get_mut(last.worker)
            && let Some(attempts) = worker.untold.remove(&last.request.index)
        {
            worker.told.extend(attempts);
        }
    }

    fn next_tick(&self) -> Us {
        let workers = self.workers.iter().map(|worker| worker.next).min();
        workers.unwrap_or(Us::MAX).min(self.next_score)
    }

    fn tick(&mut self, running: &mut dyn Iterator<Item = &Running>) {
        let now = self.next_tick();
        if self.next_score == now {
            self.next_score = now + SCORE_US;
            if !self.is_stopped(now) {
                self.plane.rescore(now);
            }
            return;
        }
        if let Some(n) = self.workers.iter().position(|worker| worker.next == now) {
            self.sync(n, now, running);
        }
    }

    fn skip_to(&mut self, at: Us) {
        // Only whole rounds of all ticks are skipped, so that phases stay as they are.
        let round = SCORE_US * 4;
        let rounds = at.saturating_sub(self.next_tick()) / round;
        self.next_score += rounds * round;
        for worker in &mut self.workers {
            worker.next += rounds * round;
            worker.synced += rounds * round;
            if let Some(heard) = &mut worker.heard
                && self.wiring.plane_stops_at.is_none_or(|stop| at < stop)
            {
                *heard += rounds * round;
            }
        }
    }

    fn replace(&mut self, snapshot: &Snapshot) {
        self.plane.replace(snapshot);
        for worker in &mut self.workers {
            if let Ok(policy) = policy(snapshot) {
                worker.policy = policy;
                worker.scores = Some(self.plane.scores());
            }
        }
    }
}

fn told(attempt: &Running, now: Us) -> Told {
    let fate = &attempt.fate;
    let has_waited = matches!(fate.verdict, Verdict::Timeout | Verdict::Hedged);
    let waited = has_waited.then_some(now - attempt.started);
    let first = fate.first_byte.map(|at| at.saturating_sub(attempt.started));
    let ok = fate.verdict == Verdict::Ok;
    let output = if ok {
        u64::from(attempt.request.output_tokens)
    } else {
        0
    };
    Told {
        target: attempt.target,
        model: attempt.request.model,
        input_tokens: u64::from(attempt.request.input_tokens),
        sample: Sample {
            verdict: fate.verdict,
            ttft_us: match fate.verdict {
                Verdict::Ok | Verdict::Cut | Verdict::Timeout | Verdict::Hedged => first.or(waited),
                Verdict::ClientError
                | Verdict::Unreachable
                | Verdict::RateLimited
                | Verdict::Overloaded
                | Verdict::ServerError
                | Verdict::Auth
                | Verdict::FirstEvent
                | Verdict::Abandoned => None,
            },
            duration_us: now - attempt.started,
            output_tokens: output,
            streamed: attempt.request.stream,
            retry_after_ms: fate.retry_after_ms,
        },
    }
}

/// The indices that a record's names stand for.
impl Told {
    /// The target as an index.
    #[must_use]
    pub fn target_index(&self) -> usize {
        let TargetId(target) = self.target;
        usize::from(target)
    }

    /// The model as an index.
    #[must_use]
    pub fn model_index(&self) -> usize {
        let ModelId(model) = self.model;
        usize::from(model)
    }
}
