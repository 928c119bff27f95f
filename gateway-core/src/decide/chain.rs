//! Orders made of several: a canary's targets before or without the baseline's, a model's before those
//! of its fallbacks.
//!
//! Whatever the order, targets whose circuit is open or that have no healthy host come after all others.

use super::{Caller, Decision, Facts, MAX_ATTEMPTS, NoTarget, Part, attempts, order, why_none};
use crate::chance;
use crate::circuit::Circuit;
use crate::policy::{Policy, grants};
use crate::record::Rule;
use crate::rules::{CanarySpec, Share, Sticky, unit_of};
use crate::score::Scores;
use crate::snapshot::{ModelId, ModelSpec, TargetId};

/// Keeps the draws of canaries apart from those of choice.
const CANARY: u64 = 1 << 34;

/// Targets in order, those that are out of order last.
struct Chain<'a> {
    scores: Option<&'a Scores>,
    limit: usize,
    usable: [Option<(TargetId, Rule)>; MAX_ATTEMPTS],
    spare: [Option<(TargetId, Rule)>; MAX_ATTEMPTS],
}

impl Chain<'_> {
    /// Appends an order; `rule` instead of its own one.
    fn append(&mut self, decision: &Decision, rule: Option<Rule>) {
        for target in decision.targets() {
            let measured = self
                .scores
                .and_then(|s| s.targets.get(usize::from(target.0)));
            let works = measured.is_none_or(|m| !m.unavailable && m.circuit != Circuit::Open);
            let list = if works {
                &mut self.usable
            } else {
                &mut self.spare
            };
            if let Some(slot) = list.iter_mut().find(|slot| slot.is_none()) {
                *slot = Some((target, rule.unwrap_or(decision.rule)));
            }
        }
    }

    fn is_full(&self) -> bool {
        self.usable.iter().flatten().count() >= self.limit
    }

    fn decision(&self) -> Option<Decision> {
        let mut all = self.usable.iter().chain(&self.spare).flatten().copied();
        let (first, rule) = all.next()?;
        let mut targets = [None; MAX_ATTEMPTS];
        let order = std::iter::once(first).chain(all.map(|(target, _)| target));
        for (slot, target) in targets.iter_mut().zip(order.take(self.limit.max(1))) {
            *slot = Some(target);
        }
        Some(Decision { targets, rule })
    }
}

/// Orders the targets of a model that has a canary or fallbacks.
pub(super) fn decide(
    policy: &Policy,
    known: Option<&Scores>,
    facts: &Facts<'_>,
    draw: u64,
) -> Result<Decision, NoTarget> {
    let model = policy.model(facts.model).ok_or(NoTarget::None)?;
    let mut chain = Chain {
        scores: known,
        limit: attempts(policy, facts),
        usable: [None; MAX_ATTEMPTS],
        spare: [None; MAX_ATTEMPTS],
    };
    let mut add = |facts: &Facts<'_>, rule: Option<Rule>| {
        let decision = order(policy, known, facts, draw);
        if let Ok(decision) = &decision {
            chain.append(decision, rule);
        }
        decision.is_ok()
    };
    let of = |part: Part| Facts { part, ..*facts };
    match side(policy, known, facts, draw) {
        None => {
            add(facts, None);
        }
        Some(Side {
            part: Part::Canary, ..
        }) => {
            add(&of(Part::Canary), Some(Rule::Canary));
            add(&of(Part::Baseline), None);
        }
        Some(Side {
            part: Part::Baseline | Part::All,
            ..
        }) => {
            // A canary is no reserve for what goes wrong elsewhere; but it is better than a refusal.
            if !add(&of(Part::Baseline), None) {
                add(&of(Part::Canary), Some(Rule::Canary));
            }
        }
    }
    for id in fallbacks(policy, model, facts) {
        if chain.is_full() {
            break;
        }
        let other = fallback_facts(policy, facts, id);
        if let Ok(decision) = order(policy, known, &other, draw) {
            chain.append(&decision, Some(Rule::Fallback));
        }
    }
    chain
        .decision()
        .ok_or_else(|| why_none(policy, model, facts))
}

/// The fallback models that the caller may use. A pin is exact: it has none.
pub(crate) fn fallbacks<'a>(
    policy: &'a Policy,
    model: &'a ModelSpec,
    facts: &Facts<'_>,
) -> impl Iterator<Item = ModelId> + 'a {
    let key = facts.caller.key.and_then(|key| policy.key(key));
    let ids = model.rules.fallback.iter().copied();
    let unpinned = facts.pin.is_none();
    let stand_ins = facts.requires.stand_ins;
    let may =
        move |at: u32| stand_ins.is_none_or(|bits| bits.checked_shr(at).unwrap_or(0) & 1 == 1);
    let ids = (0u32..)
        .zip(ids)
        .filter(move |(at, _)| may(*at))
        .map(|(_, id)| id);
    ids.filter(move |id| unpinned && key.is_none_or(|key| grants(key, *id)))
}

/// The same request, asked of a fallback model: of its baseline, as its canary is for its own clients.
pub(crate) fn fallback_facts<'a>(policy: &Policy, facts: &Facts<'a>, model: ModelId) -> Facts<'a> {
    let has_canary = policy
        .model(model)
        .is_some_and(|m| m.rules.canary.is_some());
    let part = if has_canary {
        Part::Baseline
    } else {
        Part::All
    };
    // What the model that was asked for requires holds wherever its request goes.
    let asked = policy.model(facts.model).map(|m| m.requires.requirement);
    Facts {
        model,
        part,
        requires: facts.requires.and(asked.unwrap_or_default()),
        ..*facts
    }
}

/// On which side of its model's canary a request is, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    /// [`Part::Canary`] or [`Part::Baseline`].
    pub(crate) part: Part,
    /// The canary's share at this moment.
    pub(crate) share: Share,
    /// The request's place, see [`CanarySpec::place`].
    pub(crate) place: u32,
}

/// `None` where no canary splits the request's targets.
pub(crate) fn side(
    policy: &Policy,
    known: Option<&Scores>,
    facts: &Facts<'_>,
    draw: u64,
) -> Option<Side> {
    let canary = policy.model(facts.model)?.rules.canary.as_ref()?;
    if facts.pin.is_some() || facts.part != Part::All {
        return None;
    }
    let share = match canary.is_automatic {
        true => known.map_or(Share::NONE, |scores| told(scores, facts.model)),
        false => canary.share,
    };
    let place = canary.place(unit(policy, canary, facts.caller, draw));
    let part = match CanarySpec::takes(place, share) {
        true => Part::Canary,
        false => Part::Baseline,
    };
    Some(Side { part, share, place })
}

fn told(scores: &Scores, model: ModelId) -> Share {
    let at = scores.canaries.binary_search_by_key(&model, |c| c.model);
    let told = at.ok().and_then(|at| scores.canaries.get(at));
    told.map_or(Share::NONE, |c| c.share)
}

fn unit(policy: &Policy, canary: &CanarySpec, caller: Caller, draw: u64) -> u64 {
    let key = caller.key.and_then(|key| policy.key(key));
    let drawn = || chance::mix(draw, CANARY);
    let by_key = || key.map_or_else(drawn, |key| unit_of(&key.id));
    match &canary.sticky {
        Sticky::Tenant => key.map_or_else(drawn, |key| unit_of(&key.tenant)),
        Sticky::Key => by_key(),
        Sticky::Header(_) => caller.unit.unwrap_or_else(by_key),
        Sticky::Request => drawn(),
    }
}

#[cfg(test)]
mod tests;
