//! What Envoy and its workers are to run, made from the configuration and from how far its rollout has come.

use std::collections::{BTreeMap, BTreeSet};

use super::Control;
use crate::Ms;
use crate::envoy::{self, Mode};
use crate::rollout::Facts;
use crate::xds::Kind;

/// How long a fresh sidecar waits for Envoy's word before it hands out a snapshot without all
/// providers, milliseconds from the first worker's question.
const CONFIRM_MS: Ms = 3_000;
/// The same when not one provider is confirmed.
pub(super) const CONFIRM_ANY_MS: Ms = 10_000;
/// Snapshots whose providers are remembered.
const HISTORY: usize = 64;

impl Control {
    /// Moves the rollout on as far as Envoy and its workers allow.
    pub fn advance(&mut self, now: Ms) {
        let nothing = BTreeSet::new();
        let workers: Vec<Option<&BTreeSet<String>>> = self
            .workers
            .live(now)
            .map(|worker| match &worker.snapshot {
                None => Some(&nothing),
                Some(version) => self
                    .handed_out
                    .iter()
                    .find_map(|(known, names)| (known == version).then_some(names)),
            })
            .collect();
        let mut clusters = self.envoy.confirmed(self.xds.clusters_taken(), now);
        if let Some(clusters) = &mut clusters {
            clusters.retain(|name, _| self.has_its_secret(name));
        }
        let facts = Facts {
            clusters: clusters.as_ref(),
            listed: self.envoy.listed(),
            routes: self.xds.routes_taken(),
            workers: &workers,
        };
        if self.rollout.progress(&facts, now) {
            self.publish(now);
        }
    }

    /// Whether Envoy has the credential that it puts into requests to a provider.
    fn has_its_secret(&self, name: &str) -> bool {
        let needs_one = self
            .rollout
            .given(name)
            .is_some_and(|given| given.config.credential.is_some());
        !needs_one || self.xds.secret_taken(&format!("provider/{name}"))
    }

    /// Makes everything that is handed out from the configuration and the rollout.
    pub(super) fn publish(&mut self, now: Ms) {
        let mut place = self.setting.place.clone();
        if !self.setting.listen_is_fixed {
            place.listen = self.config.gateway.listen.to_string();
        }
        let routed = self.rollout.routed();
        let mut config = self.config.clone();
        let listeners = envoy::listeners(&config, &place, Mode::Dynamic);
        self.xds
            .publish(Kind::Listeners, &listeners, BTreeMap::new());

        let given = || self.rollout.clustered();
        // What is on its way out still sends records.
        self.known
            .providers
            .extend(given().map(|(name, _, _)| name.clone()));
        config.providers = given()
            .map(|(_, _, provider)| provider.config.clone())
            .collect();
        let wires = given()
            .map(|(name, wire, _)| (name.clone(), wire.clone()))
            .collect();
        let mut clusters = envoy::clusters(&config, &place, Mode::Dynamic);
        clusters.push(envoy::hedge_cluster());
        clusters.extend(envoy::identity_clusters(&config, Mode::Dynamic));
        self.xds.publish(Kind::Clusters, &clusters, wires);

        let secrets = given()
            .filter_map(|(name, _, provider)| Some((name.clone(), provider.secret.clone()?)))
            .collect();
        let mut secrets = envoy::secrets(&config, &secrets);
        secrets.extend(envoy::listener_secrets(&self.material));
        self.xds.publish_secrets(&secrets, &self.setting.salt);

        config
            .providers
            .retain(|provider| routed.contains(&provider.name));
        let names = routed
            .into_iter()
            .map(|name| (name, String::new()))
            .collect();
        self.xds
            .publish(Kind::Routes, &envoy::routes(&config, &place), names);
        self.setting.news.notify_waiters();
        self.compile(now);
    }

    pub(super) fn compile(&mut self, now: Ms) {
        let usable = self.rollout.usable();
        let drained = self.drained();
        let mut paged = self.key_pages.compile(&drained, &usable, self.today);
        let snapshot = &paged.snapshot;
        if snapshot.version == self.snapshot.version && !self.handed_out.is_empty() {
            return;
        }
        let targets = snapshot.targets.len();
        match self.is_open {
            true => tracing::info!(version = snapshot.version.0, targets, "new snapshot"),
            false => tracing::debug!(version = snapshot.version.0, targets, "snapshot held back"),
        }
        self.handed_out
            .retain(|(version, _)| *version != snapshot.version);
        if self.handed_out.len() >= HISTORY {
            self.handed_out.pop_front();
        }
        self.handed_out
            .push_back((snapshot.version.clone(), usable));
        self.past.ran(&mut paged);
        (self.snapshot, self.pages) = (paged.snapshot, paged.pages);
        self.rescore(now);
    }

    /// Whether snapshots are handed out. A sidecar that has just started does not know what Envoy
    /// has, and a snapshot with too few targets is worse than the one that a worker already runs.
    pub(super) fn opens(&mut self, now: Ms) -> bool {
        let Some(first_sync) = self.first_sync else {
            return false;
        };
        if self.is_open {
            return true;
        }
        let waited = now.saturating_sub(first_sync);
        let any = !self.rollout.usable().is_empty();
        self.is_open =
            !self.rollout.is_joining() || (waited >= CONFIRM_MS && any) || waited >= CONFIRM_ANY_MS;
        if self.is_open {
            let (version, targets) = (&self.snapshot.version.0, self.snapshot.targets.len());
            tracing::info!(version, targets, "snapshots are handed out from here on");
        }
        if self.is_open && self.rollout.is_joining() {
            tracing::warn!("Envoy has not confirmed all clusters; serving with those that it has");
        }
        self.is_open
    }
}
