//! What `/metrics` shows. Every label comes from a closed set: the configuration or an enum.

mod access;
mod admin;
mod audit;
mod extra;
mod forecasts;
mod guard;
mod labels;
mod ledger;
mod limits;
mod observe;
mod overload;
mod probes;
mod rules;

use std::collections::BTreeSet;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use access::Access;
pub use admin::AdminMetrics;
pub use audit::AuditMetrics;
use extra::Extra;
use forecasts::Forecasts;
use labels::{
    AttemptLabels, CodeLabels, CredentialLabels, FaultLabels, LossLabels, NackLabels,
    ProviderLabels, ReloadLabels, RequestLabels, TargetLabels, TokenLabels, WorkerLabels,
};
pub use ledger::LedgerMetrics;
pub use limits::LimitMetrics;
pub use overload::{EnvoyOverload, OverloadMetrics};
use probes::Probes;
use rules::Rules;

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a label says of a name that is not in the configuration.
const OTHER: &str = "other";
/// What a label says where there is none.
const NONE: &str = "none";

/// Names that may be labels.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Models in `ark.yaml`.
    pub models: BTreeSet<String>,
    /// Providers in `ark.yaml`.
    pub providers: BTreeSet<String>,
}

/// All metrics of the sidecar.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    ttft: Family<ProviderLabels, Histogram>,
    duration: Family<ProviderLabels, Histogram>,
    tokens: Family<TokenLabels, Counter>,
    cost: Family<TargetLabels, Counter>,
    price_unknown: Family<TargetLabels, Counter>,
    price_ceiling: Family<TargetLabels, Counter>,
    rejects: Family<CodeLabels, Counter>,
    access: Access,
    guard: guard::Guard,
    translation_losses: Family<LossLabels, Counter>,
    records: Counter,
    records_dropped: Counter,
    records_resent: Counter,
    audit: AuditMetrics,
    ledger: LedgerMetrics,
    overload: OverloadMetrics,
    filter_faults: Family<FaultLabels, Counter>,
    stale_requests: Counter,
    workers: Family<WorkerLabels, Gauge>,
    reloads: Family<ReloadLabels, Counter>,
    nacks: Family<NackLabels, Counter>,
    scrape_failures: Counter,
    credential_errors: Family<CredentialLabels, Counter>,
    bad_requests: Counter,
    admin_refusals: Counter,
    admin: AdminMetrics,
    rules: Rules,
    extra: Extra,
    forecasts: Forecasts,
    probes: Probes,
    limits: LimitMetrics,
}

/// Seconds: from a local model's first token to the longest answers.
fn durations() -> Histogram {
    Histogram::new([
        0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    ])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("ark"),
            requests: Family::default(),
            attempts: Family::default(),
            ttft: Family::new_with_constructor(durations),
            duration: Family::new_with_constructor(durations),
            tokens: Family::default(),
            cost: Family::default(),
            price_unknown: Family::default(),
            price_ceiling: Family::default(),
            rejects: Family::default(),
            access: Access::default(),
            guard: guard::Guard::default(),
            translation_losses: Family::default(),
            records: Counter::default(),
            records_dropped: Counter::default(),
            records_resent: Counter::default(),
            audit: AuditMetrics::default(),
            ledger: LedgerMetrics::default(),
            overload: OverloadMetrics::default(),
            filter_faults: Family::default(),
            stale_requests: Counter::default(),
            workers: Family::default(),
            reloads: Family::default(),
            nacks: Family::default(),
            scrape_failures: Counter::default(),
            credential_errors: Family::default(),
            bad_requests: Counter::default(),
            admin_refusals: Counter::default(),
            admin: AdminMetrics::default(),
            rules: Rules::default(),
            extra: Extra::default(),
            forecasts: Forecasts::default(),
            probes: Probes::default(),
            limits: LimitMetrics::default(),
        };
        metrics.limits.register(&mut metrics.registry);
        metrics.register_traffic();
        metrics.register_control();
        metrics.rules.register(&mut metrics.registry);
        metrics.extra.register(&mut metrics.registry);
        metrics.forecasts.register(&mut metrics.registry);
        metrics.probes.register(&mut metrics.registry);
        metrics
    }
}

impl Metrics {
    /// Those of limits.
    #[must_use]
    pub fn limits(&self) -> &LimitMetrics {
        &self.limits
    }

    fn register_traffic(&mut self) {
        let Self { registry, .. } = self;
        registry.register(
            "requests",
            "Requests by how they ended",
            self.requests.clone(),
        );
        registry.register(
            "attempts",
            "Attempts by how they ended",
            self.attempts.clone(),
        );
        registry.register(
            "ttft_seconds",
            "Time to first token of an attempt",
            self.ttft.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "Duration of a request, by the provider that answered",
            self.duration.clone(),
        );
        registry.register(
            "tokens",
            "Tokens; cached and cache-creation ones are also input, reasoning ones also output",
            self.tokens.clone(),
        );
        registry.register(
            "cost_micro_usd",
            "Cost in millionths of a US dollar",
            self.cost.clone(),
        );
        registry.register(
            "price_unknown",
            "Answers without a cost, as their price or usage is not known",
            self.price_unknown.clone(),
        );
        registry.register(
            "price_ceiling",
            "Answers charged at a ceiling, as their price is not known",
            self.price_ceiling.clone(),
        );
        registry.register(
            "rejects",
            "Refusals of the gateway itself",
            self.rejects.clone(),
        );
        self.access.register(registry);
        self.guard.register(registry);
        registry.register(
            "translation_losses",
            "What translations to a provider's dialect left out, by field",
            self.translation_losses.clone(),
        );
        registry.register(
            "stale_requests",
            "Requests served by a worker that had not heard of the sidecar for too long",
            self.stale_requests.clone(),
        );
    }

    fn register_control(&mut self) {
        let Self { registry, .. } = self;
        registry.register("records", "Records taken in", self.records.clone());
        registry.register(
            "records_dropped",
            "Records that workers dropped as their queue was full",
            self.records_dropped.clone(),
        );
        registry.register(
            "records_resent",
            "Records that were sent again, and are counted once",
            self.records_resent.clone(),
        );
        self.audit.register(registry);
        self.ledger.register(registry);
        self.overload.register(registry);
        registry.register(
            "filter_faults",
            "Degradations in a worker's filter that no record shows",
            self.filter_faults.clone(),
        );
        registry.register(
            "worker_snapshot_info",
            "The snapshot that each worker runs",
            self.workers.clone(),
        );
        registry.register(
            "config_reloads",
            "Reloads of ark.yaml",
            self.reloads.clone(),
        );
        registry.register(
            "xds_nacks",
            "Versions that Envoy refused",
            self.nacks.clone(),
        );
        registry.register(
            "scrape_failures",
            "Readings of Envoy's admin interface that failed",
            self.scrape_failures.clone(),
        );
        registry.register(
            "credential_errors",
            "Provider credentials that cannot be read, or that the provider refuses",
            self.credential_errors.clone(),
        );
        registry.register(
            "admin_refusals",
            "Requests to the admin port that were refused",
            self.admin_refusals.clone(),
        );
        self.admin.register(registry);
        registry.register(
            "socket_bad_requests",
            "Exchanges over the socket that made no sense",
            self.bad_requests.clone(),
        );
    }

    /// What is refused for the gateway's own sake.
    #[must_use]
    pub fn overload(&self) -> &OverloadMetrics {
        &self.overload
    }

    /// Counts a record that was sent again.
    pub fn resent(&self) {
        self.records_resent.inc();
    }

    /// Where to count what the audit log does.
    #[must_use]
    pub fn audit(&self) -> &AuditMetrics {
        &self.audit
    }

    /// Where to count what the ledger does.
    #[must_use]
    pub fn ledger(&self) -> &LedgerMetrics {
        &self.ledger
    }

    /// Probes.
    #[must_use]
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// What is to come.
    #[must_use]
    pub fn forecasts(&self) -> &Forecasts {
        &self.forecasts
    }

    /// Counts a reload: `applied` or `rejected`.
    pub fn reloaded(&self, result: &'static str) {
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
    }

    /// Counts a refusal by Envoy.
    pub fn nacked(&self, kind: &'static str) {
        self.nacks.get_or_create(&NackLabels { kind }).inc();
    }

    /// Counts a reading of Envoy's admin interface that failed.
    pub fn scrape_failed(&self) {
        self.scrape_failures.inc();
    }

    /// Counts a credential that is `unreadable`, or `refused` by the provider.
    pub fn credential_error(&self, provider: String, reason: &'static str) {
        self.credential_errors
            .get_or_create(&CredentialLabels { provider, reason })
            .inc();
    }

    /// Counts a caller of the admin port who may not.
    pub fn admin_refused(&self) {
        self.admin_refusals.inc();
    }

    /// The metrics of the admin port.
    #[must_use]
    pub fn admin(&self) -> &AdminMetrics {
        &self.admin
    }

    /// Counts a request over the socket that made no sense.
    pub fn bad_request(&self) {
        self.bad_requests.inc();
    }

    /// Everything in OpenMetrics text; `workers` are all workers with the snapshot that each runs.
    ///
    /// # Errors
    /// Never with the labels of this module.
    pub fn encode<'a>(
        &self,
        workers: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<String, std::fmt::Error> {
        self.workers.clear();
        for (worker, version) in workers {
            let labels = WorkerLabels {
                worker: worker.to_owned(),
                version: version.to_owned(),
            };
            self.workers.get_or_create(&labels).set(1);
        }
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

fn label(name: &str, known: &BTreeSet<String>) -> String {
    if known.contains(name) { name } else { OTHER }.to_owned()
}

#[allow(clippy::cast_precision_loss, reason = "a histogram's sum")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests;
