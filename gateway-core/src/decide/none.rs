//! Why no target is left.

use super::bar::{Bar, barred, required};
use super::{Facts, of_pin};
use crate::capability::Capability;
use crate::compliance::Demand;
use crate::policy::Policy;
use crate::snapshot::{ModelSpec, TargetId, TargetSpec};

/// Why no target is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoTarget {
    /// The model has none now.
    None,
    /// The pinned provider has no target of the model.
    Pin,
    /// No provider may have it; this is what the nearest falls short of.
    Compliance(Demand),
    /// Those that may have it have no known price, and the operator's policy is not to use such.
    UnknownPrice,
    /// Each lacks something; this is what the first lacks.
    Lacking(Capability),
    /// Each that could do it is in [`Facts::refused`].
    Refused,
    /// Those that could do it are taken out for maintenance.
    Drained,
}

pub(super) fn why_none(policy: &Policy, model: &ModelSpec, facts: &Facts<'_>) -> NoTarget {
    let required = required(model, facts);
    let only_drained = |(target, spec): (TargetId, &TargetSpec)| {
        policy.is_drained(spec.provider)
            && barred(policy, &required, spec).is_none()
            && spec.capabilities.lacks(&facts.needs).is_none()
            && !facts.refused.contains(&target)
    };
    if of_pin(policy, model, facts).any(only_drained) {
        return NoTarget::Drained;
    }
    let mut lacking = None;
    let mut bar: Option<Bar> = None;
    let mut any = false;
    for (_, spec) in of_pin(policy, model, facts) {
        any = true;
        if let Some(found) = barred(policy, &required, spec) {
            bar = bar.max(Some(found));
            continue;
        }
        match spec.capabilities.lacks(&facts.needs) {
            // It could, so only its own dialect stands in the way.
            None => return NoTarget::Refused,
            Some(capability) => lacking = lacking.or(Some(capability)),
        }
    }
    match (lacking, bar) {
        (Some(capability), _) => NoTarget::Lacking(capability),
        (None, Some(Bar::Compliance(demand))) => NoTarget::Compliance(demand),
        (None, Some(Bar::UnknownPrice)) => NoTarget::UnknownPrice,
        (None, None) if !any && facts.pin.is_some() && !model.targets.is_empty() => NoTarget::Pin,
        (None, None) => NoTarget::None,
    }
}
