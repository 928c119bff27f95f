//! Tells a request's story to the filter's callbacks, as Envoy does.

#![allow(unsafe_code, reason = "callbacks are foreign functions")]

use ark_gateway_core::keys::Paged;
use ark_gateway_core::record::Record;
use ark_gateway_core::snapshot::Snapshot;
use ark_gateway_core::sync::{SyncRequest, SyncResponse};
use proxy_wasm::types::Action;
use serde_json::{Value, json};

use crate::host::{self, abi, headers, host};

pub const GATEWAY: u32 = 1;
const START_MS: u64 = 1_700_000_000_000;

/// Runs a story in a VM of its own: all state is thread-local.
pub fn alone(story: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        if let Err(panic) = scope.spawn(story).join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A chat request for model `big`.
pub fn chat(stream: bool) -> String {
    json!({"model": "big", "messages": [{"role": "user", "content": "hi"}], "stream": stream})
        .to_string()
}

/// A snapshot with providers `a`, `b` (Azure) and `c` for model `big`.
pub fn snapshot(version: &str) -> Value {
    let provider = |name: &str, kind: &str| {
        json!({"name": name, "kind": kind, "authority": format!("{name}.test"),
            "base_path": if kind == "openai" { "/v1" } else { "" },
            "api_version": "2024-10-21", "tier": "official", "certifications": 0, "max_in_flight": 10})
    };
    let key = |id: &str, sha256: &str, limit: Value| {
        json!({"id": id, "tenant": "t", "sha256": sha256, "models": "all", "priority": "standard",
            "priorities": ["standard", "batch"], "may_pin": false, "limit": limit})
    };
    let priority = json!({"weights": {"cost": 1.0, "performance": 1.0, "reliability": 1.0,
        "load": 1.0, "compliance": 0.0}, "slo": {"latency_ms": 1000.0, "failure_rate": 0.01},
        "exploration_share": 0.0});
    json!({
        "version": version,
        "gateway": {"body_limit_bytes": 1_048_576, "snapshot_max_age_ms": 5000, "max_attempts": 3},
        "providers": [provider("a", "openai"), provider("b", "azure-openai"), provider("c", "openai")],
        "targets": (0..3).map(|i| json!({"provider": i, "model": format!("big-{}", ["a", "b", "c"][i]),
            "price": {"input": 1_000_000, "output": 2_000_000}})).collect::<Vec<_>>(),
        "models": [{"name": "big", "targets": [0, 1, 2],
            "reference_price": {"input": 1_000_000, "output": 2_000_000},
            "first_byte_timeout_ms": 10_000, "total_timeout_ms": 60_000}],
        "keys": [
            key("demo", DEMO_DIGEST, Value::Null),
            key("limited", LIMITED_DIGEST, json!({"requests_per_minute": 60, "burst": 2})),
        ],
        "priorities": [priority, priority, priority],
    })
}

/// SHA-256 of `ark-demo`.
const DEMO_DIGEST: &str = "26e9446d67a12a8fe707951cf97f3eec88b116e19dafd9fdfc24bbe4e8d45e17";
/// SHA-256 of `ark-limited`.
const LIMITED_DIGEST: &str = "3bd61e481640d6135a1d92f2fe39f16a5c4f88d9beecbbe8e3a1c624fad8cf18";

/// One VM and the requests through it.
pub struct Story {
    next_context: u32,
    next_id: u32,
    original_body: Vec<u8>,
    more: Vec<(String, Vec<u8>)>,
}

impl Story {
    /// A static deployment: a snapshot, no sidecar.
    pub fn begin() -> Self {
        Self::start(
            json!({"role": "gateway", "sidecar_cluster": null, "sync_interval_ms": 250,
            "snapshot": snapshot("0123456789ab")}),
        )
    }

    /// The same with providers of these kinds under the names `a`, `b` and `c`, and changes to the model.
    pub fn begin_across(kinds: [&str; 3], model: &Value) -> Self {
        Self::begin_where(kinds, model, &Value::Null)
    }

    /// The same with targets that can do just this.
    pub fn begin_where(kinds: [&str; 3], model: &Value, capabilities: &Value) -> Self {
        let mut snapshot = snapshot("0123456789ab");
        for (provider, kind) in snapshot["providers"]
            .as_array_mut()
            .expect("a list")
            .iter_mut()
            .zip(kinds)
        {
            let (kind, vendor) = kind
                .split_once('/')
                .map_or((kind, None), |(k, v)| (k, Some(v)));
            provider["kind"] = json!(kind);
            provider["vendor"] = json!(vendor);
            provider["base_path"] = json!("/v1");
            provider["api_version"] = Value::Null;
        }
        for target in snapshot["targets"].as_array_mut().expect("a list") {
            if !capabilities.is_null() {
                target["capabilities"] = capabilities.clone();
            }
        }
        for (name, value) in model.as_object().expect("changes") {
            snapshot["models"][0][name] = value.clone();
        }
        Self::start(
            json!({"role": "gateway", "sidecar_cluster": null, "sync_interval_ms": 250,
            "snapshot": snapshot}),
        )
    }

    pub fn begin_with_sidecar() -> Self {
        Self::start(json!({"role": "gateway", "sidecar_cluster": "ark-sidecar",
            "sync_interval_ms": 250, "snapshot": snapshot("0123456789ab")}))
    }

    pub fn begin_without_snapshot() -> Self {
        Self::start(json!({"role": "gateway", "sidecar_cluster": "ark-sidecar",
            "sync_interval_ms": 250, "snapshot": null}))
    }

    fn start(gateway: Value) -> Self {
        let mut story = Self {
            next_context: 10,
            next_id: 0,
            original_body: Vec::new(),
            more: Vec::new(),
        };
        story.now_ms(0);
        ark_filter::start();
        story.configure(GATEWAY, &gateway);
        for (root, provider) in [(2, "a"), (3, "b"), (4, "c"), (5, "zz")] {
            story.configure(root, &json!({"role": "provider", "provider": provider}));
        }
        story
    }

    fn configure(&mut self, root: u32, config: &Value) {
        let mut config = config.clone();
        if let Some(snapshot) = config.get_mut("snapshot").filter(|s| s.is_object()) {
            let whole: Snapshot = serde_json::from_value(snapshot.take()).expect("a snapshot");
            let paged = Paged::of(whole).expect("keys");
            *snapshot = json!(ark_link::snapshot_to_text(&paged).expect("a text"));
        }
        let bytes = config.to_string().into_bytes();
        let size = bytes.len();
        host(|h| h.plugin_configuration = bytes);
        let accepted = unsafe {
            abi::proxy_on_context_create(root, 0);
            abi::proxy_on_configure(root, size)
        };
        assert!(accepted, "{:?}", host(|h| h.log.clone()));
    }

    /// Sets the clock, in milliseconds after the story's start.
    pub fn now_ms(&mut self, ms: u64) {
        host(|h| h.now_ns = (START_MS + ms) * 1_000_000);
    }

    fn context(&mut self, root: u32) -> u32 {
        self.next_context += 1;
        unsafe { abi::proxy_on_context_create(self.next_context, root) };
        self.next_context
    }

    /// A request comes whole; its gateway context.
    pub fn request(&mut self, body: &str) -> u32 {
        self.request_with(body, &[])
    }

    /// A request with more headers, whatever they hold.
    pub fn request_of(&mut self, body: &str, more: Vec<(String, Vec<u8>)>) -> u32 {
        self.more = more;
        self.request_with(body, &[])
    }

    /// A request with some headers changed.
    pub fn request_with(&mut self, body: &str, changes: &[(&str, &str)]) -> u32 {
        let id = format!("id-{}", self.next_id);
        self.next_id += 1;
        let length = body.len().to_string();
        let mut all = headers(&[
            (":method", "POST"),
            (":path", "/v1/chat/completions?x=1"),
            (":authority", "gateway"),
            ("authorization", "Bearer ark-demo"),
            ("content-length", &length),
            ("x-request-id", &id),
        ]);
        for (name, value) in changes {
            all.retain(|(n, _)| n != name);
            if !value.is_empty() {
                all.push(((*name).to_owned(), value.as_bytes().to_vec()));
            }
        }
        all.append(&mut self.more);
        let odd = host(|h| std::mem::take(&mut h.request_headers));
        all.extend(odd.into_iter().filter(|(n, _)| n == "x-odd"));
        host(|h| {
            h.request_headers = all;
            h.request_body = body.as_bytes().to_vec();
            h.reply = None;
        });
        let context = self.context(GATEWAY);
        let count = host(|h| h.request_headers.len());
        let action = unsafe { abi::proxy_on_request_headers(context, count, false) };
        assert_eq!(
            action,
            Action::Pause,
            "nothing goes on before the body is known"
        );
        if host(|h| h.reply.is_none()) {
            unsafe { abi::proxy_on_request_body(context, body.len(), true) };
        }
        // The route removes the client's credential natively.
        host(|h| h.request_headers.retain(|(n, _)| n != "authorization"));
        self.original_body = body.as_bytes().to_vec();
        context
    }

    /// The next request has the same id as the last.
    pub fn repeat_id(&mut self) {
        self.next_id -= 1;
    }

    /// The ordered targets that routing sees.
    pub fn targets(&self) -> Vec<String> {
        let order = host(|h| h.properties.get("ark.order").cloned()).unwrap_or_default();
        let order = String::from_utf8(order).expect("text");
        order
            .split_terminator('|')
            .map(|t| t.rsplit(':').next().unwrap_or(t).to_owned())
            .collect()
    }

    /// The router begins an attempt; its provider context.
    pub fn attempt(&mut self, provider: &str) -> u32 {
        let root = match provider {
            "a" => 2,
            "b" => 3,
            "c" => 4,
            _ => 5,
        };
        let context = self.context(root);
        host(|h| h.response_body.clear());
        unsafe { abi::proxy_on_request_headers(context, 0, false) };
        context
    }

    /// What the provider receives as body.
    pub fn body_sent(&mut self, context: u32) -> Value {
        let size = host(|h| h.request_body.len());
        unsafe { abi::proxy_on_request_body(context, size, true) };
        let sent = host(|h| h.request_body.clone());
        serde_json::from_slice(&sent).expect("JSON")
    }

    /// The body reaches an attempt that may refuse it.
    pub fn try_body(&mut self, context: u32) {
        let size = host(|h| h.request_body.len());
        unsafe { abi::proxy_on_request_body(context, size, true) };
    }

    /// The router replays the original body at the next attempt.
    pub fn replay_body(&mut self) {
        let original = self.original_body.clone();
        host(|h| h.request_body = original);
    }

    /// A request header as it is now.
    pub fn sent(&self, name: &str) -> Option<String> {
        host(|h| host::value(&h.request_headers, name))
    }

    /// A response header as it is now.
    pub fn received(&self, name: &str) -> Option<String> {
        host(|h| host::value(&h.response_headers, name))
    }

    /// The provider's answer begins.
    pub fn head(&mut self, context: u32, status: u16, content_type: &str) -> Action {
        host(|h| {
            h.response_headers = headers(&[
                (":status", &status.to_string()),
                ("content-type", content_type),
            ]);
            h.response_body.clear();
        });
        unsafe { abi::proxy_on_response_headers(context, 2, false) }
    }

    /// A part of the provider's answer; what was held before is still in the buffer.
    pub fn chunk(&mut self, context: u32, chunk: &str, end: bool) -> Action {
        let size = host(|h| {
            h.response_body.extend(chunk.as_bytes());
            h.response_body.len()
        });
        let action = unsafe { abi::proxy_on_response_body(context, size, end) };
        if action == Action::Continue && !end {
            host(|h| h.response_body.clear());
        }
        action
    }

    /// A whole answer.
    pub fn answer(&mut self, context: u32, status: u16, content_type: &str, chunks: &[&str]) {
        self.head(context, status, content_type);
        for (i, chunk) in chunks.iter().enumerate() {
            self.chunk(context, chunk, i + 1 == chunks.len());
        }
    }

    /// The router gives up and answers by itself.
    pub fn router_answers(&mut self, status: &str) {
        host(|h| {
            h.response_headers = headers(&[(":status", status)]);
            h.response_body.clear();
        });
    }

    /// The router hands the answer's head to the gateway.
    pub fn relay(&mut self, gateway: u32) -> Action {
        unsafe { abi::proxy_on_response_headers(gateway, 2, false) }
    }

    /// The exchange ends with its last byte.
    pub fn end(&mut self, gateway: u32) {
        let size = host(|h| h.response_body.len());
        unsafe { abi::proxy_on_response_body(gateway, size, true) };
        self.gone(gateway);
    }

    /// The exchange ends, wherever it is.
    pub fn gone(&mut self, gateway: u32) {
        unsafe {
            abi::proxy_on_done(gateway);
            abi::proxy_on_log(gateway);
            abi::proxy_on_delete(gateway);
        }
    }

    /// The one record of the story.
    pub fn only_record(&mut self) -> Record {
        let mut records = ark_filter::drain_records();
        assert_eq!(records.len(), 1, "one exchange, one record");
        records.remove(0)
    }

    /// The tick; what it sent to the sidecar.
    pub fn tick(&mut self) -> Option<SyncRequest> {
        let before = host(|h| h.calls.len());
        // Every other tick looks whether there is something to send.
        for _ in 0..2 {
            unsafe { abi::proxy_on_tick(GATEWAY) };
        }
        host(|h| {
            let call = h.calls.get(before)?;
            assert_eq!(call.cluster, "ark-sidecar");
            Some(ark_link::read_sync_request(&call.body).expect("a sync request"))
        })
    }

    fn last_token() -> u32 {
        host(|h| h.calls.last().map_or(0, |c| c.token))
    }

    pub fn sidecar_answers(&mut self, body: &str) {
        self.sidecar_says("200", body);
    }

    /// The sidecar answers, in its own form where `body` is an answer as JSON.
    pub fn sidecar_says(&mut self, status: &str, body: &str) {
        let response = body.starts_with('{').then(|| serde_json::from_str(body));
        match response {
            Some(Ok(response)) => self.sidecar_sends(status, &in_pages(response)),
            Some(Err(_)) | None => self.sidecar_sends(status, body.as_bytes()),
        }
    }

    pub fn sidecar_sends(&mut self, status: &str, body: &[u8]) {
        host(|h| {
            h.call_headers = headers(&[(":status", status)]);
            h.call_body = body.to_vec();
        });
        let token = Self::last_token();
        unsafe { abi::proxy_on_http_call_response(GATEWAY, token, 1, body.len(), 0) };
    }

    pub fn sidecar_fails(&mut self) {
        let token = Self::last_token();
        unsafe { abi::proxy_on_http_call_response(GATEWAY, token, 0, 0, 0) };
    }
}

/// What the sidecar makes of an answer with a whole snapshot.
fn in_pages(mut response: SyncResponse) -> Vec<u8> {
    if let Some(whole) = response.snapshot.take() {
        let paged = Paged::of(whole).expect("keys");
        response.pages = (0..).zip(paged.pages).collect();
        response.snapshot = Some(paged.snapshot);
    }
    ark_link::write_sync_response(&response).expect("a message")
}
