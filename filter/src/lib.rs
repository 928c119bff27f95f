//! Ark in Envoy: the proxy-wasm adapter.
