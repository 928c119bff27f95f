//! What else one could do: the simple ways to choose a provider, and an oracle that sees the future.
//!
//! All of them fail over as Ark does and leave a target alone for some seconds after three failures in a
//! row, as common gateways do; what they know is known to all workers at once.

use ark_gateway_core::decide::MAX_ATTEMPTS;
use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::Verdict;
use ark_gateway_core::snapshot::{Snapshot, TargetId};

use super::Us;
use super::chance;
use super::engine::{Chooser, Order, Running, World};
use super::load::Request;

/// Failures in a row after which a target is left alone.
const ROW: u32 = 3;
/// For how long.
const COOL_DOWN_US: Us = 5_000_000;
/// How much one answer weighs in a moving average.
const NEW: f64 = 0.1;
/// What a failure counts as, milliseconds.
const FAILURE_MS: f64 = 10_000.0;

/// A simple way to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Only this target of the model, by its place in the operator's order; no failover.
    Only(usize),
    /// One after the other.
    RoundRobin,
    /// The cheapest by list price.
    LowestPrice,
    /// The least moving average of latency.
    LowestLatency,
    /// At random, each in inverse proportion to its price.
    WeightedStatic,
    /// The better of two at random, by moving average of latency times attempts in flight.
    TwoChoices,
    /// Whoever will do it within the SLO for the least money; it looks.
    Oracle,
}

#[derive(Clone, Copy, Debug, Default)]
struct Board {
    latency_ms: Option<f64>,
    in_flight: u32,
    row: u32,
    cools_until: Us,
}

/// A [`Way`] as a [`Chooser`].
pub struct Baseline {
    way: Way,
    boards: Vec<Board>,
    turn: usize,
    seed: u64,
}

/// Targets with a key, least first.
type Ranked = Vec<(f64, TargetId)>;

impl Baseline {
    /// A way of choosing among the targets of a snapshot.
    #[must_use]
    pub fn new(way: Way, snapshot: &Snapshot, seed: u64) -> Self {
        Self {
            way,
            boards: vec![Board::default(); snapshot.targets.len()],
            turn: 0,
            seed,
        }
    }

    fn board(&self, target: TargetId) -> Board {
        let board = self.boards.get(usize::from(target.0));
        board.copied().unwrap_or_default()
    }

    fn ranked(&mut self, request: &Request, targets: &[TargetId], world: &World) -> Ranked {
        let count = targets.len().max(1);
        self.turn += 1;
        let (turn, seed) = (self.turn, self.seed);
        let luck = |n: usize| {
            let bits = chance::bits(seed, [request.index, 11, n as u64]);
            chance::unit(bits)
        };
        let pair = [0, 1].map(|n| chance::bits(seed, [request.index, 12, n]));
        let first = usize::try_from(pair[0] % count as u64).unwrap_or(0);
        let other = usize::try_from(pair[1] % (count as u64 - 1).max(1)).unwrap_or(0);
        let second = if other >= first { other + 1 } else { other };
        let key = |(n, target): (usize, &TargetId)| {
            let board = self.board(*target);
            let latency = board.latency_ms.unwrap_or(0.0);
            let key = match self.way {
                Way::Only(only) if n == only => 0.0,
                Way::Only(_) => return None,
                Way::RoundRobin => to_f64((n + turn) % count),
                Way::LowestPrice => price(world, *target),
                Way::LowestLatency => latency,
                // The least of exponential waits comes first in proportion to its rate.
                Way::WeightedStatic => -luck(n).ln() * price(world, *target).max(1e-9),
                Way::TwoChoices => {
                    let drawn = n == first || n == second;
                    let busy = latency * f64::from(board.in_flight + 1);
                    busy + if drawn { 0.0 } else { 1e12 }
                }
                Way::Oracle => foreseen(request, *target, world),
            };
            Some((key, *target))
        };
        targets.iter().enumerate().filter_map(key).collect()
    }
}

impl Chooser for Baseline {
    fn choose(&mut self, request: &Request, _worker: usize, world: &World) -> Order {
        let mut order = [None; MAX_ATTEMPTS];
        let Some(model) = world.snapshot.models.get(usize::from(request.model.0)) else {
            return order;
        };
        let targets = model.targets.clone();
        let mut ranked = self.ranked(request, &targets, world);
        let sees = self.way == Way::Oracle;
        let cools = |target: TargetId| !sees && self.board(target).cools_until > world.now;
        ranked.sort_by(|(a, at), (b, bt)| {
            let by_rest = cools(*at).cmp(&cools(*bt));
            by_rest.then(a.total_cmp(b))
        });
        let limit = usize::from(world.snapshot.gateway.max_attempts);
        for (slot, (_, target)) in order.iter_mut().zip(ranked).take(limit) {
            *slot = Some(target);
        }
        order
    }

    fn began(&mut self, attempt: &Running) {
        if let Some(board) = self.boards.get_mut(usize::from(attempt.target.0)) {
            board.in_flight += 1;
        }
    }

    fn ended(&mut self, attempt: &Running, now: Us) {
        let Some(board) = self.boards.get_mut(usize::from(attempt.target.0)) else {
            return;
        };
        board.in_flight = board.in_flight.saturating_sub(1);
        let ok = attempt.fate.verdict == Verdict::Ok;
        let took_ms = if ok {
            millis(now - attempt.started)
        } else {
            FAILURE_MS
        };
        let before = board.latency_ms.unwrap_or(took_ms);
        board.latency_ms = Some(before + NEW * (took_ms - before));
        board.row = if ok { 0 } else { board.row + 1 };
        if board.row >= ROW {
            board.row = 0;
            board.cools_until = now + COOL_DOWN_US;
        }
    }

    fn replace(&mut self, snapshot: &Snapshot) {
        self.boards.resize(snapshot.targets.len(), Board::default());
    }
}

fn price(world: &World, target: TargetId) -> f64 {
    let price = world.charged(target);
    price.map_or(f64::MAX, |p| micros(p.cost_of(1_000_000, 100_000)))
}

/// Within the SLO by cost, beyond it by latency, failures last.
fn foreseen(request: &Request, target: TargetId, world: &World) -> f64 {
    let fate = world.foresee(request, target, 0);
    let Some(fate) = fate.filter(|fate| fate.verdict == Verdict::Ok) else {
        return 1e18;
    };
    let took_ms = millis(fate.end - world.now);
    let at = Priority::ALL.iter().position(|p| *p == request.priority);
    let spec = at.and_then(|at| world.snapshot.priorities.get(at));
    let slo_ms = spec.map_or(f64::MAX, |spec| f64::from(spec.slo.latency_ms));
    let price = world.charged(target);
    if took_ms <= slo_ms {
        price.map_or(1e12, |price| {
            let input = u64::from(request.input_tokens);
            micros(price.cost_of(input, u64::from(request.output_tokens)))
        })
    } else {
        1e15 + took_ms
    }
}

#[allow(clippy::cast_precision_loss, reason = "compared, not billed")]
fn micros(MicroUsd(amount): MicroUsd) -> f64 {
    amount as f64
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of hours")]
fn millis(us: Us) -> f64 {
    us as f64 / 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "a place among targets")]
fn to_f64(n: usize) -> f64 {
    n as f64
}
