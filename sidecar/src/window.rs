//! What a target did: 30 one-second sub-windows, forgotten second by second; the minutes before them,
//! fading; and its circuit.

use ark_gateway_core::circuit::{Breaker, Cause, Circuit, Outcome, Rules};
use ark_gateway_core::record::Verdict;

use crate::Ms;
use crate::beginning::Beginning;
use crate::histogram::Histogram;
use crate::memory::{Memory, Remembered};
use crate::verdicts::Verdicts;

/// How long a sample is remembered, seconds.
pub const SPAN_S: u64 = 30;

/// So many times the usual time to the first byte is far slower than usual.
const SLOW: f32 = 5.0;
/// A first byte within so much of the usual is never slow, milliseconds.
const SLOW_FLOOR_MS: f32 = 20.0;
/// Fewest attempts that make up what is usual.
const USUAL_ATTEMPTS: f32 = 20.0;
/// How often what is usual is worked out anew, milliseconds.
const USUAL_EVERY_MS: Ms = 1_000;

/// One finished attempt.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// How it ended.
    pub verdict: Verdict,
    /// Time to its first byte or event, microseconds; for a timeout the time it was waited for.
    pub ttft_us: Option<u64>,
    /// From its start to its end, microseconds.
    pub duration_us: u64,
    /// Completion tokens that it produced; 0 when not known.
    pub output_tokens: u64,
    /// Whether its tokens came one by one, so that their pace can be told.
    pub streamed: bool,
    /// The provider's word when to come back, milliseconds.
    pub retry_after_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Second {
    /// Seconds since the process start, which tells an old round of the ring from this one.
    at: u64,
    view: View,
}

/// All samples of some span of time.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Times to the first byte.
    pub ttft: Histogram,
    /// Total times of attempts that succeeded.
    pub latency: Histogram,
    /// How attempts ended.
    pub verdicts: Verdicts,
    /// Completion tokens.
    pub output_tokens: u64,
    /// Time of the newest sample.
    pub newest: Option<Ms>,
    decode_us: u64,
    decode_tokens: u64,
}

/// The sliding window of one target.
#[derive(Debug, Default)]
pub struct Window {
    ring: Vec<Second>,
    memory: Memory,
    breaker: Breaker,
    beginning: Beginning,
    /// The usual time to the first byte, and when that was worked out.
    usual: Option<(Option<f32>, Ms)>,
}

impl Window {
    /// Takes in an attempt that finished at `now`.
    pub fn record(&mut self, sample: &Sample, now: Ms) {
        if self.ring.is_empty() {
            self.ring
                .resize_with(usize::try_from(SPAN_S).unwrap_or(0), Second::default);
        }
        let second = now / 1000;
        let slot = usize::try_from(second % SPAN_S).unwrap_or(0);
        if let Some(slot) = self.ring.get_mut(slot) {
            if slot.at != second {
                *slot = Second {
                    at: second,
                    view: View::default(),
                };
            }
            slot.view.record(sample, now);
        }
        let started = now.saturating_sub(sample.duration_us / 1000);
        let was_closed = self.breaker.circuit(now) == Circuit::Closed;
        if let Some(outcome) = self.outcome(sample, now) {
            self.breaker
                .record(outcome, started, now, &Rules::default());
        }
        let mut remembered = remembered(sample);
        // An outage is one fault, however many requests were in it: the circuit is there for outages, and
        // the memory for what fails now and then.
        if !was_closed && remembered.fault == Some(true) {
            remembered.fault = None;
        }
        let is_fault = remembered.fault == Some(true);
        self.memory.record(remembered, now);
        if is_fault {
            self.beginning.count(now);
        }
        let has_failed = matches!(
            self.breaker.cause(),
            Some(Cause::Consecutive | Cause::Failures)
        );
        if was_closed && has_failed {
            // How many it takes until it opens depends on which answers came between them.
            self.memory.forgive(self.beginning.all_but_one(), now);
        }
    }

    /// Attempts have waited so long for their first byte at `now`, milliseconds.
    pub fn waiting(&mut self, ages_ms: &[u32], now: Ms) {
        let Some(slow_ms) = self.slow_ms(now) else {
            return;
        };
        #[allow(clippy::cast_precision_loss, reason = "compared with an estimate")]
        let overdue = ages_ms.iter().filter(|age| **age as f32 > slow_ms).count();
        if overdue > 0 {
            let overdue = u32::try_from(overdue).unwrap_or(u32::MAX);
            // The whole second before and the running one.
            let answered = self.within(now, 2).map(|view| view.ttft.len()).sum::<u64>();
            let answered = u32::try_from(answered).unwrap_or(u32::MAX);
            self.breaker
                .overdue(overdue, answered, now, &Rules::default());
        }
    }

    /// When its newest attempt finished, as far as the ring remembers.
    #[must_use]
    pub fn newest(&self) -> Option<Ms> {
        self.ring.iter().filter_map(|slot| slot.view.newest).max()
    }

    /// Its circuit.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The minutes before the last seconds, and these.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    fn outcome(&mut self, sample: &Sample, now: Ms) -> Option<Outcome> {
        match sample.verdict {
            Verdict::Ok => {
                let slow_ms = self.slow_ms(now);
                #[allow(clippy::cast_precision_loss, reason = "compared with an estimate")]
                let took_ms = sample.ttft_us.map(|us| us as f32 / 1000.0);
                Some(match (slow_ms, took_ms) {
                    (Some(slow), Some(took)) if took > slow => Outcome::Slow,
                    (_, _) => Outcome::Good,
                })
            }
            Verdict::RateLimited | Verdict::Overloaded => {
                Some(Outcome::Limited(sample.retry_after_ms))
            }
            Verdict::Unreachable
            | Verdict::Timeout
            | Verdict::ServerError
            | Verdict::Auth
            | Verdict::FirstEvent
            | Verdict::Cut => Some(Outcome::Failed),
            Verdict::ClientError | Verdict::Abandoned | Verdict::Hedged => None,
        }
    }

    /// A first byte after this is far slower than usual; `None` while nothing is usual.
    fn slow_ms(&mut self, now: Ms) -> Option<f32> {
        let usual = match self.usual {
            Some((usual, at)) if now.saturating_sub(at) < USUAL_EVERY_MS => usual,
            Some(_) | None => {
                let enough = self.memory.judged(now).0 >= USUAL_ATTEMPTS;
                let usual = self.memory.ttft_ms(0.5).filter(|_| enough);
                self.usual = Some((usual, now));
                usual
            }
        };
        usual.map(|usual| (usual * SLOW).max(usual + SLOW_FLOOR_MS))
    }

    /// Everything of the last `seconds` seconds (at most 30), the running one included.
    #[must_use]
    pub fn view(&self, now: Ms, seconds: u64) -> View {
        let mut view = View::default();
        for slot in self.within(now, seconds) {
            view.merge(slot);
        }
        view
    }

    /// How the attempts of the last `seconds` seconds ended; [`Window::view`] without its durations.
    #[must_use]
    pub fn verdicts(&self, now: Ms, seconds: u64) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for slot in self.within(now, seconds) {
            verdicts.merge(&slot.verdicts);
        }
        verdicts
    }

    fn within(&self, now: Ms, seconds: u64) -> impl Iterator<Item = &View> {
        let second = now / 1000;
        self.ring
            .iter()
            .filter(move |slot| slot.at <= second && second - slot.at < seconds)
            .map(|slot| &slot.view)
            .filter(|view| view.newest.is_some())
    }
}

fn remembered(sample: &Sample) -> Remembered {
    let is_judged = !matches!(sample.verdict, Verdict::Abandoned | Verdict::Hedged);
    let decode = match (sample.verdict, sample.ttft_us) {
        (Verdict::Ok, Some(ttft_us)) if sample.streamed && sample.output_tokens > 1 => {
            let us = sample.duration_us.saturating_sub(ttft_us);
            Some((us, sample.output_tokens - 1))
        }
        (_, _) => None,
    };
    Remembered {
        fault: is_judged.then(|| sample.verdict.is_provider_fault()),
        ttft_us: sample.ttft_us,
        decode,
    }
}

impl View {
    fn record(&mut self, sample: &Sample, now: Ms) {
        self.verdicts.count(sample.verdict);
        self.newest = Some(now);
        if let Some(ttft_us) = sample.ttft_us {
            self.ttft.record(ttft_us);
        }
        if sample.verdict != Verdict::Ok {
            return;
        }
        self.latency.record(sample.duration_us);
        self.output_tokens += sample.output_tokens;
        if let (true, Some(ttft_us)) = (sample.streamed && sample.output_tokens > 1, sample.ttft_us)
        {
            self.decode_us += sample.duration_us.saturating_sub(ttft_us);
            self.decode_tokens += sample.output_tokens - 1;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.ttft.merge(&other.ttft);
        self.latency.merge(&other.latency);
        self.verdicts.merge(&other.verdicts);
        self.output_tokens += other.output_tokens;
        self.newest = self.newest.max(other.newest);
        self.decode_us += other.decode_us;
        self.decode_tokens += other.decode_tokens;
    }

    /// Adds attempts that still wait: each that has waited longer than half of the finished ones
    /// took is a lower bound of a sample to come. Without finished ones all count.
    pub fn add_waiting(&mut self, ages_ms: &[u32]) {
        let threshold = self.ttft.quantile_ms(0.5).unwrap_or(0.0);
        for age in ages_ms {
            #[allow(clippy::cast_precision_loss, reason = "compared with a rounded median")]
            if *age as f32 > threshold {
                self.ttft.record(u64::from(*age) * 1000);
            }
        }
    }

    /// Mean time per output token after the first, milliseconds, of streamed answers.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a mean for people and scores"
    )]
    pub fn tpot_ms(&self) -> Option<f32> {
        (self.decode_tokens > 0)
            .then(|| (self.decode_us as f64 / self.decode_tokens as f64 / 1000.0) as f32)
    }
}

#[cfg(test)]
mod tests;
