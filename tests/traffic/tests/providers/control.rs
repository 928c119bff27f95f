//! Control at run time, and what providers show of what they received.

use std::io::ErrorKind;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::bench::{Seen, chat, exchange, fleet, read_to_end, request, until};

async fn post(address: SocketAddr, path: &str, body: &Value) -> Seen {
    exchange(
        address,
        &request(&format!("POST {path}"), "", &body.to_string()),
    )
    .await
}

async fn get(address: SocketAddr, path: &str) -> Value {
    exchange(address, &request(&format!("GET {path}"), "", ""))
        .await
        .json()
}

#[tokio::test]
async fn a_fault_lasts_until_it_is_cleared() {
    let fleet = fleet().await;
    let official = fleet.providers[0].1;
    let set = post(official, "/_control", &json!({"status": 503})).await;
    assert_eq!((set.status(), &set.json()["status"]), (200, &json!(503)));
    assert_eq!(
        exchange(official, &chat("", &json!({}))).await.status(),
        503
    );
    // A request's own script goes over the control's.
    assert_eq!(
        exchange(official, &chat("*=ok", &json!({}))).await.status(),
        200
    );
    post(
        official,
        "/_control",
        &json!({"script": "status:500", "status": null}),
    )
    .await;
    assert_eq!(
        exchange(official, &chat("", &json!({}))).await.status(),
        500
    );
    post(official, "/_control", &json!({"reset": true})).await;
    assert_eq!(
        exchange(official, &chat("", &json!({}))).await.status(),
        200
    );
    assert_eq!(
        post(official, "/_control", &json!({"x": 1})).await.status(),
        400
    );
}

#[tokio::test]
async fn a_share_of_requests_is_hit() {
    let fleet = fleet().await;
    let official = fleet.providers[0].1;
    post(official, "/_control", &json!({"status": 503, "share": 0.3})).await;
    let request = chat("", &json!({}));
    for _ in 0..200 {
        exchange(official, &request).await;
    }
    let stats = fleet.providers[0].0.stats();
    let hit = stats.statuses[&503];
    assert!((30..90).contains(&hit), "{hit}");
    assert_eq!(stats.statuses[&200], 200 - hit);
}

#[tokio::test]
async fn a_provider_goes_down_with_its_connections_and_comes_back() {
    let mut fleet = fleet().await;
    let control = fleet.start_control("127.0.0.1", 0).await.unwrap();
    let (provider, official) = (fleet.providers[0].0.clone(), fleet.providers[0].1);
    let mut idle = TcpStream::connect(official).await.unwrap();
    let mut busy = TcpStream::connect(official).await.unwrap();
    busy.write_all(chat("*=hang", &json!({})).as_bytes())
        .await
        .unwrap();
    until("both connected", || provider.stats().connections == 2).await;
    until("one is hung", || provider.stats().active == 1).await;

    let down = post(control, "/official/control", &json!({"down": true})).await;
    assert_eq!(down.json()["down"], true);
    let refused = TcpStream::connect(official).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(read_to_end(&mut idle).await.reset);
    assert!(read_to_end(&mut busy).await.reset);
    assert_eq!(get(control, "/stats").await["official"]["connections"], 0);

    post(control, "/official/control", &json!({"down": false})).await;
    assert_eq!(
        exchange(official, &chat("", &json!({}))).await.status(),
        200
    );
    // On its own port the order is answered before the connection closes.
    let own = post(official, "/_control", &json!({"down": true})).await;
    assert_eq!(own.json()["down"], true);
    assert!(TcpStream::connect(official).await.is_err());
}

#[tokio::test]
async fn received_requests_are_shown_with_their_credentials() {
    let mut fleet = fleet().await;
    let control = fleet.start_control("127.0.0.1", 0).await.unwrap();
    let official = fleet.providers[0].1;
    exchange(official, &chat("", &json!({"n": 1}))).await;
    exchange(official, &chat("", &json!({"n": 2}))).await;
    let seen = get(control, "/official/seen?limit=1").await;
    let seen = seen["seen"].as_array().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["sequence"], 2);
    assert_eq!(seen[0]["headers"]["authorization"], "Bearer key-official");
    assert_eq!(seen[0]["target"], "/v1/chat/completions");
    let body: Value = serde_json::from_str(seen[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["n"], 2);
    assert_eq!(
        get(official, "/_seen").await["seen"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let stats = get(control, "/stats").await;
    assert_eq!(stats["official"]["statuses"]["200"], 2);
    assert_eq!(stats["azure"]["requests"], 0);
    post(control, "/stats/reset", &json!({})).await;
    assert_eq!(get(control, "/stats").await["official"]["requests"], 0);
    assert!(get(control, "/nobody/seen").await["error"].is_string());
}
