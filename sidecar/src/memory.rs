//! What is remembered for minutes: the stable counterpart of [`crate::window`]'s seconds.

use crate::Ms;
use crate::histogram::Fading;

/// Age at which a sample weighs half, milliseconds.
const HALF_LIFE_MS: Ms = 300_000;
/// Weights are brought back to 1 after so many half-lives, while a float still tells them apart.
const MOST_HALF_LIVES: Ms = 12;

/// Weights that double with every half-life.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    /// When a sample weighed 1.
    began: Ms,
}

impl Clock {
    /// The weight of a sample at `now`, and what all before must be multiplied with first.
    fn weight(&mut self, now: Ms) -> (f32, Option<f32>) {
        let weight = self.at(now);
        if now.saturating_sub(self.began) < HALF_LIFE_MS * MOST_HALF_LIVES {
            return (weight, None);
        }
        self.began = now;
        (1.0, Some(1.0 / weight))
    }

    #[allow(clippy::cast_precision_loss, reason = "milliseconds of an hour")]
    fn at(&self, now: Ms) -> f32 {
        let age = now.saturating_sub(self.began) as f32 / HALF_LIFE_MS as f32;
        age.min(100.0).exp2()
    }
}

/// What one target did over the last minutes.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    clock: Clock,
    ttft: Fading,
    judged: f32,
    faults: f32,
    decode_ms: f32,
    decode_tokens: f32,
    /// First bytes, ever.
    answers: u32,
}

/// One sample for [`Memory`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Remembered {
    /// Whether it says something about the provider, and then whether it failed by its fault.
    pub fault: Option<bool>,
    /// Time to the first byte, microseconds.
    pub ttft_us: Option<u64>,
    /// Time from there to the end and the tokens after the first that came in it.
    pub decode: Option<(u64, u64)>,
}

impl Memory {
    /// Takes in one sample.
    #[allow(clippy::cast_precision_loss, reason = "durations of minutes")]
    pub fn record(&mut self, sample: Remembered, now: Ms) {
        let (weight, rescale) = self.clock.weight(now);
        if let Some(factor) = rescale {
            self.ttft.scale(factor);
            for sum in [
                &mut self.judged,
                &mut self.faults,
                &mut self.decode_ms,
                &mut self.decode_tokens,
            ] {
                *sum *= factor;
            }
        }
        if let Some(fault) = sample.fault {
            self.judged += weight;
            self.faults += if fault { weight } else { 0.0 };
        }
        if let Some(ttft_us) = sample.ttft_us {
            self.ttft.record(ttft_us, weight);
            self.answers = self.answers.saturating_add(1);
        }
        if let Some((us, tokens)) = sample.decode {
            self.decode_ms += us as f32 / 1000.0 * weight;
            self.decode_tokens += tokens as f32 * weight;
        }
    }

    /// So many faults of the last seconds were the same one as another: neither judged nor failed.
    pub fn forgive(&mut self, faults: u16, now: Ms) {
        let weight = self.clock.at(now) * f32::from(faults);
        self.judged = (self.judged - weight).max(0.0);
        self.faults = (self.faults - weight).max(0.0);
    }

    /// Judged attempts and of them the faults, as far as they are not forgotten at `now`.
    #[must_use]
    pub fn judged(&self, now: Ms) -> (f32, f32) {
        let weight = self.clock.at(now);
        (self.judged / weight, self.faults / weight)
    }

    /// How many first bytes there were, ever.
    #[must_use]
    pub fn answers(&self) -> u32 {
        self.answers
    }

    /// A quantile of the time to the first byte, milliseconds.
    #[must_use]
    pub fn ttft_ms(&self, q: f32) -> Option<f32> {
        self.ttft.quantile_ms(q)
    }

    /// Mean time per output token after the first, milliseconds.
    #[must_use]
    pub fn tpot_ms(&self) -> Option<f32> {
        (self.decode_tokens > 0.0).then(|| self.decode_ms / self.decode_tokens)
    }
}

/// How long the answers of one model are.
#[derive(Clone, Debug, Default)]
pub struct Lengths {
    clock: Clock,
    /// A thousand microseconds stand for a token.
    tokens: Fading,
    sum: f32,
    count: f32,
}

impl Lengths {
    /// Fewest answers that say something.
    const LEAST: f32 = 5.0;

    /// Answers, as far as they are not forgotten at `now`.
    #[must_use]
    pub fn answers(&self, now: Ms) -> f32 {
        self.count / self.clock.at(now)
    }

    /// An answer had so many completion tokens.
    #[allow(clippy::cast_precision_loss, reason = "tokens of one answer")]
    pub fn record(&mut self, tokens: u64, now: Ms) {
        let (weight, rescale) = self.clock.weight(now);
        if let Some(factor) = rescale {
            self.tokens.scale(factor);
            self.sum *= factor;
            self.count *= factor;
        }
        self.tokens.record(tokens.saturating_mul(1_000), weight);
        self.sum += tokens as f32 * weight;
        self.count += weight;
    }

    /// The mean and the P99, in tokens; `None` while too little is known.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to integer cast saturates"
    )]
    pub fn learnt(&self, now: Ms) -> Option<(u32, u32)> {
        if self.count / self.clock.at(now) < Self::LEAST {
            return None;
        }
        let mean = self.sum / self.count;
        let long = self.tokens.quantile_ms(0.99)?;
        Some((mean.round() as u32, long.round() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Ms = 3_600_000;

    fn ok(ttft_us: u64) -> Remembered {
        Remembered {
            fault: Some(false),
            ttft_us: Some(ttft_us),
            decode: Some((100_000, 10)),
        }
    }

    #[test]
    fn a_half_life_halves_and_hours_do_not_overflow() {
        let mut memory = Memory::default();
        for _ in 0..100 {
            memory.record(ok(100_000), 1_000);
        }
        let (judged, faults) = memory.judged(1_000 + HALF_LIFE_MS);
        assert!((judged - 50.0).abs() < 0.01 && faults == 0.0, "{judged}");
        for hour in 1..200 {
            for _ in 0..10 {
                memory.record(ok(400_000), hour * HOUR);
            }
        }
        let (judged, _) = memory.judged(199 * HOUR);
        assert!((judged - 10.0).abs() < 0.01, "{judged}");
        assert!((memory.ttft_ms(0.5).unwrap() - 400.0).abs() < 10.0);
        assert!((memory.tpot_ms().unwrap() - 10.0).abs() < 0.01);
        let fault = Remembered {
            fault: Some(true),
            ..Remembered::default()
        };
        memory.record(fault, 199 * HOUR);
        assert!((memory.judged(199 * HOUR).1 - 1.0).abs() < 0.01);
    }

    #[test]
    fn lengths_are_learnt_from_a_few_answers_on() {
        let mut lengths = Lengths::default();
        for n in 0..5 {
            assert_eq!(lengths.learnt(1_000), None, "{n}");
            lengths.record(if n == 4 { 600 } else { 100 }, 1_000);
        }
        let (mean, long) = lengths.learnt(1_000).unwrap();
        assert_eq!(mean, 200);
        assert!((585..=615).contains(&long), "{long}");
        assert_eq!(lengths.learnt(HOUR), None, "forgotten");
    }
}
