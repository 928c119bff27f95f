//! The routes: which cluster each attempt of a request goes to.
//!
//! The filter writes the ordered targets of a request into filter state, where no provider can see
//! them, and Envoy picks the attempt's one by matching. All of them are one value,
//! `official|1:azure|2:domestic|`, as each write from the filter costs every request: the first is
//! found by prefix, which is a look-up; the others, needed only after a failure, by what they contain.

use ark_gateway_core::snapshot::{ROUTE_FIRST_BYTE_TIMEOUT_MS, ROUTE_TOTAL_TIMEOUT_MS};
use serde_json::{Map, Value, json};

use super::{ARK, Mode, headers, hedge, milliseconds, request_buffer_bytes, shadow};
use crate::config::Config;

/// Statuses that say something of the provider or of our account there, not of the request.
pub(super) const RETRIABLE_STATUS_CODES: [u16; 4] = [401, 403, 429, 529];

/// What a stream may be silent for beyond what its provider may.
const IDLE_SLACK_MS: u64 = 10_000;

/// The route of clients that speak Anthropic's dialect. Its name outlives the request's path, which
/// each attempt rewrites: Envoy's own answers go by it.
pub(super) const MESSAGES: &str = "messages";

/// Where Anthropic's clients send everything: `/v1/messages`, `/v1/messages/count_tokens`.
pub(super) const MESSAGES_PATH: &str = "/v1/messages";

/// The route of everybody else.
const OTHERS: &str = "others";

/// The plugin that picks an attempt's cluster.
const ORDER: &str = "ark.order";

/// The route configuration.
pub(super) fn configuration(config: &Config, mode: Mode<'_>) -> Value {
    // The first that matches serves: those that the filter asks for by header come first.
    let mut routes = shadow::routes(config);
    routes.extend(hedge::routes(config, mode));
    routes.extend([
        route(
            config,
            MESSAGES,
            &json!({"path_separated_prefix": MESSAGES_PATH}),
        ),
        route(config, OTHERS, &json!({"prefix": "/"})),
    ]);
    json!({
        "name": ARK,
        "cluster_specifier_plugins": [{"extension": {
            "name": ORDER,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier",
                "cluster_matcher": by_attempt(config),
            },
        }}],
        "virtual_hosts": [{
            "name": ARK,
            "domains": ["*"],
            // What the matcher above counts by.
            "include_request_attempt_count": true,
            "routes": routes,
        }],
    })
}

/// Both kinds of clients' routes, for those requests that carry a header of this value: what the filter
/// sets, no client can.
pub(super) fn marked(config: &Config, (header, value): (&str, &str)) -> Vec<Value> {
    let marked = |mut matching: Value| {
        if let Some(fields) = matching.as_object_mut() {
            let exact = json!([{"name": header, "string_match": {"exact": value}}]);
            fields.insert("headers".to_owned(), exact);
        }
        matching
    };
    vec![
        route(
            config,
            MESSAGES,
            &marked(json!({"path_separated_prefix": MESSAGES_PATH})),
        ),
        route(config, OTHERS, &marked(json!({"prefix": "/"}))),
    ]
}

fn route(config: &Config, name: &str, matching: &Value) -> Value {
    json!({
        "name": name,
        "match": matching,
        "request_body_buffer_limit": request_buffer_bytes(config),
        "request_headers_to_remove": headers::REQUEST_HEADERS_TO_REMOVE,
        "response_headers_to_remove": headers::RESPONSE_HEADERS_TO_REMOVE,
        "response_headers_to_add": response_headers(name),
        "route": action(config),
    })
}

fn response_headers(route: &str) -> Value {
    let set = |key: &str, value: &str| {
        json!({
            "header": {"key": key, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        })
    };
    let mut headers = vec![
        set("x-ark-provider", "%UPSTREAM_CLUSTER%"),
        set("x-ark-attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
        set("x-ark-cache", "off"),
    ];
    if route == MESSAGES {
        // Where Anthropic's SDKs look for it: <https://docs.claude.com/en/api/errors#request-id>.
        headers.push(set("request-id", "%REQ(X-REQUEST-ID)%"));
    }
    json!(headers)
}

fn action(config: &Config) -> Value {
    let stream_idle_ms = largest(
        config
            .providers
            .iter()
            .map(|provider| provider.timeouts.stream_idle_ms),
    );
    let first_byte_ms = largest(
        config
            .models
            .iter()
            .map(|model| model.timeouts.first_byte_ms),
    );
    // The client sees nothing while one attempt after the other waits for its first byte.
    let silence_ms = stream_idle_ms.max(first_byte_ms * u64::from(config.gateway.max_attempts));
    json!({
        "cluster_specifier_plugin": ORDER,
        // The filter sets a model's own by header where it differs.
        "timeout": milliseconds(u64::from(ROUTE_TOTAL_TIMEOUT_MS)),
        "idle_timeout": milliseconds(silence_ms + IDLE_SLACK_MS),
        "retry_policy": {
            "retry_on": "5xx,reset,reset-before-request,connect-failure,retriable-status-codes",
            "retriable_status_codes": RETRIABLE_STATUS_CODES,
            // A request with fewer targets says so by header.
            "num_retries": config.gateway.max_attempts.saturating_sub(1),
            "refresh_cluster_on_retry": true,
            "per_try_timeout": milliseconds(u64::from(ROUTE_FIRST_BYTE_TIMEOUT_MS)),
            "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.050s"},
            // Also runs before the first byte, so it must not be the shorter of the two.
            "per_try_idle_timeout": milliseconds(stream_idle_ms.max(first_byte_ms)),
        },
    })
}

/// The largest, or a minute where there is none.
fn largest(values: impl Iterator<Item = u32>) -> u64 {
    values.max().map_or(60_000, u64::from)
}

/// The header holds the number of the attempt that failed when the next one's cluster is chosen,
/// and is absent at the first.
fn by_attempt(config: &Config) -> Value {
    json!({
        "matcher_tree": {
            "input": {
                "name": "attempt",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                    "header_name": "x-envoy-attempt-count",
                },
            },
            "exact_match_map": {"map": {
                "1": {"matcher": later(config, 1, &order())},
                "2": {"matcher": later(config, 2, &order())},
            }},
        },
        "on_no_match": {"matcher": first(config, order())},
    })
}

pub(super) fn first(config: &Config, order: Value) -> Value {
    let clusters: Map<String, Value> = config
        .providers
        .iter()
        .map(|provider| (format!("{}|", provider.name), to_cluster(&provider.name)))
        .collect();
    if clusters.is_empty() {
        // An empty map is not valid; no request gets as far without a provider.
        return json!({"on_no_match": to_cluster("ark-none")});
    }
    json!({"matcher_tree": {"input": order, "prefix_match_map": {"map": clusters}}})
}

pub(super) fn later(config: &Config, attempt: usize, order: &Value) -> Value {
    let matchers: Vec<Value> = config
        .providers
        .iter()
        .map(|provider| {
            json!({
                "predicate": {"single_predicate": {
                    "input": order,
                    "value_match": {"contains": format!("|{attempt}:{}|", provider.name)},
                }},
                "on_match": to_cluster(&provider.name),
            })
        })
        .collect();
    if matchers.is_empty() {
        return json!({"on_no_match": to_cluster("ark-none")});
    }
    json!({"matcher_list": {"matchers": matchers}})
}

/// The ordered targets, as the filter wrote them.
fn order() -> Value {
    json!({
        "name": "order",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.FilterStateInput",
            "key": "wasm.ark.order",
        },
    })
}

fn to_cluster(name: &str) -> Value {
    json!({"action": {
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction",
            "cluster": name,
        },
    }})
}
