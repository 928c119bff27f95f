//! Lines of attempts whose end was never told: a worker, an Envoy or a machine was lost.
//!
//! Whoever hears a worker says so in the ledger. A reserved line whose worker nobody hears is `lost` after
//! a while; should its end be told after all, that replaces it.

use std::time::{Duration, Instant};

use super::line::{LOST, RESERVED};
use super::sql::{Answers, Cell, ReadError};
use crate::moment::UnixMs;

/// Nothing that Ark relays takes so long, whatever its worker says.
const LONGEST_MS: i64 = 24 * 3_600_000;

/// Which workers are heard, and what follows for those that are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Each worker, and when it was heard last.
    pub workers: Vec<(String, UnixMs)>,
    /// This moment.
    pub now: UnixMs,
    /// After so long a worker that is not heard is gone, milliseconds.
    pub lost_after_ms: u32,
}

/// Since when the ledger has taken what it was told without a break. Only who has been heard for as long
/// as others are given may say that they are gone: they could have had no way to the ledger either.
#[derive(Default)]
pub(super) struct Steady(Option<Instant>);

impl Steady {
    /// Says who is heard, and closes what nobody will; how many lines.
    pub(super) fn close(
        &mut self,
        database: &mut dyn Answers,
        heard: &Heard,
    ) -> Result<u64, String> {
        let closed = self.try_close(database, heard);
        if closed.is_err() {
            self.0 = None;
        }
        closed.map_err(|error| match error {
            ReadError::Late => "it takes too long".to_owned(),
            ReadError::Database(words) => words,
            ReadError::Taker(error) => error.to_string(),
        })
    }

    fn try_close(&mut self, database: &mut dyn Answers, heard: &Heard) -> Result<u64, ReadError> {
        for (worker, at) in &heard.workers {
            let values = [Cell::Text(worker.clone()), Cell::Integer(*at)];
            let sql = "INSERT INTO workers (worker, seen_ms) VALUES (?1, ?2)
                ON CONFLICT (worker) DO UPDATE SET seen_ms = excluded.seen_ms";
            database.each_row(sql, &values, &mut |_| Ok(()))?;
        }
        let since = *self.0.get_or_insert_with(Instant::now);
        if since.elapsed() < Duration::from_millis(heard.lost_after_ms.into()) {
            return Ok(0);
        }
        let gone = heard.now.saturating_sub(heard.lost_after_ms.into());
        let (old, gone) = (heard.now.saturating_sub(LONGEST_MS), Cell::Integer(gone));
        let sql = format!(
            "UPDATE lines SET settlement = '{LOST}', verdict = '{LOST}'
             WHERE settlement = '{RESERVED}' AND (at_ms < ?1 OR at_ms < ?2 AND NOT EXISTS
             (SELECT 1 FROM workers WHERE workers.worker = lines.worker AND seen_ms >= ?2))
             RETURNING id"
        );
        let mut closed = 0;
        let values = [Cell::Integer(old), gone.clone()];
        database.each_row(&sql, &values, &mut |_| {
            closed += 1;
            Ok(())
        })?;
        let tidy = "DELETE FROM workers WHERE seen_ms < ?1";
        database.each_row(tidy, &[gone], &mut |_| Ok(()))?;
        Ok(closed)
    }
}
