//! Ark in Envoy: the proxy-wasm adapter.
//!
//! One module in two roles. As downstream HTTP filter (`gateway`) it admits, inspects, decides and
//! settles; as upstream HTTP filter in each provider's cluster (`provider`) it runs once per
//! attempt, rewrites the request for that provider, gates the answer and counts its usage. Both
//! roles live in one VM per Envoy worker and share [`vm::Vm`]. Nothing here decides: `gateway-core`
//! does.

mod gateway;
mod head;
mod host;
mod incoming;
mod limits;
mod opened;
mod provider;
mod pulse;
mod quota;
mod raw;
mod reply;
mod root;
mod sync;
mod vm;

use proxy_wasm::types::LogLevel;

/// Bodies, and what is made of them, lie in linear memory, which never shrinks.
#[cfg(target_os = "wasi")]
#[global_allocator]
static ALLOCATOR: ark_wiping::Wiping = ark_wiping::Wiping;

#[cfg(target_os = "wasi")]
mod entry {
    proxy_wasm::main! {{
        ark_wiping::Wiping::begin();
        super::start();
    }}
}

/// Registers the root context; called once per VM.
pub fn start() {
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(root::Root::default()));
}

/// Takes the records that wait for the sidecar, for tests of the callbacks.
#[doc(hidden)]
#[must_use]
pub fn drain_records() -> Vec<ark_gateway_core::record::Record> {
    vm::with(|vm| vm.records.drain(..).collect())
}
