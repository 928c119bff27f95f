//! What came of a run: by priority, and over time.

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::priority::{Priority, Slo};
use ark_gateway_core::record::Verdict;
use serde::Serialize;

use super::Us;
use super::load::Request;
use super::race::Hedges;
use crate::histogram::Histogram;

/// Length of the windows over which an SLO's P95 is taken.
const SLO_WINDOW_US: Us = 300_000_000;
/// Length of the windows whose shares are compared with those before, for switches and oscillation.
const STEP_US: Us = 10_000_000;
/// Fewest requests of such a window for its shares to mean anything.
const LEAST: u32 = 50;

/// One request that has ended for its client.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The request.
    pub request: Request,
    /// The first byte of the answer; `None` when there was no answer.
    pub first_byte: Option<Us>,
    /// When it ended.
    pub end: Us,
    /// Whether the client got a whole answer.
    pub ok: bool,
    /// What all its attempts cost.
    pub cost: MicroUsd,
    /// Attempts.
    pub attempts: u32,
    /// Attempts that were answered with 429.
    pub limited: u32,
    /// What its answer costs elsewhere; nothing without an answer.
    pub listed: Listed,
}

/// What the same answers cost by the prices alone, whoever gave them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// At the operator's first target.
    pub first: MicroUsd,
    /// At the cheapest.
    pub least: MicroUsd,
}

impl Listed {
    fn plus(self, other: Self) -> Self {
        Self {
            first: self.first.plus(other.first),
            least: self.least.plus(other.least),
        }
    }
}

/// Counts of some requests.
#[derive(Clone, Debug, Default)]
pub struct Class {
    /// Requests.
    pub requests: u64,
    /// Requests whose client got an error.
    pub errors: u64,
    /// Requests with an error or a latency over the SLO.
    pub misses: u64,
    /// What they cost.
    pub cost: MicroUsd,
    /// What their answers cost elsewhere.
    pub listed: Listed,
    /// Attempts.
    pub attempts: u64,
    /// Attempts that were answered with 429.
    pub limited: u64,
    /// Times to the first token of answers.
    pub ttft: Histogram,
    /// Latencies of answers.
    pub latency: Histogram,
    /// Answers and late answers of each window of [`SLO_WINDOW_US`].
    windows: Vec<(u32, u32)>,
}

/// One slot of the time line.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Slot {
    /// First choices, per target.
    pub first: Vec<u32>,
    /// Requests that ended.
    pub requests: u32,
    /// Of them those that missed their SLO.
    pub misses: u32,
    /// What they cost, micro-USD.
    pub cost: u64,
}

/// All that is counted of a run.
#[derive(Clone, Debug)]
pub struct Tally {
    slos: [Slo; 3],
    /// In the order of [`Priority::ALL`].
    pub classes: [Class; 3],
    /// The time line, slots of equal length.
    pub slots: Vec<Slot>,
    /// What hedges did.
    pub hedges: Hedges,
    slot_us: Us,
    step: Step,
}

/// Shares of one window against those of the one before.
#[derive(Clone, Debug, Default)]
struct Step {
    at: Us,
    now: Vec<u32>,
    before: Vec<u32>,
    switches: u64,
    moved: f64,
    compared: u64,
}

impl Tally {
    /// For a run of `targets` targets that lasts `span`, with a time line of `slots` slots.
    #[must_use]
    pub fn new(slos: [Slo; 3], targets: usize, span: Us, slots: usize) -> Self {
        let slot = Slot {
            first: vec![0; targets],
            ..Slot::default()
        };
        Self {
            slos,
            classes: Default::default(),
            slots: vec![slot; slots.max(1)],
            hedges: Hedges::default(),
            slot_us: (span / slots.max(1) as u64).max(1),
            step: Step {
                now: vec![0; targets],
                before: vec![0; targets],
                ..Step::default()
            },
        }
    }

    /// Length of a slot of the time line.
    #[must_use]
    pub fn slot_us(&self) -> Us {
        self.slot_us
    }

    /// A request's first choice.
    pub fn chosen(&mut self, target: usize, now: Us) {
        if let Some(count) = self
            .slot_mut(now)
            .and_then(|slot| slot.first.get_mut(target))
        {
            *count += 1;
        }
        self.step.count(target, now);
    }

    /// A request's end.
    pub fn ended(&mut self, ended: &Ended) {
        let at = Priority::ALL
            .iter()
            .position(|p| *p == ended.request.priority)
            .unwrap_or(0);
        let took = ended.end - ended.request.at;
        let slo = self
            .slos
            .get(at)
            .map_or(f64::INFINITY, |slo| f64::from(slo.latency_ms));
        let missed = !ended.ok || millis(took) > slo;
        if let Some(class) = self.classes.get_mut(at) {
            class.requests += 1;
            class.errors += u64::from(!ended.ok);
            class.misses += u64::from(missed);
            class.cost = class.cost.plus(ended.cost);
            class.listed = class.listed.plus(ended.listed);
            class.attempts += u64::from(ended.attempts);
            class.limited += u64::from(ended.limited);
            if let (true, Some(first)) = (ended.ok, ended.first_byte) {
                class.ttft.record(first - ended.request.at);
                class.latency.record(took);
                class.answered(ended.request.at, missed);
            }
        }
        if let Some(slot) = self.slot_mut(ended.request.at) {
            slot.requests += 1;
            slot.misses += u32::from(missed);
            slot.cost += ended.cost.0;
        }
    }

    /// All priorities together.
    #[must_use]
    pub fn overall(&self) -> Class {
        let mut all = Class::default();
        for class in &self.classes {
            all.requests += class.requests;
            all.errors += class.errors;
            all.misses += class.misses;
            all.cost = all.cost.plus(class.cost);
            all.listed = all.listed.plus(class.listed);
            all.attempts += class.attempts;
            all.limited += class.limited;
            all.ttft.merge(&class.ttft);
            all.latency.merge(&class.latency);
            // Each window is judged against the SLO of its priority, so they stay apart.
            all.windows.extend(&class.windows);
        }
        all
    }

    /// How often the target with the largest share was another than ten seconds before.
    #[must_use]
    pub fn switches(&self) -> u64 {
        self.step.switches
    }

    /// The oscillation index, 0 to 1: the share of the load that moves from one window of ten seconds
    /// to the next, on average over all pairs of successive windows with 50 requests each. With shares
    /// `p` and `q` that is half the sum of `|p - q|` over the targets. Drawing at random from fixed
    /// shares gives about `sqrt(targets / (2 pi n))` for windows of `n` requests; a load that jumps
    /// from one target to another every time gives 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts of windows")]
    pub fn oscillation(&self) -> f64 {
        self.step.moved / (self.step.compared.max(1)) as f64
    }

    fn slot_mut(&mut self, at: Us) -> Option<&mut Slot> {
        let slot = usize::try_from(at / self.slot_us).unwrap_or(usize::MAX);
        let last = self.slots.len() - 1;
        self.slots.get_mut(slot.min(last))
    }
}

impl Step {
    fn count(&mut self, target: usize, now: Us) {
        let step = now / STEP_US;
        if step != self.at {
            self.compare(step == self.at + 1);
            self.at = step;
        }
        if let Some(count) = self.now.get_mut(target) {
            *count += 1;
        }
    }

    fn compare(&mut self, successive: bool) {
        let sum = |counts: &[u32]| counts.iter().sum::<u32>();
        let (now, before) = (sum(&self.now), sum(&self.before));
        if now >= LEAST && before >= LEAST {
            let share = |count: u32, sum: u32| f64::from(count) / f64::from(sum);
            let pairs = self.now.iter().zip(&self.before);
            let moved: f64 = pairs
                .map(|(p, q)| (share(*p, now) - share(*q, before)).abs())
                .sum();
            self.moved += moved / 2.0;
            self.compared += 1;
            self.switches += u64::from(leader(&self.now) != leader(&self.before));
        }
        if successive {
            std::mem::swap(&mut self.now, &mut self.before);
        } else {
            self.before.fill(0);
        }
        self.now.fill(0);
    }
}

fn leader(counts: &[u32]) -> Option<usize> {
    let most = counts.iter().max()?;
    counts.iter().position(|count| count == most)
}

impl Class {
    /// Share of requests whose client got an answer; 1 without any.
    #[must_use]
    pub fn availability(&self) -> f64 {
        1.0 - share(self.errors, self.requests)
    }

    fn answered(&mut self, at: Us, late: bool) {
        let n = usize::try_from(at / SLO_WINDOW_US).unwrap_or(usize::MAX);
        if self.windows.len() <= n {
            self.windows.resize(n + 1, (0, 0));
        }
        if let Some((answers, lates)) = self.windows.get_mut(n) {
            *answers += 1;
            *lates += u32::from(late);
        }
    }

    /// Requests whose client got an error, or that came in five minutes whose P95 was over the SLO.
    #[must_use]
    pub fn breaches(&self) -> u64 {
        let over = |(answers, late): &&(u32, u32)| u64::from(*late) * 20 > u64::from(*answers);
        let breached = self.windows.iter().filter(over);
        self.errors
            + breached
                .map(|(answers, _)| u64::from(*answers))
                .sum::<u64>()
    }

    /// Share of requests that missed their SLO.
    #[must_use]
    pub fn miss_share(&self) -> f64 {
        share(self.misses, self.requests)
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts for people")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of hours")]
fn millis(us: Us) -> f64 {
    us as f64 / 1000.0
}

/// Whether an attempt's end lets the router try the next target.
#[must_use]
pub fn is_retried(verdict: Verdict) -> bool {
    verdict.is_provider_fault() && verdict != Verdict::Cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLO: Slo = Slo {
        latency_ms: 1_000.0,
        failure_rate: 0.01,
    };

    fn index(choices: impl Iterator<Item = usize>) -> (f64, u64) {
        let mut tally = Tally::new([SLO; 3], 2, 100_000_000, 10);
        for (n, target) in choices.enumerate() {
            tally.chosen(target, n as u64 * 10_000);
        }
        (tally.oscillation(), tally.switches())
    }

    #[test]
    fn the_oscillation_index_tells_a_pendulum_from_a_fixed_share() {
        let (fixed, switches) = index((0..10_000).map(|n| usize::from(n % 3 == 0)));
        assert!(fixed < 0.002 && switches == 0, "{fixed} {switches}");
        let (pendulum, switches) = index((0..10_000).map(|n| n / 1_000 % 2));
        assert!((pendulum - 1.0).abs() < 1e-9, "{pendulum}");
        assert_eq!(switches, 8);
    }

    #[test]
    fn errors_and_late_answers_miss_the_slo() {
        let mut tally = Tally::new([SLO; 3], 1, 1_000_000, 1);
        let request = Request {
            index: 0,
            at: 500,
            input_tokens: 1,
            output_tokens: 1,
            max_tokens: None,
            priority: Priority::Batch,
            model: ark_gateway_core::snapshot::ModelId(0),
            stream: true,
        };
        for (ok, took) in [(true, 1_000_000), (true, 1_000_001), (false, 10)] {
            tally.ended(&Ended {
                request,
                first_byte: ok.then_some(600),
                end: 500 + took,
                ok,
                cost: MicroUsd(3),
                attempts: 2,
                limited: 1,
                listed: Listed {
                    first: MicroUsd(7),
                    least: MicroUsd(3),
                },
            });
        }
        let all = tally.overall();
        assert_eq!((all.requests, all.errors, all.misses), (3, 1, 2));
        assert_eq!((all.cost, all.attempts, all.limited), (MicroUsd(9), 6, 3));
        assert_eq!(all.listed.first, MicroUsd(21));
        assert_eq!(all.latency.len(), 2);
        assert!((all.availability() - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(tally.classes[0].requests, 0);
        assert_eq!(tally.slots[0].misses, 2);
    }

    #[test]
    fn the_p95_of_five_minutes_breaches_for_all_of_them() {
        let breaches = |late: u64| {
            let mut class = Class::default();
            for n in 0..100 {
                class.answered(1_000_000, n < late);
                class.answered(SLO_WINDOW_US, false);
            }
            class.breaches()
        };
        assert_eq!((breaches(5), breaches(6)), (0, 100));
    }
}
