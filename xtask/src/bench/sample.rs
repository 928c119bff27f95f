//! A few figures of one kind, one per round, and what to say of them.

use serde::Serialize;

/// The median of some rounds and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Sample {
    /// The median.
    pub(super) median: f64,
    /// The least.
    pub(super) min: f64,
    /// The greatest.
    pub(super) max: f64,
}

impl Sample {
    /// Of these figures; `None` when there are none.
    pub(super) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get(sorted.len().saturating_sub(1) / 2)?;
        Some(Self {
            median: f64::midpoint(lower, upper),
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }

    /// The median, with half the spread in per cent of it when there is one: `12.3 ±4%`.
    pub(super) fn show(self) -> String {
        let half = (self.max - self.min) / 2.0;
        if half <= 0.0 || self.median == 0.0 {
            return figure(self.median);
        }
        let percent = 100.0 * half / self.median.abs();
        format!("{} ±{percent:.0}%", figure(self.median))
    }
}

/// Each round of one over the same round of the other: noise that hits both cancels out.
pub(super) fn ratios(of: &[f64], over: &[f64]) -> Vec<f64> {
    of.iter()
        .zip(over)
        .filter(|(_, base)| **base != 0.0)
        .map(|(one, base)| one / base)
        .collect()
}

/// A figure with three significant digits or its whole part.
pub(super) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// A count as a figure.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and bytes of a run are far below 2^52"
)]
pub(super) fn count(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_of_the_middle() {
        let sample = Sample::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((sample.median, sample.min, sample.max), (2.0, 1.0, 3.0));
        assert!((Sample::of(&[1.0, 2.0]).unwrap().median - 1.5).abs() < 1e-9);
        assert_eq!(Sample::of(&[]), None);
        assert_eq!(sample.show(), "2.00 ±50%");
        assert_eq!(Sample::of(&[5.0]).unwrap().show(), "5.00");
    }

    #[test]
    fn ratios_are_by_round() {
        assert_eq!(ratios(&[2.0, 9.0, 1.0], &[1.0, 3.0, 0.0]), [2.0, 3.0]);
        assert_eq!(figure(1234.5), "1234");
        assert_eq!(figure(12.34), "12.3");
        assert_eq!(figure(1.234), "1.23");
    }
}
