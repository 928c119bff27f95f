//! `tenants` and their keys.

use std::sync::Arc;

use ark_gateway_core::priority::Priority;
use ark_gateway_core::snapshot::RequestLimit;

use super::super::date::Date;
use super::super::node::Node;
use super::super::shape::RequiresConfig;
use super::super::tenant::{KeyConfig, KeyModelsConfig, TenantConfig};
use super::price::read_date;
use super::{MOST_KEYS, MOST_MODELS, Names, read_name, read_reference};
use super::{access, compliance};

pub(super) const PRIORITIES: [(&str, Priority); 3] = [
    ("critical", Priority::Critical),
    ("standard", Priority::Standard),
    ("batch", Priority::Batch),
];

/// Largest request limit, per minute and at once.
const MOST_REQUESTS: u64 = 100_000_000;

const SECRET_HINT: &str =
    "a key is never written here: `ark keys hash` prints its digest, write that as sha256";

/// The digest of no key at all.
const EMPTY_DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<TenantConfig> {
    let mut fields = node.fields()?;
    let name = fields.must("name", |node| {
        let name = read_name(node)?;
        names.claim("tenant name", &name, node)?;
        Some(name)
    });
    let requires = fields.or("requires", RequiresConfig::default(), |node| {
        compliance::read(node, names)
    });
    let may_store = fields.or("may_store", false, Node::boolean);
    let keys = fields.must("keys", |node| {
        node.each(MOST_KEYS, |item| read_key(item, names).map(Arc::new))
    });
    fields.finish(SECRET_HINT)?;
    Some(TenantConfig {
        name: name?,
        requires: requires?,
        may_store: may_store?,
        keys: keys?,
    })
}

pub(super) fn read_key(node: &Node<'_>, names: &Names) -> Option<KeyConfig> {
    if node.peek_text().is_some() {
        return node.problem_with_hint("must describe a key, not hold it", SECRET_HINT);
    }
    let mut fields = node.fields()?;
    let id = fields.must("id", |node| {
        let id = read_name(node)?;
        names.claim("key id", &id, node)?;
        Some(id)
    });
    let read_sha256 = |node: &Node<'_>| {
        let digest = read_digest(node)?;
        names.claim("key", &digest, node)?;
        Some(digest)
    };
    let sha256 = match names.has_identity {
        // Rights that only tokens and certificates give.
        true => fields.or("sha256", String::new(), read_sha256),
        false => fields.must("sha256", read_sha256),
    };
    let models = fields.must("models", |node| read_models(node, names));
    let priority = fields.or("priority", Priority::default(), |node| {
        node.one_of(&PRIORITIES)
    });
    let priorities = match (fields.find("priorities"), priority) {
        (Some(node), _) => read_priorities(&node, priority),
        (None, priority) => priority.map(|priority| vec![priority]),
    };
    let may_pin = fields.or("may_pin", false, Node::boolean);
    let may_explain = fields.or("may_explain", false, Node::boolean);
    let limit = fields.maybe("limits", read_limit);
    let valid_until = fields.maybe("valid_until", read_date);
    let requires = fields.or("requires", RequiresConfig::default(), |node| {
        compliance::read(node, names)
    });
    let roles = fields.or("roles", Vec::new(), access::read_roles);
    fields.finish(SECRET_HINT)?;
    Some(KeyConfig {
        id: id?,
        sha256: sha256?,
        models: models?,
        priority: priority?,
        priorities: priorities?,
        may_pin: may_pin?,
        may_explain: may_explain?,
        limit: limit?,
        expires_at_s: valid_until?.map(Date::end_s),
        requires: requires?,
        roles: roles?,
    })
}

pub(super) fn read_digest(node: &Node<'_>) -> Option<String> {
    let digest = node.text()?.to_ascii_lowercase();
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return node.problem_with_hint("must be 64 hex digits, a SHA-256 digest", SECRET_HINT);
    }
    if digest == EMPTY_DIGEST {
        return node.problem("is the digest of an empty key");
    }
    Some(digest)
}

fn read_models(node: &Node<'_>, names: &Names) -> Option<KeyModelsConfig> {
    let items = node.items(MOST_MODELS)?;
    if items.iter().any(|item| item.peek_text() == Some("*")) {
        return match items.len() {
            1 => Some(KeyModelsConfig::All),
            _ => node.problem("\"*\" stands for all models and must stand alone"),
        };
    }
    let mut models = node.each(MOST_MODELS, |item| {
        read_reference(item, "model", &names.models)
    })?;
    let given = models.len();
    models.sort();
    models.dedup();
    if models.len() < given {
        return node.problem("names a model twice");
    }
    if models.is_empty() {
        return node.problem_with_hint(
            "allows no model",
            "name some, write [\"*\"] for all, or remove the key",
        );
    }
    Some(KeyModelsConfig::Named(models))
}

fn read_priorities(node: &Node<'_>, default: Option<Priority>) -> Option<Vec<Priority>> {
    let mut priorities = node.each(PRIORITIES.len(), |item| item.one_of(&PRIORITIES))?;
    priorities.sort();
    priorities.dedup();
    match default {
        Some(default) if !priorities.contains(&default) => node.problem_with_hint(
            format!("lacks {}, the key's own priority", default.as_str()),
            "add it, or change priority",
        ),
        _ => Some(priorities),
    }
}

fn read_limit(node: &Node<'_>) -> Option<RequestLimit> {
    let mut fields = node.fields()?;
    let per_minute: Option<u32> = fields.must("requests_per_minute", |node| {
        node.integer(1..=MOST_REQUESTS)
    });
    let burst = fields.maybe("burst", |node| node.integer(1..=MOST_REQUESTS));
    fields.finish("")?;
    let requests_per_minute = per_minute?;
    Some(RequestLimit {
        requests_per_minute,
        // Ten seconds' worth: enough for a page that sends several requests at once.
        burst: burst?.unwrap_or_else(|| requests_per_minute.div_ceil(6)),
    })
}
