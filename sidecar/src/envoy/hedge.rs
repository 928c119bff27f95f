//! Asking two targets at once.
//!
//! Envoy can send a second attempt while the first one waits (`hedge_on_per_try_timeout`), but only to the
//! same cluster: it does not pick another one for a hedge, and all attempts of a request share one map of
//! headers. So a hedged request goes to one cluster, which is a listener inside this Envoy: each attempt
//! arrives there as a request with a head of its own, and goes to the provider that its number stands for.

use serde_json::{Map, Value, json};

use super::{ARK, Mode, headers, request_buffer_bytes, route};
use crate::config::Config;

/// The inner listener and the cluster that leads to it.
const HEDGE: &str = "ark-hedge";

/// The header by which the filter asks for it, and what it says at either stage.
const STAGE: &str = "x-ark-hedge";
const RACE: &str = "race";
const ATTEMPT: &str = "attempt";

/// What ends at the inner listener.
const INNER_HEADERS: [&str; 4] = [
    STAGE,
    "x-ark-order",
    "x-ark-first-byte-ms",
    "x-ark-total-ms",
];

/// What a head may hold within: the outer listener takes 128 headers and 64 KiB, and the filter adds some.
const MAX_HEADERS: u32 = 192;
const MAX_HEADERS_KB: u32 = 96;

/// How long the inner listener waits for its routes.
const ROUTES_WAIT_MS: u64 = 2_000;
const ROUTES_REFRESH_MS: u64 = 200;

/// Whether it is there. Where configuration changes it always is, so that no snapshot can ask for it too
/// early.
pub(super) fn is_served(config: &Config, mode: Mode<'_>) -> bool {
    match mode {
        Mode::Dynamic => true,
        Mode::Static(_) => config.models.iter().any(|model| model.hedge.is_some()),
    }
}

/// What Envoy must be started with for a listener of this kind.
pub(super) fn bootstrap_extensions() -> Value {
    json!([{
        "name": "envoy.bootstrap.internal_listener",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
        },
    }])
}

/// Leads into this very worker: the filter's two roles still share one VM.
pub(super) fn cluster() -> Value {
    const NO_LIMIT: u32 = 1_000_000;
    json!({
        "name": HEDGE,
        "type": "STATIC",
        "connect_timeout": "1.000s",
        "load_assignment": {
            "cluster_name": HEDGE,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {
                "envoy_internal_address": {"server_listener_name": HEDGE},
            }}}]}],
        },
        "circuit_breakers": {"thresholds": [{
            "max_connections": NO_LIMIT,
            "max_pending_requests": NO_LIMIT,
            "max_requests": NO_LIMIT,
            "max_retries": NO_LIMIT,
        }]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
                "common_http_protocol_options": {"max_headers_count": MAX_HEADERS},
            },
        },
    })
}

/// The inner listener. It has the outer one's routes, so that both change at once.
pub(super) fn listener(config: &Config, mode: Mode<'_>) -> Value {
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": HEDGE,
        "server_name": ARK,
        "codec_type": "HTTP2",
        // The request keeps its id: by it the filter knows it.
        "generate_request_id": false,
        // More than the outer listener takes: what passed there must not be refused here.
        "max_request_headers_kb": MAX_HEADERS_KB,
        "common_http_protocol_options": {"max_headers_count": MAX_HEADERS},
        "stream_idle_timeout": "0s",
        "request_timeout": "0s",
        "http_filters": [whole_body(config), budgets(), {
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": true,
            },
        }],
    });
    let (name, source) = match mode {
        Mode::Dynamic => (
            "rds",
            json!({
                "route_config_name": ARK,
                "config_source": super::from_sidecar(ROUTES_REFRESH_MS, ROUTES_WAIT_MS),
            }),
        ),
        Mode::Static(_) => ("route_config", route::configuration(config, mode)),
    };
    if let Some(fields) = manager.as_object_mut() {
        fields.insert(name.to_owned(), source);
    }
    json!({
        "name": HEDGE,
        "internal_listener": {},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }]}],
    })
}

/// An attempt begins with a whole body, as it does without a race: the filter's provider role pauses on
/// it, and what an upstream filter has paused is sent on when the connection stands.
fn whole_body(config: &Config) -> Value {
    json!({
        "name": "envoy.filters.http.buffer",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer",
            "max_request_bytes": request_buffer_bytes(config),
        },
    })
}

/// The time budgets of one attempt, which the outer router would have taken for its own.
fn budgets() -> Value {
    let set = |key: &str, from: &str| {
        json!({"append": {
            "header": {"key": key, "value": format!("%REQ({from})%")},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }})
    };
    json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": [
                set("x-envoy-upstream-rq-per-try-timeout-ms", "X-ARK-FIRST-BYTE-MS"),
                set("x-envoy-upstream-rq-timeout-ms", "X-ARK-TOTAL-MS"),
            ]},
        },
    })
}

/// The routes of hedged requests: into the inner listener, and on from there.
pub(super) fn routes(config: &Config, mode: Mode<'_>) -> Vec<Value> {
    if !is_served(config, mode) {
        return Vec::new();
    }
    let mut routes = route::marked(config, (STAGE, RACE));
    for route in routes.iter_mut().filter_map(Value::as_object_mut) {
        into(route);
    }
    routes.push(on(config));
    routes
}

fn into(route: &mut Map<String, Value>) {
    let stage = json!([{
        "header": {"key": STAGE, "value": ATTEMPT},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }]);
    route.insert("request_headers_to_add".to_owned(), stage);
    // The provider's name is the inner route's to say.
    let added = route.get_mut("response_headers_to_add");
    if let Some(added) = added.and_then(Value::as_array_mut) {
        added.retain(|header| {
            let name = header.pointer("/header/key");
            name.and_then(Value::as_str) != Some("x-ark-provider")
        });
    }
    let Some(action) = route.get_mut("route").and_then(Value::as_object_mut) else {
        return;
    };
    action.remove("cluster_specifier_plugin");
    action.insert("cluster".to_owned(), json!(HEDGE));
    let hedging = json!({"hedge_on_per_try_timeout": true});
    action.insert("hedge_policy".to_owned(), hedging);
    if let Some(policy) = action
        .get_mut("retry_policy")
        .and_then(Value::as_object_mut)
    {
        policy.remove("refresh_cluster_on_retry");
        // Envoy takes either kind of time-out for the sign to hedge; the attempts have their own.
        policy.remove("per_try_idle_timeout");
    }
}

/// The way from the inner listener: one attempt, to the provider of its number, once.
fn on(config: &Config) -> Value {
    let removed = headers::REQUEST_HEADERS_TO_REMOVE
        .iter()
        .chain(&INNER_HEADERS);
    let set = |key: &str, value: &str| {
        json!({
            "header": {"key": key, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        })
    };
    json!({
        "name": HEDGE,
        "match": {
            "prefix": "/",
            "headers": [{"name": STAGE, "string_match": {"exact": ATTEMPT}}],
        },
        "request_body_buffer_limit": request_buffer_bytes(config),
        "request_headers_to_remove": removed.collect::<Vec<_>>(),
        "response_headers_to_remove": headers::RESPONSE_HEADERS_TO_REMOVE,
        "response_headers_to_add": [
            set("x-ark-provider", "%UPSTREAM_CLUSTER%"),
        ],
        "route": {
            "inline_cluster_specifier_plugin": {"extension": {
                "name": "ark.hedge",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier",
                    "cluster_matcher": by_number(config),
                },
            }},
            "timeout": "0s",
            "idle_timeout": "0s",
        },
    })
}

/// Here the header holds the number of this very attempt: the outer router has set it.
fn by_number(config: &Config) -> Value {
    let header = |name: &str| {
        json!({
            "name": name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": name,
            },
        })
    };
    let order = header("x-ark-order");
    json!({"matcher_tree": {
        "input": header("x-envoy-attempt-count"),
        "exact_match_map": {"map": {
            "1": {"matcher": route::first(config, order.clone())},
            "2": {"matcher": route::later(config, 1, &order)},
            "3": {"matcher": route::later(config, 2, &order)},
        }},
    }})
}
