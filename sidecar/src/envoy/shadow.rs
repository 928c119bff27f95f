//! The routes of requests of which a copy goes elsewhere.
//!
//! Envoy mirrors by route, so each provider that gets copies has routes of its own, chosen by a header
//! that the filter sets. A cluster named by header (`cluster_header`) will not do: Envoy reads it after
//! the first attempt has begun, so it would have to reach that attempt's provider.
//!
//! The copy begins from the head as the route leaves it, before any attempt has changed it: no client's
//! and no other provider's credential is in it. It runs through its own cluster's filters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::route;
use crate::config::Config;

/// Tells the filter a copy from its original, whose `x-request-id` follows.
const COPY: &str = "shadow:";

/// Two routes for each provider that gets copies.
pub(super) fn routes(config: &Config) -> Vec<Value> {
    let mut patience: BTreeMap<&str, u32> = BTreeMap::new();
    for model in &config.models {
        if let Some(shadow) = &model.shadow {
            let longest = patience.entry(&shadow.target.provider).or_default();
            *longest = (*longest).max(model.timeouts.first_byte_ms);
        }
    }
    let routed = |name: &str| config.providers.iter().any(|p| p.name == name);
    patience
        .into_iter()
        .filter(|(name, _)| routed(name))
        .flat_map(|(name, first_byte_ms)| mirroring(config, name, first_byte_ms))
        .collect()
}

fn mirroring(config: &Config, provider: &str, first_byte_ms: u32) -> Vec<Value> {
    let mut routes = route::marked(config, ("x-ark-shadow", provider));
    for action in routes.iter_mut().filter_map(|route| route.get_mut("route")) {
        if let Some(fields) = action.as_object_mut() {
            let policies = json!([policy(provider, first_byte_ms)]);
            fields.insert("request_mirror_policies".to_owned(), policies);
        }
    }
    routes
}

fn policy(provider: &str, first_byte_ms: u32) -> Value {
    let set = |key: &str, value: String| {
        json!({"append": {
            "header": {"key": key, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }})
    };
    json!({
        "cluster": provider,
        "trace_sampled": false,
        "disable_shadow_host_suffix_append": true,
        "request_headers_mutations": [
            set("x-request-id", format!("{COPY}%REQ(X-REQUEST-ID)%")),
            set("x-envoy-upstream-rq-per-try-timeout-ms", first_byte_ms.to_string()),
        ],
    })
}
