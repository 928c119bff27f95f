//! `ledger`: where what was spent is written down, and for how long.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::super::ledger::{Durability, LedgerConfig, LedgerSpool, LedgerStore, OnLedgerFailure};
use super::super::node::Node;
use super::super::postgres::PostgresConfig;
use super::limit::read_password;

/// The words of `on_failure`.
pub(super) const ON_FAILURES: [(&str, OnLedgerFailure); 2] = [
    ("hold", OnLedgerFailure::Hold),
    ("drop", OnLedgerFailure::Drop),
];
/// The words of `durability`.
pub(super) const DURABILITIES: [(&str, Durability); 2] =
    [("disk", Durability::Disk), ("process", Durability::Process)];

/// Longest time that lines are kept, days: a century.
const MOST_DAYS: u64 = 36_525;
/// Most lines of a spool: some 40 GB.
const MOST_SPOOLED: u64 = 100_000_000;

/// How long a worker may be silent, seconds: it speaks four times in one.
const LOST_AFTER_S: RangeInclusive<u64> = 2..=86_400;

/// Reads the block.
pub(super) fn read(node: &Node<'_>) -> Option<LedgerConfig> {
    let default = LedgerConfig::default();
    let mut fields = node.fields()?;
    let store = fields.maybe("store", store);
    let password = fields.maybe("password", read_password);
    let spool = fields.maybe("spool", |node| match LedgerStore::parse(node.text()?) {
        Ok(LedgerStore::Postgres(_)) | Err(_) => node.problem("must be off, or a path"),
        Ok(spool @ (LedgerStore::Off | LedgerStore::File(_))) => Some(spool),
    });
    let limit_lines = fields.maybe("spool_limit_lines", |node| node.integer(1..=MOST_SPOOLED));
    let retention_days = fields.maybe("retention_days", |node| node.integer(1..=MOST_DAYS));
    let lost_after_s = fields.maybe("lost_after_s", |node| node.integer(LOST_AFTER_S));
    let on_failure = fields.or("on_failure", default.on_failure, |node| {
        node.one_of(&ON_FAILURES)
    });
    let durability = fields.or("durability", default.durability, |node| {
        node.one_of(&DURABILITIES)
    });
    fields.finish("what is secret is named by ledger.password: {env: NAME} or {file: PATH}")?;
    let store = match (store?, password?) {
        (Some(LedgerStore::Postgres(place)), password) => {
            Some(LedgerStore::Postgres(place.with_password(password)))
        }
        (Some(LedgerStore::Off | LedgerStore::File(_)) | None, Some(_)) => {
            return node.problem("has a password, and no PostgreSQL that wants one");
        }
        (other, None) => other,
    };
    Some(LedgerConfig {
        store,
        spool: LedgerSpool {
            store: spool?,
            limit_lines: limit_lines?,
        },
        retention_days: retention_days?,
        on_failure: on_failure?,
        durability: durability?,
        lost_after_s: lost_after_s?,
    })
}

fn store(node: &Node<'_>) -> Option<LedgerStore> {
    match LedgerStore::parse(node.text()?) {
        Ok(store) => Some(store),
        Err(problem) => node.problem_with_hint(
            problem,
            "a path such as /var/lib/ark/ledger.db, or postgresql://ark@db.example.com/ark",
        ),
    }
}

impl LedgerStore {
    /// Reads `off`, the absolute or relative path of a database, or the URL of a PostgreSQL.
    /// Without a password of the configuration it has that of the environment.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence. It is not repeated: a URL may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if text.is_empty() || text.contains('\0') {
            return Err("is not a path".to_owned());
        }
        if PostgresConfig::is_meant(text) {
            return PostgresConfig::parse(text).map(Self::Postgres);
        }
        if text.contains("://") {
            return Err("is a URL, and of no PostgreSQL".to_owned());
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}
