//! Who asks for what, and which counters that concerns.

use super::estimate::Estimate;
use super::hash::NameHash;
use super::slot::{SlotKey, Subject};
use super::spec::LimitSpec;
use super::window::Span;
use crate::limit::Nanos;
use crate::policy::Policy;
use crate::snapshot::ModelId;

const NANOS_PER_S: Nanos = 1_000_000_000;

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The policy that serves the request.
    pub policy: &'a Policy,
    /// Index of its key.
    pub key: u32,
    /// The model.
    pub model: ModelId,
    /// What it may use.
    pub estimate: Estimate,
}

impl Asked<'_> {
    pub(super) fn slot_key(&self, spec: &LimitSpec, now: Nanos) -> (SlotKey, Span) {
        let calendars = &self.policy.snapshot().quota.calendars;
        let span = spec.window.at(now / NANOS_PER_S, calendars);
        let mut name = NameHash::NEW.with(&spec.name);
        let key = self.policy.key(self.key);
        if spec.per.tenant {
            name = name.with(key.map_or("", |key| &key.tenant));
        }
        if spec.per.key {
            name = name.with(key.map_or("", |key| &key.id));
        }
        if spec.per.model {
            name = name.with(self.policy.model(self.model).map_or("", |m| &m.name));
        }
        let key = SlotKey {
            name,
            start_s: span.start_s,
        };
        (key, span)
    }

    pub(super) fn subject(&self, spec: &LimitSpec) -> Subject {
        let key = self.policy.key(self.key);
        let model = self.policy.model(self.model);
        let part = |wanted: bool, name: Option<&String>| match wanted {
            true => name.cloned().unwrap_or_default(),
            false => String::new(),
        };
        Subject {
            limit: spec.name.clone(),
            tenant: part(spec.per.tenant, key.map(|key| &key.tenant)),
            key: part(spec.per.key, key.map(|key| &key.id)),
            model: part(spec.per.model, model.map(|model| &model.name)),
        }
    }
}
