//! The ledger as an SQLite database.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Transaction, params, params_from_iter};

use super::export::{self, ExportError, Format};
use super::line::{Line, RESERVED};
use super::schema;
use super::spend::{self, Question, Spend};
use super::sql::{Answers, COLUMNS, Cell, EachRow, IS_SETTLED, ReadError, column_names, place_of};
use crate::config::Durability;
use crate::moment::UnixMs;

/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_millis(900);
/// Lines that go in one step of pruning, so that no step holds up what is to be written.
pub(super) const PRUNE_STEP_LINES: u32 = 2_000;
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 100_000;

/// An open database.
pub struct Store {
    pub(super) connection: Connection,
}

impl Store {
    /// Opens or makes the database at `path`, to write.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, String> {
        let problem = |error: &dyn std::fmt::Display| {
            format!("cannot open the ledger {}: {error}", path.display())
        };
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(|error| problem(&error))?;
        }
        let mut connection = Connection::open(path).map_err(|error| problem(&error))?;
        prepare(&connection, durability).map_err(|error| problem(&error))?;
        schema::migrate(&mut connection).map_err(|error| problem(&error))?;
        restrict(path).map_err(|error| problem(&error))?;
        Ok(Self { connection })
    }

    /// Opens an existing database to read it, also while another process writes it.
    ///
    /// # Errors
    /// In words for the operator.
    pub fn open_to_read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        if !path.is_file() {
            return Err(format!("there is no ledger at {shown}"));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| format!("cannot open the ledger {shown}: {error}"))?;
        connection
            .busy_timeout(BUSY)
            .map_err(|error| error.to_string())?;
        schema::see_as_new(&connection)
            .map_err(|error| format!("cannot read the ledger {shown}: {error}"))?;
        Ok(Self { connection })
    }

    /// Writes batches of lines in one transaction; how many of each batch were new. A line that is
    /// there already stays as it is.
    ///
    /// # Errors
    /// Nothing is written then.
    pub fn put(&mut self, batches: &[&[Line]]) -> Result<Vec<u64>, rusqlite::Error> {
        self.replace(batches).map(|(new, _gone)| new)
    }

    /// The same; also how many lines of what was reserved went, as its end came.
    pub(super) fn replace(
        &mut self,
        batches: &[&[Line]],
    ) -> Result<(Vec<u64>, u64), rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        let (mut written, mut gone) = (Vec::with_capacity(batches.len()), 0);
        for batch in batches {
            let (new, replaced) = insert(&transaction, batch)?;
            written.push(new);
            gone += replaced;
        }
        transaction.commit()?;
        Ok((written, gone))
    }

    /// Removes lines from before `before`, one step of them; how many went.
    ///
    /// # Errors
    /// Nothing is removed then.
    pub fn prune(&mut self, before: UnixMs) -> Result<usize, rusqlite::Error> {
        self.connection.execute(
            "DELETE FROM lines WHERE id IN
             (SELECT id FROM lines WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
            params![before, PRUNE_STEP_LINES],
        )
    }

    /// Answers a question. It blocks, at most 10 s.
    ///
    /// # Errors
    /// In words: it takes too long, or the database cannot be read.
    pub fn spend(&mut self, question: &Question) -> Result<Spend, String> {
        spend::answer(self, question)
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
        export::write(self, span, format, out)
    }
}

fn prepare(connection: &Connection, durability: Durability) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Disk => "FULL",
        Durability::Process => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)
}

/// What was spent is the operator's own business: owner and group.
fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path)?.permissions().mode();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o660))
}

/// Writes lines; how many were new, and how many went as their request's end came.
fn insert(transaction: &Transaction<'_>, lines: &[Line]) -> Result<(u64, u64), rusqlite::Error> {
    let places: Vec<String> = (1..=COLUMNS.len()).map(|n| format!("?{n}")).collect();
    // What was reserved may come after what it came to, when the one waited in a spool.
    let mut statement = transaction.prepare(&format!(
        "INSERT INTO lines ({names}) SELECT {values}
         WHERE ?{settlement} <> '{RESERVED}' OR NOT EXISTS
         (SELECT 1 FROM lines WHERE worker = ?{worker} AND opened = ?{opened} AND {IS_SETTLED})
         ON CONFLICT (worker, sequence, attempt) DO NOTHING",
        names = column_names(),
        values = places.join(", "),
        settlement = place_of("settlement"),
        worker = place_of("worker"),
        opened = place_of("opened"),
    ))?;
    let mut release = transaction.prepare(&format!(
        "DELETE FROM lines WHERE worker = ?1 AND opened = ?2 AND NOT {IS_SETTLED}"
    ))?;
    let (mut new, mut gone) = (0, 0);
    for line in lines {
        if let (Some(opened), false) = (line.opened, line.settlement == RESERVED) {
            gone += release.execute(params![line.worker, opened])?;
        }
        new += statement.execute(params_from_iter(line.cells()))?;
    }
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    Ok((count(new), count(gone)))
}

impl rusqlite::ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Self::Integer(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

impl Answers for Store {
    fn give_up_after(&mut self, seconds: u64) -> Result<(), String> {
        let began = std::time::Instant::now();
        let late = move || began.elapsed().as_secs() >= seconds;
        self.connection
            .progress_handler(STEPS, Some(late))
            .map_err(|error| error.to_string())
    }

    fn tag_column(&self, at: usize) -> String {
        format!("json_extract(tags, ?{at})")
    }

    fn tag(&self, name: &str) -> Cell {
        Cell::Text(format!("$.\"{name}\""))
    }

    fn each_row(&mut self, sql: &str, values: &[Cell], row: EachRow<'_>) -> Result<(), ReadError> {
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
        let mut cells = Vec::with_capacity(columns);
        while let Some(found) = rows.next().map_err(failed)? {
            cells.clear();
            for column in 0..columns {
                cells.push(cell(found.get_ref(column).map_err(failed)?));
            }
            row(&cells).map_err(ReadError::Taker)?;
        }
        Ok(())
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Integer(number) => Cell::Integer(number),
        // What JSON holds under a tag's name is of any kind.
        ValueRef::Real(number) => Cell::Text(number.to_string()),
        ValueRef::Null | ValueRef::Blob(_) => Cell::Null,
    }
}

fn failed(error: rusqlite::Error) -> ReadError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) => ReadError::Late,
        _ => ReadError::Database(error.to_string()),
    }
}
