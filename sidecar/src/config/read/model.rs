//! `models`, their targets and prices.

use ark_gateway_core::snapshot::{
    FailOverOn, OnLoss, Order, ROUTE_FIRST_BYTE_TIMEOUT_MS, ROUTE_TOTAL_TIMEOUT_MS,
};

use super::super::node::Node;
use super::super::shape::{ModelConfig, ModelTimeoutsConfig, RequiresConfig, TargetConfig};
use super::price::Written;
use super::{
    MOST_TARGETS, Names, api, capability, compliance, extra, price, read_model_name,
    read_reference, rules,
};

/// Largest weight of a target.
const MOST_WEIGHT: u64 = 1_000_000;

const ON_LOSS: [(&str, OnLoss); 3] = [
    ("reject", OnLoss::Reject),
    ("warn", OnLoss::Warn),
    ("allow", OnLoss::Allow),
];

const ORDER: [(&str, Order); 2] = [("scored", Order::Scored), ("listed", Order::Listed)];

/// What may be tried at the next target though the request is to blame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    ContextLength,
    ContentPolicy,
}

const REFUSALS: [(&str, Refusal); 2] = [
    ("context_length", Refusal::ContextLength),
    ("content_policy", Refusal::ContentPolicy),
];

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<ModelConfig> {
    let mut fields = node.fields()?;
    let name = fields.must("name", |node| {
        let name = read_model_name(node)?;
        names.claim("model name", &name, node)?;
        Some(name)
    });
    let timeouts = fields.or("timeouts", ModelTimeoutsConfig::default(), read_timeouts);
    let order = fields.or("order", Order::default(), |node| node.one_of(&ORDER));
    let on_loss = fields.or("on_loss", OnLoss::default(), |node| node.one_of(&ON_LOSS));
    let fail_over_on = fields.or("fail_over_on", FailOverOn::default(), read_fail_over_on);
    let requires = fields.or("requires", RequiresConfig::default(), |node| {
        compliance::read(node, names)
    });
    let unknown_price = fields.maybe("unknown_price", |node| price::read_unknown(node, names));
    let targets = fields.must("targets", |node| {
        let targets = node.each(MOST_TARGETS, |item| {
            read_target(item, names, name.as_deref())
        })?;
        rules::check_weights(node, check_targets(node, targets)?)
    });
    let known = (name.as_deref(), targets.as_deref());
    let rules = rules::read(&mut fields, names, known);
    let shadow = fields.maybe("shadow", |node| {
        extra::read_shadow(node, (names, name.as_deref()), targets.as_deref())
    });
    let hedge = fields.maybe("hedge", |node| {
        extra::read_hedge(node, timeouts, targets.as_deref())
    });
    fields.finish("")?;
    Some(ModelConfig {
        shadow: shadow?,
        hedge: hedge?,
        name: name?,
        timeouts: timeouts?,
        order: order?,
        on_loss: on_loss?,
        fail_over_on: fail_over_on?,
        requires: requires?,
        unknown_price: unknown_price?,
        targets: targets?,
        rules: rules?,
    })
}

fn read_fail_over_on(node: &Node<'_>) -> Option<FailOverOn> {
    let refusals = node.each(REFUSALS.len(), |item| item.one_of(&REFUSALS))?;
    match refusals.as_slice() {
        [first, second] if first == second => node.problem("names a refusal twice"),
        named => Some(FailOverOn {
            context_length: named.contains(&Refusal::ContextLength),
            content_policy: named.contains(&Refusal::ContentPolicy),
        }),
    }
}

fn check_targets(node: &Node<'_>, targets: Vec<TargetConfig>) -> Option<Vec<TargetConfig>> {
    if targets.is_empty() {
        return node.problem("must have at least one target");
    }
    for (i, target) in targets.iter().enumerate() {
        let same = |other: &&TargetConfig| {
            (&other.provider, &other.model) == (&target.provider, &target.model)
        };
        if targets.iter().take(i).find(same).is_some() {
            return node.problem(format!(
                "has provider {} with model {} twice",
                target.provider, target.model
            ));
        }
    }
    Some(targets)
}

impl Default for ModelTimeoutsConfig {
    fn default() -> Self {
        Self {
            first_byte_ms: ROUTE_FIRST_BYTE_TIMEOUT_MS,
            total_ms: ROUTE_TOTAL_TIMEOUT_MS,
        }
    }
}

fn read_timeouts(node: &Node<'_>) -> Option<ModelTimeoutsConfig> {
    let mut fields = node.fields()?;
    let default = ModelTimeoutsConfig::default();
    let first_byte = fields.or("first_byte_ms", default.first_byte_ms, |node| {
        node.integer(1..=3_600_000)
    });
    let total = fields.or("total_ms", default.total_ms, |node| {
        node.integer(1..=86_400_000)
    });
    fields.finish("")?;
    let timeouts = ModelTimeoutsConfig {
        first_byte_ms: first_byte?,
        total_ms: total?,
    };
    if timeouts.first_byte_ms > timeouts.total_ms {
        return node.problem(format!(
            "first_byte_ms ({}) is longer than total_ms ({})",
            timeouts.first_byte_ms, timeouts.total_ms
        ));
    }
    Some(timeouts)
}

pub(super) fn read_target(
    node: &Node<'_>,
    names: &Names,
    name: Option<&str>,
) -> Option<TargetConfig> {
    let mut fields = node.fields()?;
    let provider = fields.must("provider", |node| {
        read_reference(node, "provider", &names.providers)
    });
    // Without a usable name of the model there is no default; its problem is already reported.
    let model = match fields.find("model") {
        Some(node) => read_model_name(&node),
        None => name.map(str::to_owned),
    };
    let price = fields.or("price", Written::Nothing, |node| price::read(node, names));
    let made = provider.as_ref().and_then(|name| names.kinds.get(name));
    let capabilities = capability::read(&mut fields, made);
    let default_max_tokens = capability::read_default_max_tokens(&mut fields, capabilities);
    let api = api::read(&mut fields, made, model.as_deref());
    let weight = fields.maybe("weight", |node| node.integer(0..=MOST_WEIGHT));
    fields.finish("")?;
    Some(TargetConfig {
        provider: provider?,
        model: model?,
        price: match price.as_ref()? {
            Written::Price(price) => Some(**price),
            Written::Nothing | Written::Entry(_) => None,
        },
        price_entry: match price? {
            Written::Entry(entry) => Some(entry),
            Written::Nothing | Written::Price(_) => None,
        },
        capabilities: capabilities?,
        default_max_tokens: default_max_tokens?,
        weight: weight?,
        api: api?,
    })
}
