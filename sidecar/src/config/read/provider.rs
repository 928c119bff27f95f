//! `providers`.

mod credential;
pub(super) mod kind;
mod place;
mod probe;

use std::path::PathBuf;

use ark_gateway_core::compliance::Retention;
use ark_gateway_core::snapshot::Tier;

use super::super::endpoint::{Endpoint, Host, Scheme};
use super::super::node::Node;
use super::super::rules::DrainConfig;
use super::super::shape::{
    ProviderConfig, ProviderLimitsConfig, ProviderTimeoutsConfig, TlsConfig, TlsVersion,
};
use super::compliance::read_retention;
use super::{Names, read_name, rules};

const TIERS: [(&str, Tier); 5] = [
    ("official", Tier::Official),
    ("azure", Tier::Azure),
    ("optimized", Tier::Optimized),
    ("domestic", Tier::Domestic),
    ("self-hosted", Tier::SelfHosted),
];

pub(super) const TLS_VERSIONS: [(&str, TlsVersion); 2] =
    [("1.2", TlsVersion::V1_2), ("1.3", TlsVersion::V1_3)];

/// Largest price multiplier; one above it is a typing error.
const MOST_MULTIPLIER: u64 = 1_000;

const SECRET_HINT: &str =
    "a key is never written here: say where it is kept, credential: {env: NAME} or {file: PATH}";

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<ProviderConfig> {
    let mut fields = node.fields()?;
    let name = fields.must("name", |node| read_provider_name(node, names));
    let kind = fields.must("kind", |node| node.one_of(&kind::KINDS));
    let vendor = kind::read_vendor(&mut fields, kind);
    let aws = kind::read_aws(&mut fields, kind);
    let base = place::Base {
        kind,
        vendor: vendor.as_ref().and_then(|vendor| vendor.as_deref()),
        region: aws
            .as_ref()
            .and_then(|aws| Some(aws.as_ref()?.region.as_str())),
    };
    let endpoint = place::read(&mut fields, &base);
    let api_version = kind::read_api_version(node, &mut fields, kind);
    let tier = fields.must("tier", |node| node.one_of(&TIERS));
    let region = fields.maybe("region", read_name);
    let certifications = fields.or("certifications", Vec::new(), read_certifications);
    let retention = fields.or("retention", Retention::default(), read_retention);
    let multiplier = fields.or("price_multiplier", 1_000_000, read_multiplier);
    let signed = kind::is_signed_by_file(aws.as_ref().and_then(Option::as_ref));
    let credential = credential::read(&mut fields, signed);
    let auth = credential::read_auth(&mut fields, kind, credential.as_ref());
    let limits = fields.or("limits", ProviderLimitsConfig::default(), read_limits);
    let timeouts = fields.or("timeouts", ProviderTimeoutsConfig::default(), read_timeouts);
    let tls = fields.or("tls", TlsConfig::default(), |node| {
        read_tls(node, endpoint.as_ref())
    });
    let drain = fields.or("drain", DrainConfig::default(), rules::read_drain);
    let probe = fields.maybe("probe", |node| probe::read(node, tier));
    let stores = fields.maybe("stores", Node::boolean);
    let account = fields.maybe("account", read_name);
    let show_rate_limits = fields.or("show_rate_limits", false, Node::boolean);
    fields.finish(SECRET_HINT)?;
    let endpoint = endpoint?;
    let stores = stores?.unwrap_or_else(|| stores_by_default(&endpoint));
    Some(ProviderConfig {
        stores,
        account: account?,
        show_rate_limits: show_rate_limits?,
        name: name?,
        kind: kind?,
        vendor: vendor?,
        endpoint,
        api_version: api_version?,
        aws: aws?,
        tier: tier?,
        region: region?,
        certifications: certifications?,
        retention: retention?,
        price_multiplier_millionths: multiplier?,
        credential: credential?,
        auth: auth?,
        limits: limits?,
        timeouts: timeouts?,
        tls: tls?,
        drain: drain?,
        probe: probe?,
    })
}

/// Whether an API keeps what a request does not tell it not to: OpenAI does for accounts of today
/// (<https://developers.openai.com/api/docs/guides/migrate-to-responses>), Google for projects of today
/// (<https://ai.google.dev/gemini-api/docs/logs-datasets>). Vertex AI and Azure do not, and their older
/// versions refuse the word.
fn stores_by_default(endpoint: &Endpoint) -> bool {
    let authority = endpoint.authority();
    let host = authority
        .split_once(':')
        .map_or(authority.as_str(), |(host, _)| host);
    host == "api.openai.com"
        || host.ends_with(".api.openai.com")
        || host == "generativelanguage.googleapis.com"
}

fn read_provider_name(node: &Node<'_>, names: &Names) -> Option<String> {
    let name = read_name(node)?;
    if name.starts_with("ark-") {
        return node.problem("names that begin with ark- are Ark's own");
    }
    names.claim("provider name", &name, node)?;
    Some(name)
}

fn read_certifications(node: &Node<'_>) -> Option<Vec<String>> {
    let mut certifications = node.each(64, read_name)?;
    let given = certifications.len();
    certifications.sort();
    certifications.dedup();
    if certifications.len() < given {
        return node.problem("names a certification twice");
    }
    Some(certifications)
}

fn read_multiplier(node: &Node<'_>) -> Option<u64> {
    match node.millionths(MOST_MULTIPLIER)? {
        0 => node.problem_with_hint(
            "must be above 0",
            "for a provider that costs nothing write prices of 0",
        ),
        some => Some(some),
    }
}

pub(super) fn read_file_path(node: &Node<'_>) -> Option<PathBuf> {
    let text = node.text()?;
    if text.starts_with('/') && text.len() <= 4_096 && !text.chars().any(char::is_control) {
        Some(PathBuf::from(text))
    } else {
        node.problem_with_hint(
            "must be an absolute path",
            "such as /run/secrets/openai; Envoy and Ark may run in different directories",
        )
    }
}

impl Default for ProviderLimitsConfig {
    fn default() -> Self {
        Self {
            max_in_flight: 1_000,
            requests_per_minute: None,
            tokens_per_minute: None,
        }
    }
}

fn read_limits(node: &Node<'_>) -> Option<ProviderLimitsConfig> {
    let mut fields = node.fields()?;
    let default = ProviderLimitsConfig::default();
    let in_flight = fields.or("max_in_flight", default.max_in_flight, |node| {
        node.integer(1..=1_000_000)
    });
    let requests = fields.maybe("requests_per_minute", |node| {
        node.integer(1..=1_000_000_000)
    });
    let tokens = fields.maybe("tokens_per_minute", |node| {
        node.integer(1..=1_000_000_000_000)
    });
    fields.finish("")?;
    Some(ProviderLimitsConfig {
        max_in_flight: in_flight?,
        requests_per_minute: requests?,
        tokens_per_minute: tokens?,
    })
}

impl Default for ProviderTimeoutsConfig {
    fn default() -> Self {
        Self {
            connect_ms: 1_000,
            stream_idle_ms: 60_000,
        }
    }
}

fn read_timeouts(node: &Node<'_>) -> Option<ProviderTimeoutsConfig> {
    let mut fields = node.fields()?;
    let default = ProviderTimeoutsConfig::default();
    let connect = fields.or("connect_ms", default.connect_ms, |node| {
        node.integer(1..=60_000)
    });
    let idle = fields.or("stream_idle_ms", default.stream_idle_ms, |node| {
        node.integer(10..=3_600_000)
    });
    fields.finish("")?;
    Some(ProviderTimeoutsConfig {
        connect_ms: connect?,
        stream_idle_ms: idle?,
    })
}

pub(super) fn read_tls(node: &Node<'_>, endpoint: Option<&Endpoint>) -> Option<TlsConfig> {
    let mut fields = node.fields()?;
    let min_version = fields.or("min_version", TlsVersion::default(), |node| {
        node.one_of(&TLS_VERSIONS)
    });
    let ca_file = fields.maybe("ca_file", read_file_path);
    let server_name = fields.maybe("server_name", read_server_name);
    fields.finish(SECRET_HINT)?;
    if endpoint.is_some_and(|endpoint| endpoint.scheme == Scheme::Http) {
        return node.problem_with_hint(
            "is given, but the endpoint is http://",
            "write https:// or remove tls",
        );
    }
    Some(TlsConfig {
        min_version: min_version?,
        ca_file: ca_file?,
        server_name: server_name?,
    })
}

pub(super) fn read_server_name(node: &Node<'_>) -> Option<String> {
    // A name is exactly what is a URL's host and nothing else.
    let text = node.text()?;
    match Endpoint::parse(&format!("https://{text}")) {
        Ok(Endpoint {
            host: Host::Name(name),
            ..
        }) if name.len() == text.len() => Some(name),
        Ok(_) | Err(_) => node.problem("must be a DNS name"),
    }
}
