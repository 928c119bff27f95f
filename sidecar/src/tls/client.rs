//! Connections to servers that prove their names.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{provider, versions, words};
use crate::config::ClientTlsConfig;

/// Makes connections.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    server_name: Option<String>,
}

impl Client {
    /// Reads the files that `config` names; the authorities are those of the system where it names none.
    ///
    /// # Errors
    /// In words, with the file that is no good.
    pub fn of(config: &ClientTlsConfig) -> Result<Self, String> {
        let roots = match &config.ca_file {
            Some(file) => roots_of(file)?,
            None => roots_of_system()?,
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(config.min_version))
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let made = match &config.certificate {
            None => builder.with_no_client_auth(),
            Some(files) => {
                let chain = certificates_of(&files.cert_file)?;
                let key = PrivateKeyDer::from_pem_file(&files.key_file)
                    .map_err(|error| unreadable(&files.key_file, &error))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| unreadable(&files.key_file, &error))?
            }
        };
        Ok(Self {
            config: Arc::new(made),
            server_name: config.server_name.clone(),
        })
    }

    /// Greets the server at the other end of `stream`, which must prove that it is `host`, unless another
    /// name is configured.
    ///
    /// # Errors
    /// In words: it does not, or speaks no version of TLS that is allowed.
    pub async fn connect<S>(&self, stream: S, host: &str) -> Result<TlsStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.server_name.as_deref().unwrap_or(host);
        let name = name.trim_matches(['[', ']']);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_not_a_name| format!("{name:?} is no name that a certificate can have"))?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let connected = connector.connect(name, stream).await;
        connected.map_err(|error| words(&error))
    }

    #[cfg(test)]
    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

fn unreadable(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("cannot use {}: {error}", file.display())
}

fn certificates_of(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file).map_err(|error| unreadable(file, &error))?;
    let all: Result<Vec<_>, _> = found.collect();
    let all = all.map_err(|error| unreadable(file, &error))?;
    match all.is_empty() {
        true => Err(unreadable(file, &"it holds no certificate in PEM")),
        false => Ok(all),
    }
}

fn roots_of(file: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of(file)? {
        let added = roots.add(certificate);
        added.map_err(|error| unreadable(file, &error))?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => {
            Err("this machine has no certificate authorities, so name them: ca_file".to_owned())
        }
        false => Ok(roots),
    }
}

/// Modification time, its nanoseconds, size and inode of a file; `None` without one.
type Look = Option<(i64, i64, u64, u64)>;

fn look_at(file: &Path) -> Look {
    let found = fs::metadata(file).ok()?;
    Some((found.mtime(), found.mtime_nsec(), found.size(), found.ino()))
}

/// A [`Client`] that is made anew when its files have changed.
pub struct Source {
    config: ClientTlsConfig,
    made: Option<(Vec<Look>, Client)>,
}

impl Source {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(config: ClientTlsConfig) -> Self {
        Self { config, made: None }
    }

    /// The client of the files as they are.
    ///
    /// # Errors
    /// See [`Client::of`].
    pub fn client(&mut self) -> Result<Client, String> {
        let looks: Vec<Look> = self.config.files().map(|(_, file)| look_at(file)).collect();
        match &self.made {
            Some((seen, client)) if *seen == looks => Ok(client.clone()),
            Some(_) | None => {
                let client = Client::of(&self.config)?;
                self.made = Some((looks, client.clone()));
                Ok(client)
            }
        }
    }
}
