//! Whether a snapshot can be run.

use crate::snapshot::Snapshot;

/// A snapshot that cannot be run: the sidecar compiles none of these, so it is a foreign one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSnapshot {
    /// A key's digest is not 64 hex digits.
    Digest,
    /// A model names a target, or a target a provider, that is not there.
    Reference,
    /// Its keys are not in the pages that it names.
    Keys,
}

impl std::fmt::Display for BadSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Digest => "a key's sha256 is not 64 hex digits",
            Self::Reference => "a model or target refers to something that is not defined",
            Self::Keys => "its keys are not in the pages that it names",
        })
    }
}

pub(super) fn check_references(snapshot: &Snapshot) -> Result<(), BadSnapshot> {
    let providers_ok = snapshot
        .targets
        .iter()
        .all(|t| usize::from(t.provider.0) < snapshot.providers.len());
    let targets_ok = snapshot
        .models
        .iter()
        .flat_map(|m| m.targets.iter().chain(m.shadow.iter().map(|s| &s.target)))
        .all(|t| usize::from(t.0) < snapshot.targets.len());
    if providers_ok && targets_ok && rules_are_sound(snapshot) {
        Ok(())
    } else {
        Err(BadSnapshot::Reference)
    }
}

fn rules_are_sound(snapshot: &Snapshot) -> bool {
    let models = snapshot.models.len();
    snapshot.models.iter().all(|model| {
        let rules = &model.rules;
        let canary = rules.canary.as_ref();
        rules.fallback.iter().all(|m| usize::from(m.0) < models)
            && (rules.weights.is_empty() || rules.weights.len() == model.targets.len())
            && canary.is_none_or(|c| c.targets.iter().all(|t| model.targets.contains(t)))
    })
}
