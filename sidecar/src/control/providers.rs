//! From the providers of a configuration and their credentials to what the rollout shall do.

use std::collections::{BTreeMap, BTreeSet};

use super::Control;
use super::tokens::{Token, Tokens};
use crate::config::{Config, CredentialConfig, ProviderConfig};
use crate::credential::{self, Secret};
use crate::material::Material;
use crate::rollout::{Rollout, Wanted};

/// A provider with its credential, as Envoy is given it.
#[derive(Clone)]
pub struct Provider {
    /// What the operator wrote.
    pub config: ProviderConfig,
    /// `None` for one that wants none, and for one whose command has yet to print it.
    pub secret: Option<Secret>,
}

/// A valid configuration with the credentials of its providers, as far as they could be had.
pub struct Loaded {
    /// What the operator wrote.
    pub config: Config,
    /// The credentials that could be read at once.
    pub credentials: Credentials,
    /// The gateway's own keys and certificates, and issuers' keys.
    pub material: Material,
}

/// For each provider its credential, or in words why there is none; nothing for those whose credential
/// a command prints.
pub type Credentials = BTreeMap<String, Result<Option<Secret>, String>>;

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
            material: Material::default(),
        }
    }

    /// The same with what its files hold.
    #[must_use]
    pub fn with_material(self, material: Material) -> Self {
        Self { material, ..self }
    }
}

/// The providers that shall serve, and why others cannot.
pub(super) fn wanted(
    config: &Config,
    credentials: &Credentials,
    tokens: &Tokens,
    rollout: &Rollout<Provider>,
) -> (BTreeMap<String, Wanted<Provider>>, BTreeMap<String, String>) {
    let mut wanted = BTreeMap::new();
    let mut problems = BTreeMap::new();
    for config in &config.providers {
        let name = &config.name;
        let found = match &config.credential {
            Some(CredentialConfig::Command(command)) => printed(tokens.get(&command.argv)),
            Some(CredentialConfig::Env(_) | CredentialConfig::File(_)) | None => {
                credentials.get(name).map_or(Found::Nothing(None), read)
            }
        };
        let secret = match found {
            Found::Secret(secret, problem) => {
                problems.extend(problem.map(|problem| (name.clone(), problem)));
                secret
            }
            Found::Nothing(problem) => {
                problems.extend(problem.map(|problem| (name.clone(), problem)));
                // What can no longer be read stays in use as long as it would go where it went.
                let given = rollout.given(name);
                match given.filter(|given| goes_where_it_went(given, config)) {
                    Some(given) => given.secret.clone(),
                    None => continue,
                }
            }
        };
        let provider = Provider {
            config: config.clone(),
            secret,
        };
        let wire = wire(config);
        let config = provider;
        wanted.insert(name.clone(), Wanted { config, wire });
    }
    (wanted, problems)
}

/// A credential, or none, each with what is wrong with it.
enum Found {
    /// It is to be used; `None` for none.
    Secret(Option<Secret>, Option<String>),
    /// There is none, and there should be one.
    Nothing(Option<String>),
}

fn read(result: &Result<Option<Secret>, String>) -> Found {
    match result {
        Ok(secret) => Found::Secret(secret.clone(), None),
        Err(problem) => Found::Nothing(Some(problem.clone())),
    }
}

/// A provider whose command has never ended joins without its secret: an Envoy that has it from a
/// sidecar before this one goes on, and any other waits for it.
fn printed(token: Option<&Token>) -> Found {
    let Some(token) = token else {
        return Found::Secret(None, Some("its command has not ended yet".to_owned()));
    };
    match &token.secret {
        Some(secret) => Found::Secret(Some(secret.clone()), token.problem.clone()),
        None => Found::Nothing(token.problem.clone()),
    }
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
    let credential = match &config.credential {
        // However often it is run.
        Some(CredentialConfig::Command(command)) => format!("{:?}", command.argv),
        other => format!("{other:?}"),
    };
    format!(
        "{:?} {:?} {} {:?} {:?} {:?} {credential}",
        config.kind,
        endpoint.scheme,
        endpoint.base_path,
        config.api_version,
        config.aws,
        config.auth,
    )
}

impl Control {
    /// Makes the providers join and leave that the configuration and its credentials ask for.
    pub(super) fn want_providers(&mut self) {
        let (wanted, problems) =
            wanted(&self.config, &self.credentials, &self.tokens, &self.rollout);
        for (provider, problem) in &problems {
            let is_news = self.credential_problems.get(provider) != Some(problem);
            // A command's end is told when it ends.
            if is_news && !self.has_command(provider) {
                tracing::warn!(provider, problem, "provider has no usable credential");
                let metrics = &self.setting.metrics;
                metrics.credential_error(provider.clone(), "unreadable");
            }
        }
        self.credential_problems = problems;
        let names: BTreeSet<String> = wanted.keys().cloned().collect();
        let drained = self.drained();
        let complete = self.key_pages.compile(&drained, &names, self.today);
        self.complete = complete.snapshot.version;
        self.rollout.want(wanted);
        self.envoy.forget_listed();
    }

    /// The same snapshot with every provider, after something else in it has changed.
    pub(super) fn renew_complete(&mut self) {
        let (wanted, _) = wanted(&self.config, &self.credentials, &self.tokens, &self.rollout);
        let names: BTreeSet<String> = wanted.into_keys().collect();
        let drained = self.drained();
        let complete = self.key_pages.compile(&drained, &names, self.today);
        self.complete = complete.snapshot.version;
    }
}
