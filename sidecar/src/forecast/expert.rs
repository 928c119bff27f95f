//! One way to go on from what was seen: exponential smoothing of a level, with a damped trend.

use super::MINUTE;

/// How many there are.
pub(super) const EXPERTS: usize = 3;

/// A level and a trend per bin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expert {
    /// Weight of the newest bin.
    alpha: f64,
    /// Weight of the newest step of the level.
    beta: f64,
    /// What is left of the trend from one bin to the next.
    phi: f64,
    level: f64,
    trend: f64,
}

impl Expert {
    /// A mean of minutes, a level of a minute, and a level with a trend.
    pub(super) fn all() -> [Self; EXPERTS] {
        [(0.02, 0.0, 0.0), (0.1, 0.0, 0.0), (0.1, 0.05, 0.98)].map(|(alpha, beta, phi)| Self {
            alpha,
            beta,
            phi,
            level: 0.0,
            trend: 0.0,
        })
    }

    /// Takes in the `count`th bin; of the first ones each weighs the same.
    #[allow(clippy::cast_precision_loss, reason = "small, or then irrelevant")]
    pub(super) fn learn(&mut self, tokens: f64, count: u64) {
        let alpha = self.alpha.max(1.0 / count.max(1) as f64);
        let before = self.level;
        let expected = self.level + self.phi * self.trend;
        self.level = expected + alpha * (tokens - expected);
        let step = if count < 2 { 0.0 } else { self.level - before };
        self.trend = self.beta * step + (1.0 - self.beta) * self.phi * self.trend;
    }

    /// The tokens of the minute that begins in `skipped` bins.
    pub(super) fn minute(&self, skipped: usize) -> f64 {
        let (mut growth, mut damping, mut sum) = (0.0, 1.0, 0.0);
        for bin in 0..skipped + MINUTE {
            damping *= self.phi;
            growth += damping;
            if bin >= skipped {
                sum += (self.level + self.trend * growth).max(0.0);
            }
        }
        sum
    }
}
