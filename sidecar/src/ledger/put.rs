//! The way into the ledger: a bounded queue, one writer, one commit for all that waits.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::line::Line;
use super::store::Store;
use crate::moment::UnixMs;

/// Batches that wait for the writer at most; a worker has one on its way at a time.
const QUEUE_BATCHES: usize = 256;
/// Batches in one transaction at most.
const COMMIT_BATCHES: usize = 64;
/// Questions that are answered at a time.
const READERS: usize = 2;
/// How long a worker's exchange waits for the commit; the worker gives up after 2 s.
const DEADLINE: Duration = Duration::from_millis(1_000);

/// Why lines were not written, or may not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Too many batches wait already.
    Full,
    /// The commit took too long; it may still come, and a second writing is a duplicate then.
    Late,
    /// The store refused, or is gone.
    Store,
}

impl Failure {
    /// Its name as a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Late => "late",
            Self::Store => "store",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many batches wait to be written",
            Self::Late => "the commit takes too long",
            Self::Store => "the store refuses",
        })
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Lines that were new.
    pub new: u64,
    /// Lines that were there already.
    pub duplicates: u64,
}

enum Job {
    Put(Vec<Line>, oneshot::Sender<Result<Written, Failure>>),
    Prune(UnixMs),
}

/// The way into an open ledger.
#[derive(Clone)]
pub struct Ledger {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
    pub(super) readers: Arc<Semaphore>,
}

/// The other end, which [`Writer::run`] works off.
pub struct Writer {
    store: Store,
    jobs: mpsc::Receiver<Job>,
}

impl Ledger {
    /// A way into `store`, which is at `path`, and the writer that must run.
    #[must_use]
    pub fn new(path: PathBuf, store: Store) -> (Self, Writer) {
        let (jobs, received) = mpsc::channel(QUEUE_BATCHES);
        let writer = Writer {
            store,
            jobs: received,
        };
        let readers = Arc::new(Semaphore::new(READERS));
        (
            Self {
                path,
                jobs,
                readers,
            },
            writer,
        )
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes lines; returns when they are committed.
    ///
    /// # Errors
    /// They are not, or nobody knows.
    pub async fn put(&self, lines: Vec<Line>) -> Result<Written, Failure> {
        let (done, answer) = oneshot::channel();
        self.jobs
            .try_send(Job::Put(lines, done))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Failure::Full,
                mpsc::error::TrySendError::Closed(_) => Failure::Store,
            })?;
        match timeout(DEADLINE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_gone)) => Err(Failure::Store),
            Err(_elapsed) => Err(Failure::Late),
        }
    }

    /// Asks for a step of pruning; a full queue has no time for it.
    pub fn prune(&self, before: UnixMs) {
        let _ = self.jobs.try_send(Job::Prune(before));
    }
}

impl Writer {
    /// Writes until the last [`Ledger`] is gone, on a thread of its own: SQLite blocks.
    ///
    /// # Errors
    /// It never ends while there is a [`Ledger`].
    pub async fn run(self) -> Result<Infallible, String> {
        let ended = tokio::task::spawn_blocking(move || self.work()).await;
        Err(match ended {
            Ok(()) => "the ledger's writer ended".to_owned(),
            Err(error) => error.to_string(),
        })
    }

    fn work(mut self) {
        while let Some(first) = self.jobs.blocking_recv() {
            let mut jobs = vec![first];
            while jobs.len() < COMMIT_BATCHES
                && let Ok(job) = self.jobs.try_recv()
            {
                jobs.push(job);
            }
            self.commit(jobs);
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        let (mut batches, mut waiting, mut prune) = (Vec::new(), Vec::new(), None);
        for job in jobs {
            match job {
                Job::Put(lines, done) => {
                    batches.push(lines);
                    waiting.push(done);
                }
                Job::Prune(before) => prune = Some(before),
            }
        }
        if !batches.is_empty() {
            self.write(&batches, waiting);
        }
        if let Some(before) = prune
            && let Err(error) = self.store.prune(before)
        {
            tracing::warn!(%error, "old lines of the ledger could not be removed");
        }
    }

    fn write(
        &mut self,
        batches: &[Vec<Line>],
        waiting: Vec<oneshot::Sender<Result<Written, Failure>>>,
    ) {
        let lines: Vec<&[Line]> = batches.iter().map(Vec::as_slice).collect();
        match self.store.put(&lines) {
            Ok(new) => {
                for ((new, batch), done) in new.into_iter().zip(batches).zip(waiting) {
                    let duplicates = (batch.len() as u64).saturating_sub(new);
                    let _ = done.send(Ok(Written { new, duplicates }));
                }
            }
            Err(error) => {
                tracing::error!(%error, "the ledger refuses what is to be written down");
                for done in waiting {
                    let _ = done.send(Err(Failure::Store));
                }
            }
        }
    }
}
