//! The listener for clients.

use serde_json::{Value, json};

use super::{
    ARK, CONNECTION_BUFFER_BYTES, Mode, Place, address, from_sidecar, jwt, local_reply, route, tls,
    wasm,
};
use crate::config::Config;

/// A listener without routes answers 404, which is better than no listener.
const ROUTES_WAIT_MS: u64 = 2_000;

/// How often routes are asked for anew: a new provider is to serve within two seconds.
const ROUTES_REFRESH_MS: u64 = 200;

/// Largest request head; a client's cookies and tracing baggage fit, a mistaken body does not.
const MAX_REQUEST_HEADERS_KB: u32 = 64;

/// The listener.
pub(super) fn listener(config: &Config, place: &Place, mode: Mode<'_>) -> Value {
    let mut chain = json!({"filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": connection_manager(config, place, mode),
    }]});
    if let (Some(fields), Some(tls)) = (chain.as_object_mut(), &config.gateway.tls) {
        fields.insert("transport_socket".to_owned(), tls::downstream(tls, mode));
        fields.insert("transport_socket_connect_timeout".to_owned(), json!("10s"));
    }
    json!({
        "name": ARK,
        "address": address(&place.listen),
        "per_connection_buffer_limit_bytes": CONNECTION_BUFFER_BYTES,
        "filter_chains": [chain],
    })
}

fn connection_manager(config: &Config, place: &Place, mode: Mode<'_>) -> Value {
    let mut filters = Vec::from_iter(jwt::filter(config, mode));
    filters.extend([wasm::gateway(place, mode), router()]);
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": ARK,
        "server_name": ARK,
        "use_remote_address": true,
        "xff_num_trusted_hops": config.gateway.trusted_hops,
        "skip_xff_append": true,
        "generate_request_id": true,
        "always_set_request_id_in_response": true,
        "normalize_path": true,
        "merge_slashes": true,
        "max_request_headers_kb": MAX_REQUEST_HEADERS_KB,
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "max_headers_count": 128,
            // Servers that take `-` and `_` for the same would see a header past our checks.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 256,
            "initial_stream_window_size": 1_048_576,
            "initial_connection_window_size": 4_194_304,
        },
        "request_headers_timeout": "10s",
        // A whole body on a slow line.
        "request_timeout": "300s",
        // Until a route is known; the route's own `idle_timeout` takes its place.
        "stream_idle_timeout": "300s",
        "early_header_mutation_extensions": [early_mutation()],
        "access_log": [access_log()],
        "local_reply_config": local_reply::config(config),
        "http_filters": filters,
    });
    let (name, source) = match mode {
        Mode::Dynamic => (
            "rds",
            json!({"route_config_name": ARK, "config_source": from_sidecar(ROUTES_REFRESH_MS, ROUTES_WAIT_MS)}),
        ),
        Mode::Static(_) => ("route_config", route::configuration(config, mode)),
    };
    if let Some(fields) = manager.as_object_mut() {
        fields.insert(name.to_owned(), source);
    }
    manager
}

/// What a client sends must not steer retries, timeouts or the choice of a cluster.
fn early_mutation() -> Value {
    json!({
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            // Who a caller is, Envoy alone says; always removed, also while no issuer is named, so that no
            // order of updates lets one through.
            "mutations": [
                {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
                {"remove": jwt::VERIFIED},
            ],
        },
    })
}

/// Its own headers stay within: no provider needs our timeouts, no client the providers' times.
fn router() -> Value {
    json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    })
}

/// In CEL: it is not the filter's refusal of what is too much.
const NOT_SHED: &str = "response.code != 503 || response.code_details != '' || \
    !('x-ark-reject' in response.headers) || response.headers['x-ark-reject'] != 'overloaded'";

/// One line of JSON for each request that failed, and none for the others: those are in the
/// filter's records. None, either, for what a worker sheds, which is counted and recorded: a line for each
/// would make it the dearer. No header but the request's id, and no query: both can hold secrets.
fn access_log() -> Value {
    json!({
        "name": "envoy.access_loggers.stdout",
        "filter": {"and_filter": {"filters": [
            {"status_code_filter": {"comparison": {
                "op": "GE",
                "value": {"default_value": 500, "runtime_key": "ark.access_log.min_status"},
            }}},
            local_reply::cel(NOT_SHED),
        ]}},
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": {
                "at": "%START_TIME%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "method": "%REQ(:METHOD)%",
                "path": "%PATH(NQ)%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "flags": "%RESPONSE_FLAGS%",
                "duration_ms": "%DURATION%",
                "bytes_received": "%BYTES_RECEIVED%",
                "bytes_sent": "%BYTES_SENT%",
                "cluster": "%UPSTREAM_CLUSTER%",
                "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
            }},
        },
    })
}
