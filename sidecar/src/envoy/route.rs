//! The routes: which cluster each attempt of a request goes to.
//!
//! The filter writes the ordered targets of a request into filter state, where no provider can see
//! them, and Envoy picks the attempt's one by matching. All of them are one value,
//! `official|1:azure|2:domestic|`, as each write from the filter costs every request: the first is
//! found by prefix, which is a look-up; the others, needed only after a failure, by what they contain.

use ark_gateway_core::snapshot::{ROUTE_FIRST_BYTE_TIMEOUT_MS, ROUTE_TOTAL_TIMEOUT_MS};
use serde_json::{Map, Value, json};

use super::{ARK, milliseconds, request_buffer_bytes};
use crate::config::Config;

/// Removed from requests before any provider sees them: who the client is and what it authenticated
/// with, what was meant for Ark, and Envoy's own. `accept-encoding` goes too, as an answer that is
/// compressed can neither be gated nor metered.
const REQUEST_HEADERS_TO_REMOVE: [&str; 22] = [
    "accept-encoding",
    "api-key",
    "authorization",
    "cookie",
    "forwarded",
    "openai-organization",
    "openai-project",
    "proxy-authorization",
    "x-api-key",
    "x-ark-cache",
    "x-ark-explain",
    "x-ark-priority",
    "x-ark-provider",
    "x-goog-api-key",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Removed from answers: cookies of a provider's edge, offers to go around the gateway, and what
/// tells a client about the operator's account; and what only Ark may say.
const RESPONSE_HEADERS_TO_REMOVE: [&str; 23] = [
    "alt-svc",
    "apim-request-id",
    "azureml-model-session",
    "cf-cache-status",
    "cf-ray",
    "nel",
    "openai-organization",
    "openai-project",
    "report-to",
    "set-cookie",
    "strict-transport-security",
    "via",
    "x-ark-reject",
    "x-envoy-upstream-service-time",
    "x-ms-client-request-id",
    "x-ms-deployment-name",
    "x-ms-region",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
];

/// Statuses that say something of the provider or of our account there, not of the request.
const RETRIABLE_STATUS_CODES: [u16; 4] = [401, 403, 429, 529];

/// What a stream may be silent for beyond what its provider may.
const IDLE_SLACK_MS: u64 = 10_000;

/// The route configuration.
pub(super) fn configuration(config: &Config) -> Value {
    json!({
        "name": ARK,
        "virtual_hosts": [{
            "name": ARK,
            "domains": ["*"],
            // What the matcher below counts by.
            "include_request_attempt_count": true,
            "routes": [{
                "match": {"prefix": "/"},
                "request_body_buffer_limit": request_buffer_bytes(config),
                "request_headers_to_remove": REQUEST_HEADERS_TO_REMOVE,
                "response_headers_to_remove": RESPONSE_HEADERS_TO_REMOVE,
                "response_headers_to_add": response_headers(),
                "route": action(config),
            }],
        }],
    })
}

fn response_headers() -> Value {
    let set = |key: &str, value: &str| {
        json!({
            "header": {"key": key, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        })
    };
    json!([
        set("x-ark-provider", "%UPSTREAM_CLUSTER%"),
        set("x-ark-attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
        set("x-ark-cache", "off"),
    ])
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
        "inline_cluster_specifier_plugin": {"extension": {
            "name": "envoy.router.cluster_specifier_plugin.matcher",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier",
                "cluster_matcher": by_attempt(config),
            },
        }},
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
                "1": {"matcher": later(config, 1)},
                "2": {"matcher": later(config, 2)},
            }},
        },
        "on_no_match": {"matcher": first(config)},
    })
}

fn first(config: &Config) -> Value {
    let clusters: Map<String, Value> = config
        .providers
        .iter()
        .map(|provider| (format!("{}|", provider.name), to_cluster(&provider.name)))
        .collect();
    if clusters.is_empty() {
        // An empty map is not valid; no request gets as far without a provider.
        return json!({"on_no_match": to_cluster("ark-none")});
    }
    json!({"matcher_tree": {"input": order(), "prefix_match_map": {"map": clusters}}})
}

fn later(config: &Config, attempt: usize) -> Value {
    let matchers: Vec<Value> = config
        .providers
        .iter()
        .map(|provider| {
            json!({
                "predicate": {"single_predicate": {
                    "input": order(),
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
