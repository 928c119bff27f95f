//! Any body: what is found lies in it in order, and masking ends with JSON in which nothing is left.
#![no_main]

use ark_redact::Kinds;
use ark_redact::body::{masked, path_of, search};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut body = input.to_vec();
    let was_json = serde_json::from_slice::<serde_json::Value>(input).is_ok();
    for _ in 0..16 {
        let Ok(hits) = search(&body, Kinds::ALL) else {
            return;
        };
        let Some(first) = hits.first() else {
            assert!(!was_json || serde_json::from_slice::<serde_json::Value>(&body).is_ok());
            return;
        };
        let _ = path_of(&body, first.at.start);
        let mut end = 0;
        for hit in &hits {
            assert!(hit.at.start >= end && !hit.at.is_empty() && hit.at.end <= body.len());
            end = hit.at.end;
        }
        body = masked(&body, &hits, Kinds::ALL);
    }
    panic!("something is left after 16 rounds");
});
