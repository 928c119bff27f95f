//! What a listener of the sidecar's shows, and whom it lets in.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

use super::{provider, versions};
use crate::config::TlsVersion;

/// The side of a server with this certificate and key, PEM; `clients` are the authorities of client
/// certificates, PEM, and whether nobody comes in without one. No session is kept: each connection
/// proves who it is.
///
/// # Errors
/// In words, never with any of the content.
pub fn server(
    (cert, key): (&str, &str),
    clients: Option<(&str, bool)>,
    oldest: TlsVersion,
) -> Result<Arc<ServerConfig>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert.as_bytes()).collect();
    let chain = chain.map_err(|_not_pem| "holds no certificate in PEM".to_owned())?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_not_pem| "holds no private key in PEM".to_owned())?;
    let words = |error: rustls::Error| error.to_string();
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(oldest))
        .map_err(words)?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some((authorities, is_required)) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots(authorities)?),
                provider(),
            );
            let verifier = match is_required {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            let verifier = verifier.build().map_err(|error| error.to_string())?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut made = builder.with_single_cert(chain, key).map_err(words)?;
    made.alpn_protocols = vec![b"http/1.1".to_vec()];
    made.send_tls13_tickets = 0;
    made.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(made))
}

fn roots(authorities: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        let certificate = certificate.map_err(|_not_pem| "holds no certificate".to_owned())?;
        let added = roots.add(certificate);
        added.map_err(|error| format!("holds a certificate of no authority: {error}"))?;
    }
    Ok(roots)
}
