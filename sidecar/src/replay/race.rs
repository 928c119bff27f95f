//! Hedged requests in the simulation: further targets are asked while one is silent, the first that begins
//! to answer wins, and the others are cancelled, as docs/hedging.md says Envoy does it.
//!
//! Who hedges, after how long and on what budget is [`ark_gateway_core::hedge`]'s word.

use ark_gateway_core::hedge::Hedge;
use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::record::Verdict;
use serde::Serialize;

use super::Us;
use super::engine::{Chooser, Engine, Running};
use super::tally::is_retried;

/// Something of an attempt that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) at: Us,
    pub(super) sequence: u64,
    pub(super) slot: usize,
    /// [`Running`]'s: what is due of an attempt that is no more is nothing.
    pub(super) serial: u64,
    pub(super) what: What,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// Its end, or the end of its pause.
    Ends,
    /// Its first token.
    Speaks,
    /// It has been silent for as long as its request waits before it asks another.
    Silent,
}

/// A request with several attempts under way.
#[derive(Debug)]
pub(super) struct Race {
    after: Us,
    credits: u32,
    /// Targets that have been asked.
    asked: usize,
    /// The slots of its attempts that run or pause.
    live: Vec<usize>,
    /// What its attempts have cost that have ended.
    cost: MicroUsd,
    limited: u32,
    /// One of them answers.
    answering: bool,
}

/// What hedges did in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hedges {
    /// Requests that were ready to ask a further target.
    pub ready: u64,
    /// Further targets that were asked while another one was silent.
    pub asked: u64,
    /// Requests that a further target answered.
    pub won: u64,
    /// What those cost that were cancelled; part of the costs.
    pub wasted_micro_usd: MicroUsd,
}

impl Engine<'_> {
    /// A request that has come is ready to ask further targets.
    pub(super) fn ready(&mut self, index: u64, (slot, hedge): (usize, Hedge)) {
        self.tally.hedges.ready += 1;
        let race = Race {
            after: Us::from(hedge.after_ms) * 1_000,
            credits: hedge.credits,
            asked: 1,
            live: vec![slot],
            cost: MicroUsd(0),
            limited: 0,
            answering: false,
        };
        self.races.insert(index, race);
    }

    /// An attempt of a race has begun.
    pub(super) fn listen(&mut self, slot: usize, running: &Running) {
        let Some(race) = self.races.get(&running.request.index) else {
            return;
        };
        let silent = running.started + race.after;
        if let Some(at) = running.fate.first_byte.filter(|at| *at < running.fate.end) {
            self.due(at, (slot, running.serial), What::Speaks);
        }
        if silent < running.fate.end {
            self.due(silent, (slot, running.serial), What::Silent);
        }
    }

    /// An attempt has been silent for long: another target is asked, while it goes on.
    pub(super) fn silent(&mut self, slot: usize) {
        let running = self.slots.get(slot).copied().flatten();
        let has_spoken =
            |r: &Running| (r.fate.first_byte).is_some_and(|first| first <= self.world.now);
        if let Some(running) = running.filter(|r| !r.pausing && !has_spoken(r)) {
            self.ask_next(&running);
        }
    }

    /// An attempt begins to answer: its request needs no other.
    pub(super) fn spoke(&mut self, slot: usize, chooser: &mut dyn Chooser) {
        let Some(winner) = self.slots.get(slot).copied().flatten() else {
            return;
        };
        let Some(race) = self.races.get_mut(&winner.request.index) else {
            return;
        };
        if race.answering {
            return;
        }
        race.answering = true;
        let credits = std::mem::take(&mut race.credits);
        let others: Vec<usize> = race.live.iter().copied().filter(|s| *s != slot).collect();
        race.live = vec![slot];
        self.tally.hedges.won += u64::from(winner.attempt > 0);
        let mut wasted = MicroUsd(0);
        let mut unasked = 0;
        for loser in others {
            match self.cancel(loser, chooser) {
                Some(cost) => wasted = wasted.plus(cost),
                None => unasked += 1,
            }
        }
        self.tally.hedges.asked = self.tally.hedges.asked.saturating_sub(unasked);
        self.tally.hedges.wasted_micro_usd = self.tally.hedges.wasted_micro_usd.plus(wasted);
        if let Some(race) = self.races.get_mut(&winner.request.index) {
            race.cost = race.cost.plus(wasted);
            race.asked = race
                .asked
                .saturating_sub(usize::try_from(unasked).unwrap_or(0));
        }
        chooser.gives_back(winner.worker, credits);
    }

    /// Ends an attempt that has lost; what it cost, or `None` when it had not been sent yet.
    fn cancel(&mut self, slot: usize, chooser: &mut dyn Chooser) -> Option<MicroUsd> {
        let mut loser = self.slots.get_mut(slot).and_then(Option::take)?;
        self.free.push(slot);
        if loser.pausing {
            return None;
        }
        loser.fate.verdict = Verdict::Hedged;
        loser.fate.first_byte = None;
        loser.fate.end = self.world.now;
        // Whoever has the prompt bills it.
        loser.fate.charged_output = Some(0);
        self.over(&mut loser, chooser);
        Some(loser.cost)
    }

    /// An attempt of a race has ended, and has been told.
    pub(super) fn ended_in_race(
        &mut self,
        slot: usize,
        running: Running,
        chooser: &mut dyn Chooser,
    ) {
        let index = running.request.index;
        let is_failed = is_retried(running.fate.verdict);
        if !is_failed {
            // Who answers at once, whole, has not been heard before.
            if let Some(place) = self.slots.get_mut(slot) {
                *place = Some(running);
            }
            self.spoke(slot, chooser);
            if let Some(place) = self.slots.get_mut(slot) {
                *place = None;
            }
        }
        self.free.push(slot);
        let Some(race) = self.races.get_mut(&index) else {
            return;
        };
        race.live.retain(|live| *live != slot);
        race.cost = race.cost.plus(running.cost);
        race.limited += running.limited;
        if is_failed && !race.answering {
            let goes_on = self.ask_next(&running);
            let others = self.races.get(&index).is_some_and(|r| !r.live.is_empty());
            if goes_on || others {
                return;
            }
        }
        let Some(race) = self.races.remove(&index) else {
            return;
        };
        chooser.gives_back(running.worker, race.credits);
        chooser.settled(&running);
        let last = Running {
            cost: race.cost,
            limited: race.limited,
            ..running
        };
        self.settle(&last, race.asked);
    }

    /// Asks the next target of a race, after Envoy's pause; whether there is one.
    fn ask_next(&mut self, before: &Running) -> bool {
        let Some(at) = self.retry_at(before) else {
            return false;
        };
        let Some(race) = self.races.get_mut(&before.request.index) else {
            return false;
        };
        let next = before.order.get(race.asked).copied().flatten();
        let Some(target) = next.filter(|_| !race.answering) else {
            return false;
        };
        if !race.live.is_empty() {
            race.credits = race.credits.saturating_sub(1);
            self.tally.hedges.asked += 1;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        race.live.push(slot);
        let attempt = race.asked;
        race.asked += 1;
        let next = Running {
            attempt,
            target,
            pausing: true,
            cost: MicroUsd(0),
            limited: 0,
            ..*before
        };
        self.wake(slot, at, next);
        true
    }
}
