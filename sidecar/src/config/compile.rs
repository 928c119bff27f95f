//! From what the operator wrote to what runs.

mod account;
pub(super) mod compliance;
pub(super) mod price;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use ark_gateway_core::compliance::{Assurance, Stated, Vocabulary};
use ark_gateway_core::keys::Paged;
use ark_gateway_core::rules::Rules;
use ark_gateway_core::snapshot::{
    GatewaySpec, HedgeSpec, KeySpec, ModelGrant, ModelId, ModelSpec, ProviderId, ProviderSpec,
    ShadowSpec, Snapshot, SnapshotVersion, TargetId, TargetSpec,
};
use sha2::{Digest as _, Sha256};

use super::compile_access::compile_access;
use super::compile_guard::compile_guard;
use super::compile_identity::compile_identity;
use super::compile_limits::compile_limits;
use super::{
    Config, Date, DrainConfig, HedgeConfig, KeyConfig, KeyModelsConfig, ModelConfig,
    ProviderConfig, ShadowConfig, TenantConfig,
};
use price::{Prices, Reference};

/// Compiles the snapshot of `config` with the providers in `usable` only, prices as of `today`.
///
/// The same arguments give the same snapshot, to the byte. A model whose providers are all unusable
/// stays, without targets: its clients are told so, rather than that it does not exist.
#[must_use]
pub fn compile(config: &Config, usable: &BTreeSet<String>, today: Date) -> Snapshot {
    let mut snapshot = assemble(config, usable, today, &config.tenants);
    snapshot.version = paged(snapshot.clone()).snapshot.version;
    snapshot
}

/// The same with its keys in pages.
#[must_use]
pub fn compile_paged(config: &Config, usable: &BTreeSet<String>, today: Date) -> Paged {
    paged(assemble(config, usable, today, &config.tenants))
}

/// The same without keys, of a configuration without `access` and `guard`: what names a key has its number.
pub(super) fn frame(config: &Config, usable: &BTreeSet<String>, today: Date) -> Snapshot {
    assemble(config, usable, today, &[])
}

/// Versions are of what travels, so that a hundred thousand keys are hashed once.
fn paged(mut snapshot: Snapshot) -> Paged {
    let keys = std::mem::take(&mut snapshot.keys);
    let without = snapshot.clone();
    snapshot.keys = keys;
    // Reading has checked every digest. What is compiled otherwise has no pages, and is refused.
    let mut paged = Paged::of(snapshot).unwrap_or(Paged {
        snapshot: without,
        pages: Vec::new(),
    });
    paged.snapshot.version = version_of(&paged.snapshot);
    paged
}

/// `keyed` are the tenants whose keys are compiled: all or none.
fn assemble(
    config: &Config,
    usable: &BTreeSet<String>,
    today: Date,
    keyed: &[TenantConfig],
) -> Snapshot {
    let providers: Vec<&ProviderConfig> = config
        .providers
        .iter()
        .filter(|provider| usable.contains(&provider.name))
        .collect();
    let vocabulary = compliance::vocabulary(config);
    let prices = Prices::of(config, today);
    let mut targets = Vec::new();
    let mut sorted: Vec<&ModelConfig> = config.models.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<&str> = sorted.iter().map(|model| model.name.as_str()).collect();
    let mut models: Vec<ModelSpec> = sorted
        .iter()
        .map(|model| ModelSpec {
            requires: compliance::stated(&vocabulary, &[("the model", &model.requires)]),
            ..compile_model(model, &providers, &prices, &mut targets)
        })
        .collect();
    for (spec, model) in models.iter_mut().zip(&sorted) {
        spec.rules = rules::compile(model, &spec.targets, (&targets, &providers), &names);
    }
    let mut keys = compile_keys(keyed, &models, &vocabulary);
    let key_ids = ids_of_keys(&config.tenants);
    let access = compile_access(
        config,
        (&vocabulary, today),
        (&models, &providers),
        &mut keys,
    );
    let guard = compile_guard(config, &models, &mut keys);
    Snapshot {
        version: SnapshotVersion::default(),
        gateway: GatewaySpec {
            body_limit_bytes: u64::from(config.gateway.body_limit_bytes),
            snapshot_max_age_ms: u64::from(config.gateway.snapshot_max_age_ms),
            max_attempts: config.gateway.max_attempts,
            max_in_flight_per_worker: config.gateway.max_in_flight_per_worker,
            max_body_bytes_per_worker: config.gateway.max_body_bytes_per_worker,
            shed_when_late_ms: config.gateway.shed_when_late_ms,
        },
        providers: providers
            .into_iter()
            .map(|provider| ProviderSpec {
                assurance: compliance::assurance(&vocabulary, provider),
                ..compile_provider(provider)
            })
            .collect(),
        targets,
        quota: compile_limits(config, today, &models, &key_ids),
        identity: compile_identity(config, &key_ids),
        keys,
        key_pages: Vec::new(),
        models,
        priorities: config.priorities,
        compliance: vocabulary,
        access,
        guard,
        price_catalogue: config.prices.catalogue.as_ref().map(|c| c.version.clone()),
        tags: config.gateway.tags.clone(),
    }
}

/// In the order of all keys.
fn ids_of_keys(tenants: &[TenantConfig]) -> Vec<&str> {
    let keys = tenants.iter().flat_map(|tenant| &tenant.keys);
    keys.map(|key| key.id.as_str()).collect()
}

fn compile_provider(provider: &ProviderConfig) -> ProviderSpec {
    ProviderSpec {
        name: provider.name.clone(),
        kind: provider.kind,
        authority: provider.endpoint.authority(),
        base_path: provider.endpoint.base_path.clone(),
        api_version: provider.api_version.clone(),
        vendor: provider.vendor.clone(),
        tier: provider.tier,
        certifications: u8::try_from(provider.certifications.len()).unwrap_or(u8::MAX),
        max_in_flight: provider.limits.max_in_flight,
        region: provider.region.clone(),
        requests_per_minute: provider.limits.requests_per_minute,
        tokens_per_minute: provider.limits.tokens_per_minute,
        drained: provider.drain == DrainConfig::Always,
        assurance: Assurance::default(),
        stores: provider.stores,
        account: account::of(provider),
        shows_rate_limits: provider.show_rate_limits,
    }
}

fn compile_model(
    model: &ModelConfig,
    providers: &[&ProviderConfig],
    prices: &Prices<'_>,
    targets: &mut Vec<TargetSpec>,
) -> ModelSpec {
    let mut ids = Vec::new();
    let mut reference = Reference::default();
    for target in &model.targets {
        let found = providers
            .iter()
            .enumerate()
            .find(|(_, provider)| provider.name == target.provider);
        let Some((index, provider)) = found else {
            continue;
        };
        let priced = prices.of_target(model, target, provider);
        reference.take(&priced);
        ids.push(TargetId(id(targets.len())));
        targets.push(TargetSpec {
            provider: ProviderId(id(index)),
            model: target.model.clone(),
            price: priced.price,
            price_basis: priced.basis,
            price_source: priced.source.map(Box::new),
            capabilities: target.capabilities,
            default_max_tokens: target.default_max_tokens,
            api: target.api,
        });
    }
    let shadow = model
        .shadow
        .as_ref()
        .and_then(|shadow| compile_shadow(model, shadow, (providers, prices), targets));
    ModelSpec {
        shadow,
        hedge: model.hedge.as_ref().map(compile_hedge),
        name: model.name.clone(),
        targets: ids,
        reference_price: reference.price(),
        first_byte_timeout_ms: model.timeouts.first_byte_ms,
        total_timeout_ms: model.timeouts.total_ms,
        order: model.order,
        on_loss: model.on_loss,
        fail_over_on: model.fail_over_on,
        rules: Rules::default(),
        requires: Stated::default(),
    }
}

/// Compiled as if it were the model's only target; `None` while its provider is not usable.
fn compile_shadow(
    model: &ModelConfig,
    shadow: &ShadowConfig,
    (providers, prices): (&[&ProviderConfig], &Prices<'_>),
    targets: &mut Vec<TargetSpec>,
) -> Option<ShadowSpec> {
    let alone = ModelConfig {
        targets: vec![shadow.target.clone()],
        shadow: None,
        ..model.clone()
    };
    let alone = compile_model(&alone, providers, prices, targets);
    Some(ShadowSpec {
        target: *alone.targets.first()?,
        share: share(shadow.share_millionths),
        priorities: shadow.priorities.clone(),
        body_limit_bytes: u64::from(shadow.body_limit_bytes),
    })
}

fn compile_hedge(hedge: &HedgeConfig) -> HedgeSpec {
    HedgeSpec {
        after_ms: hedge.after_ms,
        at_least_ms: hedge.at_least_ms,
        budget: share(hedge.budget_millionths),
        priorities: hedge.priorities.clone(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most a million, which fits")]
fn share(millionths: u32) -> f32 {
    millionths as f32 / 1e6
}

fn compile_keys(
    tenants: &[TenantConfig],
    models: &[ModelSpec],
    vocabulary: &Vocabulary,
) -> Vec<KeySpec> {
    let ids = ids_of(models);
    let each = |tenant| move |key| (tenant, key);
    let keys = tenants
        .iter()
        .flat_map(|tenant| tenant.keys.iter().map(AsRef::as_ref).map(each(tenant)));
    keys.map(|own| compile_key(own, &ids, vocabulary)).collect()
}

/// The models by name.
pub(super) fn ids_of(models: &[ModelSpec]) -> BTreeMap<&str, ModelId> {
    let models = models.iter().enumerate();
    models
        .map(|(index, model)| (model.name.as_str(), ModelId(id(index))))
        .collect()
}

pub(super) fn compile_key(
    (tenant, key): (&TenantConfig, &KeyConfig),
    ids: &BTreeMap<&str, ModelId>,
    vocabulary: &Vocabulary,
) -> KeySpec {
    let models = match &key.models {
        KeyModelsConfig::All => ModelGrant::All,
        KeyModelsConfig::Named(names) => {
            let named = names.iter().filter_map(|name| ids.get(name.as_str()));
            let named: BTreeSet<ModelId> = named.copied().collect();
            ModelGrant::Only(named.into_iter().collect())
        }
    };
    KeySpec {
        id: key.id.clone(),
        tenant: tenant.name.clone(),
        sha256: key.sha256.clone(),
        models,
        priority: key.priority,
        priorities: key.priorities.clone(),
        may_pin: key.may_pin,
        may_explain: key.may_explain,
        limit: key.limit,
        expires_at_s: key.expires_at_s,
        access: None,
        guards: 0,
        may_store: tenant.may_store,
        requires: compliance::stated(
            vocabulary,
            &[("the tenant", &tenant.requires), ("the key", &key.requires)],
        ),
    }
}

/// Ids are 16 bits wide; reading bounds every list so that they suffice.
fn id(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// The first 12 hex digits of the SHA-256 of all other fields, as JSON with sorted keys.
pub(super) fn version_of(snapshot: &Snapshot) -> SnapshotVersion {
    let mut content = serde_json::to_value(snapshot).unwrap_or_default();
    if let Some(fields) = content.as_object_mut() {
        fields.remove("version");
    }
    content.sort_all_objects();
    let digest = Sha256::digest(content.to_string());
    let hex = digest.iter().take(6).map(|byte| format!("{byte:02x}"));
    SnapshotVersion(hex.collect())
}
