//! The exchange with the sidecar: records out, snapshot and scores in.

use std::time::Duration;

use ark_gateway_core::limit::Nanos;
use ark_gateway_core::overload::Load;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::record::Record;
use ark_gateway_core::snapshot::TargetId;
use ark_gateway_core::sync::{SyncRequest, SyncResponse, Waiting};
use proxy_wasm::hostcalls;
use proxy_wasm::types::BufferType;

use crate::vm::Vm;
use crate::{host, incoming, opened, vm};

/// How long the sidecar may take for one exchange.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Records in one exchange at most, so that one tick never stalls the worker.
const BATCH: usize = 1_024;

/// Ages of waiting attempts per target in one exchange at most.
const WAITING_LIMIT: usize = 64;

/// One exchange on its way.
struct Pending {
    token: u32,
    sent: Nanos,
    records: Vec<Record>,
    /// It told of requests that run.
    tells: bool,
}

impl Pending {
    /// It has not arrived, or could not be kept: it is said again.
    fn unsaid(self) {
        vm::with(|vm| {
            vm.requeue(self.records);
            if self.tells {
                opened::forget(vm);
            }
        });
    }
}

/// The conversation of one worker with the sidecar.
pub(crate) struct Sync {
    cluster: String,
    interval: Nanos,
    last: Nanos,
    pending: Option<Pending>,
    /// The last exchange failed: said once, not at every tick.
    failing: bool,
}

impl Sync {
    pub(crate) fn new(cluster: String, interval_ms: u64) -> Self {
        Self {
            cluster,
            interval: interval_ms.max(50) * 1_000_000,
            last: 0,
            pending: None,
            failing: false,
        }
    }

    /// Sends what happened, when something did or when it is time.
    pub(crate) fn on_tick(&mut self) {
        let now = host::now();
        if let Some(pending) = &self.pending {
            // The host always calls back; a second deadline guards against a host that does not.
            if now.saturating_sub(pending.sent) < 3 * 1_000_000_000 {
                return;
            }
            self.failed("no answer");
        }
        let due = now.saturating_sub(self.last) >= self.interval;
        let age = self.interval;
        let request = vm::with(|vm| (due || !vm.records.is_empty()).then(|| request(vm, age, now)));
        if let Some(request) = request {
            self.last = now;
            self.send(request, now);
        }
    }

    fn send(&mut self, request: SyncRequest, now: Nanos) {
        let body = match ark_link::write_sync_request(&request) {
            Ok(body) => body,
            Err(error) => {
                host::warn(&format!("records could not be written: {error}"));
                return;
            }
        };
        let headers = vec![
            (":method", "POST"),
            (":path", "/filter/v1/sync"),
            (":authority", "ark"),
            ("content-type", ark_link::CONTENT_TYPE),
        ];
        let sent =
            hostcalls::dispatch_http_call(&self.cluster, headers, Some(&body), vec![], TIMEOUT);
        let pending = |token| Pending {
            token,
            sent: now,
            tells: !request.opened.is_empty(),
            records: request.records,
        };
        match sent {
            Ok(token) => self.pending = Some(pending(token)),
            Err(status) => {
                pending(0).unsaid();
                self.say_failing(&format!("{status:?}"));
            }
        }
    }

    /// Takes what is new.
    pub(crate) fn on_response(&mut self, token: u32, headers: usize, body_size: usize) {
        if self.pending.as_ref().is_none_or(|p| p.token != token) {
            return;
        }
        if headers == 0 {
            self.failed("no connection");
            return;
        }
        let status = host::call_status();
        if status != 200 {
            self.failed(&format!("status {status}"));
            return;
        }
        let body = host::body(BufferType::HttpCallResponseBody, 0, body_size);
        match ark_link::read_sync_response(&body) {
            Ok(response) => {
                let pending = self.pending.take();
                if let Some(pending) = pending.filter(|_| response.resend) {
                    pending.unsaid();
                }
                if self.failing {
                    self.failing = false;
                    host::warn("the sidecar answers again");
                }
                if take(response) {
                    self.go_on();
                }
            }
            Err(error) => self.failed(&format!("garbage: {error}")),
        }
    }

    /// More of a snapshot is to be had at once.
    fn go_on(&mut self) {
        let now = host::now();
        self.last = now;
        let age = self.interval;
        let request = vm::with(|vm| request(vm, age, now));
        self.send(request, now);
    }

    fn failed(&mut self, why: &str) {
        if let Some(pending) = self.pending.take() {
            pending.unsaid();
        }
        self.say_failing(why);
    }

    fn say_failing(&mut self, why: &str) {
        if !self.failing {
            self.failing = true;
            host::warn(&format!(
                "the sidecar does not answer ({why}); serving on the last snapshot"
            ));
        }
    }
}

/// Whether to ask for more at once.
fn take(response: SyncResponse) -> bool {
    let now = host::now();
    vm::with(|vm| {
        vm.heard = Some(now);
        incoming::take(vm, response)
    })
}

fn request(vm: &mut Vm, age: Nanos, now: Nanos) -> SyncRequest {
    let opened = opened::tell(vm, age, now);
    let count = vm.records.len().min(BATCH);
    SyncRequest {
        worker: vm.worker.clone(),
        snapshot: vm.policy.as_ref().map(|p| p.snapshot().version.clone()),
        scores: incoming::newest_scores(vm),
        pages: Some(incoming::wanted(vm)),
        faults: vm.faults,
        records: vm.records.drain(..count).collect(),
        waiting: waiting(vm, now),
        opened,
        load: Load {
            in_flight: u32::try_from(vm.live().len()).unwrap_or(u32::MAX),
            body_bytes: vm.body_bytes,
            late_us: vm.overload.late_us(),
            pressure: vm.overload.pressure(),
        },
    }
}

/// Attempts that wait for their first byte, by target.
fn waiting(vm: &Vm, now: Nanos) -> Vec<Waiting> {
    let mut all: Vec<Waiting> = Vec::new();
    for live in vm.live() {
        let Ok(live) = live.try_borrow() else {
            continue;
        };
        for (target, age) in live.exchange.waiting(now) {
            note_waiting(&mut all, live.exchange.policy(), (target, age));
        }
    }
    all
}

fn note_waiting(all: &mut Vec<Waiting>, policy: &Policy, (target, age): (TargetId, Nanos)) {
    let Some(spec) = policy.target(target) else {
        return;
    };
    let Some(provider) = policy.provider(spec.provider) else {
        return;
    };
    let age_ms = u32::try_from(age / 1_000_000).unwrap_or(u32::MAX);
    let known = all
        .iter_mut()
        .find(|w| w.provider == provider.name && w.model == spec.model);
    match known {
        Some(known) if known.ages_ms.len() < WAITING_LIMIT => known.ages_ms.push(age_ms),
        Some(_) => {}
        None => all.push(Waiting {
            provider: provider.name.clone(),
            model: spec.model.clone(),
            ages_ms: vec![age_ms],
        }),
    }
}
