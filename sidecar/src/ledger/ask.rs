//! Questions to a ledger that is being written.

use std::sync::Arc;

use super::database::Database;
use super::put::Ledger;
use super::spend::{Question, Spend};

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
        let place = self.place().clone();
        let answer = move || Database::open_to_read(&place)?.spend(&question);
        match tokio::task::spawn_blocking(answer).await {
            Ok(answer) => answer.map_err(Unanswered::Failed),
            Err(error) => Err(Unanswered::Failed(error.to_string())),
        }
    }
}
