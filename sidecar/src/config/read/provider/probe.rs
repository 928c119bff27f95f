//! A provider's `probe`.

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::snapshot::Tier;

use super::super::super::node::Node;
use super::super::super::shape::ProbeConfig;

const EVERY_S: u32 = 30;
const PER_DAY: u32 = 10_000;
/// Most that probes may cost in a day; one above it is a typing error, US dollars.
const MOST_USD: u64 = 10_000;

pub(super) fn read(node: &Node<'_>, tier: Option<Tier>) -> Option<ProbeConfig> {
    let mut fields = node.fields()?;
    let every_s = fields.or("every_s", EVERY_S, |node| node.integer(1..=86_400));
    let per_day = fields.or("per_day", PER_DAY, |node| node.integer(1..=10_000_000));
    let budget = fields.maybe("usd_per_day", |node| node.millionths(MOST_USD));
    fields.finish("")?;
    let budget = budget?;
    if tier.is_some_and(|tier| tier != Tier::SelfHosted) && budget.is_none() {
        return node.problem_with_hint(
            "would cost money at a provider that is not self-hosted",
            "say how much it may in a day, usd_per_day: 0.50; or remove probe",
        );
    }
    Some(ProbeConfig {
        every_s: every_s?,
        per_day: per_day?,
        budget_per_day: budget.map(MicroUsd),
    })
}
