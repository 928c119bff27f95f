//! Wire formats of clients and providers, without I/O: bytes in, facts and bytes out.
//!
//! Every reader is incremental, takes any chunking, holds a bounded amount of memory and never
//! panics: it runs inside Envoy's Wasm VM, where a panic is an outage and memory never shrinks.
//! What is not acted on is passed on byte for byte.

pub mod answer;
pub mod anthropic;
pub mod bedrock;
mod bytes;
pub mod chat;
pub mod completions;
pub mod embeddings;
pub mod error_body;
pub mod event_stream;
pub mod gate;
pub mod gemini;
pub mod json_scan;
pub mod loss;
pub mod markers;
pub mod meter;
pub mod openai_chat;
pub mod path;
pub mod provider_error;
pub mod relay;
pub mod request;
pub mod responses;
pub mod rewrite;
pub mod sse;
pub mod translate;
pub mod usage;
pub mod vendor;
