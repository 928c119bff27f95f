//! Replays what the fuzz targets have found worth keeping.

use crate::{event_stream, properties};
use std::path::Path;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}

#[test]
fn the_corpora_hold() {
    let seeds = [0, 1, 2, 3, 1234, 987_655];
    replay("request", |input| {
        seeds
            .iter()
            .for_each(|&seed| properties::request(input, seed));
    });
    replay("sse", |input| {
        seeds.iter().for_each(|&seed| properties::sse(input, seed));
    });
    replay("gate", |input| {
        seeds.iter().for_each(|&seed| properties::gate(input, seed));
        properties::provider_error(input);
    });
    replay("event_stream", |input| {
        seeds.iter().for_each(|&seed| {
            event_stream::properties::event_stream(input, seed);
        });
    });
    replay("relay", |input| {
        seeds
            .iter()
            .for_each(|&seed| properties::relay(input, seed));
        seeds
            .iter()
            .for_each(|&seed| properties::answer(input, seed));
    });
}
