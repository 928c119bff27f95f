//! Several attempts at once: who is meant, who won, who lost.

use super::attempt::{Attempt, failure_of};
use super::{End, Exchange};
use crate::hedge::Hedge;
use crate::limit::Nanos;
use crate::record::Verdict;

/// A request that may have several attempts under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Race {
    hedge: Hedge,
    /// The attempt whose answer the client gets, by its place.
    answering: Option<usize>,
}

impl Race {
    pub(super) fn after_ms(&self) -> u32 {
        self.hedge.after_ms
    }

    /// A further target was asked while another one was running.
    pub(super) fn spend(&mut self) {
        self.hedge.credits = self.hedge.credits.saturating_sub(1);
    }
}

impl Exchange {
    /// The request is ready to ask further targets before the first has failed.
    pub fn hedged(&mut self, hedge: Hedge) {
        self.race = Some(Race {
            hedge,
            answering: None,
        });
    }

    /// Whether several attempts may be under way.
    #[must_use]
    pub fn is_hedged(&self) -> bool {
        self.race.is_some()
    }

    /// The place of the attempt that is spoken of, to come back to it.
    #[must_use]
    pub fn place(&self) -> usize {
        self.focus
    }

    /// What is told from here on is of the attempt at this place.
    pub fn speak_of(&mut self, place: usize) {
        if place < self.attempts.len() {
            self.focus = place;
        }
    }

    /// Envoy has ended the current attempt's stream. What has not answered by then never will.
    pub fn attempt_gone(&mut self, now: Nanos) {
        if self.settled || self.race.is_some_and(|r| r.answering == Some(self.focus)) {
            return;
        }
        let is_answered = |a: &Attempt| {
            a.complete || matches!(a.status, Some(s) if s >= 400 && failure_of(s).is_none())
        };
        if self.current().is_some_and(|a| !is_answered(a)) {
            self.end_attempt(now, None);
        }
    }

    /// The router gives the client the answer of the attempt at `place`; `None` when it answers by
    /// itself. The others have lost.
    pub fn answered_by(&mut self, place: Option<usize>, now: Nanos) {
        let Some(race) = &mut self.race else {
            return;
        };
        let place = place.filter(|place| *place < self.attempts.len());
        let answering = place.unwrap_or(self.attempts.len().saturating_sub(1));
        race.answering = Some(answering);
        if place.is_some() {
            self.end_others(answering, (now, Verdict::Hedged));
        }
        self.focus = answering;
        self.give_back();
    }

    /// Ends what the race has left, before the exchange is settled.
    pub(super) fn finish_race(&mut self, end: End, now: Nanos) {
        let Some(race) = self.race else {
            return;
        };
        let verdict = match end {
            End::ClientGone => Verdict::Abandoned,
            End::Complete | End::Broken => Verdict::Timeout,
        };
        let last = self.attempts.len().saturating_sub(1);
        let answering = race.answering.unwrap_or(last);
        self.end_others(answering, (now, verdict));
        self.focus = answering;
        self.give_back();
    }

    /// Whether an attempt still waits or answers.
    pub(super) fn is_running(&self) -> bool {
        self.attempts.iter().any(|a| a.ended.is_none())
    }

    fn end_others(&mut self, but: usize, (now, verdict): (Nanos, Verdict)) {
        for place in 0..self.attempts.len() {
            if place != but {
                self.focus = place;
                self.end_attempt(now, Some(verdict));
            }
        }
    }

    fn give_back(&mut self) {
        if let Some(race) = &mut self.race {
            let left = std::mem::take(&mut race.hedge.credits);
            self.policy.hedge_budget().give_back(left);
        }
    }
}
