//! One provider at run time: its conditions, its control, what it received and answered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use super::bill::{Bill, Charge, Due};
use super::conditions::{Conditions, Failure};
use super::config::ProviderConfig;
use super::control::Control;
use super::dialect::{Dialect, dialect};
use super::recording::Recordings;
use super::script::{Instead, Script};
use super::seen::Seen;

/// A running provider.
#[derive(Debug)]
pub struct Provider {
    /// What it was started as.
    pub config: ProviderConfig,
    pub(super) recordings: Arc<Recordings>,
    pub(super) dialect: Box<dyn Dialect>,
    pub(super) headers: HeaderMap,
    /// Raised to close all connections.
    pub(super) closing: watch::Sender<u64>,
    pub(super) switch: mpsc::Sender<Switch>,
    live: Mutex<Live>,
    counts: Counts,
}

/// An order to open or close the listener, answered when it is done.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) down: bool,
    pub(super) done: oneshot::Sender<Result<(), String>>,
}

#[derive(Debug)]
struct Live {
    conditions: Conditions,
    control: Control,
    seen: VecDeque<Seen>,
    sequence: u64,
    requests: u64,
    resets: u64,
    statuses: BTreeMap<u16, u64>,
    bill: Bill,
}

#[derive(Debug, Default)]
struct Counts {
    active: AtomicU64,
    connections: AtomicU64,
    abandoned: AtomicU64,
}

/// What a provider counted since its start or the last reset of its counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// API requests received completely.
    pub requests: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests answered by a reset.
    pub resets: u64,
    /// Requests whose client went away before the answer's end.
    pub abandoned: u64,
    /// Requests being answered now.
    pub active: u64,
    /// Connections open now.
    pub connections: u64,
}

/// What awaits one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) sequence: u64,
    pub(super) ttft: Duration,
    pub(super) tpot: Duration,
    pub(super) script: Script,
}

/// Marks a request as being answered; dropped unfinished, it counts as abandoned.
#[derive(Debug)]
pub(super) struct Active {
    provider: Arc<Provider>,
    finished: bool,
    due: Option<Due>,
}

/// Marks a connection as open.
#[derive(Debug)]
pub(super) struct Connected(Arc<Provider>);

impl Provider {
    /// A provider whose listener obeys `switch`.
    pub(super) fn new(
        config: ProviderConfig,
        recordings: Arc<Recordings>,
        switch: mpsc::Sender<Switch>,
    ) -> Self {
        let conditions = Conditions::new(
            config.seed,
            config.latency,
            config.availability,
            config.spell_requests,
        );
        let dialect = dialect(&config);
        Self {
            recordings,
            headers: vendor_headers(&config, &*dialect),
            dialect,
            closing: watch::Sender::new(0),
            switch,
            live: Mutex::new(Live {
                conditions,
                control: Control::default(),
                seen: VecDeque::with_capacity(config.seen),
                sequence: 0,
                requests: 0,
                resets: 0,
                statuses: BTreeMap::new(),
                bill: Bill::default(),
            }),
            counts: Counts::default(),
            config,
        }
    }

    /// Counts a request in, keeps it for inspection, and decides what awaits it: its own script
    /// goes over the control's, and both over the provider's conditions.
    pub(super) fn admit(&self, seen: Option<Seen>, script: Script) -> Arrival {
        let mut live = self.live();
        live.requests += 1;
        live.sequence += 1;
        let sequence = live.sequence;
        if let Some(mut seen) = seen {
            if live.seen.len() >= self.config.seen {
                live.seen.pop_front();
            }
            seen.number(sequence);
            live.seen.push_back(seen);
        }
        let draw = live.conditions.draw();
        let share = live.control.share;
        let mut plan = Script::default();
        if live.control.has_fault() && live.conditions.happens(share) {
            plan = live.control.fault();
        }
        let mut script = plan.overridden_by(script);
        if script.instead.is_none() {
            script.instead = draw.failure.map(|failure| match failure {
                Failure::Status(status) => Instead::Status(status),
                Failure::Reset => Instead::Reset,
            });
        }
        let factor = live.control.latency_factor;
        let scaled = |time: Duration| {
            Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
        };
        Arrival {
            sequence,
            ttft: script.ttft.unwrap_or_else(|| scaled(draw.ttft)),
            tpot: script.chunk_delay.unwrap_or_else(|| scaled(draw.tpot)),
            script,
        }
    }

    /// Counts an answer.
    pub(super) fn count_status(&self, status: u16) {
        *self.live().statuses.entry(status).or_default() += 1;
    }

    /// Counts a reset in place of an answer.
    pub(super) fn count_reset(&self) {
        self.live().resets += 1;
    }

    /// Marks a request as being answered.
    pub(super) fn activate(self: &Arc<Self>) -> Active {
        self.counts.active.fetch_add(1, Ordering::Relaxed);
        Active {
            provider: Arc::clone(self),
            finished: false,
            due: None,
        }
    }

    /// Marks a connection as open.
    pub(super) fn connect(self: &Arc<Self>) -> Connected {
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        Connected(Arc::clone(self))
    }

    /// What it counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let live = self.live();
        Stats {
            requests: live.requests,
            statuses: live.statuses.clone(),
            resets: live.resets,
            abandoned: self.counts.abandoned.load(Ordering::Relaxed),
            active: self.counts.active.load(Ordering::Relaxed),
            connections: self.counts.connections.load(Ordering::Relaxed),
        }
    }

    /// Forgets counts and received requests; what is active or open stays counted.
    pub fn reset_stats(&self) {
        let mut live = self.live();
        live.requests = 0;
        live.resets = 0;
        live.statuses.clear();
        live.seen.clear();
        live.bill.clear();
        self.counts.abandoned.store(0, Ordering::Relaxed);
    }

    /// What it charges for, oldest first.
    #[must_use]
    pub fn charges(&self) -> Vec<Charge> {
        self.live().bill.charges()
    }

    /// The last `limit` received requests, oldest first.
    #[must_use]
    pub fn seen(&self, limit: usize) -> Vec<Seen> {
        let live = self.live();
        let skip = live.seen.len().saturating_sub(limit);
        live.seen.iter().skip(skip).cloned().collect()
    }

    /// Its control now.
    #[must_use]
    pub fn control(&self) -> Control {
        self.live().control.clone()
    }

    pub(super) fn set_control(&self, control: Control) {
        self.live().control = control;
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        // No invariant spans two fields, so a poisoned lock still guards usable values.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The headers of every answer; none when it is configured without.
fn vendor_headers(config: &ProviderConfig, dialect: &dyn Dialect) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !config.vendor_headers {
        return headers;
    }
    for (key, value) in dialect.headers(&config.name) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(key), value);
        }
    }
    headers
}

impl Active {
    /// The answer will be charged for.
    pub(super) fn owe(&mut self, due: Due) {
        self.due = Some(due);
    }

    /// What is to be charged for, while the answer is on its way.
    pub(super) fn due(&mut self) -> Option<&mut Due> {
        self.due.as_mut()
    }

    /// The answer got to its end, scripted ends included.
    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if let Some(due) = self.due.take() {
            self.provider.live().bill.add(due.charge());
        }
        let counts = &self.provider.counts;
        counts.active.fetch_sub(1, Ordering::Relaxed);
        if !self.finished {
            counts.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.counts.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
