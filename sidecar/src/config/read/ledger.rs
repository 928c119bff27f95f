//! `ledger`: where what was spent is written down, and for how long.

use std::path::PathBuf;

use super::super::node::Node;
use super::super::shape::{Durability, LedgerConfig, LedgerStore, OnLedgerFailure};

/// Longest time that lines are kept, days: a century.
const MOST_DAYS: u64 = 36_525;

/// Reads the block.
pub(super) fn read(node: &Node<'_>) -> Option<LedgerConfig> {
    let default = LedgerConfig::default();
    let mut fields = node.fields()?;
    let store = fields.maybe("store", store);
    let retention_days = fields.maybe("retention_days", |node| node.integer(1..=MOST_DAYS));
    let on_failure = fields.or("on_failure", default.on_failure, |node| {
        node.one_of(&[
            ("hold", OnLedgerFailure::Hold),
            ("drop", OnLedgerFailure::Drop),
        ])
    });
    let durability = fields.or("durability", default.durability, |node| {
        node.one_of(&[("disk", Durability::Disk), ("process", Durability::Process)])
    });
    fields.finish("")?;
    Some(LedgerConfig {
        store: store?,
        retention_days: retention_days?,
        on_failure: on_failure?,
        durability: durability?,
    })
}

fn store(node: &Node<'_>) -> Option<LedgerStore> {
    match LedgerStore::parse(node.text()?) {
        Ok(store) => Some(store),
        Err(problem) => node.problem_with_hint(problem, "a path such as /var/lib/ark/ledger.db"),
    }
}

impl LedgerStore {
    /// Reads `off`, or the absolute or relative path of a database.
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
        if text.contains("://") {
            return Err("is a URL: this Ark keeps its ledger in an SQLite file".to_owned());
        }
        Ok(Self::File(PathBuf::from(text)))
    }
}
