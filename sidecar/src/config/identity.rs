//! `identity` and `gateway.tls`, typed.

use std::path::PathBuf;

use ark_gateway_core::identity::{Algorithm, CertificateMatch, ClaimPath};

use super::endpoint::Endpoint;
use super::shape::{TlsConfig, TlsVersion};

/// `identity`: who is let in without an API key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityConfig {
    /// Issuers of tokens; names and issuers are unique.
    pub jwt: Vec<JwtConfig>,
    /// Client certificates, in the operator's order; names are unique.
    pub certificates: Vec<CertificateConfig>,
}

/// One of `identity.jwt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtConfig {
    /// Its name, with which its callers' names begin.
    pub name: String,
    /// `iss` of its tokens, to the letter.
    pub issuer: String,
    /// Values of `aud` of which a token must have one; at least one.
    pub audiences: Vec<String>,
    /// Where its keys are.
    pub jwks: JwksConfig,
    /// Algorithms that its tokens may be signed with; at least one.
    pub algorithms: Vec<Algorithm>,
    /// Whether a token must name its key.
    pub require_kid: bool,
    /// By how much its clock and ours may differ, in seconds.
    pub clock_skew_s: u32,
    /// The key whose rights all its callers have; otherwise `claims.tenant` and `keys` say.
    pub key: Option<String>,
    /// What `claims.tenant` may say, each with the id of a key; sorted.
    pub keys: Vec<(String, String)>,
    /// What its tokens say, and where.
    pub claims: ClaimsConfig,
}

/// An issuer's `claims`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimsConfig {
    /// Which of `keys` a caller has the rights of.
    pub tenant: Option<ClaimPath>,
    /// The caller's name in limits, ledger and records.
    pub user: Option<ClaimPath>,
    /// Its roles.
    pub roles: Option<ClaimPath>,
    /// Its priority.
    pub priority: Option<ClaimPath>,
}

/// An issuer's `jwks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksConfig {
    /// Envoy fetches them.
    Url {
        /// From there; its `base_path` is the whole path.
        endpoint: Endpoint,
        /// How long what was fetched is used before it is fetched anew, in seconds.
        cache_s: u32,
        /// How to talk TLS.
        tls: TlsConfig,
    },
    /// They are in a file, which is watched.
    File(PathBuf),
}

/// One of `identity.certificates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateConfig {
    /// Its name.
    pub name: String,
    /// Which certificates.
    pub matches: CertificateMatch,
    /// The id of the key whose rights their holders have.
    pub key: String,
}

/// `gateway.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTlsConfig {
    /// At least one; several for clients of different algorithms or names.
    pub certificates: Vec<CertificateFiles>,
    /// Oldest protocol version that is accepted.
    pub min_version: TlsVersion,
    /// Whom to ask for a certificate.
    pub clients: Option<ClientCertificatesConfig>,
}

/// A certificate and its private key, PEM. Both are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those between it and its authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// `gateway.tls.client_certificates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificatesConfig {
    /// The authorities that sign them, PEM; watched.
    pub ca_file: PathBuf,
    /// Whether there is no connection without one.
    pub required: bool,
}

impl super::Config {
    /// Every file that holds keys or certificates of the gateway's own.
    pub(crate) fn identity_files(&self) -> impl Iterator<Item = &PathBuf> {
        let tls = self.gateway.tls.iter();
        let own = tls.clone().flat_map(|tls| &tls.certificates);
        let own = own.flat_map(|one| [&one.cert_file, &one.key_file]);
        let clients = tls.filter_map(|tls| Some(&tls.clients.as_ref()?.ca_file));
        let jwks = self.identity.jwt.iter().filter_map(|jwt| match &jwt.jwks {
            JwksConfig::File(path) => Some(path),
            JwksConfig::Url { .. } => None,
        });
        own.chain(clients).chain(jwks)
    }
}
