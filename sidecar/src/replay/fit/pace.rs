//! How fast a provider is: medians and spreads of log-normal durations.
//!
//! Where the time to the first token was seen, it and the pace after it are fitted apart. Where only the
//! whole was (the ledger, answers that were not streamed), both come of a regression over sizes.

use super::super::seen::Attempt;
use super::super::world::{Spread, Ttft};
use super::numbers::{float, log_spread, millis, quantile, rounded, sorted};

/// Fewest answers whose first token was seen for that to be used.
const LEAST_SEEN: usize = 50;
/// Fewest tokens of an answer whose pace says something, where there are enough of such.
const LONG_TOKENS: u32 = 8;
/// Groups by the size of the prompt, at most, and the fewest answers in one.
const GROUPS: usize = 20;
const LEAST_GROUP: usize = 10;
/// Rounds of a regression whose weights come of its own prediction.
const ROUNDS: usize = 6;
/// So many times faster or slower than predicted is no part of the pace.
const OUTLIER: f64 = 3.0;

/// How fast a provider is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) ttft: Ttft,
    pub(super) tpot: Spread,
}

impl Pace {
    /// The median time to the first token after a prompt of so many, milliseconds.
    pub(super) fn first_ms(&self, input_tokens: u32) -> f64 {
        self.ttft.median_ms + self.ttft.per_1k_prompt_ms * f64::from(input_tokens) / 1000.0
    }

    /// The median of a whole answer, milliseconds.
    pub(super) fn whole_ms(&self, attempt: &Attempt) -> f64 {
        self.first_ms(attempt.input_tokens) + self.tpot.median_ms * after_first(attempt)
    }
}

/// Whether the time to the first token was seen often enough.
pub(super) fn sees_first(answers: &[&Attempt]) -> bool {
    firsts(answers).take(LEAST_SEEN).count() == LEAST_SEEN
}

/// Of these answers.
pub(super) fn of(answers: &[&Attempt]) -> Pace {
    match sees_first(answers) {
        true => apart(answers),
        false => together(answers),
    }
}

/// First tokens in milliseconds, with their attempts.
pub(super) fn firsts<'a>(
    answers: &'a [&'a Attempt],
) -> impl Iterator<Item = (f64, &'a Attempt)> + 'a {
    let streams = answers.iter().copied().filter(|attempt| attempt.stream);
    streams.filter_map(|attempt| Some((millis(attempt.ttft?).max(0.001), attempt)))
}

fn after_first(attempt: &Attempt) -> f64 {
    f64::from(attempt.output_tokens.saturating_sub(1))
}

fn apart(answers: &[&Attempt]) -> Pace {
    let mut seen: Vec<(f64, f64)> = firsts(answers)
        .map(|(ms, attempt)| (f64::from(attempt.input_tokens) / 1000.0, ms))
        .collect();
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (base, slope) = line(&seen);
    let (shift, sigma) = log_spread(seen.iter().map(|(x, ms)| ms / (base + slope * x)));
    let pace_of = |least: u32| {
        let long = answers
            .iter()
            .filter(move |a| a.stream && a.output_tokens >= least);
        sorted(long.filter_map(|attempt| {
            let decode = millis(attempt.took.checked_sub(attempt.ttft?)?);
            Some(decode / after_first(attempt))
        }))
    };
    let mut paces = pace_of(LONG_TOKENS);
    if paces.len() < LEAST_SEEN {
        paces = pace_of(2);
    }
    let tpot_ms = quantile(&paces, 0.5);
    let (_, tpot_sigma) = log_spread(paces.iter().filter(|ms| **ms > 0.0).copied());
    Pace {
        ttft: Ttft {
            median_ms: rounded(base * shift.exp()),
            sigma: rounded(sigma).min(3.0),
            per_1k_prompt_ms: rounded(slope * shift.exp()),
        },
        tpot: Spread {
            median_ms: rounded(tpot_ms),
            sigma: rounded(tpot_sigma).min(3.0),
        },
    }
}

/// A line through the medians of groups by size: where it begins, and its slope, which is not negative.
fn line(by_size: &[(f64, f64)]) -> (f64, f64) {
    let whole = quantile(&sorted(by_size.iter().map(|(_, ms)| *ms)), 0.5);
    let size = by_size.len().div_ceil(GROUPS).max(LEAST_GROUP);
    let groups: Vec<(f64, f64)> = by_size
        .chunks(size)
        .filter(|group| group.len() >= LEAST_GROUP)
        .map(|group| {
            let mean = group.iter().map(|(x, _)| x).sum::<f64>() / float(group.len());
            (
                mean,
                quantile(&sorted(group.iter().map(|(_, ms)| *ms)), 0.5),
            )
        })
        .collect();
    let count = float(groups.len().max(1));
    let mean_x = groups.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = groups.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = groups.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let along: f64 = groups
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    // Prompts of one size say nothing of size.
    if spread / count < 0.01 || along <= 0.0 {
        return (whole, 0.0);
    }
    let slope = along / spread;
    let base = mean_y - slope * mean_x;
    match base > 0.0 {
        true => (base, slope),
        false => (0.0, mean_y / mean_x),
    }
}

/// `took = first + prompt × a + tokens × b`, by least squares of what it is off in proportion.
fn together(answers: &[&Attempt]) -> Pace {
    let rows: Vec<([f64; 3], f64)> = answers
        .iter()
        .map(|attempt| {
            let prompt = f64::from(attempt.input_tokens) / 1000.0;
            let took = millis(attempt.took).max(0.001);
            ([1.0, prompt, after_first(attempt)], took)
        })
        .collect();
    let typical = quantile(&sorted(rows.iter().map(|(_, ms)| *ms)), 0.5);
    let mut by = [typical, 0.0, 0.0];
    for round in 0..ROUNDS {
        let weighed = rows.iter().filter_map(|(x, ms)| {
            let predicted = match round {
                0 => *ms,
                _ => dot(&by, x).max(0.001),
            };
            let ratio = ms / predicted;
            let is_of_it = ratio < OUTLIER && ratio > 1.0 / OUTLIER;
            is_of_it.then(|| (*x, *ms, 1.0 / predicted.powi(2)))
        });
        by = solve(weighed).unwrap_or(by);
    }
    let ratios = rows.iter().map(|(x, ms)| ms / dot(&by, x).max(0.001));
    let (shift, sigma) = log_spread(ratios);
    let scale = shift.exp();
    let [first, prompt, token] = by.map(|ms| rounded(ms * scale));
    let sigma = rounded(sigma).min(3.0);
    Pace {
        ttft: Ttft {
            median_ms: first,
            sigma,
            per_1k_prompt_ms: prompt,
        },
        tpot: Spread {
            median_ms: token,
            sigma,
        },
    }
}

fn dot(by: &[f64; 3], x: &[f64; 3]) -> f64 {
    by.iter().zip(x).map(|(a, b)| a * b).sum()
}

/// Weighted least squares without negative coefficients: of all choices of those that are not zero the
/// best whose solution has none that is negative.
fn solve(rows: impl Iterator<Item = ([f64; 3], f64, f64)>) -> Option<[f64; 3]> {
    let (mut squares, mut products) = ([[0.0_f64; 3]; 3], [0.0_f64; 3]);
    for (x, y, weight) in rows {
        for ((row, product), xi) in squares.iter_mut().zip(&mut products).zip(x) {
            *product += weight * xi * y;
            for (cell, xj) in row.iter_mut().zip(x) {
                *cell += weight * xi * xj;
            }
        }
    }
    let mut best: Option<(f64, [f64; 3])> = None;
    for mask in 1..8_u8 {
        let on = [mask & 1 != 0, mask & 2 != 0, mask & 4 != 0];
        let Some(by) = solved(&squares, &products, on) else {
            continue;
        };
        if by.iter().any(|b| *b < 0.0) {
            continue;
        }
        // What is explained: the larger, the smaller is what is left.
        let explained = dot(&by, &products);
        if best.is_none_or(|(most, _)| explained > most) {
            best = Some((explained, by));
        }
    }
    best.map(|(_, by)| by)
}

/// Gauss's elimination over the coefficients that are on.
fn solved(squares: &[[f64; 3]; 3], products: &[f64; 3], on: [bool; 3]) -> Option<[f64; 3]> {
    let mut rows: Vec<[f64; 4]> = Vec::with_capacity(3);
    for (n, (row, product)) in squares.iter().zip(products).enumerate() {
        let is_on = on.get(n) == Some(&true);
        let mut cells = [0.0; 4];
        for (at, (cell, square)) in cells.iter_mut().zip(row).enumerate() {
            *cell = match (is_on && on.get(at) == Some(&true), n == at) {
                (true, _) => *square,
                (false, true) => 1.0,
                (false, false) => 0.0,
            };
        }
        if let Some(last) = cells.last_mut() {
            *last = if is_on { *product } else { 0.0 };
        }
        rows.push(cells);
    }
    for at in 0..3 {
        let pivot = *rows.get(at)?;
        let head = *pivot.get(at)?;
        if head.abs() < 1e-12 {
            return None;
        }
        for (n, row) in rows.iter_mut().enumerate() {
            let factor = row.get(at)? / head;
            if n != at {
                for (cell, pivot) in row.iter_mut().zip(&pivot) {
                    *cell -= factor * pivot;
                }
            }
        }
    }
    let mut by = [0.0; 3];
    for (at, (slot, row)) in by.iter_mut().zip(&rows).enumerate() {
        *slot = row.last()? / row.get(at)?;
    }
    Some(by)
}
