//! Bytes that pass: read on the way, edited where they must differ, never translated.
//!
//! Every reader is incremental, takes any chunking, holds a bounded amount of memory and never
//! panics: it runs inside Envoy's Wasm VM, where a panic is an outage and memory never shrinks.
//! What is not acted on is passed on byte for byte.
//!
//! A crate of its own because every byte of every request goes through it: it is compiled for speed,
//! the translations in `ark-dialect` for size. So what is hot here is not generic: a generic function
//! is compiled like the crate that calls it.

pub mod answer;
pub mod bytes;
pub mod insert;
pub mod json_scan;
pub mod markers;
pub mod opening;
pub mod path;
pub mod relay;
pub mod request;
pub mod rewrite;
pub mod sse;
#[cfg(test)]
mod testing;
pub mod usage;
