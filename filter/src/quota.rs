//! A worker's conversation with the sidecar about limits.

use std::time::Duration;

use ark_gateway_core::limit::Nanos;
use ark_gateway_core::quota::{CounterReport, QuotaAnswer, QuotaReport, Reservation, SlotKey};
use proxy_wasm::hostcalls;
use proxy_wasm::types::BufferType;

use crate::gateway::take_answer;
use crate::{host, vm};

/// What was said of which counters.
pub(crate) type Said = Vec<(SlotKey, CounterReport)>;

/// How long the sidecar may take for the exchange of a tick: well below the shortest lease.
const TIMEOUT: Duration = Duration::from_millis(400);

/// What a request in flight holds of its limits.
pub(crate) struct Held {
    pub(crate) reservation: Reservation,
}

/// Says it to the sidecar; the token by which the answer comes to whoever called.
pub(crate) fn dispatch(said: &Said, timeout: Duration) -> Option<u32> {
    let (cluster, worker) = vm::with(|vm| (vm.sidecar.clone(), vm.worker.clone()));
    let report = QuotaReport {
        worker,
        counters: said.iter().map(|(_, report)| report.clone()).collect(),
    };
    let body = ark_link::write_quota_report(&report).ok()?;
    let headers = vec![
        (":method", "POST"),
        (":path", "/filter/v1/quota"),
        (":authority", "ark"),
        ("content-type", ark_link::CONTENT_TYPE),
    ];
    hostcalls::dispatch_http_call(&cluster?, headers, Some(&body), vec![], timeout).ok()
}

/// Reads the sidecar's answer.
pub(crate) fn answer_of(body: &[u8]) -> Option<QuotaAnswer> {
    ark_link::read_quota_answer(body).ok()
}

/// What is on its way.
struct Pending {
    token: u32,
    sent: Nanos,
    said: Said,
}

/// The exchange of the tick: what was used goes out, and leases are renewed.
#[derive(Default)]
pub(crate) struct Renewal(Option<Pending>);

impl Renewal {
    pub(crate) fn on_tick(&mut self) {
        let now = host::now();
        if let Some(pending) = &self.0 {
            // The host always calls back; a second deadline guards against a host that does not.
            if now.saturating_sub(pending.sent) < 1_000_000_000 {
                return;
            }
            self.0 = None;
        }
        if vm::with(|vm| vm.book.is_empty()) {
            return;
        }
        let said = vm::with(|vm| vm.book.report_tick(now));
        if said.is_empty() {
            return;
        }
        match dispatch(&said, TIMEOUT) {
            Some(token) => {
                self.0 = Some(Pending {
                    token,
                    sent: now,
                    said,
                });
            }
            None => vm::with(|vm| vm.book.unanswered(now)),
        }
    }

    /// Whether the answer was for it.
    pub(crate) fn on_response(&mut self, token: u32, headers: usize, body_size: usize) -> bool {
        if self.0.as_ref().is_none_or(|pending| pending.token != token) {
            return false;
        }
        if let Some(pending) = self.0.take() {
            let answer = match headers > 0 && host::call_status() == 200 {
                true => answer_of(&host::body(BufferType::HttpCallResponseBody, 0, body_size)),
                false => None,
            };
            let _ = take_answer(&pending.said, answer.as_ref(), pending.sent);
        }
        true
    }
}
