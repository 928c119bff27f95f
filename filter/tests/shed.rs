//! Refusals that the head decides, on a fake host: when they are said, recorded, and what they cost.

#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unsafe_code,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly; the story is shared with other tests; callbacks are foreign functions"
)]

mod host;
mod story;

use ark_gateway_core::record::Outcome;
use ark_gateway_core::reject::RejectCode;
use proxy_wasm::types::Action;

use host::{abi, headers, host};
use story::{GATEWAY, Story, alone, chat};

const CONTEXT: u32 = 7;

/// The burst of this key is two.
fn spent() -> Story {
    let mut story = Story::begin();
    for _ in 0..2 {
        let gateway = story.request_with(&chat(false), &[("authorization", "Bearer ark-limited")]);
        story.gone(gateway);
    }
    drop(ark_filter::drain_records());
    story
}

/// The head of one request more; what it says of its length.
fn head(length: Option<&str>) {
    let mut all = headers(&[
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        ("authorization", "Bearer ark-limited"),
        ("x-ark-priority", "batch"),
        ("x-request-id", "one-more"),
    ]);
    all.extend(length.map(|length| ("content-length".to_owned(), length.as_bytes().to_vec())));
    host(|h| {
        h.request_headers = all;
        h.reply = None;
        h.counts.clear();
    });
    let action = unsafe {
        abi::proxy_on_context_create(CONTEXT, GATEWAY);
        abi::proxy_on_request_headers(CONTEXT, 6, false)
    };
    assert_eq!(action, Action::Pause);
}

fn status() -> Option<u32> {
    host(|h| h.reply.as_ref().map(|reply| reply.status))
}

#[test]
fn a_refusal_waits_for_the_end_of_a_short_body_and_keeps_the_connection() {
    alone(|| {
        let _story = spent();
        head(Some("65536"));
        let record = ark_filter::drain_records().pop().expect("recorded at once");
        assert_eq!(
            (record.id.as_str(), record.status, record.outcome),
            ("one-more", 429, Outcome::Rejected)
        );
        assert_eq!(record.reject, Some(RejectCode::RateLimited));
        assert_eq!(
            (record.tenant.as_str(), record.key.as_str()),
            ("t", "limited")
        );
        for end in [false, false, true] {
            assert_eq!(status(), None, "the body has not come to its end");
            let action = unsafe { abi::proxy_on_request_body(CONTEXT, 65_536, end) };
            assert_eq!(action, Action::Pause);
        }
        assert_eq!(status(), Some(429));
        let counts = host(|h| h.counts.clone());
        let total: u32 = counts.values().sum();
        assert!(total <= 8, "{total} host calls: {counts:?}");
        unsafe { abi::proxy_on_log(CONTEXT) };
        assert_eq!(ark_filter::drain_records().len(), 0, "recorded once");
    });
}

#[test]
fn who_sends_much_or_does_not_say_how_much_is_answered_at_once() {
    for length in [Some("65537"), None] {
        alone(|| {
            let _story = spent();
            head(length);
            assert_eq!(status(), Some(429), "{length:?}");
            assert_eq!(ark_filter::drain_records().len(), 1);
        });
    }
}

/// What is unknown to us is not let in.
#[test]
fn who_has_no_key_is_answered_at_once() {
    alone(|| {
        let mut story = Story::begin();
        story.request_with(&chat(false), &[("authorization", "Bearer wrong")]);
        assert_eq!(status(), Some(401));
    });
}
