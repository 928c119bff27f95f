//! A configuration comes into force: the file's, with the keys that were made while Ark ran.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{BadEdit, Control, Loaded, probes};
use crate::Ms;
use crate::config::{Config, ProviderConfig};
use crate::key_book::{KeyBook, ReadKeys};
use crate::meter::Limits;
use crate::metrics::Known;
use crate::quota::Rules;

impl Control {
    /// Takes a new valid configuration.
    pub fn replace_config(&mut self, loaded: Loaded, now: Ms) {
        self.written = loaded.config;
        self.read_keys = ReadKeys::default();
        self.config = self.with_keys();
        self.rules = Arc::new(Rules::of(&self.config));
        self.credentials = loaded.credentials;
        self.material = loaded.material;
        self.tokens.retain(&self.config);
        self.bad_edit = None;
        self.known = Known {
            models: self.config.models.iter().map(|m| m.name.clone()).collect(),
            providers: self
                .config
                .providers
                .iter()
                .map(|p| p.name.clone())
                .collect(),
        };
        self.observations.configure(&targets_of(&self.config));
        self.observations
            .configure_limits(&self.known.models, limits_of(&self.config));
        self.canaries.configure(&self.config, now);
        self.show_canaries();
        self.note_drains(now);
        self.shadows.retain(&shadowed(&self.config));
        self.want_providers();
        self.publish(now);
    }

    /// Takes the keys that were made while Ark ran.
    pub fn replace_keys(&mut self, book: KeyBook, now: Ms) {
        self.key_book = book;
        self.config = self.with_keys();
        self.rules = Arc::new(Rules::of(&self.config));
        self.compile(now);
    }

    /// What the file says, with the keys of the book and that of probes.
    fn with_keys(&mut self) -> Config {
        probes::let_in(
            self.key_book.merged_as(&self.written, &mut self.read_keys),
            self.setting.probe_sha256.as_deref(),
        )
    }

    /// Keeps the configuration, as the new one is no good.
    pub fn reject_config(&mut self, bad_edit: BadEdit) {
        self.bad_edit = Some(bad_edit);
    }
}

fn targets_of(config: &Config) -> BTreeSet<(String, String)> {
    let targets = config.models.iter().flat_map(|model| model.all_targets());
    targets
        .map(|target| (target.provider.clone(), target.model.clone()))
        .collect()
}

fn shadowed(config: &Config) -> BTreeSet<String> {
    let models = config.models.iter().filter(|m| m.shadow.is_some());
    models.map(|m| m.name.clone()).collect()
}

fn limits_of(config: &Config) -> BTreeMap<String, Limits> {
    let limits = |provider: &ProviderConfig| Limits {
        requests: provider.limits.requests_per_minute,
        tokens: provider.limits.tokens_per_minute,
    };
    let providers = config.providers.iter();
    providers.map(|p| (p.name.clone(), limits(p))).collect()
}
