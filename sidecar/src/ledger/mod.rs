//! The ledger: a line for every attempt, written once, with what it used and what that cost.
//!
//! A worker's records are acknowledged when their lines are committed. What was sent twice (an
//! acknowledgement was lost, this process was killed) is known by the record's own number and counted
//! as a duplicate, whatever process wrote the first.

mod ask;
mod line;
mod place;
mod put;
mod schema;
mod spend;
mod store;
#[cfg(test)]
mod tests;

pub mod export;

pub use ask::Unanswered;
pub use line::{Line, lines_of};
pub use place::{Chosen, choose};
pub use put::{Failure, Ledger, Writer, Written};
pub use spend::{BadQuestion, Bucket, Dimension, Filter, Question, Row, Spend, Sums};
pub use store::Store;
