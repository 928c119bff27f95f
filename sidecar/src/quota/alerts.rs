//! Alerts: a share of a limit is used up, and somebody is told, without anything waiting for that.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{Shown, lock};
use crate::config::{Endpoint, Host};
use crate::http::client;
use crate::metrics::Metrics;
use crate::serve::shared::{Shared, unix_ms};

/// Alerts that wait at most; more are dropped and counted.
const MOST_WAITING: usize = 256;
/// Tries of one alert.
const TRIES: u32 = 4;
/// How long one try may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// What the webhook is told, as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Alert {
    /// When, milliseconds since the Unix epoch.
    at_ms: u64,
    /// The threshold that was reached, percent.
    percent: u8,
    #[serde(flatten)]
    counter: Shown,
}

impl Alert {
    pub(super) fn new(counter: &Shown, percent: u8) -> Self {
        Self {
            at_ms: unix_ms(),
            percent,
            counter: counter.clone(),
        }
    }
}

/// Alerts on their way.
#[derive(Default)]
pub struct Alerts {
    waiting: Mutex<VecDeque<Alert>>,
    news: Notify,
}

impl Alerts {
    pub(super) fn tell(&self, alert: Alert, metrics: &Metrics) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= MOST_WAITING {
            metrics.limits().alerted("dropped");
            return;
        }
        waiting.push_back(alert);
        self.news.notify_one();
    }

    async fn next(&self) -> Alert {
        loop {
            let next = lock(&self.waiting).pop_front();
            match next {
                Some(alert) => return alert,
                None => self.news.notified().await,
            }
        }
    }
}

/// Posts alerts for ever, each to the webhook that is configured when its turn comes.
///
/// # Errors
/// Never.
pub async fn run(shared: Arc<Shared>) -> Result<Infallible, String> {
    loop {
        let alert = shared.quota().alerts().next().await;
        let webhook = shared.control().webhook();
        let Some(webhook) = webhook else {
            continue;
        };
        let body = serde_json::to_vec(&alert).unwrap_or_default();
        let result = post_patiently(&webhook, &Bytes::from(body)).await;
        match result {
            Ok(()) => shared.metrics().limits().alerted("sent"),
            Err(reason) => {
                shared.metrics().limits().alerted("failed");
                tracing::error!(reason, "an alert of a limit could not be delivered");
            }
        }
    }
}

async fn post_patiently(webhook: &Endpoint, body: &Bytes) -> Result<(), String> {
    let mut pause = PAUSE;
    let mut result = Ok(());
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep(pause).await;
            pause *= 2;
        }
        result = match timeout(DEADLINE, post(webhook, body.clone())).await {
            Ok(result) => result,
            Err(_late) => Err(format!("no answer within {DEADLINE:?}")),
        };
        if result.is_ok() {
            break;
        }
    }
    result
}

/// `host:port`, the port always: an address of IPv6 has colons of its own.
fn address_of(webhook: &Endpoint) -> String {
    match &webhook.host {
        Host::Ip(IpAddr::V6(address)) => format!("[{address}]:{}", webhook.port),
        Host::Ip(IpAddr::V4(address)) => format!("{address}:{}", webhook.port),
        Host::Name(name) => format!("{name}:{}", webhook.port),
    }
}

async fn post(webhook: &Endpoint, body: Bytes) -> Result<(), String> {
    let authority = webhook.authority();
    let address = address_of(webhook);
    let path = match webhook.base_path.as_str() {
        "" => "/",
        path => path,
    };
    let request = Request::post(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    client::ask(&address, request, async |response| {
        match response.status().is_success() {
            true => Ok(()),
            false => Err(format!("it answers {}", response.status())),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scheme;

    #[test]
    fn an_address_has_its_port() {
        let local = |ip: &str| Host::Ip(ip.parse().unwrap());
        for (host, port, address) in [
            (local("::1"), 80, "[::1]:80"),
            (local("::1"), 9000, "[::1]:9000"),
            (local("127.0.0.1"), 80, "127.0.0.1:80"),
            (
                Host::Name("hooks.example.com".into()),
                8080,
                "hooks.example.com:8080",
            ),
        ] {
            let webhook = Endpoint {
                scheme: Scheme::Http,
                host,
                port,
                base_path: String::new(),
            };
            assert_eq!(address_of(&webhook), address);
        }
    }
}
