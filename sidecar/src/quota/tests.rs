use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ark_gateway_core::quota::CounterReport;

use super::*;
use crate::config::parse;

const NOW_MS: u64 = 1_800_000_030_000;

fn rules(limits: &str) -> Rules {
    let text = include_str!("../../../ark.yaml").to_owned() + limits;
    Rules::of(&parse(&text).unwrap())
}

const ONE: &str = "
limits:
  - {name: one, per: [], of: tokens, limit: 100, window: month, alerts: [50, 100]}
";

fn report(worker: &str, used: u64, need: u64) -> QuotaReport {
    QuotaReport {
        worker: worker.to_owned(),
        counters: vec![CounterReport {
            limit: "one".to_owned(),
            end_s: NOW_MS / 1_000 + 1_000,
            sequence: used + 1,
            granted: used,
            used,
            need,
            want: need,
            least: need,
            ..CounterReport::default()
        }],
    }
}

async fn granted(quota: &Quota, rules: &Rules, report: &QuotaReport) -> Option<u64> {
    let metrics = Metrics::default();
    let at = (&metrics, NOW_MS);
    let answer = quota.exchange(rules, report, at).await;
    answer.counters[0].map(|grant| grant.granted)
}

/// Every store: two workers share what there is, and a message that comes twice changes nothing.
async fn shares(quota: &Quota) {
    let rules = rules(ONE);
    assert_eq!(granted(quota, &rules, &report("a", 0, 60)).await, Some(60));
    assert_eq!(granted(quota, &rules, &report("a", 0, 60)).await, Some(60));
    assert_eq!(granted(quota, &rules, &report("b", 0, 60)).await, Some(0));
    assert_eq!(granted(quota, &rules, &report("b", 0, 40)).await, Some(40));
    assert_eq!(granted(quota, &rules, &report("a", 60, 1)).await, Some(60));
    assert_eq!(quota.shown(NOW_MS / 1_000)[0].used, 100);
    let mut other = report("a", 0, 1);
    other.counters[0].limit = "gone".to_owned();
    assert_eq!(
        granted(quota, &rules, &other).await,
        None,
        "a limit of another configuration"
    );
    let mut early = report("a", 0, 1);
    early.counters[0].start_s = NOW_MS / 1_000 + 60;
    assert_eq!(
        granted(quota, &rules, &early).await,
        None,
        "a window that has not begun"
    );
}

#[tokio::test]
async fn the_embedded_store_shares() {
    shares(&Quota::default()).await;
}

struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_file_outlives_the_process_and_a_torn_line() {
    let name = format!("ark-limits-{}.jsonl", std::process::id());
    let file = File(std::env::temp_dir().join(name));
    let config = LimitsStoreConfig {
        place: StorePlace::Embedded(Some(file.0.clone())),
        ..LimitsStoreConfig::default()
    };
    let rules = rules(ONE);
    let quota = Quota::open(&config, NOW_MS).unwrap();
    assert_eq!(granted(&quota, &rules, &report("a", 70, 0)).await, Some(70));
    drop(quota);
    let mut text = std::fs::read_to_string(&file.0).unwrap();
    text.push_str("{\"k\":\"torn");
    std::fs::write(&file.0, text).unwrap();
    let quota = Quota::open(&config, NOW_MS).unwrap();
    assert_eq!(granted(&quota, &rules, &report("b", 0, 40)).await, Some(0));
    assert_eq!(granted(&quota, &rules, &report("b", 0, 30)).await, Some(30));
}

/// A real Redis on a socket of its own; `None` where none is installed.
struct Redis(Child, String);

impl Redis {
    fn start() -> Option<Self> {
        let socket = std::env::temp_dir().join(format!("ark-redis-{}.sock", std::process::id()));
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self(child, format!("redis+unix://{}", socket.display())))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn of_redis(url: &str) -> Quota {
    let config = LimitsStoreConfig {
        place: StorePlace::Redis {
            tls: None,
            url: url.to_owned(),
            password: None,
        },
        deadline_ms: 2_000,
        ..LimitsStoreConfig::default()
    };
    Quota::open(&config, NOW_MS).unwrap()
}

#[tokio::test]
async fn redis_shares_among_sidecars() {
    let Some(redis) = Redis::start() else {
        // The fleet's test needs it too, and says so.
        return;
    };
    let quota = of_redis(&redis.1);
    let rules = rules(ONE);
    // It takes a moment to listen.
    let mut first = None;
    for _ in 0..200 {
        first = granted(&quota, &rules, &report("c", 0, 0)).await;
        if first.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(first, Some(0));
    shares(&quota).await;
    let other = of_redis(&redis.1);
    assert_eq!(granted(&other, &rules, &report("d", 0, 1)).await, Some(0));
}

#[tokio::test]
async fn a_store_that_is_not_there_grants_nothing_and_says_so() {
    let quota = of_redis("redis://127.0.0.1:1/0");
    let rules = rules(ONE);
    assert_eq!(granted(&quota, &rules, &report("a", 0, 1)).await, None);
}
