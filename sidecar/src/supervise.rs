//! The tasks of the process: each is joined, and none ends in silence.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;

use tokio::task::{JoinError, JoinSet};

/// Why a task ended that should not.
#[derive(Debug)]
pub struct TaskEnded {
    /// Which.
    pub task: &'static str,
    /// What it said.
    pub reason: String,
}

impl fmt::Display for TaskEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task '{}' ended: {}", self.task, self.reason)
    }
}

impl std::error::Error for TaskEnded {}

/// Tasks that run until the process ends.
#[derive(Default)]
pub struct Tasks(JoinSet<TaskEnded>);

impl Tasks {
    /// Starts a task.
    pub fn start<F, E>(&mut self, task: &'static str, run: F)
    where
        F: Future<Output = Result<Infallible, E>> + Send + 'static,
        E: fmt::Display,
    {
        self.0.spawn(async move {
            let reason = match run.await {
                Ok(never) => match never {},
                Err(error) => error.to_string(),
            };
            TaskEnded { task, reason }
        });
    }

    /// Waits for the first task to end, which none should.
    pub async fn first_end(&mut self) -> TaskEnded {
        match self.0.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => panicked(&error),
            None => std::future::pending().await,
        }
    }

    /// Stops them all and waits until they are gone.
    pub async fn stop(mut self) {
        self.0.shutdown().await;
    }
}

fn panicked(error: &JoinError) -> TaskEnded {
    TaskEnded {
        task: "unknown",
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_task_that_ends_is_named_with_its_reason() {
        let mut tasks = Tasks::default();
        tasks.start(
            "steady",
            std::future::pending::<Result<Infallible, String>>(),
        );
        tasks.start("fragile", async { Err("no more files".to_owned()) });
        let ended = tasks.first_end().await.to_string();
        assert_eq!(ended, "task 'fragile' ended: no more files");
        tasks.stop().await;
    }

    #[tokio::test]
    async fn a_panic_is_an_end_too() {
        let mut tasks = Tasks::default();
        tasks.start::<_, String>("broken", async { panic!("lost") });
        assert!(tasks.first_end().await.reason.contains("lost"));
    }
}
