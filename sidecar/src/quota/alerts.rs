//! Alerts: a share of a limit is used up, and somebody is told, without anything waiting for that.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::webhook::Webhook;
use super::{Shown, lock};
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
        let mut webhook = Webhook::new(webhook);
        let body = serde_json::to_vec(&alert).unwrap_or_default();
        let result = post_patiently(&mut webhook, &Bytes::from(body)).await;
        match result {
            Ok(()) => shared.metrics().limits().alerted("sent"),
            Err(reason) => {
                shared.metrics().limits().alerted("failed");
                tracing::error!(reason, "an alert of a limit could not be delivered");
            }
        }
    }
}

async fn post_patiently(webhook: &mut Webhook, body: &Bytes) -> Result<(), String> {
    let mut pause = PAUSE;
    let mut result = Ok(());
    for attempt in 0..TRIES {
        if attempt > 0 {
            sleep(pause).await;
            pause *= 2;
        }
        result = match timeout(DEADLINE, webhook.post(body.clone())).await {
            Ok(result) => result,
            Err(_late) => Err(format!("no answer within {DEADLINE:?}")),
        };
        if result.is_ok() {
            break;
        }
    }
    result
}
