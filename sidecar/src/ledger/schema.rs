//! The ledger's tables, and how an older database becomes a newer one.

use rusqlite::{Connection, TransactionBehavior};

/// The migrations in order; `user_version` says how many have run. Never edit one: append.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE lines (
    id INTEGER PRIMARY KEY,
    worker TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    is_last INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    provider TEXT NOT NULL,
    upstream_model TEXT NOT NULL,
    priority TEXT NOT NULL,
    purpose TEXT NOT NULL,
    verdict TEXT NOT NULL,
    status INTEGER,
    settlement TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    cache_creation_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    input_audio_tokens INTEGER NOT NULL,
    output_audio_tokens INTEGER NOT NULL,
    price TEXT,
    snapshot TEXT NOT NULL,
    cost_micro INTEGER,
    currency TEXT NOT NULL,
    tags TEXT,
    UNIQUE (worker, sequence, attempt)
) STRICT;
CREATE INDEX lines_by_time ON lines (at_ms);
"];

/// Brings a database up to date.
///
/// # Errors
/// In words: it cannot be written, or a newer Ark has made it.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    // Two processes may start at once: the second waits, and finds the work done.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let version: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(format!(
            "a newer Ark has made it (version {version}, this one knows {})",
            MIGRATIONS.len()
        ));
    }
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction
        .pragma_update(
            None,
            "user_version",
            i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
        )
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}
