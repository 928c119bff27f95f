//! The autoscalers' manifests, as far as they can be held against anything without a cluster: they parse, say
//! nothing that their schemas do not know, and ask for metrics that there are.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Names of metrics whose label sets the manifests rely on, with the labels.
const LABELS: [(&str, &[&str]); 2] = [
    (
        "ark_forecast_upper_tokens_per_minute",
        &["model", "minutes"],
    ),
    ("ark_provider_in_flight", &["provider"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(name: &str) -> Value {
    let file = root().join("deploy/autoscaling").join(name);
    serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The members of the mapping at `path` are among these.
fn knows(manifest: &Value, path: &str, members: &[&str]) {
    let found = manifest
        .pointer(path)
        .unwrap_or_else(|| panic!("no {path}"));
    for name in found.as_object().unwrap().keys() {
        assert!(members.contains(&name.as_str()), "{path} has no {name}");
    }
}

/// Every name of Ark's in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.starts_with("ark_"))
        .collect()
}

fn documented() -> BTreeSet<String> {
    let table = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split(['`', '{']).next()?.to_owned()))
        .collect()
}

const TARGET: [&str; 3] = ["apiVersion", "kind", "name"];
const BEHAVIOUR: [&str; 4] = [
    "stabilizationWindowSeconds",
    "policies",
    "selectPolicy",
    "tolerance",
];

#[test]
fn the_scaled_object_is_one_of_keda() {
    let object = manifest("keda-scaledobject.yaml");
    assert_eq!(object["apiVersion"], "keda.sh/v1alpha1");
    assert_eq!(object["kind"], "ScaledObject");
    knows(&object, "", &["apiVersion", "kind", "metadata", "spec"]);
    let spec = [
        "scaleTargetRef",
        "pollingInterval",
        "cooldownPeriod",
        "initialCooldownPeriod",
        "idleReplicaCount",
        "minReplicaCount",
        "maxReplicaCount",
        "fallback",
        "advanced",
        "triggers",
    ];
    knows(&object, "/spec", &spec);
    knows(&object, "/spec/scaleTargetRef", &TARGET);
    knows(
        &object,
        "/spec/fallback",
        &["failureThreshold", "replicas", "behavior"],
    );
    let hpa = "/spec/advanced/horizontalPodAutoscalerConfig";
    knows(&object, hpa, &["name", "behavior"]);
    for way in ["scaleUp", "scaleDown"] {
        knows(&object, &format!("{hpa}/behavior/{way}"), &BEHAVIOUR);
    }
}

#[test]
fn the_triggers_are_those_of_prometheus() {
    let object = manifest("keda-scaledobject.yaml");
    let triggers = object["spec"]["triggers"].as_array().unwrap();
    assert_eq!(triggers.len(), 2);
    for (n, trigger) in triggers.iter().enumerate() {
        assert_eq!(trigger["type"], "prometheus");
        let path = format!("/spec/triggers/{n}");
        knows(
            &object,
            &path,
            &[
                "type",
                "name",
                "metricType",
                "metadata",
                "authenticationRef",
                "useCachedMetrics",
            ],
        );
        let metadata = [
            "serverAddress",
            "query",
            "threshold",
            "activationThreshold",
            "namespace",
            "ignoreNullValues",
            "timeout",
        ];
        knows(&object, &format!("{path}/metadata"), &metadata);
        // KEDA's trigger metadata is text, numbers too.
        let metadata = trigger["metadata"].as_object().unwrap();
        assert!(metadata.values().all(Value::is_string), "{metadata:?}");
        assert!(
            metadata["threshold"]
                .as_str()
                .unwrap()
                .parse::<u32>()
                .is_ok()
        );
    }
}

#[test]
fn the_autoscaler_is_one_of_kubernetes() {
    let hpa = manifest("hpa.yaml");
    assert_eq!(hpa["apiVersion"], "autoscaling/v2");
    assert_eq!(hpa["kind"], "HorizontalPodAutoscaler");
    knows(&hpa, "", &["apiVersion", "kind", "metadata", "spec"]);
    let spec = [
        "scaleTargetRef",
        "minReplicas",
        "maxReplicas",
        "metrics",
        "behavior",
    ];
    knows(&hpa, "/spec", &spec);
    knows(&hpa, "/spec/scaleTargetRef", &TARGET);
    for way in ["scaleUp", "scaleDown"] {
        let path = format!("/spec/behavior/{way}");
        knows(&hpa, &path, &BEHAVIOUR);
        knows(
            &hpa,
            &format!("{path}/policies/0"),
            &["type", "value", "periodSeconds"],
        );
    }
    for (n, metric) in hpa["spec"]["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert_eq!(metric["type"], "External");
        let path = format!("/spec/metrics/{n}/external");
        knows(&hpa, &path, &["metric", "target"]);
        knows(
            &hpa,
            &format!("{path}/target"),
            &["type", "value", "averageValue"],
        );
        let asked = &metric["external"]["metric"];
        let name = asked["name"].as_str().unwrap();
        let (_, labels) = LABELS.iter().find(|(known, _)| *known == name).unwrap();
        let given = asked["selector"]["matchLabels"].as_object().unwrap();
        assert!(
            given.values().all(Value::is_string),
            "labels are text: {given:?}"
        );
        let given: BTreeSet<&str> = given.keys().map(String::as_str).collect();
        assert_eq!(given, labels.iter().copied().collect(), "{name}");
    }
}

#[test]
fn all_metrics_that_are_asked_for_exist_and_the_adapter_serves_them() {
    let documented = documented();
    let folder = root().join("deploy/autoscaling");
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let (keda, hpa, adapter) = (
        text("keda-scaledobject.yaml"),
        text("hpa.yaml"),
        text("prometheus-adapter.yaml"),
    );
    for text in [&keda, &hpa, &adapter] {
        let names = names(text);
        assert!(!names.is_empty());
        for name in names {
            assert!(
                documented.contains(name),
                "{name} is not in docs/metrics.md"
            );
        }
    }
    assert_eq!(
        names(&hpa),
        names(&adapter),
        "what the HPA asks for the adapter serves"
    );
    let table = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    for (name, labels) in LABELS {
        let row = format!("`{name}{{{}}}`", labels.join(","));
        assert!(table.contains(&row), "{row}");
    }
    let rules = manifest("prometheus-adapter.yaml");
    knows(
        &rules,
        "/rules/external/0",
        &["seriesQuery", "resources", "name", "metricsQuery"],
    );
}
