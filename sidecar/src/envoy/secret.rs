//! Provider credentials as Envoy's secrets.

use serde_json::{Value, json};

use crate::config::{Config, CredentialConfig, ProviderConfig};
use crate::credential::Secret;

/// The name of a provider's secret.
pub(super) fn name(provider: &ProviderConfig) -> String {
    format!("provider/{}", provider.name)
}

/// The secret with its value, for SDS.
pub(super) fn inline(provider: &ProviderConfig, value: &Secret) -> Value {
    secret(provider, &json!({"inline_string": value.expose()}))
}

/// The secrets of all providers that want one, each as a reference that Envoy itself resolves; none
/// for a command, which only a sidecar runs.
pub(super) fn references(config: &Config) -> Vec<Value> {
    let wanted = config
        .providers
        .iter()
        .filter_map(|provider| Some((provider, provider.credential.as_ref()?)));
    wanted
        .filter_map(|(provider, credential)| {
            let source = match credential {
                CredentialConfig::Env(name) => json!({"environment_variable": name}),
                CredentialConfig::File(path) => json!({"filename": path.to_string_lossy()}),
                // Envoy runs no programs.
                CredentialConfig::Command(_) => return None,
            };
            Some(secret(provider, &source))
        })
        .collect()
}

fn secret(provider: &ProviderConfig, source: &Value) -> Value {
    json!({"name": name(provider), "generic_secret": {"secret": source}})
}
