//! Why a request goes where it goes: the decision with everything that it came from.
//!
//! It judges with the very parts that [`crate::decide::decide`] judges with, and gives the same order
//! for the same arguments.

mod access;
mod compact;
mod extras;

use serde::Serialize;

use crate::capability::Capability;
use crate::compliance::{Demand, Requirement};
use crate::decide::bar::{Bar, barred, required};
use crate::decide::chain::{Side, fallback_facts, fallbacks, side};
use crate::decide::field::{Candidate, Field, Fitness};
use crate::decide::{Facts, Judge, NoTarget, Part, decide};
use crate::policy::Policy;
use crate::priority::{Priority, Slo, Weights};
use crate::record::Rule;
use crate::rules::Share;
use crate::score::{Learnt, Scores, TargetScore};
use crate::snapshot::{ModelId, ModelSpec, SnapshotVersion, TargetId, TargetSpec};
use crate::terms::{Estimate, Inputs, Terms};
pub use access::{AccessView, BY_KEY, Rights, rights};
pub use compact::Compact;
pub use extras::{HedgeView, ShadowView, explain_whole};

/// A decision, explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The snapshot that decided.
    pub snapshot: SnapshotVersion,
    /// [`Scores::sequence`] of the scores that decided; `None` when none did.
    pub scores: Option<u64>,
    /// The model's name.
    pub model: String,
    /// The request's priority.
    pub priority: Priority,
    /// Its weights.
    pub weights: Weights,
    /// Its promises.
    pub slo: Slo,
    /// The random number that drew among near-equals.
    pub draw: u64,
    /// The tokens that the request was taken to come to; `None` when no score decided.
    pub estimate: Option<Estimate>,
    /// Whose answers the length of this one was estimated by; `None` when no score decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learnt: Option<Learnt>,
    /// What put the first target first; `None` when there is none.
    pub rule: Option<Rule>,
    /// Why there is none.
    pub refused: Option<NoTarget>,
    /// Which side of the model's canary the request is on; `None`: no canary splits its targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryView>,
    /// What the caller's rules say, see [`rights`]; `None`: no rules concern it, or nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessView>,
    /// When a second target is asked while the first is silent, see [`explain_whole`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hedge: Option<HedgeView>,
    /// Who gets a copy, see [`explain_whole`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowView>,
    /// The targets of the model, in the operator's order, then those of its fallbacks.
    pub candidates: Vec<CandidateView>,
}

/// A request before a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CanaryView {
    /// Whether it is the canary's; else it is the baseline's.
    pub is_canary: bool,
    /// The request's place in the queue for the canary, millionths.
    pub place: u32,
    /// The canary's share now, millionths: whoever's place is below it is the canary's.
    pub share: Share,
}

/// One target of the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CandidateView {
    /// Its provider's name.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// Its index in the snapshot.
    pub target: TargetId,
    /// The fallback model whose target it is; `None`: the model's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Whether the model's canary tries it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_canary: bool,
    /// The hard filter that removed it; `None`: it may be tried.
    pub removed_by: Option<Filter>,
    /// The rule of `access` that takes its provider away, see [`rights`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_rule: Option<String>,
    /// When it is tried, 1 for first; `None`: not at all.
    pub rank: Option<usize>,
    /// Its score; `None` when it was removed or no score decided.
    pub scored: Option<Scored>,
}

/// A hard filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The client pinned another provider.
    Pin,
    /// It lacks what the request needs.
    Capability(Capability),
    /// Its provider does not meet what is required of it.
    Compliance(Demand),
    /// Its price is not known, and the operator's policy is not to use such a target.
    UnknownPrice,
    /// Its dialect cannot carry the request.
    Dialect,
    /// Its provider is taken out for maintenance.
    Drained,
}

/// What keeps a candidate behind all that are fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing.
    Fit,
    /// It is full, or its circuit is half open.
    Limited,
    /// Its circuit is open.
    CircuitOpen,
    /// Envoy has no healthy host for it.
    Unavailable,
}

/// How a candidate was scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// What keeps it behind others.
    pub standing: Standing,
    /// What was measured.
    pub measured: TargetScore,
    /// What the terms came from.
    pub inputs: Inputs,
    /// The terms.
    pub terms: Terms,
    /// Their weighted sum over the sum of the weights, 0 to 1; higher is better.
    pub score: f32,
    /// How likely it is to be drawn as first, exploration apart.
    pub odds: f32,
    /// The share of such requests that explore it.
    pub exploration: f32,
}

/// Explains what [`decide`] does with the same arguments.
///
/// `None` when the snapshot has no such model.
#[must_use]
pub fn explain(
    policy: &Policy,
    scores: Option<&Scores>,
    facts: &Facts<'_>,
    draw: u64,
) -> Option<Explanation> {
    let model = policy.model(facts.model)?;
    let spec = policy.priority(facts.priority);
    let decision = decide(policy, scores, facts, draw);
    let deciding = scores.filter(|_| {
        let rule = decision.map(|d| d.rule);
        let is_of_now = scores.is_some_and(|s| s.snapshot == policy.snapshot().version);
        match rule {
            Ok(Rule::Score | Rule::NearEqual | Rule::Explore) => true,
            Ok(Rule::Canary | Rule::Fallback) => is_of_now,
            Ok(
                Rule::Pin | Rule::Static | Rule::Listed | Rule::Only | Rule::Weighted | Rule::None,
            )
            | Err(_) => false,
        }
    });
    let side = side(policy, deciding_or_known(policy, scores), facts, draw);
    let place = |target: TargetId| {
        let order = decision.as_ref().ok()?;
        order.targets().position(|t| t == target).map(|at| at + 1)
    };
    let asked = Asked {
        model: facts.model,
        place: &place,
    };
    let mut candidates = Vec::new();
    for group in groups(policy, model, facts, side) {
        candidates.extend(views(policy, deciding, &group, &asked));
    }
    // Parts of the model's targets stand in the operator's order again.
    let own = |c: &CandidateView| model.targets.iter().position(|t| *t == c.target);
    candidates.sort_by_key(|c| own(c).unwrap_or(usize::MAX));
    let judge = deciding.map(|scores| Judge::new(policy, model, scores, facts));
    Some(Explanation {
        snapshot: policy.snapshot().version.clone(),
        scores: deciding.map(|s| s.sequence),
        model: model.name.clone(),
        priority: facts.priority,
        weights: spec.weights,
        slo: spec.slo,
        draw,
        estimate: judge.as_ref().map(|j| j.references().estimate),
        learnt: deciding.map(|scores| scores.learnt(facts.model, facts.caller.key).1),
        rule: decision.ok().map(|d| d.rule),
        refused: decision.err(),
        access: None,
        hedge: None,
        shadow: None,
        canary: side.map(|side| CanaryView {
            is_canary: side.part == Part::Canary,
            place: side.place,
            share: side.share,
        }),
        candidates,
    })
}

fn deciding_or_known<'a>(policy: &Policy, scores: Option<&'a Scores>) -> Option<&'a Scores> {
    scores.filter(|s| s.snapshot == policy.snapshot().version)
}

/// The targets that are ordered together, as [`Facts`] that ask for just these.
fn groups<'a>(
    policy: &Policy,
    model: &ModelSpec,
    facts: &Facts<'a>,
    side: Option<Side>,
) -> Vec<Facts<'a>> {
    let parts: &[Part] = match side {
        Some(_) => &[Part::Canary, Part::Baseline],
        None => &[facts.part],
    };
    let own = parts.iter().map(|&part| Facts { part, ..*facts });
    let others = fallbacks(policy, model, facts).map(|id| fallback_facts(policy, facts, id));
    own.chain(others).collect()
}

/// What the views of all groups have in common.
struct Asked<'a> {
    model: ModelId,
    place: &'a dyn Fn(TargetId) -> Option<usize>,
}

fn views(
    policy: &Policy,
    deciding: Option<&Scores>,
    facts: &Facts<'_>,
    asked: &Asked<'_>,
) -> Vec<CandidateView> {
    let Some(model) = policy.model(facts.model) else {
        return Vec::new();
    };
    // Where weights draw, no score does.
    let judge = deciding
        .filter(|_| model.rules.weights.is_empty())
        .map(|scores| Judge::new(policy, model, scores, facts));
    let field = judge.as_ref().map(Judge::field);
    let requires = required(model, facts);
    let fallback = (facts.model != asked.model).then(|| model.name.clone());
    let canary = model.rules.canary.as_ref();
    let of_part = targets_of(policy, model).filter(|(t, _)| facts.part.holds(model, *t));
    let view = |(target, spec): (TargetId, &TargetSpec)| CandidateView {
        provider: policy
            .provider(spec.provider)
            .map_or_else(String::new, |p| p.name.clone()),
        model: spec.model.clone(),
        target,
        fallback: fallback.clone(),
        is_canary: fallback.is_none() && canary.is_some_and(|c| c.targets.contains(&target)),
        removed_by: removed_by(policy, &requires, facts, (target, spec)),
        access_rule: None,
        rank: (asked.place)(target),
        scored: match (&judge, &field) {
            (Some(judge), Some(field)) => scored(policy, judge, field, target),
            (_, _) => None,
        },
    };
    of_part.map(view).collect()
}

fn targets_of<'a>(
    policy: &'a Policy,
    model: &'a ModelSpec,
) -> impl Iterator<Item = (TargetId, &'a TargetSpec)> {
    let ids = model.targets.iter();
    ids.filter_map(|&target| Some((target, policy.target(target)?)))
}

fn removed_by(
    policy: &Policy,
    requires: &Requirement,
    facts: &Facts<'_>,
    (target, spec): (TargetId, &TargetSpec),
) -> Option<Filter> {
    if facts.pin.is_some_and(|pin| spec.provider != pin) {
        return Some(Filter::Pin);
    }
    if policy.is_drained(spec.provider) {
        return Some(Filter::Drained);
    }
    match barred(policy, requires, spec) {
        Some(Bar::Compliance(demand)) => return Some(Filter::Compliance(demand)),
        Some(Bar::UnknownPrice) => return Some(Filter::UnknownPrice),
        None => {}
    }
    match spec.capabilities.lacks(&facts.needs) {
        Some(capability) => Some(Filter::Capability(capability)),
        None => facts.refused.contains(&target).then_some(Filter::Dialect),
    }
}

fn scored(policy: &Policy, judge: &Judge<'_>, field: &Field, target: TargetId) -> Option<Scored> {
    let at = field.all().iter().position(|c| c.target == target)?;
    let candidate: &Candidate = field.all().get(at)?;
    let measured = judge.measured(target);
    let inputs = judge.references().inputs(policy, target, &measured);
    let terms = judge.references().terms(&inputs);
    let odds = field.odds(judge.temperature());
    Some(Scored {
        standing: match candidate.fitness {
            Fitness::Fit => Standing::Fit,
            Fitness::Limited => Standing::Limited,
            Fitness::Open => Standing::CircuitOpen,
            Fitness::Unavailable => Standing::Unavailable,
        },
        measured,
        inputs,
        terms,
        score: candidate.score / judge.weights_sum(),
        odds: odds.get(at).copied().unwrap_or(0.0),
        exploration: field
            .best()
            .map_or(0.0, |best| judge.exploration(candidate, best)),
    })
}

#[cfg(test)]
mod tests;
