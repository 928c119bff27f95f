//! How much of its load a worker sheds so that it does not collapse, and of what first.
//!
//! Two bounds are the operator's: requests in flight and bytes of bodies held ([`is_over`]). The third
//! needs no number of anybody's: a worker is one event loop, and its own timer comes as late as
//! everything else that waits there. [`Overload`] turns that lateness into a pressure: while the median
//! of the last ticks is above the target it rises; below half of it it falls, quickly to where the trouble
//! began last, and slowly from there, as so much must be shed at least, unless fewer requests come than
//! it has done before ([`Rates`]). The first unit of pressure sheds
//! `batch`, the second `standard`, the third most of `critical`.

mod rate;

use rate::Rates;
use serde::{Deserialize, Serialize};

use crate::limit::Nanos;
use crate::priority::Priority;

/// Ticks whose median is judged: one or two that are late, for a snapshot taken in or a neighbour on the
/// machine, are no overload.
const TICKS: usize = 5;
/// Least requests during these ticks: whom nobody asks anything, shedding does not help.
const LEAST_REQUESTS: u32 = 8;
/// The share of a priority is in thousandths, and so is the pressure.
const WHOLE: u32 = 1_000;
/// Some of the most urgent are served whatever happens: by them it is seen that it is over.
const MOST_OF_CRITICAL: u32 = 900;
/// Most pressure.
const MOST: u32 = 2 * WHOLE + MOST_OF_CRITICAL;
/// What a second that is late by twice the target adds.
const RISE_PER_S: u64 = 800;
/// A second that is later than that adds so many times as much at most.
const MOST_RISE: u64 = 4;
/// What a second takes that is on time, down to where the last trouble began, and not quite.
const FALL_PER_S: u64 = 500;
const MARGIN: u32 = 50;
/// And where fewer requests come than it has done before: all that is shed then is shed for nothing.
const FALL_WHERE_IT_FITS_PER_S: u64 = 3_000;
/// What the first second below takes, and how much more each further one: by slow steps as much is shed as
/// must be, and by the quicker ones it ends.
const EASE_PER_S: u64 = 10;
const EASE_MORE_PER_S: u64 = 30;
/// A tick stands for so much time at most.
const LONGEST_TICK: Nanos = 250_000_000;
const NANOS_PER_S: u64 = 1_000_000_000;
/// For so long the least lateness is remembered, and once more: a machine that is busy with something else
/// is late by itself, and shedding does not help against that.
const FLOOR: Nanos = 15 * NANOS_PER_S;
/// The target is so many times that at least.
const OVER_FLOOR: u64 = 4;
/// And so many times what was asked for at most.
const MOST_TARGET: u64 = 10;

/// Why a request was refused for the gateway's own sake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// As much is in flight as this priority may fill.
    InFlight,
    /// As many bytes of bodies are held as this priority may fill.
    BodyBytes,
    /// The worker's event loop runs late.
    Late,
}

/// Requests refused for one cause, in the order of [`Priority::ALL`].
pub type ByPriority = [u64; 3];

/// Requests refused for the gateway's own sake, counted since a VM's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sheds {
    /// See [`Cause::InFlight`].
    pub in_flight: ByPriority,
    /// See [`Cause::BodyBytes`].
    pub body_bytes: ByPriority,
    /// See [`Cause::Late`].
    pub late: ByPriority,
}

impl Sheds {
    /// Counts one.
    pub fn count(&mut self, cause: Cause, priority: Priority) {
        let counts = match cause {
            Cause::InFlight => &mut self.in_flight,
            Cause::BodyBytes => &mut self.body_bytes,
            Cause::Late => &mut self.late,
        };
        *of_mut(counts, priority) += 1;
    }

    /// What is new since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            in_flight: less(self.in_flight, earlier.in_flight),
            body_bytes: less(self.body_bytes, earlier.body_bytes),
            late: less(self.late, earlier.late),
        }
    }

    /// Each count with the cause that it has in metrics.
    pub fn named(self) -> impl Iterator<Item = (&'static str, Priority, u64)> {
        let causes = [
            ("in_flight", self.in_flight),
            ("body_bytes", self.body_bytes),
            ("late", self.late),
        ];
        let each = |(cause, counts): (&'static str, ByPriority)| {
            let counts = Priority::ALL.into_iter().zip(counts);
            counts.map(move |(priority, count)| (cause, priority, count))
        };
        causes.into_iter().flat_map(each)
    }
}

fn less(counts: ByPriority, earlier: ByPriority) -> ByPriority {
    let [a, b, c] = counts;
    let [x, y, z] = earlier;
    [
        a.saturating_sub(x),
        b.saturating_sub(y),
        c.saturating_sub(z),
    ]
}

/// How a worker is, as it tells the sidecar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Load {
    /// Requests in flight.
    pub in_flight: u32,
    /// Bytes of their bodies.
    pub body_bytes: u64,
    /// How late its ticks come, microseconds, their median.
    pub late_us: u32,
    /// What it sheds, see [`Overload`]: thousandths, up to 1,000 of `batch`, then of `standard`, then of `critical`.
    pub pressure: u32,
}

/// The share in hundredths of a bound that requests of this priority may fill.
fn share(priority: Priority) -> u64 {
    match priority {
        Priority::Critical => 100,
        Priority::Standard => 85,
        Priority::Batch => 70,
    }
}

/// Whether `used`, with what a request of this priority adds, is more than its share of `most`: all of it
/// is for the most urgent. 0: no bound.
#[must_use]
pub fn is_over(used: u64, most: u64, priority: Priority) -> bool {
    most > 0 && u128::from(used) * 100 > u128::from(most) * u128::from(share(priority))
}

/// What a tick changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing to tell.
    None,
    /// From here on it sheds.
    Begins,
    /// It sheds no more.
    Ends,
}

/// The controller of one worker: ticks in, refusals out. It holds no clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overload {
    /// Of the last ticks: how late, microseconds, and requests since the one before.
    ticks: [(u32, u32); TICKS],
    next: usize,
    requests: u32,
    pressure: u32,
    /// The pressure that was too little when ticks came late again.
    knee: u32,
    /// For how long they have been on time.
    calm: Nanos,
    /// The least lateness of this stretch and of the one before, microseconds; none yet.
    floors: [Option<u32>; 2],
    floor_age: Nanos,
    /// What each priority is owed in refusals, thousandths: refusals are spread evenly, and by no chance.
    owed: [u32; 3],
    rates: Rates,
}

impl Overload {
    /// Takes a tick in that came `late`, `period` after the one before had it not been; `target_ms` is how
    /// late it may be, 0: never mind.
    pub fn ticked(&mut self, late: Nanos, period: Nanos, target_ms: u32) -> Turn {
        let late_us = u32::try_from(late / 1_000).unwrap_or(u32::MAX);
        let requests = std::mem::take(&mut self.requests);
        self.note(late_us, requests);
        // The one that would have come meanwhile.
        if late > period {
            self.note(late_us, 0);
        }
        let elapsed = period.saturating_add(late);
        self.remember(self.late_us(), elapsed);
        let is_busy = u64::from(self.late_us()) > self.target_us(u64::from(target_ms) * 1_000);
        self.rates.ticked(requests, elapsed, is_busy);
        let before = self.pressure;
        self.pressure = match target_ms {
            0 => 0,
            _ => self.moved(period.saturating_add(late).min(LONGEST_TICK), target_ms),
        };
        if self.pressure == 0 {
            self.knee = 0;
            self.rates.forget();
        }
        match (before, self.pressure) {
            (0, 1..) => Turn::Begins,
            (1.., 0) => Turn::Ends,
            (0, 0) | (1.., 1..) => Turn::None,
        }
    }

    fn note(&mut self, late_us: u32, requests: u32) {
        if let Some(tick) = self.ticks.get_mut(self.next) {
            *tick = (late_us, requests);
        }
        self.next = (self.next + 1) % TICKS;
    }

    /// The pressure after `elapsed`.
    fn moved(&mut self, elapsed: Nanos, target_ms: u32) -> u32 {
        let late = u64::from(self.late_us());
        let target = self.target_us(u64::from(target_ms) * 1_000);
        let is_asked = self.is_asked();
        if late > target && is_asked {
            if self.calm > 0 {
                self.knee = self.pressure;
            }
            self.calm = 0;
            let over = (late - target).min(MOST_RISE * target);
            let rise = part(RISE_PER_S * over / target, elapsed);
            return self.pressure.saturating_add(rise).min(MOST);
        }
        if late >= target / 2 && is_asked {
            return self.pressure;
        }
        self.calm = self.calm.saturating_add(elapsed);
        if self.rates.fits() {
            let fall = part(FALL_WHERE_IT_FITS_PER_S, elapsed);
            return self.pressure.saturating_sub(fall);
        }
        let bottom = self.knee.saturating_add(MARGIN);
        if self.pressure > bottom {
            let fall = part(FALL_PER_S, elapsed);
            return self.pressure.saturating_sub(fall).max(bottom);
        }
        let more = EASE_MORE_PER_S.saturating_mul(self.calm) / NANOS_PER_S;
        self.pressure
            .saturating_sub(part(EASE_PER_S + more, elapsed))
    }

    /// How late it may be: what was asked for, or more where nothing was ever earlier of late.
    fn target_us(&self, asked: u64) -> u64 {
        let floor = self.floors.iter().flatten().min();
        let floor = OVER_FLOOR * u64::from(floor.copied().unwrap_or_default());
        floor.clamp(asked, MOST_TARGET * asked)
    }

    fn remember(&mut self, late_us: u32, elapsed: Nanos) {
        let [now, before] = self.floors;
        let least = now.map_or(late_us, |now| now.min(late_us));
        self.floor_age = self.floor_age.saturating_add(elapsed);
        self.floors = match self.floor_age > FLOOR {
            true => [None, Some(least)],
            false => [Some(least), before],
        };
        if self.floor_age > FLOOR {
            self.floor_age = 0;
        }
    }

    fn is_asked(&self) -> bool {
        let requests = self.ticks.iter().map(|(_, requests)| *requests);
        requests.fold(0, u32::saturating_add) >= LEAST_REQUESTS
    }

    /// How late ticks come: the median of the last ones, microseconds.
    #[must_use]
    pub fn late_us(&self) -> u32 {
        let mut late = self.ticks.map(|(late, _)| late);
        late.sort_unstable();
        late.get(TICKS / 2).copied().unwrap_or_default()
    }

    /// What it sheds, see [`Load::pressure`].
    #[must_use]
    pub fn pressure(&self) -> u32 {
        self.pressure
    }

    /// Whether a request that has come is to be refused.
    pub fn sheds(&mut self, priority: Priority) -> bool {
        self.requests = self.requests.saturating_add(1);
        if self.pressure == 0 {
            return false;
        }
        let share = share_of(self.pressure, priority);
        let owed = of_mut(&mut self.owed, priority);
        *owed += share;
        let is_due = *owed >= WHOLE;
        if is_due {
            *owed -= WHOLE;
        }
        // What was owed to a lower pressure is not asked of a higher one's guests.
        let sheds = is_due && share > 0;
        if sheds {
            self.rates.shed();
        }
        sheds
    }
}

/// What so much per second comes to, at least the least.
fn part(per_s: u64, elapsed: Nanos) -> u32 {
    let amount = u128::from(per_s) * u128::from(elapsed) / u128::from(NANOS_PER_S);
    u32::try_from(amount).unwrap_or(MOST).max(1)
}

/// The share of a priority's requests that are shed under a pressure, thousandths.
fn share_of(pressure: u32, priority: Priority) -> u32 {
    let (from, most) = match priority {
        Priority::Batch => (0, WHOLE),
        Priority::Standard => (WHOLE, WHOLE),
        Priority::Critical => (2 * WHOLE, MOST_OF_CRITICAL),
    };
    pressure.saturating_sub(from).min(most)
}

fn of_mut<T>(all: &mut [T; 3], priority: Priority) -> &mut T {
    let [critical, standard, batch] = all;
    match priority {
        Priority::Critical => critical,
        Priority::Standard => standard,
        Priority::Batch => batch,
    }
}

#[cfg(test)]
mod tests;
