//! The ledger: a line for every attempt, written once, with what it used and what that cost.
//!
//! A worker's records are acknowledged when their lines are committed. What was sent twice (an
//! acknowledgement was lost, this process was killed) is known by the record's own number and counted
//! as a duplicate, whatever process wrote the first.

mod ask;
mod closing;
mod database;
mod line;
mod place;
mod postgres;
mod put;
mod schema;
mod spend;
mod spool;
mod sql;
mod store;
#[cfg(test)]
mod tests;
mod tls;

pub mod export;

pub use ask::Unanswered;
pub use closing::Heard;
pub use database::{Database, Place};
pub use line::{Line, lines_of, reserved_lines_of};
pub use place::{Chosen, choose, state_directory};
pub use postgres::Postgres;
pub use put::{Failure, Ledger, Writer, Written};
pub use spend::{BadQuestion, Bucket, Dimension, Filter, Question, Row, Spend, Sums, parameters};
pub use spool::{DEFAULT_LIMIT_LINES, Spool};
pub use sql::ReadError;
pub use store::Store;
