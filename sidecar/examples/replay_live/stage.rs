//! What all parts of a live replay share: the load, the providers of the simulation, the clock, and
//! what clients saw.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::record::{Record, Verdict};
use ark_gateway_core::snapshot::Snapshot;
use ark_sidecar::replay::Us;
use ark_sidecar::replay::load::{Load, Request};
use ark_sidecar::replay::run::{Setting, seconds};
use ark_sidecar::replay::server::{Ask, Fate, Server};
use ark_sidecar::replay::tally::{Ended, Listed, Tally};
use tokio::time::Instant;

/// What a client saw of its request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) index: u64,
    /// Envoy's id of it, by which its record is found; empty without an answer.
    pub(crate) id: String,
    pub(crate) first_byte: Option<Us>,
    pub(crate) end: Us,
    pub(crate) ok: bool,
}

/// The stage.
pub(crate) struct Stage {
    requests: Vec<Request>,
    servers: Vec<Mutex<Server>>,
    first_byte_us: Us,
    span: Us,
    started: OnceLock<Instant>,
    /// Attempts that have arrived, by request.
    attempts: Mutex<Vec<u8>>,
    seen: Mutex<Vec<Seen>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    pub(crate) fn new(setting: &Setting<'_>, snapshot: &Snapshot) -> Self {
        let requests: Vec<Request> = (0..)
            .map_while(|index| setting.load.request(index))
            .collect();
        let model = snapshot.models.get(usize::from(setting.model.0));
        let world = setting.world_of(snapshot);
        Self {
            attempts: Mutex::new(vec![0; requests.len()]),
            requests,
            servers: world.servers.into_iter().map(Mutex::new).collect(),
            first_byte_us: model.map_or(Us::MAX, |m| Us::from(m.first_byte_timeout_ms) * 1_000),
            span: setting.load.span(),
            started: OnceLock::new(),
            seen: Mutex::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn span_s(&self) -> f64 {
        seconds(self.span)
    }

    pub(crate) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Since the first request was due; starts the clock.
    pub(crate) fn now(&self) -> Us {
        let started = self.started.get_or_init(Instant::now);
        Us::try_from(started.elapsed().as_micros()).unwrap_or(Us::MAX)
    }

    pub(crate) fn instant(&self, at: Us) -> Instant {
        let started = *self.started.get_or_init(Instant::now);
        started + std::time::Duration::from_micros(at)
    }

    /// An attempt arrives at a provider: how it will fare.
    pub(crate) fn arrives(&self, provider: usize, index: u64) -> Option<(Ask, Fate)> {
        let place = usize::try_from(index).ok()?;
        let request = self.requests.get(place)?;
        let attempt = {
            let mut attempts = lock(&self.attempts);
            let count = attempts.get_mut(place)?;
            *count = count.saturating_add(1);
            u64::from(*count) - 1
        };
        let ask = Ask {
            index,
            attempt,
            input_tokens: request.input_tokens,
            output_tokens: request.output_tokens,
            stream: request.stream,
            first_byte_us: self.first_byte_us,
        };
        let now = self.now();
        let mut server = lock(self.servers.get(provider)?);
        let fate = server.foresee(&ask, now);
        server.begin(&ask, &fate, now);
        Some((ask, fate))
    }

    /// It has ended.
    pub(crate) fn left(&self, provider: usize) {
        if let Some(server) = self.servers.get(provider) {
            lock(server).end();
        }
    }

    pub(crate) fn saw(&self, seen: Seen) {
        lock(&self.seen).push(seen);
    }

    /// Requests that had an answer of any kind, and so have a record.
    pub(crate) fn sent(&self) -> usize {
        lock(&self.seen).iter().filter(|s| !s.id.is_empty()).count()
    }

    /// What came of it: latencies as clients saw them, the rest by Ark's records.
    pub(crate) fn tally(
        &self,
        snapshot: &Snapshot,
        load: &Load,
        records: &[Record],
        slots: usize,
    ) -> Result<Tally, String> {
        let slos = snapshot.priorities.map(|spec| spec.slo);
        let mut tally = Tally::new(slos, snapshot.targets.len(), load.span(), slots);
        let by_id: BTreeMap<&str, &Record> = records.iter().map(|r| (r.id.as_str(), r)).collect();
        let mut seen = lock(&self.seen).clone();
        seen.sort_by_key(|seen| seen.index);
        for one in seen {
            let place = usize::try_from(one.index).unwrap_or(usize::MAX);
            let request = *self.requests.get(place).ok_or("an unknown request")?;
            let record = by_id
                .get(one.id.as_str())
                .ok_or_else(|| format!("request {} has no record", one.index))?;
            if let Some(target) = first_choice(record, snapshot) {
                tally.chosen(target, request.at);
            }
            let limited =
                |a: &&ark_gateway_core::record::AttemptRecord| a.verdict == Verdict::RateLimited;
            tally.ended(&Ended {
                request,
                first_byte: one.first_byte,
                end: one.end.max(request.at),
                ok: one.ok,
                cost: record.cost.unwrap_or(MicroUsd(0)),
                attempts: u32::try_from(record.attempts.len()).unwrap_or(u32::MAX),
                limited: u32::try_from(record.attempts.iter().filter(limited).count())
                    .unwrap_or(u32::MAX),
                listed: Listed::default(),
            });
        }
        Ok(tally)
    }
}

fn first_choice(record: &Record, snapshot: &Snapshot) -> Option<usize> {
    let first = record.attempts.first()?;
    snapshot.targets.iter().position(|target| {
        let provider = snapshot.providers.get(usize::from(target.provider.0));
        target.model == first.model && provider.is_some_and(|p| p.name == first.provider)
    })
}
