//! What a verified client certificate is worth.

use serde::{Deserialize, Serialize};

use super::{Roles, is_name};
use crate::policy::Policy;
use crate::reject::{Reject, RejectCode};

/// A kind of client certificate, and whose rights its holders have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateSpec {
    /// The operator's name of it; callers of a prefix are named `name:id`.
    pub name: String,
    /// Which certificates.
    #[serde(rename = "match")]
    pub matches: CertificateMatch,
    /// Index into [`crate::snapshot::Snapshot::keys`]; `None` while that key is revoked.
    pub key: Option<u32>,
}

/// What is compared of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateMatch {
    /// The URI of its subject alternative name is this: a SPIFFE id.
    Uri(String),
    /// That URI begins with this, which ends in a slash.
    UriPrefix(String),
    /// Its subject is this, as RFC 2253 writes it.
    Subject(String),
}

/// What Envoy says of the certificate that the connection was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The URI of its subject alternative name; empty without one.
    pub uri: &'a str,
    /// Its subject; empty without one.
    pub subject: &'a str,
}

impl CertificateMatch {
    fn holds(&self, certificate: Certificate<'_>) -> bool {
        match self {
            Self::Uri(uri) => certificate.uri == uri,
            Self::UriPrefix(prefix) => certificate
                .uri
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| !rest.is_empty()),
            Self::Subject(subject) => certificate.subject == subject,
        }
    }
}

/// The caller whom a verified certificate names: the index of its key, for [`Policy::key`].
///
/// # Errors
/// 403 where it maps to no key.
pub fn by_certificate(policy: &Policy, certificate: Certificate<'_>) -> Result<u32, Reject> {
    let unknown = || Reject::new(RejectCode::IdentityNotAllowed);
    let specs = &policy.snapshot().identity.certificates;
    let spec = specs.iter().find(|spec| spec.matches.holds(certificate));
    let spec = spec.ok_or_else(unknown)?;
    let base = spec.key.ok_or_else(unknown)?;
    let name = match &spec.matches {
        CertificateMatch::UriPrefix(_) if is_name(certificate.uri) => {
            Some(format!("{}:{}", spec.name, certificate.uri))
        }
        CertificateMatch::UriPrefix(_) => return Err(unknown()),
        CertificateMatch::Uri(_) | CertificateMatch::Subject(_) => None,
    };
    policy.caller(base, (name, Roles::default(), None))
}
