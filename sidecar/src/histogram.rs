//! A histogram of durations with logarithmic buckets: quantiles within 2.5 % in fixed memory.
//!
//! Merging two is adding their counts, which is what a sliding window needs. The idea is that of
//! DDSketch (Masson, Rim, Lee: "DDSketch", VLDB 2019) with a fixed range.

/// Each bucket is this much wider than the one before; the error is (g - 1) / (g + 1).
const GROWTH: f64 = 1.05;
/// Upper end of the first bucket, microseconds: whatever is faster counts as this.
const SMALLEST_US: f64 = 50.0;
/// The last bucket ends above an hour.
const BUCKETS: usize = 373;

/// Counts of durations in microseconds, 50 µs to one hour; outside it the nearest end is counted.
///
/// Empty ones hold no heap memory, others 1.5 kB.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, us: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        if let Some(count) = self.counts.get_mut(bucket_of(us)) {
            *count = count.saturating_add(1);
            self.total += 1;
        }
    }

    /// Adds all that `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        if other.total == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        self.total += other.total;
    }

    /// How many durations were counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The nearest-rank quantile `q` (0 to 1) in milliseconds; `None` when nothing was counted.
    #[must_use]
    pub fn quantile_ms(&self, q: f64) -> Option<f32> {
        if self.total == 0 {
            return None;
        }
        let rank = (q.clamp(0.0, 1.0) * to_f64(self.total)).ceil().max(1.0);
        let mut seen = 0_u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if to_f64(seen) >= rank {
                return Some(middle_ms(bucket));
            }
        }
        None
    }
}

/// The same buckets, forgotten by halves: what was counted one half-life ago weighs half as much.
///
/// New counts weigh more instead of old ones less (forward decay: Cormode et al., ICDE 2009), so
/// nothing has to be touched as time passes.
#[derive(Clone, Debug, Default)]
pub struct Fading {
    counts: Vec<f32>,
}

impl Fading {
    /// Counts one duration of microseconds with a weight.
    pub fn record(&mut self, us: u64, weight: f32) {
        if self.counts.is_empty() {
            self.counts = vec![0.0; BUCKETS];
        }
        if let Some(count) = self.counts.get_mut(bucket_of(us)) {
            *count += weight;
        }
    }

    /// Multiplies all weights, so that they stay within what a float can hold.
    pub fn scale(&mut self, factor: f32) {
        for count in &mut self.counts {
            *count *= factor;
        }
    }

    /// The quantile `q` (0 to 1) in milliseconds; `None` when nothing was counted.
    #[must_use]
    pub fn quantile_ms(&self, q: f32) -> Option<f32> {
        let total: f32 = self.counts.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let mut seen = 0.0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= q * total
        });
        Some(middle_ms(at.unwrap_or(BUCKETS - 1)))
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, and the result is clamped to the buckets"
)]
fn bucket_of(us: u64) -> usize {
    let steps = (to_f64(us) / SMALLEST_US).ln() / GROWTH.ln();
    (steps.ceil().max(0.0) as usize).min(BUCKETS - 1)
}

/// The value whose relative distance to both ends of the bucket is the same.
#[allow(
    clippy::cast_possible_truncation,
    reason = "an f32 of milliseconds is finer than the buckets"
)]
fn middle_ms(bucket: usize) -> f32 {
    let exponent = i32::try_from(bucket).unwrap_or(i32::MAX);
    let upper_us = SMALLEST_US * GROWTH.powi(exponent);
    (upper_us * 2.0 / (1.0 + GROWTH) / 1000.0) as f32
}

#[allow(
    clippy::cast_precision_loss,
    reason = "counts and durations here are far below 2^52"
)]
fn to_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_quantile_is_within_two_and_a_half_percent_of_the_exact_one(
            mut values in prop::collection::vec(50_u64..3_000_000_000, 1..400),
            q in 0.01_f64..=1.0,
        ) {
            let mut all = Histogram::default();
            let (mut left, mut right) = (Histogram::default(), Histogram::default());
            for (i, value) in values.iter().enumerate() {
                all.record(*value);
                if i % 3 == 0 { left.record(*value) } else { right.record(*value) }
            }
            left.merge(&right);
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1] as f32 / 1000.0;
            let got = all.quantile_ms(q).unwrap();
            prop_assert!((got - exact).abs() <= exact * 0.025, "{got} for {exact}");
            prop_assert_eq!(left.quantile_ms(q), Some(got), "merging is counting together");
        }
    }

    #[test]
    fn what_fades_is_outweighed() {
        let mut fading = Fading::default();
        assert_eq!(fading.quantile_ms(0.5), None);
        for _ in 0..100 {
            fading.record(100_000, 1.0);
        }
        for _ in 0..10 {
            fading.record(900_000, 16.0);
        }
        fading.scale(0.001);
        let median = fading.quantile_ms(0.5).unwrap();
        assert!((875.0..925.0).contains(&median), "{median}");
        let low = fading.quantile_ms(0.3).unwrap();
        assert!((97.0..103.0).contains(&low), "{low}");
    }

    #[test]
    fn the_ends_of_the_range_hold() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile_ms(0.5), None);
        histogram.record(0);
        assert!(histogram.quantile_ms(1.0).unwrap() <= 0.05);
        histogram.record(u64::MAX);
        let top = histogram.quantile_ms(1.0).unwrap();
        assert!((3_600_000.0..4_000_000.0).contains(&top), "{top}");
        assert_eq!(histogram.len(), 2);
    }
}
