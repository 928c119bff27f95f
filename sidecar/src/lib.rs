//! Ark control plane.

pub mod admin_client;
pub mod analyze;
pub mod audit;
mod batch;
mod beginning;
pub mod bounds;
pub mod canary;
pub mod command_file;
pub mod config;
pub mod control;
pub mod credential;
pub mod digest;
pub mod envoy;
pub mod explaining;
pub mod forecast;
pub mod headroom;
pub mod histogram;
pub mod http;
pub mod key_book;
pub mod key_file;
pub mod key_lengths;
pub mod keys;
pub mod ledger;
pub mod material;
pub mod memory;
pub mod meter;
pub mod metrics;
pub mod moment;
pub mod observations;
pub mod prices;
pub mod probing;
pub mod quota;
pub mod replay;
pub mod rights;
pub mod rollout;
pub mod scores;
pub mod serve;
pub mod shadows;
pub mod supervise;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod verdicts;
pub mod window;
pub mod workers;
pub mod xds;

/// A moment: milliseconds since the start of the process, from a clock that never goes back.
pub type Ms = u64;
