//! The filter, in its two roles: one module and one VM per worker serves both.

use ark_gateway_core::keys::Paged;
use ark_gateway_core::snapshot::Snapshot;
use serde_json::{Value, json};

use super::{Mode, Place, SIDECAR_CLUSTER};

/// The downstream role: admits, decides, settles.
pub(super) fn gateway(place: &Place, mode: Mode<'_>) -> Value {
    let snapshot = match mode {
        Mode::Dynamic => Value::Null,
        // A text: Wasm reads its own form, and has no room for a second one.
        Mode::Static(snapshot) => json!(as_text(snapshot)),
    };
    let sidecar = (!place.socket.is_empty()).then_some(SIDECAR_CLUSTER);
    let configuration = json!({
        "role": "gateway",
        "sidecar_cluster": sidecar,
        "sync_interval_ms": place.sync_interval_ms,
        "snapshot": snapshot,
    });
    filter(place, "gateway", &configuration)
}

fn as_text(snapshot: &Snapshot) -> Option<String> {
    let paged = Paged::of(snapshot.clone()).ok()?;
    ark_link::snapshot_to_text(&paged).ok()
}

/// The upstream role in one provider's cluster: translates, gates, relays, once per attempt.
pub(super) fn provider(place: &Place, name: &str) -> Value {
    let configuration = json!({"role": "provider", "provider": name});
    filter(place, "provider", &configuration)
}

fn filter(place: &Place, role: &str, configuration: &Value) -> Value {
    json!({
        "name": "envoy.filters.http.wasm",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "ark",
                "root_id": role,
                // Without it a pause on headers never gets to see the body.
                "allow_on_headers_stop_iteration": true,
                // A trap costs its request; a new VM serves the next.
                "failure_policy": "FAIL_RELOAD",
                "reload_config": {"backoff": {"base_interval": "0.010s", "max_interval": "1s"}},
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": configuration.to_string(),
                },
                "vm_config": {
                    // Equal in every role and cluster: what makes them share one VM per worker.
                    "vm_id": "ark",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": place.filter}},
                },
            },
        },
    })
}
