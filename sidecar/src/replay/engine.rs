//! The simulation: requests come, attempts begin and end, the next target is tried as Envoy does it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use ark_gateway_core::decide::MAX_ATTEMPTS;
use ark_gateway_core::hedge::Hedge;
use ark_gateway_core::money::{MicroUsd, Price};
use ark_gateway_core::record::Verdict;
use ark_gateway_core::snapshot::{Snapshot, TargetId, TargetSpec};

use super::Us;
use super::chance;
use super::load::{Load, Request};
use super::race::{Due, Race, What};
use super::server::{Ask, Fate, Server};
use super::tally::{Ended, Listed, Tally, is_retried};

/// Envoy's pause before another attempt: its base interval, with jitter.
const BACK_OFF_US: u64 = 5_000;
/// An idle spell longer than this is skipped but for its end.
const IDLE_US: Us = 2_000_000;

/// An ordered list of targets.
pub type Order = [Option<TargetId>; MAX_ATTEMPTS];

/// An attempt that runs.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// The request.
    pub request: Request,
    /// The worker that serves it.
    pub worker: usize,
    /// Its order of targets.
    pub order: Order,
    /// Which of them is tried, from 0.
    pub attempt: usize,
    /// That target.
    pub target: TargetId,
    /// When the attempt began.
    pub started: Us,
    /// How it will end; nobody but the simulation and the oracle looks.
    pub fate: Fate,
    /// Waits for its next attempt.
    pub(super) pausing: bool,
    /// One of several that may be under way for its request.
    pub(super) raced: bool,
    /// What tells it from whoever had its slot before.
    pub(super) serial: u64,
    pub(super) cost: MicroUsd,
    pub(super) limited: u32,
}

/// Who decides where requests go.
pub trait Chooser {
    /// The order of targets for a request.
    fn choose(&mut self, request: &Request, worker: usize, world: &World) -> Order;
    /// Whether the request that was just decided is ready to ask further targets.
    fn hedges(&mut self) -> Option<Hedge> {
        None
    }
    /// A request that was ready did not use so many credits of its worker.
    fn gives_back(&mut self, _worker: usize, _credits: u32) {}
    /// An attempt has begun.
    fn began(&mut self, _attempt: &Running) {}
    /// An attempt has ended.
    fn ended(&mut self, _attempt: &Running, _now: Us) {}
    /// A request has ended, with its last attempt.
    fn settled(&mut self, _last: &Running) {}
    /// When it wants to be called next, without anything else happening.
    fn next_tick(&self) -> Us {
        Us::MAX
    }
    /// It is time; with all attempts that run.
    fn tick(&mut self, _running: &mut dyn Iterator<Item = &Running>) {}
    /// Nothing has happened and nothing will until `at`.
    fn skip_to(&mut self, _at: Us) {}
    /// The operator has changed the policy.
    fn replace(&mut self, _snapshot: &Snapshot) {}
}

/// The providers, and what they charge.
#[derive(Debug)]
pub struct World {
    /// In the order of the snapshot's providers.
    pub servers: Vec<Server>,
    /// What runs; the longest of all snapshots of a run.
    pub snapshot: Snapshot,
    /// The time.
    pub now: Us,
}

/// A change of policy in the middle of a run. Targets may be added at the end and prices may change;
/// nothing may be removed.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: Us,
    /// What runs from then on.
    pub snapshot: Snapshot,
}

impl World {
    /// A target's definition.
    #[must_use]
    pub fn target(&self, id: TargetId) -> Option<&TargetSpec> {
        self.snapshot.targets.get(usize::from(id.0))
    }

    /// What a target really charges: what its provider's nature says, else what the policy thinks.
    #[must_use]
    pub fn charged(&self, target: TargetId) -> Option<Price> {
        let spec = self.target(target)?;
        let server = self.servers.get(usize::from(spec.provider.0));
        let own = server.and_then(|server| server.price(&spec.model));
        own.or(spec.price)
    }

    /// What the provider of a target would see of an attempt, and the provider.
    #[must_use]
    pub fn ask(&self, request: &Request, target: TargetId, attempt: usize) -> Option<(Ask, usize)> {
        let model = self.snapshot.models.get(usize::from(request.model.0))?;
        let ask = Ask {
            index: request.index,
            attempt: attempt as u64,
            input_tokens: request.input_tokens,
            output_tokens: request.output_tokens,
            stream: request.stream,
            first_byte_us: Us::from(model.first_byte_timeout_ms) * 1_000,
        };
        Some((ask, usize::from(self.target(target)?.provider.0)))
    }

    /// How an attempt that began now would fare.
    #[must_use]
    pub fn foresee(&self, request: &Request, target: TargetId, attempt: usize) -> Option<Fate> {
        let (ask, provider) = self.ask(request, target, attempt)?;
        Some(self.servers.get(provider)?.foresee(&ask, self.now))
    }

    /// What a request's answer costs by the prices alone.
    fn listed(&self, request: &Request) -> Listed {
        let model = self.snapshot.models.get(usize::from(request.model.0));
        let targets = model.map_or(&[][..], |model| &model.targets);
        let (input, output) = (request.input_tokens, request.output_tokens);
        let cost = |target: &TargetId| {
            let price = self.charged(*target)?;
            Some(price.cost_of(u64::from(input), u64::from(output)))
        };
        Listed {
            first: targets.first().and_then(cost).unwrap_or_default(),
            least: targets.iter().filter_map(cost).min().unwrap_or_default(),
        }
    }

    fn total_timeout(&self, request: &Request) -> Us {
        let model = self.snapshot.models.get(usize::from(request.model.0));
        model.map_or(Us::MAX, |m| Us::from(m.total_timeout_ms) * 1_000)
    }
}

/// One run of a load against a world.
pub struct Engine<'a> {
    /// The world.
    pub world: World,
    /// The load.
    pub load: &'a Load,
    /// Workers that share it.
    pub workers: usize,
    /// A change of policy.
    pub change: Option<Change>,
    /// What is counted.
    pub tally: Tally,
    pub(super) slots: Vec<Option<Running>>,
    pub(super) free: Vec<usize>,
    /// Requests with several attempts under way, by their index.
    pub(super) races: BTreeMap<u64, Race>,
    events: BinaryHeap<Reverse<Due>>,
    sequence: u64,
    seed: u64,
}

impl<'a> Engine<'a> {
    /// A run that has not begun.
    #[must_use]
    pub fn new(world: World, load: &'a Load, workers: usize, tally: Tally, seed: u64) -> Self {
        Self {
            world,
            load,
            workers: workers.max(1),
            change: None,
            tally,
            slots: Vec::new(),
            free: Vec::new(),
            races: BTreeMap::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            seed,
        }
    }

    /// Plays the whole load; `progress` is told how many requests have come, now and then.
    pub fn run(mut self, chooser: &mut dyn Chooser, progress: &mut dyn FnMut(u64)) -> Tally {
        let mut index = 0;
        let mut next = self.load.request(0);
        loop {
            let arrival = next.map_or(Us::MAX, |request| request.at);
            let event = self.events.peek().map_or(Us::MAX, |Reverse(due)| due.at);
            if arrival == Us::MAX && event == Us::MAX {
                return self.tally;
            }
            let first = arrival.min(event);
            self.tick_until(first, chooser);
            self.world.now = first;
            self.change_at(first, chooser);
            if event <= arrival {
                if let Some(Reverse(due)) = self.events.pop() {
                    self.happened(due, chooser);
                }
            } else if let Some(request) = next {
                self.arrived(request, chooser);
                index += 1;
                next = self.load.request(index);
                if index % 4_096 == 0 {
                    progress(index);
                }
            }
        }
    }

    fn tick_until(&mut self, until: Us, chooser: &mut dyn Chooser) {
        if self.events.is_empty() && until.saturating_sub(self.world.now) > IDLE_US {
            chooser.skip_to(until - IDLE_US / 2);
        }
        while chooser.next_tick() < until {
            chooser.tick(&mut self.slots.iter().flatten().filter(|r| !r.pausing));
        }
    }

    fn change_at(&mut self, now: Us, chooser: &mut dyn Chooser) {
        if let Some(change) = self.change.take_if(|change| change.at <= now) {
            chooser.replace(&change.snapshot);
            self.world.snapshot = change.snapshot;
        }
    }

    fn arrived(&mut self, request: Request, chooser: &mut dyn Chooser) {
        let dealt = chance::bits(self.seed, [request.index, 5, 0]) % self.workers as u64;
        let worker = usize::try_from(dealt).unwrap_or(0);
        let order = chooser.choose(&request, worker, &self.world);
        let Some(target) = order[0] else {
            self.refused(request);
            return;
        };
        self.tally.chosen(usize::from(target.0), self.world.now);
        let hedge = chooser.hedges();
        let running = Running {
            request,
            worker,
            order,
            attempt: 0,
            target,
            started: self.world.now,
            fate: Fate {
                verdict: Verdict::Abandoned,
                first_byte: None,
                end: self.world.now,
                retry_after_ms: None,
                charged_output: None,
            },
            pausing: false,
            raced: hedge.is_some(),
            serial: 0,
            cost: MicroUsd(0),
            limited: 0,
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        if let Some(hedge) = hedge {
            self.ready(request.index, (slot, hedge));
        }
        self.begin(slot, running, chooser);
    }

    fn refused(&mut self, request: Request) {
        self.tally.ended(&Ended {
            request,
            first_byte: None,
            end: self.world.now,
            ok: false,
            cost: MicroUsd(0),
            attempts: 0,
            limited: 0,
            listed: Listed::default(),
        });
    }

    fn begin(&mut self, slot: usize, mut running: Running, chooser: &mut dyn Chooser) {
        let now = self.world.now;
        let asked = self
            .world
            .ask(&running.request, running.target, running.attempt);
        let server = asked.and_then(|(_, provider)| self.world.servers.get_mut(provider));
        if let (Some((ask, _)), Some(server)) = (asked, server) {
            running.fate = server.foresee(&ask, now);
            server.begin(&ask, &running.fate, now);
        }
        let deadline = running.request.at + self.world.total_timeout(&running.request);
        if running.fate.end > deadline {
            let verdict = match running.fate.first_byte {
                Some(at) if at <= deadline => Verdict::Cut,
                Some(_) | None => Verdict::Timeout,
            };
            running.fate.verdict = verdict;
            running.fate.end = deadline.max(now);
        }
        running.started = now;
        running.pausing = false;
        chooser.began(&running);
        self.wake(slot, running.fate.end, running);
        if running.raced
            && let Some(running) = self.slots.get(slot).copied().flatten()
        {
            self.listen(slot, &running);
        }
    }

    pub(super) fn wake(&mut self, slot: usize, at: Us, mut running: Running) {
        running.serial = self.sequence + 1;
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(running);
        }
        self.due(at, (slot, running.serial), What::Ends);
    }

    pub(super) fn due(&mut self, at: Us, (slot, serial): (usize, u64), what: What) {
        self.sequence += 1;
        self.events.push(Reverse(Due {
            at,
            sequence: self.sequence,
            slot,
            serial,
            what,
        }));
    }

    fn happened(&mut self, due: Due, chooser: &mut dyn Chooser) {
        let slot = due.slot;
        let place = self.slots.get_mut(slot);
        let Some(place) = place.filter(|p| p.is_some_and(|r| r.serial == due.serial)) else {
            return;
        };
        match due.what {
            What::Ends => {}
            What::Speaks => return self.spoke(slot, chooser),
            What::Silent => return self.silent(slot),
        }
        let Some(mut running) = place.take() else {
            return;
        };
        if running.pausing {
            self.begin(slot, running, chooser);
            return;
        }
        self.over(&mut running, chooser);
        if running.raced {
            return self.ended_in_race(slot, running, chooser);
        }
        if is_retried(running.fate.verdict)
            && let Some(at) = self.retry_at(&running)
        {
            let next = running.order.get(running.attempt + 1).copied().flatten();
            if let Some(target) = next {
                running.attempt += 1;
                running.target = target;
                running.pausing = true;
                self.wake(slot, at, running);
                return;
            }
        }
        self.free.push(slot);
        chooser.settled(&running);
        self.settle(&running, running.attempt + 1);
    }

    /// An attempt is over: its provider is rid of it, it has cost what it has, and its worker knows.
    pub(super) fn over(&mut self, running: &mut Running, chooser: &mut dyn Chooser) {
        let spec = self.world.target(running.target);
        let provider = spec.map_or(0, |t| usize::from(t.provider.0));
        if let Some(server) = self.world.servers.get_mut(provider) {
            server.end();
        }
        let price = self.world.charged(running.target);
        if let (Some(price), Some(output)) = (price, running.fate.charged_output) {
            let input = u64::from(running.request.input_tokens);
            running.cost = running.cost.plus(price.cost_of(input, u64::from(output)));
        }
        running.limited += u32::from(running.fate.verdict == Verdict::RateLimited);
        chooser.ended(running, self.world.now);
    }

    /// When the next attempt may begin, if the whole exchange's budget allows one.
    pub(super) fn retry_at(&self, running: &Running) -> Option<Us> {
        let jitter = chance::bits(
            self.seed,
            [running.request.index, 6, running.attempt as u64],
        );
        let at = self.world.now + BACK_OFF_US + jitter % BACK_OFF_US;
        let deadline = running.request.at + self.world.total_timeout(&running.request);
        (at < deadline).then_some(at)
    }

    pub(super) fn settle(&mut self, running: &Running, attempts: usize) {
        let ok = running.fate.verdict == Verdict::Ok;
        let listed = ok.then(|| self.world.listed(&running.request));
        self.tally.ended(&Ended {
            request: running.request,
            first_byte: running.fate.first_byte,
            end: self.world.now,
            ok,
            listed: listed.unwrap_or_default(),
            cost: running.cost,
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            limited: running.limited,
        });
    }
}
