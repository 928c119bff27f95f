//! Wire formats of clients and providers, without I/O: what each means, and how it is said in another.
//!
//! Every reader is incremental, takes any chunking, holds a bounded amount of memory and never
//! panics: it runs inside Envoy's Wasm VM, where a panic is an outage and memory never shrinks.
//!
//! What passes without translation is read and edited by `ark-wire`, on which this crate stands. It is
//! compiled for speed, this crate for size: a request runs few of its functions, the module holds all.

pub mod account;
pub mod anthropic;
pub mod bedrock;
pub mod chat;
pub mod completions;
pub mod embeddings;
pub mod error_body;
pub mod event_stream;
pub mod gate;
pub mod gemini;
pub mod loss;
pub mod meter;
pub mod openai_chat;
mod present;
pub mod provider_error;
pub mod rate_limit;
pub mod responses;
pub mod translate;
pub mod vendor;

// What the signatures here speak of is exported with them; the rest is `ark-wire`'s to give.
use ark_wire::{bytes, json_scan, path, relay, request, sse};
pub use ark_wire::{rewrite, usage};

/// The examples of the crate's front page are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
