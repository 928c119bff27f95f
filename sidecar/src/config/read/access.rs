//! `access`: rules of who may ask what.

use ark_gateway_core::access::{BY_DEFAULT, Ceiling, ENDPOINTS, Effect, Network};
use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::Endpoint;
use jiff::tz::TimeZone;

use super::super::access::{AccessConfig, DAYS, HoursConfig, WhoConfig};
use super::super::node::{Fields, Node};
use super::super::shape::RequiresConfig;
use super::super::words::quoted;
use super::{MOST_MODELS, MOST_PROVIDERS, Names, compliance, read_name, read_reference, tenant};

/// Most rules.
const MOST_RULES: usize = 1_024;

/// Most names in one list of a rule.
const MOST_NAMES: usize = 4_096;

/// Most networks of a rule: each is a comparison of a request.
const MOST_NETWORKS: usize = 64;

/// Most roles of a key, and largest ceiling of tokens.
const MOST_ROLES: usize = 32;
const MOST_TOKENS: u64 = 1_000_000_000;

const EFFECTS: [(&str, Effect); 2] = [("allow", Effect::Allow), ("deny", Effect::Deny)];

/// All rules.
pub(super) fn read_all(fields: &mut Fields<'_, '_>, names: &Names) -> Option<Vec<AccessConfig>> {
    fields.or("access", Vec::new(), |node| {
        node.each(MOST_RULES, |item| read(item, names))
    })
}

fn read(node: &Node<'_>, names: &Names) -> Option<AccessConfig> {
    let mut fields = node.fields()?;
    let name = fields.must("name", |node| {
        let name = read_name(node)?;
        if name == BY_DEFAULT {
            return node.problem("is the name of what refuses a request that no rule matches");
        }
        names.claim("access rule", &name, node)?;
        Some(name)
    });
    let effect = fields.must("effect", |node| node.one_of(&EFFECTS));
    let who = fields.or("who", WhoConfig::default(), |node| read_who(node, names));
    let what = fields.or("what", What::default(), |node| read_what(node, names));
    let when = fields.or("when", When::default(), read_when);
    let bounds = read_bounds(&mut fields, effect, names);
    fields.finish("")?;
    let (what, when, (limit, require)) = (what?, when?, bounds?);
    Some(AccessConfig {
        name: name?,
        effect: effect?,
        who: who?,
        models: what.models,
        endpoints: what.endpoints,
        providers: what.providers,
        priorities: what.priorities,
        hours: when.hours,
        networks: when.networks,
        limit,
        require,
    })
}

/// What bounds a request that is allowed; a refusal has nothing to bound.
fn read_bounds(
    fields: &mut Fields<'_, '_>,
    effect: Option<Effect>,
    names: &Names,
) -> Option<(Ceiling, RequiresConfig)> {
    let deny = effect == Some(Effect::Deny);
    let refuse = |node: &Node<'_>| {
        let hint = "what a rule denies it need not bound; write an allow with this bound";
        node.problem_with_hint::<()>("has no meaning where effect is deny", hint)
    };
    let limit = fields.or("limit", Ceiling::default(), |node| match deny {
        true => refuse(node).map(|()| Ceiling::default()),
        false => read_limit(node),
    });
    let require = fields.or("require", RequiresConfig::default(), |node| match deny {
        true => refuse(node).map(|()| RequiresConfig::default()),
        false => compliance::read(node, names),
    });
    Some((limit?, require?))
}

fn read_limit(node: &Node<'_>) -> Option<Ceiling> {
    let mut fields = node.fields()?;
    let max_tokens = fields.maybe("max_tokens", |node| node.integer(1..=MOST_TOKENS));
    let tools = fields.or("tools", true, Node::boolean);
    let images = fields.or("images", true, Node::boolean);
    fields.finish("")?;
    Some(Ceiling {
        max_tokens: max_tokens?,
        no_tools: !tools?,
        no_images: !images?,
    })
}

pub(super) fn read_who(node: &Node<'_>, names: &Names) -> Option<WhoConfig> {
    let mut fields = node.fields()?;
    let mut list = |name, what, defined: Option<&[String]>| {
        let read = |node: &Node<'_>| {
            some(node, |item| match defined {
                Some(defined) => read_reference(item, what, defined),
                None => read_name(item),
            })
        };
        fields.or(name, Vec::new(), read)
    };
    let tenants = list("tenants", "tenant", Some(&names.tenants));
    let keys = list("keys", "key", Some(&names.keys));
    let roles = list("roles", "role", None);
    fields.finish("")?;
    Some(WhoConfig {
        tenants: tenants?,
        keys: keys?,
        roles: roles?,
    })
}

#[derive(Default)]
struct What {
    models: Option<Vec<String>>,
    endpoints: Option<Vec<Endpoint>>,
    providers: Option<Vec<String>>,
    priorities: Option<Vec<Priority>>,
}

fn read_what(node: &Node<'_>, names: &Names) -> Option<What> {
    let mut fields = node.fields()?;
    let models = fields.maybe("models", |node| {
        some_of(node, MOST_MODELS, |item| {
            read_reference(item, "model", &names.models)
        })
    });
    let endpoints = fields.maybe("endpoints", |node| {
        some(node, |item| item.one_of(&ENDPOINTS))
    });
    let providers = fields.maybe("providers", |node| {
        some_of(node, MOST_PROVIDERS, |item| {
            read_reference(item, "provider", &names.providers)
        })
    });
    let priorities = fields.maybe("priorities", |node| {
        some(node, |item| item.one_of(&tenant::PRIORITIES))
    });
    fields.finish("")?;
    Some(What {
        models: models?,
        endpoints: endpoints?,
        providers: providers?,
        priorities: priorities?,
    })
}

#[derive(Default)]
struct When {
    hours: Option<HoursConfig>,
    networks: Option<Vec<Network>>,
}

fn read_when(node: &Node<'_>) -> Option<When> {
    let mut fields = node.fields()?;
    let hours = fields.maybe("hours", read_hours);
    let networks = fields.maybe("networks", |node| {
        let networks = some(node, read_network)?;
        match networks.len() <= MOST_NETWORKS {
            true => Some(networks),
            false => node.problem(format!("has more than {MOST_NETWORKS} networks")),
        }
    });
    fields.finish("")?;
    Some(When {
        hours: hours?,
        networks: networks?,
    })
}

fn read_network(node: &Node<'_>) -> Option<Network> {
    let text = node.text()?;
    match Network::parse(text) {
        Ok(network) => Some(network),
        Err(wrong) => node.problem(format!("{} {wrong}", quoted(text))),
    }
}

fn read_hours(node: &Node<'_>) -> Option<HoursConfig> {
    let mut fields = node.fields()?;
    let days = fields.or("days", (0..7).collect(), |node| {
        let mut days = some(node, |item| item.one_of(&DAYS))?;
        days.sort_unstable();
        Some(days)
    });
    let from = fields.or("from", 0, read_clock);
    let until = fields.or("until", 24 * 60, read_clock);
    let zone = fields.must("zone", |node| {
        let text = node.text()?;
        match TimeZone::get(text) {
            Ok(_) => Some(text.to_owned()),
            Err(_unknown) => node.problem_with_hint(
                format!("{} is not a time zone", quoted(text)),
                "write its name in the IANA database: Europe/Berlin, Asia/Shanghai, UTC",
            ),
        }
    });
    fields.finish("")?;
    let (from, until) = (from?, until?);
    if from == until || from == 24 * 60 {
        return node.problem_with_hint(
            "begin when they end: they can never hold",
            "from 22:00 until 06:00 goes on past midnight; without both it is the whole day",
        );
    }
    Some(HoursConfig {
        days: days?,
        from,
        until,
        zone: zone?,
    })
}

/// `08:30`, up to `24:00`: minutes since midnight.
fn read_clock(node: &Node<'_>) -> Option<u16> {
    let text = node.text()?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let minutes = text.split_once(':').and_then(|(hour, minute)| {
        let (h, m) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (digits(hour) && digits(minute) && m < 60 && h * 60 + m <= 24 * 60).then_some(h * 60 + m)
    });
    match minutes {
        Some(minutes) => Some(minutes),
        None => node.problem_with_hint(
            format!("{} is not a time of day", quoted(text)),
            "write \"08:30\", in quotes; the day ends at \"24:00\"",
        ),
    }
}

/// Roles of a key.
pub(super) fn read_roles(node: &Node<'_>) -> Option<Vec<String>> {
    let mut roles = node.each(MOST_ROLES, read_name)?;
    roles.sort();
    roles.dedup();
    Some(roles)
}

/// A list of at least one; an empty one would never match.
pub(super) fn some<'a, T>(
    node: &Node<'a>,
    read: impl FnMut(&Node<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    some_of(node, MOST_NAMES, read)
}

fn some_of<'a, T>(
    node: &Node<'a>,
    most: usize,
    read: impl FnMut(&Node<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let read = node.each(most, read)?;
    match read.is_empty() {
        true => node.problem_with_hint(
            "names nothing: the rule can never match",
            "name some, or remove the line for any",
        ),
        false => Some(read),
    }
}
