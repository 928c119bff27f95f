//! What the filter asks of Envoy: thin, and never panicking on what a client or a provider sent.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use ark_gateway_core::access::source_of;
use ark_gateway_core::limit::Nanos;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType};

use crate::raw;

/// Nanoseconds since the Unix epoch; 0 when the host has no clock.
pub(crate) fn now() -> Nanos {
    let time = hostcalls::get_current_time().unwrap_or(UNIX_EPOCH);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The request's headers, in wire form.
pub(crate) fn request_headers() -> Vec<u8> {
    raw::header_map(MapType::HttpRequestHeaders)
}

/// One request header.
pub(crate) fn request_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name)
        .ok()
        .flatten()
}

/// Sets a request header absolutely.
pub(crate) fn set_request_header(name: &str, value: &str) {
    report(
        name,
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value.as_bytes())),
    );
}

/// Removes a request header.
pub(crate) fn remove_request_header(name: &str) {
    report(
        name,
        hostcalls::remove_map_value(MapType::HttpRequestHeaders, name),
    );
}

/// The response's headers, in wire form.
pub(crate) fn response_headers() -> Vec<u8> {
    raw::header_map(MapType::HttpResponseHeaders)
}

/// One response header.
pub(crate) fn response_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name)
        .ok()
        .flatten()
}

/// Sets a response header absolutely.
pub(crate) fn set_response_header(name: &str, value: &str) {
    report(
        name,
        hostcalls::set_map_value_bytes(MapType::HttpResponseHeaders, name, Some(value.as_bytes())),
    );
}

/// Removes a response header.
pub(crate) fn remove_response_header(name: &str) {
    report(
        name,
        hostcalls::remove_map_value(MapType::HttpResponseHeaders, name),
    );
}

/// The response's status, 0 when there is none.
pub(crate) fn response_status() -> u16 {
    response_header(":status")
        .and_then(|v| std::str::from_utf8(&v).ok()?.parse().ok())
        .unwrap_or(0)
}

/// The status of the sidecar's answer, while it is being delivered; 0 when there is none.
pub(crate) fn call_status() -> u16 {
    hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status")
        .ok()
        .flatten()
        .and_then(|v| std::str::from_utf8(&v).ok()?.parse().ok())
        .unwrap_or(0)
}

/// `size` bytes of a body from `start`.
pub(crate) fn body(which: BufferType, start: usize, size: usize) -> Vec<u8> {
    if size == 0 {
        return Vec::new();
    }
    hostcalls::get_buffer(which, start, size)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Replaces the whole body that is at hand, `old_size` bytes long.
pub(crate) fn replace_body(which: BufferType, old_size: usize, bytes: &[u8]) {
    report("body", hostcalls::set_buffer(which, 0, old_size, bytes));
}

/// Sets Envoy filter state `wasm.{name}` of this request, which routing reads.
pub(crate) fn set_filter_state(name: &str, value: &str) {
    report(
        name,
        hostcalls::set_property(vec![name], Some(value.as_bytes())),
    );
}

/// Envoy's response flags of this stream, as bits.
pub(crate) fn response_flags() -> u64 {
    hostcalls::get_property(vec!["response", "flags"])
        .ok()
        .flatten()
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// A property of this stream as text; `None` where it has none, or it is no text.
pub(crate) fn text_property(path: Vec<&str>) -> Option<String> {
    let bytes = hostcalls::get_property(path).ok().flatten()?;
    String::from_utf8(bytes).ok()
}

/// Where the request comes from, as Envoy knows it: never what the client says.
pub(crate) fn source_address() -> Option<IpAddr> {
    source_of(&text_property(vec!["source", "address"])?)
}

/// The configuration of this plugin.
pub(crate) fn plugin_configuration() -> Vec<u8> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX)
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Warns in Envoy's log. Never give it content or a secret.
pub(crate) fn warn(message: &str) {
    // There is nowhere left to report that the log does not take a line.
    let _ = hostcalls::log(LogLevel::Warn, &format!("ark: {message}"));
}

/// Logs what Envoy refused, so that nothing is ever ignored in silence.
pub(crate) fn report<T>(what: &str, result: Result<T, proxy_wasm::types::Status>) {
    if let Err(status) = result {
        warn(&format!("host call failed for {what}: {status:?}"));
    }
}
