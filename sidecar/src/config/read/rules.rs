//! A model's `aliases`, `fallback` and `canary`, and a provider's `drain`.

use ark_gateway_core::rules::{Share, Sticky};

use super::super::moment;
use super::super::node::{Fields, Node};
use super::super::rules::{CanaryConfig, DrainConfig, PromoteConfig, RulesConfig};
use super::super::shape::TargetConfig;
use super::super::words::{millionths, quoted};
use super::{Names, read_model_name, read_reference};

/// Most aliases and fallbacks of one model, and steps of a canary.
const MOST_ALIASES: usize = 64;
const MOST_FALLBACKS: usize = 4;
const MOST_STEPS: usize = 32;

/// Largest ratio that a canary may be allowed.
const MOST_RATIO: u64 = 1_000;

/// Longest name of a header.
const MOST_HEADER_BYTES: usize = 64;

/// Headers whose values are no property of a request, or are gone when it is decided.
const NO_PROPERTIES: [&str; 4] = ["authorization", "x-api-key", "cookie", "x-request-id"];

/// The rules among a model's fields. `name` is the model's own, as far as it could be read.
pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    names: &Names,
    (name, targets): (Option<&str>, Option<&[TargetConfig]>),
) -> Option<RulesConfig> {
    let aliases = fields.or("aliases", Vec::new(), |node| {
        node.each(MOST_ALIASES, |item| {
            let alias = read_model_name(item)?;
            if names.models.contains(&alias) {
                return item.problem(format!("{} is a model's own name", quoted(&alias)));
            }
            names.claim("alias", &alias, item)?;
            Some(alias)
        })
    });
    let fallback = fields.or("fallback", Vec::new(), |node| {
        read_fallback(node, names, name)
    });
    let canary = fields.maybe("canary", |node| read_canary(node, names, targets));
    Some(RulesConfig {
        aliases: aliases?,
        fallback: fallback?,
        canary: canary?,
    })
}

fn read_fallback(node: &Node<'_>, names: &Names, name: Option<&str>) -> Option<Vec<String>> {
    let models = node.each(MOST_FALLBACKS, |item| {
        let model = read_reference(item, "model", &names.models)?;
        if Some(model.as_str()) == name {
            return item.problem("is the model itself");
        }
        Some(model)
    })?;
    for (i, model) in models.iter().enumerate() {
        if models.iter().take(i).any(|other| other == model) {
            return node.problem(format!("names {model} twice"));
        }
    }
    Some(models)
}

fn read_canary(
    node: &Node<'_>,
    names: &Names,
    targets: Option<&[TargetConfig]>,
) -> Option<CanaryConfig> {
    let mut fields = node.fields()?;
    let provider = fields.must("provider", |node| {
        read_reference(node, "provider", &names.providers)
    });
    let model = fields.maybe("model", read_model_name);
    let sticky = fields.or("sticky", Sticky::Key, read_sticky);
    let share = fields.maybe("share", read_share);
    let hold = fields.or("hold", false, Node::boolean);
    let promote = fields.maybe("promote", read_promote);
    fields.finish("")?;
    let promote = promote?;
    if hold == Some(true) && promote.is_none() {
        return node.problem("holds what does not move: hold is for a canary with promote");
    }
    let first = promote.as_ref().and_then(|p| p.steps.first().copied());
    let Some(share) = share?.or(first) else {
        return node.problem_with_hint(
            "has neither share nor promote",
            "share: 5% for good, or promote: {} to begin with 1% and grow while it proves itself",
        );
    };
    if promote.as_ref().is_some_and(|p| !p.steps.contains(&share)) {
        return node.problem_with_hint(
            "starts with a share that is none of promote.steps",
            "add it to the steps, or leave share away to begin with the first",
        );
    }
    let canary = CanaryConfig {
        provider: provider?,
        model: model?,
        sticky: sticky?,
        share,
        hold: hold?,
        promote,
    };
    check_sides(node, canary, targets)
}

/// Both sides need targets.
fn check_sides(
    node: &Node<'_>,
    canary: CanaryConfig,
    targets: Option<&[TargetConfig]>,
) -> Option<CanaryConfig> {
    // What is wrong with the targets is said there.
    let Some(targets) = targets else {
        return Some(canary);
    };
    let tried = |target: &&TargetConfig| canary.tries(&target.provider, &target.model);
    match targets.iter().filter(tried).count() {
        0 => node.problem_with_hint(
            "names none of the model's targets",
            "a canary is one of targets: add it there too",
        ),
        all if all == targets.len() => node.problem("leaves no target for the baseline"),
        _ => Some(canary),
    }
}

const STICKY: [(&str, Stickiness); 3] = [
    ("tenant", Stickiness::Tenant),
    ("key", Stickiness::Key),
    ("request", Stickiness::Request),
];

#[derive(Clone, Copy)]
enum Stickiness {
    Tenant,
    Key,
    Request,
}

fn read_sticky(node: &Node<'_>) -> Option<Sticky> {
    if node.peek_text().is_some() {
        return Some(match node.one_of(&STICKY)? {
            Stickiness::Tenant => Sticky::Tenant,
            Stickiness::Key => Sticky::Key,
            Stickiness::Request => Sticky::Request,
        });
    }
    let mut fields = node.fields()?;
    let header = fields.must("header", read_header);
    fields.finish("")?;
    header.map(Sticky::Header)
}

fn read_header(node: &Node<'_>) -> Option<String> {
    let name = node.text()?.to_ascii_lowercase();
    let letters = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if name.is_empty() || name.len() > MOST_HEADER_BYTES || !letters {
        return node.problem("must be a header's name, such as x-user-id");
    }
    let internal = name.starts_with("x-ark-") || name.starts_with("x-envoy-");
    if internal || NO_PROPERTIES.contains(&name.as_str()) {
        return node.problem_with_hint(
            format!("{} cannot be used", quoted(&name)),
            "name a header that your clients set; for keys and tenants: sticky: key, or tenant",
        );
    }
    Some(name)
}

/// `5%`, with up to four decimals.
fn read_share(node: &Node<'_>) -> Option<Share> {
    let text = node.text()?;
    let percent = text.strip_suffix('%').map(str::trim_end);
    let share = percent
        .and_then(millionths)
        .filter(|share| share % 100 == 0 && *share <= 100_000_000)
        .and_then(|share| u32::try_from(share / 100).ok());
    match share {
        Some(share) => Some(Share(share)),
        None => node.problem_with_hint(
            format!("{} is not a share", quoted(text)),
            "write it as 5%, from 0% to 100% with at most 4 decimals",
        ),
    }
}

fn read_promote(node: &Node<'_>) -> Option<PromoteConfig> {
    let default = PromoteConfig::default();
    let mut fields = node.fields()?;
    let steps = fields.or("steps", default.steps, read_steps);
    let window_s = fields.or("window_s", default.window_s, |node| {
        node.integer(1..=86_400)
    });
    let min_requests = fields.or("min_requests", default.min_requests, |node| {
        node.integer(1..=1_000_000)
    });
    let errors = fields.or("max_error_increase", default.max_error_increase, read_share);
    let latency = fields.or("max_latency_ratio", default.max_latency_ratio, read_ratio);
    let cost = fields.or("max_cost_ratio", default.max_cost_ratio, read_ratio);
    fields.finish("")?;
    Some(PromoteConfig {
        steps: steps?,
        window_s: window_s?,
        min_requests: min_requests?,
        max_error_increase: errors?,
        max_latency_ratio: latency?,
        max_cost_ratio: cost?,
    })
}

fn read_steps(node: &Node<'_>) -> Option<Vec<Share>> {
    let steps = node.each(MOST_STEPS, read_share)?;
    let rises = steps.iter().zip(steps.iter().skip(1)).all(|(a, b)| a < b);
    if steps.first().is_none_or(|first| *first == Share::NONE) || !rises {
        return node.problem("must be shares above 0%, each larger than the one before");
    }
    Some(steps)
}

fn read_ratio(node: &Node<'_>) -> Option<u64> {
    match node.millionths(MOST_RATIO)? {
        0 => node.problem("must be above 0; 1 allows no more than the baseline's"),
        some => Some(some),
    }
}

/// A provider's `drain`: `true`, or a time.
pub(super) fn read_drain(node: &Node<'_>) -> Option<DrainConfig> {
    if let Some(always) = node.peek_boolean() {
        return Some(match always {
            true => DrainConfig::Always,
            false => DrainConfig::No,
        });
    }
    let mut fields = node.fields()?;
    let from = fields.maybe("from", read_moment);
    let until = fields.maybe("until", read_moment);
    fields.finish("")?;
    let (from_unix_s, until_unix_s) = (from?, until?);
    match (from_unix_s, until_unix_s) {
        (None, None) => node.problem("names no time; write drain: true, or from and until"),
        (Some(from), Some(until)) if until <= from => {
            node.problem("ends before it begins, or with it")
        }
        _ => Some(DrainConfig::Between {
            from_unix_s,
            until_unix_s,
        }),
    }
}

fn read_moment(node: &Node<'_>) -> Option<u64> {
    let text = node.text()?;
    match moment::parse(text) {
        Some(moment) => Some(moment),
        None => node.problem_with_hint(
            format!("{} is not a moment", quoted(text)),
            "write it as 2026-01-31T02:00:00Z, or with an offset: 2026-01-31T02:00:00+01:00",
        ),
    }
}

/// All targets of a model have a weight, or none has.
pub(super) fn check_weights(
    node: &Node<'_>,
    targets: Vec<TargetConfig>,
) -> Option<Vec<TargetConfig>> {
    let weights: Vec<u32> = targets.iter().filter_map(|target| target.weight).collect();
    if weights.is_empty() {
        return Some(targets);
    }
    if weights.len() < targets.len() {
        return node.problem_with_hint(
            "has targets with a weight and targets without",
            "give each one; 0 is for a reserve that is used when nothing else works",
        );
    }
    if weights.iter().all(|weight| *weight == 0) {
        return node.problem("has only weights of 0");
    }
    Some(targets)
}
