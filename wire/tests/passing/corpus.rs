//! The corpora of the wire's fuzz targets.

use crate::properties;
use crate::replay::{SEEDS, replay};

#[test]
fn the_corpora_hold() {
    replay("request", |input| {
        SEEDS
            .iter()
            .for_each(|&seed| properties::request(input, seed));
    });
    replay("sse", |input| {
        SEEDS.iter().for_each(|&seed| properties::sse(input, seed));
    });
    replay("relay", |input| {
        SEEDS
            .iter()
            .for_each(|&seed| properties::relay(input, seed));
        SEEDS
            .iter()
            .for_each(|&seed| properties::answer(input, seed));
    });
}
