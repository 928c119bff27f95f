//! What is read of any headers that a provider sends, `name:value` a line.
#![no_main]
#![allow(dead_code, reason = "each target checks one of the shared properties")]

#[path = "../../wire/tests/passing/cut.rs"]
mod cut;
#[path = "../../dialect/tests/wire/properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::rate_limits(input));
