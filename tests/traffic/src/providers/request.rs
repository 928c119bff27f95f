//! What is read of a request, whatever its provider speaks.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use serde_json::Value;

use super::refusal::Refusal;
use super::script::{Instead, Script};
use super::seen::Seen;
use super::state::Provider;

/// Largest request body that is read, bytes.
pub(super) const BODY_LIMIT_BYTES: usize = 64 << 20;

/// Reads a body, at most one byte over the limit; `None` when the client went away in the middle.
pub(super) async fn read_body(mut incoming: Incoming) -> Option<Bytes> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.ok()?.into_data() else {
            continue;
        };
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            let more = usize::try_from(incoming.size_hint().lower()).unwrap_or(0);
            rest.reserve((first.len() + data.len() + more).min(BODY_LIMIT_BYTES));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
        if rest.len() > BODY_LIMIT_BYTES {
            break;
        }
    }
    Some(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

pub(super) fn read_script(headers: &HeaderMap, provider: &str) -> Result<Script, String> {
    match headers.get("x-demo-script") {
        None => Ok(Script::default()),
        Some(value) => {
            let text = value
                .to_str()
                .map_err(|error| format!("x-demo-script: {error}"))?;
            Script::parse_for(text, provider).map_err(|error| format!("x-demo-script: {error}"))
        }
    }
}

pub(super) fn see(
    provider: &Provider,
    parts: &Parts,
    headers: HeaderMap,
    body: &Bytes,
) -> Option<Seen> {
    let target = parts.uri.path_and_query().map_or("", |t| t.as_str());
    (provider.config.seen > 0).then(|| Seen::new(parts.method.as_str(), target, headers, body))
}

/// The names of the headers, when the answer is to tell them.
pub(super) fn echo(script: &Result<Script, String>, headers: &HeaderMap) -> Option<String> {
    match script {
        Ok(Script {
            instead: Some(Instead::EchoHeaders),
            ..
        }) => Some(names(headers)),
        _ => None,
    }
}

fn names(headers: &HeaderMap) -> String {
    headers
        .keys()
        .map(|name| Value::from(name.as_str()))
        .collect::<Value>()
        .to_string()
}

/// A header of ours that should have stayed with us.
pub(super) fn leak(headers: &HeaderMap) -> Option<Refusal> {
    let name = headers
        .keys()
        .find(|name| name.as_str().starts_with("x-ark-"))?;
    let message = format!("The internal header {name} reached a provider.");
    Some(Refusal::invalid(message, None).coded("leaked_internal_header"))
}
