//! The properties of streams of every provider, translated for every client, on arbitrary bytes.
#![no_main]
#![allow(dead_code, reason = "each target checks one of the shared properties")]

#[path = "../../wire/tests/passing/cut.rs"]
mod cut;
#[path = "../../dialect/tests/wire/translating.rs"]
mod translating;

// The cut follows from the input's length, so that a committed input replays as it was found.
libfuzzer_sys::fuzz_target!(|input: &[u8]| translating::stream(input, input.len() as u64 * 31));
