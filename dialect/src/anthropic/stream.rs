//! Streamed answers.
//!
//! Sources: <https://platform.claude.com/docs/en/build-with-claude/streaming>, SDK types
//! `RawMessageStreamEvent` and what it is made of, and the SDK's accumulator
//! `lib/streaming/_messages.py`.

mod frame;
mod meter;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use meter::StreamMeter;
pub use reader::StreamReader;
pub use writer::StreamWriter;

/// Most bytes of one event. Blocks of encrypted thinking and of search results come in one piece.
pub const EVENT_LIMIT_BYTES: usize = 1024 * 1024;
