//! A worker's leases: what it may admit by itself, and what it says of that to the store.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::asked::Asked;
use super::estimate::Spend;
use super::message::{CounterReport, QuotaAnswer};
use super::refusal::{Cause, Refusal, keep_longest, refused, rest_ms};
use super::slot::{Slot, SlotKey};
use super::spec::{Downgrade, LimitSpec, Mode, OnStoreDown, Unit};
use super::window::Span;
use crate::limit::Nanos;

/// Most counters that a worker has open; a request of one more is judged as if the store were down.
const MOST_SLOTS: usize = 16_384;

/// Most counters in one report of a tick; the others come with the next.
const MOST_REPORTED: usize = 1_024;

/// After the store did not answer, requests do not wait for it again for so long.
const DOWN_NANOS: Nanos = 1_000_000_000;

/// What has been tried for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nothing.
    First,
    /// The store has answered.
    Answered,
    /// The store did not answer.
    Down,
}

/// One counter's part of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    key: SlotKey,
    units: u64,
    of: Unit,
}

/// What a request in flight holds; to be settled once.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "what is reserved must be settled"]
pub struct Reservation {
    holds: Vec<Hold>,
    /// A limit could not be checked in the store: the request passes by the operator's choice.
    pub unchecked: bool,
}

/// What a request waits for.
#[derive(Debug, Default)]
#[must_use = "a request must stop waiting"]
pub struct Wait(Vec<(SlotKey, u64)>);

/// What the book says of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It may go on.
    Admitted(Reservation),
    /// The store must be asked.
    Wait(Wait),
    /// It may not.
    Refused(Refusal),
}

/// What is known of a limit that concerns a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What is limited.
    pub of: Unit,
    /// The limit.
    pub limit: u64,
    /// What is left of it, as far as this worker knows.
    pub remaining: u64,
    /// When it begins anew, seconds since the Unix epoch; `u64::MAX`: it does not.
    pub end_s: u64,
}

/// All leases of one worker.
#[derive(Debug, Default)]
pub struct Book {
    slots: BTreeMap<SlotKey, Slot>,
    last: Nanos,
    opened: u32,
    sequence: u64,
    workers: u16,
    down_until: Nanos,
    /// Requests that passed though a limit could not be checked, since the start.
    pub unchecked: u64,
    /// Requests that a dry run would have refused, since the start.
    pub would_refuse: u64,
}

/// How one limit judges a request.
enum Judged {
    Fits,
    Unchecked,
    Lacking,
    Refused(Cause),
}

impl Book {
    /// Reserves what a request may use of every limit that concerns it: of all, or of none.
    pub fn reserve(&mut self, asked: &Asked<'_>, ask: Ask, now: Nanos) -> Verdict {
        self.heed(now);
        let ask = match ask {
            Ask::First if now < self.down_until => Ask::Down,
            other @ (Ask::First | Ask::Answered | Ask::Down) => other,
        };
        let mut reservation = Reservation::default();
        let mut is_lacking = false;
        let mut dry = Vec::new();
        let mut refusal: Option<Refusal> = None;
        for spec in asked.policy.limits_of(asked.key, asked.model) {
            let Some(units) = asked.estimate.of(spec.of) else {
                if !spec.dry_run {
                    keep_longest(&mut refusal, refused(spec, Cause::NoPrice, 0));
                }
                continue;
            };
            let (key, span) = asked.slot_key(spec, now);
            let judged = match self.slot(asked, spec, (key, span)) {
                Some(slot) => {
                    slot.expire(now);
                    judge(slot, spec, (units, ask), now)
                }
                None => without_store(spec, true),
            };
            match self.degraded(judged, spec, (key, units)) {
                Judged::Fits => {}
                Judged::Unchecked => reservation.unchecked = true,
                Judged::Lacking => is_lacking = true,
                Judged::Refused(_) if spec.dry_run => dry.push(key),
                Judged::Refused(cause) => {
                    let rest_ms = rest_ms(span, cause, now);
                    keep_longest(&mut refusal, refused(spec, cause, rest_ms));
                }
            }
            reservation.add(key, units, spec);
        }
        match refusal {
            Some(refusal) => Verdict::Refused(refusal),
            None if !is_lacking => self.admit(reservation, &dry, now),
            None => self.wait_for(&reservation, now),
        }
    }

    fn admit(&mut self, reservation: Reservation, dry: &[SlotKey], now: Nanos) -> Verdict {
        let unchecked = u64::from(reservation.unchecked);
        self.unchecked = self.unchecked.saturating_add(unchecked);
        for hold in &reservation.holds {
            if let Some(slot) = self.slots.get_mut(&hold.key) {
                slot.reserve(hold.units, now);
            }
        }
        for key in dry {
            self.would_refuse = self.would_refuse.saturating_add(1);
            if let Some(slot) = self.slots.get_mut(key) {
                slot.would_refuse = slot.would_refuse.saturating_add(1);
            }
        }
        Verdict::Admitted(reservation)
    }

    /// What fits now may not when the answer is here, so all of it is asked for.
    fn wait_for(&mut self, wanted: &Reservation, now: Nanos) -> Verdict {
        let wanted = wanted.holds.iter().map(|hold| (hold.key, hold.units));
        let wait = Wait(wanted.collect());
        for (key, units) in &wait.0 {
            if let Some(slot) = self.slots.get_mut(key) {
                slot.wait(*units, now);
            }
        }
        Verdict::Wait(wait)
    }

    /// The request does not wait any more.
    pub fn stop_waiting(&mut self, wait: Wait) {
        for (key, units) in wait.0 {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.pending = slot.pending.saturating_sub(units);
            }
        }
    }

    /// Books what a request has used, and gives the rest back.
    pub fn settle(&mut self, reservation: Reservation, spend: &Spend) {
        for hold in reservation.holds {
            if let Some(slot) = self.slots.get_mut(&hold.key) {
                slot.settle(hold.units, spend.of(hold.of, hold.units));
            }
        }
    }

    /// What changes for a request because a share of a limit is used up; the last word is that of the
    /// limit that is used the most.
    #[must_use]
    pub fn downgrade(&self, asked: &Asked<'_>, now: Nanos) -> Option<Downgrade> {
        let mut found = None;
        let mut highest = 0;
        for spec in asked.policy.limits_of(asked.key, asked.model) {
            if spec.at.is_empty() {
                continue;
            }
            let (key, _) = asked.slot_key(spec, now);
            let percent = self.slots.get(&key).map_or(0, |slot| slot.percent);
            let step = spec.at.iter().rev().find(|step| step.percent <= percent);
            if let Some(step) = step
                && percent > highest
                && !spec.dry_run
            {
                (found, highest) = (Some(step.then), percent);
            }
        }
        found
    }

    /// What is left of the limits that concern a request.
    pub fn known<'a>(
        &'a self,
        asked: &'a Asked<'a>,
        now: Nanos,
    ) -> impl Iterator<Item = Known> + 'a {
        let limits = asked.policy.limits_of(asked.key, asked.model);
        limits.filter(|spec| !spec.dry_run).map(move |spec| {
            let (key, span) = asked.slot_key(spec, now);
            let slot = self.slots.get(&key);
            Known {
                of: spec.of,
                limit: spec.limit,
                remaining: slot.map_or(spec.limit, Slot::remaining),
                end_s: span.end_s,
            }
        })
    }

    /// What to ask the store for a request that waits.
    pub fn report_wait(&mut self, wait: &Wait) -> Vec<(SlotKey, CounterReport)> {
        self.sequence += 1;
        let mut reports = Vec::with_capacity(wait.0.len());
        for (key, units) in &wait.0 {
            if let Some(slot) = self.slots.get_mut(key) {
                reports.push((*key, slot.report(self.sequence, *units)));
            }
        }
        reports
    }

    /// What to say at a tick: what changed, and what is to be renewed.
    pub fn report_tick(&mut self, now: Nanos) -> Vec<(SlotKey, CounterReport)> {
        self.heed(now);
        self.sequence += 1;
        let mut reports = Vec::new();
        for (key, slot) in &mut self.slots {
            slot.on_tick(now);
            if slot.is_due(now) && reports.len() < MOST_REPORTED {
                reports.push((*key, slot.report(self.sequence, 0)));
            }
        }
        reports
    }

    /// The store answered what was said at `sent`. Whether it did so for every counter.
    pub fn answered(
        &mut self,
        said: &[(SlotKey, CounterReport)],
        answer: &QuotaAnswer,
        (sent, now): (Nanos, Nanos),
    ) -> bool {
        self.heed(now);
        let mut is_whole = answer.counters.len() >= said.len();
        for ((key, report), grant) in said.iter().zip(&answer.counters) {
            is_whole &= grant.is_some();
            let (Some(grant), Entry::Occupied(mut slot)) = (grant, self.slots.entry(*key)) else {
                continue;
            };
            self.workers = self.workers.max(1).max(grant.workers);
            self.down_until = 0;
            if slot.get_mut().granted(grant, (sent, report), now) {
                slot.remove();
            }
        }
        if !is_whole {
            self.unanswered(now);
        }
        is_whole
    }

    /// The store did not answer.
    pub fn unanswered(&mut self, now: Nanos) {
        self.down_until = now.saturating_add(DOWN_NANOS);
    }

    /// Whether the store has not been heard when it was last asked.
    #[must_use]
    pub fn is_down(&self, now: Nanos) -> bool {
        now < self.down_until
    }

    /// Counters that are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether no counter is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A clock that goes back makes every lease's end uncertain.
    fn heed(&mut self, now: Nanos) {
        if now < self.last {
            self.slots.values_mut().for_each(Slot::distrust);
            self.down_until = 0;
        }
        self.last = now;
    }

    fn slot(
        &mut self,
        asked: &Asked<'_>,
        spec: &LimitSpec,
        (key, span): (SlotKey, Span),
    ) -> Option<&mut Slot> {
        let is_full = self.slots.len() >= MOST_SLOTS;
        match self.slots.entry(key) {
            Entry::Occupied(slot) => Some(slot.into_mut()),
            Entry::Vacant(_) if is_full => None,
            Entry::Vacant(free) => {
                self.opened = self.opened.wrapping_add(1);
                let slot = Slot::open(asked.subject(spec), spec, (span, self.opened));
                Some(free.insert(slot))
            }
        }
    }

    /// A worker's own share, where the store is down and the operator wants that.
    fn degraded(&self, judged: Judged, spec: &LimitSpec, (key, units): (SlotKey, u64)) -> Judged {
        let Judged::Unchecked = judged else {
            return judged;
        };
        if spec.on_store_down != OnStoreDown::Degrade {
            return judged;
        }
        let share = spec.limit / u64::from(self.workers.max(1));
        let slot = self.slots.get(&key);
        let taken = slot.map_or(0, |slot| slot.used.saturating_add(slot.reserved));
        match taken.saturating_add(units) <= share {
            true => Judged::Unchecked,
            false => Judged::Refused(Cause::StoreDown),
        }
    }
}

impl Reservation {
    fn add(&mut self, key: SlotKey, units: u64, spec: &LimitSpec) {
        self.holds.push(Hold {
            key,
            units,
            of: spec.of,
        });
    }
}

fn judge(slot: &Slot, spec: &LimitSpec, (units, ask): (u64, Ask), now: Nanos) -> Judged {
    let fits = slot.free() >= units;
    match (spec.mode, ask) {
        (Mode::Lease, Ask::First | Ask::Answered | Ask::Down) | (Mode::Strict, Ask::Answered)
            if fits =>
        {
            Judged::Fits
        }
        (Mode::Lease, Ask::First) if now < slot.dry_until => Judged::Refused(Cause::Reached),
        (Mode::Lease | Mode::Strict, Ask::First) => Judged::Lacking,
        (Mode::Lease | Mode::Strict, Ask::Answered) => Judged::Refused(Cause::Reached),
        (Mode::Lease | Mode::Strict, Ask::Down) => without_store(spec, false),
    }
}

fn without_store(spec: &LimitSpec, is_full: bool) -> Judged {
    match spec.on_store_down {
        OnStoreDown::Deny => Judged::Refused(Cause::StoreDown),
        // Without a slot there is no share to keep to.
        OnStoreDown::Degrade if is_full => Judged::Refused(Cause::StoreDown),
        OnStoreDown::Allow | OnStoreDown::Degrade => Judged::Unchecked,
    }
}
