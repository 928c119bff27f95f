//! The profile of a day: how much busier or quieter each quarter of an hour is than the day.

use crate::Ms;

/// Quarters of an hour of a day.
const SLOTS: usize = 96;
const SLOT_MS: Ms = 900_000;
/// Weight of the newest day.
const GAIN: f64 = 0.3;
/// A quarter is at most so many times busier, or quieter, than the day.
const MOST: f64 = 10.0;

/// One day, learnt over days.
#[derive(Clone, Debug)]
pub(super) struct Season {
    unix_ms: u64,
    /// Mean tokens of a bin, by quarter; below 0: not seen.
    means: Box<[f32; SLOTS]>,
    /// The quarter that runs, its tokens and bins.
    running: Option<(Ms, f64, f64)>,
    /// The mean of all quarters, once all have been seen.
    mean: Option<f64>,
}

impl Season {
    pub(super) fn new(unix_ms: u64) -> Self {
        Self {
            unix_ms,
            means: Box::new([-1.0; SLOTS]),
            running: None,
            mean: None,
        }
    }

    /// A bin that began at `at` held so many tokens.
    pub(super) fn learn(&mut self, tokens: f64, at: Ms) {
        let quarter = self.unix_ms.saturating_add(at) / SLOT_MS;
        match &mut self.running {
            Some((running, sum, bins)) if *running == quarter => {
                *sum += tokens;
                *bins += 1.0;
            }
            Some((running, sum, bins)) => {
                let (done, mean) = (*running, *sum / bins.max(1.0));
                self.running = Some((quarter, tokens, 1.0));
                self.end(done, mean);
            }
            None => self.running = Some((quarter, tokens, 1.0)),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "a mean for a factor")]
    fn end(&mut self, quarter: Ms, mean: f64) {
        if let Some(slot) = self.means.get_mut(slot(quarter)) {
            let old = f64::from(*slot);
            let new = if old < 0.0 {
                mean
            } else {
                old + GAIN * (mean - old)
            };
            *slot = new as f32;
        }
        let seen = self.means.iter().all(|mean| *mean >= 0.0);
        let sum: f64 = self.means.iter().map(|mean| f64::from(*mean)).sum();
        self.mean = (seen && sum > 0.0).then_some(sum / SLOTS as f64);
    }

    /// How many times busier than the day its moment is; 1 until a whole day has been seen.
    pub(super) fn factor(&self, at: Ms) -> f64 {
        let quarter = self.unix_ms.saturating_add(at) / SLOT_MS;
        let own = self.means.get(slot(quarter)).copied().map(f64::from);
        match (self.mean, own) {
            (Some(mean), Some(own)) => (own / mean).clamp(1.0 / MOST, MOST),
            (_, _) => 1.0,
        }
    }
}

fn slot(quarter: Ms) -> usize {
    usize::try_from(quarter % SLOTS as u64).unwrap_or(0)
}
