//! A provider model from what was seen: how fast, how often down, what it takes and what it charges.
//!
//! What was seen too little of is left out, and then behaves as its tier does: a fit says only what it
//! knows. docs/replay.md has the methods and how far they are off.

mod downtime;
mod limits;
mod numbers;
mod pace;
mod slow;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ark_gateway_core::record::Verdict;

use super::Us;
use super::seen::{Attempt, Seen};
use super::world::{BrownOuts, Nature, Outages, WorldConfig};
use downtime::Downtime;
use numbers::{rounded, seconds, share};
use slow::Slow;

/// Fewest answers of a provider that say how fast it is.
const LEAST_ANSWERS: usize = 50;

/// How outages and brown-outs are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moments {
    /// As a process with their share of the time and their mean length: for any trace.
    Process,
    /// When they were, from the first request on: for the trace that was seen.
    AsTheyWere,
}

/// A fit.
#[derive(Clone, Debug)]
pub struct Fit {
    /// For `--providers`.
    pub world: WorldConfig,
    /// What it came from, by provider.
    pub views: Vec<View>,
}

/// What the fit of one provider came from.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub provider: String,
    /// Attempts that were seen.
    pub attempts: usize,
    /// Of them answers that say how fast it is.
    pub answers: usize,
    /// Whether the time to the first token was seen, or is told from how long answers took.
    pub sees_first: bool,
    /// Outages that were seen, and seconds of the time that it was looked at.
    pub outages: (usize, f64),
    /// What came of it; `None`: too few answers.
    pub nature: Option<Nature>,
}

/// Fits every provider that was seen.
#[must_use]
pub fn fit(seen: &Seen, moments: Moments) -> Fit {
    let mut providers: BTreeMap<&Arc<str>, Vec<&Attempt>> = BTreeMap::new();
    for attempt in &seen.attempts {
        providers
            .entry(&attempt.provider)
            .or_default()
            .push(attempt);
    }
    let origin = seen.requests.first().map(|request| request.at);
    let origin = origin.or(seen.attempts.first().map(|attempt| attempt.at));
    let how = (moments, origin.unwrap_or(0));
    let views: Vec<View> = providers
        .into_iter()
        .map(|(name, attempts)| one(name, &attempts, how))
        .collect();
    let natures = views
        .iter()
        .filter_map(|view| Some((view.provider.clone(), view.nature.clone()?)));
    Fit {
        world: WorldConfig {
            providers: natures.collect(),
        },
        views,
    }
}

fn one(name: &str, attempts: &[&Attempt], (moments, origin): (Moments, Us)) -> View {
    let down = Downtime::of(attempts);
    let answers: Vec<&Attempt> = attempts
        .iter()
        .copied()
        .filter(|attempt| attempt.verdict == Verdict::Ok)
        .collect();
    let mut view = View {
        provider: name.to_owned(),
        attempts: attempts.len(),
        answers: answers.len(),
        sees_first: pace::sees_first(&answers),
        outages: (down.outages.len(), down.watched_s),
        nature: None,
    };
    if answers.len() < LEAST_ANSWERS {
        return view;
    }
    // What is slow now and then is not the usual pace: once to know when, once without it.
    let slow = Slow::of(&answers, &pace::of(&answers));
    let usual: Vec<&Attempt> = answers
        .iter()
        .copied()
        .filter(|attempt| !slow.covers(attempt.at))
        .collect();
    let pace = pace::of(&usual);
    let limits = limits::of(attempts, &down);
    let (faults, alone) = down.apart(attempts);
    let refused = attempts
        .iter()
        .filter(|attempt| attempt.verdict == Verdict::RateLimited)
        .count();
    view.nature = Some(Nature {
        ttft: pace.ttft,
        tpot: pace.tpot,
        capacity: u32::MAX,
        max_in_flight: u32::MAX,
        requests_per_minute: limits.requests,
        tokens_per_minute: limits.tokens,
        says_retry_after: refused == 0 || limits.says_when,
        error_share: rounded(share(faults, alone)),
        refused_share: rounded(share(limits.unexplained, alone)),
        outages: outages(&down, (moments, origin)),
        brown_outs: brown_outs(&slow, down.watched_s, (moments, origin)),
        prices: prices(attempts),
    });
    view
}

fn outages(down: &Downtime, (moments, origin): (Moments, Us)) -> Outages {
    let usual = Outages {
        cuts_streams: down.cuts_streams,
        ..Outages::default()
    };
    if down.outages.is_empty() {
        return usual;
    }
    match moments {
        Moments::AsTheyWere => Outages {
            windows: down.windows(origin),
            ..usual
        },
        Moments::Process => Outages {
            availability: rounded(1.0 - down.seconds() / down.watched_s.max(1e-6)).max(1e-4),
            mean_s: rounded(down.seconds() / numbers::float(down.outages.len())).max(1e-3),
            kinds: down.kinds(),
            ..usual
        },
    }
}

fn brown_outs(slow: &Slow, watched_s: f64, (moments, origin): (Moments, Us)) -> BrownOuts {
    let usual = BrownOuts::default();
    if slow.spells.is_empty() {
        return usual;
    }
    match moments {
        Moments::AsTheyWere => BrownOuts {
            windows: slow.windows(origin),
            ..usual
        },
        Moments::Process => BrownOuts {
            share: rounded(slow.seconds() / watched_s.max(1e-6)).min(0.99),
            mean_s: rounded(slow.seconds() / numbers::float(slow.spells.len())).max(1e-3),
            factor: rounded(slow.factor()),
            ..usual
        },
    }
}

/// The newest price that each of its models was charged by.
fn prices(attempts: &[&Attempt]) -> BTreeMap<String, ark_gateway_core::money::Price> {
    let mut prices = BTreeMap::new();
    for attempt in attempts {
        if let Some(price) = attempt.price {
            prices.insert(attempt.model.to_string(), price);
        }
    }
    prices
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            provider,
            attempts,
            answers,
            ..
        } = self;
        let Some(nature) = &self.nature else {
            return write!(
                f,
                "{provider}: {answers} answers are too few (of {LEAST_ANSWERS}): it behaves as its tier \
                 does"
            );
        };
        let from = match self.sees_first {
            true => "",
            false => " (told from how long answers took)",
        };
        write!(
            f,
            "{provider}: {attempts} attempts, first token after {} ms and {} ms per 1,000 prompt \
             tokens, {} ms per token{from}; {} outages in {:.0} s, {} of other requests failed",
            nature.ttft.median_ms,
            nature.ttft.per_1k_prompt_ms,
            nature.tpot.median_ms,
            self.outages.0,
            self.outages.1,
            nature.error_share,
        )?;
        if let Some(tokens) = nature.tokens_per_minute {
            write!(f, "; {tokens} tokens a minute")?;
        }
        if let Some(requests) = nature.requests_per_minute {
            write!(f, "; {requests} requests a minute")?;
        }
        Ok(())
    }
}

/// Spans of time: in order, without overlap.
pub(super) fn covers(spans: &[(Us, Us)], at: Us) -> bool {
    let next = spans.partition_point(|(from, _)| *from <= at);
    let last = next.checked_sub(1).and_then(|last| spans.get(last));
    last.is_some_and(|(_, to)| at < *to)
}

fn length_s(spans: impl Iterator<Item = (Us, Us)>) -> f64 {
    spans.map(|(from, to)| seconds(to - from)).sum()
}

#[cfg(test)]
mod tests;
