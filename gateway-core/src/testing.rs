//! A small snapshot for tests: four providers, two models, two keys.

use crate::access::AccessSpec;
use crate::capability::Capabilities;
use crate::compliance::{Assurance, Stated, Vocabulary};
use crate::guard::GuardSpec;
use crate::identity::IdentitySpec;
use crate::money::{MicroUsdPerMillion, Price, PriceBasis};
use crate::priority::{Priority, PrioritySpec, Slo, Weights};
use crate::quota::QuotaSpec;
use crate::rules::Rules;
use crate::snapshot::{
    FailOverOn, GatewaySpec, KeySpec, ModelGrant, ModelId, ModelSpec, OnLoss, Order, ProviderId,
    ProviderKind, ProviderSpec, RequestLimit, Snapshot, SnapshotVersion, TargetApi, TargetId,
    TargetSpec, Tier,
};

/// The secret of the first key.
pub(crate) const DEMO_KEY: &str = "ark-demo";

/// Providers `a` to `d` at 100 %, 80 %, 40 % and 30 % of the price; model `big` on all of them,
/// `small` on `a` only. Key 0 may do all; key 1 only `small` as batch.
pub(crate) fn demo() -> Snapshot {
    let providers = [("a", 100), ("b", 80), ("c", 40), ("d", 30)];
    let mut targets: Vec<_> = (0u16..)
        .zip(providers)
        .map(|(i, (_, percent))| target(i, &format!("big-at-{i}"), percent))
        .collect();
    targets.push(target(0, "small", 10));
    Snapshot {
        version: SnapshotVersion("0123456789ab".into()),
        gateway: gateway(),
        providers: providers.map(|(name, _)| provider(name)).into(),
        targets,
        models: vec![model("big", &[0, 1, 2, 3]), model("small", &[4])],
        tags: Vec::new(),
        keys: keys(),
        key_pages: Vec::new(),
        priorities: [
            priority([0.1, 0.4, 0.5], 2_000.0, 0.0),
            priority([0.3, 0.4, 0.3], 5_000.0, 0.05),
            priority([0.8, 0.1, 0.1], 30_000.0, 0.1),
        ],
        compliance: Vocabulary::default(),
        price_catalogue: None,
        quota: QuotaSpec::default(),
        identity: IdentitySpec::default(),
        access: AccessSpec::default(),
        guard: GuardSpec::default(),
    }
}

fn gateway() -> GatewaySpec {
    GatewaySpec {
        body_limit_bytes: 1_000,
        snapshot_max_age_ms: 5_000,
        max_attempts: 3,
        max_in_flight_per_worker: 0,
        max_body_bytes_per_worker: 0,
        shed_when_late_ms: 0,
    }
}

fn target(provider: u16, model: &str, percent: u64) -> TargetSpec {
    TargetSpec {
        provider: ProviderId(provider),
        model: model.into(),
        price: Some(price(percent)),
        price_basis: PriceBasis::Listed,
        price_source: None,
        capabilities: Capabilities::ALL,
        default_max_tokens: 4096,
        api: TargetApi::default(),
    }
}

/// Who may do all, and who may little.
fn keys() -> Vec<KeySpec> {
    vec![
        KeySpec {
            id: "demo".into(),
            tenant: "acme".into(),
            sha256: sha256_hex(DEMO_KEY),
            models: ModelGrant::All,
            priority: Priority::Standard,
            priorities: Priority::ALL.into(),
            may_pin: true,
            may_explain: true,
            limit: None,
            expires_at_s: None,
            requires: Stated::default(),
            access: None,
            guards: 0,
            may_store: false,
        },
        KeySpec {
            id: "limited".into(),
            tenant: "acme".into(),
            sha256: sha256_hex("ark-limited"),
            models: ModelGrant::Only(vec![ModelId(1)]),
            priority: Priority::Batch,
            priorities: vec![Priority::Batch],
            may_pin: false,
            may_explain: false,
            limit: Some(RequestLimit {
                requests_per_minute: 60,
                burst: 2,
            }),
            expires_at_s: None,
            requires: Stated::default(),
            access: None,
            guards: 0,
            may_store: false,
        },
    ]
}

fn sha256_hex(secret: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

pub(crate) fn price(percent: u64) -> Price {
    Price::flat(
        MicroUsdPerMillion(2_500 * percent),
        MicroUsdPerMillion(10_000 * percent),
    )
}

fn provider(name: &str) -> ProviderSpec {
    ProviderSpec {
        name: name.into(),
        kind: ProviderKind::Openai,
        authority: format!("{name}.test"),
        base_path: "/v1".into(),
        api_version: None,
        vendor: None,
        tier: Tier::Official,
        certifications: 1,
        max_in_flight: 100,
        region: None,
        requests_per_minute: None,
        tokens_per_minute: None,
        drained: false,
        assurance: Assurance::default(),
        stores: false,
        account: String::new(),
        shows_rate_limits: false,
    }
}

fn model(name: &str, targets: &[u16]) -> ModelSpec {
    ModelSpec {
        name: name.into(),
        targets: targets.iter().map(|t| TargetId(*t)).collect(),
        reference_price: Some(price(100)),
        first_byte_timeout_ms: 1_000,
        total_timeout_ms: 60_000,
        order: Order::Scored,
        on_loss: OnLoss::Warn,
        fail_over_on: FailOverOn::default(),
        rules: Rules::default(),
        requires: Stated::default(),
        shadow: None,
        hedge: None,
    }
}

fn priority([cost, performance, reliability]: [f32; 3], slo_ms: f32, explore: f32) -> PrioritySpec {
    PrioritySpec {
        weights: Weights {
            cost,
            performance,
            reliability,
            load: 0.1,
            compliance: 0.0,
        },
        slo: Slo {
            latency_ms: slo_ms,
            failure_rate: 0.01,
        },
        exploration_share: explore,
    }
}
