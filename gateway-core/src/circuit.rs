//! The circuit of one target: open while it is in trouble, so that requests do not find out one by
//! one.
//!
//! A state machine without I/O: outcomes and `now` in, whether requests may go out. It opens on
//! failures in a row, on a share of failures, on a share of answers that are far slower than usual, and
//! when a provider says when to come back. Then it cools down, lets a few probes through, and closes
//! when they do well.

use serde::{Deserialize, Serialize};

/// A moment in milliseconds, from any clock that never goes back.
pub type Ms = u64;

/// Whether requests may go through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Circuit {
    /// All may.
    #[default]
    Closed,
    /// Probes only.
    HalfOpen,
    /// None, unless nothing else is left.
    Open,
}

impl Circuit {
    /// Whether it is closed, as it nearly always is.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self == Self::Closed
    }
}

/// How one attempt went, as far as the circuit cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A success at its usual pace.
    Good,
    /// A success, far slower than usual.
    Slow,
    /// A failure by the provider's fault.
    Failed,
    /// A refusal for the rate of our requests; with the provider's word when to come back,
    /// milliseconds.
    Limited(Option<u64>),
}

/// What opened a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Failures in a row.
    Consecutive,
    /// The share of failures.
    Failures,
    /// The share of slow answers.
    Slowness,
    /// The provider's own word.
    RetryAfter,
    /// A probe that did not do well.
    Probe,
}

/// When to open and when to close.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Failures in a row that open it.
    pub consecutive: u32,
    /// Share of failures, or of slow answers, that opens it.
    pub share: f32,
    /// Least outcomes for a share to mean anything.
    pub least_outcomes: u32,
    /// Least slow answers for their share to mean anything.
    pub least_slow: u32,
    /// How long it stays open at first, milliseconds; doubled by each probe that fails.
    pub cool_down_ms: Ms,
    /// Longest that it stays open, but for the provider's word, milliseconds.
    pub most_cool_down_ms: Ms,
    /// Longest word of a provider that is believed, milliseconds.
    pub most_retry_after_ms: Ms,
    /// Good probes in a row that close it.
    pub close_after: u32,
    /// Half open and untested for so long, it closes, milliseconds: nobody probes what only critical
    /// requests would use.
    pub untested_ms: Ms,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            consecutive: 3,
            share: 0.5,
            least_outcomes: 6,
            least_slow: 4,
            cool_down_ms: 2_000,
            most_cool_down_ms: 10_000,
            most_retry_after_ms: 60_000,
            close_after: 2,
            untested_ms: 30_000,
        }
    }
}

/// Half of the span over which shares are taken, milliseconds.
const HALF_SPAN_MS: Ms = 2_500;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    all: u32,
    failed: u32,
    slow: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Ms },
    HalfOpen { since: Ms, good: u32 },
}

/// The circuit of one target, with its memory of the last five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    cause: Option<Cause>,
    cool_down_ms: Ms,
    consecutive: u32,
    /// Start of the running half of the span.
    began: Ms,
    running: Counts,
    before: Counts,
    opened: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            cause: None,
            cool_down_ms: 0,
            consecutive: 0,
            began: 0,
            running: Counts::default(),
            before: Counts::default(),
            opened: 0,
        }
    }
}

impl Breaker {
    /// Whether requests may go through at `now`.
    #[must_use]
    pub fn circuit(&self, now: Ms) -> Circuit {
        match self.state_at(now, &Rules::default()) {
            State::Closed => Circuit::Closed,
            State::Open { .. } => Circuit::Open,
            State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    /// What opened it last; `None` while it is closed.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// How often it has opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Takes in an attempt that began at `started` and ended at `now`.
    pub fn record(&mut self, outcome: Outcome, started: Ms, now: Ms, rules: &Rules) {
        if let Outcome::Limited(Some(after_ms)) = outcome {
            self.come_back(now.saturating_add(after_ms.min(rules.most_retry_after_ms)));
            return;
        }
        match self.moved(now, rules) {
            State::Closed => self.count(outcome, now, rules),
            // What was sent before it opened says nothing new.
            State::Open { .. } => {}
            State::HalfOpen { since, .. } if started < since => {}
            State::HalfOpen { since, good } => match outcome {
                Outcome::Good if good + 1 >= rules.close_after => self.close(),
                Outcome::Good => {
                    self.state = State::HalfOpen {
                        since,
                        good: good + 1,
                    };
                }
                Outcome::Slow | Outcome::Failed | Outcome::Limited(_) => {
                    self.open(Cause::Probe, now, rules);
                }
            },
        }
    }

    /// Takes in that at `now` so many attempts have waited for far longer than is usual, and how many
    /// were answered lately.
    pub fn overdue(&mut self, waiting: u32, answered: u32, now: Ms, rules: &Rules) {
        match self.moved(now, rules) {
            State::Closed if waiting >= rules.least_slow && waiting > answered => {
                self.open(Cause::Slowness, now, rules);
            }
            // Whatever has waited since before it was half open is no probe.
            State::HalfOpen { since, .. } if waiting > 0 && now >= since + rules.cool_down_ms => {
                self.open(Cause::Probe, now, rules);
            }
            State::Closed | State::Open { .. } | State::HalfOpen { .. } => {}
        }
    }

    /// The state at `now`, after what time alone changes.
    fn state_at(&self, now: Ms, rules: &Rules) -> State {
        let half_open_since = match self.state {
            State::Open { until } if now >= until => until,
            State::HalfOpen { since, .. } => since,
            State::Closed | State::Open { .. } => return self.state,
        };
        // The provider has said that it takes requests again: there is nothing to probe.
        if self.cause == Some(Cause::RetryAfter)
            || now.saturating_sub(half_open_since) >= rules.untested_ms
        {
            return State::Closed;
        }
        match self.state {
            State::HalfOpen { .. } => self.state,
            State::Open { .. } | State::Closed => State::HalfOpen {
                since: half_open_since,
                good: 0,
            },
        }
    }

    fn moved(&mut self, now: Ms, rules: &Rules) -> State {
        let state = self.state_at(now, rules);
        if state == State::Closed && self.state != State::Closed {
            self.close();
        }
        self.state = state;
        state
    }

    fn count(&mut self, outcome: Outcome, now: Ms, rules: &Rules) {
        let halves = now.saturating_sub(self.began) / HALF_SPAN_MS;
        if halves >= 1 {
            self.before = match halves {
                1 => self.running,
                _ => Counts::default(),
            };
            self.running = Counts::default();
            self.began = now;
        }
        self.running.all += 1;
        match outcome {
            Outcome::Good => self.consecutive = 0,
            Outcome::Slow => {
                self.consecutive = 0;
                self.running.slow += 1;
            }
            Outcome::Failed | Outcome::Limited(_) => {
                self.consecutive += 1;
                self.running.failed += 1;
            }
        }
        if let Some(cause) = self.too_much(rules) {
            self.open(cause, now, rules);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of five seconds")]
    fn too_much(&self, rules: &Rules) -> Option<Cause> {
        let all = self.running.all + self.before.all;
        let failed = self.running.failed + self.before.failed;
        let slow = self.running.slow + self.before.slow;
        let is_share = |count: u32| count as f32 >= rules.share * all as f32;
        if self.consecutive >= rules.consecutive {
            Some(Cause::Consecutive)
        } else if all >= rules.least_outcomes && is_share(failed) {
            Some(Cause::Failures)
        } else if slow >= rules.least_slow && is_share(slow) {
            Some(Cause::Slowness)
        } else {
            None
        }
    }

    fn open(&mut self, cause: Cause, now: Ms, rules: &Rules) {
        let longer = self.cool_down_ms.saturating_mul(2);
        self.cool_down_ms = longer.clamp(rules.cool_down_ms, rules.most_cool_down_ms);
        self.opened += 1;
        self.cause = Some(cause);
        self.state = State::Open {
            until: now.saturating_add(self.cool_down_ms),
        };
        self.forget();
    }

    /// The provider's own word counts whatever the state, and only ever for longer.
    fn come_back(&mut self, at: Ms) {
        let until = match self.state {
            State::Open { until } => until.max(at),
            State::Closed | State::HalfOpen { .. } => {
                self.opened += 1;
                self.cause = Some(Cause::RetryAfter);
                at
            }
        };
        self.state = State::Open { until };
        self.forget();
    }

    fn close(&mut self) {
        self.state = State::Closed;
        self.cause = None;
        self.cool_down_ms = 0;
        self.forget();
    }

    fn forget(&mut self) {
        self.consecutive = 0;
        self.running = Counts::default();
        self.before = Counts::default();
    }
}

#[cfg(test)]
mod tests;
