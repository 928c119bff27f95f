//! The corpora of the dialects' fuzz targets.

use crate::replay::{SEEDS, replay};
use crate::{event_stream, properties};

#[test]
fn the_corpora_hold() {
    replay("gate", |input| {
        SEEDS.iter().for_each(|&seed| properties::gate(input, seed));
        properties::provider_error(input);
    });
    replay("event_stream", |input| {
        SEEDS.iter().for_each(|&seed| {
            event_stream::properties::event_stream(input, seed);
        });
    });
}
