//! `ledger`, typed.

use std::path::PathBuf;

use super::postgres::PostgresConfig;

/// `ledger`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerConfig {
    /// Where it is; `None` for the state directory.
    pub store: Option<LedgerStore>,
    /// Days after which lines go; `None` to keep them for ever.
    pub retention_days: Option<u32>,
    /// What becomes of records that cannot be written down.
    pub on_failure: OnLedgerFailure,
    /// When a line counts as written.
    pub durability: Durability,
    /// Where lines wait for a database elsewhere.
    pub spool: LedgerSpool,
    /// Seconds after which a worker that nobody hears is gone, and what it had reserved lost; `None` for
    /// the default.
    pub lost_after_s: Option<u32>,
}

/// Where lines wait while a database elsewhere does not take them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerSpool {
    /// `off` for nowhere; `None` for the state directory, if there is one.
    pub store: Option<LedgerStore>,
    /// Lines that wait at most; `None` for the default.
    pub limit_lines: Option<u64>,
}

/// Where the ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerStore {
    /// Nowhere: nothing is written down.
    Off,
    /// An SQLite database of its own.
    File(PathBuf),
    /// A PostgreSQL database, which several sidecars may share.
    Postgres(PostgresConfig),
}

/// What becomes of records that cannot be written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLedgerFailure {
    /// Workers keep them, up to the bound of their queues, and send them again.
    #[default]
    Hold,
    /// They are dropped, and counted.
    Drop,
}

/// When a line counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the disk has it: it outlives a loss of power.
    #[default]
    Disk,
    /// When the kernel has it: it outlives any end of the process.
    Process,
}
