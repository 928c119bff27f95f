//! What one side of a canary did within a window: ten slots of it, forgotten one after the other.

use ark_gateway_core::record::Verdict;

use crate::Ms;
use crate::histogram::Histogram;

/// Slots of a window.
const SLOTS: u64 = 10;

/// One attempt, or the cost of one request.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// An attempt ended.
    Attempt {
        /// How.
        verdict: Verdict,
        /// Time to its first byte, microseconds.
        ttft_us: Option<u64>,
    },
    /// A request was answered.
    Answer {
        /// What it cost, micro-USD; `None`: not known.
        cost: Option<u64>,
    },
}

/// What happened in some span.
#[derive(Clone, Debug, Default)]
pub struct Side {
    /// Attempts that say something about their provider.
    pub judged: u64,
    /// Of them those that failed by its fault.
    pub faults: u64,
    /// Times to the first byte of those that succeeded.
    pub ttft: Histogram,
    /// Answers whose cost is known.
    pub priced: u64,
    /// Answers whose cost is not.
    pub unpriced: u64,
    cost: f64,
    cost_squares: f64,
}

impl Side {
    fn take(&mut self, event: Event) {
        match event {
            Event::Attempt { verdict, ttft_us } => {
                self.attempt(verdict);
                if let (Verdict::Ok, Some(us)) = (verdict, ttft_us) {
                    self.ttft.record(us);
                }
            }
            Event::Answer { cost: None } => self.unpriced += 1,
            Event::Answer { cost: Some(cost) } => {
                let cost = to_f64(cost);
                self.priced += 1;
                self.cost += cost;
                self.cost_squares += cost * cost;
            }
        }
    }

    fn attempt(&mut self, verdict: Verdict) {
        match verdict {
            // The client's own error, or its leaving, says nothing of a provider.
            Verdict::ClientError | Verdict::Abandoned | Verdict::Hedged => {}
            Verdict::Ok => self.judged += 1,
            Verdict::Unreachable
            | Verdict::Timeout
            | Verdict::RateLimited
            | Verdict::Overloaded
            | Verdict::ServerError
            | Verdict::Auth
            | Verdict::FirstEvent
            | Verdict::Cut => {
                self.judged += 1;
                self.faults += 1;
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.judged += other.judged;
        self.faults += other.faults;
        self.ttft.merge(&other.ttft);
        self.priced += other.priced;
        self.unpriced += other.unpriced;
        self.cost += other.cost;
        self.cost_squares += other.cost_squares;
    }

    /// Mean cost of an answer and the mean's standard error, micro-USD; `None` for fewer than two.
    #[must_use]
    pub fn cost(&self) -> Option<(f64, f64)> {
        if self.priced < 2 {
            return None;
        }
        let n = to_f64(self.priced);
        let mean = self.cost / n;
        let variance = ((self.cost_squares - n * mean * mean) / (n - 1.0)).max(0.0);
        Some((mean, (variance / n).sqrt()))
    }
}

#[derive(Debug, Default)]
struct Slot {
    at: u64,
    side: Side,
}

/// What one side did lately.
#[derive(Debug, Default)]
pub struct Evidence {
    slots: Vec<Slot>,
}

impl Evidence {
    /// Takes in an event of `now`.
    pub fn take(&mut self, event: Event, window_ms: Ms, now: Ms) {
        let at = now / slot_ms(window_ms);
        let first = at.saturating_sub(SLOTS - 1);
        self.slots.retain(|slot| slot.at >= first && slot.at <= at);
        match self.slots.last_mut().filter(|slot| slot.at == at) {
            Some(slot) => slot.side.take(event),
            None => {
                let mut side = Side::default();
                side.take(event);
                self.slots.push(Slot { at, side });
            }
        }
    }

    /// All of the window that ends at `now`.
    #[must_use]
    pub fn view(&self, window_ms: Ms, now: Ms) -> Side {
        let first = (now / slot_ms(window_ms)).saturating_sub(SLOTS - 1);
        let mut all = Side::default();
        for slot in self.slots.iter().filter(|slot| slot.at >= first) {
            all.merge(&slot.side);
        }
        all
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots.clear();
    }
}

fn slot_ms(window_ms: Ms) -> Ms {
    (window_ms / SLOTS).max(1)
}

#[allow(clippy::cast_precision_loss, reason = "counts and costs of minutes")]
fn to_f64(n: u64) -> f64 {
    n as f64
}
