//! What bars a target whatever the request asks of it: nothing that a client sends lifts it.

use crate::compliance::{Demand, Requirement};
use crate::decide::Facts;
use crate::money::PriceBasis;
use crate::policy::Policy;
use crate::snapshot::{ModelSpec, TargetSpec};

/// Why a target may not be used; the greater is the nearer miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Bar {
    /// Its provider does not meet a requirement.
    Compliance(Demand),
    /// Its price is not known.
    UnknownPrice,
}

/// All that is required of a provider for this request.
pub(crate) fn required(model: &ModelSpec, facts: &Facts<'_>) -> Requirement {
    facts.requires.and(model.requires.requirement)
}

/// Checks that some provider of `model` meets what is required; a model without targets is not judged.
///
/// # Errors
/// What the provider that comes nearest does not meet.
pub fn check_compliance(
    policy: &Policy,
    model: &ModelSpec,
    requires: &Requirement,
) -> Result<(), Demand> {
    let required = requires.and(model.requires.requirement);
    let mut unmet = None;
    for target in model.targets.iter().filter_map(|&t| policy.target(t)) {
        let assurance = policy.provider(target.provider).map(|p| p.assurance);
        match required.unmet_by_one(target.provider, &assurance.unwrap_or_default()) {
            None => return Ok(()),
            Some(demand) => unmet = unmet.max(Some(demand)),
        }
    }
    unmet.map_or(Ok(()), Err)
}

/// Why `target` may not be used, if so.
pub(crate) fn barred(policy: &Policy, required: &Requirement, target: &TargetSpec) -> Option<Bar> {
    // A provider that is not there assures nothing.
    let assurance = policy.provider(target.provider).map(|p| p.assurance);
    if let Some(demand) = required.unmet_by_one(target.provider, &assurance.unwrap_or_default()) {
        return Some(Bar::Compliance(demand));
    }
    (target.price_basis == PriceBasis::Denied).then_some(Bar::UnknownPrice)
}

#[cfg(test)]
mod tests;
