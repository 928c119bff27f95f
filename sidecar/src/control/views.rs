//! What the control plane shows of itself: `/readyz`, `/v1/scores`, `/v1/config`. Never a secret.

use std::collections::BTreeMap;

use ark_gateway_core::overload::Load;
use ark_gateway_core::rules::CanaryShare;
use ark_gateway_core::score::{KeyLengths, ModelScore, TargetScore};
use serde::Serialize;

use super::Control;
use crate::Ms;
use crate::config::LedgerConfig;
use crate::quota::{Budgets, BudgetsQuestion, Shown};
use crate::rollout::State;
use crate::scores::{self, Explained};
use crate::shadows::ShadowsView;
use crate::workers::Worker;
use crate::xds::{Kind, Status};

/// An Envoy that has not asked for so long is not there, milliseconds.
const ENVOY_MAX_AGE_MS: Ms = 15_000;

/// An edit of `ark.yaml` that was not taken.
#[derive(Clone, Debug, Serialize)]
pub struct BadEdit {
    /// When, milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// What is wrong with it, all of it.
    pub problems: Vec<String>,
}

/// `/readyz`.
#[derive(Debug, Serialize)]
pub struct Readiness {
    /// Whether requests can be served.
    pub ready: bool,
    /// What is missing, in words.
    pub missing: Vec<String>,
    /// How Envoy stands with each kind of resource.
    pub envoy: BTreeMap<&'static str, Status>,
    /// Workers that synced within 5 s.
    pub live_workers: usize,
    /// Whether Envoy's admin interface answers.
    pub envoy_admin_ok: bool,
    /// The last edit of the file was not taken.
    pub config_rejected: bool,
    /// Why the audit log cannot be written, if there is one and it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_problem: Option<String>,
}

/// `/v1/config`.
#[derive(Debug, Serialize)]
pub struct ConfigView {
    snapshot: String,
    handed_out: bool,
    workers: BTreeMap<String, WorkerView>,
    bad_edit: Option<BadEdit>,
    targets: Vec<TargetView>,
}

#[derive(Debug, Serialize)]
struct WorkerView {
    snapshot: Option<String>,
    scores: u64,
    heard_ms_ago: Ms,
    live: bool,
}

#[derive(Debug, Serialize)]
struct TargetView {
    model: String,
    provider: String,
    upstream_model: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_problem: Option<String>,
}

/// `/v1/scores`.
#[derive(Debug, Serialize)]
pub struct ScoresView {
    snapshot: String,
    sequence: u64,
    /// Workers that share the load.
    workers: u16,
    /// Shares of the canaries that are moved automatically.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    canaries: Vec<CanaryShare>,
    /// How long the answers of each of the snapshot's models have been.
    models: Vec<ModelScore>,
    /// The same of single keys whose answers are of another length: key and model by their places in the
    /// snapshot, mean and P99.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lengths: Vec<KeyLengths>,
    targets: Vec<ScoredTarget>,
}

#[derive(Debug, Serialize)]
struct ScoredTarget {
    models: Vec<String>,
    provider: String,
    /// Where the provider is: one with several regions is a provider for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    upstream_model: String,
    /// What is measured at this moment.
    now: TargetScore,
    #[serde(flatten)]
    explained: Explained,
}

impl Control {
    /// Whether requests can be served, and what is missing if not.
    #[must_use]
    pub fn readiness(&self, now: Ms) -> Readiness {
        let status = |kind: Kind| (kind.as_str(), self.xds.status(kind, now));
        let envoy: BTreeMap<_, _> = Kind::ALL.into_iter().map(status).collect();
        let mut missing = Vec::new();
        for kind in [Kind::Clusters, Kind::Routes] {
            if let Some(status) = envoy.get(kind.as_str()) {
                missing.extend(lack(kind, status));
            }
        }
        let live_workers = self.workers.live(now).count();
        if live_workers == 0 {
            missing.push("no Envoy worker has synced within 5 s".to_owned());
        } else if !self.is_open {
            missing.push("no snapshot is handed out yet: waiting for Envoy's clusters".to_owned());
        }
        Readiness {
            ready: missing.is_empty(),
            missing,
            envoy,
            live_workers,
            envoy_admin_ok: self.envoy.heard().is_some() && !self.envoy.is_failing(),
            config_rejected: self.bad_edit.is_some(),
            audit_problem: None,
        }
    }

    /// What runs where, and what does not and why.
    #[must_use]
    pub fn config_view(&self, now: Ms) -> ConfigView {
        let live = |heard: Ms| now.saturating_sub(heard) < crate::workers::LIVE_MS;
        let worker = |(name, worker): (&String, &crate::workers::Worker)| {
            let view = WorkerView {
                snapshot: worker.snapshot.as_ref().map(|version| version.0.clone()),
                scores: worker.scores,
                heard_ms_ago: now.saturating_sub(worker.heard),
                live: live(worker.heard),
            };
            (name.clone(), view)
        };
        ConfigView {
            snapshot: self.snapshot.version.0.clone(),
            handed_out: self.is_open,
            workers: self.workers.iter().map(worker).collect(),
            bad_edit: self.bad_edit.clone(),
            targets: self.target_views(),
        }
    }

    fn target_views(&self) -> Vec<TargetView> {
        let mut views = Vec::new();
        for model in &self.config.models {
            for target in &model.targets {
                let problem = self.credential_problems.get(&target.provider);
                views.push(TargetView {
                    model: model.name.clone(),
                    provider: target.provider.clone(),
                    upstream_model: target.model.clone(),
                    state: match self.rollout.state(&target.provider) {
                        Some(State::PendingCluster) => "pending_cluster",
                        Some(State::Active) => "active",
                        Some(State::Leaving) => "leaving",
                        None => "no_credential",
                    },
                    credential_problem: problem.cloned(),
                });
            }
        }
        views
    }

    /// Every target with its terms and what they came from.
    #[must_use]
    pub fn scores_view(&self, now: Ms) -> ScoresView {
        let explained = self.assess(now, |inputs, told| {
            (
                scores::assess(inputs, now),
                scores::explain(inputs, told, now),
            )
        });
        let specs = self.snapshot.targets.iter().zip(explained).enumerate();
        let targets = specs.map(|(n, (spec, (measured, explained)))| {
            let provider = self.snapshot.providers.get(usize::from(spec.provider.0));
            let serves = |model: &&ark_gateway_core::snapshot::ModelSpec| {
                model.targets.iter().any(|id| usize::from(id.0) == n)
            };
            ScoredTarget {
                models: self
                    .snapshot
                    .models
                    .iter()
                    .filter(serves)
                    .map(|m| m.name.clone())
                    .collect(),
                provider: provider.map(|p| p.name.clone()).unwrap_or_default(),
                region: provider.and_then(|p| p.region.clone()),
                upstream_model: spec.model.clone(),
                now: measured,
                explained,
            }
        });
        ScoresView {
            snapshot: self.snapshot.version.0.clone(),
            sequence: self.scores.sequence,
            workers: self.scores.workers,
            canaries: self.scores.canaries.clone(),
            models: self.scores.models.clone(),
            lengths: self.scores.lengths.clone(),
            targets: targets.collect(),
        }
    }

    /// What the shadow copies showed, against their originals.
    #[must_use]
    pub fn shadows_view(&self) -> ShadowsView {
        self.shadows.view()
    }

    /// How what is spent is written down.
    #[must_use]
    pub fn ledger(&self) -> &LedgerConfig {
        &self.config.ledger
    }

    /// Every worker that is remembered, and for how long it has been silent, milliseconds.
    #[must_use]
    pub fn silent_workers(&self, now: Ms) -> Vec<(String, Ms)> {
        let silent =
            |(name, worker): (&String, &Worker)| (name.clone(), now.saturating_sub(worker.heard));
        self.workers.iter().map(silent).collect()
    }

    /// How who does what is written down.
    #[must_use]
    pub fn audit(&self) -> &crate::config::AuditConfig {
        &self.config.audit
    }

    /// The version of the snapshot in force.
    #[must_use]
    pub fn version(&self) -> String {
        self.snapshot.version.0.clone()
    }

    /// Each worker with the snapshot that it runs, for the metrics.
    pub fn worker_versions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.workers.iter().map(|(name, worker)| {
            let version = worker.snapshot.as_ref().map_or("none", |v| v.0.as_str());
            (name.as_str(), version)
        })
    }

    /// How much each worker has to do, for the metrics.
    pub fn worker_loads(&self) -> impl Iterator<Item = (&str, Load)> {
        let workers = self.workers.iter();
        workers.map(|(name, worker)| (name.as_str(), worker.load))
    }
}

impl Control {
    /// The budgets that are meant, of those that `shown` was heard of and of those that were not.
    #[must_use]
    pub fn budgets(&self, asked: &BudgetsQuestion, shown: &[Shown], now_s: u64) -> Budgets {
        asked.answer((&self.config, &self.snapshot.quota), shown, now_s)
    }
}

fn lack(kind: Kind, status: &Status) -> Option<String> {
    let name = kind.as_str();
    match (status.asked_ms_ago, status.runs.is_empty()) {
        (None, _) => Some(format!("Envoy has not asked for {name}")),
        (Some(age), _) if age > ENVOY_MAX_AGE_MS => {
            Some(format!("Envoy has not asked for {name} for {age} ms"))
        }
        (Some(_), true) => Some(format!("Envoy has not taken {name}")),
        (Some(_), false) => None,
    }
}
