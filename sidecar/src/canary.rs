//! Canaries: how much each gets, and what moves it. Pure: records and `now` come in, shares come out.
//!
//! A canary goes up one step at a time, each step only after it was watched for a whole window and was
//! shown to be no worse than the baseline; it goes down to nothing as soon as it is shown to be worse.
//! In between it stays where it is. Where it stands is kept over a restart where there is a file for that
//! (`keep.rs`); what was seen of it is not.

pub mod compare;
pub mod evidence;
mod keep;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ark_gateway_core::record::{Outcome, Record};
use ark_gateway_core::rules::Share;
use serde::{Deserialize, Serialize};

use crate::Ms;
use crate::config::{CanaryConfig, Config, PromoteConfig};
use compare::{Comparison, compare};
use evidence::{Event, Evidence, Side};
pub use keep::KeptCanary;

/// The span in which a canary that breaks is seen to break, milliseconds.
const RECENT_MS: Ms = 5_000;

/// Where a canary stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its share is the operator's.
    Fixed,
    /// It is watched, and grows when it has proved itself.
    Watched,
    /// It has what it is to get at most, and has proved itself with that.
    Promoted,
    /// It was worse, or the operator took it back: it gets nothing.
    RolledBack,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fixed, Self::Watched, Self::Promoted, Self::RolledBack];

    /// Its label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Watched => "watched",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// What an operator may do with a running canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// To the next step now, proved or not.
    Promote,
    /// To nothing now.
    Rollback,
    /// No further until `resume`.
    Hold,
    /// Further again.
    Resume,
    /// From the first step again.
    Restart,
}

/// A change of a canary's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Whose canary.
    pub model: String,
    /// What it was.
    pub from: Share,
    /// What it is.
    pub to: Share,
    /// `promoted`, `rolled_back`, `restarted`.
    pub kind: &'static str,
    /// Why.
    pub reason: &'static str,
}

/// One model's canary.
pub struct Canary {
    config: CanaryConfig,
    rules: PromoteConfig,
    state: State,
    share: Share,
    reason: &'static str,
    is_held: bool,
    since: Ms,
    canary: Evidence,
    /// The last seconds of it: what breaks now must not hide behind what went well before.
    recent: Evidence,
    baseline: Evidence,
    /// What the baseline did while it still had traffic enough.
    usual: Side,
}

/// `/v1/canaries`: one of them.
#[derive(Clone, Debug, Serialize)]
pub struct CanaryView {
    /// Whose canary.
    pub model: String,
    /// Where it stands.
    pub state: State,
    /// What moved it there: `start`, `proved`, `errors`, `latency`, `cost` or `operator`.
    pub reason: &'static str,
    /// How long it has had its share, milliseconds.
    pub for_ms: Ms,
    /// Its share of the requests, millionths.
    pub share_millionths: Share,
    /// The shares that it goes through, millionths.
    pub steps_millionths: Vec<Share>,
    /// The file or the operator holds it.
    pub held: bool,
    /// Requests judged within the window: the canary's, the baseline's.
    pub requests: (u64, u64),
    /// How many of its own it needs.
    pub min_requests: u32,
    /// The window, seconds.
    pub window_s: u32,
    /// How it compares.
    pub comparison: Comparison,
}

/// All of them, by model.
#[derive(Default)]
pub struct Canaries {
    by_model: BTreeMap<String, Canary>,
}

impl Canaries {
    /// Keeps the canaries of a configuration. One whose targets, shares or stickiness have changed is
    /// another one, and begins anew.
    pub fn configure(&mut self, config: &Config, now: Ms) {
        let mut before = std::mem::take(&mut self.by_model);
        for model in &config.models {
            let Some(config) = &model.rules.canary else {
                continue;
            };
            let known = before.remove(&model.name);
            let canary = match known.filter(|known| is_same(&known.config, config)) {
                Some(mut known) => {
                    known.rules = config.promote.clone().unwrap_or_default();
                    known.config = config.clone();
                    known
                }
                None => Canary::new(config, now),
            };
            self.by_model.insert(model.name.clone(), canary);
        }
    }

    /// Takes in a record that arrived at `now`.
    pub fn observe(&mut self, record: &Record, now: Ms) {
        if let Some(canary) = self.by_model.get_mut(&record.model) {
            canary.observe(record, now);
        }
    }

    /// Moves what is to be moved.
    pub fn tick(&mut self, now: Ms) -> Vec<Move> {
        let moved = |(model, canary): (&String, &mut Canary)| canary.tick(model, now);
        self.by_model.iter_mut().filter_map(moved).collect()
    }

    /// Does what an operator wants. `None`: there is no such canary, or it is not automatic.
    pub fn act(&mut self, model: &str, action: Action, now: Ms) -> Option<Option<Move>> {
        let canary = self.by_model.get_mut(model)?;
        canary.config.promote.as_ref()?;
        Some(canary.act(model, action, now))
    }

    /// The share of a model's canary, if it is automatic.
    #[must_use]
    pub fn share(&self, model: &str) -> Option<Share> {
        let canary = self.by_model.get(model)?;
        canary.config.promote.as_ref().map(|_| canary.share)
    }

    /// Each model with its canary's state and share.
    pub fn states(&self) -> impl Iterator<Item = (&str, State, Share)> {
        let all = self.by_model.iter();
        all.map(|(model, canary)| (model.as_str(), canary.state, canary.share))
    }

    /// All of them, as `/v1/canaries` shows them.
    #[must_use]
    pub fn views(&self, now: Ms) -> Vec<CanaryView> {
        let all = self.by_model.iter();
        all.map(|(model, canary)| canary.view(model, now)).collect()
    }
}

/// Whether two configurations are of one canary: what it tries, on whom, and through which shares.
fn is_same(a: &CanaryConfig, b: &CanaryConfig) -> bool {
    let steps = |c: &CanaryConfig| c.promote.as_ref().map(|p| p.steps.clone());
    (&a.provider, &a.model, &a.sticky, a.share) == (&b.provider, &b.model, &b.sticky, b.share)
        && steps(a) == steps(b)
}

impl Canary {
    fn new(config: &CanaryConfig, now: Ms) -> Self {
        Self {
            rules: config.promote.clone().unwrap_or_default(),
            state: match config.promote {
                Some(_) => State::Watched,
                None => State::Fixed,
            },
            share: config.share,
            reason: "start",
            is_held: false,
            since: now,
            canary: Evidence::default(),
            recent: Evidence::default(),
            baseline: Evidence::default(),
            usual: Side::default(),
            config: config.clone(),
        }
    }

    fn window_ms(&self) -> Ms {
        Ms::from(self.rules.window_s) * 1_000
    }

    fn observe(&mut self, record: &Record, now: Ms) {
        if record.fallback.is_some() {
            return;
        }
        let window_ms = self.window_ms();
        let last = record.attempts.len();
        for (n, attempt) in record.attempts.iter().enumerate() {
            let is_canary = self.config.tries(&attempt.provider, &attempt.model);
            let (verdict, ttft_us) = (attempt.verdict, attempt.ttft_us);
            let answered = n + 1 == last && record.outcome == Outcome::Ok;
            let cost = record.cost.map(|cost| cost.0);
            let answer = answered.then_some(Event::Answer { cost });
            for event in [Some(Event::Attempt { verdict, ttft_us }), answer] {
                let Some(event) = event else { continue };
                match is_canary {
                    true => {
                        self.canary.take(event, window_ms, now);
                        self.recent.take(event, RECENT_MS, now);
                    }
                    false => self.baseline.take(event, window_ms, now),
                }
            }
        }
    }

    /// Both sides now. A baseline that has hardly any traffic left is what it was before.
    fn sides(&self, now: Ms) -> (Side, Side) {
        let window_ms = self.window_ms();
        let baseline = self.baseline.view(window_ms, now);
        let says_more = baseline.judged >= u64::from(self.rules.min_requests)
            || baseline.judged >= self.usual.judged;
        let baseline = if says_more {
            baseline
        } else {
            self.usual.clone()
        };
        (self.canary.view(window_ms, now), baseline)
    }

    fn tick(&mut self, model: &str, now: Ms) -> Option<Move> {
        match self.state {
            State::Watched | State::Promoted => {}
            State::Fixed | State::RolledBack => return None,
        }
        let (canary, baseline) = self.sides(now);
        let comparison = compare(&canary, &baseline, &self.rules);
        let recent = self.recent.view(RECENT_MS, now);
        let recent = compare(&recent, &baseline, &self.rules);
        if let Some(reason) = comparison.worse().or(recent.worse()) {
            return Some(self.go(
                model,
                (State::RolledBack, Share::NONE),
                ("rolled_back", reason),
                now,
            ));
        }
        let is_watched_enough = now.saturating_sub(self.since) >= self.window_ms();
        let is_held = self.is_held || self.config.hold;
        if self.state == State::Promoted || is_held || !is_watched_enough || !comparison.is_proved()
        {
            return None;
        }
        self.up(model, "proved", baseline, now)
    }

    /// To the next step; from the last one to what cannot be improved on.
    fn up(&mut self, model: &str, reason: &'static str, usual: Side, now: Ms) -> Option<Move> {
        let next = self
            .rules
            .steps
            .iter()
            .find(|step| **step > self.share)
            .copied();
        match next {
            Some(share) => {
                self.usual = usual;
                Some(self.go(model, (State::Watched, share), ("promoted", reason), now))
            }
            None => {
                self.state = State::Promoted;
                self.reason = reason;
                None
            }
        }
    }

    fn go(
        &mut self,
        model: &str,
        (state, to): (State, Share),
        (kind, reason): (&'static str, &'static str),
        now: Ms,
    ) -> Move {
        let from = self.share;
        self.state = state;
        self.share = to;
        self.reason = reason;
        self.since = now;
        self.canary.clear();
        self.recent.clear();
        self.baseline.clear();
        Move {
            model: model.to_owned(),
            from,
            to,
            kind,
            reason,
        }
    }

    fn act(&mut self, model: &str, action: Action, now: Ms) -> Option<Move> {
        let by = "operator";
        match action {
            Action::Promote => {
                let (_, baseline) = self.sides(now);
                self.up(model, by, baseline, now)
            }
            Action::Rollback => Some(self.go(
                model,
                (State::RolledBack, Share::NONE),
                ("rolled_back", by),
                now,
            )),
            Action::Restart => {
                let share = self.config.share;
                Some(self.go(model, (State::Watched, share), ("restarted", by), now))
            }
            Action::Hold => {
                self.is_held = true;
                None
            }
            Action::Resume => {
                self.is_held = false;
                None
            }
        }
    }

    fn view(&self, model: &str, now: Ms) -> CanaryView {
        let (canary, baseline) = self.sides(now);
        CanaryView {
            model: model.to_owned(),
            state: self.state,
            reason: self.reason,
            for_ms: now.saturating_sub(self.since),
            share_millionths: self.share,
            steps_millionths: match self.config.promote {
                Some(_) => self.rules.steps.clone(),
                None => vec![self.share],
            },
            held: self.is_held || self.config.hold,
            requests: (canary.judged, baseline.judged),
            min_requests: self.rules.min_requests,
            window_s: self.rules.window_s,
            comparison: compare(&canary, &baseline, &self.rules),
        }
    }
}
