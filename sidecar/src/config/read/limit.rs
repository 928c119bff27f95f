//! `limits`, `limits_store` and `limit_alerts`.

use std::path::PathBuf;

use ark_gateway_core::quota::{Mode, OnStoreDown, Per, Unit};
use jiff::tz::TimeZone;

use super::super::endpoint::{Endpoint, Scheme};
use super::super::limits::{
    DowngradeConfig, LimitAlertsConfig, LimitConfig, LimitsStoreConfig, StepConfig, StorePlace,
    Stretch, WindowConfig,
};
use super::super::node::{Fields, Node};
use super::super::shape::CredentialConfig;
use super::super::words::quoted;
use super::own_tls;
use super::tenant::PRIORITIES;
use super::{MOST_KEYS, MOST_MODELS, MOST_TENANTS, Names, read_name, read_reference};

/// Most limits of a file.
pub(super) const MOST_LIMITS: usize = 1_024;

/// Largest limit, in any unit.
const MOST_UNITS: u64 = 1_000_000_000_000_000;
/// Largest limit of money, US dollars.
const MOST_USD: u64 = 1_000_000_000;

const UNITS: [(&str, Unit); 6] = [
    ("requests", Unit::Requests),
    ("tokens", Unit::Tokens),
    ("input_tokens", Unit::InputTokens),
    ("output_tokens", Unit::OutputTokens),
    ("concurrency", Unit::Concurrency),
    ("usd", Unit::MicroUsd),
];

const SECRET_HINT: &str =
    "the password stays out of this file: password: {env: NAME} or {file: PATH}";

/// A window as it is written.
#[derive(Clone, Copy)]
enum Word {
    Fixed(Fixed),
    Calendar(Stretch),
}

#[derive(Clone, Copy)]
enum Fixed {
    Second,
    Minute,
    Hour,
}

const WINDOWS: [(&str, Word); 6] = [
    ("second", Word::Fixed(Fixed::Second)),
    ("minute", Word::Fixed(Fixed::Minute)),
    ("hour", Word::Fixed(Fixed::Hour)),
    ("day", Word::Calendar(Stretch::Day)),
    ("week", Word::Calendar(Stretch::Week)),
    ("month", Word::Calendar(Stretch::Month)),
];

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<LimitConfig> {
    let mut fields = node.fields()?;
    let per = fields.must("per", read_per);
    let of = fields.must("of", |node| node.one_of(&UNITS));
    let limit = fields.must("limit", |node| read_units(node, of));
    let window = read_window(&mut fields, of);
    let only = read_only(&mut fields, names);
    let mode = fields.or("mode", Mode::Lease, |node| {
        node.one_of(&[("lease", Mode::Lease), ("strict", Mode::Strict)])
    });
    // A budget of money is not exceeded because a store is down; a rate is no reason for an outage.
    let default = match (of, mode) {
        (Some(Unit::MicroUsd), _) | (_, Some(Mode::Strict)) => OnStoreDown::Deny,
        (_, _) => OnStoreDown::Degrade,
    };
    let on_store_down = fields.or("on_store_down", default, |node| {
        node.one_of(&[
            ("deny", OnStoreDown::Deny),
            ("allow", OnStoreDown::Allow),
            ("degrade", OnStoreDown::Degrade),
        ])
    });
    let dry_run = fields.or("dry_run", false, Node::boolean);
    let alerts = fields.or("alerts", Vec::new(), read_thresholds);
    let at = fields.or("at", Vec::new(), |node| {
        let mut steps = node.each(8, |item| read_step(item, names))?;
        steps.sort_by_key(|step| step.percent);
        Some(steps)
    });
    let name = fields.maybe("name", |node| read_name(node));
    fields.finish("")?;
    let (per, of, window, (tenants, keys, models)) = (per?, of?, window?, only?);
    let name = match name? {
        Some(name) => name,
        None => name_of(per, of, &window, [&tenants, &keys, &models]),
    };
    names.claim("limit", &name, node)?;
    Some(LimitConfig {
        name,
        per,
        of,
        limit: limit?,
        window,
        tenants,
        keys,
        models,
        mode: mode?,
        on_store_down: on_store_down?,
        dry_run: dry_run?,
        alerts: alerts?,
        at: at?,
    })
}

fn read_units(node: &Node<'_>, of: Option<Unit>) -> Option<u64> {
    match of {
        Some(Unit::MicroUsd) => match node.millionths(MOST_USD)? {
            0 => node.problem("must be more than 0"),
            micro_usd => Some(micro_usd),
        },
        Some(_) => node.integer(1..=MOST_UNITS),
        // The unit's own problem is told.
        None => Some(1),
    }
}

fn read_thresholds(node: &Node<'_>) -> Option<Vec<u8>> {
    let mut thresholds: Vec<u8> = node.each(8, |item| item.integer(1..=100))?;
    thresholds.sort_unstable();
    thresholds.dedup();
    Some(thresholds)
}

fn read_per(node: &Node<'_>) -> Option<Per> {
    const PARTS: [(&str, u8); 3] = [("tenant", 0), ("key", 1), ("model", 2)];
    let parts = node.each(PARTS.len(), |item| item.one_of(&PARTS))?;
    Some(Per {
        tenant: parts.contains(&0),
        key: parts.contains(&1),
        model: parts.contains(&2),
    })
}

fn read_window(fields: &mut Fields<'_, '_>, of: Option<Unit>) -> Option<WindowConfig> {
    let zone = fields.or("zone", "UTC".to_owned(), |node| {
        let text = node.text()?;
        match TimeZone::get(text) {
            Ok(_) => Some(text.to_owned()),
            Err(_unknown) => node.problem_with_hint(
                format!("{} is not a time zone", quoted(text)),
                "write its name in the IANA database: Europe/Berlin, Asia/Shanghai, UTC",
            ),
        }
    });
    if of == Some(Unit::Concurrency) {
        return fields
            .maybe("window", |node| {
                node.problem::<()>("has no meaning for concurrency, which comes back")
            })
            .map(|_| WindowConfig::Always);
    }
    let word = fields.must("window", |node| node.one_of(&WINDOWS));
    let (zone, word) = (zone?, word?);
    Some(match word {
        Word::Fixed(Fixed::Second) => WindowConfig::Second,
        Word::Fixed(Fixed::Minute) => WindowConfig::Minute,
        Word::Fixed(Fixed::Hour) => WindowConfig::Hour,
        Word::Calendar(stretch) => WindowConfig::Calendar(stretch, zone),
    })
}

type Only = (Vec<String>, Vec<String>, Vec<String>);

fn read_only(fields: &mut Fields<'_, '_>, names: &Names) -> Option<Only> {
    let tenants = fields.or("tenants", Vec::new(), |node| {
        node.each(MOST_TENANTS, |item| {
            read_reference(item, "tenant", &names.tenants)
        })
    });
    let keys = fields.or("keys", Vec::new(), |node| {
        node.each(MOST_KEYS, |item| read_reference(item, "key", &names.keys))
    });
    let models = fields.or("models", Vec::new(), |node| {
        node.each(MOST_MODELS, |item| {
            read_reference(item, "model", &names.models)
        })
    });
    Some((tenants?, keys?, models?))
}

fn read_step(node: &Node<'_>, names: &Names) -> Option<StepConfig> {
    let mut fields = node.fields()?;
    let percent = fields.must("percent", |node| node.integer(1..=100));
    let priority = fields.maybe("use_priority", |node| node.one_of(&PRIORITIES));
    let model = fields.maybe("use_model", |node| {
        read_reference(node, "model", &names.models)
    });
    fields.finish("")?;
    let then = match (priority?, model?) {
        (Some(priority), None) => DowngradeConfig::Priority(priority),
        (None, Some(model)) => DowngradeConfig::Model(model),
        (Some(_), Some(_)) | (None, None) => {
            return node.problem("must have one of use_priority and use_model");
        }
    };
    Some(StepConfig {
        percent: percent?,
        then,
    })
}

/// A name made of what the limit says: the same limit keeps its counters over restarts.
fn name_of(per: Per, of: Unit, window: &WindowConfig, only: [&Vec<String>; 3]) -> String {
    let mut name = of.as_str().replace('_', "-");
    let parts = [
        ("tenant", per.tenant),
        ("key", per.key),
        ("model", per.model),
    ];
    for (part, _) in parts.iter().filter(|(_, counts)| *counts) {
        name = format!("{name}-per-{part}");
    }
    for one in only.into_iter().flatten().take(4) {
        name = format!(
            "{name}-{}",
            one.to_ascii_lowercase().replace(['/', ':', '@'], "-")
        );
    }
    let window = match window {
        WindowConfig::Second => "-second",
        WindowConfig::Minute => "-minute",
        WindowConfig::Hour => "-hour",
        WindowConfig::Calendar(Stretch::Day, _) => "-day",
        WindowConfig::Calendar(Stretch::Week, _) => "-week",
        WindowConfig::Calendar(Stretch::Month, _) => "-month",
        WindowConfig::Always => "",
    };
    name + window
}

pub(super) fn read_store(node: &Node<'_>) -> Option<LimitsStoreConfig> {
    let default = LimitsStoreConfig::default();
    let mut fields = node.fields()?;
    let file = fields.maybe("file", |node| node.text().map(PathBuf::from));
    let redis = fields.maybe("redis", read_redis);
    let lease_ms = fields.or("lease_ms", default.lease_ms, |node| {
        node.integer(500..=60_000)
    });
    let deadline_ms = fields.or("deadline_ms", default.deadline_ms, |node| {
        node.integer(10..=5_000)
    });
    fields.finish(SECRET_HINT)?;
    let place = match (file?, redis?) {
        (Some(_), Some(_)) => return node.problem("must have one of file and redis, not both"),
        (file, None) => StorePlace::Embedded(file),
        (None, Some(redis)) => redis,
    };
    Some(LimitsStoreConfig {
        place,
        lease_ms: lease_ms?,
        deadline_ms: deadline_ms?,
    })
}

fn read_redis(node: &Node<'_>) -> Option<StorePlace> {
    let mut fields = node.fields()?;
    let url = fields.must("url", |node| {
        let text = node.text()?;
        let rest = text.strip_prefix("redis://");
        let rest = rest.or_else(|| text.strip_prefix("rediss://"));
        let rest = rest.unwrap_or_default();
        if rest.is_empty() || rest.contains('@') {
            return node.problem_with_hint(
                "must be redis://HOST:PORT/DATABASE, or rediss:// for TLS, without a credential",
                SECRET_HINT,
            );
        }
        // The driver's way to say that any server will do.
        if rest.contains('#') {
            return node.problem("must have no fragment: a server proves its name");
        }
        Some(text.to_owned())
    });
    let password = fields.maybe("password", read_password);
    let tls = fields.maybe("tls", own_tls::read_client);
    fields.finish(SECRET_HINT)?;
    let (url, tls) = (url?, tls?);
    let tls = match (url.starts_with("rediss://"), tls) {
        (true, tls) => Some(tls.unwrap_or_default()),
        (false, None) => None,
        (false, Some(_)) => {
            return node.problem_with_hint(
                "has tls, and its url is redis://",
                "write rediss://, or remove tls",
            );
        }
    };
    Some(StorePlace::Redis {
        url,
        password: password?,
        tls,
    })
}

/// Where a password of a store is.
pub(super) fn read_password(node: &Node<'_>) -> Option<CredentialConfig> {
    let mut fields = node.fields()?;
    let env = fields.maybe("env", |node| node.text().map(str::to_owned));
    let file = fields.maybe("file", |node| node.text().map(PathBuf::from));
    fields.finish(SECRET_HINT)?;
    match (env?, file?) {
        (Some(env), None) => Some(CredentialConfig::Env(env)),
        (None, Some(file)) => Some(CredentialConfig::File(file)),
        (Some(_), Some(_)) | (None, None) => node.problem("must have one of env and file"),
    }
}

pub(super) fn read_alerts(node: &Node<'_>) -> Option<LimitAlertsConfig> {
    let mut fields = node.fields()?;
    let webhook = fields.must("webhook", |node| {
        let text = node.text()?;
        match Endpoint::parse(text) {
            Ok(endpoint) => Some(endpoint),
            Err(message) => {
                node.problem_with_hint(message, "such as https://hooks.example.com/limits")
            }
        }
    });
    let tls = fields.maybe("tls", own_tls::read_client);
    fields.finish("what a webhook asks for to be let in is a client's certificate, in tls")?;
    let (webhook, tls) = (webhook?, tls?);
    if webhook.scheme == Scheme::Http && tls.is_some() {
        return node.problem_with_hint(
            "has tls, and its webhook is http://",
            "write https://, or remove tls",
        );
    }
    Some(LimitAlertsConfig {
        webhook,
        tls: tls.unwrap_or_default(),
    })
}
