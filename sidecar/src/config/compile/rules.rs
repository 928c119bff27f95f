//! A model's rules, by index instead of by name.

use ark_gateway_core::rules::{CanarySpec, Rules, unit_of};
use ark_gateway_core::snapshot::{ModelId, TargetId, TargetSpec};

use super::super::{CanaryConfig, ModelConfig, ProviderConfig};
use super::id;

/// Compiles the rules of a model whose compiled targets are `own`; `names` are those of all models, in
/// the snapshot's order.
pub(super) fn compile(
    model: &ModelConfig,
    own: &[TargetId],
    (targets, providers): (&[TargetSpec], &[&ProviderConfig]),
    names: &[&str],
) -> Rules {
    let named = |target: &TargetId| {
        let spec = targets.get(usize::from(target.0))?;
        let provider = providers.get(usize::from(spec.provider.0))?;
        Some((provider.name.as_str(), spec.model.as_str()))
    };
    let weight = |target: &TargetId| {
        let (provider, name) = named(target)?;
        let same = |t: &&super::super::TargetConfig| t.provider == provider && t.model == name;
        model.targets.iter().find(same)?.weight
    };
    let weights: Vec<u32> = own.iter().filter_map(weight).collect();
    let fallback = model.rules.fallback.iter().filter_map(|name| {
        let at = names.iter().position(|known| known == name)?;
        Some(ModelId(id(at)))
    });
    Rules {
        aliases: model.rules.aliases.clone(),
        fallback: fallback.collect(),
        // Without its targets, or without a baseline, a split is none.
        weights: if weights.len() == own.len() {
            weights
        } else {
            Vec::new()
        },
        canary: model.rules.canary.as_ref().and_then(|canary| {
            let tried = |target: &&TargetId| {
                named(target).is_some_and(|(provider, name)| canary.tries(provider, name))
            };
            let tried: Vec<TargetId> = own.iter().filter(tried).copied().collect();
            let is_split = !tried.is_empty() && tried.len() < own.len();
            is_split.then(|| spec(model, canary, tried))
        }),
    }
}

fn spec(model: &ModelConfig, canary: &CanaryConfig, targets: Vec<TargetId>) -> CanarySpec {
    let named = canary.model.as_deref().unwrap_or_default();
    CanarySpec {
        targets,
        sticky: canary.sticky.clone(),
        share: canary.share,
        is_automatic: canary.promote.is_some(),
        salt: unit_of(&format!("{} {} {named}", model.name, canary.provider)),
    }
}
