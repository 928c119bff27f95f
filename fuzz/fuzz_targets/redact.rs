//! Any text: what is found lies in it, and its mask has nothing left.
#![no_main]
#![allow(unreachable_pub, reason = "shared with the tests")]

#[path = "../../redact/tests/corpus/laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| laws::hold(&String::from_utf8_lossy(input)));
