//! The admin port's door: TLS as the configuration has it when somebody comes, and who they proved to be.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::shared::Shared;
use crate::config::{AdminCertificateConfig, CertifiedAs, Config, Problem, Role};
use crate::http::Door;
use crate::tls;

/// The first byte of a client that greets by TLS: a record of its handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 0x16;
/// Names of a certificate that are looked at.
const MOST_NAMES: usize = 64;

/// What a client is told that speaks HTTP to a port of TLS.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\
content-length: 37\r\nconnection: close\r\n\r\nthis port speaks TLS: write https://\n";

/// The port.
pub(super) struct AdminDoor {
    pub(super) listener: TcpListener,
    pub(super) shared: Arc<Shared>,
}

/// A connection.
pub(super) enum AdminStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What a caller's certificate says, which an authority of `admin.tls.client_certificates` has signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    uris: Vec<String>,
    dns: Vec<String>,
}

/// How a request came in.
#[derive(Clone)]
pub(super) struct Via {
    /// `http://` or `https://`.
    pub(super) scheme: &'static str,
    pub(super) names: Arc<Names>,
}

/// The scheme of a request without TLS.
pub(super) const CLEAR: &str = "http://";

impl Door for AdminDoor {
    type Knock = (TcpStream, Option<Arc<ServerConfig>>, Arc<Shared>);
    type Stream = AdminStream;
    type Via = Via;

    async fn next(&self) -> io::Result<Self::Knock> {
        let (stream, _) = self.listener.accept().await?;
        let server = self.shared.control().admin_tls();
        Ok((stream, server, Arc::clone(&self.shared)))
    }

    async fn open((stream, server, shared): Self::Knock) -> io::Result<(AdminStream, Via)> {
        let metrics = shared.metrics().admin();
        let Some(server) = server else {
            metrics.connected("plain");
            let via = Via {
                scheme: CLEAR,
                names: Arc::default(),
            };
            return Ok((AdminStream::Plain(stream), via));
        };
        match greet(stream, server).await {
            Ok(stream) => {
                metrics.connected("tls");
                let (_, connection) = stream.get_ref();
                let certificates = connection.peer_certificates().unwrap_or_default();
                let names = certificates.first().map(|first| names_of(first));
                let via = Via {
                    scheme: "https://",
                    names: Arc::new(names.unwrap_or_default()),
                };
                Ok((AdminStream::Tls(Box::new(stream)), via))
            }
            Err(error) => {
                metrics.connected("refused");
                Err(io::Error::other(tls::words(&error)))
            }
        }
    }
}

async fn greet(
    mut stream: TcpStream,
    server: Arc<ServerConfig>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first != [HANDSHAKE] {
        stream.write_all(SPEAK_TLS).await?;
        stream.shutdown().await?;
        // What is unread when a socket is closed makes the kernel take back the answer.
        let _ = stream.read(&mut [0; 4096]).await?;
        return Err(io::Error::other("it spoke no TLS"));
    }
    TlsAcceptor::from(server).accept(stream).await
}

fn names_of(certificate: &[u8]) -> Names {
    let mut names = Names::default();
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return names;
    };
    let found = certificate.subject_alternative_name().ok().flatten();
    let found = found.map(|found| found.value.general_names.as_slice());
    for name in found.unwrap_or_default().iter().take(MOST_NAMES) {
        if let GeneralName::URI(uri) = name {
            names.uris.push((*uri).to_owned());
        } else if let GeneralName::DNSName(dns) = name {
            names.dns.push(dns.to_ascii_lowercase());
        }
    }
    names
}

impl Names {
    /// The first of `known` whom the certificate names.
    pub(super) fn find<'a>(
        &self,
        known: &'a [AdminCertificateConfig],
    ) -> Option<&'a AdminCertificateConfig> {
        known.iter().find(|known| match &known.of {
            CertifiedAs::Uri(uri) => self.uris.contains(uri),
            CertifiedAs::UriPrefix(prefix) => self.uris.iter().any(|uri| {
                // What comes after it is one more part at least, and no way up.
                let rest = uri.strip_prefix(prefix.as_str()).unwrap_or_default();
                !rest.is_empty() && !rest.split('/').any(|part| part == "..")
            }),
            CertifiedAs::Dns(name) => self.dns.contains(name),
        })
    }
}

/// What forbids to open the admin port there: other machines reach it, and the operator has not said
/// that they may without TLS, or without saying who they are.
pub(super) fn forbids(admin: SocketAddr, allow_remote: bool, config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if admin.ip().is_loopback() || allow_remote {
        return problems;
    }
    if config.admin.tokens.is_empty() && config.admin.certificates.is_empty() {
        problems.push(Problem {
            path: "admin.tokens".to_owned(),
            message: format!(
                "is empty, and --admin {admin} is not a loopback address: models, providers and \
                 traffic would be shown to whoever reaches it"
            ),
            hint: Some(
                "add a token, bind 127.0.0.1, or allow it with --admin-allow-remote".to_owned(),
            ),
        });
    }
    if config.admin.tls.is_none() {
        problems.push(Problem {
            path: "admin.tls".to_owned(),
            message: format!(
                "is missing, and --admin {admin} is not a loopback address: tokens would travel in \
                 clear text"
            ),
            hint: Some(
                "name cert_file and key_file, bind 127.0.0.1, or allow it with --admin-allow-remote"
                    .to_owned(),
            ),
        });
    }
    problems
}

/// Says what is open to others.
pub(super) fn tell(admin: SocketAddr, config: &Config) {
    if admin.ip().is_loopback() || config.admin.tls.is_some() {
        return;
    }
    tracing::warn!(
        %admin,
        "the admin port speaks plain HTTP on an address that other machines may reach: \
         whoever is between reads tokens; write admin.tls"
    );
}

/// The role that a certificate gives.
pub(super) fn role_of(names: &Names, known: &[AdminCertificateConfig]) -> Option<(String, Role)> {
    let known = names.find(known)?;
    Some((known.id.clone(), known.role))
}

impl AsyncRead for AdminStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for AdminStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests;
