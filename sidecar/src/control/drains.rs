//! Providers that are taken out for maintenance: by the file, at a time, or by an operator's command.
//!
//! A drain is in the snapshot, so that workers keep to it when they no longer hear of the sidecar.
//! A command lasts until it is undone, over restarts where there is a file to keep it in.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Control;
use crate::Ms;
use crate::command_file::Kept;
use crate::config::{Config, DrainConfig, ProviderConfig};
use crate::rollout::State;

/// Who drains what.
#[derive(Default)]
pub(super) struct Drains {
    /// By command: since when, milliseconds since the Unix epoch.
    commanded: BTreeMap<String, u64>,
    /// By whatever: the names that the snapshot has.
    now: BTreeSet<String>,
}

/// Why a provider takes no new requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DrainView {
    /// The file says `drain: true`.
    pub file: bool,
    /// The file's time has come.
    pub window: bool,
    /// An operator's command, so long ago, milliseconds.
    pub commanded_ms_ago: Option<Ms>,
}

/// `/v1/providers`: one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProviderView {
    /// Its name.
    pub name: String,
    /// Where it stands with Envoy.
    pub state: &'static str,
    /// Whether it takes no new requests, for maintenance.
    pub drained: bool,
    /// Why not; `None` when it takes some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainView>,
    /// Requests in flight, by Envoy's word; `None` when that is not known.
    pub in_flight: Option<u64>,
}

impl Control {
    /// Looks who is drained now; tells whether that has changed, aloud.
    pub(super) fn note_drains(&mut self, now: Ms) -> bool {
        self.drains.commanded.retain(|name, _| {
            let mut providers = self.config.providers.iter();
            providers.any(|provider| provider.name == *name)
        });
        let providers = self.config.providers.iter();
        let drained: BTreeSet<String> = providers
            .filter(|provider| self.drain_of(provider, now).is_some())
            .map(|provider| provider.name.clone())
            .collect();
        for provider in &self.config.providers {
            let name = &provider.name;
            let (before, after) = (self.drains.now.contains(name), drained.contains(name));
            match (before, after) {
                (false, true) => {
                    tracing::warn!(provider = name, "provider drained: no new requests")
                }
                (true, false) => tracing::warn!(provider = name, "provider no longer drained"),
                (true, true) | (false, false) => {}
            }
        }
        let all = self.config.providers.iter().map(|p| p.name.as_str());
        let metrics = &self.setting.metrics;
        metrics.drained(all.map(|name| (name, drained.contains(name))));
        let has_changed = drained != self.drains.now;
        self.drains.now = drained;
        has_changed
    }

    /// Compiles what is drained into a snapshot.
    pub(super) fn apply_drains(&mut self, now: Ms) {
        self.renew_complete();
        self.compile(now);
    }

    /// The configuration with each drain resolved to now.
    pub(super) fn drained(&self) -> Config {
        let mut config = self.config.clone();
        for provider in &mut config.providers {
            provider.drain = match self.drains.now.contains(&provider.name) {
                true => DrainConfig::Always,
                false => DrainConfig::No,
            };
        }
        config
    }

    fn drain_of(&self, provider: &ProviderConfig, now: Ms) -> Option<DrainView> {
        let unix_ms = self.setting.started_unix_ms + now;
        let unix_s = unix_ms / 1_000;
        let file = provider.drain == DrainConfig::Always;
        let commanded = self.drains.commanded.get(&provider.name);
        let view = DrainView {
            file,
            window: !file && provider.drain.holds_at(unix_s),
            commanded_ms_ago: commanded.map(|since| unix_ms.saturating_sub(*since)),
        };
        (view.file || view.window || view.commanded_ms_ago.is_some()).then_some(view)
    }

    /// Drains a provider at an operator's command, or undoes such a command.
    ///
    /// # Errors
    /// In words: there is no such provider.
    pub fn drain(&mut self, name: &str, is_on: bool, now: Ms) -> Result<ProviderView, String> {
        if !self.config.providers.iter().any(|p| p.name == name) {
            let names: Vec<&str> = self
                .config
                .providers
                .iter()
                .map(|p| p.name.as_str())
                .collect();
            return Err(format!(
                "there is no such provider; there are {}",
                names.join(", ")
            ));
        }
        tracing::warn!(
            provider = name,
            drain = is_on,
            "an operator drains a provider"
        );
        match is_on {
            true => {
                let unix_ms = self.setting.started_unix_ms + now;
                let since = self.drains.commanded.entry(name.to_owned());
                since.or_insert(unix_ms);
            }
            false => {
                self.drains.commanded.remove(name);
            }
        }
        if self.note_drains(now) {
            self.apply_drains(now);
        }
        let mut views = self.provider_views(now).into_iter();
        let own = views.find(|view| view.name == name);
        own.ok_or_else(|| "it has gone".to_owned())
    }

    /// What operators have commanded, and where canaries have come to: what a restart must not undo.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept {
            drains: self.drains.commanded.clone(),
            canaries: self.canaries.kept(),
        }
    }

    /// Takes up what a process before this one was commanded; what is not configured any more is
    /// forgotten.
    pub fn restore(&mut self, kept: &Kept, now: Ms) {
        self.drains.commanded.clone_from(&kept.drains);
        self.canaries.restore(&kept.canaries, now);
        self.show_canaries();
        if self.note_drains(now) {
            self.apply_drains(now);
        }
    }

    /// `/v1/providers`.
    #[must_use]
    pub fn provider_views(&self, now: Ms) -> Vec<ProviderView> {
        let providers = self.config.providers.iter();
        let view = |provider: &ProviderConfig| ProviderView {
            name: provider.name.clone(),
            state: match self.rollout.state(&provider.name) {
                Some(State::PendingCluster) => "pending_cluster",
                Some(State::Active) => "active",
                Some(State::Leaving) => "leaving",
                None => "no_credential",
            },
            drained: self.drains.now.contains(&provider.name),
            drain: self.drain_of(provider, now),
            in_flight: self
                .envoy
                .gauges(&provider.name)
                .map(|gauges| gauges.active),
        };
        providers.map(view).collect()
    }
}
