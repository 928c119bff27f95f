//! TLS of the sidecar's own connections, by rustls with ring: TLS 1.3, and 1.2 only where it is named,
//! then with forward-secret suites only.

mod client;
mod server;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::{CryptoProvider, ring};
use rustls::version::{TLS12, TLS13};

use crate::config::TlsVersion;

pub use client::{Client, Source};
pub use server::server;
pub use words::words;

static OLD_TOO: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static NEW_ONLY: &[&SupportedProtocolVersion] = &[&TLS13];

fn versions(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match oldest {
        TlsVersion::V1_2 => OLD_TOO,
        TlsVersion::V1_3 => NEW_ONLY,
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
