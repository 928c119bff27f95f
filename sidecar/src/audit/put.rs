//! The way into the log: a bounded queue and one writer, as the ledger's.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::chain::Link;
use super::event::Event;
use super::store::Store;
use crate::batch::{self, NoAnswer};
use crate::metrics::AuditMetrics;
use crate::serve::shared::unix_ms;

/// Jobs that wait for the writer at most.
const QUEUE_JOBS: usize = 1_024;
/// Jobs in one write at most.
const WRITE_JOBS: usize = 64;
/// Events that are no requests and could not be written yet, at most.
const MOST_HELD: usize = 1_024;
/// How long a worker's exchange waits for the disk.
const DEADLINE: Duration = Duration::from_millis(700);

/// Why lines were not written, or may not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Too much waits already.
    Full,
    /// It takes too long; it may still come, and a second one is known then.
    Late,
    /// The disk refuses.
    Disk,
}

impl Failure {
    /// Its name as a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Late => "late",
            Self::Disk => "disk",
        }
    }
}

impl From<NoAnswer> for Failure {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Full => Self::Full,
            NoAnswer::Late => Self::Late,
            NoAnswer::Gone => Self::Disk,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the log stands: `/v1/audit`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// The number of the last line.
    pub sequence: u64,
    /// Its digest: kept elsewhere, it proves that nothing was cut off.
    pub head: String,
    /// Lines that this process has written.
    pub written: u64,
    /// Lines that this process has lost.
    pub lost: u64,
    /// Why the last try did not work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    #[serde(skip)]
    untold: u64,
}

enum Job {
    Put(Vec<Event>, oneshot::Sender<Result<u64, Failure>>),
    Note(Event),
}

/// The way into an open log.
#[derive(Clone)]
pub struct Audit {
    dir: PathBuf,
    jobs: mpsc::Sender<Job>,
    status: Arc<Mutex<Status>>,
}

/// The other end, which [`Writer::run`] works off.
pub struct Writer {
    store: Store,
    jobs: mpsc::Receiver<Job>,
    held: Vec<Event>,
    status: Arc<Mutex<Status>>,
    metrics: AuditMetrics,
}

fn change(status: &Mutex<Status>, edit: impl FnOnce(&mut Status)) {
    edit(&mut status.lock().unwrap_or_else(PoisonError::into_inner));
}

impl Audit {
    /// A way into `store`, which is in `dir`, and the writer that must run.
    #[must_use]
    pub fn new(dir: &Path, store: Store) -> (Self, Writer) {
        let (jobs, received) = mpsc::channel(QUEUE_JOBS);
        let Link { sequence, hash } = store.link().clone();
        let status = Arc::new(Mutex::new(Status {
            sequence,
            head: hash,
            ..Status::default()
        }));
        let writer = Writer {
            store,
            jobs: received,
            held: Vec::new(),
            status: Arc::clone(&status),
            metrics: AuditMetrics::default(),
        };
        let dir = dir.to_owned();
        (Self { dir, jobs, status }, writer)
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes events; returns how many lines were new in the write that had them, others' included.
    ///
    /// # Errors
    /// They are not, or nobody knows.
    pub async fn put(&self, events: Vec<Event>) -> Result<u64, Failure> {
        batch::ask(&self.jobs, |done| Job::Put(events, done), DEADLINE).await?
    }

    /// Has an event written as soon as the disk takes it; whether there was room for it to wait.
    pub fn note(&self, event: Event) -> bool {
        let has_room = self.jobs.try_send(Job::Note(event)).is_ok();
        if !has_room {
            self.lose(1);
        }
        has_room
    }

    /// Has the log say that lines are missing.
    pub fn lose(&self, lines: u64) {
        change(&self.status, |status| {
            status.lost += lines;
            status.untold += lines;
        });
    }
}

impl Writer {
    /// Counts there.
    #[must_use]
    pub fn counting(mut self, metrics: &AuditMetrics) -> Self {
        self.metrics = metrics.clone();
        self
    }

    /// Writes until the last [`Audit`] is gone, on a thread of its own.
    ///
    /// # Errors
    /// It never ends while there is an [`Audit`].
    pub async fn run(self) -> Result<Infallible, String> {
        batch::on_a_thread("the audit log's writer", move || self.work()).await
    }

    fn work(mut self) {
        while let Some(jobs) = batch::next(&mut self.jobs, WRITE_JOBS) {
            self.write(jobs);
        }
    }

    fn write(&mut self, jobs: Vec<Job>) {
        let (mut puts, mut waiting) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Put(events, done) => {
                    puts.extend(events);
                    waiting.push(done);
                }
                Job::Note(event) => self.held.push(event),
            }
        }
        let untold = self
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .untold;
        let mut events = Vec::new();
        if untold > 0 {
            events.push(Event::new("lost", json!({ "lines": untold })));
        }
        events.extend(self.held.iter().cloned());
        events.append(&mut puts);
        match self.store.append(&events, unix_ms()) {
            Ok(new) => {
                self.held.clear();
                self.written(new, untold);
                for done in waiting {
                    let _ = done.send(Ok(new));
                }
            }
            Err(error) => {
                self.refused(&error);
                for done in waiting {
                    let _ = done.send(Err(Failure::Disk));
                }
            }
        }
    }

    fn written(&self, new: u64, told: u64) {
        self.metrics.written(new);
        let Link { sequence, hash } = self.store.link().clone();
        let mut was_refused = false;
        change(&self.status, |status| {
            (status.sequence, status.head) = (sequence, hash);
            status.written += new;
            status.untold = status.untold.saturating_sub(told);
            was_refused = status.problem.take().is_some();
        });
        if was_refused {
            tracing::info!("the audit log can be written again");
        }
    }

    fn refused(&mut self, error: &std::io::Error) {
        let excess = self.held.len().saturating_sub(MOST_HELD);
        self.held.drain(..excess);
        let mut is_first = false;
        change(&self.status, |status| {
            status.lost += excess as u64;
            status.untold += excess as u64;
            is_first = status.problem.replace(error.to_string()).is_none();
        });
        if is_first {
            tracing::error!(%error, "the audit log cannot be written");
        }
    }
}
