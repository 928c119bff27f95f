//! Replay: what a policy would have done with a trace, and what else could have been done.
//!
//! The core's own decisions and the sidecar's own scores in a simulation of time, providers and
//! wires. Everything is drawn from one seed.

pub mod ark;
pub mod baseline;
pub mod chance;
pub mod engine;
pub mod fit;
pub mod html;
pub mod load;
mod outlier;
pub mod plane;
pub mod race;
pub mod report;
pub mod run;
pub mod seen;
pub mod server;
pub mod table;
pub mod tally;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod trace;
pub mod world;

/// A moment or a span of the simulation: microseconds.
pub type Us = u64;
