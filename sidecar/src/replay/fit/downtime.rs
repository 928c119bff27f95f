//! When a provider was down: failures in a row, longer than those that come one by one make likely.

use ark_gateway_core::record::Verdict;

use super::super::Us;
use super::super::seen::Attempt;
use super::super::world::{Down, OutageWindow};
use super::numbers::{float, seconds, share};
use super::{covers, length_s};

/// Fewest failures in a row that are an outage.
const LEAST_ROW: usize = 3;
/// How often one may be found that is none, over all that was seen.
const FALSE_ALARMS: f64 = 0.05;
/// Without an attempt for longer, nobody looked.
const BLIND_US: Us = 60_000_000;
/// An outage began at most so long before its first failure.
const LEAD_US: Us = 5_000_000;
/// Kinds that are written down at most.
const MOST_KINDS: usize = 8;
/// A stream that breaks so long after an outage began was broken by it.
const CUT_US: Us = 2_000_000;

/// What one attempt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Up,
    Down(Down),
    Nothing,
}

/// When a provider was down.
#[derive(Clone, Debug, Default)]
pub(super) struct Downtime {
    pub(super) outages: Vec<(Us, Us)>,
    how: Vec<Down>,
    /// Seconds in which somebody looked.
    pub(super) watched_s: f64,
    pub(super) cuts_streams: bool,
}

impl Downtime {
    /// Of a provider's attempts, by their start.
    pub(super) fn of(attempts: &[&Attempt]) -> Self {
        let starts = || attempts.iter().map(|attempt| attempt.at);
        let gaps = starts().zip(starts().skip(1)).map(|(from, to)| to - from);
        let mut found = Self {
            watched_s: gaps.map(|gap| seconds(gap.min(BLIND_US))).sum(),
            ..Self::default()
        };
        let row = row_of(attempts);
        let mut up_at: Option<Us> = None;
        let mut run: Vec<(Us, Down)> = Vec::new();
        for attempt in attempts {
            match word(attempt.verdict) {
                Word::Nothing => {}
                Word::Down(how) => run.push((attempt.at, how)),
                Word::Up => {
                    found.note(&run, (up_at, Some(attempt.at)), row);
                    run.clear();
                    up_at = Some(attempt.at);
                }
            }
        }
        found.note(&run, (up_at, None), row);
        let mut broken = attempts.iter().filter(|a| a.verdict == Verdict::Cut);
        found.cuts_streams = broken.any(|attempt| {
            let end = attempt.at + attempt.took;
            let began = |(from, _): &(Us, Us)| {
                end + CUT_US >= *from && end <= *from + CUT_US && attempt.at < *from + CUT_US
            };
            found.outages.iter().any(began)
        });
        found
    }

    /// A run of failures between two attempts that were not. When it began and ended is not known closer
    /// than that.
    fn note(&mut self, run: &[(Us, Down)], (before, after): (Option<Us>, Option<Us>), row: usize) {
        let (Some((first, _)), Some((last, _))) = (run.first(), run.last()) else {
            return;
        };
        if run.len() < row {
            return;
        }
        let lead = before.map_or(0, |up| ((first - up) / 2).min(LEAD_US));
        let tail = after.map_or(0, |up| ((up - last) / 2).min(BLIND_US));
        let to = (last + tail).max(first + 1);
        self.outages.push((first - lead, to));
        let times = |kind: Down| run.iter().filter(|(_, how)| *how == kind).count();
        let kinds = [Down::Error, Down::Refuse, Down::Hang];
        let most = kinds.into_iter().max_by_key(|kind| times(*kind));
        self.how.push(most.unwrap_or_default());
    }

    /// Seconds that it was down.
    pub(super) fn seconds(&self) -> f64 {
        length_s(self.outages.iter().copied())
    }

    pub(super) fn covers(&self, at: Us) -> bool {
        covers(&self.outages, at)
    }

    /// How it was down, in turn.
    pub(super) fn kinds(&self) -> Vec<Down> {
        self.how.iter().copied().take(MOST_KINDS).collect()
    }

    /// Failures apart from outages, and attempts apart from them.
    pub(super) fn apart(&self, attempts: &[&Attempt]) -> (usize, usize) {
        let outside = attempts.iter().filter(|attempt| !self.covers(attempt.at));
        let (mut faults, mut all) = (0, 0);
        for attempt in outside {
            all += 1;
            faults += usize::from(matches!(word(attempt.verdict), Word::Down(_)));
        }
        (faults, all)
    }

    pub(super) fn windows(&self, origin: Us) -> Vec<OutageWindow> {
        let spans = self.outages.iter().zip(&self.how);
        spans
            .map(|((from, to), kind)| OutageWindow {
                from_s: seconds(from.saturating_sub(origin)),
                to_s: seconds(to.saturating_sub(origin)),
                kind: *kind,
            })
            .filter(|window| window.to_s > window.from_s)
            .collect()
    }
}

fn word(verdict: Verdict) -> Word {
    match verdict {
        Verdict::Ok | Verdict::ClientError | Verdict::RateLimited | Verdict::Cut => Word::Up,
        Verdict::Unreachable => Word::Down(Down::Refuse),
        Verdict::Timeout => Word::Down(Down::Hang),
        Verdict::Overloaded | Verdict::ServerError | Verdict::Auth | Verdict::FirstEvent => {
            Word::Down(Down::Error)
        }
        Verdict::Abandoned | Verdict::Hedged => Word::Nothing,
    }
}

/// How many failures in a row are no chance, by how often one comes alone.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates"
)]
fn row_of(attempts: &[&Attempt]) -> usize {
    let is_down = |attempt: &&Attempt| matches!(word(attempt.verdict), Word::Down(_));
    let mut alone = 0;
    for three in attempts.windows(3) {
        if let [before, this, after] = three {
            alone += usize::from(!is_down(before) && is_down(this) && !is_down(after));
        }
    }
    let odds = share(alone, attempts.len());
    if odds <= 0.0 {
        return LEAST_ROW;
    }
    let row = (FALSE_ALARMS / float(attempts.len())).ln() / odds.min(0.9).ln();
    (row.ceil() as usize).max(LEAST_ROW)
}
