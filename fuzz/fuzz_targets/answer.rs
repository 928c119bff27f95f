//! The properties of whole answers of every provider, translated for every client, on arbitrary bytes.
#![no_main]
#![allow(dead_code, reason = "each target checks one of the shared properties")]

#[path = "../../wire/tests/passing/cut.rs"]
mod cut;
#[path = "../../dialect/tests/wire/translating.rs"]
mod translating;

libfuzzer_sys::fuzz_target!(|input: &[u8]| translating::whole_answer(input));
