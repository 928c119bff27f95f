//! The ledger for others: one row per line in the columns of FOCUS, the FinOps Open Cost and Usage
//! Specification (<https://focus.finops.org/focus-specification/>, 1.2), as CSV, JSONL or Parquet. Columns
//! of ours begin with `x_`, as the specification wants.

#[cfg(feature = "parquet")]
mod parquet;
mod row;
mod text;

use std::io::{self, Write};

use super::sql::{Answers, Cell, ReadError, column_names};
use crate::moment::UnixMs;
use row::{Value, values};

#[cfg(feature = "parquet")]
pub(super) use parquet::write as write_parquet;
pub use row::columns;

/// How rows are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Why an export ended early.
#[derive(Debug)]
pub enum ExportError {
    /// The ledger could not be read.
    Read(String),
    /// The rows could not be written.
    Write(io::Error),
}

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot read the ledger: {error}"),
            Self::Write(error) => write!(f, "cannot write the export: {error}"),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Late => Self::Read("it takes too long".to_owned()),
            ReadError::Database(error) => Self::Read(error),
            ReadError::Taker(error) => Self::Write(error),
        }
    }
}

/// Writes the lines from `from` to before `to`, oldest first; how many there were.
pub(super) fn write(
    database: &mut dyn Answers,
    span: (UnixMs, UnixMs),
    format: Format,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    let mut count = 0;
    match format {
        Format::Csv => {
            let mut csv = text::Csv::to(&mut *out)?;
            each(database, span, &mut |values| {
                count += 1;
                csv.write(values)
            })?;
            csv.finish()?;
        }
        Format::Jsonl => each(database, span, &mut |values| {
            count += 1;
            text::write_json(values, out)
        })?,
    }
    out.flush()?;
    Ok(count)
}

/// Takes a row; an error ends the export.
type Take<'a> = &'a mut dyn FnMut(&[Value]) -> io::Result<()>;

/// Hands out the rows of a span of time, oldest first; one is in memory at a time.
fn each(
    database: &mut dyn Answers,
    (from, to): (UnixMs, UnixMs),
    take: Take<'_>,
) -> Result<(), ReadError> {
    let sql = format!(
        "SELECT {} FROM lines WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, id",
        column_names()
    );
    let span = [Cell::Integer(from), Cell::Integer(to)];
    database.each_row(&sql, &span, &mut |cells| take(&values(cells)))
}
