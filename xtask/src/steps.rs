//! Several checks in a row: all run, each is timed, and a table closes.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::child;
use crate::console;
use crate::failure::{Failure, Outcome};

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All is well.
    Passed,
    /// It found something wrong.
    Failed,
    /// It could not run here, and why.
    Skipped(String),
}

/// What ran so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<(String, Verdict, Duration)>,
}

impl Steps {
    /// Runs one step. A failure is shown and kept, and the next step can run; only an interrupt
    /// ends the row.
    pub(crate) fn step(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Outcome<Verdict>,
    ) -> Outcome<Verdict> {
        console::step(name);
        let started = Instant::now();
        let verdict = match work() {
            Ok(verdict) => verdict,
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => {
                console::error(&failure.to_string());
                Verdict::Failed
            }
        };
        if let Verdict::Skipped(why) = &verdict {
            console::warn(&format!("{name}: SKIPPED, {why}"));
        }
        let entry = (name.to_owned(), verdict.clone(), started.elapsed());
        self.done.push(entry);
        Ok(verdict)
    }

    /// A step that is one command.
    pub(crate) fn command(
        &mut self,
        name: &str,
        command: Command,
        deadline: Duration,
    ) -> Outcome<Verdict> {
        self.step(name, || passed_if(child::run(command, deadline)?.success()))
    }

    /// Prints the table; fails when a step did.
    pub(crate) fn close(self) -> Outcome<()> {
        console::line(&format!("\n{}", self.summary()));
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|(_, verdict, _)| *verdict == Verdict::Failed)
            .map(|(name, _, _)| name.as_str())
            .collect();
        // In no colour: what reads logs looks for this line.
        console::line(&self.tally());
        if failed.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!("failed: {}", failed.join(", "))))
    }

    /// How many steps ended how: `9 passed, 0 failed, 1 skipped`.
    fn tally(&self) -> String {
        let [mut passed, mut failed, mut skipped] = [0; 3];
        for (_, verdict, _) in &self.done {
            match verdict {
                Verdict::Passed => passed += 1,
                Verdict::Failed => failed += 1,
                Verdict::Skipped(_) => skipped += 1,
            }
        }
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    fn summary(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .done
            .iter()
            .map(|(name, verdict, took)| {
                let verdict = match verdict {
                    Verdict::Passed => "passed",
                    Verdict::Failed => "FAILED",
                    Verdict::Skipped(_) => "SKIPPED",
                };
                vec![name.clone(), verdict.to_owned(), console::seconds(*took)]
            })
            .collect();
        console::table(&rows)
    }
}

/// The verdict of a check that says yes or no.
pub(crate) fn passed_if(passed: bool) -> Outcome<Verdict> {
    Ok(if passed {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_kept_and_the_rest_runs() {
        let mut steps = Steps::default();
        steps.step("one", || Err(Failure::new("broken"))).unwrap();
        steps.step("two", || passed_if(true)).unwrap();
        let skip = Verdict::Skipped("no node".to_owned());
        steps.step("three", || Ok(skip)).unwrap();
        let summary = steps.summary();
        for sign in ["one", "FAILED", "two", "passed", "three", "SKIPPED"] {
            assert!(summary.contains(sign), "{summary}");
        }
        assert_eq!(steps.tally(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(steps.close().unwrap_err().to_string(), "failed: one");
    }

    #[test]
    fn an_interrupt_ends_the_row() {
        let mut steps = Steps::default();
        let ended = steps.step("one", || Err(Failure::interrupted()));
        assert!(ended.unwrap_err().is_interrupt());
    }
}
