//! The ledger as an SQLite database.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, params};

use super::line::Line;
use super::schema;
use crate::config::Durability;
use crate::moment::UnixMs;

/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_millis(900);
/// Lines that go in one step of pruning, so that no step holds up what is to be written.
const PRUNE_STEP_LINES: u32 = 2_000;

const INSERT: &str = "INSERT INTO lines (worker, sequence, attempt, is_last, request_id, at_ms,
    duration_us, tenant, key_id, model, endpoint, provider, upstream_model, priority, purpose, verdict, status,
    settlement, input_tokens, output_tokens, cached_tokens, cache_creation_tokens, reasoning_tokens,
    input_audio_tokens, output_audio_tokens, price, snapshot, cost_micro, currency, tags)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
    ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, 'USD', ?29)
    ON CONFLICT (worker, sequence, attempt) DO NOTHING";

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
        Ok(Self { connection })
    }

    /// Writes batches of lines in one transaction; how many of each batch were new. A line that is
    /// there already stays as it is.
    ///
    /// # Errors
    /// Nothing is written then.
    pub fn put(&mut self, batches: &[&[Line]]) -> Result<Vec<u64>, rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        let mut written = Vec::with_capacity(batches.len());
        for batch in batches {
            written.push(insert(&transaction, batch)?);
        }
        transaction.commit()?;
        Ok(written)
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

fn insert(transaction: &Transaction<'_>, lines: &[Line]) -> Result<u64, rusqlite::Error> {
    let mut statement = transaction.prepare(INSERT)?;
    let mut new = 0;
    for line in lines {
        let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        let usage = &line.usage;
        new += statement.execute(params![
            line.worker,
            line.sequence,
            line.attempt,
            line.is_last,
            line.request_id,
            line.at,
            line.duration_us,
            line.tenant,
            line.key,
            line.model,
            line.endpoint,
            line.provider,
            line.upstream_model,
            line.priority,
            line.purpose,
            line.verdict,
            line.status,
            line.settlement,
            count(usage.input_tokens),
            count(usage.output_tokens),
            count(usage.cached_tokens),
            count(usage.cache_creation_tokens),
            count(usage.reasoning_tokens),
            count(usage.input_audio_tokens),
            count(usage.output_audio_tokens),
            line.price,
            line.snapshot,
            line.cost_micro_usd,
            line.tags,
        ])?;
    }
    Ok(u64::try_from(new).unwrap_or(u64::MAX))
}
