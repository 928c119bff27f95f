//! What Envoy's overload manager says of itself.
//! <https://www.envoyproxy.io/docs/envoy/v1.36.0/configuration/operations/overload_manager/overload_manager>

use super::Stat;
use crate::metrics::EnvoyOverload;

const ACTIONS: &str = "overload.envoy.overload_actions.";
const RESOURCES: &str = "overload.envoy.resource_monitors.";

pub(super) fn read(stats: &[Stat]) -> EnvoyOverload {
    let mut said = EnvoyOverload::default();
    for stat in stats {
        let Some(value) = stat.value.as_ref().and_then(serde_json::Value::as_u64) else {
            continue;
        };
        let name = stat.name.as_str();
        let part = |start: &str, end: &str| {
            let middle = name.strip_prefix(start)?.strip_suffix(end)?;
            Some(middle.to_owned())
        };
        if let Some(action) = part(ACTIONS, ".active") {
            said.actions.insert(action, value > 0);
        } else if let Some(resource) = part(RESOURCES, ".pressure") {
            said.pressures.insert(resource, value);
        } else if name.ends_with("downstream_global_cx_overflow") {
            said.refused_connections = said.refused_connections.saturating_add(value);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_resources_go_by_their_short_names() {
        let stats = super::super::read_stats(
            br#"{"stats":[
                {"name":"overload.envoy.overload_actions.shrink_heap.active","value":1},
                {"name":"overload.envoy.overload_actions.stop_accepting_requests.active","value":0},
                {"name":"overload.envoy.resource_monitors.fixed_heap.pressure","value":93},
                {"name":"listener.127.0.0.1_8080.downstream_global_cx_overflow","value":2},
                {"name":"listener.admin.downstream_global_cx_overflow","value":1},
                {"name":"cluster.a.upstream_rq_active","value":7},
                {"histograms":{}}
            ]}"#,
        );
        let said = read(&stats.unwrap());
        assert_eq!(
            said.actions.into_iter().collect::<Vec<_>>(),
            [
                ("shrink_heap".to_owned(), true),
                ("stop_accepting_requests".to_owned(), false)
            ]
        );
        assert_eq!(said.pressures.get("fixed_heap"), Some(&93));
        assert_eq!(said.refused_connections, 3);
    }
}
