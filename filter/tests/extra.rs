//! Shadow copies and several attempts at once, on a fake host: whose state is whose.

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

use ark_gateway_core::record::{Outcome, Record, Shadow, Verdict};
use proxy_wasm::types::Action;
use serde_json::{Value, json};

use host::{Headers, abi, host};
use story::{Story, alone, chat};

const ANSWER: &str = r#"{"usage":{"prompt_tokens":7,"completion_tokens":3}}"#;
const CLAUDES: &str = r#"{"type":"message","id":"m","role":"assistant","model":"x","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":11,"output_tokens":5}}"#;

fn shadowed() -> Value {
    json!({"targets": [0, 1], "shadow": {"target": 2, "share": 1.0, "priorities": ["standard"],
        "body_limit_bytes": 10_000}})
}

fn hedged() -> Value {
    json!({"hedge": {"after_ms": 100, "at_least_ms": 10, "budget": 0.5, "priorities": ["standard"]}})
}

/// Envoy mirrors a request: the copy has a head of its own.
fn mirrored(story: &mut Story, provider: &str, head: &Headers) -> u32 {
    host(|h| {
        h.request_headers = head.clone();
        for (name, value) in &mut h.request_headers {
            if name == "x-request-id" {
                value.splice(0..0, *b"shadow:");
            }
        }
        h.request_headers.retain(|(name, _)| name != "x-ark-shadow");
    });
    story.replay_body();
    story.attempt(provider)
}

fn head() -> Headers {
    host(|h| h.request_headers.clone())
}

/// Envoy ends an attempt's stream.
fn ended(context: u32) {
    unsafe {
        abi::proxy_on_done(context);
        abi::proxy_on_delete(context);
    }
}

fn two(mut records: Vec<Record>) -> (Record, Record) {
    records.sort_by_key(Record::is_shadow);
    let [original, copy] = <[Record; 2]>::try_from(records).expect("two records");
    (original, copy)
}

#[test]
fn a_copy_is_translated_metered_and_recorded_by_itself() {
    // Either may end first.
    for copy_first in [true, false] {
        alone(move || {
            let mut story = Story::begin_across(["openai", "openai", "anthropic"], &shadowed());
            let gateway = story.request(&chat(false));
            assert_eq!(story.sent("x-ark-shadow").as_deref(), Some("c"));
            let outside = head();
            let first = story.attempt("a");
            assert_eq!(story.body_sent(first)["model"], "big-a");
            let copy = mirrored(&mut story, "c", &outside);
            assert_eq!(story.sent(":authority").as_deref(), Some("c.test"));
            assert_eq!(story.sent(":path").as_deref(), Some("/v1/messages"));
            assert_eq!(
                story.sent("x-request-id").as_deref(),
                Some("id-0"),
                "unmarked"
            );
            assert_eq!(story.body_sent(copy)["max_tokens"], 4096);
            let finish_copy = |story: &mut Story| {
                story.answer(copy, 200, "application/json", &[CLAUDES]);
                ended(copy);
            };
            if copy_first {
                finish_copy(&mut story);
            }
            story.answer(first, 200, "application/json", &[ANSWER]);
            story.relay(gateway);
            assert_eq!(story.received("x-ark-model").as_deref(), Some("big-a"));
            assert_eq!(host(|h| h.response_body.clone()), ANSWER.as_bytes());
            story.end(gateway);
            if !copy_first {
                finish_copy(&mut story);
            }
            let (original, copy) = two(ark_filter::drain_records());
            assert_eq!(original.shadow, Some(Shadow::Original));
            assert_eq!(
                (original.usage.input_tokens, original.attempts.len()),
                (7, 1)
            );
            assert_eq!((copy.id, copy.usage.input_tokens), (original.id, 11));
            assert_eq!(copy.usage.output_tokens, 5);
            assert_eq!(copy.outcome, Outcome::Ok);
            assert_eq!(copy.attempts[0].provider, "c");
        });
    }
}

#[test]
fn a_copy_that_dies_is_recorded_as_what_it_was() {
    for (status, verdict, outcome) in [
        (None, Verdict::Unreachable, Outcome::Failed),
        (Some(500), Verdict::ServerError, Outcome::Failed),
        (Some(429), Verdict::RateLimited, Outcome::Failed),
        (Some(400), Verdict::ClientError, Outcome::ClientError),
    ] {
        alone(move || {
            let mut story = Story::begin_across(["openai"; 3], &shadowed());
            let gateway = story.request(&chat(true));
            let outside = head();
            let first = story.attempt("a");
            let copy = mirrored(&mut story, "c", &outside);
            if let Some(status) = status {
                story.answer(copy, status, "application/json", &["{}"]);
            }
            ended(copy);
            story.answer(first, 200, "application/json", &[ANSWER]);
            story.relay(gateway);
            story.end(gateway);
            let (original, copy) = two(ark_filter::drain_records());
            assert_eq!((original.outcome, original.status), (Outcome::Ok, 200));
            assert_eq!((copy.attempts[0].verdict, copy.outcome), (verdict, outcome));
        });
    }
}

#[test]
fn a_copy_that_envoy_never_sends_is_counted_and_forgotten() {
    alone(|| {
        let mut story = Story::begin_across(["openai"; 3], &shadowed());
        let gateway = story.request(&chat(false));
        let first = story.attempt("a");
        story.answer(first, 200, "application/json", &[ANSWER]);
        story.relay(gateway);
        story.end(gateway);
        assert_eq!(
            story.only_record().shadow,
            None,
            "nothing to compare it with"
        );
        // The same id serves again: nothing was left behind under it.
        story.repeat_id();
        story.request(&chat(false));
        assert_eq!(story.sent("x-request-id").as_deref(), Some("id-0"));
        assert_eq!(story.sent("x-ark-shadow").as_deref(), Some("c"));
    });
}

#[test]
fn a_request_that_is_not_drawn_says_nothing() {
    alone(|| {
        let mut story = Story::begin_across(["openai"; 3], &json!({"targets": [0, 1]}));
        let gateway = story.request_with(
            &chat(false),
            &[("x-ark-shadow", "c"), ("x-ark-hedge", "race")],
        );
        assert_eq!(story.sent("x-ark-shadow"), None, "a client's is removed");
        assert_eq!(story.sent("x-ark-hedge"), None);
        let first = story.attempt("a");
        story.answer(first, 200, "application/json", &[ANSWER]);
        story.relay(gateway);
        story.end(gateway);
        assert_eq!(story.only_record().hedge_after_ms, 0);
    });
}

/// Two attempts under way, each with a head of its own, of other dialects.
struct Race {
    story: Story,
    gateway: u32,
    first: u32,
    second: u32,
}

fn race() -> Race {
    let mut story = Story::begin_across(["openai", "anthropic", "openai"], &hedged());
    let gateway = story.request(&chat(false));
    assert_eq!(story.sent("x-ark-hedge").as_deref(), Some("race"));
    assert_eq!(story.sent("x-ark-order").as_deref(), Some("a|1:b|2:c|"));
    let per_try = story.sent("x-envoy-upstream-rq-per-try-timeout-ms");
    assert_eq!(per_try.as_deref(), Some("100"));
    let outside = head();
    let first = story.attempt("a");
    story.body_sent(first);
    story.now_ms(100);
    host(|h| h.request_headers = outside);
    story.replay_body();
    let second = story.attempt("b");
    assert_eq!(story.sent(":path").as_deref(), Some("/v1/messages"));
    story.body_sent(second);
    Race {
        story,
        gateway,
        first,
        second,
    }
}

#[test]
fn of_two_at_once_each_reads_its_own_answer() {
    for winner in ["a", "b"] {
        alone(move || {
            let Race {
                mut story,
                gateway,
                first,
                second,
            } = race();
            story.now_ms(150);
            let (wins, loses, body) = match winner {
                "a" => (first, second, ANSWER),
                _ => (second, first, CLAUDES),
            };
            story.answer(wins, 200, "application/json", &[body]);
            assert_eq!(story.relay(gateway), Action::Continue);
            assert_eq!(
                story.received("x-ark-hedge-attempt"),
                None,
                "not the client's"
            );
            let model = story.received("x-ark-model");
            assert_eq!(model.as_deref(), Some(format!("big-{winner}").as_str()));
            let text = String::from_utf8(host(|h| h.response_body.clone())).expect("text");
            assert!(
                text.contains("completion_tokens"),
                "in the client's dialect: {text}"
            );
            ended(loses);
            story.end(gateway);
            let record = story.only_record();
            let ends: Vec<_> = record
                .attempts
                .iter()
                .map(|a| (a.provider.as_str(), a.verdict))
                .collect();
            let other = if winner == "a" { "b" } else { "a" };
            assert_eq!(ends, [(other, Verdict::Hedged), (winner, Verdict::Ok)]);
            let input = if winner == "a" { 7 } else { 11 };
            assert_eq!(record.usage.input_tokens, input);
            assert!(record.attempts[0].charge.is_some());
        });
    }
}

#[test]
fn a_hedge_that_fails_leaves_the_first_in_the_race() {
    alone(|| {
        let Race {
            mut story,
            gateway,
            first,
            second,
        } = race();
        story.answer(second, 503, "application/json", &["{}"]);
        ended(second);
        story.now_ms(120);
        story.answer(first, 200, "application/json", &[ANSWER]);
        assert_eq!(story.relay(gateway), Action::Continue);
        story.end(gateway);
        let record = story.only_record();
        let verdicts: Vec<_> = record.attempts.iter().map(|a| a.verdict).collect();
        assert_eq!(verdicts, [Verdict::Overloaded, Verdict::Ok]);
        assert_eq!(
            (record.outcome, record.usage.input_tokens),
            (Outcome::Ok, 7)
        );
    });
}

#[test]
fn when_envoy_gives_up_on_all_the_client_is_told_so() {
    alone(|| {
        let Race {
            mut story,
            gateway,
            first,
            second,
        } = race();
        story.now_ms(11_000);
        ended(first);
        ended(second);
        story.router_answers("504");
        story.relay(gateway);
        let reply = host(|h| h.reply.take()).expect("an error");
        assert_eq!(reply.json()["error"]["code"], "provider_timeout");
        story.end(gateway);
        let record = story.only_record();
        assert!(
            record
                .attempts
                .iter()
                .all(|a| a.verdict == Verdict::Timeout)
        );
    });
}
