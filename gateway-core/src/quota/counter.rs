//! What the store keeps of one limit, one subject and one window, and how it grants.
//!
//! The invariant: what is used, and what leases may still use, is never more than the limit, unless a
//! request used more than its estimate. A lease that ends without a word gives back what was free in
//! it; what requests in flight held stays used, as their providers were asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::message::{CounterGrant, CounterReport};
use crate::left_out::is_default;

/// Most leases of one counter; a worker beyond them is granted nothing.
const MOST_LEASES: usize = 2_048;

/// How long a closed lease is kept, so that its last report can come twice, milliseconds.
const CLOSED_MS: u64 = 120_000;

/// How long a lease of a worker that is not heard any more is kept, so that it can come back.
const LOST_MS: u64 = 86_400_000;

/// How long what others do not need is called back after a request lacked it, milliseconds.
const RECALL_MS: u64 = 500;

/// Of what is left, a worker is granted one part in this many times the workers, so that the last
/// units are not all held by one.
const SHARE: u64 = 2;

/// What the operator's configuration says of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The limit.
    pub limit: u64,
    /// How long a lease lasts, milliseconds.
    pub lease_ms: u32,
    /// What is limited comes back: [`super::Unit::Concurrency`].
    pub comes_back: bool,
    /// The window runs, so that there is something to grant.
    pub open: bool,
}

/// One worker's lease: totals since it opened the counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lease {
    #[serde(rename = "g")]
    granted: u64,
    #[serde(rename = "u")]
    used: u64,
    #[serde(rename = "r")]
    returned: u64,
    #[serde(rename = "h")]
    reserved: u64,
    #[serde(rename = "n")]
    sequence: u64,
    /// Until when, milliseconds of the store's clock.
    #[serde(rename = "x")]
    expires_ms: u64,
    #[serde(rename = "c", skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
}

impl Lease {
    /// What the worker may use without a word.
    fn free(&self) -> u64 {
        let spoken_for = self.used.saturating_add(self.returned);
        self.granted
            .saturating_sub(spoken_for.saturating_add(self.reserved))
    }

    /// What the worker may still use, requests in flight included.
    fn outstanding(&self) -> u64 {
        let rest = self.granted.saturating_sub(self.used);
        rest.saturating_sub(self.returned).max(self.reserved)
    }

    fn committed(&self, terms: &Terms, now_ms: u64) -> u64 {
        let is_live = self.expires_ms > now_ms;
        let held = match (is_live, terms.comes_back) {
            (true, _) => self.outstanding(),
            (false, false) => self.reserved,
            (false, true) => 0,
        };
        self.used.saturating_add(held)
    }
}

/// One counter of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counter {
    /// By worker and opening.
    #[serde(rename = "l")]
    leases: BTreeMap<String, Lease>,
    /// Used by leases that are not kept any more.
    #[serde(rename = "f")]
    folded: u64,
    /// The highest share that has been alerted, percent.
    #[serde(rename = "a")]
    alerted: u8,
    /// A request has been refused for want of it.
    #[serde(rename = "e", skip_serializing_if = "std::ops::Not::not")]
    exhausted: bool,
    /// Until when what workers do not need is called back, milliseconds.
    #[serde(rename = "w", skip_serializing_if = "is_default")]
    recall_until_ms: u64,
}

impl Counter {
    /// Takes in a worker's report and grants what it wants, as far as there is.
    ///
    /// `now_ms` is the store's own clock. The same report twice changes nothing but the expiry.
    pub fn exchange(
        &mut self,
        terms: &Terms,
        worker: &str,
        report: &CounterReport,
        now_ms: u64,
    ) -> CounterGrant {
        self.fold(terms, now_ms);
        let name = format!("{worker}.{}", report.opened);
        let is_known = self.leases.contains_key(&name);
        if !is_known && self.leases.len() >= MOST_LEASES {
            return CounterGrant {
                dry: true,
                ..CounterGrant::default()
            };
        }
        let lease = self.leases.entry(name.clone()).or_default();
        // What was free in a lease that has ended is gone, even if its worker never knew of it.
        lease.granted = match lease.expires_ms > now_ms {
            true => lease.granted.max(report.granted),
            false => report.granted,
        };
        lease.used = lease.used.max(report.used);
        lease.returned = lease.returned.max(report.returned);
        if report.sequence >= lease.sequence {
            lease.sequence = report.sequence;
            lease.reserved = report.reserved;
            lease.closed = report.closed;
        }
        lease.expires_ms = now_ms.saturating_add(u64::from(terms.lease_ms));
        let lease = *lease;
        let available = terms.limit.saturating_sub(self.committed(terms, now_ms));
        let workers = self.workers(now_ms);
        // While a request waits elsewhere nobody gets more than requests need.
        let is_scarce = now_ms < self.recall_until_ms;
        let (granted, dry) = grant(&lease, report, (terms, available, workers), is_scarce);
        self.recall(&name, dry && report.need > 0, now_ms);
        let extra = granted.saturating_sub(lease.granted);
        if let Some(kept) = self.leases.get_mut(&name) {
            kept.granted = granted;
            // What a request waits for is as good as used: it stays so if no word comes after it.
            let free = kept.free();
            kept.reserved = kept.reserved.saturating_add(free.min(report.need));
        }
        CounterGrant {
            granted,
            for_ms: terms.lease_ms,
            left: available.saturating_sub(extra),
            percent: self.percent(terms, now_ms),
            workers: u16::try_from(workers).unwrap_or(u16::MAX),
            dry,
            recall: is_scarce && lease.free() > report.need,
        }
    }

    /// Where a request lacks what others hold free, they are asked for it; where nobody does, the limit
    /// is reached.
    fn recall(&mut self, name: &str, is_lacking: bool, now_ms: u64) {
        if !is_lacking {
            return;
        }
        let is_held = self.leases.iter().any(|(other, lease)| {
            other != name && lease.expires_ms > now_ms && !lease.closed && lease.free() > 0
        });
        self.exhausted |= !is_held;
        self.recall_until_ms = match is_held {
            true => now_ms.saturating_add(RECALL_MS),
            false => 0,
        };
    }

    /// Whether a request that was just told that there is not enough can hope for what is called back.
    #[must_use]
    pub fn is_recalling(&self, now_ms: u64) -> bool {
        now_ms < self.recall_until_ms
    }

    /// What is used, without what requests in flight hold.
    #[must_use]
    pub fn settled(&self) -> u64 {
        let leases = self.leases.values();
        leases.fold(self.folded, |sum, lease| sum.saturating_add(lease.used))
    }

    /// The highest share that has been alerted, percent; 0 for none.
    #[must_use]
    pub fn alerted(&self) -> u8 {
        self.alerted
    }

    /// What is used and what leases may still use.
    #[must_use]
    pub fn committed(&self, terms: &Terms, now_ms: u64) -> u64 {
        let leases = self.leases.values();
        leases.fold(self.folded, |sum, lease| {
            sum.saturating_add(lease.committed(terms, now_ms))
        })
    }

    /// What is used, and what requests in flight hold.
    #[must_use]
    pub fn used(&self, terms: &Terms, now_ms: u64) -> u64 {
        let held = |lease: &Lease| match lease.expires_ms > now_ms || !terms.comes_back {
            true => lease.used.saturating_add(lease.reserved),
            false => lease.used,
        };
        let leases = self.leases.values();
        leases.fold(self.folded, |sum, lease| sum.saturating_add(held(lease)))
    }

    /// The share of the limit that is used, percent, at most 255.
    #[must_use]
    pub fn percent(&self, terms: &Terms, now_ms: u64) -> u8 {
        let used = u128::from(self.used(terms, now_ms));
        let percent = used * 100 / u128::from(terms.limit.max(1));
        u8::try_from(percent).unwrap_or(u8::MAX)
    }

    /// The highest of `thresholds` that has been reached and not been alerted before; from then on it
    /// has. The last is also reached when a request has been refused.
    pub fn alert(&mut self, thresholds: &[u8], terms: &Terms, now_ms: u64) -> Option<u8> {
        let percent = match self.exhausted {
            true => self.percent(terms, now_ms).max(100),
            false => self.percent(terms, now_ms),
        };
        let reached = thresholds.iter().copied().filter(|t| *t <= percent).max()?;
        if reached <= self.alerted {
            return None;
        }
        self.alerted = reached;
        Some(reached)
    }

    /// Leases that run.
    #[must_use]
    pub fn workers(&self, now_ms: u64) -> u64 {
        let live = |lease: &&Lease| lease.expires_ms > now_ms && !lease.closed;
        self.leases.values().filter(live).count() as u64
    }

    /// What leases that end between two moments leave unsaid: free when last heard of.
    #[cfg(test)]
    pub(super) fn unsaid(&self, ended: std::ops::RangeInclusive<u64>) -> u64 {
        let leases = self.leases.values();
        leases
            .filter(|lease| ended.contains(&lease.expires_ms))
            .map(Lease::free)
            .sum()
    }

    /// Lets every lease run on until then, after a restart of the store.
    pub fn prolong(&mut self, until_ms: u64) {
        for lease in self.leases.values_mut() {
            lease.expires_ms = lease.expires_ms.max(until_ms);
        }
    }

    /// Whether `newer` differs in nothing but how long leases last.
    #[must_use]
    pub fn is_but_renewed(&self, newer: &Self) -> bool {
        let timeless = |lease: &Lease| Lease {
            expires_ms: 0,
            sequence: 0,
            ..*lease
        };
        let same = |(a, b): ((&String, &Lease), (&String, &Lease))| {
            a.0 == b.0 && timeless(a.1) == timeless(b.1)
        };
        self.leases.len() == newer.leases.len()
            && self.leases.iter().zip(&newer.leases).all(same)
            && self.folded == newer.folded
            && (self.alerted, self.exhausted) == (newer.alerted, newer.exhausted)
            && self.recall_until_ms == newer.recall_until_ms
    }

    /// Keeps of old leases only what they used.
    fn fold(&mut self, terms: &Terms, now_ms: u64) {
        let folded = &mut self.folded;
        self.leases.retain(|_, lease| {
            let keep_ms = if lease.closed { CLOSED_MS } else { LOST_MS };
            let keep = now_ms < lease.expires_ms.saturating_add(keep_ms);
            if !keep {
                *folded = folded.saturating_add(lease.committed(terms, now_ms));
            }
            keep
        });
    }
}

/// The total to grant, and whether there was not enough.
fn grant(
    lease: &Lease,
    report: &CounterReport,
    (terms, available, workers): (&Terms, u64, u64),
    is_scarce: bool,
) -> (u64, bool) {
    let free = lease.free();
    if report.closed || !terms.open {
        return (lease.granted, free < report.need);
    }
    let share = match is_scarce {
        true => 0,
        false => available / SHARE.saturating_mul(workers.max(1)),
    };
    let lacking = report.need.saturating_sub(free);
    let wanted = report.want.max(report.need).saturating_sub(free);
    let extra = wanted.min(lacking.max(share)).min(available);
    // A part of what one request needs helps nobody, and keeps it from others.
    let extra = match free.saturating_add(extra) < report.least && report.least > 0 {
        true => 0,
        false => extra,
    };
    let dry = free.saturating_add(extra) < report.need || (available == 0 && free == 0);
    let granted = match extra {
        0 => lease.granted,
        // A worker that has used more than it was granted owes nothing: that is in `used` already.
        extra => {
            let spoken_for = lease.used.saturating_add(lease.returned);
            let spoken_for = spoken_for.saturating_add(lease.reserved);
            lease.granted.max(spoken_for).saturating_add(extra)
        }
    };
    (granted, dry)
}
