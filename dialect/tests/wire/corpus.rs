//! The corpora of the dialects' fuzz targets.

use crate::replay::{SEEDS, replay};
use crate::{event_stream, properties, translating};
use std::path::Path;

#[test]
fn the_corpora_hold() {
    replay("gate", |input| {
        SEEDS.iter().for_each(|&seed| properties::gate(input, seed));
        properties::provider_error(input);
    });
    replay("stream", |input| {
        SEEDS
            .iter()
            .for_each(|&seed| translating::stream(input, seed));
    });
    replay("answer", translating::whole_answer);
    replay("ask", translating::asked);
    replay("passing", |input| {
        SEEDS
            .iter()
            .for_each(|&seed| translating::passing(input, seed));
    });
    replay("rate_limit", properties::rate_limits);
    replay("event_stream", |input| {
        SEEDS.iter().for_each(|&seed| {
            event_stream::properties::event_stream(input, seed);
        });
    });
}

/// The golden answers and requests, as they are and with a piece missing.
#[test]
fn the_goldens_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut inputs = 0;
    for (at, provider) in [
        (0, "openai"),
        (1, "anthropic"),
        (2, "gemini"),
        (4, "openai-responses"),
    ] {
        inputs += each(&folder.join("answers").join(provider), "sse", at, |input| {
            SEEDS
                .iter()
                .for_each(|&seed| translating::stream(input, seed));
        });
    }
    let providers = [
        "openai",
        "anthropic",
        "gemini",
        "bedrock",
        "openai-responses",
    ];
    for (at, provider) in (0u8..).zip(providers) {
        inputs += each(
            &folder.join("answers").join(provider),
            "json",
            at,
            translating::whole_answer,
        );
    }
    for (at, client) in [
        (0, "chat"),
        (1, "responses"),
        (2, "completions"),
        (3, "messages"),
    ] {
        inputs += each(
            &folder.join("asks").join(client),
            "json",
            at,
            translating::asked,
        );
    }
    assert!(inputs > 100, "only {inputs}");
}

/// Hands the inputs of a folder to `check`, behind the byte that chooses who speaks.
fn each(folder: &Path, ending: &str, chosen: u8, check: impl Fn(&[u8])) -> usize {
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|known| known != ending) {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.split_inclusive('\n');
        let body: String = lines.filter(|line| !line.starts_with("// ")).collect();
        let body = body.as_bytes();
        let middle = body.len() / 2;
        for part in [body, &body[..middle], &body[middle..]] {
            check(&[&[chosen], part].concat());
        }
        inputs += 1;
    }
    inputs
}
