//! Keys in pages, on a fake host: a snapshot runs when all of it is there, also for a VM that starts anew.

#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unsafe_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly; the story is shared with other tests"
)]

mod host;
mod story;

use ark_gateway_core::keys::{PageBytes, Paged};
use ark_gateway_core::snapshot::Snapshot;
use ark_gateway_core::sync::{SyncRequest, SyncResponse};
use serde_json::json;

use host::host;
use story::{Story, alone, chat, snapshot};

const KEYS: usize = 1_000;

/// The story's snapshot with many keys more, of which those at `pinning` may pin.
fn many(version: &str, pinning: &[usize]) -> Paged {
    let mut whole = snapshot(version);
    let first = whole["keys"][0].clone();
    let keys = whole["keys"].as_array_mut().expect("a list");
    for number in 0..KEYS {
        let mut key = first.clone();
        key["id"] = json!(format!("key-{number}"));
        // Spread over all pages, as digests are.
        let head = number * 65_536 / KEYS;
        key["sha256"] = json!(format!("{head:04x}{number:060x}"));
        key["may_pin"] = json!(pinning.contains(&number));
        keys.push(key);
    }
    let whole: Snapshot = serde_json::from_value(whole).expect("a snapshot");
    Paged::of(whole).expect("keys")
}

fn send(story: &mut Story, response: &SyncResponse) {
    let bytes = ark_link::write_sync_response(response).expect("a message");
    story.sidecar_sends("200", &bytes);
}

fn news(paged: &Paged) -> SyncResponse {
    SyncResponse {
        snapshot: Some(paged.snapshot.clone()),
        ..SyncResponse::default()
    }
}

/// These pages, and a question for more.
fn pages(paged: &Paged, numbers: &[u16]) -> SyncResponse {
    let page =
        |number: &u16| -> (u16, PageBytes) { (*number, paged.pages[usize::from(*number)].clone()) };
    SyncResponse {
        pages: numbers.iter().map(page).collect(),
        ..SyncResponse::default()
    }
}

/// What the filter asked last, without waiting for a tick.
fn asked() -> SyncRequest {
    let body = host(|h| h.calls.last().map(|call| call.body.clone()));
    ark_link::read_sync_request(&body.expect("a call")).expect("a sync request")
}

/// The numbers of all its pages.
fn all_of(paged: &Paged) -> Vec<u16> {
    (0u16..).zip(&paged.pages).map(|(n, _)| n).collect()
}

/// A filter that runs a snapshot whose keys came in pages.
fn running() -> (Story, Paged) {
    let mut story = Story::begin_with_sidecar();
    story.tick();
    let new = many("ba9876543210", &[]);
    send(&mut story, &news(&new));
    send(&mut story, &pages(&new, &all_of(&new)));
    (story, new)
}

fn runs(story: &mut Story) -> String {
    let gateway = story.request(&chat(false));
    story.end(gateway);
    story.only_record().snapshot.0
}

#[test]
fn a_snapshot_runs_when_its_last_page_has_come() {
    alone(|| {
        let mut story = Story::begin_with_sidecar();
        story.tick();
        let new = many("ba9876543210", &[]);
        send(&mut story, &news(&new));
        let wanted = asked().pages.expect("takes pages");
        assert_eq!(wanted.snapshot.expect("on its way").0, "ba9876543210");
        assert_eq!(wanted.numbers.len(), new.pages.len());
        let (last, all_but_one) = wanted.numbers.split_last().expect("some");
        for number in all_but_one {
            send(&mut story, &pages(&new, &[*number]));
            assert_eq!(runs(&mut story), "0123456789ab", "not yet");
        }
        assert_eq!(asked().pages.expect("takes pages").numbers, [*last]);
        send(&mut story, &pages(&new, &[*last]));
        assert_eq!(runs(&mut story), "ba9876543210");
    });
}

#[test]
fn of_the_next_snapshot_only_what_differs_is_asked_for() {
    alone(|| {
        let (mut story, first) = running();
        story.now_ms(1_000);
        story.tick();
        let next = many("cba987654321", &[1, KEYS - 1]);
        send(&mut story, &news(&next));
        let wanted = asked().pages.expect("takes pages").numbers;
        assert_eq!(wanted, [0, *all_of(&first).last().expect("some")]);
        // A page of another snapshot than the one on its way is not taken.
        send(&mut story, &pages(&first, &wanted));
        assert_eq!(runs(&mut story), "ba9876543210");
        send(&mut story, &pages(&next, &wanted));
        assert_eq!(runs(&mut story), "cba987654321");
    });
}

#[test]
fn a_vm_that_starts_while_pages_come_has_all_of_one_snapshot() {
    alone(|| {
        let (mut story, _) = running();
        story.now_ms(1_000);
        story.tick();
        let next = many("cba987654321", &[1, KEYS - 1]);
        send(&mut story, &news(&next));
        send(&mut story, &pages(&next, &[0]));
        let between = host(|h| h.shared.clone());
        send(
            &mut story,
            &pages(&next, &asked().pages.expect("some").numbers),
        );
        let after = host(|h| h.shared.clone());
        for (kept, version) in [(between, "ba9876543210"), (after, "cba987654321")] {
            alone(|| {
                host(|h| h.shared = kept);
                let mut fresh = Story::begin_without_snapshot();
                assert_eq!(runs(&mut fresh), version);
            });
        }
    });
}

#[test]
fn a_vm_that_finds_a_page_of_another_snapshot_asks_before_it_serves() {
    alone(|| {
        let (_story, new) = running();
        let mut kept = host(|h| h.shared.clone());
        let other = many("x", &[1]).pages[0].0.to_vec();
        for (place, (bytes, _)) in &mut kept {
            if place.starts_with("ark.keys.0.") {
                bytes.clone_from(&other);
            }
        }
        alone(|| {
            host(|h| h.shared = kept);
            let mut fresh = Story::begin_without_snapshot();
            fresh.request(&chat(false));
            assert_eq!(host(|h| h.reply.take()).expect("refused").status, 503);
            let wanted = fresh.tick().expect("it is time").pages;
            assert_eq!(wanted.expect("takes pages").numbers, [0]);
            send(&mut fresh, &pages(&new, &[0]));
            assert_eq!(runs(&mut fresh), "ba9876543210");
        });
    });
}
