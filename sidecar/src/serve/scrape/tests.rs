use super::*;
use crate::control::{Control, Loaded};
use crate::http::{self, Limits, Reply};
use crate::testing::{config_yaml, setting};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// An Envoy admin interface that answers everything with `answer`.
async fn admin<F, R>(answer: F) -> (String, JoinSet<()>)
where
    F: Fn(String) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Reply> + Send + 'static,
{
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap().to_string();
    let hour = Duration::from_secs(3600);
    let limits = Limits {
        connections: 9,
        header_wait: hour,
        connection_age: hour,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let handle =
            move |request: Request<hyper::body::Incoming>| answer(request.uri().to_string());
        let _ = http::serve(door, limits, handle).await;
    });
    (address, tasks)
}

fn body(text: &str) -> Reply {
    http::reply(StatusCode::OK, "application/json", text.to_owned().into())
}

#[tokio::test]
async fn an_answer_is_read_and_its_query_is_what_envoy_takes() {
    let (address, _tasks) = admin(async |path| body(&path)).await;
    let path = get(&address, STATS).await.unwrap();
    assert!(
        path.starts_with(b"/stats?format=json&filter=%5Ecluster"),
        "{path:?}"
    );
}

#[tokio::test]
async fn garbage_errors_and_silence_are_failures_with_a_reason() {
    let (garbage, _tasks) = admin(async |_| body("<html>")).await;
    let got = get(&garbage, STATS).await.unwrap();
    assert!(read_stats(&got).is_err() && read_clusters(&got).is_err());
    let (broken, _tasks) = admin(async |_| http::bare(StatusCode::BAD_GATEWAY)).await;
    assert!(get(&broken, STATS).await.unwrap_err().contains("502"));
    let (silent, _tasks) = admin(async |_| std::future::pending::<Reply>().await).await;
    assert!(
        get(&silent, STATS)
            .await
            .unwrap_err()
            .contains("no answer within")
    );
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(get(&nobody.to_string(), STATS).await.is_err());
}

#[test]
fn gauges_are_read_by_cluster_also_when_its_name_has_dots() {
    let stats = br#"{"stats":[
        {"name":"cluster.a.upstream_rq_active","value":3},
        {"name":"cluster.a.membership_healthy","value":0},
        {"name":"cluster.a.membership_total","value":1},
        {"name":"cluster.b.c.membership_total","value":2},
        {"name":"cluster.a.upstream_rq_active_overflow","value":9},
        {"name":"cluster.a.version_text","value":"x"},
        {"histograms":{"supported_quantiles":[]}}]}"#;
    let gauges = read_gauges(read_stats(stats).unwrap(), 77);
    assert_eq!(
        gauges["a"],
        Gauges {
            active: 3,
            healthy: 0,
            total: 1,
            at: 77
        }
    );
    assert_eq!(gauges["b.c"].total, 2);
    assert!(read_clusters(b"{}").unwrap().is_empty());
    let listed = read_clusters(br#"{"cluster_statuses":[{"name":"a","added_via_api":true}]}"#);
    assert_eq!(listed.unwrap(), BTreeSet::from(["a".to_owned()]));
}

#[tokio::test]
async fn a_failing_envoy_is_counted_and_one_that_returns_is_believed_again() {
    let up = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let (address, _tasks) = admin(move |path| {
        let is_up = is_up.load(std::sync::atomic::Ordering::SeqCst);
        let text = match (is_up, path.starts_with("/stats")) {
            (false, _) => "no",
            (true, true) => r#"{"stats":[]}"#,
            (true, false) => r#"{"cluster_statuses":[]}"#,
        };
        async move { body(text) }
    })
    .await;
    let loaded = Loaded::new(crate::config::parse(&config_yaml(&["a"])).unwrap());
    let control = Control::new(setting(), loaded, super::super::shared::today());
    let shared = Shared::new(control, None);
    let mut tasks = JoinSet::new();
    tasks.spawn(run(Arc::clone(&shared), address));
    let settles = async |failing: bool| {
        let deadline = Instant::now() + Duration::from_secs(10);
        while shared.control().envoy_mut().is_failing() != failing {
            assert!(Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
    };
    settles(true).await;
    up.store(true, std::sync::atomic::Ordering::SeqCst);
    settles(false).await;
    let text = shared.metrics().encode(std::iter::empty()).unwrap();
    assert!(!text.contains("ark_scrape_failures_total 0"));
}
