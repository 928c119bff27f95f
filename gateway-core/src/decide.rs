//! Which targets, in which order.
//!
//! Hard filters first, then a score: a weighted sum of terms in 0..=1, each measured against an
//! absolute reference (the model's reference price, the priority's SLO, the provider's limits), so
//! that a target's score does not depend on who else is a candidate.

use crate::capability::{Capability, Needs};
use crate::money::Price;
use crate::policy::Policy;
use crate::priority::{Priority, PrioritySpec};
use crate::record::Rule;
use crate::score::{Scores, TargetScore};
use crate::snapshot::{ModelId, ModelSpec, ProviderId, TargetId, TargetSpec};

/// Most targets that one request may try.
pub const MAX_ATTEMPTS: usize = 3;

/// Scores this close to the best are equal: choosing among them spreads load over workers that
/// share one set of scores.
const NEAR_EQUAL: f32 = 0.02;

/// Output tokens that an answer is expected to have when the request does not bound it lower.
const EXPECTED_OUTPUT_TOKENS: u64 = 256;

/// A term of which nothing is known: the middle of its interval, neither trusted nor condemned.
const UNKNOWN: f32 = 0.5;

/// What is known of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts<'a> {
    /// What it asks for.
    pub model: ModelId,
    /// How urgent it is.
    pub priority: Priority,
    /// The provider that the client pinned.
    pub pin: Option<ProviderId>,
    /// What a target must be able to do.
    pub needs: Needs,
    /// Targets that are out of the question for a reason of their own dialect.
    pub refused: &'a [TargetId],
}

/// Why no target is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoTarget {
    /// The model has none now.
    None,
    /// The pinned provider has no target of the model.
    Pin,
    /// Each lacks something; this is what the first lacks.
    Lacking(Capability),
    /// Each that could do it is in [`Facts::refused`].
    Refused,
}

/// The ordered targets and the rule that ordered them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    targets: [Option<TargetId>; MAX_ATTEMPTS],
    /// What put the first target first.
    pub rule: Rule,
}

impl Decision {
    /// The targets, first choice first; at least one.
    pub fn targets(&self) -> impl Iterator<Item = TargetId> + '_ {
        self.targets.iter().flatten().copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets().count()
    }

    /// Never true for a decision that [`decide`] returned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets().next().is_none()
    }
}

/// A candidate on its way into the order.
#[derive(Clone, Copy)]
struct Candidate {
    target: TargetId,
    /// Hard-filtered candidates come after all others: the measure may be wrong, and a request that
    /// has nothing better is not lost by trying.
    excluded: bool,
    score: f32,
}

/// The best candidates so far, best first; earlier ones win ties, so the operator's order does.
#[derive(Default)]
struct Best([Option<Candidate>; MAX_ATTEMPTS]);

impl Best {
    fn insert(&mut self, candidate: Candidate) {
        let mut incoming = Some(candidate);
        for slot in &mut self.0 {
            let better = match (slot.as_ref(), incoming.as_ref()) {
                (Some(have), Some(new)) => {
                    (have.excluded && !new.excluded)
                        || (have.excluded == new.excluded && new.score > have.score)
                }
                (None, Some(_)) => true,
                (_, None) => false,
            };
            if better {
                std::mem::swap(slot, &mut incoming);
            }
        }
    }

    fn into_decision(self, rule: Rule, limit: usize) -> Option<Decision> {
        let mut targets = self.0.map(|c| c.map(|c| c.target));
        for slot in targets.iter_mut().skip(limit.max(1)) {
            *slot = None;
        }
        targets[0].map(|_| Decision { targets, rule })
    }
}

/// Orders the targets of the request's model that can take the request.
///
/// `scores` is `None` when nothing is known or what is known is too old: the operator's order rules.
/// `draw` is uniformly random and decides ties and exploration only.
///
/// # Errors
/// Why there is none.
pub fn decide(
    policy: &Policy,
    scores: Option<&Scores>,
    facts: &Facts<'_>,
    draw: u64,
) -> Result<Decision, NoTarget> {
    let model = policy.model(facts.model).ok_or(NoTarget::None)?;
    let limit = usize::from(policy.snapshot().gateway.max_attempts);
    let known = scores.filter(|s| s.snapshot == policy.snapshot().version);
    let decision = match (facts.pin, known) {
        (Some(_), _) => in_static_order(policy, model, facts, (Rule::Pin, MAX_ATTEMPTS)),
        (None, None) => in_static_order(policy, model, facts, (Rule::Static, limit)),
        (None, Some(_)) if model.targets.len() == 1 => {
            in_static_order(policy, model, facts, (Rule::Only, limit))
        }
        (None, Some(scores)) => by_score(policy, model, scores, facts, draw),
    };
    decision.ok_or_else(|| why_none(policy, model, facts))
}

fn in_static_order(
    policy: &Policy,
    model: &ModelSpec,
    facts: &Facts<'_>,
    (rule, limit): (Rule, usize),
) -> Option<Decision> {
    let mut best = Best::default();
    for target in usable(policy, model, facts) {
        best.insert(candidate(target));
    }
    best.into_decision(rule, limit)
}

/// The targets that are left by the hard filters: the pin, capabilities, the dialect's own.
fn usable<'a>(
    policy: &'a Policy,
    model: &'a ModelSpec,
    facts: &'a Facts<'_>,
) -> impl Iterator<Item = TargetId> + 'a {
    of_pin(policy, model, facts)
        .filter(|(target, spec)| {
            spec.capabilities.lacks(&facts.needs).is_none() && !facts.refused.contains(target)
        })
        .map(|(target, _)| target)
}

fn of_pin<'a>(
    policy: &'a Policy,
    model: &'a ModelSpec,
    facts: &'a Facts<'_>,
) -> impl Iterator<Item = (TargetId, &'a TargetSpec)> {
    let specs = model
        .targets
        .iter()
        .filter_map(|&t| Some((t, policy.target(t)?)));
    specs.filter(|(_, spec)| facts.pin.is_none_or(|pin| spec.provider == pin))
}

fn why_none(policy: &Policy, model: &ModelSpec, facts: &Facts<'_>) -> NoTarget {
    let mut lacking = None;
    let mut any = false;
    for (_, spec) in of_pin(policy, model, facts) {
        any = true;
        match spec.capabilities.lacks(&facts.needs) {
            // It could, so only its own dialect stands in the way.
            None => return NoTarget::Refused,
            Some(capability) => lacking = lacking.or(Some(capability)),
        }
    }
    match lacking {
        Some(capability) => NoTarget::Lacking(capability),
        None if !any && facts.pin.is_some() && !model.targets.is_empty() => NoTarget::Pin,
        None => NoTarget::None,
    }
}

fn candidate(target: TargetId) -> Candidate {
    Candidate {
        target,
        excluded: false,
        score: 0.0,
    }
}

fn by_score(
    policy: &Policy,
    model: &ModelSpec,
    scores: &Scores,
    facts: &Facts<'_>,
    draw: u64,
) -> Option<Decision> {
    let spec = policy.priority(facts.priority);
    let limit = usize::from(policy.snapshot().gateway.max_attempts);
    let mut best = Best::default();
    let mut unknown = None;
    let mut unknown_seen = 0u64;
    for target in usable(policy, model, facts) {
        let measured = scores.targets.get(usize::from(target.0));
        let measured = measured.copied().unwrap_or_default();
        let load = utilisation(policy, target, &measured);
        best.insert(Candidate {
            target,
            excluded: measured.unavailable || load >= 1.0,
            score: score(policy, model, target, (&measured, load), facts),
        });
        if measured.ttft_ms.is_none() && !measured.unavailable {
            unknown_seen += 1;
            if (draw >> 32).is_multiple_of(unknown_seen) {
                unknown = Some(target);
            }
        }
    }
    if let Some(target) = unknown {
        let dice = f64::from((draw & 0xffff) as u16) / 65_536.0;
        if dice < f64::from(spec.exploration_share) {
            best.move_first(target);
            return best.into_decision(Rule::Explore, limit);
        }
    }
    let rule = best.spread(draw >> 16);
    best.into_decision(rule, limit)
}

impl Best {
    /// Puts `target` first, keeping the others in order and dropping the last when it was not there.
    fn move_first(&mut self, target: TargetId) {
        let mut carried = Some(candidate(target));
        for slot in &mut self.0 {
            std::mem::swap(slot, &mut carried);
            if carried.is_none_or(|c| c.target == target) {
                break;
            }
        }
    }

    /// Draws the first among near-equals.
    fn spread(&mut self, draw: u64) -> Rule {
        let Some(first) = self.0[0] else {
            return Rule::Score;
        };
        let equals = self
            .0
            .iter()
            .flatten()
            .filter(|c| c.excluded == first.excluded && first.score - c.score <= NEAR_EQUAL)
            .count();
        if equals < 2 {
            return Rule::Score;
        }
        let chosen = usize::try_from(draw % equals as u64).unwrap_or(0);
        if let Some(group) = self.0.get_mut(..=chosen) {
            group.rotate_right(1);
        }
        Rule::NearEqual
    }
}

/// The score of one target for one request, 0 to 1; higher is better.
fn score(
    policy: &Policy,
    model: &ModelSpec,
    target: TargetId,
    (measured, load): (&TargetScore, f32),
    facts: &Facts<'_>,
) -> f32 {
    let spec = policy.priority(facts.priority);
    let w = spec.weights;
    let total = w.cost + w.performance + w.reliability + w.load + w.compliance;
    let price = policy.target(target).and_then(|t| t.price);
    let sum = w.cost * cost_term(price, model.reference_price, facts)
        + w.performance * performance_term(measured, spec, facts)
        + w.reliability * reliability_term(measured, spec)
        + w.load * (1.0 - load.clamp(0.0, 1.0))
        + w.compliance * compliance_term(policy, target);
    if total > 0.0 { sum / total } else { UNKNOWN }
}

fn output_tokens(facts: &Facts<'_>) -> u64 {
    facts
        .needs
        .max_output_tokens
        .map_or(EXPECTED_OUTPUT_TOKENS, |n| n.min(EXPECTED_OUTPUT_TOKENS))
}

/// One half at the reference price, towards one for free; an unknown price counts as the reference.
#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio of sums of money needs no 64 bits"
)]
fn cost_term(price: Option<Price>, reference: Option<Price>, facts: &Facts<'_>) -> f32 {
    let (Some(price), Some(reference)) = (price, reference) else {
        return UNKNOWN;
    };
    let output = output_tokens(facts);
    let cost = price.cost_of(facts.needs.input_tokens, output).0 as f32;
    let reference = reference.cost_of(facts.needs.input_tokens, output).0 as f32;
    half_at(cost, reference)
}

/// One half when the expected latency is the SLO's.
#[expect(clippy::cast_precision_loss, reason = "a few hundred tokens fit")]
fn performance_term(measured: &TargetScore, spec: &PrioritySpec, facts: &Facts<'_>) -> f32 {
    let Some(ttft) = measured.ttft_ms else {
        return UNKNOWN;
    };
    let expected = ttft + measured.tpot_ms.unwrap_or(0.0) * output_tokens(facts) as f32;
    half_at(expected, spec.slo.latency_ms)
}

/// One half when the failure rate is the SLO's.
fn reliability_term(measured: &TargetScore, spec: &PrioritySpec) -> f32 {
    measured
        .failure_rate
        .map_or(UNKNOWN, |rate| half_at(rate, spec.slo.failure_rate))
}

/// Certifications with diminishing returns.
fn compliance_term(policy: &Policy, target: TargetId) -> f32 {
    let held = policy
        .target(target)
        .and_then(|t| policy.provider(t.provider))
        .map_or(0.0, |p| f32::from(p.certifications));
    held / (held + 2.0)
}

/// The provider's utilisation as the sidecar measured it, or as this worker alone causes it.
#[expect(clippy::cast_precision_loss, reason = "request counts fit")]
fn utilisation(policy: &Policy, target: TargetId, measured: &TargetScore) -> f32 {
    let Some(provider) = policy.target(target).map(|t| t.provider) else {
        return 0.0;
    };
    let takes = policy
        .provider(provider)
        .map_or(1, |p| p.max_in_flight.max(1));
    let own = policy.in_flight(provider) as f32 / takes as f32;
    measured.utilisation.unwrap_or(0.0).max(own)
}

/// 1 at zero, one half when `value` equals `reference`, towards 0 beyond it.
fn half_at(value: f32, reference: f32) -> f32 {
    if reference <= 0.0 {
        return UNKNOWN;
    }
    reference / (reference + value.max(0.0))
}

#[cfg(test)]
mod tests;
