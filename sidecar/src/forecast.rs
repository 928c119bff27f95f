//! How many tokens will be asked for in the next minutes.
//!
//! Three forecasters run beside each other over bins of ten seconds: a slow mean, a faster level, and a
//! damped trend (Holt 1957, Gardner and McKenzie 1985). Each is weighed by how well it has done lately, for
//! one and for five minutes ahead apart: on noise the mean wins, on a ramp the trend. A profile of the day,
//! once a whole day has been seen, takes the season out before and puts it back after. All of it takes the
//! same memory whatever comes, and nothing in it is random.

mod errors;
mod expert;
mod season;

use serde::Serialize;

use crate::Ms;
pub use errors::Errors;
use errors::Judged;
use expert::{EXPERTS, Expert};
use season::Season;

/// Length of a bin.
const BIN_MS: Ms = 10_000;
/// Bins of a minute.
const MINUTE: usize = 6;
/// Bins that are kept: what the farther horizon needs to be judged.
const KEPT: usize = 30;
/// A silence of so many bins is forgotten as one begins anew.
const MOST_SILENT_BINS: Ms = 8_640;
/// How fast an expert's old errors are forgotten, per bin: half in six minutes.
const FORGET: f64 = 0.98;
/// Bins before which a forecast would be a guess.
const LEAST_BINS: u64 = 2;

/// The minute of which a forecast speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    /// The one that begins now.
    Next,
    /// The one that ends in five minutes.
    Fifth,
}

impl Horizon {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Next, Self::Fifth];

    /// How many minutes until its minute has ended.
    #[must_use]
    pub fn minutes(self) -> u64 {
        match self {
            Self::Next => 1,
            Self::Fifth => 5,
        }
    }

    fn bins(self) -> usize {
        match self {
            Self::Next => MINUTE,
            Self::Fifth => KEPT,
        }
    }
}

/// Tokens of a minute to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Forecast {
    /// As expected.
    pub tokens_per_minute: f64,
    /// What nine of ten minutes stay below, by what this forecaster's errors have been.
    pub upper_tokens_per_minute: f64,
}

/// What was said of one horizon at the end of one bin.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    by: [f64; EXPERTS],
    all: Forecast,
}

/// One horizon: the experts' standing and what they have said.
#[derive(Clone, Debug)]
struct Ahead {
    horizon: Horizon,
    /// By bin, modulo [`KEPT`].
    said: [Said; KEPT],
    errors: [f64; EXPERTS],
    judged: Judged,
}

/// The forecaster of one series.
#[derive(Clone, Debug)]
pub struct Forecaster {
    /// The bin that fills.
    bin: Ms,
    filling: f64,
    /// Closed bins, by bin modulo [`KEPT`].
    bins: [f64; KEPT],
    closed: u64,
    experts: [Expert; EXPERTS],
    ahead: [Ahead; 2],
    season: Season,
}

impl Forecaster {
    /// Starts empty; `unix_ms` is the moment of the clock's zero, for the time of the day.
    #[must_use]
    pub fn new(unix_ms: u64) -> Self {
        Self {
            bin: 0,
            filling: 0.0,
            bins: [0.0; KEPT],
            closed: 0,
            experts: Expert::all(),
            ahead: Horizon::ALL.map(|horizon| Ahead {
                horizon,
                said: [Said::default(); KEPT],
                errors: [0.0; EXPERTS],
                judged: Judged::default(),
            }),
            season: Season::new(unix_ms),
        }
    }

    /// So many tokens were asked for at `now`.
    pub fn add(&mut self, tokens: u64, now: Ms) {
        self.advance(now);
        self.filling += to_f64(tokens);
    }

    /// Closes the bins that are over.
    pub fn advance(&mut self, now: Ms) {
        let bin = now / BIN_MS;
        if self.closed == 0 && self.filling == 0.0 {
            self.bin = self.bin.max(bin);
        }
        if bin.saturating_sub(self.bin) > MOST_SILENT_BINS {
            let season = self.season.clone();
            *self = Self::new(0);
            self.season = season;
            self.bin = bin;
        }
        while self.bin < bin {
            self.close();
        }
    }

    fn close(&mut self) {
        let tokens = std::mem::take(&mut self.filling);
        if let Some(slot) = self.bins.get_mut(place(self.bin)) {
            *slot = tokens;
        }
        self.closed += 1;
        self.season.learn(tokens, self.bin * BIN_MS);
        let plain = tokens / self.season.factor(self.bin * BIN_MS);
        for expert in &mut self.experts {
            expert.learn(plain, self.closed);
        }
        let (bin, closed) = (self.bin, self.closed);
        let actual = self.minute_to(bin);
        for ahead in &mut self.ahead {
            ahead.judge(actual, bin, closed);
            ahead.say(&self.experts, &self.season, bin);
        }
        self.bin += 1;
    }

    /// Tokens of the last whole minute.
    #[must_use]
    pub fn last_minute(&self) -> f64 {
        self.bin
            .checked_sub(1)
            .map_or(0.0, |last| self.minute_to(last))
    }

    fn minute_to(&self, last: Ms) -> f64 {
        let bins = (0..MINUTE as u64).filter_map(|back| last.checked_sub(back));
        bins.filter_map(|bin| self.bins.get(place(bin))).sum()
    }

    /// What is expected; `None` until two bins have been seen.
    #[must_use]
    pub fn forecast(&self, horizon: Horizon) -> Option<Forecast> {
        let last = self.bin.checked_sub(1)?;
        let ahead = self.ahead.iter().find(|ahead| ahead.horizon == horizon)?;
        let said = ahead.said.get(place(last))?;
        (self.closed >= LEAST_BINS).then_some(said.all)
    }

    /// How good its forecasts have been over the last hours; `None` until one could be judged.
    #[must_use]
    pub fn errors(&self, horizon: Horizon) -> Option<Errors> {
        let ahead = self.ahead.iter().find(|ahead| ahead.horizon == horizon)?;
        ahead.judged.errors()
    }
}

impl Ahead {
    /// Holds what was said against the minute that has just ended.
    fn judge(&mut self, actual: f64, bin: Ms, closed: u64) {
        let bins = self.horizon.bins() as u64;
        if closed < bins + LEAST_BINS {
            return;
        }
        let Some(said) = self.said.get(place(bin - bins)).copied() else {
            return;
        };
        for (error, value) in self.errors.iter_mut().zip(said.by) {
            *error = *error * FORGET + (value - actual).abs() * (1.0 - FORGET);
        }
        self.judged.take(&said.all, actual);
    }

    fn say(&mut self, experts: &[Expert; EXPERTS], season: &Season, bin: Ms) {
        let bins = self.horizon.bins();
        let first = bins - MINUTE;
        let middle = (bin + 1 + (first + MINUTE / 2) as u64) * BIN_MS;
        let factor = season.factor(middle);
        let mut said = Said::default();
        let (mut sum, mut weights) = (0.0, 0.0);
        for ((slot, expert), error) in said.by.iter_mut().zip(experts).zip(self.errors) {
            *slot = expert.minute(first) * factor;
            // The fourth power: twice as good weighs sixteen times as much.
            let weight = (error + 1.0).powi(-4);
            sum += *slot * weight;
            weights += weight;
        }
        let expected = if weights > 0.0 { sum / weights } else { 0.0 };
        said.all = Forecast {
            tokens_per_minute: expected,
            upper_tokens_per_minute: (expected + self.judged.margin()).max(expected),
        };
        if let Some(slot) = self.said.get_mut(place(bin)) {
            *slot = said;
        }
    }
}

fn place(bin: Ms) -> usize {
    usize::try_from(bin % KEPT as u64).unwrap_or(0)
}

#[allow(clippy::cast_precision_loss, reason = "tokens of seconds")]
fn to_f64(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests;
