//! What is not wrong with a configuration, but that its operator should know of.

use ark_gateway_core::money::PriceBasis;
use ark_gateway_core::snapshot::{Order, ProviderKind};

use super::compile::price::Prices;
use super::doubtful_access::warn_of_access;
use super::doubtful_guard::warn_of_guards;
use super::doubtful_tls::warn_of_clear_text;
use super::{
    AuthConfig, Config, CredentialConfig, Date, DrainConfig, PriceConfig, Problem, ProviderConfig,
    Scheme,
};
use crate::prices::diff::in_words;

/// SHA-256 of `ark-demo`, the key of the local demo, which everybody knows.
const DEMO_DIGEST: &str = "26e9446d67a12a8fe707951cf97f3eec88b116e19dafd9fdfc24bbe4e8d45e17";

/// What is doubtful in `config` on `today`: prices out of date (they count as unknown), keys that
/// everybody knows, credentials sent in clear text, tokens that nothing refreshes, providers that
/// nothing uses.
#[must_use]
pub fn warnings(config: &Config, today: Date) -> Vec<Problem> {
    let mut warnings = Vec::new();
    warn_of_providers(config, &mut warnings);
    for (m, model) in config.models.iter().enumerate() {
        for (t, target) in model.targets.iter().enumerate() {
            if let Some(message) = target.price.and_then(|price| out_of_date(price, today)) {
                warnings.push(Problem {
                    path: format!("models[{m}].targets[{t}].price"),
                    message,
                    hint: Some("it counts as unknown".to_owned()),
                });
            }
        }
    }
    let unknown = unknown_prices(config, today).into_iter();
    let told: Vec<String> = warnings.iter().map(|w| w.path.clone()).collect();
    warnings.extend(unknown.filter(|w| !told.contains(&format!("{}.price", w.path))));
    warn_of_keys(config, &mut warnings);
    warn_of_orders(config, &mut warnings);
    warn_of_access(config, &mut warnings);
    warn_of_clear_text(config, &mut warnings);
    warn_of_guards(config, &mut warnings);
    warnings
}

/// What needs a sidecar, for a configuration that Envoy is to run without one.
#[must_use]
pub fn warnings_without_sidecar(config: &Config) -> Vec<Problem> {
    let providers = config.providers.iter().enumerate();
    let times = providers.filter(|(_, provider)| match provider.drain {
        DrainConfig::Between { .. } => true,
        DrainConfig::No | DrainConfig::Always => false,
    });
    let times = times.map(|(p, _)| Problem {
        path: format!("providers[{p}].drain"),
        message: "is for a time, and only `ark serve` drains at a time".to_owned(),
        hint: Some("write drain: true while it lasts, and render again".to_owned()),
    });
    let models = config.models.iter().enumerate();
    let moving = models.filter(|(_, model)| {
        let canary = model.rules.canary.as_ref();
        canary.is_some_and(|canary| canary.promote.is_some())
    });
    let moving = moving.map(|(m, _)| Problem {
        path: format!("models[{m}].canary"),
        message: "gets nothing where no sidecar watches it".to_owned(),
        hint: Some("a share without promote needs none".to_owned()),
    });
    times.chain(moving).collect()
}

/// Targets whose price on `today` is not known, and what that comes to. Those whose price is out of date
/// are among [`warnings`] for that already, and are here too.
#[must_use]
pub fn unknown_prices(config: &Config, today: Date) -> Vec<Problem> {
    let prices = Prices::of(config, today);
    let mut unknown = Vec::new();
    for (m, model) in config.models.iter().enumerate() {
        for (t, target) in model.targets.iter().enumerate() {
            let mut providers = config.providers.iter();
            let Some(provider) = providers.find(|p| p.name == target.provider) else {
                continue;
            };
            let priced = prices.of_target(model, target, provider);
            let what = match (priced.basis, priced.price) {
                (PriceBasis::Listed, Some(_)) => continue,
                (PriceBasis::Listed, None) => "its cost stays unknown".to_owned(),
                (PriceBasis::Denied, _) => "it is not used".to_owned(),
                (PriceBasis::Ceiling, None) => "nothing is charged".to_owned(),
                (PriceBasis::Ceiling, Some(price)) => {
                    format!("it is charged at a ceiling: {}", in_words(&price))
                }
            };
            unknown.push(Problem {
                path: format!("models[{m}].targets[{t}]"),
                message: format!(
                    "{} at {} has no known price: {what}",
                    target.model, provider.name
                ),
                hint: Some("write price, or import a catalogue: `ark prices import`".to_owned()),
            });
        }
    }
    unknown
}

fn out_of_date(price: PriceConfig, today: Date) -> Option<String> {
    match (price.valid_from, price.valid_until) {
        (_, Some(until)) if until < today => Some(format!("was valid until {until}")),
        (Some(from), _) if today < from => Some(format!("is valid only from {from}")),
        _ => None,
    }
}

/// Weights draw the order, and with one target there is none: whatever else is said of it does nothing.
fn warn_of_orders(config: &Config, warnings: &mut Vec<Problem>) {
    for (m, model) in config.models.iter().enumerate() {
        if model.order == Order::Listed && model.targets.iter().any(|t| t.weight.is_some()) {
            warnings.push(Problem {
                path: format!("models[{m}].order"),
                message: "listed does nothing, as the targets have weights, which draw the order"
                    .to_owned(),
                hint: Some("remove order, or the weights".to_owned()),
            });
        }
    }
}

fn warn_of_providers(config: &Config, warnings: &mut Vec<Problem>) {
    for (p, provider) in config.providers.iter().enumerate() {
        let endpoint = &provider.endpoint;
        let clear = endpoint.scheme == Scheme::Http && !endpoint.is_loopback();
        if clear && provider.credential.is_some() {
            warnings.push(Problem {
                path: format!("providers[{p}].endpoint"),
                message: "the credential travels in clear text".to_owned(),
                hint: Some("use https:// unless the network between is yours".to_owned()),
            });
        }
        if is_token_that_ages(provider) {
            warnings.push(Problem {
                path: format!("providers[{p}].credential"),
                message: "is read once, but a token lives an hour or so".to_owned(),
                hint: Some("use {file: PATH} or {command: [PROGRAM, ARGUMENT]}".to_owned()),
            });
        }
        let mut targets = config.models.iter().flat_map(|model| model.all_targets());
        if !targets.any(|target| target.provider == provider.name) {
            warnings.push(Problem {
                path: format!("providers[{p}]"),
                message: format!("no model has a target at {}", provider.name),
                hint: None,
            });
        }
    }
}

/// An OAuth token in the environment, which nobody can change while Ark runs.
fn is_token_that_ages(provider: &ProviderConfig) -> bool {
    let is_token = provider.kind == ProviderKind::Vertex || provider.auth == AuthConfig::Bearer;
    is_token && matches!(provider.credential, Some(CredentialConfig::Env(_)))
}

fn warn_of_keys(config: &Config, warnings: &mut Vec<Problem>) {
    if config.gateway.listen.ip().is_loopback() {
        return;
    }
    for (t, tenant) in config.tenants.iter().enumerate() {
        for (k, key) in tenant.keys.iter().enumerate() {
            if key.sha256 == DEMO_DIGEST {
                warnings.push(Problem {
                    path: format!("tenants[{t}].keys[{k}].sha256"),
                    message: "is the demo's key, which everybody knows".to_owned(),
                    hint: Some("`ark keys new` makes one of your own".to_owned()),
                });
            }
        }
    }
}
