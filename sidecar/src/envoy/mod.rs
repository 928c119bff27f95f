//! Envoy's configuration, generated from `ark.yaml`: by xDS for `ark serve`, as one file for
//! `ark render envoy`.
//!
//! Who depends on what decides what a change disturbs. With [`Mode::Dynamic`] the listener depends
//! on `gateway` alone, a cluster on its own provider and the body limit, and everything that
//! concerns several providers stands in the routes, which Envoy swaps without closing anything.

mod authentication;
mod cluster;
mod headers;
mod hedge;
mod jwt;
mod listener;
mod local_reply;
mod overload;
mod route;
mod secret;
mod shadow;
mod tls;
mod wasm;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use ark_gateway_core::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::config::Config;
use crate::credential::Secret;
use crate::material::Material;

pub use jwt::path_of as jwks_path;
use overload::overload_manager;

/// The cluster of the sidecar's Unix socket, in the bootstrap and in static configurations.
pub const SIDECAR_CLUSTER: &str = "ark-sidecar";

/// The name of the listener and of the route configuration.
const ARK: &str = "ark";

/// What a connection holds in either direction before it makes its peer wait: much more, and a client
/// that reads slowly would have Envoy take in whole streams. What a *request* may be is the route's
/// `request_body_buffer_limit`.
const CONNECTION_BUFFER_BYTES: u32 = 1 << 20;

/// What Envoy may hold beyond one body: the read that crosses the limit.
const BUFFER_SLACK_BYTES: u32 = 64 * 1024;

/// What depends on where Ark runs rather than on `ark.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Path of `ark_filter.wasm`, as Envoy sees it.
    pub filter: String,
    /// Where Envoy listens for clients: `ADDRESS:PORT`, an IP address (an IPv6 one in brackets).
    pub listen: String,
    /// Path of the sidecar's Unix socket, as Envoy sees it; empty when there is no sidecar.
    pub socket: String,
    /// How often each worker asks the sidecar for news.
    pub sync_interval_ms: u32,
}

/// Where Envoy has its configuration from.
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Routes and secrets by REST xDS from the sidecar; resources carry their `@type`.
    Dynamic,
    /// Everything in one file, this snapshot included.
    Static(&'a Snapshot),
}

/// The clusters, one per provider, in the operator's order. Each depends on its own provider and
/// the body limit only.
#[must_use]
pub fn clusters(config: &Config, place: &Place, mode: Mode<'_>) -> Vec<Value> {
    let one = |provider| typed(cluster::provider(provider, place, mode), mode, CLUSTER);
    config.providers.iter().map(one).collect()
}

/// The clusters of issuers of tokens. They depend on `identity` only.
#[must_use]
pub fn identity_clusters(config: &Config, mode: Mode<'_>) -> Vec<Value> {
    jwt::clusters(config)
        .map(|cluster| typed(cluster, mode, CLUSTER))
        .collect()
}

/// The listener. With [`Mode::Dynamic`] it does not depend on providers, models or keys.
#[must_use]
pub fn listeners(config: &Config, place: &Place, mode: Mode<'_>) -> Vec<Value> {
    let mut listeners = vec![typed(
        listener::listener(config, place, mode),
        mode,
        LISTENER,
    )];
    if hedge::is_served(config, mode) {
        listeners.push(typed(hedge::listener(config, mode), mode, LISTENER));
    }
    listeners
}

/// The cluster through which a hedged request reaches the inner listener. Depends on nothing.
#[must_use]
pub fn hedge_cluster() -> Value {
    typed(hedge::cluster(), Mode::Dynamic, CLUSTER)
}

/// The route configuration `ark`, for RDS (it carries its `@type`).
#[must_use]
pub fn routes(config: &Config, _place: &Place) -> Vec<Value> {
    vec![typed(
        route::configuration(config, Mode::Dynamic),
        Mode::Dynamic,
        ROUTES,
    )]
}

/// The secrets `provider/<name>` for SDS, of the providers of `config` that are in `resolved`.
///
/// The result holds credentials: it goes to Envoy over the Unix socket and nowhere else.
#[must_use]
pub fn secrets(config: &Config, resolved: &BTreeMap<String, Secret>) -> Vec<Value> {
    let known = config
        .providers
        .iter()
        .filter_map(|provider| Some((provider, resolved.get(&provider.name)?)));
    known
        .map(|(provider, value)| typed(secret::inline(provider, value), Mode::Dynamic, SECRET))
        .collect()
}

/// The listener's own secrets for SDS. As [`secrets`], this goes to Envoy and nowhere else.
#[must_use]
pub fn listener_secrets(material: &Material) -> Vec<Value> {
    let secrets = tls::secrets(material).into_iter();
    secrets
        .map(|secret| typed(secret, Mode::Dynamic, SECRET))
        .collect()
}

/// A complete static configuration. Says where credentials are kept, never holds one.
///
/// With a socket in `place` the filter still reports to a sidecar and has scores from it; without
/// one it serves `snapshot` for ever, in the operator's order.
#[must_use]
pub fn static_config(config: &Config, place: &Place, snapshot: &Snapshot) -> Value {
    let mode = Mode::Static(snapshot);
    let mut clusters = clusters(config, place, mode);
    clusters.extend(identity_clusters(config, mode));
    let is_hedging = hedge::is_served(config, mode);
    if is_hedging {
        clusters.push(hedge::cluster());
    }
    if !place.socket.is_empty() {
        clusters.push(cluster::sidecar(&place.socket));
    }
    let mut whole = json!({
        "node": {"id": "ark-envoy", "cluster": ARK},
        "admin": {"address": address("127.0.0.1:9901")},
        "static_resources": {
            "listeners": listeners(config, place, mode),
            "clusters": clusters,
            "secrets": secret::references(config),
        },
        "stats_config": stats_config(),
        "overload_manager": overload_manager(),
    });
    if let (true, Some(fields)) = (is_hedging, whole.as_object_mut()) {
        fields.insert(
            "bootstrap_extensions".to_owned(),
            hedge::bootstrap_extensions(),
        );
    }
    whole
}

const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// An xDS resource names its type; the same thing within a file must not.
fn typed(mut resource: Value, mode: Mode<'_>, type_url: &str) -> Value {
    if let (Mode::Dynamic, Some(fields)) = (mode, resource.as_object_mut()) {
        fields.insert("@type".to_owned(), json!(type_url));
    }
    resource
}

/// What Envoy holds of a request, so that it can be sent again; the filter refuses a larger one first.
fn request_buffer_bytes(config: &Config) -> u32 {
    config
        .gateway
        .body_limit_bytes
        .saturating_add(BUFFER_SLACK_BYTES)
}

/// A duration as protobuf's JSON form has it: `1.500s`.
fn milliseconds(ms: u64) -> String {
    format!("{}.{:03}s", ms / 1000, ms % 1000)
}

/// `ADDRESS:PORT` as Envoy has it.
fn address(listen: &str) -> Value {
    let (host, port) = listen.rsplit_once(':').unwrap_or((listen, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port: u16 = port.parse().unwrap_or(0);
    json!({"socket_address": {"address": host, "port_value": port}})
}

/// REST xDS from the sidecar, asked every `refresh_ms` (Envoy adds up to as much again). Without an
/// answer Envoy goes on after `wait_ms`, and goes on asking.
fn from_sidecar(refresh_ms: u64, wait_ms: u64) -> Value {
    json!({
        "resource_api_version": "V3",
        "initial_fetch_timeout": milliseconds(wait_ms),
        "api_config_source": {
            "api_type": "REST",
            "transport_api_version": "V3",
            "cluster_names": [SIDECAR_CLUSTER],
            "refresh_delay": milliseconds(refresh_ms),
            "request_timeout": "1s",
        },
    })
}

/// Histogram buckets in milliseconds that tell a first token in 80 ms from one in 200 ms, and a
/// stream of one minute from one of five. The bootstrap has the same.
fn stats_config() -> Value {
    json!({"histogram_bucket_settings": [{
        "match": {"safe_regex": {"regex": ".*"}},
        "buckets": [
            0.5, 1, 2.5, 5, 10, 25, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000,
            5000, 7500, 10000, 20000, 30000, 60000, 120_000, 300_000, 600_000
        ],
    }]})
}
