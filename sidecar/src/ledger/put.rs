//! The way into the ledger: a bounded queue, one writer, one commit for all that waits.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::closing::{Heard, Steady};
use super::database::{Database, Place};
use super::line::{Line, RESERVED};
use super::spool::Spool;
use crate::batch::{self, NoAnswer};
use crate::metrics::LedgerMetrics;
use crate::moment::UnixMs;

/// Batches that wait for the writer at most; a worker has one on its way at a time.
const QUEUE_BATCHES: usize = 256;
/// Batches in one transaction at most.
const COMMIT_BATCHES: usize = 64;
/// Questions that are answered at a time.
const READERS: usize = 2;
/// Steps in which a spool is emptied before what is new gets its turn.
const SPOOL_STEPS: usize = 8;
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

impl From<NoAnswer> for Failure {
    fn from(none: NoAnswer) -> Self {
        match none {
            NoAnswer::Full => Self::Full,
            NoAnswer::Late => Self::Late,
            NoAnswer::Gone => Self::Store,
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
    /// Lines that were new, of attempts that have ended.
    pub new: u64,
    /// New lines of attempts that run.
    pub reserved: u64,
    /// Lines that were there already.
    pub duplicates: u64,
    /// The database does not take them: they wait on this machine's disk.
    pub spooled: bool,
}

enum Job {
    Put(Vec<Line>, oneshot::Sender<Result<Written, Failure>>),
    Prune(UnixMs),
    Close(Heard),
    Tick,
}

/// The way into an open ledger.
#[derive(Clone)]
pub struct Ledger {
    place: Place,
    jobs: mpsc::Sender<Job>,
    pub(super) readers: Arc<Semaphore>,
}

/// The other end, which [`Writer::run`] works off.
pub struct Writer {
    database: Database,
    spool: Option<Spool>,
    metrics: LedgerMetrics,
    steady: Steady,
    is_failing: bool,
    jobs: mpsc::Receiver<Job>,
}

impl Ledger {
    /// A way into a database, which is at `place`, and the writer that must run.
    #[must_use]
    pub fn new(place: impl Into<Place>, database: impl Into<Database>) -> (Self, Writer) {
        let (jobs, received) = mpsc::channel(QUEUE_BATCHES);
        let writer = Writer {
            database: database.into(),
            spool: None,
            metrics: LedgerMetrics::default(),
            steady: Steady::default(),
            is_failing: false,
            jobs: received,
        };
        let readers = Arc::new(Semaphore::new(READERS));
        (
            Self {
                place: place.into(),
                jobs,
                readers,
            },
            writer,
        )
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Writes lines; returns when they are committed.
    ///
    /// # Errors
    /// They are not, or nobody knows.
    pub async fn put(&self, lines: Vec<Line>) -> Result<Written, Failure> {
        batch::ask(&self.jobs, |done| Job::Put(lines, done), DEADLINE).await?
    }

    /// Lets the writer look at what waits in the spool.
    pub fn tick(&self) {
        let _ = self.jobs.try_send(Job::Tick);
    }

    /// Says which workers are heard; a full queue has no time for it.
    pub fn close(&self, heard: Heard) {
        let _ = self.jobs.try_send(Job::Close(heard));
    }

    /// Asks for a step of pruning; a full queue has no time for it.
    pub fn prune(&self, before: UnixMs) {
        let _ = self.jobs.try_send(Job::Prune(before));
    }
}

impl Writer {
    /// Lines wait there while the database does not take them.
    #[must_use]
    pub fn with_spool(mut self, spool: Option<Spool>) -> Self {
        self.spool = spool;
        self
    }

    /// Whether lines can wait.
    #[must_use]
    pub fn has_spool(&self) -> bool {
        self.spool.is_some()
    }

    /// Counts there.
    #[must_use]
    pub fn counting(mut self, metrics: &LedgerMetrics) -> Self {
        self.metrics = metrics.clone();
        self
    }

    /// Writes until the last [`Ledger`] is gone, on a thread of its own: SQLite blocks.
    ///
    /// # Errors
    /// It never ends while there is a [`Ledger`].
    pub async fn run(self) -> Result<Infallible, String> {
        batch::on_a_thread("the ledger's writer", move || self.work()).await
    }

    fn work(mut self) {
        while let Some(jobs) = batch::next(&mut self.jobs, COMMIT_BATCHES) {
            self.commit(jobs);
        }
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        let (mut batches, mut waiting, mut prune) = (Vec::new(), Vec::new(), None);
        let (mut ticks, mut close) = (false, None);
        for job in jobs {
            match job {
                Job::Put(lines, done) => {
                    batches.push(lines);
                    waiting.push(done);
                }
                Job::Prune(before) => prune = Some(before),
                Job::Close(heard) => close = Some(heard),
                Job::Tick => ticks = true,
            }
        }
        if !batches.is_empty() {
            self.write(&batches, waiting);
        }
        if let Some(before) = prune
            && let Err(error) = self.database.prune(before)
        {
            tracing::warn!(%error, "old lines of the ledger could not be removed");
        }
        if let Some(heard) = close {
            self.close(&heard);
        }
        if ticks {
            self.empty_spool();
        }
    }

    fn close(&mut self, heard: &Heard) {
        match self.database.close(&mut self.steady, heard) {
            Ok(0) => {}
            Ok(lost) => {
                self.metrics.lost(lost);
                tracing::warn!(
                    attempts = lost,
                    "the end of attempts was never told; what they have cost at most is in the ledger"
                );
            }
            Err(error) => tracing::debug!(error, "the ledger could not be told who is heard"),
        }
    }

    fn write(
        &mut self,
        batches: &[Vec<Line>],
        waiting: Vec<oneshot::Sender<Result<Written, Failure>>>,
    ) {
        let lines: Vec<&[Line]> = batches
            .iter()
            .flat_map(|batch| halves(batch).into_iter().flatten())
            .collect();
        let written = self.database.put(&lines);
        self.heed(written.as_ref().err());
        let (written, spooled) = match (written, &mut self.spool) {
            (Ok(new), _) => (Ok(new), false),
            (Err(_heeded), Some(spool)) => (spool.put(&lines), true),
            (Err(_heeded), None) => (Err(Failure::Store), false),
        };
        self.metrics
            .waiting(self.spool.as_ref().map_or(0, Spool::lines));
        match written {
            Ok(new) => {
                let mut new = new.into_iter();
                let mut next = || new.next().unwrap_or(0);
                for (batch, done) in batches.iter().zip(waiting) {
                    let [ended, running] = halves(batch).map(|half| match half {
                        Some(_) => next(),
                        None => 0,
                    });
                    let _ = done.send(Ok(Written {
                        new: ended,
                        reserved: running,
                        duplicates: (batch.len() as u64).saturating_sub(ended + running),
                        spooled,
                    }));
                }
            }
            Err(failure) => {
                for done in waiting {
                    let _ = done.send(Err(failure));
                }
            }
        }
    }

    /// Hands on what waits, a few steps of it: what is new must not wait for what is old.
    fn empty_spool(&mut self) {
        for _ in 0..SPOOL_STEPS {
            let Some(spool) = self.spool.as_mut().filter(|spool| spool.lines() > 0) else {
                break;
            };
            let handed_on = spool.oldest().and_then(|(lines, last)| {
                let count = lines.len() as u64;
                let new = self.database.put_cells(lines)?;
                spool.forget(last)?;
                Ok((new, count.saturating_sub(new)))
            });
            let lines = spool.lines();
            if let Ok((new, duplicates)) = handed_on {
                self.metrics.written(Written {
                    new,
                    reserved: 0,
                    duplicates,
                    spooled: false,
                });
            }
            if lines == 0 {
                tracing::info!("the ledger has all that waited for it");
            }
            self.metrics.waiting(lines);
            self.heed(handed_on.as_ref().err());
            if handed_on.is_err() {
                break;
            }
        }
    }

    /// Says once that the database fails, and once that it is back.
    fn heed(&mut self, error: Option<&String>) {
        self.metrics.reached(error.is_none());
        match error {
            Some(error) if !std::mem::replace(&mut self.is_failing, true) => {
                tracing::error!(
                    error,
                    has_spool = self.spool.is_some(),
                    "the ledger refuses what is to be written down"
                );
            }
            None if std::mem::take(&mut self.is_failing) => {
                tracing::info!("the ledger takes what is to be written down again");
            }
            Some(_) | None => {}
        }
    }
}

/// A batch's lines of attempts that have ended, and of those that run, which come after them.
fn halves(batch: &[Line]) -> [Option<&[Line]>; 2] {
    let ended = batch.partition_point(|line| line.settlement != RESERVED);
    let (ended, running) = batch.split_at_checked(ended).unwrap_or((batch, &[]));
    [ended, running].map(|half| (!half.is_empty()).then_some(half))
}
