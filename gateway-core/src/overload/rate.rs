//! How many requests come, and how many a worker does that has no time left.

use crate::limit::Nanos;

const NANOS_PER_S: u64 = 1_000_000_000;
/// A rate is that of about so long.
const WINDOW: Nanos = NANOS_PER_S / 2;
/// A refusal counts for so much of a request that is served, at most what it costs: 1 of so many.
const OF_SERVED: u32 = 4;

/// What a worker is asked, and what it has done when it was asked too much; requests per second, in
/// thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rates {
    shed: u32,
    offered: u64,
    done: u64,
    /// Zero until it was busy once since it last shed nothing.
    most: u64,
}

impl Rates {
    /// A request was refused.
    pub(super) fn shed(&mut self) {
        self.shed = self.shed.saturating_add(1);
    }

    /// Takes in what came in a tick that took `elapsed`; whether the worker had no time left.
    pub(super) fn ticked(&mut self, requests: u32, elapsed: Nanos, is_busy: bool) {
        let shed = std::mem::take(&mut self.shed).min(requests);
        let done = requests - shed + shed / OF_SERVED;
        self.offered = smoothed(self.offered, requests, elapsed);
        self.done = smoothed(self.done, done, elapsed);
        if is_busy {
            self.most = self.done;
        }
    }

    /// Nothing is shed any more: what was learnt is forgotten.
    pub(super) fn forget(&mut self) {
        self.most = 0;
    }

    /// Whether all that comes is less than what it has done when it was busy.
    pub(super) fn fits(&self) -> bool {
        self.offered < self.most
    }
}

/// The rate after `elapsed` more, in which so many came.
fn smoothed(rate: u64, count: u32, elapsed: Nanos) -> u64 {
    let elapsed = elapsed.max(1);
    let now = u128::from(count) * u128::from(NANOS_PER_S) * 1_000 / u128::from(elapsed);
    let weight = u128::from(elapsed.min(WINDOW));
    let all = u128::from(WINDOW);
    let sum = u128::from(rate) * (all - weight) + now * weight;
    u64::try_from(sum / all).unwrap_or(u64::MAX)
}
