//! Each scripted behaviour, on the wire.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bench::{RECORDED, Seen, chat, exchange, fleet, until};

async fn scripted(script: &str, extra: Value) -> Seen {
    let fleet = fleet().await;
    exchange(fleet.providers[0].1, &chat(script, &extra)).await
}

fn streamed() -> Value {
    json!({"stream": true})
}

#[tokio::test]
async fn a_status_has_its_error_body() {
    let busy = scripted("official=status:503, azure=reset", json!({})).await;
    assert_eq!(busy.status(), 503);
    assert_eq!(busy.json()["error"]["type"], "server_error");
    let limited = scripted("*=status:429", streamed()).await;
    assert_eq!(
        (limited.status(), limited.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(scripted("azure=status:503", json!({})).await.status(), 200);
}

#[tokio::test]
async fn a_reset_is_a_reset_without_an_answer() {
    let seen = scripted("*=reset", json!({})).await;
    assert!(seen.reset && seen.text.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn a_hang_never_answers_and_ends_with_its_client() {
    let fleet = fleet().await;
    let (provider, address) = &fleet.providers[0];
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = chat("*=hang", &json!({}));
    stream.write_all(request.as_bytes()).await.unwrap();
    until("active", || provider.stats().requests == 1).await;
    assert_eq!(provider.stats().active, 1);
    let mut byte = [0];
    let silence = Duration::from_millis(50);
    assert!(
        tokio::time::timeout(silence, stream.read(&mut byte))
            .await
            .is_err()
    );
    drop(stream);
    until("abandoned", || provider.stats().abandoned == 1).await;
    assert_eq!(provider.stats().active, 0);
}

#[tokio::test]
async fn a_cut_stream_keeps_what_came_before_and_ends_in_a_reset() {
    let cut = scripted("*=cut:3", streamed()).await;
    assert!(cut.reset, "{cut:?}");
    assert_eq!(cut.events().len(), 3);
    let at_once = scripted("*=cut:0", streamed()).await;
    assert!(at_once.reset && at_once.status() == 200, "{at_once:?}");
    assert!(at_once.chunks().is_empty());
}

#[tokio::test]
async fn an_ended_stream_is_proper_but_not_done() {
    let end = scripted("*=end:2", streamed()).await;
    assert!(!end.reset && end.text.ends_with("\r\n0\r\n\r\n"));
    assert_eq!(end.events().len(), 2);
    let empty = scripted("*=empty-stream", streamed()).await;
    assert_eq!((empty.status(), empty.body().as_str()), (200, ""));
    assert_eq!(
        empty.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
}

#[tokio::test]
async fn errors_hide_in_a_200() {
    let first = scripted("*=first-event-error:overloaded_error", streamed()).await;
    assert_eq!(first.status(), 200);
    let event: Value = serde_json::from_str(&first.events()[0]).unwrap();
    assert_eq!(event["error"]["type"], "overloaded_error");
    let whole = scripted("*=error-200", streamed()).await;
    assert_eq!(whole.header("content-type"), Some("application/json"));
    assert!(whole.json()["error"].is_object());
}

#[tokio::test]
async fn delays_are_kept() {
    let start = Instant::now();
    let slow = scripted("*=slow:80+chunk-delay:20+chunks:2+end:3", streamed()).await;
    assert_eq!(slow.events().len(), 3);
    assert!(start.elapsed() >= Duration::from_millis(80 + 2 * 20));
    let whole = Instant::now();
    assert_eq!(
        scripted("*=slow:30+status:500", json!({})).await.status(),
        500
    );
    assert!(whole.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn sizes_and_framing_are_as_scripted() {
    let many = scripted("*=chunks:200", streamed()).await;
    assert_eq!(many.events().len(), 203);
    let one = scripted("*=chunks:200+burst", streamed()).await;
    assert_eq!(one.chunks().len(), 1);
    let split = scripted("*=split:7", streamed()).await;
    assert!(
        split
            .chunks()
            .iter()
            .rev()
            .skip(1)
            .all(|chunk| chunk.len() == 7)
    );
    assert_eq!(split.events().last().unwrap(), "[DONE]");
    let crlf = scripted("*=crlf", streamed()).await;
    assert!(crlf.body().ends_with("data: [DONE]\r\n\r\n"));
    let big = scripted("*=big:1000000", json!({})).await;
    let content = big.json()["choices"][0]["message"]["content"].clone();
    assert!(content.as_str().unwrap().len() >= 1_000_000);
    assert!(scripted("*=big:1000000", streamed()).await.body().len() > 1_000_000);
}

#[tokio::test]
async fn comments_come_before_the_wait_for_the_first_event() {
    let fleet = fleet().await;
    let mut stream = TcpStream::connect(fleet.providers[0].1).await.unwrap();
    let request = chat("*=comment-first+slow:3600000", &streamed());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.contains(": keep-alive\n\n") {
        let mut buffer = [0; 1024];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "ended early: {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert!(text.starts_with("HTTP/1.1 200") && !text.contains("data:"));
}

#[tokio::test]
async fn a_recording_is_replayed_to_the_byte() {
    let replayed = scripted("*=replay:recorded", streamed()).await;
    assert_eq!(
        (replayed.status(), replayed.body().as_str()),
        (203, RECORDED)
    );
    assert_eq!(replayed.header("content-type"), Some("text/event-stream"));
    assert_eq!(scripted("*=replay:nothing", json!({})).await.status(), 400);
}

#[tokio::test]
async fn echoed_headers_are_names_only() {
    let echo = scripted("*=echo-headers", json!({})).await.json();
    let content = echo["choices"][0]["message"]["content"].as_str().unwrap();
    let names: Vec<String> = serde_json::from_str(content).unwrap();
    assert!(names.contains(&"authorization".to_owned()), "{names:?}");
    assert!(!content.contains("key-official"));
}
