//! A static split: targets drawn by the operator's weights.

use super::{Decision, Facts, MAX_ATTEMPTS, usable};
use crate::chance;
use crate::circuit::Circuit;
use crate::policy::Policy;
use crate::record::Rule;
use crate::score::Scores;
use crate::snapshot::{ModelSpec, TargetId};

/// Keeps these draws apart from those among near-equals.
const SPLIT: u64 = 1 << 33;

/// Draws the targets one after the other, each by its weight among those that are left. Those of weight
/// 0 follow in the operator's order; those that are out of order come last.
pub(super) fn in_drawn_order(
    policy: &Policy,
    model: &ModelSpec,
    known: Option<&Scores>,
    facts: &Facts<'_>,
    (draw, limit): (u64, usize),
) -> Option<Decision> {
    let mut targets = [None; MAX_ATTEMPTS];
    for place in 0..limit.clamp(1, MAX_ATTEMPTS) {
        let mut least: Option<((bool, f32), TargetId)> = None;
        for (target, _) in usable(policy, model, facts) {
            if targets.contains(&Some(target)) {
                continue;
            }
            let key = (is_out(known, target), late(model, target, draw));
            if least.is_none_or(|(least, _)| key < least) {
                least = Some((key, target));
            }
        }
        if let Some(slot) = targets.get_mut(place) {
            *slot = least.map(|(_, target)| target);
        }
    }
    targets[0].map(|_| Decision {
        targets,
        rule: Rule::Weighted,
    })
}

fn is_out(known: Option<&Scores>, target: TargetId) -> bool {
    let measured = known.and_then(|scores| scores.targets.get(usize::from(target.0)));
    measured.is_some_and(|m| m.unavailable || m.circuit == Circuit::Open)
}

/// When this target's exponential clock rings: the first of several rings with a probability
/// proportional to its weight. Never for a weight of 0.
#[expect(clippy::cast_precision_loss, reason = "weights of up to a million")]
fn late(model: &ModelSpec, target: TargetId, draw: u64) -> f32 {
    let at = model.targets.iter().position(|t| *t == target);
    let weight = at.and_then(|at| model.rules.weights.get(at)).copied();
    match weight {
        None | Some(0) => f32::INFINITY,
        Some(weight) => {
            let bits = chance::mix(draw, SPLIT | u64::from(target.0));
            -chance::ln(chance::unit(bits)) / weight as f32
        }
    }
}
