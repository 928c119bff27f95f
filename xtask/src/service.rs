//! Long-running children: their logs, their end, and their order.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::Signal;

use crate::child;
use crate::console;
use crate::failure::{Doing, Failure, Outcome};

/// Log lines kept for the report of a service that died.
const TAIL_LINES: usize = 30;

/// Longest log line that is shown whole, in bytes; Envoy prints whole protobufs when it is unhappy.
const LINE_LIMIT_BYTES: u64 = 64 * 1024;

/// What becomes of a service's log.
#[derive(Debug)]
pub(crate) enum Logs {
    /// Shown as it comes, and the end kept.
    Stream,
    /// Only the end kept.
    Keep,
    /// Written to a file, for whoever reads it there.
    To(File),
}

/// One running service.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    tail: Arc<Mutex<VecDeque<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Service {
    /// Starts it. The command should come from [`child::command`].
    pub(crate) fn start(name: &'static str, mut command: Command, logs: Logs) -> Outcome<Self> {
        let shown = matches!(logs, Logs::Stream);
        match logs {
            Logs::Stream | Logs::Keep => command.stdout(Stdio::piped()).stderr(Stdio::piped()),
            Logs::To(file) => command.stdout(Stdio::null()).stderr(file),
        };
        let mut child = command.spawn().doing(|| format!("starting {name}"))?;
        let tail = Arc::default();
        let mut readers = Vec::new();
        if let Some(out) = child.stdout.take() {
            readers.push(follow(name, out, shown, Arc::clone(&tail)));
        }
        if let Some(err) = child.stderr.take() {
            readers.push(follow(name, err, shown, Arc::clone(&tail)));
        }
        Ok(Self {
            name,
            child,
            tail,
            readers,
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its last log lines.
    pub(crate) fn tail(&self) -> Vec<String> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().cloned().collect()
    }

    /// Ends it and everything that it started.
    pub(crate) fn end(&mut self) {
        child::end(&mut self.child, Signal::TERM);
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }

    /// What to say of a service that ended by itself.
    fn obituary(&mut self, status: ExitStatus) -> Failure {
        // Joins the readers, so that the last lines are in.
        self.end();
        let tail = self.tail();
        let said = if tail.is_empty() {
            "it printed nothing".to_owned()
        } else {
            format!("its last lines:\n  {}", tail.join("\n  "))
        };
        Failure::new(format!("{} ended ({status}); {said}", self.name))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

fn follow(
    name: &'static str,
    from: impl Read + Send + 'static,
    shown: bool,
    tail: Arc<Mutex<VecDeque<String>>>,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = from.by_ref().take(LINE_LIMIT_BYTES);
            if !matches!({ read }.read_until(b'\n', &mut line), Ok(1..)) {
                return;
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if shown {
                console::log(name, &text);
            }
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(text);
        }
    })
}

/// Services in the order in which they were started; they end in the opposite order.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    services: Vec<Service>,
}

impl Fleet {
    /// Starts one more.
    pub(crate) fn start(
        &mut self,
        name: &'static str,
        command: Command,
        logs: Logs,
    ) -> Outcome<u32> {
        let service = Service::start(name, command, logs)?;
        let pid = service.pid();
        self.services.push(service);
        Ok(pid)
    }

    /// Fails when one of them has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome<()> {
        for service in &mut self.services {
            if let Some(status) = service.ended() {
                return Err(service.obituary(status));
            }
        }
        Ok(())
    }

    /// Ends all, last first.
    pub(crate) fn end(&mut self) {
        while let Some(mut service) = self.services.pop() {
            service.end();
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::time::{Duration, Instant};

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "nothing happened in 10 s");
            thread::yield_now();
        }
    }

    #[test]
    fn a_service_that_dies_is_reported_with_its_last_lines() {
        let mut fleet = Fleet::default();
        fleet
            .start("sleeper", shell("sleep 600"), Logs::Keep)
            .unwrap();
        fleet
            .start(
                "ill",
                shell("echo aches; echo dies >&2; exit 7"),
                Logs::Keep,
            )
            .unwrap();
        let failure = until(|| fleet.check().err()).to_string();
        assert!(
            failure.starts_with("ill ended (exit status: 7)"),
            "{failure}"
        );
        assert!(
            failure.contains("aches") && failure.contains("dies"),
            "{failure}"
        );
    }

    #[test]
    fn the_end_of_a_service_is_the_end_of_what_it_started() {
        let mut service =
            Service::start("parent", shell("sleep 600 & echo $!; wait"), Logs::Keep).unwrap();
        let grandchild = until(|| service.tail().first().cloned());
        service.end();
        // A killed orphan can be a zombie until init reaps it; a zombie runs nothing.
        until(|| {
            let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
                .then_some(())
        });
    }
}
