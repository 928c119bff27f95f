//! When a provider was slow: ten seconds and more in which the median answer took over twice the usual.

use super::super::Us;
use super::super::seen::Attempt;
use super::super::world::BrownOutWindow;
use super::numbers::{millis, quantile, seconds, sorted};
use super::pace::{Pace, firsts, sees_first};
use super::{covers, length_s};

/// What is looked at together.
const SLOT_US: Us = 10_000_000;
/// Fewest answers that make a slot slow.
const LEAST_ANSWERS: usize = 3;
/// So many times the usual is slow.
const SLOW: f64 = 2.0;
/// Slots without a word of their own, between two slow ones.
const MOST_SILENT: u64 = 2;
/// Longest that an answer says of the time in which it was made.
const MOST_US: Us = 120_000_000;

/// When a provider was slow.
#[derive(Clone, Debug, Default)]
pub(super) struct Slow {
    pub(super) spells: Vec<(Us, Us)>,
    factors: Vec<f64>,
}

impl Slow {
    /// Of a provider's answers, by their start, at this usual pace.
    pub(super) fn of(answers: &[&Attempt], pace: &Pace) -> Self {
        let ratios: Vec<(Us, f64)> = match sees_first(answers) {
            true => firsts(answers)
                .map(|(ms, a)| (a.at, ms / pace.first_ms(a.input_tokens).max(0.001)))
                .collect(),
            false => answers
                .iter()
                .filter(|attempt| attempt.took < MOST_US)
                .map(|a| (a.at, millis(a.took) / pace.whole_ms(a).max(0.001)))
                .collect(),
        };
        let mut found = Self::default();
        let mut silent = u64::MAX;
        let mut slot = ratios.first().map_or(0, |(at, _)| at / SLOT_US);
        let mut rest = ratios.as_slice();
        while let Some((at, _)) = rest.first() {
            silent = silent.saturating_add((at / SLOT_US).saturating_sub(slot + 1));
            slot = at / SLOT_US;
            let count = rest.partition_point(|(at, _)| at / SLOT_US <= slot);
            let (here, later) = rest.split_at(count);
            rest = later;
            let median = quantile(&sorted(here.iter().map(|(_, ratio)| *ratio)), 0.5);
            if count < LEAST_ANSWERS {
                silent = silent.saturating_add(1);
            } else if median > SLOW {
                found.note(here, median, silent <= MOST_SILENT);
                silent = 0;
            } else {
                silent = u64::MAX;
            }
        }
        found
    }

    /// A slow slot, which may go on with the spell before.
    fn note(&mut self, here: &[(Us, f64)], median: f64, goes_on: bool) {
        let mut slow = here.iter().filter(|(_, ratio)| *ratio > SLOW);
        let first = slow.next().map_or(0, |(at, _)| *at);
        let last = slow.next_back().map_or(first, |(at, _)| *at) + 1;
        match self.spells.last_mut().filter(|_| goes_on) {
            Some(spell) => spell.1 = last,
            None => self.spells.push((first, last)),
        }
        let spell = self.spells.len();
        self.factors.resize(spell, median);
        if let Some(factor) = self.factors.last_mut() {
            *factor = factor.max(median);
        }
    }

    pub(super) fn covers(&self, at: Us) -> bool {
        covers(&self.spells, at)
    }

    pub(super) fn seconds(&self) -> f64 {
        length_s(self.spells.iter().copied())
    }

    /// How many times slower it was, by the median of the spells.
    pub(super) fn factor(&self) -> f64 {
        quantile(&sorted(self.factors.iter().copied()), 0.5).max(1.0)
    }

    pub(super) fn windows(&self, origin: Us) -> Vec<BrownOutWindow> {
        let spells = self.spells.iter().zip(&self.factors);
        spells
            .map(|((from, to), factor)| BrownOutWindow {
                from_s: seconds(from.saturating_sub(origin)),
                to_s: seconds(to.saturating_sub(origin)),
                factor: *factor,
                gradual: false,
            })
            .filter(|window| window.to_s > window.from_s)
            .collect()
    }
}
