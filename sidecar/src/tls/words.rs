//! Why there is no connection, for whoever has to do something about it.

use std::error::Error;
use std::io;

use rustls::{
    AlertDescription, CertificateError, Error as TlsError, InvalidMessage, PeerIncompatible,
};

/// An error in words: what TLS says is the reason, if it is one of its own, however deep it is.
#[must_use]
pub fn words(error: &(dyn Error + 'static)) -> String {
    match of_tls(error) {
        Some(error) => said(error),
        None => error.to_string(),
    }
}

/// The error of rustls among the causes of another.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<TlsError>() {
            return Some(found);
        }
        // What an I/O error wraps is not its source, but itself.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "errors of rustls are open-ended: what is not put in our words keeps its own"
)]
fn said(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(certificate) => of_certificate(certificate),
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => TOO_OLD.to_owned(),
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "what answers there speaks no TLS".to_owned()
        }
        other => other.to_string(),
    }
}

const TOO_OLD: &str =
    "it speaks no TLS 1.3; 1.2 is spoken only where it is named, by min_version: \"1.2\"";

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "errors of rustls are open-ended: what is not put in our words keeps its own"
)]
fn of_certificate(error: &CertificateError) -> String {
    match error {
        // An authority of the same name, but with another key, is another authority.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not of an authority that is trusted; name its own as the CA"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name than the one that it was asked by".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        other => format!("its certificate is refused: {other}"),
    }
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "alerts are open-ended: what is not put in our words keeps its own"
)]
fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "it wants a certificate of its clients".to_owned(),
        AlertDescription::ProtocolVersion => TOO_OLD.to_owned(),
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => {
            format!("it does not take the certificate that it is shown ({alert:?})")
        }
        other => format!("it refuses the connection ({other:?})"),
    }
}
