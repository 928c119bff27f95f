//! A model's `shadow` and `hedge`: what is sent beyond the attempts that a request needs.

use ark_gateway_core::priority::Priority;

use super::super::node::Node;
use super::super::shape::{HedgeConfig, ModelTimeoutsConfig, ShadowConfig, TargetConfig};
use super::tenant::PRIORITIES;
use super::{Names, model};

/// Bodies up to this are copied when nothing else is said: prompts, hardly ever images.
const SHADOW_BODY_LIMIT_BYTES: u32 = 1024 * 1024;

/// Envoy mirrors what a route may hold, and a worker holds each copy until it is answered.
const MOST_SHADOW_BODY_BYTES: u64 = 32 * 1024 * 1024;

/// A learnt delay is never shorter, when nothing else is said: most hedges would be in vain.
const HEDGE_AT_LEAST_MS: u32 = 200;

/// Second attempts over requests, when nothing else is said: a twentieth.
const HEDGE_BUDGET_MILLIONTHS: u32 = 50_000;

/// Largest budget: with more, everything is asked twice as soon as everything is slow.
const MOST_HEDGE_BUDGET_MILLIONTHS: u32 = 500_000;

/// The fields of `shadow` that are not of its target.
const OWN: [&str; 3] = ["share", "priorities", "body_limit_bytes"];

pub(super) fn read_shadow(
    node: &Node<'_>,
    (names, name): (&Names, Option<&str>),
    targets: Option<&[TargetConfig]>,
) -> Option<ShadowConfig> {
    let mut fields = node.fields()?;
    let share = fields.must("share", Node::share);
    let priorities = fields.or(
        "priorities",
        vec![Priority::Standard, Priority::Batch],
        read_priorities,
    );
    let body_limit_bytes = fields.or("body_limit_bytes", SHADOW_BODY_LIMIT_BYTES, |node| {
        node.integer(1..=MOST_SHADOW_BODY_BYTES)
    });
    let rest = node.without(&OWN);
    let target = model::read_target(&node.holding(&rest), names, name)?;
    let is_same =
        |own: &&TargetConfig| (&own.provider, &own.model) == (&target.provider, &target.model);
    if targets.unwrap_or_default().iter().find(is_same).is_some() {
        return node.problem_with_hint(
            format!(
                "copies to {} with model {}, a target of the model itself",
                target.provider, target.model
            ),
            "that one is measured already; name another",
        );
    }
    Some(ShadowConfig {
        target,
        share_millionths: share?,
        priorities: priorities?,
        body_limit_bytes: body_limit_bytes?,
    })
}

pub(super) fn read_hedge(
    node: &Node<'_>,
    timeouts: Option<ModelTimeoutsConfig>,
    targets: Option<&[TargetConfig]>,
) -> Option<HedgeConfig> {
    let mut fields = node.fields()?;
    let first_byte_ms = timeouts.map_or(u32::MAX, |timeouts| timeouts.first_byte_ms);
    let delay = |node: &Node<'_>| {
        let ms: u32 = node.integer(10..=600_000)?;
        if ms < first_byte_ms {
            return Some(ms);
        }
        node.problem_with_hint(
            format!("is not before the first-byte time-out ({first_byte_ms} ms)"),
            "wait less, or raise timeouts.first_byte_ms",
        )
    };
    let after_ms = fields.maybe("after_ms", delay);
    let at_least_ms = fields.or("at_least_ms", HEDGE_AT_LEAST_MS, delay);
    let budget = fields.or("budget", HEDGE_BUDGET_MILLIONTHS, |node| {
        match node.share()? {
            share if share <= MOST_HEDGE_BUDGET_MILLIONTHS => Some(share),
            _ => node.problem("must be at most 50%"),
        }
    });
    let priorities = fields.or("priorities", vec![Priority::Critical], read_priorities);
    fields.finish("")?;
    if targets.is_some_and(|targets| targets.len() < 2) {
        return node.problem_with_hint(
            "has no second target to ask",
            "give the model another target, or remove hedge",
        );
    }
    Some(HedgeConfig {
        after_ms: after_ms?,
        at_least_ms: at_least_ms?,
        budget_millionths: budget?,
        priorities: priorities?,
    })
}

fn read_priorities(node: &Node<'_>) -> Option<Vec<Priority>> {
    let mut priorities = node.each(PRIORITIES.len(), |item| item.one_of(&PRIORITIES))?;
    priorities.sort();
    priorities.dedup();
    if priorities.is_empty() {
        return node.problem_with_hint("names no priority", "remove the line for the default");
    }
    Some(priorities)
}
