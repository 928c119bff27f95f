//! TLS of the sidecar's own connections: `admin.tls`, `limits_store.redis.tls`, `limit_alerts.tls`.

use std::path::PathBuf;

use super::admin::Role;
use super::identity::{CertificateFiles, ClientCertificatesConfig};
use super::shape::TlsVersion;

/// `admin.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTlsConfig {
    /// What callers are shown.
    pub files: CertificateFiles,
    /// Oldest protocol version that is accepted.
    pub min_version: TlsVersion,
    /// Whom to ask for a certificate.
    pub clients: Option<ClientCertificatesConfig>,
}

/// One of `admin.certificates`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminCertificateConfig {
    /// Whose it is, as the audit log names it.
    pub id: String,
    /// Which certificate.
    pub of: CertifiedAs,
    /// What its holder may do.
    pub role: Role,
}

/// What a certificate's subject alternative names must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertifiedAs {
    /// This URI.
    Uri(String),
    /// A URI that begins so.
    UriPrefix(String),
    /// This DNS name, lower case.
    Dns(String),
}

/// How a connection that the sidecar makes is protected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTlsConfig {
    /// Oldest protocol version that is accepted.
    pub min_version: TlsVersion,
    /// Certificate authorities to trust, PEM; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// Name to ask for (SNI) and to verify; `None` for the host.
    pub server_name: Option<String>,
    /// The sidecar's own certificate, for servers that ask for one.
    pub certificate: Option<CertificateFiles>,
}

impl ClientTlsConfig {
    /// Every file that it names, with the field that does.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        let authorities = self.ca_file.iter().map(|file| ("ca_file", file));
        let own = self.certificate.iter();
        let own = own.flat_map(|own| [("cert_file", &own.cert_file), ("key_file", &own.key_file)]);
        authorities.chain(own)
    }
}

impl super::Config {
    /// The files of the admin port's TLS.
    pub(crate) fn admin_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.admin.tls.iter().flat_map(|tls| {
            let clients = tls.clients.iter().map(|clients| &clients.ca_file);
            [&tls.files.cert_file, &tls.files.key_file]
                .into_iter()
                .chain(clients)
        })
    }

    /// TLS of the connections that the sidecar makes, each with its place in the file.
    pub(crate) fn outgoing_tls(&self) -> impl Iterator<Item = (&'static str, &ClientTlsConfig)> {
        let store = match &self.limits_store.place {
            super::StorePlace::Redis { tls, .. } => tls.as_ref(),
            super::StorePlace::Embedded(_) => None,
        };
        let store = store.map(|tls| ("limits_store.redis.tls", tls));
        let alerts = self.limit_alerts.as_ref();
        let alerts = alerts.map(|alerts| ("limit_alerts.tls", &alerts.tls));
        store.into_iter().chain(alerts)
    }
}
