//! A host for the unmodified SDK: Envoy's side of proxy-wasm as plain functions of this process.
//!
//! Every test runs on a thread of its own, and all state here, in the SDK and in the filter is
//! thread-local: each test has a VM of its own. Tests read effects (what a map, a body, a reply
//! became), never the order of calls.

#![allow(dead_code, reason = "each test binary uses a part")]

pub mod abi;

use std::cell::RefCell;
use std::collections::HashMap;

/// A header map.
pub type Headers = Vec<(String, Vec<u8>)>;

/// What `send_http_response` was given.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u32,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<String> {
        value(&self.headers, name)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// What `dispatch_http_call` was given.
#[derive(Clone, Debug)]
pub struct Call {
    pub token: u32,
    pub cluster: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// The host's state.
#[derive(Default)]
pub struct Host {
    pub now_ns: u64,
    pub plugin_configuration: Vec<u8>,
    pub request_headers: Headers,
    pub request_body: Vec<u8>,
    pub response_headers: Headers,
    pub response_body: Vec<u8>,
    pub call_headers: Headers,
    pub call_body: Vec<u8>,
    pub properties: HashMap<String, Vec<u8>>,
    pub shared: HashMap<String, (Vec<u8>, u32)>,
    /// The next compare-and-swaps fail: another worker was faster.
    pub lost_swaps: u32,
    pub reply: Option<Reply>,
    pub calls: Vec<Call>,
    pub refuse_calls: bool,
    pub log: Vec<String>,
    pub tick_ms: u32,
    /// How often each host function was called.
    pub counts: HashMap<&'static str, u32>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::new(Host::default());
}

/// Reads or changes the host.
pub fn host<R>(f: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(f)
}

/// Keeps a log line, unless the host itself is panicking.
pub fn log(line: String) {
    HOST.with(|h| {
        if let Ok(mut host) = h.try_borrow_mut() {
            host.log.push(line);
        }
    });
}

/// A header's first value.
pub fn value(headers: &Headers, name: &str) -> Option<String> {
    headers
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, v)| String::from_utf8_lossy(v).into_owned())
}

/// Headers from text.
pub fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
        .collect()
}
