//! The properties of `event_stream` on arbitrary bytes.
#![no_main]

#[path = "../../wire/tests/passing/cut.rs"]
mod cut;
#[path = "../../dialect/tests/wire/event_stream/properties.rs"]
mod properties;

// The cut follows from the input's length, so that a committed input replays as it was found.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    properties::event_stream(input, input.len() as u64 * 31);
});
