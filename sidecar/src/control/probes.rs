//! Which targets are to be probed, and what came of it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ark_gateway_core::circuit::Circuit;
use ark_gateway_core::record::Record;
use ark_gateway_core::snapshot::{ModelSpec, ProviderKind, TargetSpec};
use serde_json::{Value, json};

use super::Control;
use crate::Ms;
use crate::config::{self, Config, ProbeConfig};
use crate::observations::TargetKey;
use crate::probing::{Candidate, Verdict};
use crate::verdicts;
use crate::window::Window;

/// A request to send through the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The provider to pin, and its name for the model.
    pub target: TargetKey,
    /// The path.
    pub path: &'static str,
    /// The body.
    pub body: Value,
    /// Longest that an answer may take, milliseconds.
    pub timeout_ms: u32,
}

/// Lets probes in where any provider wants them: they come as a client with a key of its own.
pub(super) fn let_in(mut config: Config, sha256: Option<&str>) -> Config {
    if config.providers.iter().any(|p| p.probe.is_some())
        && let Some(tenant) = sha256.and_then(config::prober)
    {
        config.tenants.push(tenant);
    }
    config
}

impl Control {
    /// Where Envoy listens for clients.
    #[must_use]
    pub fn listen(&self) -> Option<SocketAddr> {
        match self.setting.listen_is_fixed {
            true => self.setting.place.listen.parse().ok(),
            false => Some(self.config.gateway.listen),
        }
    }

    /// The probes to send now, at most `room`. Each is to be told of when it has ended.
    pub fn probes(&mut self, room: usize, now: Ms) -> Vec<Probe> {
        if self.config.providers.iter().all(|p| p.probe.is_none()) || !self.all_know_the_key(now) {
            return Vec::new();
        }
        let observations = &self.observations;
        self.probing
            .tidy(self.today, |(p, m)| observations.window(p, m).is_some());
        let mut probes = Vec::new();
        for (key, candidate, probe) in self.candidates(now) {
            if probes.len() >= room {
                break;
            }
            match self.probing.wants(&key, &candidate, now) {
                Verdict::NotDue => {}
                Verdict::Due => probes.push(probe),
                Verdict::OverBudget(is_news) => {
                    self.setting.metrics.probes().ended(&key.0, "over_budget");
                    if is_news {
                        let provider = key.0;
                        tracing::warn!(provider, "its probes have used up their budget for today");
                    }
                }
            }
        }
        probes
    }

    /// A probe could not be sent, or the gateway itself did not let it through.
    pub fn probe_ended(&mut self, target: &TargetKey, unsent: Option<&str>) {
        self.probing.ended(target);
        if let Some(reason) = unsent {
            let provider = target.0.as_str();
            self.setting.metrics.probes().ended(provider, "unsent");
            tracing::warn!(provider, reason, "a probe could not be sent");
        }
    }

    /// The record of a probe.
    pub(super) fn probe_told(&mut self, record: &Record) {
        let Some(attempt) = record.attempts.last() else {
            return;
        };
        if !self.known.providers.contains(&attempt.provider) {
            return;
        }
        let provider = attempt.provider.as_str();
        let metrics = self.setting.metrics.probes();
        metrics.ended(provider, verdicts::name(attempt.verdict));
        metrics.cost(provider, record.cost);
        let specs = self.snapshot.targets.iter();
        let price = specs
            .filter(|spec| spec.model == attempt.model)
            .find(|spec| self.name_of(spec) == provider)
            .and_then(|spec| spec.price);
        self.probing.charged(provider, record.cost, price);
    }

    /// A worker that does not know the key yet would refuse it.
    fn all_know_the_key(&self, now: Ms) -> bool {
        let version = Some(&self.snapshot.version);
        let mut workers = self.workers.live(now).peekable();
        self.is_open
            && workers.peek().is_some()
            && workers.all(|worker| worker.snapshot.as_ref() == version)
    }

    fn name_of(&self, spec: &TargetSpec) -> &str {
        let provider = self.snapshot.providers.get(usize::from(spec.provider.0));
        provider.map_or("", |p| p.name.as_str())
    }

    /// Every target that a probe can reach: the first of its provider in any model.
    fn candidates(&self, now: Ms) -> Vec<(TargetKey, Candidate, Probe)> {
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        for model in &self.snapshot.models {
            let mut providers = BTreeSet::new();
            for id in &model.targets {
                let Some(spec) = self.snapshot.targets.get(usize::from(id.0)) else {
                    continue;
                };
                let key = (self.name_of(spec).to_owned(), spec.model.clone());
                if !providers.insert(spec.provider) || seen.contains(&key) {
                    continue;
                }
                let Some((config, kind)) = self.probed(&key.0) else {
                    continue;
                };
                let probe = Probe::of(&key, model, (spec, kind));
                seen.insert(key.clone());
                found.push((key.clone(), self.candidate(config, &key, spec, now), probe));
            }
        }
        found
    }

    fn probed(&self, provider: &str) -> Option<(ProbeConfig, ProviderKind)> {
        let config = self.config.providers.iter().find(|p| p.name == provider)?;
        Some((config.probe?, config.kind))
    }

    fn candidate(
        &self,
        config: ProbeConfig,
        (provider, model): &TargetKey,
        spec: &TargetSpec,
        now: Ms,
    ) -> Candidate {
        let window = self.observations.window(provider, model);
        Candidate {
            config,
            price: spec.price,
            circuit: window.map_or(Circuit::Closed, |w| w.breaker().circuit(now)),
            newest: window.and_then(Window::newest),
            is_asked: !self.workers.waiting(provider, model, now).is_empty(),
        }
    }
}

impl Probe {
    fn of(key: &TargetKey, model: &ModelSpec, (spec, kind): (&TargetSpec, ProviderKind)) -> Self {
        let (path, body) = if spec.capabilities.embeddings && is_embedder(&spec.model) {
            (
                "/v1/embeddings",
                json!({"model": model.name, "input": "ping"}),
            )
        } else {
            let bound = match kind {
                // Their newer models take no other.
                ProviderKind::Openai | ProviderKind::AzureOpenai => "max_completion_tokens",
                ProviderKind::OpenaiCompatible
                | ProviderKind::Anthropic
                | ProviderKind::Bedrock
                | ProviderKind::Gemini
                | ProviderKind::Vertex => "max_tokens",
            };
            let mut body = json!({
                "model": model.name, "stream": true,
                "messages": [{"role": "user", "content": "ping"}],
            });
            if let Some(fields) = body.as_object_mut() {
                fields.insert(bound.to_owned(), json!(1));
            }
            ("/v1/chat/completions", body)
        };
        Self {
            target: key.clone(),
            path,
            body,
            timeout_ms: model.first_byte_timeout_ms.saturating_add(5_000),
        }
    }
}

/// Servers of embeddings are named for it; capabilities say what is possible, not what is not.
fn is_embedder(model: &str) -> bool {
    let name = model.to_ascii_lowercase();
    ["embed", "bge-", "e5-", "minilm"]
        .iter()
        .any(|part| name.contains(part))
}
