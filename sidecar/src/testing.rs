//! Building blocks of the tests.

use ark_gateway_core::compliance::Requirement;
use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::{
    AttemptRecord, Endpoint, Outcome, Record, Rule, Usage, UsageSource, Verdict,
};
use ark_gateway_core::snapshot::SnapshotVersion;

/// An attempt of 100 ms to the first byte and 500 ms in all.
pub(crate) fn attempt(provider: &str, model: &str, verdict: Verdict) -> AttemptRecord {
    AttemptRecord {
        provider: provider.to_owned(),
        model: model.to_owned(),
        start_us: 0,
        status: Some(200),
        verdict,
        ttft_us: Some(100_000),
        duration_us: 500_000,
        lost: Vec::new(),
        retry_after_ms: None,
        hedge: false,
        charge: None,
        rate_limits: None,
    }
}

/// A streamed chat completion with these attempts.
pub(crate) fn record(attempts: Vec<AttemptRecord>) -> Record {
    Record {
        id: "r".to_owned(),
        at_ms: 0,
        tenant: "demo".to_owned(),
        key: "demo".to_owned(),
        endpoint: Endpoint::ChatCompletions,
        model: "m".to_owned(),
        fallback: None,
        priority: Priority::Standard,
        stream: true,
        snapshot: SnapshotVersion::default(),
        scores: 0,
        stale: false,
        rule: Rule::Score,
        status: 200,
        outcome: Outcome::Ok,
        reject: None,
        duration_us: 600_000,
        attempts,
        usage: Usage {
            input_tokens: 10,
            output_tokens: 21,
            cached_tokens: 4,
            ..Usage::default()
        },
        usage_source: UsageSource::Reported,
        basis: None,
        cost: Some(MicroUsd(7)),
        cost_is_ceiling: false,
        requires: Requirement::default(),
        access: None,
        guard: Vec::new(),
        shadow: None,
        hedge_after_ms: 0,
        sequence: 0,
        opened: 0,
        tags: std::collections::BTreeMap::new(),
    }
}

/// When the sidecar of [`setting`] started.
pub(crate) const STARTED_UNIX_MS: u64 = 1_768_000_000_000;

/// A setting as the command line would make it.
pub(crate) fn setting() -> crate::control::Setting {
    crate::control::Setting {
        place: crate::envoy::Place {
            filter: "/filter.wasm".to_owned(),
            listen: String::new(),
            socket: "/ark.sock".to_owned(),
            sync_interval_ms: 250,
        },
        listen_is_fixed: false,
        metrics: std::sync::Arc::default(),
        news: std::sync::Arc::default(),
        salt: [7; 16],
        started_unix_ms: STARTED_UNIX_MS,
        probe_sha256: Some(crate::digest::hex(&[b"ark-probes"])),
    }
}

/// An `ark.yaml` with these providers at 127.0.0.1:9101 and on, all serving the model `m`; with
/// none, one provider `only` that is used by nobody's test.
pub(crate) fn config_yaml(providers: &[&str]) -> String {
    use std::fmt::Write as _;
    let names = if providers.is_empty() {
        &["only"]
    } else {
        providers
    };
    let (mut servers, mut targets) = (String::new(), String::new());
    for (n, name) in names.iter().enumerate() {
        let port = 9101 + n;
        write!(
            servers,
            "  - name: {name}\n    kind: openai\n    endpoint: http://127.0.0.1:{port}/v1\n    \
             tier: official\n"
        )
        .unwrap();
        writeln!(targets, "      - provider: {name}").unwrap();
    }
    let digest = crate::digest::hex(&[b"ark-demo"]);
    format!(
        "version: 1\nproviders:\n{servers}models:\n  - name: m\n    targets:\n{targets}tenants:\n  \
         - name: demo\n    keys:\n      - id: demo\n        sha256: {digest}\n        models: ['*']\n"
    )
}

/// A directory that goes with the test.
pub(crate) struct TempDir(std::path::PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ark-test-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
