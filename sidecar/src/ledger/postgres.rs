//! The ledger as a PostgreSQL database, which several sidecars write.
//!
//! It blocks, as SQLite does, on a runtime of its own: whoever calls is a thread that may.

mod link;
mod passfile;

use std::fmt::Display;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::{TryStreamExt as _, pin_mut};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row};

use super::line::Line;
use super::sql::{Answers, COLUMNS, Cell, EachRow, ReadError};
use super::store::PRUNE_STEP_LINES;
use crate::config::{Durability, PostgresConfig};
use crate::credential;
use crate::moment::UnixMs;
use link::{Link, Purpose};

/// How long a connection may take to come about; a worker gives its sync up after 2 s.
const CONNECT: Duration = Duration::from_millis(1_500);
/// How long a commit may take before the connection is taken to be lost.
const COMMIT: Duration = Duration::from_secs(5);
/// Pauses between attempts to connect: they double.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A line's values.
pub(super) type Cells = [Cell; COLUMNS.len()];

/// A PostgreSQL database.
pub struct Postgres {
    place: PostgresConfig,
    purpose: Purpose,
    // Before the runtime, in which it lives.
    link: Option<Link>,
    runtime: Option<Runtime>,
    patience: Duration,
    pause: Duration,
    not_before: Option<Instant>,
}

impl Postgres {
    /// The database at a place, to write. Nothing is asked of it yet.
    ///
    /// # Errors
    /// In words for the operator: its password or its certificates cannot be read.
    pub fn to_write(place: PostgresConfig, durability: Durability) -> Result<Self, String> {
        Link::check(&place)?;
        Ok(Self::new(place, Purpose::Write(durability)))
    }

    /// The database at a place, to read.
    #[must_use]
    pub fn to_read(place: PostgresConfig) -> Self {
        Self::new(place, Purpose::Read)
    }

    fn new(place: PostgresConfig, purpose: Purpose) -> Self {
        Self {
            place,
            purpose,
            link: None,
            runtime: None,
            patience: match purpose {
                Purpose::Read => COMMIT,
                Purpose::Write(_) => CONNECT,
            },
            pause: FIRST_PAUSE,
            not_before: None,
        }
    }

    /// Writes batches of lines in one transaction; how many of each batch were new.
    ///
    /// # Errors
    /// In words. Whether they were written is not known; a second writing is a duplicate then.
    pub(super) fn put(&mut self, batches: &[Vec<Cells>]) -> Result<Vec<u64>, String> {
        let was_connected = self.link.is_some();
        let mut result = self.try_put(batches);
        if result.is_err() && was_connected {
            // The database was restarted since the last word.
            self.not_before = None;
            result = self.try_put(batches);
        }
        if result.is_ok() {
            (self.pause, self.not_before) = (FIRST_PAUSE, None);
        }
        result
    }

    fn try_put(&mut self, batches: &[Vec<Cells>]) -> Result<Vec<u64>, String> {
        self.connect()?;
        let (Some(link), Some(runtime)) = (&mut self.link, &self.runtime) else {
            return Err("not connected".to_owned());
        };
        let written = runtime.block_on(async { timeout(COMMIT, link.put(batches)).await });
        match written {
            Ok(Ok(written)) => Ok(written),
            Ok(Err(error)) => {
                self.link = None;
                self.rest();
                Err(words(&error))
            }
            Err(_elapsed) => {
                self.link = None;
                self.rest();
                Err("the database does not answer".to_owned())
            }
        }
    }

    /// Removes lines from before `before`, one step of them; how many went.
    pub(super) fn prune(&mut self, before: UnixMs) -> Result<u64, String> {
        self.connect()?;
        let (Some(link), Some(runtime)) = (&mut self.link, &self.runtime) else {
            return Err("not connected".to_owned());
        };
        let limit = i64::from(PRUNE_STEP_LINES);
        let values: [&(dyn ToSql + Sync); 2] = [&before, &limit];
        // Several sidecars do this at a time: each takes lines of its own.
        let work = link.client.execute(
            "DELETE FROM lines WHERE id IN (SELECT id FROM lines WHERE at_ms < $1
             ORDER BY at_ms LIMIT $2 FOR UPDATE SKIP LOCKED)",
            &values,
        );
        match runtime.block_on(async { timeout(COMMIT, work).await }) {
            Ok(Ok(gone)) => Ok(gone),
            Ok(Err(error)) => Err(words(&error)),
            Err(_elapsed) => {
                self.link = None;
                Err("the database does not answer".to_owned())
            }
        }
    }

    /// Connects unless it is, or has failed to just now.
    pub(super) fn connect(&mut self) -> Result<(), String> {
        if self.link.as_ref().is_some_and(Link::is_open) {
            return Ok(());
        }
        self.link = None;
        if self.not_before.is_some_and(|then| Instant::now() < then) {
            return Err("the database was out of reach just now".to_owned());
        }
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?,
        };
        let runtime = self.runtime.insert(runtime);
        let made = runtime.block_on(async {
            timeout(self.patience, Link::make(&self.place, self.purpose)).await
        });
        let problem = match made {
            Ok(Ok(link)) => {
                self.link = Some(link);
                return Ok(());
            }
            Ok(Err(problem)) => problem,
            Err(_elapsed) => format!("no answer within {:?}", self.patience),
        };
        self.rest();
        Err(problem)
    }

    /// Leaves the database alone for a while, after an attempt. One that was not made, as it is left
    /// alone, must not prolong that: lines come all the time.
    fn rest(&mut self) {
        self.not_before = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

impl Answers for Postgres {
    fn give_up_after(&mut self, seconds: u64) -> Result<(), String> {
        self.connect()?;
        let (Some(link), Some(runtime)) = (&self.link, &self.runtime) else {
            return Err("not connected".to_owned());
        };
        let set = format!("SET statement_timeout TO '{seconds}s'");
        let set =
            runtime.block_on(async { timeout(COMMIT, link.client.batch_execute(&set)).await });
        match set {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(words(&error)),
            Err(_elapsed) => Err("the database does not answer".to_owned()),
        }
    }

    fn tag_column(&self, at: usize) -> String {
        format!("(CAST(tags AS JSON) ->> CAST(?{at} AS TEXT))")
    }

    fn tag(&self, name: &str) -> Cell {
        Cell::Text(name.to_owned())
    }

    fn each_row(&mut self, sql: &str, values: &[Cell], row: EachRow<'_>) -> Result<(), ReadError> {
        self.connect().map_err(ReadError::Database)?;
        let (Some(link), Some(runtime)) = (&self.link, &self.runtime) else {
            return Err(ReadError::Database("not connected".to_owned()));
        };
        let values: Vec<&(dyn ToSql + Sync)> = values
            .iter()
            .map(|value| match value {
                Cell::Null => &None::<i64> as &(dyn ToSql + Sync),
                Cell::Integer(number) => number,
                Cell::Text(text) => text,
            })
            .collect();
        // Its own sign of a value. No question holds another question mark.
        let sql = sql.replace('?', "$");
        runtime.block_on(async {
            let rows = link.client.query_raw(&sql, values).await.map_err(failed)?;
            pin_mut!(rows);
            let mut cells = Vec::new();
            while let Some(found) = rows.try_next().await.map_err(failed)? {
                read_into(&mut cells, &found).map_err(failed)?;
                row(&cells).map_err(ReadError::Taker)?;
            }
            Ok(())
        })
    }
}

fn read_into(cells: &mut Vec<Cell>, row: &Row) -> Result<(), Error> {
    cells.clear();
    for (at, column) in row.columns().iter().enumerate() {
        cells.push(match *column.type_() {
            Type::INT8 => row
                .try_get::<_, Option<i64>>(at)?
                .map_or(Cell::Null, Cell::Integer),
            _ => row
                .try_get::<_, Option<String>>(at)?
                .map_or(Cell::Null, Cell::Text),
        });
    }
    Ok(())
}

fn failed(error: Error) -> ReadError {
    match error.code() {
        Some(code) if *code == tokio_postgres::error::SqlState::QUERY_CANCELED => ReadError::Late,
        Some(_) | None => ReadError::Database(words(&error)),
    }
}

/// What the driver says, with the reason that it keeps to itself.
fn words(error: &Error) -> String {
    let reason: Option<&dyn Display> = match error.as_db_error() {
        Some(said) => Some(said),
        None => None,
    };
    match (reason, std::error::Error::source(error)) {
        (Some(said), _) => said.to_string(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

/// The password by which a place is entered, if it wants one.
fn password(place: &PostgresConfig) -> Result<Option<credential::Secret>, String> {
    match &place.password {
        Some(credential) => {
            let secret = credential::resolve_one(credential);
            secret.map_err(|error| format!("ledger.password: {error}"))
        }
        None => from_environment(place),
    }
}

/// As PostgreSQL's own programs find it: `PGPASSWORD`, or else the file that the URL or `PGPASSFILE` names.
fn from_environment(place: &PostgresConfig) -> Result<Option<credential::Secret>, String> {
    if let Ok(password) = std::env::var("PGPASSWORD") {
        return Ok(Some(credential::Secret::new(password)));
    }
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    match place.passfile.clone().or(named) {
        Some(file) => passfile::read(&file, &place.driver()?).map(Some),
        None => Ok(None),
    }
}

/// Lines as values.
pub(super) fn cells_of(lines: &[Line]) -> Vec<Cells> {
    lines.iter().map(Line::cells).collect()
}

#[cfg(test)]
impl Postgres {
    /// Waits as long as a busy machine may need.
    pub(super) fn patient(mut self) -> Self {
        self.patience = Duration::from_secs(30);
        self
    }

    /// Until when it is left alone.
    pub(super) fn rests_until(&self) -> Option<Instant> {
        self.not_before
    }

    /// Runs what no ledger does.
    pub(super) fn run(&self, sql: &str) -> Result<(), String> {
        let (Some(link), Some(runtime)) = (&self.link, &self.runtime) else {
            return Err("not connected".to_owned());
        };
        let ran = runtime.block_on(link.client.batch_execute(sql));
        ran.map_err(|error| words(&error))
    }
}
