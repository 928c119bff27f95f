//! Reads Envoy's admin interface: gauges every second, the list of clusters while it matters.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::shared::Shared;
use crate::Ms;
use crate::http::{client, read_capped};
use crate::scores::Gauges;

mod overload;

const STATS: &str = "/stats?format=json&filter=%5Ecluster%5C..*%5C.\
    (upstream_rq_active%7Cmembership_healthy%7Cmembership_total)$\
    %7C%5Eoverload%5C..*%5C.(active%7Cpressure)$%7Cdownstream_global_cx_overflow$";
const CLUSTERS: &str = "/clusters?format=json";

/// How often the loop looks; clusters are read as often while a provider comes or goes.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often gauges are read.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// An Envoy that takes longer is not well.
const DEADLINE: Duration = Duration::from_millis(900);
/// Hundreds of clusters fit.
const LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// Reads for ever; an Envoy that does not answer is counted, and logged when it begins and ends.
pub(super) async fn run(shared: Arc<Shared>, envoy_admin: String) -> Result<Infallible, String> {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gauges_at = Instant::now();
    loop {
        look.tick().await;
        if Instant::now() >= gauges_at {
            gauges_at = Instant::now() + GAUGES_EVERY;
            let answer = get(&envoy_admin, STATS).await;
            let read = answer.and_then(|body| {
                let stats = read_stats(&body)?;
                let overload = overload::read(&stats);
                Ok((read_gauges(stats, shared.now()), overload))
            });
            report(&shared, &envoy_admin, read, |shared, (gauges, overload)| {
                let now = shared.now();
                shared.control().envoy_mut().set_gauges(gauges, now);
                for action in shared.metrics().overload().show_envoy(&overload) {
                    tracing::warn!(action, "Envoy is overloaded");
                }
            });
        }
        let wants_clusters = shared.control().wants_clusters();
        if wants_clusters {
            let answer = get(&envoy_admin, CLUSTERS).await;
            let read = answer.and_then(|body| read_clusters(&body));
            report(&shared, &envoy_admin, read, |shared, listed| {
                let now = shared.now();
                let mut control = shared.control();
                control.envoy_mut().set_listed(listed, now);
                control.advance(now);
            });
        }
    }
}

fn report<T>(
    shared: &Shared,
    envoy_admin: &str,
    read: Result<T, String>,
    take: impl FnOnce(&Shared, T),
) {
    match read {
        Ok(value) => {
            if shared.control().envoy_mut().is_failing() {
                tracing::info!(envoy_admin, "Envoy's admin interface answers again");
            }
            take(shared, value);
        }
        Err(reason) => {
            shared.metrics().scrape_failed();
            if shared.control().envoy_mut().failed(shared.now()) {
                tracing::warn!(envoy_admin, reason, "cannot read Envoy's admin interface");
            }
        }
    }
}

async fn get(address: &str, path: &str) -> Result<Bytes, String> {
    match timeout(DEADLINE, exchange(address, path)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(format!("no answer within {DEADLINE:?}")),
    }
}

async fn exchange(address: &str, path: &str) -> Result<Bytes, String> {
    let request = Request::get(path)
        .body(Full::default())
        .map_err(|error| error.to_string())?;
    client::ask(address, request, async |response| {
        if response.status() != StatusCode::OK {
            return Err(format!("it answers {}", response.status()));
        }
        read_capped(response.into_body(), LIMIT_BYTES, DEADLINE)
            .await
            .map_err(|error| error.to_string())
    })
    .await
}

#[derive(Deserialize)]
struct Stats {
    stats: Vec<Stat>,
}

/// Of the stats that match, histograms have neither field.
#[derive(Deserialize)]
struct Stat {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Option<serde_json::Value>,
}

fn read_stats(body: &[u8]) -> Result<Vec<Stat>, String> {
    let stats: Stats = serde_json::from_slice(body).map_err(|e| format!("stats: {e}"))?;
    Ok(stats.stats)
}

fn read_gauges(stats: Vec<Stat>, now: Ms) -> BTreeMap<String, Gauges> {
    let mut clusters: BTreeMap<String, Gauges> = BTreeMap::new();
    for stat in stats {
        let value = stat.value.as_ref().and_then(serde_json::Value::as_u64);
        let name = stat
            .name
            .strip_prefix("cluster.")
            .and_then(|name| name.rsplit_once('.'));
        let (Some((cluster, gauge)), Some(value)) = (name, value) else {
            continue;
        };
        let gauges = clusters.entry(cluster.to_owned()).or_default();
        gauges.at = now;
        match gauge {
            "upstream_rq_active" => gauges.active = value,
            "membership_healthy" => gauges.healthy = value,
            "membership_total" => gauges.total = value,
            _ => {}
        }
    }
    clusters
}

#[derive(Deserialize)]
struct Clusters {
    #[serde(default)]
    cluster_statuses: Vec<ClusterStatus>,
}

#[derive(Deserialize)]
struct ClusterStatus {
    #[serde(default)]
    name: String,
}

fn read_clusters(body: &[u8]) -> Result<BTreeSet<String>, String> {
    let clusters: Clusters =
        serde_json::from_slice(body).map_err(|error| format!("clusters: {error}"))?;
    Ok(clusters
        .cluster_statuses
        .into_iter()
        .map(|status| status.name)
        .collect())
}

#[cfg(test)]
mod tests;
