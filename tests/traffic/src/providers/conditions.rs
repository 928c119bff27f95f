//! How a provider is doing at the moment: latency, and spells of failure.

use std::time::Duration;

use serde::Deserialize;

/// A provider's latency. A time's median is the value given; `sigma` spreads it log-normally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatencyConfig {
    /// Median time to the first token, milliseconds.
    pub ttft_ms: f64,
    /// Median time per further token, milliseconds.
    pub tpot_ms: f64,
    /// Standard deviation of the logarithm; 0 for constant times.
    pub sigma: f64,
}

/// How a request fails during a bad spell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An error answer with this status.
    Status(u16),
    /// A TCP reset.
    Reset,
}

/// What befalls one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Its time to the first token.
    pub ttft: Duration,
    /// Its time per further token.
    pub tpot: Duration,
    /// Its failure, if it meets a bad spell.
    pub failure: Option<Failure>,
}

/// Draws what befalls each request: the same seed gives the same sequence.
#[derive(Debug)]
pub struct Conditions {
    rng: fastrand::Rng,
    latency: LatencyConfig,
    enter: f64,
    leave: f64,
    spell: Option<Failure>,
}

impl Conditions {
    /// `availability` is the share of requests that succeed in the long run. Failures come in
    /// spells of `spell_requests` successive requests on average, as a fleet's do: independent coin
    /// flips would never trip a circuit breaker or teach a score anything.
    #[must_use]
    pub fn new(seed: u64, latency: LatencyConfig, availability: f64, spell_requests: f64) -> Self {
        let leave = 1.0 / spell_requests.max(1.0);
        let failing = 1.0 - availability.clamp(0.0, 1.0);
        // The two-state chain's stationary share of bad steps is enter / (enter + leave).
        let enter = if failing >= 1.0 {
            1.0
        } else {
            failing * leave / (1.0 - failing)
        };
        Self {
            rng: fastrand::Rng::with_seed(seed),
            latency,
            enter,
            leave: if failing >= 1.0 { 0.0 } else { leave },
            spell: None,
        }
    }

    /// Draws for the next request.
    pub fn draw(&mut self) -> Draw {
        Draw {
            ttft: self.time(self.latency.ttft_ms),
            tpot: self.time(self.latency.tpot_ms),
            failure: self.step(),
        }
    }

    /// Whether an event of probability `share` happens.
    pub fn happens(&mut self, share: f64) -> bool {
        share >= 1.0 || self.rng.f64() < share
    }

    fn step(&mut self) -> Option<Failure> {
        if self.enter <= 0.0 {
            return None;
        }
        self.spell = match self.spell {
            Some(failure) if self.rng.f64() >= self.leave => Some(failure),
            Some(_) => None,
            None if self.rng.f64() < self.enter => Some(match self.rng.u8(0..20) {
                0..=11 => Failure::Status(503),
                12..=16 => Failure::Status(500),
                _ => Failure::Reset,
            }),
            None => None,
        };
        self.spell
    }

    fn time(&mut self, median_ms: f64) -> Duration {
        if median_ms <= 0.0 {
            return Duration::ZERO;
        }
        let spread = if self.latency.sigma > 0.0 {
            (self.latency.sigma * self.normal()).exp()
        } else {
            1.0
        };
        Duration::try_from_secs_f64(median_ms * spread / 1000.0).unwrap_or(Duration::MAX)
    }

    /// A standard normal value, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.rng.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.rng.f64()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: LatencyConfig = LatencyConfig {
        ttft_ms: 250.0,
        tpot_ms: 0.0,
        sigma: 0.4,
    };

    #[test]
    fn the_same_seed_draws_the_same() {
        let draws = |seed| -> Vec<Draw> {
            let mut conditions = Conditions::new(seed, LATENCY, 0.9, 4.0);
            (0..100).map(|_| conditions.draw()).collect()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn latency_has_its_median_and_a_tail() {
        let mut conditions = Conditions::new(1, LATENCY, 1.0, 8.0);
        let mut times: Vec<f64> = (0..10_001)
            .map(|_| conditions.draw().ttft.as_secs_f64() * 1000.0)
            .collect();
        times.sort_by(f64::total_cmp);
        assert!((240.0..260.0).contains(&times[5000]), "{}", times[5000]);
        assert!((550.0..750.0).contains(&times[9900]), "{}", times[9900]);
    }

    #[test]
    fn failures_have_their_share_and_come_in_spells() {
        let mut conditions = Conditions::new(3, LatencyConfig::default(), 0.99, 8.0);
        let failed: Vec<bool> = (0..1_000_000)
            .map(|_| conditions.draw().failure.is_some())
            .collect();
        let failures = failed.iter().filter(|f| **f).count();
        let spells = failed.windows(2).filter(|w| !w[0] && w[1]).count();
        assert!((8_500..11_500).contains(&failures), "{failures}");
        let mean =
            f64::from(u32::try_from(failures).unwrap()) / f64::from(u32::try_from(spells).unwrap());
        assert!((7.0..9.0).contains(&mean), "{mean}");
    }

    #[test]
    fn the_extremes_are_exact() {
        let mut perfect = Conditions::new(3, LatencyConfig::default(), 1.0, 8.0);
        let mut dead = Conditions::new(3, LatencyConfig::default(), 0.0, 8.0);
        for _ in 0..1000 {
            assert_eq!(perfect.draw().failure, None);
            assert!(dead.draw().failure.is_some());
        }
    }
}
