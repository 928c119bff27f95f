//! From the providers of a configuration and their credentials to what the rollout shall do.

use std::collections::BTreeMap;

use crate::config::{Config, ProviderConfig};
use crate::credential::{self, Secret};
use crate::rollout::{Rollout, Wanted};

/// A provider with its credential, as Envoy is given it.
#[derive(Clone)]
pub struct Provider {
    /// What the operator wrote.
    pub config: ProviderConfig,
    /// `None` for one that wants none.
    pub secret: Option<Secret>,
}

/// A valid configuration with the credentials of its providers, as far as they could be had.
pub struct Loaded {
    /// What the operator wrote.
    pub config: Config,
    /// For each provider its credential, or in words why there is none.
    pub credentials: BTreeMap<String, Result<Option<Secret>, String>>,
}

impl Loaded {
    /// Reads the credentials of a configuration.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let resolve = |provider: &ProviderConfig| {
            let secret = credential::resolve(provider).map_err(|error| error.to_string());
            (provider.name.clone(), secret)
        };
        let credentials = config.providers.iter().map(resolve).collect();
        Self {
            config,
            credentials,
        }
    }
}

/// The providers that shall serve, and why others cannot.
///
/// A credential that can no longer be read stays in use as long as it would go where it went.
pub(super) fn wanted(
    loaded: &Loaded,
    rollout: &Rollout<Provider>,
) -> (BTreeMap<String, Wanted<Provider>>, BTreeMap<String, String>) {
    let mut wanted = BTreeMap::new();
    let mut problems = BTreeMap::new();
    for config in &loaded.config.providers {
        let secret = match loaded.credentials.get(&config.name) {
            Some(Ok(secret)) => secret.clone(),
            Some(Err(problem)) => {
                problems.insert(config.name.clone(), problem.clone());
                match rollout
                    .given(&config.name)
                    .filter(|given| goes_where_it_went(given, config))
                {
                    Some(given) => given.secret.clone(),
                    None => continue,
                }
            }
            None => continue,
        };
        let provider = Provider {
            config: config.clone(),
            secret,
        };
        let wire = wire(config);
        wanted.insert(
            config.name.clone(),
            Wanted {
                config: provider,
                wire,
            },
        );
    }
    (wanted, problems)
}

fn goes_where_it_went(given: &Provider, config: &ProviderConfig) -> bool {
    given.secret.is_some()
        && given.config.credential == config.credential
        && given.config.endpoint == config.endpoint
}

/// What makes a request for the provider the way it is. With another credential at another place a
/// provider is another one, too: no key may go where only its successor belongs.
fn wire(config: &ProviderConfig) -> String {
    let endpoint = &config.endpoint;
    format!(
        "{:?} {:?} {} {:?} {:?}",
        config.kind, endpoint.scheme, endpoint.base_path, config.api_version, config.credential
    )
}
