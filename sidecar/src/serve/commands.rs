//! Runs the commands that print credentials, each as often as its provider says.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::shared::Shared;
use crate::Ms;
use crate::control::Argv;
use crate::credential::{Secret, command};

/// How soon after an edit of the file a new command is run.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most programs that run at once; others wait for their turn.
const MOST_RUNNING: usize = 8;
/// After the first failure a command is run again so soon, then after twice as long, and so on,
/// milliseconds.
const RETRY_MS: Ms = 1_000;
/// But at least so often, or as often as without failures.
const RETRY_MOST_MS: Ms = 60_000;

/// Runs them for ever.
///
/// # Errors
/// One of them took its task down.
pub(super) async fn run(shared: Arc<Shared>) -> Result<Infallible, String> {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut schedule = Schedule::default();
    let mut running: JoinSet<(Argv, Result<Secret, String>)> = JoinSet::new();
    loop {
        tokio::select! {
            _ = look.tick() => {
                let commands = shared.control().commands();
                for argv in schedule.due(&commands, shared.now()) {
                    running.spawn(async move {
                        let result = command::run(&argv).await;
                        (argv, result.map_err(|error| error.to_string()))
                    });
                }
            }
            Some(ended) = running.join_next() => {
                let (argv, result) = ended.map_err(|error| error.to_string())?;
                schedule.ended(&argv, result.is_ok(), shared.now());
                shared.control().command_ended(&argv, result, shared.now());
            }
        }
    }
}

/// When each command is to be run next.
#[derive(Default)]
struct Schedule(BTreeMap<Argv, Turn>);

#[derive(Default)]
struct Turn {
    is_running: bool,
    /// When it ended last.
    ended: Option<Ms>,
    /// In a row.
    failures: u32,
}

impl Schedule {
    /// The commands to start now, of those (and how often, in seconds) that there are.
    fn due(&mut self, commands: &BTreeMap<Argv, u32>, now: Ms) -> Vec<Argv> {
        self.0
            .retain(|argv, turn| turn.is_running || commands.contains_key(argv));
        let running = self.0.values().filter(|turn| turn.is_running).count();
        let mut due = Vec::new();
        for (argv, refresh_s) in commands {
            let turn = self.0.entry(argv.clone()).or_default();
            let room = running + due.len() < MOST_RUNNING;
            if room && turn.is_due(*refresh_s, now) {
                turn.is_running = true;
                due.push(argv.clone());
            }
        }
        due
    }

    fn ended(&mut self, argv: &Argv, is_ok: bool, now: Ms) {
        if let Some(turn) = self.0.get_mut(argv) {
            turn.is_running = false;
            turn.ended = Some(now);
            turn.failures = match is_ok {
                true => 0,
                false => turn.failures.saturating_add(1),
            };
        }
    }
}

impl Turn {
    fn is_due(&self, refresh_s: u32, now: Ms) -> bool {
        let refresh_ms = Ms::from(refresh_s) * 1_000;
        let pause_ms = match self.failures {
            0 => refresh_ms,
            n => {
                let doubled = RETRY_MS.saturating_mul(1 << (n - 1).min(16));
                doubled.min(RETRY_MOST_MS).min(refresh_ms)
            }
        };
        let rested = self
            .ended
            .is_none_or(|ended| now.saturating_sub(ended) >= pause_ms);
        !self.is_running && rested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(name: &str) -> Argv {
        vec![name.to_owned()]
    }

    fn commands(refresh_s: u32, names: &[&str]) -> BTreeMap<Argv, u32> {
        names.iter().map(|name| (argv(name), refresh_s)).collect()
    }

    #[test]
    fn a_command_runs_at_once_and_then_as_often_as_it_shall() {
        let mut schedule = Schedule::default();
        let every_minute = commands(60, &["/a"]);
        assert_eq!(schedule.due(&every_minute, 0), [argv("/a")]);
        assert!(schedule.due(&every_minute, 90_000).is_empty(), "it runs");
        schedule.ended(&argv("/a"), true, 90_000);
        assert!(schedule.due(&every_minute, 149_999).is_empty());
        assert_eq!(schedule.due(&every_minute, 150_000), [argv("/a")]);
        schedule.ended(&argv("/a"), true, 150_000);
        // An edit makes it more eager, another one takes it away and brings it back.
        assert_eq!(schedule.due(&commands(5, &["/a"]), 155_000).len(), 1);
        schedule.ended(&argv("/a"), true, 155_000);
        assert!(schedule.due(&commands(5, &[]), 155_001).is_empty());
        assert_eq!(schedule.due(&commands(5, &["/a"]), 155_002).len(), 1);
    }

    #[test]
    fn a_failure_is_tried_again_soon_and_then_less_and_less_often() {
        let mut schedule = Schedule::default();
        let hourly = commands(3_600, &["/a"]);
        let mut now = 0;
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert_eq!(schedule.due(&hourly, now).len(), 1, "{now}");
            schedule.ended(&argv("/a"), false, now);
            now += pause;
            assert!(schedule.due(&hourly, now - 1).is_empty(), "{pause}");
        }
        assert_eq!(schedule.due(&hourly, now).len(), 1);
        schedule.ended(&argv("/a"), true, now);
        assert!(schedule.due(&hourly, now + 3_599_999).is_empty());
    }

    #[test]
    fn only_so_many_run_at_once_and_none_is_forgotten() {
        let names: Vec<String> = (0..20).map(|n| format!("/{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = commands(60, &names);
        let mut schedule = Schedule::default();
        let mut ran = Vec::new();
        for round in 0..3 {
            let due = schedule.due(&all, round);
            assert!(due.len() <= MOST_RUNNING && schedule.due(&all, round).is_empty());
            for argv in &due {
                schedule.ended(argv, true, round);
            }
            ran.extend(due);
        }
        ran.sort();
        assert_eq!(ran, all.keys().cloned().collect::<Vec<_>>());
    }
}
