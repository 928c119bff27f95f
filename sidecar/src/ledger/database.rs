//! Whichever database the ledger is in.

use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use super::closing::{Heard, Steady};
use super::export::{self, ExportError, Format};
use super::line::Line;
use super::postgres::{Cells, Postgres, cells_of};
use super::spend::{self, Question, Spend};
use super::store::Store;
use crate::config::PostgresConfig;
use crate::moment::UnixMs;

/// Where a ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An SQLite database.
    File(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresConfig),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(place) => place.fmt(f),
        }
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// An open ledger.
pub enum Database {
    /// In a file.
    File(Store),
    /// In a PostgreSQL, which several sidecars write.
    Postgres(Box<Postgres>),
}

impl From<Store> for Database {
    fn from(store: Store) -> Self {
        Self::File(store)
    }
}

impl Database {
    /// Opens a ledger to read it, also while others write it.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn open_to_read(place: &Place) -> Result<Self, String> {
        match place {
            Place::File(path) => Store::open_to_read(path).map(Self::File),
            Place::Postgres(place) => {
                let mut postgres = Postgres::to_read(place.clone());
                let connected = postgres.connect();
                connected.map_err(|error| format!("cannot read the ledger {place}: {error}"))?;
                Ok(Self::Postgres(Box::new(postgres)))
            }
        }
    }

    /// Writes batches of lines in one transaction; how many of each were new.
    pub(super) fn put(&mut self, batches: &[&[Line]]) -> Result<Vec<u64>, String> {
        match self {
            Self::File(store) => store.put(batches).map_err(|error| error.to_string()),
            Self::Postgres(postgres) => {
                let batches: Vec<Vec<Cells>> =
                    batches.iter().map(|lines| cells_of(lines)).collect();
                postgres.put(&batches)
            }
        }
    }

    /// Writes lines that waited elsewhere; how many were new.
    pub(super) fn put_cells(&mut self, lines: Vec<Cells>) -> Result<u64, String> {
        match self {
            Self::File(_) => Ok(0),
            Self::Postgres(postgres) => Ok(postgres.put(&[lines])?.iter().sum()),
        }
    }

    /// Removes lines from before `before`, one step of them.
    pub(super) fn prune(&mut self, before: UnixMs) -> Result<(), String> {
        match self {
            Self::File(store) => store.prune(before).map(|_| ()).map_err(|e| e.to_string()),
            Self::Postgres(postgres) => postgres.prune(before).map(|_| ()),
        }
    }

    /// Says which workers are heard, and closes the lines of those that are gone; how many.
    pub(super) fn close(&mut self, steady: &mut Steady, heard: &Heard) -> Result<u64, String> {
        match self {
            Self::File(store) => steady.close(store, heard),
            Self::Postgres(postgres) => steady.close(postgres.as_mut(), heard),
        }
    }

    /// Answers a question. It blocks, at most 10 s.
    ///
    /// # Errors
    /// In words: it takes too long, or the database cannot be read.
    pub fn spend(&mut self, question: &Question) -> Result<Spend, String> {
        match self {
            Self::File(store) => store.spend(question),
            Self::Postgres(postgres) => spend::answer(postgres.as_mut(), question),
        }
    }

    /// Writes the lines from `from` to before `to`, oldest first; how many there were. One row is in
    /// memory at a time.
    ///
    /// # Errors
    /// The ledger cannot be read, or `out` cannot be written.
    pub fn export(
        &mut self,
        span: (UnixMs, UnixMs),
        format: Format,
        out: &mut impl Write,
    ) -> Result<u64, ExportError> {
        match self {
            Self::File(store) => store.export(span, format, out),
            Self::Postgres(postgres) => export::write(postgres.as_mut(), span, format, out),
        }
    }

    /// The same as Parquet. The rows of one group are in memory at a time.
    ///
    /// # Errors
    /// As [`Database::export`].
    #[cfg(feature = "parquet")]
    pub fn export_parquet(
        &mut self,
        span: (UnixMs, UnixMs),
        out: &mut (impl Write + Send),
    ) -> Result<u64, ExportError> {
        match self {
            Self::File(store) => export::write_parquet(store, span, out),
            Self::Postgres(postgres) => export::write_parquet(postgres.as_mut(), span, out),
        }
    }
}
