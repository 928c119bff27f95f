//! The ledger's tables, and how an older database becomes a newer one.

use rusqlite::{Connection, TransactionBehavior};

/// The migrations in order, for both databases; how many have run stands in the database. Never edit
/// one: append. They are in SQLite's words.
pub(super) const MIGRATIONS: [&str; 2] = [
    include_str!("schema/1_lines.sql"),
    include_str!("schema/2_reserved.sql"),
];

/// A migration in PostgreSQL's words: its integers have 64 bits by name, and it is strict by itself.
pub(super) fn in_postgres(migration: &str) -> String {
    migration
        .replace(
            "INTEGER PRIMARY KEY",
            "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        )
        .replace(" INTEGER", " BIGINT")
        .replace(") STRICT;", ");")
}

/// What is said of a database that is ahead.
pub(super) fn newer(version: i64) -> String {
    format!(
        "a newer Ark has made it (version {version}, this one knows {})",
        MIGRATIONS.len()
    )
}

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
        return Err(newer(version));
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

/// Lets who only reads see an older database as if it were up to date: it is not his to change.
///
/// # Errors
/// In words: it cannot be read, or a newer Ark has made it.
pub(super) fn see_as_new(connection: &Connection) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    match version {
        0 => Err("it is none".to_owned()),
        1 => connection.execute_batch(AS_NEW).map_err(failed),
        2 => Ok(()),
        _ => Err(newer(version)),
    }
}

/// A view of one's own, that goes before the table.
const AS_NEW: &str = "CREATE TEMP VIEW lines AS SELECT *, NULL AS opened, NULL AS ceiling_tokens,
    NULL AS ceiling_micro FROM main.lines";
