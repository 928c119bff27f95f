//! Envoy's overload manager: the backstop for connections and memory, as `envoy/bootstrap.yaml` has it.

use serde_json::{Value, json};

const HEAP: &str = "envoy.resource_monitors.fixed_heap";

/// Fit for a machine or container of 4 GiB; whoever has another one changes it in the file.
const MOST_HEAP_BYTES: u64 = 3 * 1024 * 1024 * 1024;

/// Envoy accepts without end unless told otherwise, and then dies of file descriptors.
pub(super) fn overload_manager() -> Value {
    json!({
        "refresh_interval": "0.250s",
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": 20},
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 20000,
                },
            },
            {
                "name": HEAP,
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": MOST_HEAP_BYTES,
                },
            },
        ],
        "actions": [
            action("shrink_heap", at(0.85)),
            action("disable_http_keepalive", at(0.90)),
            action(
                "reset_high_memory_stream",
                json!({"scaled": {"scaling_threshold": 0.92, "saturation_threshold": 0.98}}),
            ),
            action("stop_accepting_requests", at(0.94)),
            action("stop_accepting_connections", at(0.97)),
        ],
    })
}

fn at(threshold: f64) -> Value {
    json!({"threshold": {"value": threshold}})
}

fn action(name: &str, mut trigger: Value) -> Value {
    if let Some(members) = trigger.as_object_mut() {
        members.shift_insert(0, "name".to_owned(), Value::from(HEAP));
    }
    json!({"name": format!("envoy.overload_actions.{name}"), "triggers": [trigger]})
}
