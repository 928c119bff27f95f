//! Work that blocks, on a thread of its own behind a bounded queue: what waits is done together.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Why nobody knows what became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Too much waits already; it was not taken.
    Full,
    /// It was taken, and is not done yet.
    Late,
    /// There is nobody who works.
    Gone,
}

/// Has a job done, and waits for its answer until the deadline.
///
/// # Errors
/// There is no answer.
pub(crate) async fn ask<J, T>(
    jobs: &mpsc::Sender<J>,
    job: impl FnOnce(oneshot::Sender<T>) -> J,
    deadline: Duration,
) -> Result<T, NoAnswer> {
    let (done, answer) = oneshot::channel();
    jobs.try_send(job(done)).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => NoAnswer::Full,
        mpsc::error::TrySendError::Closed(_) => NoAnswer::Gone,
    })?;
    match timeout(deadline, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_gone)) => Err(NoAnswer::Gone),
        Err(_elapsed) => Err(NoAnswer::Late),
    }
}

/// Waits for a job; it and what waits besides, `most` at most. `None` when nobody can send any more.
pub(crate) fn next<J>(jobs: &mut mpsc::Receiver<J>, most: usize) -> Option<Vec<J>> {
    let mut batch = vec![jobs.blocking_recv()?];
    while batch.len() < most
        && let Ok(job) = jobs.try_recv()
    {
        batch.push(job);
    }
    Some(batch)
}

/// Works on a thread where it may block; an end of it is told in words, as `what`'s.
///
/// # Errors
/// Always: it has ended.
pub(crate) async fn on_a_thread(
    what: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<Infallible, String> {
    Err(match tokio::task::spawn_blocking(work).await {
        Ok(()) => format!("{what} ended"),
        Err(error) => error.to_string(),
    })
}
