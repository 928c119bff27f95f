//! What is sent beyond the attempts that a request needs, explained.

use serde::Serialize;

use super::{Explanation, explain};
use crate::decide::{Facts, decide};
use crate::policy::Policy;
use crate::score::Scores;
use crate::snapshot::TargetId;
use crate::{hedge, shadow};

/// When a second target is asked while the first is silent. The budget of the worker that serves the
/// request is left out: it may be spent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HedgeView {
    /// After so many milliseconds without a first token; `None`: not at all.
    pub after_ms: Option<u32>,
    /// Who is asked then: its provider's name.
    pub provider: Option<String>,
    /// Hedges over requests, at most.
    pub budget: f32,
    /// Why not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<hedge::Skip>,
}

/// Who gets a copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShadowView {
    /// Its provider's name.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// The share of such requests that are copied; 0: those of this priority are not.
    pub share: f32,
    /// Larger bodies are not copied, in bytes.
    pub body_limit_bytes: u64,
    /// Why no copy is made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<shadow::Skip>,
}

/// Explains the decision, and what is sent besides. A request that hedges is not copied, too.
///
/// `None` when the snapshot has no such model.
#[must_use]
pub fn explain_whole(
    policy: &Policy,
    scores: Option<&Scores>,
    facts: &Facts<'_>,
    draw: u64,
) -> Option<Explanation> {
    let mut explained = explain(policy, scores, facts, draw)?;
    let Ok(decision) = decide(policy, scores, facts, draw) else {
        return Some(explained);
    };
    let name = |target: TargetId| {
        let spec = policy.target(target)?;
        Some(policy.provider(spec.provider)?.name.clone())
    };
    let model = policy.model(facts.model)?;
    explained.hedge = model.hedge.as_ref().and_then(|spec| {
        let judged = hedge::would(policy, scores, (model, facts.priority), &decision)?;
        Some(HedgeView {
            after_ms: judged.ok(),
            provider: judged
                .ok()
                .and_then(|_| decision.targets().nth(1))
                .and_then(name),
            budget: spec.budget,
            skipped: judged.err(),
        })
    });
    explained.shadow = model.shadow.as_ref().and_then(|spec| {
        let target = policy.target(spec.target)?;
        let is_meant = spec.priorities.contains(&facts.priority);
        Some(ShadowView {
            provider: name(spec.target)?,
            model: target.model.clone(),
            share: if is_meant { spec.share } else { 0.0 },
            body_limit_bytes: spec.body_limit_bytes,
            skipped: shadow::unfit(policy, scores, (model, facts), spec.target),
        })
    });
    Some(explained)
}
