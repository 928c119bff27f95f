//! The control plane without I/O: what the file, Envoy and its workers say comes in, what they are
//! to be told comes out. `now` is a parameter.

mod canaries;
mod configuring;
mod drains;
mod envoy_facts;
mod explaining;
mod forecasts;
mod handing;
mod probes;
mod providers;
mod publishing;
mod scoring;
mod tokens;
mod told;
mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

use ark_gateway_core::keys::PageBytes;
use ark_gateway_core::score::Scores;
use ark_gateway_core::snapshot::{Snapshot, SnapshotVersion};
use ark_gateway_core::sync::{SyncRequest, SyncResponse};

use crate::Ms;
use crate::canary::Canaries;
use crate::config::{Config, Date, KeyPages};
use crate::credential::Secret;
use crate::envoy::Place;
use crate::key_book::{KeyBook, ReadKeys};
use crate::material::Material;
use crate::metrics::{Known, Metrics};
use crate::observations::Observations;
use crate::probing::Probing;
use crate::quota::Rules;
use crate::rollout::Rollout;
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

#[cfg(test)]
mod tests;
