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
mod compatibility;
mod story;

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
fn golden_compatibility() {
    let mut drift = Drift::default();
    drift.check(&compatibility::file(), &compatibility::document());
    drift.close();
}
