//! The host functions, as the SDK links them, and the callbacks, as the host calls them.
//!
//! Signatures: proxy-wasm ABI 0.2.1. Memory that the host returns is owned by the callee, as a
//! `Vec<u8>` whose capacity is its length.

#![allow(unsafe_code, reason = "the ABI is raw pointers")]

use std::slice;

use proxy_wasm::types::{Action, BufferType, LogLevel, MapType, MetricType, Status};

use super::{Call, Headers, Host, Reply, host};

unsafe extern "C" {
    pub fn proxy_on_context_create(context: u32, root: u32);
    pub fn proxy_on_configure(context: u32, size: usize) -> bool;
    pub fn proxy_on_tick(context: u32);
    pub fn proxy_on_request_headers(context: u32, count: usize, end: bool) -> Action;
    pub fn proxy_on_request_body(context: u32, size: usize, end: bool) -> Action;
    pub fn proxy_on_response_headers(context: u32, count: usize, end: bool) -> Action;
    pub fn proxy_on_response_body(context: u32, size: usize, end: bool) -> Action;
    pub fn proxy_on_done(context: u32) -> bool;
    pub fn proxy_on_log(context: u32);
    pub fn proxy_on_delete(context: u32);
    pub fn proxy_on_http_call_response(
        context: u32,
        token: u32,
        headers: usize,
        body: usize,
        trailers: usize,
    );
}

unsafe fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    unsafe { slice::from_raw_parts(data, size) }
}

unsafe fn text(data: *const u8, size: usize) -> String {
    String::from_utf8(unsafe { bytes(data, size) }.to_vec()).expect("a name is text")
}

/// Hands memory to the caller.
unsafe fn give(value: &[u8], data: *mut *mut u8, size: *mut usize) {
    let owned = value.to_vec().into_boxed_slice();
    unsafe {
        *size = owned.len();
        *data = Box::into_raw(owned).cast();
    }
}

fn counted<R>(name: &'static str, f: impl FnOnce(&mut Host) -> R) -> R {
    host(|h| {
        *h.counts.entry(name).or_default() += 1;
        f(h)
    })
}

fn map_of(h: &mut Host, map: MapType) -> &mut Headers {
    match map {
        MapType::HttpRequestHeaders => &mut h.request_headers,
        MapType::HttpResponseHeaders => &mut h.response_headers,
        MapType::HttpCallResponseHeaders => &mut h.call_headers,
        _ => panic!("no such map here"),
    }
}

fn body_of(h: &mut Host, buffer: BufferType) -> &mut Vec<u8> {
    match buffer {
        BufferType::HttpRequestBody => &mut h.request_body,
        BufferType::HttpResponseBody => &mut h.response_body,
        BufferType::HttpCallResponseBody => &mut h.call_body,
        BufferType::PluginConfiguration => &mut h.plugin_configuration,
        _ => panic!("no such buffer here"),
    }
}

/// The wire form of a map: a count, the sizes, then names and values, each with a NUL (u32, LE).
fn read_map(wire: &[u8]) -> Headers {
    let word = |at: usize| {
        let mut four = [0; 4];
        four.copy_from_slice(&wire[at..at + 4]);
        u32::from_le_bytes(four) as usize
    };
    if wire.is_empty() {
        return Vec::new();
    }
    let count = word(0);
    let mut at = 4 + 8 * count;
    let mut headers = Vec::new();
    for i in 0..count {
        let (name, value) = (word(4 + 8 * i), word(8 + 8 * i));
        let text = String::from_utf8(wire[at..at + name].to_vec()).expect("a name is text");
        at += name + 1;
        headers.push((text, wire[at..at + value].to_vec()));
        at += value + 1;
    }
    headers
}

fn write_map(headers: &Headers) -> Vec<u8> {
    let word = |n: usize| u32::try_from(n).expect("small").to_le_bytes();
    let mut wire = word(headers.len()).to_vec();
    for (name, value) in headers {
        wire.extend(word(name.len()));
        wire.extend(word(value.len()));
    }
    for (name, value) in headers {
        wire.extend(name.as_bytes());
        wire.push(0);
        wire.extend(value);
        wire.push(0);
    }
    wire
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_log(_: LogLevel, data: *const u8, size: usize) -> Status {
    let line = unsafe { text(data, size) };
    // The SDK's panic hook logs, also a panic of this host, which holds its own state then.
    #[allow(clippy::print_stderr, reason = "shown by the test runner on failure")]
    {
        eprintln!("{line}");
    }
    super::log(line);
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_current_time_nanoseconds(time: *mut u64) -> Status {
    unsafe { *time = counted("time", |h| h.now_ns) };
    Status::Ok
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> Status {
    counted("tick", |h| h.tick_ms = period);
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_buffer_bytes(
    buffer: BufferType,
    start: usize,
    max: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    counted("get_buffer", |h| {
        let body = body_of(h, buffer);
        let end = start.saturating_add(max).min(body.len());
        match body.get(start..end) {
            Some(part) if !part.is_empty() => unsafe { give(part, data, size) },
            Some(_) | None => return Status::NotFound,
        }
        Status::Ok
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_buffer_bytes(
    buffer: BufferType,
    start: usize,
    size: usize,
    data: *const u8,
    length: usize,
) -> Status {
    let new = unsafe { bytes(data, length) };
    counted("set_buffer", |h| {
        let body = body_of(h, buffer);
        // Envoy replaces the whole, prepends or appends; nothing else.
        assert!(start == 0 && size >= body.len(), "a partial replacement");
        *body = new.to_vec();
    });
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_pairs(
    map: MapType,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    let wire = counted("get_map", |h| write_map(map_of(h, map)));
    unsafe { give(&wire, data, size) };
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_header_map_pairs(
    map: MapType,
    data: *const u8,
    size: usize,
) -> Status {
    let headers = read_map(unsafe { bytes(data, size) });
    counted("set_map", |h| *map_of(h, map) = headers);
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_value(
    map: MapType,
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    let key = unsafe { text(key, key_size) };
    let found = counted("get_header", |h| {
        let found = map_of(h, map).iter().find(|(n, _)| *n == key);
        found.map(|(_, v)| v.clone())
    });
    match found {
        Some(value) => unsafe { give(&value, data, size) },
        None => return Status::NotFound,
    }
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_remove_header_map_value(
    map: MapType,
    key: *const u8,
    key_size: usize,
) -> Status {
    let key = unsafe { text(key, key_size) };
    counted("remove_header", |h| {
        map_of(h, map).retain(|(n, _)| *n != key);
    });
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_replace_header_map_value(
    map: MapType,
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
) -> Status {
    let key = unsafe { text(key, key_size) };
    let value = unsafe { bytes(value, value_size) }.to_vec();
    counted("set_header", |h| {
        let map = map_of(h, map);
        map.retain(|(n, _)| *n != key);
        map.push((key, value));
    });
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_add_header_map_value(
    map: MapType,
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
) -> Status {
    let key = unsafe { text(key, key_size) };
    let value = unsafe { bytes(value, value_size) }.to_vec();
    counted("add_header", |h| map_of(h, map).push((key, value)));
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_property(
    path: *const u8,
    path_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    let path = unsafe { text(path, path_size) }.replace('\0', ".");
    match counted("get_property", |h| h.properties.get(&path).cloned()) {
        Some(value) => unsafe { give(&value, data, size) },
        None => return Status::NotFound,
    }
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_property(
    path: *const u8,
    path_size: usize,
    value: *const u8,
    value_size: usize,
) -> Status {
    let path = unsafe { text(path, path_size) }.replace('\0', ".");
    let value = unsafe { bytes(value, value_size) }.to_vec();
    counted("set_property", |h| h.properties.insert(path, value));
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
    cas: *mut u32,
) -> Status {
    let key = unsafe { text(key, key_size) };
    match counted("get_shared", |h| h.shared.get(&key).cloned()) {
        Some((value, version)) => unsafe {
            give(&value, data, size);
            *cas = version;
        },
        None => return Status::NotFound,
    }
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    value: *const u8,
    value_size: usize,
    cas: u32,
) -> Status {
    let key = unsafe { text(key, key_size) };
    let value = unsafe { bytes(value, value_size) }.to_vec();
    counted("set_shared", |h| {
        if cas != 0 && h.lost_swaps > 0 {
            h.lost_swaps -= 1;
            return Status::CasMismatch;
        }
        // As in Envoy: what is not there has no version to differ from.
        let known = h.shared.get(&key).map(|(_, v)| *v);
        if cas != 0 && known.is_some_and(|version| cas != version) {
            return Status::CasMismatch;
        }
        let version = known.unwrap_or(0);
        h.shared.insert(key, (value, version + 1));
        Status::Ok
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_send_local_response(
    status: u32,
    _details: *const u8,
    _details_size: usize,
    body: *const u8,
    body_size: usize,
    headers: *const u8,
    headers_size: usize,
    _grpc: i32,
) -> Status {
    let reply = Reply {
        status,
        headers: read_map(unsafe { bytes(headers, headers_size) }),
        body: unsafe { bytes(body, body_size) }.to_vec(),
    };
    counted("local_reply", |h| h.reply = Some(reply));
    Status::Ok
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_http_call(
    upstream: *const u8,
    upstream_size: usize,
    headers: *const u8,
    headers_size: usize,
    body: *const u8,
    body_size: usize,
    _trailers: *const u8,
    _trailers_size: usize,
    _timeout: u32,
    token: *mut u32,
) -> Status {
    let cluster = unsafe { text(upstream, upstream_size) };
    let headers = read_map(unsafe { bytes(headers, headers_size) });
    let body = unsafe { bytes(body, body_size) }.to_vec();
    counted("http_call", |h| {
        if h.refuse_calls {
            return Status::InternalFailure;
        }
        let number = u32::try_from(h.calls.len()).expect("few") + 1;
        unsafe { *token = number };
        h.calls.push(Call {
            token: number,
            cluster,
            headers,
            body,
        });
        Status::Ok
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_define_metric(
    _: MetricType,
    _: *const u8,
    _: usize,
    id: *mut u32,
) -> Status {
    unsafe { *id = counted("define_metric", |_| 1) };
    Status::Ok
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_effective_context(_context: u32) -> Status {
    Status::Ok
}

/// Functions that the SDK links but the filter must not need: calling one ends the test.
macro_rules! not_used {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> Status {
                panic!(concat!(stringify!($name), " is not expected of the filter"))
            }
        )*
    };
}

not_used! {
    proxy_call_foreign_function proxy_close_stream proxy_continue_stream
    proxy_dequeue_shared_queue proxy_done proxy_enqueue_shared_queue proxy_get_log_level
    proxy_get_metric proxy_get_status proxy_grpc_call proxy_grpc_cancel proxy_grpc_close
    proxy_grpc_send proxy_grpc_stream proxy_increment_metric proxy_record_metric
    proxy_register_shared_queue proxy_resolve_shared_queue
}
