//! Golden translations: what clients ask and what every provider is sent, what providers answer and
//! what every client gets.
//!
//! `asks/CLIENT/FEATURE.json` and `answers/PROVIDER/FEATURE.{json,sse,frames}` are the inputs, each with
//! its source in its first lines; the story beside it, `FEATURE.md`, shows what becomes of it. After a
//! change that is meant, `cargo xtask bless` writes the stories and docs/compatibility.md anew: read
//! their diff.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod answers;
mod asks;
mod columns;
mod compatibility;
mod story;

use std::collections::BTreeSet;

use story::Drift;

#[test]
fn golden_asks() {
    let mut drift = Drift::default();
    for ask in asks::all() {
        drift.check(&ask.story_file(), &ask.story());
    }
    drift.close();
}

#[test]
fn golden_answers() {
    let mut drift = Drift::default();
    for answer in answers::all() {
        drift.check(&answer.story_file(), &answer.story());
    }
    drift.close();
}

#[test]
fn every_story_has_its_input() {
    let asks = asks::all().into_iter().map(|ask| ask.story_file());
    let answers = answers::all().into_iter().map(|answer| answer.story_file());
    let told: BTreeSet<_> = asks.chain(answers).collect();
    let orphans: Vec<_> = story::stories()
        .into_iter()
        .filter(|file| !told.contains(file))
        .collect();
    assert!(orphans.is_empty(), "stories of nothing: {orphans:#?}");
}

#[test]
fn golden_compatibility() {
    let mut drift = Drift::default();
    drift.check(&compatibility::file(), &compatibility::document());
    drift.close();
}
