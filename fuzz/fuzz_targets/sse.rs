//! The properties of `sse` on arbitrary bytes.
#![no_main]
#![allow(dead_code, reason = "each target checks one of the shared properties")]

#[path = "../../wire/tests/passing/cut.rs"]
mod cut;
#[path = "../../wire/tests/passing/properties.rs"]
mod properties;

// The cut follows from the input's length, so that a committed input replays as it was found.
libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::sse(input, input.len() as u64 * 31));
