//! The filter's real callbacks on a fake host: no Wasm, no Envoy, milliseconds.

#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly; the story is shared with other tests"
)]

mod host;
mod story;

use ark_gateway_core::record::{Outcome, Verdict};
use ark_gateway_core::sync::SyncResponse;
use proxy_wasm::types::Action;
use serde_json::json;

use host::{host, value};
use story::{Story, alone, chat};

#[test]
fn a_plain_chat_passes_and_is_settled_once() {
    alone(|| {
        let mut story = Story::begin();
        let gateway = story.request(&chat(false));
        assert_eq!(story.targets(), ["a", "b", "c"]);
        let attempt = story.attempt("a");
        assert_eq!(story.sent("host"), None, "HTTP/1 host is :authority");
        assert_eq!(story.sent(":authority").as_deref(), Some("a.test"));
        assert_eq!(story.sent(":path").as_deref(), Some("/v1/chat/completions"));
        story.now_ms(20);
        story.answer(
            attempt,
            200,
            "application/json",
            &[r#"{"usage":{"prompt_tokens":7,"completion_tokens":3}}"#],
        );
        assert_eq!(story.relay(gateway), Action::Continue);
        assert_eq!(
            story.received("x-ark-snapshot").as_deref(),
            Some("0123456789ab")
        );
        assert_eq!(story.received("x-ark-model").as_deref(), Some("big-a"));
        story.end(gateway);
        let record = story.only_record();
        assert_eq!(record.outcome, Outcome::Ok);
        assert_eq!(
            (record.usage.input_tokens, record.usage.output_tokens),
            (7, 3)
        );
        assert_eq!(record.attempts[0].ttft_us, Some(20_000));
    });
}

#[test]
fn the_body_is_rewritten_for_each_provider_from_the_original() {
    alone(|| {
        let mut story = Story::begin();
        story.request(&chat(true));
        let first = story.attempt("a");
        let body = story.body_sent(first);
        assert_eq!(body["model"], "big-a");
        assert_eq!(body["stream_options"]["include_usage"], true);
        let length = story.sent("content-length").expect("kept");
        assert_eq!(length, host(|h| h.request_body.len()).to_string());
        story.answer(first, 503, "application/json", &["{}"]);
        // The provider's cluster has injected its credential into the map that the next attempt sees.
        host(|h| {
            h.request_headers
                .push(("authorization".into(), b"Bearer key-of-a".to_vec()))
        });
        story.replay_body();
        let second = story.attempt("b");
        assert_eq!(story.sent("authorization"), None);
        assert_eq!(
            story.sent(":path").as_deref(),
            Some("/openai/deployments/big-b/chat/completions?api-version=2024-10-21")
        );
        assert_eq!(
            story.body_sent(second)["model"],
            "big",
            "Azure takes the path"
        );
    });
}

#[test]
fn an_error_in_the_first_event_becomes_retriable_before_anything_is_sent() {
    alone(|| {
        let mut story = Story::begin();
        let gateway = story.request(&chat(true));
        let first = story.attempt("a");
        story.head(first, 200, "text/event-stream");
        assert_eq!(story.chunk(first, ": ping\n\n", false), Action::Pause);
        assert_eq!(
            story.chunk(first, "data: {\"error\":{\"message\":\"no\"}}\n\n", false),
            Action::Continue
        );
        assert_eq!(story.received(":status").as_deref(), Some("529"));
        let second = story.attempt("b");
        story.head(second, 200, "text/event-stream");
        story.chunk(
            second,
            "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
            false,
        );
        assert_eq!(story.relay(gateway), Action::Continue);
        story.chunk(second, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n", true);
        assert_eq!(host(|h| h.response_body.clone()), b"data: [DONE]\n\n");
        story.end(gateway);
        let record = story.only_record();
        let verdicts: Vec<_> = record.attempts.iter().map(|a| a.verdict).collect();
        assert_eq!(verdicts, [Verdict::FirstEvent, Verdict::Ok]);
        assert_eq!(record.usage.input_tokens, 9);
    });
}

#[test]
fn the_clients_own_error_in_the_first_event_is_a_400_and_not_retried() {
    alone(|| {
        let mut story = Story::begin();
        let gateway = story.request(&chat(true));
        let attempt = story.attempt("a");
        story.head(attempt, 200, "text/event-stream");
        let event = "data: {\"error\":{\"type\":\"invalid_request_error\",\"message\":\"bad n\",\"param\":\"n\"}}\n\n";
        story.chunk(attempt, event, true);
        assert_eq!(story.received(":status").as_deref(), Some("400"));
        assert_eq!(story.relay(gateway), Action::Continue, "clean already");
        let body = host(|h| h.response_body.clone());
        let error: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(error["error"]["param"], "n");
        story.end(gateway);
        assert_eq!(story.only_record().outcome, Outcome::ClientError);
    });
}

#[test]
fn an_error_hidden_in_a_json_200_goes_to_the_next_target() {
    for stream in [false, true] {
        alone(move || {
            let mut story = Story::begin();
            story.request(&chat(stream));
            let attempt = story.attempt("a");
            story.head(attempt, 200, "application/json");
            let first = story.chunk(attempt, "{\"error\": {\"message\":", false);
            assert_eq!(first, Action::Continue, "decided as soon as it shows");
            assert_eq!(story.received(":status").as_deref(), Some("529"));
        });
    }
}

#[test]
fn an_answer_that_breaks_while_it_is_held_is_a_failure() {
    for (stream, kind, part) in [
        (false, "application/json", "{\"choices\":"),
        (true, "text/event-stream", ": ping\n\n"),
    ] {
        alone(move || {
            let mut story = Story::begin();
            let gateway = story.request(&chat(stream));
            let attempt = story.attempt("a");
            story.head(attempt, 200, kind);
            assert_eq!(story.chunk(attempt, part, false), Action::Pause);
            story.router_answers("503");
            story.relay(gateway);
            let reply = host(|h| h.reply.take()).expect("the router's answer is no success");
            assert_eq!(reply.status, 502);
            assert_eq!(reply.json()["error"]["code"], "provider_error");
            story.end(gateway);
            let record = story.only_record();
            assert_eq!((record.outcome, record.status), (Outcome::Failed, 502));
            assert!(record.attempts[0].verdict.is_provider_fault());
        });
    }
}

#[test]
fn a_large_json_answer_is_not_held_for_long() {
    alone(|| {
        let mut story = Story::begin();
        let gateway = story.request(&chat(false));
        let attempt = story.attempt("a");
        story.head(attempt, 200, "application/json");
        assert_eq!(story.chunk(attempt, "{\"data\": \"", false), Action::Pause);
        assert_eq!(
            story.chunk(attempt, &"x".repeat(20_000), false),
            Action::Continue
        );
        story.chunk(attempt, "\", \"usage\": {\"prompt_tokens\": 4}}", true);
        story.relay(gateway);
        story.end(gateway);
        assert_eq!(story.only_record().usage.input_tokens, 4);
    });
}

#[test]
fn a_client_that_leaves_is_settled_with_an_estimate() {
    alone(|| {
        let mut story = Story::begin();
        let gateway = story.request(&chat(true));
        let attempt = story.attempt("a");
        story.head(attempt, 200, "text/event-stream");
        for _ in 0..3 {
            story.chunk(
                attempt,
                "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n",
                false,
            );
        }
        story.relay(gateway);
        host(|h| {
            h.properties
                .insert("response.flags".into(), (1u64 << 14).to_le_bytes().to_vec())
        });
        story.gone(gateway);
        let record = story.only_record();
        assert_eq!(record.outcome, Outcome::ClientGone);
        assert_eq!(record.usage.output_tokens, 3);
        assert_eq!(record.attempts[0].verdict, Verdict::Abandoned);
    });
}

#[test]
fn refusals_are_openai_errors_with_a_stable_code() {
    alone(|| {
        let body = chat(false);
        for (change, status, code) in [
            (("authorization", ""), 401, "missing_key"),
            (("authorization", "Bearer nope"), 401, "invalid_key"),
            ((":path", "/v1/nope"), 404, "endpoint_not_found"),
            ((":method", "DELETE"), 405, "method_not_allowed"),
            (("x-ark-priority", "now"), 400, "invalid_request"),
            (("x-ark-require", "region"), 400, "invalid_request"),
            (("x-ark-require", "region=eu"), 403, "compliance_unmet"),
            (("content-length", "1048577"), 413, "body_too_large"),
        ] {
            alone(|| {
                let mut story = Story::begin();
                let gateway = story.request_with(&body, &[change]);
                let reply = host(|h| h.reply.take()).expect(code);
                assert_eq!(
                    (reply.status, reply.json()["error"]["code"].as_str()),
                    (status, Some(code))
                );
                story.end(gateway);
                let record = story.only_record();
                assert_eq!(record.outcome, Outcome::Rejected, "{code}");
                assert_eq!(u32::from(record.status), status);
                assert!(!reply.headers.iter().any(|(_, v)| v == b"Bearer nope"));
            });
        }
    });
}

#[test]
fn a_bad_body_names_its_field() {
    alone(|| {
        for (body, param) in [
            (json!({"messages": []}), json!("model")),
            (json!({"model": 5}), json!("model")),
            (json!({"model": "big", "stream": "yes"}), json!("stream")),
            (json!({"model": "unknown"}), json!("model")),
        ] {
            alone(|| {
                let mut story = Story::begin();
                story.request(&body.to_string());
                let reply = host(|h| h.reply.take()).expect("refused");
                assert_eq!(reply.json()["error"]["param"], param, "{body}");
            });
        }
    });
}

#[test]
fn a_header_that_is_not_utf8_does_not_trap() {
    alone(|| {
        let mut story = Story::begin();
        host(|h| h.request_headers.push(("x-odd".into(), vec![0xff, 0xfe])));
        story.request(&chat(false));
        assert_eq!(story.targets(), ["a", "b", "c"]);
    });
}

#[test]
fn headers_that_only_ark_may_set_are_removed() {
    alone(|| {
        let mut story = Story::begin();
        story.request_with(
            &chat(false),
            &[
                ("x-ark-anything", "1"),
                ("x-envoy-retry-on", "5xx"),
                ("x-ark-priority", "batch"),
            ],
        );
        let left = host(|h| h.request_headers.clone());
        assert!(!left.iter().any(|(n, _)| n.starts_with("x-ark-")));
        assert_eq!(value(&left, "x-envoy-retry-on"), None);
    });
}

/// What cannot be understood of a requirement must not count as none.
#[test]
fn a_requirement_that_is_no_text_or_comes_twice_is_refused() {
    for (first, second) in [
        (&b"retention=\xff"[..], None),
        (b"retention=training", Some(&b"region=eu"[..])),
        (b"region=eu", Some(b"retention=training")),
    ] {
        alone(|| {
            let mut story = Story::begin();
            let mut lines = vec![("x-ark-require".to_owned(), first.to_vec())];
            lines.extend(second.map(|line| ("x-ark-require".to_owned(), line.to_vec())));
            story.request_of(&chat(false), lines);
            let reply = host(|h| h.reply.take()).expect("refused");
            let error = &reply.json()["error"];
            assert_eq!(
                (
                    reply.status,
                    error["code"].as_str(),
                    error["param"].as_str()
                ),
                (400, Some("invalid_request"), Some("x-ark-require"))
            );
        });
    }
}

#[test]
fn the_limit_holds_when_another_worker_is_faster() {
    alone(|| {
        let mut story = Story::begin();
        host(|h| h.lost_swaps = 2);
        let limited = [("authorization", "Bearer ark-limited")];
        story.request_with(&chat(false), &limited);
        assert!(host(|h| h.reply.is_none()));
        story.request_with(&chat(false), &limited);
        assert!(host(|h| h.reply.is_none()));
        story.request_with(&chat(false), &limited);
        let reply = host(|h| h.reply.take()).expect("the burst is two");
        assert_eq!(reply.status, 429);
        assert_eq!(reply.header("retry-after").as_deref(), Some("1"));
        assert_eq!(
            reply.header("x-ratelimit-remaining-requests").as_deref(),
            Some("0")
        );
    });
}

#[test]
fn two_requests_with_one_id_never_share() {
    alone(|| {
        let mut story = Story::begin();
        story.request(&chat(false));
        assert_eq!(story.sent("x-request-id").as_deref(), Some("id-0"));
        story.repeat_id();
        story.request(&chat(false));
        let second = story.sent("x-request-id").expect("set");
        assert!(second.starts_with("id-0-"), "{second}");
    });
}

#[test]
fn without_the_sidecar_the_order_is_static_and_the_answer_says_stale() {
    alone(|| {
        let mut story = Story::begin_with_sidecar();
        story.now_ms(6_000);
        let gateway = story.request(&chat(false));
        let attempt = story.attempt("a");
        story.answer(attempt, 200, "application/json", &["{}"]);
        story.relay(gateway);
        assert_eq!(
            story.received("x-ark-snapshot").as_deref(),
            Some("0123456789ab; stale")
        );
        story.end(gateway);
        assert!(story.only_record().stale);
    });
}

#[test]
fn records_reach_the_sidecar_once_it_answers() {
    alone(|| {
        let mut story = Story::begin_with_sidecar();
        let gateway = story.request(&chat(false));
        let attempt = story.attempt("a");
        story.answer(attempt, 200, "application/json", &["{}"]);
        story.relay(gateway);
        story.end(gateway);
        let first = story.tick().expect("records wait");
        assert_eq!(first.records.len(), 1);
        story.sidecar_fails();
        story.now_ms(500);
        let again = story.tick().expect("still waiting");
        assert_eq!(again.records, first.records, "kept until they arrive");
        story.sidecar_answers("{}");
        story.now_ms(1_000);
        assert!(story.tick().expect("it is time").records.is_empty());
        story.sidecar_answers("garbage");
        story.now_ms(1_500);
        assert_eq!(
            story.tick().expect("goes on").snapshot.expect("kept").0,
            "0123456789ab"
        );
    });
}

#[test]
fn a_sidecar_that_talks_nonsense_is_not_heard() {
    for (status, body) in [
        ("500", "{}"),
        ("404", "{}"),
        ("200", "[]"),
        ("200", ""),
        ("200", "{\"scores\":1}"),
    ] {
        alone(|| {
            let mut story = Story::begin_with_sidecar();
            story.now_ms(4_000);
            story.tick();
            story.sidecar_says(status, body);
            story.now_ms(6_000);
            let gateway = story.request(&chat(false));
            story.end(gateway);
            assert!(story.only_record().stale, "{status} {body}");
        });
    }
}

#[test]
fn a_message_that_breaks_off_or_goes_on_is_not_heard() {
    let whole = ark_link::write_sync_response(&SyncResponse::default()).expect("a message");
    let cuts = (0..whole.len()).map(|end| (whole[..end].to_vec(), true));
    let longer = [whole.clone(), vec![0]].concat();
    for (body, stale) in cuts.chain([(longer, true), (whole.clone(), false)]) {
        alone(|| {
            let mut story = Story::begin_with_sidecar();
            story.now_ms(4_000);
            story.tick();
            story.sidecar_sends("200", &body);
            story.now_ms(6_000);
            let gateway = story.request(&chat(false));
            story.end(gateway);
            assert_eq!(story.only_record().stale, stale, "{body:?}");
        });
    }
}

#[test]
fn waiting_attempts_are_reported_before_they_answer() {
    alone(|| {
        let mut story = Story::begin_with_sidecar();
        story.request(&chat(false));
        story.attempt("a");
        story.now_ms(800);
        let sync = story.tick().expect("it is time");
        assert_eq!(sync.waiting.len(), 1);
        assert_eq!(
            (
                sync.waiting[0].provider.as_str(),
                sync.waiting[0].ages_ms[0]
            ),
            ("a", 800)
        );
    });
}

#[test]
fn a_fresh_vm_starts_from_the_snapshot_of_the_last() {
    alone(|| {
        let mut story = Story::begin_with_sidecar();
        story.tick();
        let new = story::snapshot("ba9876543210");
        story.sidecar_answers(&json!({"snapshot": new}).to_string());
        let kept = host(|h| h.shared.clone());
        assert!(kept.contains_key("ark.snapshot"));
        alone(|| {
            host(|h| h.shared = kept);
            let mut story = Story::begin_without_snapshot();
            let gateway = story.request(&chat(false));
            story.end(gateway);
            assert_eq!(story.only_record().snapshot.0, "ba9876543210");
        });
    });
}

#[test]
fn before_the_first_snapshot_the_gateway_says_not_ready() {
    alone(|| {
        let mut story = Story::begin_without_snapshot();
        story.request(&chat(false));
        let reply = host(|h| h.reply.take()).expect("refused");
        assert_eq!(
            (reply.status, reply.json()["error"]["code"].as_str()),
            (503, Some("not_ready"))
        );
    });
}

#[test]
fn an_attempt_that_nobody_decided_sends_nothing() {
    alone(|| {
        let mut story = Story::begin();
        story.request(&chat(false));
        story.attempt("zz");
        assert_eq!(host(|h| h.reply.take()).expect("refused").status, 500);
    });
}

/// Host calls are what a request costs: a budget that a change must not exceed unnoticed.
#[test]
fn host_calls_per_request_stay_within_their_budget() {
    alone(|| {
        let mut story = Story::begin();
        host(|h| h.counts.clear());
        let gateway = story.request(&chat(false));
        let attempt = story.attempt("a");
        story.answer(
            attempt,
            200,
            "application/json",
            &[r#"{"usage":{"prompt_tokens":7}}"#],
        );
        story.relay(gateway);
        story.end(gateway);
        let total: u32 = host(|h| h.counts.values().sum());
        assert!(
            total <= 30,
            "{total} host calls: {:?}",
            host(|h| h.counts.clone())
        );
    });
}
