//! `ark analyze`: what logs say of cost, whoever wrote them.
//!
//! Files are read in blocks by all cores, each line is scanned for the few members that matter, and sums
//! are kept by name: memory depends on how many names there are, which is bounded, not on the lines.

pub mod anomaly;
mod block;
pub(crate) mod csv;
mod fact;
mod format;
pub mod html;
mod json;
mod money;
mod names;
pub mod price;
mod read;
mod report;
mod tally;
#[cfg(test)]
mod tests;

pub use format::{Mapping, Slot};
pub use money::Pico;
pub use read::{FileReport, Progress, read};
pub use report::{Group, Report, render};
pub use tally::{Sums, Tally};
