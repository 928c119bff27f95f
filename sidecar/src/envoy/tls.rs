//! TLS towards clients: certificates by SDS, so that a renewed one is in force for the next connection and
//! no open one notices.

use serde_json::{Value, json};

use super::{Mode, from_sidecar};
use crate::config::{ListenerTlsConfig, TlsVersion};
use crate::material::Material;

/// The listener waits so long for its certificates; without them there is nothing to listen with.
const SECRET_WAIT_MS: u64 = 15_000;
/// How often they are asked for anew.
const SECRET_REFRESH_MS: u64 = 200;

/// The authorities of client certificates.
const CLIENTS: &str = "listener/clients";

/// Ciphers of TLS 1.2, where it is named: forward secret and authenticated only. Those of 1.3 are all so.
const CIPHERS: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
];

/// Key exchange, the hybrid with ML-KEM first: what is recorded today is not read by tomorrow's machines.
const CURVES: [&str; 3] = ["X25519MLKEM768", "X25519", "P-256"];

fn certificate_name(index: usize) -> String {
    format!("listener/certificate/{index}")
}

/// Versions, ciphers and curves; the same for clients and providers.
pub(super) fn parameters(oldest: TlsVersion) -> Value {
    let oldest = match oldest {
        TlsVersion::V1_2 => "TLSv1_2",
        TlsVersion::V1_3 => "TLSv1_3",
    };
    json!({
        "tls_minimum_protocol_version": oldest,
        "tls_maximum_protocol_version": "TLSv1_3",
        "cipher_suites": CIPHERS,
        "ecdh_curves": CURVES,
    })
}

/// The listener's side of a connection.
pub(super) fn downstream(tls: &ListenerTlsConfig, mode: Mode<'_>) -> Value {
    let mut common = json!({
        "tls_params": parameters(tls.min_version),
        "alpn_protocols": ["h2", "http/1.1"],
    });
    let from = from_sidecar(SECRET_REFRESH_MS, SECRET_WAIT_MS);
    if let Some(fields) = common.as_object_mut() {
        let files = tls.certificates.iter();
        let (name, own): (_, Vec<Value>) = match mode {
            Mode::Dynamic => (
                "tls_certificate_sds_secret_configs",
                (0..tls.certificates.len())
                    .map(|i| json!({"name": certificate_name(i), "sds_config": from}))
                    .collect(),
            ),
            Mode::Static(_) => (
                "tls_certificates",
                files
                    .map(|files| {
                        json!({
                            "certificate_chain": {"filename": files.cert_file.to_string_lossy()},
                            "private_key": {"filename": files.key_file.to_string_lossy()},
                        })
                    })
                    .collect(),
            ),
        };
        fields.insert(name.to_owned(), json!(own));
        if let Some(clients) = &tls.clients {
            let (name, authorities) = match mode {
                Mode::Dynamic => (
                    "validation_context_sds_secret_config",
                    json!({"name": CLIENTS, "sds_config": from}),
                ),
                Mode::Static(_) => (
                    "validation_context",
                    json!({"trusted_ca": {"filename": clients.ca_file.to_string_lossy()}}),
                ),
            };
            fields.insert(name.to_owned(), authorities);
        }
    }
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": common,
            "require_client_certificate": tls.clients.as_ref().is_some_and(|clients| clients.required),
            // A ticket outlives the certificate that it was given for.
            "disable_stateless_session_resumption": true,
            "disable_stateful_session_resumption": true,
        },
    })
}

/// The listener's secrets with their values, for SDS: to Envoy over the Unix socket and nowhere else.
pub(super) fn secrets(material: &Material) -> Vec<Value> {
    let own = material.certificates.iter().enumerate();
    let own = own.map(|(i, (cert, key))| {
        json!({
            "name": certificate_name(i),
            "tls_certificate": {
                "certificate_chain": {"inline_string": cert.expose()},
                "private_key": {"inline_string": key.expose()},
            },
        })
    });
    let clients = material.clients.iter().map(|authorities| {
        json!({
            "name": CLIENTS,
            "validation_context": {"trusted_ca": {"inline_string": authorities.expose()}},
        })
    });
    own.chain(clients).collect()
}
