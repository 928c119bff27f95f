//! How wrong forecasts have been, and how much wronger they may be.

use serde::Serialize;

use super::Forecast;

/// The share of minutes that the upper bound is to hold for.
const SHARE: f64 = 0.9;
/// How fast old errors are forgotten, per bin: half in an hour.
const FORGET: f64 = 0.998;
/// How fast the margin follows, in mean errors.
const STEP: f64 = 0.05;

/// The errors of one horizon, of the newest hours most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Errors {
    /// Mean of |forecast − actual| / actual over minutes with any demand.
    pub mape: f64,
    /// Sum of |forecast − actual| over the sum of the actual demand.
    pub wape: f64,
    /// Mean pinball loss of the upper bound at 0.9, tokens per minute.
    pub pinball_tokens: f64,
    /// Share of minutes at or below the upper bound.
    pub covered: f64,
}

/// Sums that fade.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judged {
    count: f64,
    off: f64,
    actual: f64,
    share: f64,
    share_count: f64,
    pinball: f64,
    covered: f64,
    /// What is added to a forecast for its upper bound, tokens per minute.
    margin: f64,
}

impl Judged {
    pub(super) fn take(&mut self, said: &Forecast, actual: f64) {
        let error = actual - said.tokens_per_minute;
        let above = actual - said.upper_tokens_per_minute;
        for sum in [
            &mut self.count,
            &mut self.off,
            &mut self.actual,
            &mut self.share,
            &mut self.share_count,
            &mut self.pinball,
            &mut self.covered,
        ] {
            *sum *= FORGET;
        }
        self.count += 1.0;
        self.off += error.abs();
        self.actual += actual;
        if actual > 0.0 {
            self.share += error.abs() / actual;
            self.share_count += 1.0;
        }
        self.pinball += (SHARE * above).max((SHARE - 1.0) * above);
        self.covered += f64::from(u8::from(above <= 0.0));
        // The quantile of the errors by stochastic descent: up by nine steps for each minute above, down by
        // one for each below.
        let step = STEP * self.off / self.count;
        self.margin += match error > self.margin {
            true => step * SHARE,
            false => step * (SHARE - 1.0),
        };
    }

    /// Tokens per minute above a forecast that nine of ten minutes stay below.
    pub(super) fn margin(&self) -> f64 {
        self.margin
    }

    pub(super) fn errors(&self) -> Option<Errors> {
        (self.count > 0.0).then(|| Errors {
            mape: self.share / self.share_count.max(f64::MIN_POSITIVE),
            wape: self.off / self.actual.max(1.0),
            pinball_tokens: self.pinball / self.count,
            covered: self.covered / self.count,
        })
    }
}
