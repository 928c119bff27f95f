//! From a parsed document to a [`Config`]: the file's schema, block by block.

mod access;
mod admin;
mod api;
mod audit;
mod capability;
mod compliance;
mod extra;
mod guard;
mod identity;
mod ledger;
mod limit;
mod model;
mod names;
mod overload;
mod own_tls;
mod price;
mod priority;
mod provider;
mod rules;
mod tags;
mod tenant;
mod tls;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::admin::AdminConfig;
use super::identity::IdentityConfig;
use super::ledger::LedgerConfig;
use super::limits::{LimitAlertsConfig, LimitConfig, LimitsStoreConfig};
use super::node::{Fields, Node, Sink};
use super::prices::PricesConfig;
use super::shape::{Config, GatewayConfig};
use super::tenant::{KeyConfig, TenantConfig};
use super::words::{is_model_name, is_name, is_pasted_key, nearest, quoted};
use crate::probing::PROBER;
use names::{Made, Names};

/// Most of anything that a file lists; a snapshot's ids are 16 bits wide.
const MOST_PROVIDERS: usize = 256;
const MOST_MODELS: usize = 2_048;
const MOST_TARGETS: usize = 16;
const MOST_TENANTS: usize = 4_096;
const MOST_KEYS: usize = 4_096;

/// Where Envoy listens when nothing says otherwise: this machine only.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Reads the whole document; `None` exactly when `sink` has a problem.
pub(super) fn read(document: &Value, sink: &Sink) -> Option<Config> {
    let root = Node::root(document, sink);
    report_pasted_keys(document, "", sink);
    let names = Names::of(document);
    let mut fields = root.fields()?;
    let version = fields.must("version", read_version);
    let gateway = fields.or("gateway", GatewayConfig::default(), read_gateway);
    let admin = fields.or("admin", AdminConfig::default(), |node| {
        admin::read(node, &names)
    });
    let providers = fields.must("providers", |node| {
        compliance::check_counts(node, &names)?;
        node.each(MOST_PROVIDERS, |item| provider::read(item, &names))
    });
    let models = fields.must("models", |node| {
        node.each(MOST_MODELS, |item| model::read(item, &names))
    });
    let tenants = fields.must("tenants", |node| {
        node.each(MOST_TENANTS, |item| read_tenant(item, &names))
    });
    let priorities = match fields.find("priorities") {
        Some(node) => priority::read(&node),
        None => Some(priority::defaults()),
    };
    let prices = fields.or("prices", PricesConfig::default(), |node| {
        price::read_prices(node, &names)
    });
    let region_groups = fields.or("region_groups", BTreeMap::new(), |node| {
        compliance::read_groups(node, &names)
    });
    let ledger = fields.or("ledger", LedgerConfig::default(), ledger::read);
    let audit = fields.or("audit", super::audit::AuditConfig::default(), audit::read);
    let limits = read_limits(&mut fields, &names);
    let identity = fields.or("identity", IdentityConfig::default(), |node| {
        identity::read(node, &names)
    });
    let access = access::read_all(&mut fields, &names);
    let guard = guard::read_all(&mut fields, &names);
    fields.finish("")?;
    version?;
    let (limits, limits_store, limit_alerts) = limits?;
    Some(Config {
        gateway: gateway?,
        admin: admin?,
        providers: providers?,
        models: models?,
        tenants: tenants?,
        priorities: priorities?,
        prices: prices?,
        region_groups: region_groups?,
        ledger: ledger?,
        audit: audit?,
        limits,
        limits_store,
        limit_alerts,
        identity: identity?,
        access: access?,
        guard: guard?,
    })
}

fn read_version(node: &Node<'_>) -> Option<()> {
    let version: u64 = node.integer(0..=u64::from(u32::MAX))?;
    match version {
        1 => Some(()),
        other => node.problem_with_hint(
            format!("is {other}, which this Ark does not know"),
            "this Ark reads version 1",
        ),
    }
}

/// Reads one key; `None` exactly when `sink` has a problem.
pub(super) fn read_key(entry: &Value, config: &Config, sink: &Sink) -> Option<KeyConfig> {
    report_pasted_keys(entry, "", sink);
    tenant::read_key(&Node::root(entry, sink), &Names::in_force(config))
}

fn read_tenant(node: &Node<'_>, names: &Names) -> Option<TenantConfig> {
    let tenant = tenant::read(node, names)?;
    if tenant.name == PROBER || tenant.keys.iter().any(|key| key.id == PROBER) {
        return node.problem(format!("{PROBER} is the name of Ark's own probes"));
    }
    Some(tenant)
}

/// The tenant that probes are of, with the one key of this digest; it may ask every model at any provider.
/// What the file says nothing of is as it is by default. `None` for what is no digest.
#[must_use]
pub fn prober(sha256: &str) -> Option<TenantConfig> {
    let key = json!({
        "id": PROBER, "sha256": sha256, "models": ["*"], "priority": "batch", "may_pin": true,
    });
    let document = json!({"name": PROBER, "keys": [key]});
    let sink = Sink::default();
    tenant::read(&Node::root(&document, &sink), &Names::of(&Value::Null))
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            body_limit_bytes: 32 * 1024 * 1024,
            snapshot_max_age_ms: 5_000,
            max_attempts: 3,
            tags: Vec::new(),
            max_in_flight_per_worker: overload::MOST_IN_FLIGHT,
            max_body_bytes_per_worker: overload::BODIES * 32 * 1024 * 1024,
            shed_when_late_ms: overload::LATE_MS,
            tls: None,
            trusted_hops: 0,
        }
    }
}

type Limits = (
    Vec<LimitConfig>,
    LimitsStoreConfig,
    Option<LimitAlertsConfig>,
);

fn read_limits(fields: &mut Fields<'_, '_>, names: &Names) -> Option<Limits> {
    let limits = fields.or("limits", Vec::new(), |node| {
        node.each(limit::MOST_LIMITS, |item| limit::read(item, names))
    });
    let default = LimitsStoreConfig::default();
    let store = fields.or("limits_store", default, limit::read_store);
    let alerts = fields.maybe("limit_alerts", limit::read_alerts);
    Some((limits?, store?, alerts?))
}

fn read_gateway(node: &Node<'_>) -> Option<GatewayConfig> {
    let default = GatewayConfig::default();
    let mut fields = node.fields()?;
    let listen = fields.or("listen", default.listen, read_listen);
    let body_limit_bytes = fields.or("body_limit_bytes", default.body_limit_bytes, |node| {
        node.integer(1_024..=1024 * 1024 * 1024)
    });
    let snapshot_max_age_ms =
        fields.or("snapshot_max_age_ms", default.snapshot_max_age_ms, |node| {
            node.integer(100..=86_400_000)
        });
    let max_attempts = fields.or("max_attempts", default.max_attempts, |node| {
        node.integer(1..=3)
    });
    let tags = fields.or("tags", Vec::new(), tags::read);
    let room = overload::read(&mut fields, body_limit_bytes);
    let tls = fields.maybe("tls", tls::read);
    let trusted_hops = fields.or("trusted_hops", 0, |node| node.integer(0..=8));
    fields.finish("")?;
    Some(GatewayConfig {
        listen: listen?,
        body_limit_bytes: body_limit_bytes?,
        snapshot_max_age_ms: snapshot_max_age_ms?,
        max_attempts: max_attempts?,
        tags: tags?,
        max_in_flight_per_worker: room.max_in_flight_per_worker?,
        max_body_bytes_per_worker: room.max_body_bytes_per_worker?,
        shed_when_late_ms: room.shed_when_late_ms?,
        tls: tls?,
        trusted_hops: trusted_hops?,
    })
}

fn read_listen(node: &Node<'_>) -> Option<SocketAddr> {
    let text = node.text()?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Some(address),
        Ok(_) | Err(_) => node.problem_with_hint(
            format!("{} is not an address and port", quoted(text)),
            "write it as 127.0.0.1:8080, or 0.0.0.0:8080 for every interface",
        ),
    }
}

/// The name of one of `defined`.
fn read_reference(node: &Node<'_>, what: &str, defined: &[String]) -> Option<String> {
    let text = node.text()?;
    if defined.iter().any(|name| name == text) {
        return Some(text.to_owned());
    }
    let names: Vec<&str> = defined.iter().map(String::as_str).collect();
    let shown: Vec<_> = names.iter().take(20).copied().collect();
    let more = names.len().saturating_sub(shown.len());
    let mut hint = match shown.as_slice() {
        [] => "none is defined".to_owned(),
        some => format!("defined: {}", some.join(", ")),
    };
    if more > 0 {
        hint = format!("{hint} and {more} more");
    }
    if let Some(near) = nearest(text, &names)
        && names.len() > 4
    {
        hint = format!("did you mean {near}? {hint}");
    }
    node.problem_with_hint(format!("{what} {} is not defined", quoted(text)), hint)
}

/// A name that is safe in a header, a label, a path and a log.
fn read_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if is_name(text) {
        return Some(text.to_owned());
    }
    node.problem_with_hint(
        format!("{} is not a name", quoted(text)),
        "a name has up to 64 of a-z 0-9 . _ - and begins with a letter or a digit",
    )
}

fn read_model_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if is_model_name(text) {
        return Some(text.to_owned());
    }
    node.problem_with_hint(
        format!("{} is not a model's name", quoted(text)),
        "a model's name has up to 128 of A-Z a-z 0-9 . _ : / @ -",
    )
}

/// Reports every text anywhere in the file that has the form of a well-known provider's key.
fn report_pasted_keys(value: &Value, path: &str, sink: &Sink) {
    match value {
        Value::String(text) if is_pasted_key(text) => sink.push(
            if path.is_empty() { "(file)" } else { path },
            "looks like a secret, and this file never holds one".to_owned(),
            Some(
                "provider keys: credential: {env: NAME} or {file: PATH}; client keys: their SHA-256 \
                 by `ark keys hash`; and treat this one as leaked"
                    .to_owned(),
            ),
        ),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                report_pasted_keys(item, &format!("{path}[{i}]"), sink);
            }
        }
        Value::Object(map) => {
            for (name, item) in map {
                let dot = if path.is_empty() { "" } else { "." };
                report_pasted_keys(item, &format!("{path}{dot}{name}"), sink);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
