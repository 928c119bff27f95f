//! TLS of the sidecar's own connections: `admin.tls`, and `tls` of what it connects to.

use ark_gateway_core::identity::CertificateMatch;

use super::super::identity::CertificateFiles;
use super::super::node::Node;
use super::super::shape::TlsVersion;
use super::super::tls::{AdminCertificateConfig, AdminTlsConfig, CertifiedAs, ClientTlsConfig};
use super::admin::ROLES;
use super::identity::read_spiffe;
use super::provider::{TLS_VERSIONS, read_file_path, read_server_name};
use super::tls::read_clients;
use super::{Names, read_name};

const SECRET_HINT: &str = "a private key is in a file of its own: key_file: PATH";

pub(super) fn read_admin(node: &Node<'_>) -> Option<AdminTlsConfig> {
    let mut fields = node.fields()?;
    let cert_file = fields.must("cert_file", read_file_path);
    let key_file = fields.must("key_file", read_file_path);
    let min_version = fields.or("min_version", TlsVersion::default(), |node| {
        node.one_of(&TLS_VERSIONS)
    });
    let clients = fields.maybe("client_certificates", read_clients);
    fields.finish(SECRET_HINT)?;
    Some(AdminTlsConfig {
        files: CertificateFiles {
            cert_file: cert_file?,
            key_file: key_file?,
        },
        min_version: min_version?,
        clients: clients?,
    })
}

pub(super) fn read_client(node: &Node<'_>) -> Option<ClientTlsConfig> {
    let mut fields = node.fields()?;
    let min_version = fields.or("min_version", TlsVersion::default(), |node| {
        node.one_of(&TLS_VERSIONS)
    });
    let ca_file = fields.maybe("ca_file", read_file_path);
    let server_name = fields.maybe("server_name", read_server_name);
    let cert_file = fields.maybe("cert_file", read_file_path);
    let key_file = fields.maybe("key_file", read_file_path);
    fields.finish(SECRET_HINT)?;
    let certificate = match (cert_file?, key_file?) {
        (Some(cert_file), Some(key_file)) => Some(CertificateFiles {
            cert_file,
            key_file,
        }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return node.problem("must have both of cert_file and key_file, or none");
        }
    };
    Some(ClientTlsConfig {
        min_version: min_version?,
        ca_file: ca_file?,
        server_name: server_name?,
        certificate,
    })
}

/// One of `admin.certificates`.
pub(super) fn read_certificate(node: &Node<'_>, names: &Names) -> Option<AdminCertificateConfig> {
    let mut fields = node.fields()?;
    let id = fields.must("id", |node| {
        let id = read_name(node)?;
        names.claim("admin token's id", &id, node)?;
        Some(id)
    });
    let spiffe = fields.maybe("spiffe", read_spiffe);
    let dns = fields.maybe("dns", read_server_name);
    let role = fields.must("role", |node| node.one_of(&ROLES));
    fields.finish("")?;
    let of = match (spiffe?, dns?) {
        (Some(CertificateMatch::Uri(uri)), None) => CertifiedAs::Uri(uri),
        (Some(CertificateMatch::UriPrefix(prefix)), None) => CertifiedAs::UriPrefix(prefix),
        (None, Some(name)) => CertifiedAs::Dns(name.to_ascii_lowercase()),
        (Some(_), _) | (None, None) => {
            return node.problem_with_hint(
                "must say which certificates, in one way",
                "spiffe: spiffe://DOMAIN/PATH, one that ends in /* for all below, or dns: NAME",
            );
        }
    };
    Some(AdminCertificateConfig {
        id: id?,
        of,
        role: role?,
    })
}
