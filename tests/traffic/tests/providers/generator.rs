//! The load client against providers that behave and misbehave.

use std::collections::BTreeMap;

use ark_traffic::load::tally::Report;
use ark_traffic::load::{LoadArgs, generate};
use ark_traffic::providers::Fleet;
use ark_traffic::providers::config::{FleetConfig, Kind, ProviderConfig};
use ark_traffic::providers::recording::Recordings;

use super::bench::fleet;

async fn load(script: &str, requests: u64, stream: bool) -> Report {
    let fleet = fleet().await;
    let url = format!("http://{}", fleet.providers[0].1);
    let header = match script {
        "" => Vec::new(),
        script => vec![format!("x-demo-script: {script}")],
    };
    let args = LoadArgs {
        concurrency: 4,
        requests: Some(requests),
        key: "key-official".to_owned(),
        // Short only where it is meant to pass.
        timeout_ms: if script == "*=hang" { 100 } else { 20_000 },
        stream,
        header,
        ..LoadArgs::single(&url)
    };
    generate(&args).await.unwrap()
}

#[tokio::test]
async fn good_requests_are_counted_and_connections_kept() {
    let fleet = fleet().await;
    let args = LoadArgs {
        concurrency: 4,
        requests: Some(100),
        chunks: Some(10),
        stream: true,
        key: "key-official".to_owned(),
        ..LoadArgs::single(&format!("http://{}", fleet.providers[0].1))
    };
    let report = generate(&args).await.unwrap();
    assert_eq!(
        (report.requests, report.ok, report.errors.total),
        (100, 100, 0)
    );
    // Role, ten words, finish, [DONE].
    assert_eq!(report.chunks, 1300);
    let stats = fleet.providers[0].0.stats();
    assert_eq!((stats.requests, stats.abandoned), (100, 0));
    assert!(stats.connections <= 4);
    assert!(report.latency_us.p50 > 0 && report.first_event_us.p50 <= report.latency_us.max);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let busy = load("*=status:503", 8, false).await;
    assert_eq!(busy.errors.status, BTreeMap::from([(503, 8)]));
    assert_eq!(load("*=reset", 8, false).await.errors.reset, 8);
    assert_eq!(load("*=hang", 4, false).await.errors.timeout, 4);
    assert_eq!(load("*=cut:2", 8, true).await.errors.truncated, 8);
    assert_eq!(load("*=end:2", 8, true).await.errors.truncated, 8);
    assert_eq!(load("*=empty-stream", 8, true).await.errors.truncated, 8);
    assert_eq!(
        load("*=first-event-error", 8, true)
            .await
            .errors
            .stream_error,
        8
    );
    assert_eq!(load("*=error-200", 8, true).await.errors.not_stream, 8);
    assert_eq!(load("*=split:16+crlf", 8, true).await.ok, 8);
}

#[tokio::test]
async fn nobody_there_is_a_connect_error() {
    let gone = fleet().await.providers[0].1;
    let args = LoadArgs {
        requests: Some(3),
        ..LoadArgs::single(&format!("http://{gone}"))
    };
    let report = generate(&args).await.unwrap();
    assert_eq!((report.requests, report.errors.connect), (3, 3));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = fleet().await;
    let port = taken.providers[0].1.port();
    let config = FleetConfig {
        providers: vec![ProviderConfig::new("late", Kind::Openai, port)],
    };
    let error = Fleet::start(config, Recordings::new(), "127.0.0.1")
        .await
        .unwrap_err();
    assert!(
        error.contains(&format!("port {port} (late) is in use")),
        "{error}"
    );
}
