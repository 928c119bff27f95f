//! `identity`.

use ark_gateway_core::identity::{Algorithm, CertificateMatch, ClaimPath};

use super::super::endpoint::{Endpoint, Scheme};
use super::super::identity::{
    CertificateConfig, ClaimsConfig, IdentityConfig, JwksConfig, JwtConfig,
};
use super::super::node::{Fields, Node};
use super::super::shape::TlsConfig;
use super::{Names, provider, read_name, read_reference};

/// Most issuers and kinds of certificates; more are a mistake.
const MOST_RULES: usize = 64;
/// Most tenants that one issuer's tokens are mapped to.
const MOST_TENANTS: usize = 4_096;
/// Longest issuer, audience, claim and SPIFFE id, in bytes.
const MOST_TEXT_BYTES: usize = 2_048;

/// Those of RFC 8725's advice that need no secret on our side.
const DEFAULT_ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

const SECRET_HINT: &str = "keys are in a file or at a URL: jwks: {url: URL} or {file: PATH}";

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<IdentityConfig> {
    let mut fields = node.fields()?;
    let jwt = fields.or("jwt", Vec::new(), |node| {
        node.each(MOST_RULES, |item| read_jwt(item, names))
    });
    let certificates = fields.or("certificates", Vec::new(), |node| {
        node.each(MOST_RULES, |item| read_certificate(item, names))
    });
    fields.finish(SECRET_HINT)?;
    Some(IdentityConfig {
        jwt: jwt?,
        certificates: certificates?,
    })
}

fn read_jwt(node: &Node<'_>, names: &Names) -> Option<JwtConfig> {
    let mut fields = node.fields()?;
    let name = fields.must("name", |node| rule_name(node, names));
    let issuer = fields.must("issuer", |node| {
        let issuer = text(node)?;
        names.claim("issuer", &issuer, node)?;
        Some(issuer)
    });
    let audiences = fields.must("audiences", |node| {
        let all = node.each(MOST_RULES, text)?;
        match all.is_empty() {
            false => Some(all),
            true => node.problem_with_hint(
                "names no audience",
                "a token for another service of the same issuer would be taken: name your own",
            ),
        }
    });
    let jwks = fields.must("jwks", read_jwks);
    let algorithms = fields.or("algorithms", DEFAULT_ALGORITHMS.to_vec(), read_algorithms);
    let require_kid = fields.or("require_kid", true, Node::boolean);
    let clock_skew_s = fields.or("clock_skew_s", 30, |node| node.integer(0..=600));
    let key = fields.maybe("key", |node| read_reference(node, "key", &names.keys));
    let keys = fields.or("keys", Vec::new(), |node| read_keys(node, names));
    let claims = fields.or("claims", ClaimsConfig::default(), read_claims);
    fields.finish(SECRET_HINT)?;
    let (key, keys, claims) = (key?, keys?, claims?);
    match (&key, keys.is_empty(), &claims.tenant) {
        (Some(_), true, None) | (None, false, Some(_)) => {}
        _ => {
            return node.problem_with_hint(
                "must say whose rights its callers have, in one way",
                "key: ID for all of them, or claims: {tenant: CLAIM} with keys: [{tenant: VALUE, key: ID}, …]",
            );
        }
    }
    Some(JwtConfig {
        name: name?,
        issuer: issuer?,
        audiences: audiences?,
        jwks: jwks?,
        algorithms: algorithms?,
        require_kid: require_kid?,
        clock_skew_s: clock_skew_s?,
        key,
        keys,
        claims,
    })
}

fn rule_name(node: &Node<'_>, names: &Names) -> Option<String> {
    let name = read_name(node)?;
    names.claim("name of identity", &name, node)?;
    Some(name)
}

fn text(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    match !text.is_empty() && text.len() <= MOST_TEXT_BYTES && is_plain {
        true => Some(text.to_owned()),
        false => node.problem("must be text of printable ASCII"),
    }
}

fn read_algorithms(node: &Node<'_>) -> Option<Vec<Algorithm>> {
    let words = Algorithm::ALL.map(|one| (one.as_str(), one));
    let mut all = node.each(Algorithm::ALL.len(), |item| item.one_of(&words))?;
    all.sort();
    all.dedup();
    let symmetric = all.iter().filter(|one| one.is_symmetric()).count();
    if all.is_empty() {
        return node.problem("names no algorithm");
    }
    if symmetric > 0 && symmetric < all.len() {
        return node.problem_with_hint(
            "mixes algorithms of a shared secret with those of a key pair",
            "an issuer of each: HS256 takes whoever can verify for the issuer",
        );
    }
    Some(all)
}

fn read_keys(node: &Node<'_>, names: &Names) -> Option<Vec<(String, String)>> {
    let mut all = node.each(MOST_TENANTS, |item| {
        let mut fields = item.fields()?;
        let value = fields.must("tenant", text);
        let key = fields.must("key", |node| read_reference(node, "key", &names.keys));
        fields.finish(SECRET_HINT)?;
        Some((value?, key?))
    })?;
    let given = all.len();
    all.sort();
    all.dedup_by(|a, b| a.0 == b.0);
    if all.len() < given {
        return node.problem("names a tenant twice");
    }
    Some(all)
}

fn read_claims(node: &Node<'_>) -> Option<ClaimsConfig> {
    let mut fields = node.fields()?;
    let tenant = fields.maybe("tenant", read_claim);
    let user = fields.maybe("user", read_claim);
    let roles = fields.maybe("roles", read_claim);
    let priority = fields.maybe("priority", read_claim);
    fields.finish("")?;
    Some(ClaimsConfig {
        tenant: tenant?,
        user: user?,
        roles: roles?,
        priority: priority?,
    })
}

/// A claim's name; a list of names is the way to one that is nested.
fn read_claim(node: &Node<'_>) -> Option<ClaimPath> {
    if node.peek_text().is_some() {
        return text(node).map(|name| ClaimPath(vec![name]));
    }
    let path = node.each(8, text)?;
    match path.is_empty() {
        false => Some(ClaimPath(path)),
        true => node.problem_with_hint("names no claim", "as sub, or [realm_access, roles]"),
    }
}

fn read_jwks(node: &Node<'_>) -> Option<JwksConfig> {
    let mut fields = node.fields()?;
    let file = fields.maybe("file", provider::read_file_path);
    let url = fields.maybe("url", |node| match Endpoint::parse(node.text()?) {
        Ok(endpoint) => Some(endpoint),
        Err(wrong) => node.problem(wrong),
    });
    let cache_s = fields.or("cache_s", 300, |node| node.integer(1..=86_400));
    let endpoint = url.clone().flatten();
    let tls = fields.or("tls", TlsConfig::default(), |node| {
        provider::read_tls(node, endpoint.as_ref())
    });
    let only_of_urls = read_only_of_urls(&mut fields);
    fields.finish(SECRET_HINT)?;
    let (cache_s, tls) = (cache_s?, tls?);
    match (url?, file?) {
        (Some(endpoint), None) => {
            if endpoint.scheme == Scheme::Http && !endpoint.is_loopback() {
                return node.problem_with_hint(
                    "are fetched in clear text: whoever stands between could put in keys of its own",
                    "write https://",
                );
            }
            Some(JwksConfig::Url {
                endpoint,
                cache_s,
                tls,
            })
        }
        (None, Some(_)) if only_of_urls => {
            node.problem("cache_s and tls are for a url; a file is watched")
        }
        (None, Some(file)) => Some(JwksConfig::File(file)),
        _ => node.problem_with_hint("must say where the keys are", "{url: URL} or {file: PATH}"),
    }
}

fn read_only_of_urls(fields: &mut Fields<'_, '_>) -> bool {
    fields.find("cache_s").is_some() || fields.find("tls").is_some()
}

fn read_certificate(node: &Node<'_>, names: &Names) -> Option<CertificateConfig> {
    let mut fields = node.fields()?;
    let name = fields.must("name", |node| rule_name(node, names));
    let spiffe = fields.maybe("spiffe", read_spiffe);
    let subject = fields.maybe("subject", text);
    let key = fields.must("key", |node| read_reference(node, "key", &names.keys));
    fields.finish("")?;
    let matches = match (spiffe?, subject?) {
        (Some(spiffe), None) => spiffe,
        (None, Some(subject)) => CertificateMatch::Subject(subject),
        _ => {
            return node.problem_with_hint(
                "must say which certificates, in one way",
                "spiffe: spiffe://DOMAIN/PATH, one that ends in /* for all below, or subject: CN=NAME,O=…",
            );
        }
    };
    Some(CertificateConfig {
        name: name?,
        matches,
        key: key?,
    })
}

/// A SPIFFE id, or all below one (<https://spiffe.io/docs/latest/spiffe-specs/spiffe-id/>).
pub(super) fn read_spiffe(node: &Node<'_>) -> Option<CertificateMatch> {
    let id = text(node)?;
    let rest = id.strip_prefix("spiffe://").unwrap_or_default();
    let (path, is_prefix) = match rest.strip_suffix("/*") {
        Some(path) => (path, true),
        None => (rest, false),
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_id = path
        .split('/')
        .all(|part| !part.is_empty() && part.bytes().all(word));
    match (is_id, is_prefix) {
        (true, true) => Some(CertificateMatch::UriPrefix(format!("spiffe://{path}/"))),
        (true, false) => Some(CertificateMatch::Uri(id)),
        (false, _) => node.problem_with_hint(
            "is not a SPIFFE id",
            "as spiffe://example.org/ns/web/sa/chat, or spiffe://example.org/ns/web/*",
        ),
    }
}
