//! Sends probes through Envoy, as a client would: what provider they reach and with which credential is
//! Envoy's matter, and their records come the way of all records.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::shared::Shared;
use crate::control::Probe;
use crate::credential::Secret;
use crate::http::{client, read_capped};
use crate::observations::TargetKey;

/// How often it is looked who is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most probes at once; more wait for their turn.
const MOST_RUNNING: usize = 32;
/// One token with all its events, or the vector of a word.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

/// Probes for ever. `envoy_admin` tells on which machine Envoy is.
///
/// # Errors
/// One of them took its task down.
pub(super) async fn run(
    shared: Arc<Shared>,
    envoy_admin: String,
    key: Secret,
) -> Result<Infallible, String> {
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut running: JoinSet<(TargetKey, Result<(), String>)> = JoinSet::new();
    loop {
        tokio::select! {
            _ = look.tick(), if running.len() < MOST_RUNNING => {
                let (probes, listen) = {
                    let mut control = shared.control();
                    let room = MOST_RUNNING - running.len();
                    (control.probes(room, shared.now()), control.listen())
                };
                for probe in probes {
                    let key = key.clone();
                    let gateway = listen.map(|listen| gateway(listen, &envoy_admin));
                    running.spawn(async move {
                        let result = send(gateway, &probe, &key).await;
                        (probe.target, result)
                    });
                }
            }
            Some(ended) = running.join_next() => {
                let (target, result) = ended.map_err(|error| error.to_string())?;
                let unsent = result.err();
                shared.control().probe_ended(&target, unsent.as_deref());
            }
        }
    }
}

/// Where the listener is, as seen from here: at its own address if that is reached from here, else on the
/// machine of Envoy's admin interface.
fn gateway(listen: SocketAddr, envoy_admin: &str) -> String {
    let host = envoy_admin
        .rsplit_once(':')
        .map_or(envoy_admin, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = bare == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    if is_here && !listen.ip().is_unspecified() {
        listen.to_string()
    } else {
        format!("{host}:{}", listen.port())
    }
}

/// Sends one; what became of it at the provider is in its record. An error is the gateway's own, in words.
async fn send(gateway: Option<String>, probe: &Probe, key: &Secret) -> Result<(), String> {
    let gateway = gateway.ok_or("it is not known where Envoy listens")?;
    let limit = Duration::from_millis(probe.timeout_ms.into());
    match timeout(limit, exchange(&gateway, probe, key, limit)).await {
        Ok(result) => result,
        // The record tells, as the gateway ends the exchange when this connection closes.
        Err(_elapsed) => Ok(()),
    }
}

async fn exchange(
    gateway: &str,
    probe: &Probe,
    key: &Secret,
    limit: Duration,
) -> Result<(), String> {
    let request = Request::post(probe.path)
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Bearer {}", key.expose()))
        .header("x-ark-provider", &probe.target.0)
        .body(Full::new(Bytes::from(probe.body.to_string())))
        .map_err(|error| format!("{gateway}: {error}"))?;
    let status = client::ask(gateway, request, async |response| {
        let attempts = response.headers().get("x-ark-attempts");
        let is_gateways_own = attempts.is_none_or(|count| count.as_bytes() == b"0");
        let status = response.status();
        // To its end, so that the exchange is not one that its client has left; a stream that breaks is in
        // the record, as is a provider's failure.
        let _read = read_capped(response.into_body(), ANSWER_LIMIT_BYTES, limit).await;
        Ok(is_gateways_own.then_some(status))
    });
    match status.await {
        Ok(None) => Ok(()),
        Ok(Some(status)) => Err(format!("{gateway} answers {status} by itself")),
        Err(error) => Err(format!("{gateway}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_is_where_it_listens_or_beside_envoys_admin() {
        let at = |listen: &str, admin| gateway(listen.parse().unwrap(), admin);
        assert_eq!(at("127.0.0.1:8080", "127.0.0.1:9901"), "127.0.0.1:8080");
        assert_eq!(at("0.0.0.0:8080", "127.0.0.1:9901"), "127.0.0.1:8080");
        assert_eq!(at("0.0.0.0:8080", "envoy:9901"), "envoy:8080");
        assert_eq!(at("10.0.0.7:8080", "localhost:9901"), "10.0.0.7:8080");
        assert_eq!(at("[::]:8080", "[::1]:9901"), "[::1]:8080");
    }
}
