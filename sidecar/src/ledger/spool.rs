//! Where lines wait while a database elsewhere does not take them: on this machine's disk, bounded.

use std::path::Path;

use rusqlite::params;

use super::line::Line;
use super::postgres::Cells;
use super::put::Failure;
use super::sql::{Answers as _, Cell, ReadError, column_names};
use super::store::Store;
use crate::config::Durability;

/// Lines that wait at most where the operator does not say.
pub const DEFAULT_LIMIT_LINES: u64 = 1_000_000;
/// Lines that are handed on in one step.
const STEP_LINES: usize = 1_000;

/// Lines that wait.
pub struct Spool {
    store: Store,
    lines: u64,
    limit_lines: u64,
}

impl Spool {
    /// Opens or makes the spool at `path`; what another process left there waits on.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn open(path: &Path, durability: Durability, limit_lines: u64) -> Result<Self, String> {
        let mut store = Store::open(path, durability)?;
        let mut lines = 0;
        store
            .each_row("SELECT COUNT(*) FROM lines", &[], &mut |row| {
                lines = row.first().and_then(Cell::integer).unwrap_or(0);
                Ok(())
            })
            .map_err(words)?;
        Ok(Self {
            store,
            lines: u64::try_from(lines).unwrap_or(0),
            limit_lines,
        })
    }

    /// Lines that wait.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Keeps batches; how many lines of each do not wait already.
    ///
    /// # Errors
    /// It is full, or its disk fails.
    pub(super) fn put(&mut self, batches: &[&[Line]]) -> Result<Vec<u64>, Failure> {
        let more: usize = batches.iter().map(|batch| batch.len()).sum();
        if self.lines.saturating_add(more as u64) > self.limit_lines {
            return Err(Failure::Full);
        }
        let (new, gone) = self.store.replace(batches).map_err(|error| {
            tracing::error!(%error, "the ledger's spool refuses what is to be written down");
            Failure::Store
        })?;
        let lines = self.lines.saturating_add(new.iter().sum());
        self.lines = lines.saturating_sub(gone);
        Ok(new)
    }

    /// The lines that wait the longest, and the last one's number.
    pub(super) fn oldest(&mut self) -> Result<(Vec<Cells>, i64), String> {
        let sql = format!(
            "SELECT id, {} FROM lines ORDER BY id LIMIT {STEP_LINES}",
            column_names()
        );
        let (mut lines, mut last) = (Vec::new(), 0);
        let mut take = |row: &[Cell]| {
            if let Some((id, cells)) = row.split_first()
                && let Ok(cells) = Cells::try_from(cells.to_vec())
            {
                last = id.integer().unwrap_or(0);
                lines.push(cells);
            }
            Ok(())
        };
        self.store.each_row(&sql, &[], &mut take).map_err(words)?;
        Ok((lines, last))
    }

    /// Lets go of lines up to a number.
    pub(super) fn forget(&mut self, last: i64) -> Result<(), String> {
        let gone = self
            .store
            .connection
            .execute("DELETE FROM lines WHERE id <= ?1", params![last])
            .map_err(|error| error.to_string())?;
        self.lines = self.lines.saturating_sub(gone as u64);
        Ok(())
    }
}

fn words(error: ReadError) -> String {
    match error {
        ReadError::Late => "it takes too long".to_owned(),
        ReadError::Database(words) => words,
        ReadError::Taker(error) => error.to_string(),
    }
}
