//! `gateway.tls`.

use super::super::identity::{CertificateFiles, ClientCertificatesConfig, ListenerTlsConfig};
use super::super::node::Node;
use super::super::shape::TlsVersion;
use super::provider::{TLS_VERSIONS, read_file_path};

/// Most certificates of one listener: of each algorithm, for some names.
const MOST_CERTIFICATES: usize = 16;

const SECRET_HINT: &str = "a private key is in a file of its own: key_file: PATH";

pub(super) fn read(node: &Node<'_>) -> Option<ListenerTlsConfig> {
    let mut fields = node.fields()?;
    let certificates = fields.must("certificates", |node| {
        let all = node.each(MOST_CERTIFICATES, read_files)?;
        match all.is_empty() {
            false => Some(all),
            true => node.problem("names no certificate"),
        }
    });
    let min_version = fields.or("min_version", TlsVersion::default(), |node| {
        node.one_of(&TLS_VERSIONS)
    });
    let clients = fields.maybe("client_certificates", read_clients);
    fields.finish(SECRET_HINT)?;
    Some(ListenerTlsConfig {
        certificates: certificates?,
        min_version: min_version?,
        clients: clients?,
    })
}

pub(super) fn read_files(node: &Node<'_>) -> Option<CertificateFiles> {
    let mut fields = node.fields()?;
    let cert_file = fields.must("cert_file", read_file_path);
    let key_file = fields.must("key_file", read_file_path);
    fields.finish(SECRET_HINT)?;
    Some(CertificateFiles {
        cert_file: cert_file?,
        key_file: key_file?,
    })
}

pub(super) fn read_clients(node: &Node<'_>) -> Option<ClientCertificatesConfig> {
    let mut fields = node.fields()?;
    let ca_file = fields.must("ca_file", read_file_path);
    let required = fields.or("required", true, Node::boolean);
    fields.finish("")?;
    Some(ClientCertificatesConfig {
        ca_file: ca_file?,
        required: required?,
    })
}
