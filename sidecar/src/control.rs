//! The control plane without I/O: what the file, Envoy and its workers say comes in, what they are
//! to be told comes out. `now` is a parameter.

mod canaries;
mod drains;
mod envoy_facts;
mod explaining;
mod forecasts;
mod handing;
mod probes;
mod providers;
mod scoring;
mod tokens;
mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

use ark_gateway_core::keys::PageBytes;
use ark_gateway_core::record::{Record, Verdict};
use ark_gateway_core::score::Scores;
use ark_gateway_core::snapshot::{Snapshot, SnapshotVersion};
use ark_gateway_core::sync::{SyncRequest, SyncResponse};

use crate::Ms;
use crate::canary::Canaries;
use crate::config::{Config, Date, KeyPages};
use crate::credential::Secret;
use crate::envoy::{self, Mode, Place};
use crate::key_book::{KeyBook, ReadKeys};
use crate::material::Material;
use crate::meter::Limits;
use crate::metrics::{Known, Metrics};
use crate::observations::Observations;
use crate::probing::{Probing, is_probe};
use crate::quota::Rules;
use crate::rollout::{Facts, Rollout};
use crate::shadows::Shadows;
use crate::workers::{TooMany, Workers};
use crate::xds::{Answer, DiscoveryRequest, Kind, Publisher};

use drains::Drains;
use tokens::Tokens;

pub use drains::{DrainView, ProviderView};
pub use envoy_facts::EnvoyFacts;
pub use explaining::{Answered, Question};
pub use forecasts::ForecastView;
pub use probes::Probe;
pub use providers::{Credentials, Loaded, Provider};
pub use tokens::Argv;
pub use views::{BadEdit, ConfigView, Readiness, ScoresView};

/// How long a fresh sidecar waits for Envoy's word before it hands out a snapshot without all
/// providers, milliseconds from the first worker's question.
const CONFIRM_MS: Ms = 3_000;
/// The same when not one provider is confirmed.
const CONFIRM_ANY_MS: Ms = 10_000;
/// Snapshots whose providers are remembered.
const HISTORY: usize = 64;
/// Least time between two logs of a provider that refuses our credential, milliseconds.
const LOUD_EVERY_MS: Ms = 60_000;

/// What does not change while the sidecar runs.
pub struct Setting {
    /// Where everything is.
    pub place: Place,
    /// Whether [`Place::listen`] is the command line's, so that the file's is not used.
    pub listen_is_fixed: bool,
    /// Where to count.
    pub metrics: Arc<Metrics>,
    /// Told when Envoy has something new to take.
    pub news: Arc<Notify>,
    /// Random bytes, for versions that must tell nothing.
    pub salt: [u8; 16],
    /// Milliseconds since the Unix epoch at the start: sequence numbers go on from here, so that
    /// they rise over restarts too.
    pub started_unix_ms: u64,
    /// The digest of the key by which probes are let in; `None`: there are no probes.
    pub probe_sha256: Option<String>,
}

/// The state of the control plane.
pub struct Control {
    setting: Setting,
    today: Date,
    /// What the file says.
    written: Config,
    key_book: KeyBook,
    read_keys: ReadKeys,
    /// What is in force: the file's, with the keys of the book.
    config: Config,
    rules: Arc<Rules>,
    known: Known,
    credentials: Credentials,
    material: Material,
    tokens: Tokens,
    credential_problems: BTreeMap<String, String>,
    bad_edit: Option<BadEdit>,
    rollout: Rollout<Provider>,
    xds: Publisher,
    /// Its keys are in the pages.
    snapshot: Snapshot,
    pages: Vec<PageBytes>,
    key_pages: KeyPages,
    /// The version of a snapshot with every provider of the configuration.
    complete: SnapshotVersion,
    handed_out: VecDeque<(SnapshotVersion, BTreeSet<String>)>,
    workers: Workers,
    observations: Observations,
    shadows: Shadows,
    envoy: EnvoyFacts,
    scores: Scores,
    /// When targets were judged last.
    judged_at: Ms,
    past: explaining::Past,
    first_sync: Option<Ms>,
    is_open: bool,
    loud_at: BTreeMap<String, Ms>,
    canaries: Canaries,
    drains: Drains,
    probing: Probing,
}

impl Control {
    /// Starts with a valid configuration.
    #[must_use]
    pub fn new(setting: Setting, loaded: Loaded, today: Date) -> Self {
        let mut key_pages = KeyPages::default();
        let nothing = key_pages.compile(&loaded.config, &BTreeSet::new(), today);
        let mut control = Self {
            today,
            written: loaded.config.clone(),
            key_book: KeyBook::default(),
            read_keys: ReadKeys::default(),
            config: loaded.config.clone(),
            rules: Arc::default(),
            known: Known::default(),
            credentials: Credentials::new(),
            material: Material::default(),
            tokens: Tokens::default(),
            credential_problems: BTreeMap::new(),
            bad_edit: None,
            rollout: Rollout::default(),
            xds: Publisher::default(),
            complete: nothing.snapshot.version.clone(),
            snapshot: nothing.snapshot,
            pages: nothing.pages,
            key_pages,
            handed_out: VecDeque::new(),
            workers: Workers::default(),
            observations: Observations::new(setting.started_unix_ms),
            shadows: Shadows::default(),
            envoy: EnvoyFacts::default(),
            scores: Scores {
                sequence: setting.started_unix_ms,
                ..Scores::default()
            },
            judged_at: 0,
            past: explaining::Past::default(),
            first_sync: None,
            is_open: false,
            loud_at: BTreeMap::new(),
            canaries: Canaries::default(),
            drains: Drains::default(),
            probing: Probing::default(),
            setting,
        };
        control.replace_config(loaded, 0);
        control
    }

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

    /// The keys that were made while Ark ran.
    #[must_use]
    pub fn key_book(&self) -> &KeyBook {
        &self.key_book
    }

    /// What the file says.
    #[must_use]
    pub fn written(&self) -> &Config {
        &self.written
    }

    /// Keeps the configuration, as the new one is no good.
    pub fn reject_config(&mut self, bad_edit: BadEdit) {
        self.bad_edit = Some(bad_edit);
    }

    /// Takes in what a worker reports and answers with what it lacks.
    ///
    /// # Errors
    /// It cannot be a worker of Envoy, or is one too many.
    pub fn sync(&mut self, mut request: SyncRequest, now: Ms) -> Result<SyncResponse, TooMany> {
        let is_waiting = !request.waiting.is_empty();
        let faults = self.workers.heard(&mut request, now)?;
        self.setting.metrics.faults(faults);
        self.first_sync.get_or_insert(now);
        let is_told = is_waiting || !request.records.is_empty();
        for record in &request.records {
            match self.workers.takes(&request.worker, record.sequence) {
                true => self.observe(record, now),
                false => self.setting.metrics.resent(),
            }
        }
        if !self.is_open && request.snapshot.as_ref() == Some(&self.complete) {
            // This sidecar is fresh and Envoy is not: it has had all of these providers before.
            self.rollout.adopt();
            self.publish(now);
        }
        if !self.opens(now) {
            return Ok(SyncResponse::default());
        }
        if is_told {
            self.rescore_at_once(now);
        }
        Ok(self.hand_out(&request))
    }

    fn observe(&mut self, record: &Record, now: Ms) {
        if is_probe(record) {
            self.probe_told(record);
        } else {
            self.setting.metrics.observe(record, &self.known);
        }
        self.observations.observe(record, now);
        if !record.is_shadow() {
            self.canaries.observe(record, now);
        }
        self.shadows.observe(record);
        for attempt in &record.attempts {
            let known = self.known.providers.contains(&attempt.provider);
            if attempt.verdict == Verdict::Auth && known {
                self.complain(&attempt.provider, attempt.status, now);
            }
        }
    }

    /// A bad credential of ours is the operator's to mend, and no client's error shows it.
    fn complain(&mut self, provider: &str, status: Option<u16>, now: Ms) {
        let last = self.loud_at.get(provider).copied();
        if last.is_none_or(|last| now.saturating_sub(last) >= LOUD_EVERY_MS) {
            self.loud_at.insert(provider.to_owned(), now);
            tracing::error!(
                provider,
                status,
                "provider refuses Ark's credential; check that it is valid"
            );
        }
    }

    /// Answers Envoy's discovery request.
    pub fn discover(&mut self, kind: Kind, request: &DiscoveryRequest, now: Ms) -> Answer {
        let (answer, refused) = self.xds.discover(kind, request, now);
        if let Some(refused) = refused {
            self.setting.metrics.nacked(kind.as_str());
            let (version, reason) = (refused.version, refused.reason);
            tracing::error!(
                kind = kind.as_str(),
                version,
                reason,
                "Envoy refuses its configuration"
            );
        }
        self.advance(now);
        answer
    }

    /// What is known of Envoy from its admin interface, to be told more.
    pub fn envoy_mut(&mut self) -> &mut EnvoyFacts {
        &mut self.envoy
    }

    /// Whether Envoy should be asked for its clusters.
    #[must_use]
    pub fn wants_clusters(&self) -> bool {
        self.rollout.is_moving()
    }

    /// Moves on with time.
    pub fn tick(&mut self, now: Ms, today: Date) {
        if today != self.today {
            self.today = today;
            self.publish(now);
        }
        if self.note_drains(now) {
            self.apply_drains(now);
        }
        self.move_canaries(now);
        self.advance(now);
        self.opens(now);
        self.rescore(now);
    }

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
    fn publish(&mut self, now: Ms) {
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

    fn compile(&mut self, now: Ms) {
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
    fn opens(&mut self, now: Ms) -> bool {
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

    /// What the limits' counters go by.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules)
    }

    /// The keys of an issuer that has them in a file.
    #[must_use]
    pub fn jwks(&self, name: &str) -> Option<Secret> {
        self.material.jwks.get(name).cloned()
    }

    /// What the admin port shows the next caller; `None` where it speaks plain HTTP.
    #[must_use]
    pub fn admin_tls(&self) -> Option<Arc<rustls::ServerConfig>> {
        let tls = self.material.admin.as_ref();
        tls.map(crate::material::AdminTls::server)
    }

    /// Whom to tell of limits.
    #[must_use]
    pub fn webhook(&self) -> Option<crate::config::LimitAlertsConfig> {
        self.config.limit_alerts.clone()
    }

    /// Where to count.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.setting.metrics
    }

    /// Told when Envoy has something new to take.
    #[must_use]
    pub fn news(&self) -> &Arc<Notify> {
        &self.setting.news
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
    let limits = |provider: &crate::config::ProviderConfig| Limits {
        requests: provider.limits.requests_per_minute,
        tokens: provider.limits.tokens_per_minute,
    };
    let providers = config.providers.iter();
    providers.map(|p| (p.name.clone(), limits(p))).collect()
}

#[cfg(test)]
mod tests;
