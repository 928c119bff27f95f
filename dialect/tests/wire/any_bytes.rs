//! Properties of what judges a provider's answer, on generated input.

use proptest::prelude::*;

use crate::inputs::any_input;
use crate::properties;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gates(stream in any_input(), seed: u64) {
        properties::gate(&stream, seed);
    }

    #[test]
    fn errors(body in any_input()) {
        properties::provider_error(&body);
    }

    #[test]
    fn rate_limits(head in any_input()) {
        properties::rate_limits(&head);
    }
}
