//! TLS of the admin port, made of its files.

use std::sync::Arc;

use rustls::ServerConfig;

use super::{Wrong, pem, read_file, read_pair, taken};
use crate::config::{AdminTlsConfig, Problem};
use crate::{digest, tls};

/// What callers are shown and asked for. Has no `Debug`: it holds a private key.
#[derive(Clone)]
pub struct AdminTls {
    digest: String,
    server: Arc<ServerConfig>,
}

impl AdminTls {
    /// For the next connection.
    #[must_use]
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }
}

impl PartialEq for AdminTls {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for AdminTls {}

pub(super) fn read(config: &AdminTlsConfig, problems: &mut Vec<Problem>) -> Option<AdminTls> {
    let pair = read_pair(&config.files, "admin.tls", problems);
    let clients = match &config.clients {
        None => None,
        Some(clients) => {
            let at = "admin.tls.client_certificates.ca_file".to_owned();
            let read = read_file(&clients.ca_file).and_then(|text| {
                pem::check_authorities(&text)?;
                Ok(text)
            });
            Some((taken(read, at, problems)?, clients.required))
        }
    };
    let (cert, key) = pair?;
    let asked = clients.as_ref();
    let asked = asked.map(|(authorities, required)| (authorities.expose(), *required));
    match tls::server((cert.expose(), key.expose()), asked, config.min_version) {
        Ok(server) => {
            let authorities = asked.map_or("", |(authorities, _)| authorities);
            let version = format!("{:?} {:?}", config.min_version, asked.map(|(_, r)| r));
            let parts = [cert.expose(), key.expose(), authorities, version.as_str()];
            Some(AdminTls {
                digest: digest::hex(
                    &parts
                        .map(|part| digest::hex(&[part.as_bytes()]))
                        .each_ref()
                        .map(String::as_bytes),
                ),
                server,
            })
        }
        Err(message) => {
            let wrong: Wrong = (message, "certificates of version 3, and a CA's own");
            taken(Err(wrong), "admin.tls".to_owned(), problems);
            None
        }
    }
}
