//! Ark's decisions, without I/O: events in, commands out.
//!
//! Nothing in this crate reads a clock, a file, the environment or the network, and nothing in it
//! is random: `now` and random draws are parameters. The same events, snapshot and `now` give the
//! same commands, in Envoy's Wasm VM as on the host. See ARCHITECTURE.md.

pub mod access;
pub mod admit;
pub mod affinity;
pub mod basis;
pub mod capability;
mod chance;
pub mod circuit;
pub mod compliance;
pub mod decide;
pub mod exchange;
pub mod explain;
pub mod guard;
pub mod hedge;
pub mod identity;
pub mod keys;
mod left_out;
pub mod limit;
pub mod money;
pub mod overload;
pub mod policy;
pub mod priority;
pub mod quota;
pub mod record;
pub mod reject;
pub mod retry_budget;
pub mod rules;
pub mod score;
pub mod shadow;
pub mod snapshot;
mod spare;
pub mod sync;
pub mod tags;
pub mod terms;

#[cfg(test)]
mod testing;
