//! Certificates and private keys, PEM.

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Wrong;

/// Of which half of a pair something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// The certificate.
    Certificate,
    /// The private key.
    Key,
}

const CERT_HINT: &str = "PEM with the certificate first, then those between it and its authority";
const KEY_HINT: &str = "PEM with one private key without a passphrase: PKCS #8, PKCS #1 or SEC 1";

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let wrong = || ("holds no certificate in PEM".to_owned(), CERT_HINT);
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let all = all.map_err(|_not_pem| wrong())?;
    let is_x509 = |der: &CertificateDer<'_>| X509Certificate::from_der(der).is_ok();
    match !all.is_empty() && all.iter().all(is_x509) {
        true => Ok(all),
        false => Err(wrong()),
    }
}

fn private_key(text: &str) -> Result<PrivateKeyDer<'static>, Wrong> {
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
    key.map_err(|_not_pem| ("holds no private key in PEM".to_owned(), KEY_HINT))
}

/// Whether a certificate and a private key belong together.
///
/// # Errors
/// Which of them is wrong, and how.
pub(super) fn check_pair(cert: &str, key: &str) -> Result<(), (Pair, Wrong)> {
    let chain = certificates(cert).map_err(|wrong| (Pair::Certificate, wrong))?;
    let key = private_key(key).map_err(|wrong| (Pair::Key, wrong))?;
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err((
            Pair::Key,
            (
                "is not the private key of the certificate".to_owned(),
                "both files must come from the same renewal",
            ),
        )),
        Err(_unsupported) => {
            let message = "is of no kind that TLS takes".to_owned();
            Err((
                Pair::Key,
                (message, "ECDSA with P-256 or RSA with 2048 bits"),
            ))
        }
    }
}

/// Whether there are authorities in the text.
///
/// # Errors
/// There are none.
pub(super) fn check_authorities(text: &str) -> Result<(), Wrong> {
    certificates(text).map(|_| ())
}

/// What is wrong with the time of the first certificate.
pub(super) fn out_of_time(text: &str, now_s: i64) -> Option<String> {
    let all = certificates(text).ok()?;
    let (_, first) = X509Certificate::from_der(all.first()?).ok()?;
    let validity = first.validity();
    if validity.not_after.timestamp() <= now_s {
        Some(format!(
            "has expired: it was valid until {}",
            validity.not_after
        ))
    } else if now_s < validity.not_before.timestamp() {
        Some(format!("is not valid before {}", validity.not_before))
    } else {
        None
    }
}
