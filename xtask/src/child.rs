//! Processes that never outlive us.
//!
//! Each child leads a process group of its own, so that Ctrl-C reaches only this process, which then
//! stops them in order. Should this process be killed with no chance to do that, the kernel signals
//! the child (`PR_SET_PDEATHSIG`). That has to be set between fork and exec, which safe Rust cannot
//! do: so this program starts itself as `xtask __guard …`, sets it there and becomes the child.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, kill_process_group};

use crate::failure::{Doing, Failure, Outcome};
use crate::stop;

/// The hidden first argument under which this program turns into a child.
const GUARD: &str = "__guard";

/// How long a process may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// How a child hears that this process was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastWord {
    /// It is killed: services, which hold nothing that matters.
    Kill,
    /// It is interrupted, as it has children of its own to end: pytest.
    Interrupt,
}

/// A command for `program` whose process does not outlive this one.
pub(crate) fn command(program: impl AsRef<OsStr>, last_word: LastWord) -> Outcome<Command> {
    let mut command = Command::new(myself()?);
    command
        .arg(GUARD)
        .arg(std::process::id().to_string())
        .arg(match last_word {
            LastWord::Kill => "kill",
            LastWord::Interrupt => "interrupt",
        })
        .arg(program)
        .stdin(Stdio::null())
        .process_group(0);
    Ok(command)
}

fn myself() -> Outcome<PathBuf> {
    // The link still leads to our code when a rebuild has replaced the file that we came from.
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() {
        return Ok(link);
    }
    std::env::current_exe().doing(|| "finding this program".to_owned())
}

/// Becomes the child when this process was started as a guard; returns when it was not.
pub(crate) fn become_child() -> Outcome<()> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(GUARD)) {
        return Ok(());
    }
    let (Some(parent), Some(last_word), Some(program)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err(Failure::new("__guard is for xtask's own use"));
    };
    die_with(&parent, &last_word)?;
    let error = Command::new(&program).args(arguments).exec();
    Err(Failure::new(format!(
        "running {}: {error}",
        program.display()
    )))
}

fn die_with(parent: &OsString, last_word: &OsString) -> Outcome<()> {
    #[cfg(target_os = "linux")]
    {
        let signal = if last_word == "interrupt" {
            Signal::INT
        } else {
            Signal::KILL
        };
        rustix::process::set_parent_process_death_signal(Some(signal))
            .doing(|| "asking to die with the parent".to_owned())?;
    }
    // It may have died before the line above took effect.
    let alive = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if alive.map(OsString::from).as_ref() != Some(parent) {
        return Err(Failure::new(format!(
            "the parent is gone (last word: {})",
            last_word.display()
        )));
    }
    Ok(())
}

/// Signals a child and everything it started.
pub(crate) fn signal_group(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may be gone already, which is what we want.
        let _ = kill_process_group(pid, signal);
    }
}

/// Ends a child: asks, waits, then insists.
pub(crate) fn end(child: &mut Child, ask: Signal) {
    signal_group(child, ask);
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(10));
    }
    // Also when the leader has ended: what it started may not have.
    signal_group(child, Signal::KILL);
    let _ = child.wait();
}

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Said {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Said {
    /// The last lines of both outputs, for a failure message.
    pub(crate) fn last_lines(&self, count: usize) -> String {
        let all = format!("{}\n{}", self.out.trim_end(), self.err.trim_end());
        let lines: Vec<&str> = all.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(count);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

/// Runs a command to its end with what it prints shown as it comes.
pub(crate) fn run(mut command: Command, deadline: Duration) -> Outcome<ExitStatus> {
    let mut child = spawn(&mut command)?;
    wait(&mut child, deadline)
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn capture(mut command: Command, deadline: Duration) -> Outcome<Said> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command)?;
    let out = child.stdout.take().map(collect);
    let err = child.stderr.take().map(collect);
    let status = wait(&mut child, deadline)?;
    Ok(Said {
        status,
        out: joined(out),
        err: joined(err),
    })
}

fn spawn(command: &mut Command) -> Outcome<Child> {
    command.spawn().doing(|| format!("starting {command:?}"))
}

fn wait(child: &mut Child, deadline: Duration) -> Outcome<ExitStatus> {
    let until = Instant::now() + deadline;
    loop {
        if let Some(status) = child
            .try_wait()
            .doing(|| "waiting for a child".to_owned())?
        {
            return Ok(status);
        }
        let waited = stop::pause().and_then(|()| {
            if Instant::now() < until {
                return Ok(());
            }
            Err(Failure::new(format!(
                "gave up after {} s",
                deadline.as_secs()
            )))
        });
        if let Err(failure) = waited {
            end(child, Signal::INT);
            return Err(failure);
        }
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).map(|_| bytes)
    })
}

fn joined(reader: Option<JoinHandle<io::Result<Vec<u8>>>>) -> String {
    let read = reader.and_then(|handle| handle.join().ok());
    let bytes = read.and_then(Result::ok).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_said_is_kept_and_cut_to_its_last_lines() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; echo three >&2; exit 3"]);
        let said = capture(command, Duration::from_secs(10)).unwrap();
        assert_eq!(said.status.code(), Some(3));
        assert_eq!(said.last_lines(2), "two\nthree");
    }

    #[test]
    fn a_command_that_hangs_is_ended_with_all_that_it_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & wait"]).process_group(0);
        let failure = capture(command, Duration::from_millis(200)).unwrap_err();
        assert!(failure.to_string().contains("gave up"));
    }
}
