//! From the operator's guards to what runs: names become indices, whom a guard concerns a bit per key.

use std::collections::BTreeMap;

use ark_gateway_core::access::Requester;
use ark_gateway_core::guard::{GuardRule, GuardSpec};
use ark_gateway_core::snapshot::{KeySpec, ModelId, ModelSpec};

use super::Config;
use super::compile_access::roles_of;
use super::guard::GuardConfig;
use crate::probing::PROBER;

/// Compiles the guards, and says of each key which concern it.
pub(super) fn compile_guard(
    config: &Config,
    models: &[ModelSpec],
    keys: &mut [KeySpec],
) -> GuardSpec {
    if config.guard.is_empty() {
        return GuardSpec::default();
    }
    let ids: BTreeMap<&str, ModelId> = (0_u16..)
        .zip(models)
        .map(|(at, model)| (model.name.as_str(), ModelId(at)))
        .collect();
    let spec = GuardSpec(config.guard.iter().map(|own| rule(own, &ids)).collect());
    let roles = roles_of(config);
    for key in keys.iter_mut().filter(|key| key.tenant != PROBER) {
        key.guards = spec.concerning(&Requester {
            tenant: &key.tenant,
            key: &key.id,
            roles: roles.get(key.id.as_str()).copied().unwrap_or_default(),
        });
    }
    spec
}

fn rule(own: &GuardConfig, ids: &BTreeMap<&str, ModelId>) -> GuardRule {
    GuardRule {
        name: own.name.clone(),
        who: own.who.compiled(),
        models: own.models.as_ref().map(|names| {
            let known = names.iter().filter_map(|name| ids.get(name.as_str()));
            let mut models: Vec<ModelId> = known.copied().collect();
            models.sort_unstable();
            models.dedup();
            models
        }),
        endpoints: own.endpoints.clone(),
        kinds: own.find.bits(),
        action: own.action,
    }
}
