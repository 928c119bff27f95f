//! What a worker keeps of one counter.

use super::hash::NameHash;
use super::message::{CounterGrant, CounterReport};
use super::spec::{LimitSpec, Mode};
use super::window::Span;
use crate::limit::Nanos;

/// After the store had not enough, it is not asked again for so long.
pub(super) const DRY_NANOS: Nanos = 200_000_000;

/// A slot that nothing uses is closed after so long.
const IDLE_NANOS: Nanos = 10_000_000_000;

const NANOS_PER_MS: Nanos = 1_000_000;

/// Names a slot: a counter and the beginning of its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotKey {
    pub(super) name: NameHash,
    pub(super) start_s: u64,
}

/// Whose counter a slot is.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    pub(super) limit: String,
    pub(super) tenant: String,
    pub(super) key: String,
    pub(super) model: String,
}

/// One counter as a worker has it: totals since it was opened.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    subject: Subject,
    span: Span,
    opened: u32,
    mode: Mode,
    granted: u64,
    pub(super) used: u64,
    returned: u64,
    pub(super) reserved: u64,
    /// What requests that wait for a grant need.
    pub(super) pending: u64,
    until: Nanos,
    lease: Nanos,
    pub(super) dry_until: Nanos,
    /// Reserved since the last report of a tick.
    taken: u64,
    /// What is reserved between two reports, lately.
    rate: u64,
    touched: Nanos,
    /// What is free is wanted elsewhere.
    recalled: bool,
    /// Changed since the last report that was answered.
    dirty: bool,
    closing: bool,
    pub(super) would_refuse: u64,
    /// What nobody holds, as last heard.
    left: u64,
    pub(super) percent: u8,
}

impl Slot {
    pub(super) fn open(subject: Subject, spec: &LimitSpec, (span, opened): (Span, u32)) -> Self {
        Self {
            subject,
            span,
            opened,
            mode: spec.mode,
            granted: 0,
            used: 0,
            returned: 0,
            reserved: 0,
            pending: 0,
            until: 0,
            lease: 0,
            dry_until: 0,
            taken: 0,
            rate: 0,
            touched: 0,
            recalled: false,
            dirty: true,
            closing: false,
            would_refuse: 0,
            left: spec.limit,
            percent: 0,
        }
    }

    /// What may be reserved without asking.
    pub(super) fn free(&self) -> u64 {
        let spoken_for = self.used.saturating_add(self.returned);
        self.granted
            .saturating_sub(spoken_for.saturating_add(self.reserved))
    }

    /// What nobody has used or reserved, as far as this worker knows.
    pub(super) fn remaining(&self) -> u64 {
        self.left.saturating_add(self.free())
    }

    /// Gives back what is free in a lease that has ended.
    pub(super) fn expire(&mut self, now: Nanos) {
        if now >= self.until {
            self.give_back(self.free());
        }
    }

    /// The clock went back: nobody knows how long the lease still is.
    pub(super) fn distrust(&mut self) {
        self.until = 0;
        self.dry_until = 0;
        self.give_back(self.free());
    }

    fn give_back(&mut self, units: u64) {
        if units > 0 {
            self.returned = self.returned.saturating_add(units);
            self.dirty = true;
        }
    }

    pub(super) fn reserve(&mut self, units: u64, now: Nanos) {
        self.reserved = self.reserved.saturating_add(units);
        self.taken = self.taken.saturating_add(units);
        self.touched = now;
        self.dirty = true;
        self.closing = false;
    }

    /// A request begins to wait for a grant.
    pub(super) fn wait(&mut self, units: u64, now: Nanos) {
        self.pending = self.pending.saturating_add(units);
        self.touched = now;
        self.closing = false;
    }

    pub(super) fn settle(&mut self, held: u64, used: u64) {
        self.reserved = self.reserved.saturating_sub(held);
        self.used = self.used.saturating_add(used);
        self.dirty = true;
    }

    /// What to say of it now. `need` and `least` are what the request that asks waits for.
    pub(super) fn report(&mut self, sequence: u64, least: u64) -> CounterReport {
        let keep = match self.mode {
            Mode::Lease => self.rate.max(self.taken).saturating_mul(2),
            Mode::Strict => 0,
        };
        CounterReport {
            limit: self.subject.limit.clone(),
            tenant: self.subject.tenant.clone(),
            key: self.subject.key.clone(),
            model: self.subject.model.clone(),
            start_s: self.span.start_s,
            end_s: self.span.end_s,
            opened: self.opened,
            sequence,
            granted: self.granted,
            used: self.used,
            returned: self.returned,
            reserved: self.reserved,
            want: self.pending.saturating_add(keep),
            need: self.pending,
            least,
            would_refuse: self.would_refuse,
            closed: self.closing,
        }
    }

    /// Measures what was taken since the last tick and gives back what that does not call for.
    pub(super) fn on_tick(&mut self, now: Nanos) {
        self.expire(now);
        self.rate = self.taken.max(self.rate - self.rate.div_ceil(4));
        self.taken = 0;
        if std::mem::take(&mut self.recalled) {
            self.rate = 0;
            self.give_back(self.free().saturating_sub(self.pending));
        }
        let keep = match self.mode {
            Mode::Lease => self.rate.saturating_mul(2),
            Mode::Strict => 0,
        };
        let excess = self
            .free()
            .saturating_sub(self.pending.saturating_add(keep));
        if self.mode == Mode::Strict || excess > keep {
            self.give_back(excess);
        }
        let is_over = now / 1_000_000_000 >= self.span.end_s;
        let is_idle = now.saturating_sub(self.touched) >= IDLE_NANOS;
        if is_over {
            self.give_back(self.free());
        }
        self.closing = (is_over || is_idle) && self.is_empty();
        self.dirty |= self.closing;
    }

    /// Whether there is something to say at a tick.
    pub(super) fn is_due(&self, now: Nanos) -> bool {
        let late = self.until.saturating_sub(now) < self.lease / 3 * 2;
        // What is free may be wanted elsewhere, and only an answer tells.
        self.dirty || self.free() > 0 || (self.reserved > 0 && late)
    }

    fn is_empty(&self) -> bool {
        self.reserved == 0 && self.pending == 0 && self.free() == 0
    }

    /// The answer to a report that was sent at `sent` came; whether the slot is done with.
    pub(super) fn granted(
        &mut self,
        grant: &CounterGrant,
        (sent, said): (Nanos, &CounterReport),
        now: Nanos,
    ) -> bool {
        self.lease = Nanos::from(grant.for_ms).saturating_mul(NANOS_PER_MS);
        let until = sent.saturating_add(self.lease);
        // Too late, or from before the clock went back: the store may have given it to others.
        if now < until && sent <= now {
            self.granted = self.granted.max(grant.granted);
            self.until = self.until.max(until);
        }
        self.expire(now);
        self.recalled |= grant.recall;
        self.left = grant.left;
        self.percent = grant.percent;
        self.dry_until = if grant.dry {
            now.saturating_add(DRY_NANOS)
        } else {
            0
        };
        let same = said.used == self.used
            && said.returned == self.returned
            && said.reserved == self.reserved
            && said.would_refuse == self.would_refuse;
        self.dirty &= !same;
        said.closed && same && self.closing && self.is_empty()
    }
}
