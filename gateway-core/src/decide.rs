//! Which targets, in which order.
//!
//! Hard filters first, then a score: the weighted sum of [`crate::terms`]. The first target is drawn
//! among those that are as good as the best; the others follow by score, from other failure domains
//! where there are any.

pub(crate) mod bar;
pub(crate) mod chain;
pub(crate) mod field;
mod none;
mod part;
mod split;

use crate::affinity::Warm;
use crate::capability::Needs;
use crate::chance;
use crate::circuit::Circuit;
use crate::compliance::Requirement;
use crate::policy::Policy;
use crate::priority::{Priority, PrioritySpec, Weights};
use crate::record::Rule;
use crate::score::{Scores, TargetScore};
use crate::snapshot::{ModelId, ModelSpec, Order, ProviderId, TargetId, TargetSpec};
use crate::terms::{Estimate, Inputs, References};
pub use bar::check_compliance;
use bar::{barred, required};
use field::{Candidate, Field, Fitness};
pub use none::NoTarget;
use none::why_none;
pub use part::{Caller, Part};

/// Most targets that one request may try.
pub const MAX_ATTEMPTS: usize = 3;

/// Gap between two scores at which the better is chosen e times as often, for weights whose sum without
/// cost is 1. Without cost, as a gap that grew with that weight would let dearer targets in.
const TEMPERATURE: f32 = 0.01;

/// Largest share of a priority's requests that explore one target, whatever is asked for.
const MOST_EXPLORATION: f32 = 0.25;

/// Keeps the draws of exploration apart from those of choice.
const EXPLORATION: u64 = 1 << 32;

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
    /// Whose request it is.
    pub caller: Caller,
    /// Which of the model's targets are in question: all, for whoever asks.
    pub part: Part,
    /// What is required of a provider, see [`crate::admit::Admission::requires`]; what the model requires
    /// comes on top.
    pub requires: Requirement,
    /// Where its conversation's prompt is cached.
    pub warm: Option<Warm>,
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

    /// Nothing but this target: for a request that no client waits for.
    #[must_use]
    pub(crate) fn only(target: TargetId) -> Self {
        let mut targets = [None; MAX_ATTEMPTS];
        targets[0] = Some(target);
        Self {
            targets,
            rule: Rule::Only,
        }
    }

    /// Never true for a decision that [`decide`] returned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets().next().is_none()
    }
}

/// Orders the targets of the request's model that can take the request.
///
/// `scores` is `None` when nothing is known or what is known is too old: the operator's order rules.
/// `draw` is uniformly random and decides among near-equals and exploration only.
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
    let known = scores.filter(|s| s.snapshot == policy.snapshot().version);
    if model.rules.canary.is_some() || !model.rules.fallback.is_empty() {
        return chain::decide(policy, known, facts, draw);
    }
    order(policy, known, facts, draw)
}

/// Most targets that the request may try.
fn attempts(policy: &Policy, facts: &Facts<'_>) -> usize {
    let most = usize::from(policy.snapshot().gateway.max_attempts);
    match facts.pin {
        Some(_) => MAX_ATTEMPTS,
        None => policy.retry_budget().attempts(facts.priority, most),
    }
}

/// Orders one part of one model's targets.
fn order(
    policy: &Policy,
    known: Option<&Scores>,
    facts: &Facts<'_>,
    draw: u64,
) -> Result<Decision, NoTarget> {
    let model = policy.model(facts.model).ok_or(NoTarget::None)?;
    let limit = attempts(policy, facts);
    let decision = match (facts.pin, known) {
        (Some(_), _) => in_static_order(policy, model, facts, (Rule::Pin, MAX_ATTEMPTS)),
        (None, _) if !model.rules.weights.is_empty() => {
            split::in_drawn_order(policy, model, known, facts, (draw, limit))
        }
        (None, _) if model.order == Order::Listed => {
            in_static_order(policy, model, facts, (Rule::Listed, limit))
        }
        (None, None) => in_static_order(policy, model, facts, (Rule::Static, limit)),
        (None, Some(_)) if model.targets.len() == 1 => {
            in_static_order(policy, model, facts, (Rule::Only, limit))
        }
        (None, Some(scores)) => {
            let judge = Judge::new(policy, model, scores, facts);
            let field = judge.field();
            judge.first(&field, draw).map(|(first, rule)| Decision {
                targets: field.in_order(policy, first, limit),
                rule,
            })
        }
    };
    decision.ok_or_else(|| why_none(policy, model, facts))
}

fn in_static_order(
    policy: &Policy,
    model: &ModelSpec,
    facts: &Facts<'_>,
    (rule, limit): (Rule, usize),
) -> Option<Decision> {
    let mut usable = usable(policy, model, facts).map(|(target, _)| target);
    let mut targets = [None; MAX_ATTEMPTS];
    for slot in targets.iter_mut().take(limit.max(1)) {
        *slot = usable.next();
    }
    targets[0].map(|_| Decision { targets, rule })
}

/// The targets that are left by the hard filters: the pin, what bars a target whatever is asked of it,
/// capabilities, the dialect's own.
pub(crate) fn usable<'a>(
    policy: &'a Policy,
    model: &'a ModelSpec,
    facts: &'a Facts<'_>,
) -> impl Iterator<Item = (TargetId, &'a TargetSpec)> {
    let required = required(model, facts);
    of_pin(policy, model, facts).filter(move |(target, spec)| {
        barred(policy, &required, spec).is_none()
            && spec.capabilities.lacks(&facts.needs).is_none()
            && !facts.refused.contains(target)
            && !policy.is_drained(spec.provider)
            && facts.part.holds(model, *target)
    })
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

/// Judges the targets of one request.
pub(crate) struct Judge<'a> {
    policy: &'a Policy,
    model: &'a ModelSpec,
    scores: &'a Scores,
    facts: &'a Facts<'a>,
    spec: &'a PrioritySpec,
    references: References,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        policy: &'a Policy,
        model: &'a ModelSpec,
        scores: &'a Scores,
        facts: &'a Facts<'a>,
    ) -> Self {
        let spec = policy.priority(facts.priority);
        let (learnt, _) = scores.learnt(facts.model, facts.caller.key);
        let estimate = Estimate::of(&facts.needs, Some(&learnt));
        Self {
            policy,
            model,
            scores,
            facts,
            spec,
            references: References {
                warm: facts.warm,
                ..References::of(model, (facts.priority, spec), estimate, scores.workers)
            },
        }
    }

    pub(crate) fn references(&self) -> &References {
        &self.references
    }

    /// What a score is a share of.
    pub(crate) fn weights_sum(&self) -> f32 {
        let w = self.spec.weights;
        (w.cost + w.performance + w.reliability + w.load + w.compliance).max(f32::MIN_POSITIVE)
    }

    pub(crate) fn measured(&self, target: TargetId) -> TargetScore {
        let measured = self.scores.targets.get(usize::from(target.0));
        measured.copied().unwrap_or_default()
    }

    /// Everybody who is left by the hard filters.
    pub(crate) fn field(&self) -> Field {
        let mut field = Field::default();
        for (target, spec) in usable(self.policy, self.model, self.facts) {
            let measured = self.measured(target);
            let inputs = self.references.inputs(self.policy, target, &measured);
            field.push(Candidate {
                target,
                provider: spec.provider,
                fitness: fitness(&measured, &inputs, self.references.ceiling),
                score: self.references.terms(&inputs).weighed(&self.spec.weights),
                crowd: crowd(self.policy, spec.provider),
            });
        }
        field
    }

    /// Who is tried first, and by which rule.
    pub(crate) fn first(&self, field: &Field, draw: u64) -> Option<(TargetId, Rule)> {
        if let Some(target) = self.explored(field, draw) {
            return Some((target, Rule::Explore));
        }
        let drawn = field.draw(self.temperature(), draw)?;
        let rule = match drawn.among_equals {
            true => Rule::NearEqual,
            false => Rule::Score,
        };
        Some((drawn.target, rule))
    }

    /// See [`TEMPERATURE`].
    pub(crate) fn temperature(&self) -> f32 {
        let Weights {
            cost: _,
            performance,
            reliability,
            load,
            compliance,
        } = self.spec.weights;
        TEMPERATURE * (performance + reliability + load + compliance)
    }

    /// The share of this priority's requests that explore a candidate, 0 to [`MOST_EXPLORATION`].
    ///
    /// What is known of it is an interval. It is worth a try when it may be better than the best, or
    /// when its circuit waits for probes.
    pub(crate) fn exploration(&self, candidate: &Candidate, best: &Candidate) -> f32 {
        if self.spec.exploration_share <= 0.0 || self.facts.priority == Priority::Critical {
            return 0.0;
        }
        let measured = self.measured(candidate.target);
        if measured.explore <= 0.0 || candidate.target == best.target {
            return 0.0;
        }
        let is_worth_it = match (measured.circuit, candidate.fitness) {
            (_, Fitness::Open | Fitness::Unavailable) => false,
            (Circuit::HalfOpen, _) => true,
            (Circuit::Closed | Circuit::Open, Fitness::Limited) => false,
            // Batch is about money: it goes only where it may be better off.
            (Circuit::Closed | Circuit::Open, Fitness::Fit)
                if measured.unseen && self.facts.priority == Priority::Standard =>
            {
                true
            }
            (Circuit::Closed | Circuit::Open, Fitness::Fit) => {
                self.hoped_score(candidate.target, &measured) > best.score
            }
        };
        if is_worth_it {
            (measured.explore * self.spec.exploration_share).min(MOST_EXPLORATION)
        } else {
            0.0
        }
    }

    fn hoped_score(&self, target: TargetId, measured: &TargetScore) -> f32 {
        let inputs = self.references.inputs(self.policy, target, measured);
        let hoped = inputs.hoped(measured, self.references.estimate);
        self.references.terms(&hoped).weighed(&self.spec.weights)
    }

    fn explored(&self, field: &Field, draw: u64) -> Option<TargetId> {
        let best = field.best()?;
        let mut least: Option<(f32, TargetId)> = None;
        for candidate in field.all() {
            let share = self.exploration(candidate, best);
            if share <= 0.0 {
                continue;
            }
            let salt = EXPLORATION | u64::from(candidate.target.0);
            let dice = chance::unit(chance::mix(draw, salt));
            // Several that are drawn at once: the one that was drawn most clearly.
            if dice < share && least.is_none_or(|(least, _)| dice < least) {
                least = Some((dice, candidate.target));
            }
        }
        least.map(|(_, target)| target)
    }
}

fn fitness(measured: &TargetScore, inputs: &Inputs, ceiling: f32) -> Fitness {
    match measured.circuit {
        _ if measured.unavailable => Fitness::Unavailable,
        Circuit::Open => Fitness::Open,
        Circuit::HalfOpen => Fitness::Limited,
        Circuit::Closed if inputs.utilisation >= ceiling => Fitness::Limited,
        Circuit::Closed => Fitness::Fit,
    }
}

#[expect(clippy::cast_precision_loss, reason = "request counts fit")]
fn crowd(policy: &Policy, provider: ProviderId) -> f32 {
    let takes = policy
        .provider(provider)
        .map_or(1, |p| p.max_in_flight.max(1));
    policy.in_flight(provider) as f32 / takes as f32
}

#[cfg(test)]
mod tests;
