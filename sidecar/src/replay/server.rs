//! One provider in the simulation: when it is down, slow or full, and how each attempt at it fares.

use ark_gateway_core::money::Price;
use ark_gateway_core::record::Verdict;

use super::Us;
use super::chance;
use super::world::{BrownOutWindow, Down, Nature};

/// How long a refused connection takes to be noticed.
const REFUSED_US: Us = 2_000;
/// How long a quick answer takes: 429, 500 or 503.
const QUICK_US: Us = 30_000;
const SECOND_US: f64 = 1e6;

/// One attempt as a provider sees it.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The request's number, which is its luck.
    pub index: u64,
    /// Which attempt of the request.
    pub attempt: u64,
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Completion tokens of the answer.
    pub output_tokens: u32,
    /// Whether the answer comes token by token.
    pub stream: bool,
    /// Longest wait for the first byte.
    pub first_byte_us: Us,
}

/// How an attempt fares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fate {
    /// How it ends.
    pub verdict: Verdict,
    /// When its first byte comes.
    pub first_byte: Option<Us>,
    /// When it ends.
    pub end: Us,
    /// The provider's word when to come back, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Completion tokens that were made, and are charged with the prompt; `None`: nothing is.
    pub charged_output: Option<u32>,
}

/// What happens at a provider, and when.
#[derive(Clone, Debug)]
struct Timeline<T> {
    /// Of the random process: in order, without overlap.
    bursts: Vec<(Us, Us, T)>,
    /// Asked for; any order.
    windows: Vec<(Us, Us, T)>,
}

impl<T> Timeline<T> {
    fn at(&self, now: Us) -> impl Iterator<Item = &(Us, Us, T)> {
        let next = self.bursts.partition_point(|(from, _, _)| *from <= now);
        let burst = next.checked_sub(1).and_then(|last| self.bursts.get(last));
        let all = burst.into_iter().chain(&self.windows);
        all.filter(move |(from, to, _)| *from <= now && now < *to)
    }

    /// The first start after `from` and before `to`.
    fn start_within(&self, from: Us, to: Us) -> Option<Us> {
        let next = self.bursts.partition_point(|(start, _, _)| *start <= from);
        let starts = self.bursts.get(next).into_iter().chain(&self.windows);
        let starts = starts.map(|(start, _, _)| *start);
        starts.filter(|at| from < *at && *at < to).min()
    }
}

/// How slow a provider is.
#[derive(Clone, Copy, Debug)]
struct Slow {
    factor: f64,
    gradual: bool,
}

/// A bucket that holds one minute's worth and refills evenly.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    per_minute: f64,
    level: f64,
    at: Us,
}

/// One provider.
#[derive(Debug)]
pub struct Server {
    place: u64,
    nature: Nature,
    seed: u64,
    outages: Timeline<Down>,
    slow: Timeline<Slow>,
    in_flight: u32,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

impl Bucket {
    fn of(per_minute: f64) -> Self {
        Self {
            per_minute,
            level: per_minute,
            at: 0,
        }
    }

    fn level(&self, now: Us) -> f64 {
        let refilled = seconds(now.saturating_sub(self.at)) / 60.0 * self.per_minute;
        (self.level + refilled).min(self.per_minute)
    }

    /// Seconds until it holds `amount`.
    fn wait_s(&self, amount: f64, now: Us) -> Option<f64> {
        let lacks = amount.min(self.per_minute) - self.level(now);
        (lacks > 0.0).then(|| lacks / self.per_minute * 60.0)
    }

    fn take(&mut self, amount: f64, now: Us) {
        self.level = self.level(now) - amount;
        self.at = now;
    }
}

impl Server {
    /// A provider that behaves by `nature` from 0 to `horizon`.
    #[must_use]
    pub fn new(name: &str, nature: Nature, seed: u64, horizon: Us) -> Self {
        let place = chance::of_name(name);
        let luck = (seed, place, horizon);
        Self {
            place,
            seed,
            outages: outages(&nature, luck),
            slow: brown_outs(&nature, luck),
            in_flight: 0,
            requests: nature.requests_per_minute.map(|n| Bucket::of(f64::from(n))),
            tokens: nature.tokens_per_minute.map(|n| Bucket::of(to_f64(n))),
            nature,
        }
    }

    /// What it charges for a model, where its nature says.
    #[must_use]
    pub fn price(&self, model: &str) -> Option<Price> {
        self.nature.prices.get(model).copied()
    }

    /// How an attempt that begins now would fare.
    #[must_use]
    pub fn foresee(&self, ask: &Ask, now: Us) -> Fate {
        if let Some((_, _, kind)) = self.outages.at(now).next() {
            return down(*kind, ask, now);
        }
        if let Some(wait_s) = self.limited(ask, now) {
            let word = self.nature.says_retry_after.then(|| millis_up(wait_s));
            return failed(Verdict::RateLimited, now + QUICK_US, word);
        }
        if self.in_flight >= self.nature.max_in_flight {
            return failed(Verdict::Overloaded, now + QUICK_US, None);
        }
        let place = [ask.index, self.place, ask.attempt];
        let dice = chance::unit(chance::bits(self.seed, place));
        if dice < self.nature.error_share {
            return failed(Verdict::ServerError, now + QUICK_US, None);
        }
        if 1.0 - dice < self.nature.refused_share {
            return failed(Verdict::RateLimited, now + QUICK_US, None);
        }
        self.answer(ask, now)
    }

    fn answer(&self, ask: &Ask, now: Us) -> Fate {
        let nature = &self.nature;
        let place = [ask.index, self.place, ask.attempt + 16];
        let (first, pace) = chance::normals(self.seed, place);
        let crowd = f64::from(self.in_flight + 1) / f64::from(nature.capacity);
        let factor = self.slowness(now) * crowd.max(1.0);
        let prompt_ms = nature.ttft.per_1k_prompt_ms * f64::from(ask.input_tokens) / 1000.0;
        let ttft_ms = (nature.ttft.median_ms + prompt_ms) * (nature.ttft.sigma * first).exp();
        let tpot_ms = nature.tpot.median_ms * (nature.tpot.sigma * pace).exp();
        let after_first = f64::from(ask.output_tokens.saturating_sub(1));
        let ttft = micros(ttft_ms * factor / 1000.0).max(1);
        let end = now + ttft + micros(tpot_ms * after_first * factor / 1000.0);
        let first_byte = if ask.stream { now + ttft } else { end };
        if first_byte - now > ask.first_byte_us {
            return failed(Verdict::Timeout, now + ask.first_byte_us, None);
        }
        let fate = Fate {
            verdict: Verdict::Ok,
            first_byte: Some(first_byte),
            end,
            retry_after_ms: None,
            charged_output: Some(ask.output_tokens),
        };
        match self.cut_within(now, end) {
            Some(at) if at <= first_byte => failed(Verdict::Unreachable, at, None),
            Some(at) => Fate {
                verdict: Verdict::Cut,
                end: at,
                charged_output: Some(made_by(at, &fate, ask)),
                ..fate
            },
            None => fate,
        }
    }

    /// An attempt begins.
    pub fn begin(&mut self, ask: &Ask, fate: &Fate, now: Us) {
        self.in_flight += 1;
        if fate.verdict == Verdict::RateLimited {
            return;
        }
        if let Some(bucket) = &mut self.requests {
            bucket.take(1.0, now);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.take(tokens_of(ask), now);
        }
    }

    /// An attempt has ended.
    pub fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Attempts that run.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    fn cut_within(&self, from: Us, to: Us) -> Option<Us> {
        let cuts = self.nature.outages.cuts_streams;
        self.outages.start_within(from, to).filter(|_| cuts)
    }

    fn limited(&self, ask: &Ask, now: Us) -> Option<f64> {
        let requests = self.requests.and_then(|bucket| bucket.wait_s(1.0, now));
        let tokens = self
            .tokens
            .and_then(|bucket| bucket.wait_s(tokens_of(ask), now));
        requests.into_iter().chain(tokens).reduce(f64::max)
    }

    fn slowness(&self, now: Us) -> f64 {
        let factor = |(from, to, slow): &(Us, Us, Slow)| match slow.gradual {
            true => 1.0 + (slow.factor - 1.0) * seconds(now - from) / seconds(to - from),
            false => slow.factor,
        };
        self.slow.at(now).map(factor).product()
    }
}

fn outages(nature: &Nature, luck: (u64, u64, Us)) -> Timeline<Down> {
    let outages = &nature.outages;
    let kind = |n: usize| {
        let kind = outages.kinds.get(n % outages.kinds.len().max(1));
        kind.copied().unwrap_or_default()
    };
    let bursts = bursts(1.0 - outages.availability, outages.mean_s, luck, 1);
    let windows = outages.windows.iter();
    Timeline {
        bursts: bursts
            .enumerate()
            .map(|(n, (from, to))| (from, to, kind(n)))
            .collect(),
        windows: windows
            .map(|w| (micros(w.from_s), micros(w.to_s), w.kind))
            .collect(),
    }
}

fn brown_outs(nature: &Nature, luck: (u64, u64, Us)) -> Timeline<Slow> {
    let slow = &nature.brown_outs;
    let burst = Slow {
        factor: slow.factor,
        gradual: false,
    };
    let window = |w: &BrownOutWindow| Slow {
        factor: w.factor,
        gradual: w.gradual,
    };
    Timeline {
        bursts: bursts(slow.share, slow.mean_s, luck, 2)
            .map(|(from, to)| (from, to, burst))
            .collect(),
        windows: slow
            .windows
            .iter()
            .map(|w| (micros(w.from_s), micros(w.to_s), window(w)))
            .collect(),
    }
}

/// Bursts that take up `share` of the time and last `mean_s` on average, both ends exponential.
fn bursts(
    share: f64,
    mean_s: f64,
    (seed, place, horizon): (u64, u64, Us),
    which: u64,
) -> impl Iterator<Item = (Us, Us)> {
    let pause_s = mean_s * (1.0 - share) / share;
    let draw = move |mean: f64, part: u64| {
        let bits = chance::bits(seed, [place, which, part]);
        micros(chance::exponential(mean, bits))
    };
    let mut now = 0;
    (0_u64..).map_while(move |n| {
        if share <= 0.0 {
            return None;
        }
        let from = now + draw(pause_s, n * 2);
        now = from + draw(mean_s, n * 2 + 1).max(1);
        (from < horizon).then_some((from, now))
    })
}

fn down(kind: Down, ask: &Ask, now: Us) -> Fate {
    match kind {
        Down::Error => failed(Verdict::ServerError, now + QUICK_US, None),
        Down::Refuse => failed(Verdict::Unreachable, now + REFUSED_US, None),
        Down::Hang => failed(Verdict::Timeout, now + ask.first_byte_us, None),
    }
}

fn failed(verdict: Verdict, end: Us, retry_after_ms: Option<u64>) -> Fate {
    Fate {
        verdict,
        first_byte: None,
        end,
        retry_after_ms,
        charged_output: None,
    }
}

/// Tokens that were made until a stream broke.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a u32"
)]
fn made_by(at: Us, fate: &Fate, ask: &Ask) -> u32 {
    let first = fate.first_byte.unwrap_or(fate.end);
    let share = seconds(at - first) / seconds(fate.end - first).max(1e-9);
    (f64::from(ask.output_tokens) * share.clamp(0.0, 1.0)) as u32
}

fn tokens_of(ask: &Ask) -> f64 {
    f64::from(ask.input_tokens) + f64::from(ask.output_tokens)
}

#[allow(clippy::cast_precision_loss, reason = "a simulation of years fits")]
fn to_f64(n: u64) -> f64 {
    n as f64
}

fn seconds(us: Us) -> f64 {
    to_f64(us) / SECOND_US
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates"
)]
fn micros(s: f64) -> Us {
    (s * SECOND_US) as Us
}

fn millis_up(s: f64) -> u64 {
    micros(s).div_ceil(1000)
}

#[cfg(test)]
mod tests;
