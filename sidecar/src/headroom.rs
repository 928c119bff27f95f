//! How much room a provider's rate limits leave: by what was sent and the limits in `ark.yaml`, by what is
//! to come, and by the provider's own word.

mod told;

use crate::Ms;
use crate::forecast::{Forecaster, Horizon};
use crate::meter::{Limits, Meter, More};
pub use told::{Shown, Told};

/// Weight of the newest request in the mean tokens of a request.
const GAIN: f64 = 0.02;

/// How far ahead an account is looked at, minutes.
const HORIZON_MIN: f64 = 1.0 / 3.0;

/// What was sent to one provider, what is expected, and what it takes.
#[derive(Clone, Debug)]
pub struct Account {
    limits: Limits,
    meter: Meter,
    demand: Forecaster,
    /// Mean tokens of a request.
    mean_tokens: f64,
}

/// How full an account is, 0 to 1 and above.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Fill {
    /// By what was sent.
    pub now: f32,
    /// When what is in flight has been counted and the next minute has gone as expected.
    pub predicted: f32,
}

impl Account {
    /// An account of which nothing is known; `unix_ms` is the moment of the clock's zero.
    #[must_use]
    pub fn new(limits: Limits, unix_ms: u64) -> Self {
        Self {
            limits,
            meter: Meter::default(),
            demand: Forecaster::new(unix_ms),
            mean_tokens: 0.0,
        }
    }

    /// It takes this from now on.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// One request with so many tokens was sent, and metered.
    #[allow(clippy::cast_precision_loss, reason = "tokens of a request")]
    pub fn take(&mut self, tokens: u64, now: Ms) {
        self.meter.take(tokens, self.limits, now);
        self.demand.add(tokens, now);
        let gain = if self.mean_tokens > 0.0 { GAIN } else { 1.0 };
        self.mean_tokens += gain * (tokens as f64 - self.mean_tokens);
    }

    /// Lets time pass, so that forecasts are of now.
    pub fn advance(&mut self, now: Ms) {
        self.demand.advance(now);
    }

    /// What it takes.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What was sent and will be, in tokens.
    #[must_use]
    pub fn demand(&self) -> &Forecaster {
        &self.demand
    }

    /// How full it is and will be, with so many requests in flight.
    #[must_use]
    pub fn fill(&self, in_flight: u64, now: Ms) -> Fill {
        if self.limits == Limits::default() {
            return Fill::default();
        }
        let present = self.meter.utilisation(self.limits, now);
        let more = self.more(in_flight);
        let predicted = self.meter.utilisation_with(more, self.limits, now);
        Fill {
            now: present,
            predicted: predicted.max(present),
        }
    }

    /// What is in flight has been metered there and not yet here; of what is expected in the next minute
    /// the limits' own worth flows back.
    #[allow(clippy::cast_precision_loss, reason = "requests in flight")]
    fn more(&self, in_flight: u64) -> More {
        let in_flight = in_flight as f64;
        let expected = self.demand.forecast(Horizon::Next);
        let tokens = expected.map_or(0.0, |forecast| forecast.upper_tokens_per_minute);
        let requests = tokens / self.mean_tokens.max(1.0);
        let above = |coming: f64, limit: Option<f64>| {
            limit.map_or(0.0, |n| (coming - n).max(0.0) * HORIZON_MIN)
        };
        More {
            requests: in_flight + above(requests, self.limits.requests.map(f64::from)),
            tokens: in_flight * self.mean_tokens
                + above(tokens, self.limits.tokens.map(|n| n as f64)),
        }
    }
}

#[cfg(test)]
mod tests;
