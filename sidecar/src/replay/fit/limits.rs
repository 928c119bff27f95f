//! What a provider takes per minute: by its own word, or else by what it refused.
//!
//! A bucket of one minute that refills evenly is played with each of many sizes; the size that tells
//! best what was refused from what was taken is the limit, if it tells most of it.

use ark_gateway_core::record::Verdict;

use super::super::Us;
use super::super::seen::Attempt;
use super::downtime::Downtime;
use super::numbers::{float, quantile, seconds, share, sorted};

/// Sizes that are tried, each so many times the one before: first far apart, then close around the best.
const COARSE: f64 = 1.15;
const FINE: f64 = 1.01;
const FINEST: f64 = 1.001;
const TRIES: usize = 100;
/// Fewest refusals that say something of a limit.
const LEAST_REFUSED: usize = 5;
/// Share of what was refused that a limit must explain, and most of what was taken that it may not.
const LEAST_EXPLAINED: f64 = 0.7;
const MOST_TAKEN: f64 = 0.05;

/// What a provider takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) requests: Option<u32>,
    pub(super) tokens: Option<u64>,
    /// Refusals that no limit explains.
    pub(super) unexplained: usize,
    pub(super) says_when: bool,
}

/// How well one size tells refused from taken.
#[derive(Clone, Copy, Debug)]
struct Told {
    size: f64,
    explained: usize,
    taken: usize,
}

/// Of a provider's attempts, by their start.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates"
)]
pub(super) fn of(attempts: &[&Attempt], down: &Downtime) -> Limits {
    let is_refused = |attempt: &&&Attempt| attempt.verdict == Verdict::RateLimited;
    let refused = attempts.iter().filter(is_refused).count();
    let said = |which: usize| {
        let words = attempts.iter().filter_map(|attempt| {
            let word = attempt.limits.get(which).copied().flatten()?;
            Some(f64::from(u32::try_from(word).unwrap_or(u32::MAX)))
        });
        let words = sorted(words);
        (!words.is_empty()).then(|| quantile(&words, 0.5))
    };
    let (requests, tokens) = (said(0), said(1));
    let mut found = Limits {
        requests: requests.map(|n| n as u32),
        tokens: tokens.map(|n| n as u64),
        unexplained: refused,
        says_when: attempts.iter().any(|attempt| attempt.says_when),
    };
    if refused < LEAST_REFUSED {
        return found;
    }
    let looked: Vec<&Attempt> = attempts
        .iter()
        .copied()
        .filter(|attempt| !down.covers(attempt.at))
        .collect();
    let by_requests = best(&looked, &|_| 1.0);
    let by_tokens = best(&looked, &|attempt| {
        f64::from(attempt.input_tokens) + f64::from(attempt.output_tokens)
    });
    let enough = |told: &Told| {
        share(told.explained, refused) >= LEAST_EXPLAINED
            && share(told.taken, looked.len()) <= MOST_TAKEN
    };
    let [by_requests, by_tokens] = [by_requests, by_tokens].map(|told| told.filter(enough));
    let worth = |told: Option<Told>| told.map(|t| float(t.explained) - float(t.taken));
    let is_tokens = worth(by_tokens) >= worth(by_requests);
    let chosen = if is_tokens { by_tokens } else { by_requests };
    if let Some(told) = chosen {
        found.unexplained = refused - told.explained.min(refused);
        match is_tokens {
            true => found.tokens = found.tokens.or(Some(told.size as u64)),
            false => found.requests = found.requests.or(Some(told.size as u32)),
        }
    } else if requests.is_some() || tokens.is_some() {
        found.unexplained = 0;
    }
    found
}

fn best(attempts: &[&Attempt], amount: &dyn Fn(&Attempt) -> f64) -> Option<Told> {
    let whole: f64 = attempts.iter().map(|attempt| amount(attempt)).sum();
    let largest = attempts.iter().map(|a| amount(a)).fold(1.0, f64::max);
    let (first, last) = (attempts.first()?, attempts.last()?);
    let minutes = (seconds(last.at - first.at) / 60.0).max(1.0);
    // Far below the mean it would not have let through what was taken.
    let least = (whole / minutes / 8.0).max(largest / 2.0).max(1.0);
    let worth = |told: &Told| float(told.explained) - float(told.taken);
    let of = |from: f64, step: f64| {
        let mut size = from;
        let mut best = play(attempts, amount, from);
        for _ in 0..TRIES {
            size *= step;
            let told = play(attempts, amount, size);
            if worth(&told) > worth(&best) {
                best = told;
            }
            if told.explained == 0 && size > whole {
                break;
            }
        }
        best
    };
    let about = of(least, COARSE);
    let near = of(about.size / COARSE, FINE);
    Some(of(near.size / FINE, FINEST))
}

/// Plays a bucket of `size` over what was asked. What came of each attempt says on which side of it the
/// level was, so that a size that is a little off does not drift away from what was.
fn play(attempts: &[&Attempt], amount: &dyn Fn(&Attempt) -> f64, size: f64) -> Told {
    let (mut level, mut at): (f64, Us) = (size, attempts.first().map_or(0, |a| a.at));
    let (mut explained, mut taken) = (0, 0);
    for attempt in attempts {
        level = (level + seconds(attempt.at - at) / 60.0 * size).min(size);
        at = attempt.at;
        let want = amount(attempt).min(size);
        let is_full = level < want;
        if attempt.verdict == Verdict::RateLimited {
            explained += usize::from(is_full);
            level = level.min(want);
        } else {
            taken += usize::from(is_full);
            level = level.max(want) - amount(attempt);
        }
    }
    Told {
        size,
        explained,
        taken,
    }
}
