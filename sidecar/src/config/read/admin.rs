//! `admin`: the tokens of those who may use the admin API.

use super::super::admin::{AdminConfig, AdminTokenConfig, Role};
use super::super::node::Node;
use super::{Names, own_tls, read_name, tenant};

/// Most people and machines that administer one gateway.
const MOST_TOKENS: usize = 256;

pub(super) const ROLES: [(&str, Role); 3] = [
    ("viewer", Role::Viewer),
    ("operator", Role::Operator),
    ("admin", Role::Admin),
];

const SECRET_HINT: &str =
    "a token is never written here: `ark keys hash` prints its digest, write that as sha256";

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<AdminConfig> {
    let mut fields = node.fields()?;
    let tokens = fields.or("tokens", Vec::new(), |node| {
        node.each(MOST_TOKENS, |item| read_token(item, names))
    });
    let tls = fields.maybe("tls", own_tls::read_admin);
    let certificates = fields.or("certificates", Vec::new(), |node| {
        node.each(MOST_TOKENS, |item| own_tls::read_certificate(item, names))
    });
    fields.finish(SECRET_HINT)?;
    let (tls, certificates) = (tls?, certificates?);
    let asks = tls.as_ref().is_some_and(|tls| tls.clients.is_some());
    if !certificates.is_empty() && !asks {
        return node.problem_with_hint(
            "has certificates, and nobody is asked for one",
            "write tls.client_certificates: {ca_file: PATH}",
        );
    }
    Some(AdminConfig {
        tokens: tokens?,
        certificates,
        tls,
    })
}

fn read_token(node: &Node<'_>, names: &Names) -> Option<AdminTokenConfig> {
    let mut fields = node.fields()?;
    let id = fields.must("id", |node| {
        let id = read_name(node)?;
        names.claim("admin token's id", &id, node)?;
        Some(id)
    });
    let sha256 = fields.must("sha256", |node| {
        let digest = tenant::read_digest(node)?;
        names.claim("key", &digest, node)?;
        Some(digest)
    });
    let role = fields.must("role", |node| node.one_of(&ROLES));
    fields.finish(SECRET_HINT)?;
    Some(AdminTokenConfig {
        id: id?,
        sha256: sha256?,
        role: role?,
    })
}
