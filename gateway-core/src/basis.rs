//! What a decision was made of besides its snapshot and its scores: enough to make it again.
//!
//! Targets and providers are indices, as a decision can only be made again with the very snapshot that
//! its record names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::affinity::Warm;
use crate::capability::{Capability, Needs};
use crate::compliance::Requirement;
use crate::decide::{Caller, Decision, Facts, NoTarget, Part, decide};
use crate::left_out::is_default;
use crate::policy::Policy;
use crate::priority::Priority;
use crate::record::Record;
use crate::score::Scores;
use crate::snapshot::{ModelId, ProviderId, TargetId};

/// What one decision was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The random number, as hex digits: many programs read numbers of JSON with 53 bits.
    #[serde(with = "hex")]
    pub draw: u64,
    /// Prompt tokens, as estimated.
    pub input_tokens: u64,
    /// The client's bound on completion tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<u64>,
    /// What else a target had to be able to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Capability>,
    /// The priority that decided: its limit may have changed what was asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: Priority,
    /// Whose request it was.
    #[serde(default, skip_serializing_if = "is_default")]
    pub caller: Caller,
    /// What was required of a provider, but for what the model requires.
    #[serde(default, skip_serializing_if = "is_default")]
    pub requires: Requirement,
    /// The provider that the client pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<ProviderId>,
    /// [`Facts::refused`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<TargetId>,
    /// What the worker had in flight at the model's providers, those with something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_flight: Vec<(ProviderId, u32)>,
    /// What the worker's retry budget held, thousandths; `None`: it was full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_credit: Option<u32>,
    /// Where its conversation's prompt was cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Warm>,
    /// The order that came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<TargetId>,
}

/// Why a decision cannot be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Irreproducible {
    /// Nothing was decided, or by an Ark that did not write down of what.
    NoBasis,
    /// The policy is of another snapshot.
    Snapshot,
    /// The scores are not those that decided.
    Scores,
    /// The same decision finds no target.
    NoTarget(NoTarget),
}

impl fmt::Display for Irreproducible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBasis => "its record does not say what it was made of",
            Self::Snapshot => "another snapshot decided",
            Self::Scores => "other scores decided",
            Self::NoTarget(_) => "made again, it finds no target",
        })
    }
}

impl Basis {
    /// Of a decision that is about to be made, or has just been: nothing may have begun since.
    #[must_use]
    pub fn of(policy: &Policy, facts: &Facts<'_>, draw: u64) -> Self {
        let model = policy.model(facts.model);
        let others = model.map_or(&[][..], |m| &m.rules.fallback);
        let others = others.iter().filter_map(|id| policy.model(*id));
        let targets = model.into_iter().chain(others).flat_map(|m| &m.targets);
        let mut in_flight: Vec<(ProviderId, u32)> = Vec::new();
        for spec in targets.filter_map(|t| policy.target(*t)) {
            let count = policy.in_flight(spec.provider);
            if count > 0 && in_flight.iter().all(|(known, _)| *known != spec.provider) {
                in_flight.push((spec.provider, count));
            }
        }
        Self {
            draw,
            input_tokens: facts.needs.input_tokens,
            max_output_tokens: facts.needs.max_output_tokens,
            needs: named(&facts.needs),
            priority: facts.priority,
            caller: facts.caller,
            requires: facts.requires,
            pin: facts.pin,
            refused: facts.refused.to_vec(),
            in_flight,
            retry_credit: policy.retry_budget().credit(),
            warm: facts.warm,
            order: Vec::new(),
        }
    }

    /// The facts that it was made by.
    #[must_use]
    pub fn facts(&self, model: ModelId) -> Facts<'_> {
        let has = |capability| self.needs.contains(&capability);
        Facts {
            model,
            priority: self.priority,
            pin: self.pin,
            needs: Needs {
                tools: has(Capability::Tools),
                json_schema: has(Capability::JsonSchema),
                images: has(Capability::Images),
                files: has(Capability::Files),
                audio: has(Capability::Audio),
                embeddings: has(Capability::Embeddings),
                input_tokens: self.input_tokens,
                max_output_tokens: self.max_output_tokens,
            },
            refused: &self.refused,
            caller: self.caller,
            part: Part::All,
            requires: self.requires,
            warm: self.warm,
        }
    }

    /// Puts a policy that serves nobody into the state that decided.
    pub fn assume(&self, policy: &Policy) {
        policy.assume(&self.in_flight);
        policy.retry_budget().assume(self.retry_credit);
    }
}

/// Makes the decision of a record again. `policy` must serve nobody: its state becomes that of then.
///
/// # Errors
/// Why that cannot be.
pub fn redecide(
    policy: &Policy,
    scores: Option<&Scores>,
    record: &Record,
) -> Result<Decision, Irreproducible> {
    let basis = record.basis.as_ref().ok_or(Irreproducible::NoBasis)?;
    if policy.snapshot().version != record.snapshot {
        return Err(Irreproducible::Snapshot);
    }
    if scores.map_or(0, |scores| scores.sequence) != record.scores {
        return Err(Irreproducible::Scores);
    }
    let model = policy
        .model_named(&record.model)
        .ok_or(Irreproducible::Snapshot)?;
    basis.assume(policy);
    let facts = basis.facts(model);
    decide(policy, scores, &facts, basis.draw).map_err(Irreproducible::NoTarget)
}

fn named(needs: &Needs) -> Vec<Capability> {
    let all = [
        (needs.tools, Capability::Tools),
        (needs.json_schema, Capability::JsonSchema),
        (needs.images, Capability::Images),
        (needs.files, Capability::Files),
        (needs.audio, Capability::Audio),
        (needs.embeddings, Capability::Embeddings),
    ];
    all.into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, c)| c)
        .collect()
}

mod hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[allow(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference; in Wasm that is the smaller one"
    )]
    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(|_not| D::Error::custom("not 16 hex digits"))
    }
}

#[cfg(test)]
mod tests;
