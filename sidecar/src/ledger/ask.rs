//! Questions to a ledger that is being written.

use std::sync::Arc;

use super::put::Ledger;
use super::spend::{Question, Spend};
use super::store::Store;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Too many questions are being answered.
    Busy,
    /// In words.
    Failed(String),
}

impl Ledger {
    /// Answers a question, on a thread and a connection of its own: nothing that is to be written waits.
    ///
    /// # Errors
    /// Others ask too, or the ledger cannot be read.
    pub async fn spend(&self, question: Question) -> Result<Spend, Unanswered> {
        let Ok(_permit) = Arc::clone(&self.readers).try_acquire_owned() else {
            return Err(Unanswered::Busy);
        };
        let path = self.path().to_owned();
        let answer = move || Store::open_to_read(&path)?.spend(&question);
        match tokio::task::spawn_blocking(answer).await {
            Ok(answer) => answer.map_err(Unanswered::Failed),
            Err(error) => Err(Unanswered::Failed(error.to_string())),
        }
    }
}
