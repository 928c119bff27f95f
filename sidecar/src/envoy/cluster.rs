//! One cluster per provider, and the sidecar's.

use serde_json::{Value, json};

use super::tls::parameters;
use super::{
    CONNECTION_BUFFER_BYTES, Mode, Place, SIDECAR_CLUSTER, authentication, headers, milliseconds,
    wasm,
};
use crate::config::{Endpoint, Host, ProviderConfig, Scheme, TlsConfig};

/// Where Debian, Ubuntu, Alpine and Envoy's own image keep the certificate authorities.
const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Envoy's own limits are out of the way on purpose: a request over one of them is answered 503
/// without a retry, whereas the filter, which knows `max_in_flight`, sends it to the next target.
const NO_LIMIT: u32 = 1_000_000;

/// The cluster of one provider.
pub(super) fn provider(provider: &ProviderConfig, place: &Place, mode: Mode<'_>) -> Value {
    let endpoint = &provider.endpoint;
    let (discovery, host) = match (&endpoint.host, endpoint.scheme) {
        (Host::Ip(address), _) => ("STATIC", address.to_string()),
        // A vendor's name answers with other addresses each time: STRICT_DNS would drain
        // connections at every answer. Behind a name of one's own every address is a server.
        (Host::Name(name), Scheme::Https) => ("LOGICAL_DNS", name.clone()),
        (Host::Name(name), Scheme::Http) => ("STRICT_DNS", name.clone()),
    };
    let mut cluster = json!({
        "name": provider.name,
        "type": discovery,
        "connect_timeout": milliseconds(provider.timeouts.connect_ms.into()),
        "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_BYTES,
        "load_assignment": {
            "cluster_name": provider.name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {
                "socket_address": {"address": host, "port_value": endpoint.port},
            }}}]}],
        },
        "circuit_breakers": {"thresholds": [{
            "max_connections": NO_LIMIT,
            "max_pending_requests": NO_LIMIT,
            "max_requests": NO_LIMIT,
            "max_retries": NO_LIMIT,
        }]},
        "outlier_detection": outlier_detection(),
        // One per cent: a provider of which nothing is healthy is tried all the same. At 0 Envoy
        // answers 503 itself, without a retry, though the next target would have served.
        "common_lb_config": {"healthy_panic_threshold": {"value": 1}},
        "upstream_connection_options": {
            "tcp_keepalive": {"keepalive_time": 60, "keepalive_interval": 10, "keepalive_probes": 3},
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol(provider, place, mode),
        },
    });
    if let (Some(fields), Host::Name(_)) = (cluster.as_object_mut(), &endpoint.host) {
        fields.insert("dns_lookup_family".to_owned(), json!("V4_PREFERRED"));
    }
    if let (Some(fields), Scheme::Https) = (cluster.as_object_mut(), endpoint.scheme) {
        fields.insert("transport_socket".to_owned(), tls(endpoint, &provider.tls));
    }
    cluster
}

/// Takes single bad hosts out of a provider with several, and tells the sidecar of dead providers.
fn outlier_detection() -> Value {
    json!({
        "consecutive_5xx": 5,
        "interval": "1s",
        "base_ejection_time": "5s",
        "max_ejection_time": "30s",
        "max_ejection_percent": 100,
    })
}

fn protocol(provider: &ProviderConfig, place: &Place, mode: Mode<'_>) -> Value {
    let mut filters = vec![headers::kept_apart(), wasm::provider(place, &provider.name)];
    // After the filter, so that no credential ever enters Wasm, and what is signed is what is sent.
    filters.extend(authentication::filter(provider, mode));
    filters.push(json!({
        "name": "envoy.filters.http.upstream_codec",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec",
        },
    }));
    let (version, options) = match provider.endpoint.scheme {
        Scheme::Http => ("explicit_http_config", json!({"http_protocol_options": {}})),
        Scheme::Https => (
            "auto_config",
            json!({"http_protocol_options": {}, "http2_protocol_options": {}}),
        ),
    };
    json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        version: options,
        // Shorter than what servers keep idle connections for: the race between their close and
        // our next request is theirs to lose.
        "common_http_protocol_options": {"idle_timeout": "55s"},
        "http_filters": filters,
    })
}

/// TLS towards a provider, or an issuer of tokens.
pub(super) fn tls(endpoint: &Endpoint, config: &TlsConfig) -> Value {
    let ca_file = match &config.ca_file {
        Some(path) => path.to_string_lossy().into_owned(),
        None => SYSTEM_CA_FILE.to_owned(),
    };
    let (name, san_type) = match (&config.server_name, &endpoint.host) {
        (Some(name), _) | (None, Host::Name(name)) => (name.clone(), "DNS"),
        (None, Host::Ip(address)) => (address.to_string(), "IP_ADDRESS"),
    };
    let mut context = json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "tls_params": parameters(config.min_version),
            "validation_context": {
                "trusted_ca": {"filename": ca_file},
                // Not from the Host header: that one is the client's until the filter sets it.
                "match_typed_subject_alt_names": [
                    {"san_type": san_type, "matcher": {"exact": name}},
                ],
            },
        },
    });
    if let (Some(fields), "DNS") = (context.as_object_mut(), san_type) {
        fields.insert("sni".to_owned(), json!(name));
    }
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}

/// The sidecar's cluster, as the bootstrap has it.
pub(super) fn sidecar(socket: &str) -> Value {
    json!({
        "name": SIDECAR_CLUSTER,
        "type": "STATIC",
        "connect_timeout": "0.250s",
        "load_assignment": {
            "cluster_name": SIDECAR_CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]}],
        },
        "circuit_breakers": {"thresholds": [{"max_connections": 1024, "max_pending_requests": 1024, "max_requests": 1024}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": "30s"},
            },
        },
    })
}
