//! Properties of every reader, on generated input.

use proptest::prelude::*;

use crate::inputs::{any_input, body, stream};
use crate::properties;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests(body in prop_oneof![body(), any_input()], seed: u64) {
        properties::request(&body, seed);
    }

    #[test]
    fn events(stream in any_input(), seed: u64) {
        properties::sse(&stream, seed);
    }

    #[test]
    fn relays(stream in prop_oneof![stream(), any_input()], seed: u64) {
        properties::relay(&stream, seed);
    }

    #[test]
    fn answers(body in any_input(), seed: u64) {
        properties::answer(&body, seed);
    }
}
