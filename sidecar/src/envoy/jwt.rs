//! Tokens are verified by Envoy's own `jwt_authn`, before the filter: it refuses nothing, and what it has
//! verified is the one thing that the filter believes.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Mode, SIDECAR_CLUSTER, cluster, milliseconds};
use crate::config::{Config, Host, JwksConfig, JwtConfig, Scheme};

/// The payload of a verified token, in base64url. Removed from what clients send before any filter runs,
/// and from what providers see.
pub(super) const VERIFIED: &str = "x-ark-verified";

/// Where `jwt_authn` says why a token is no good; the filter reads it there.
const FAILED: &str = "failed";

/// How long to wait for an issuer's keys.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// After a fetch that failed; until then, and after, the keys before it are used.
const FETCH_AGAIN: Duration = Duration::from_secs(1);
/// How old the keys of a file may be that the sidecar serves over its socket.
const FILE_AGE: Duration = Duration::from_secs(1);

/// The path of an issuer's keys at the sidecar's socket.
#[must_use]
pub fn path_of(name: &str) -> String {
    format!("/identity/v1/jwks/{name}")
}

/// The filter; `None` where no issuer is named.
pub(super) fn filter(config: &Config, mode: Mode<'_>) -> Option<Value> {
    if config.identity.jwt.is_empty() {
        return None;
    }
    let providers: Map<String, Value> = config
        .identity
        .jwt
        .iter()
        .map(|jwt| (jwt.name.clone(), provider(jwt, mode)))
        .collect();
    Some(json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": providers,
            // API keys come by the same header, and the filter answers in the caller's dialect.
            "rules": [{"match": {"prefix": "/"}, "requires": {"allow_missing_or_failed": {}}}],
        },
    }))
}

fn provider(jwt: &JwtConfig, mode: Mode<'_>) -> Value {
    let mut provider = json!({
        "issuer": jwt.issuer,
        "audiences": jwt.audiences,
        "clock_skew_seconds": jwt.clock_skew_s,
        "require_expiration": true,
        // The filter reads its header; the route removes it.
        "forward": true,
        // One place only: of two tokens it would not be clear whose claims count.
        "from_headers": [
            {"name": "authorization", "value_prefix": "Bearer "},
            {"name": "authorization", "value_prefix": "bearer "},
        ],
        "forward_payload_header": VERIFIED,
        "failed_status_in_metadata": FAILED,
    });
    let (name, keys) = match (&jwt.jwks, mode) {
        (
            JwksConfig::Url {
                endpoint, cache_s, ..
            },
            _,
        ) => {
            let scheme = match endpoint.scheme {
                Scheme::Http => "http",
                Scheme::Https => "https",
            };
            let uri = format!("{scheme}://{}{}", endpoint.authority(), endpoint.base_path);
            let age = Duration::from_secs((*cache_s).into());
            ("remote_jwks", fetched(&uri, &cluster_of(jwt), age))
        }
        (JwksConfig::File(_), Mode::Dynamic) => {
            let uri = format!("http://{SIDECAR_CLUSTER}{}", path_of(&jwt.name));
            ("remote_jwks", fetched(&uri, SIDECAR_CLUSTER, FILE_AGE))
        }
        (JwksConfig::File(path), Mode::Static(_)) => {
            ("local_jwks", json!({"filename": path.to_string_lossy()}))
        }
    };
    if let Some(fields) = provider.as_object_mut() {
        fields.insert(name.to_owned(), keys);
    }
    provider
}

/// Fetched before the first request and ever again, never by a request.
fn fetched(uri: &str, cluster: &str, age: Duration) -> Value {
    json!({
        "http_uri": {"uri": uri, "cluster": cluster, "timeout": in_json(FETCH_TIMEOUT)},
        "cache_duration": in_json(age),
        "async_fetch": {"failed_refetch_duration": in_json(FETCH_AGAIN)},
        "retry_policy": {"num_retries": 2},
    })
}

fn in_json(duration: Duration) -> String {
    milliseconds(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn cluster_of(jwt: &JwtConfig) -> String {
    format!("jwks/{}", jwt.name)
}

/// The clusters of issuers whose keys are at a URL.
pub(super) fn clusters(config: &Config) -> impl Iterator<Item = Value> {
    config
        .identity
        .jwt
        .iter()
        .filter_map(|jwt| match &jwt.jwks {
            JwksConfig::File(_) => None,
            JwksConfig::Url { endpoint, tls, .. } => {
                let name = cluster_of(jwt);
                let (discovery, host) = match &endpoint.host {
                    Host::Ip(address) => ("STATIC", address.to_string()),
                    Host::Name(name) => ("LOGICAL_DNS", name.clone()),
                };
                let mut cluster = json!({
                    "name": name,
                    "type": discovery,
                    "connect_timeout": in_json(FETCH_TIMEOUT),
                    "load_assignment": {
                        "cluster_name": name,
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {
                            "socket_address": {"address": host, "port_value": endpoint.port},
                        }}}]}],
                    },
                });
                if let (Some(fields), Host::Name(_)) = (cluster.as_object_mut(), &endpoint.host) {
                    fields.insert("dns_lookup_family".to_owned(), json!("V4_PREFERRED"));
                }
                if let (Some(fields), Scheme::Https) = (cluster.as_object_mut(), endpoint.scheme) {
                    fields.insert("transport_socket".to_owned(), cluster::tls(endpoint, tls));
                }
                Some(cluster)
            }
        })
}
