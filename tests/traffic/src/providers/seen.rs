//! A received request, kept so that tests can prove what a provider got and what it did not.

use std::fmt::Write;

use bytes::Bytes;
use hyper::HeaderMap;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// How much of a body is kept, bytes.
const KEPT_BYTES: usize = 4096;

/// A received request: head, credential values included, and the start of its body.
#[derive(Clone, Debug)]
pub struct Seen {
    sequence: u64,
    method: String,
    target: String,
    headers: HeaderMap,
    body_start: Bytes,
    body_bytes: usize,
    /// Of the whole body; `None` while the kept start is all of it.
    digest: Option<String>,
}

impl Seen {
    /// Keeps a request. `target` is path and query.
    pub(super) fn new(method: &str, target: &str, headers: HeaderMap, body: &Bytes) -> Self {
        let start = body.get(..KEPT_BYTES).unwrap_or(body);
        Self {
            sequence: 0,
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            // A copy, as a slice would keep the connection's whole read buffer alive.
            body_start: Bytes::copy_from_slice(start),
            body_bytes: body.len(),
            digest: (body.len() > KEPT_BYTES).then(|| hex_digest(body)),
        }
    }

    pub(super) fn number(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// As JSON: `sequence`, `request_id`, `method`, `target`, `headers` (values of the same name
    /// joined by `, `), `body_bytes`, `body_sha256`, `body` (its first 4 KiB).
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut headers = Map::new();
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let joined = match headers.get(name.as_str()).and_then(Value::as_str) {
                Some(before) => format!("{before}, {value}"),
                None => value,
            };
            headers.insert(name.as_str().to_owned(), Value::from(joined));
        }
        let digest = self.digest.clone();
        json!({
            "sequence": self.sequence,
            "request_id": headers.get("x-request-id").cloned(),
            "method": self.method,
            "target": self.target,
            "headers": headers,
            "body_bytes": self.body_bytes,
            "body_sha256": digest.unwrap_or_else(|| hex_digest(&self.body_start)),
            "body": String::from_utf8_lossy(&self.body_start),
        })
    }
}

fn hex_digest(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _written = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_shown_with_all_values_and_the_whole_bodys_digest() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        headers.append("x-request-id", "r".parse().unwrap());
        let short = Seen::new("POST", "/v1?x", headers, &Bytes::from("abc")).to_json();
        assert_eq!(short["headers"]["x-a"], "1, 2");
        assert_eq!(short["request_id"], "r");
        assert_eq!(
            short["body_sha256"],
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let body = Bytes::from(vec![b'a'; 1_000_000]);
        let long = Seen::new("POST", "/", HeaderMap::new(), &body).to_json();
        assert_eq!(
            long["body_sha256"],
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
        assert_eq!(long["body_bytes"], 1_000_000);
        assert_eq!(long["body"].as_str().unwrap().len(), 4096);
    }
}
