//! Limits that are leased from the sidecar: what a request reserves, waits for and is refused.

use std::rc::Rc;
use std::time::Duration;

use ark_dialect::translate::ErrorForm;
use ark_gateway_core::basis::Basis;
use ark_gateway_core::decide::{Decision, Facts};
use ark_gateway_core::exchange::Knowledge;
use ark_gateway_core::limit::Nanos;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::quota::{
    Ask, Asked, Dialect, Downgrade, Estimate, QuotaAnswer, Verdict, Wait, estimate, limit_headers,
};
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::{ModelId, TargetId};
use ark_wire::request::RequestFacts;
use proxy_wasm::hostcalls;
use proxy_wasm::types::BufferType;

use super::GatewayFilter;
use crate::quota::{Held, Said, answer_of, dispatch};
use crate::vm::Live;
use crate::{host, vm};

/// A request that is decided, and whose limits are not yet.
pub(super) struct Pending {
    pub(super) decision: Decision,
    pub(super) knowledge: Knowledge,
    pub(super) facts: RequestFacts,
    pub(super) input_tokens: u64,
    /// What was decided on, but for [`Pending::refused`].
    pub(super) asked: Facts<'static>,
    pub(super) refused: Vec<TargetId>,
    pub(super) basis: Basis,
    pub(super) estimate: Estimate,
    /// When it was decided, or could go on after it had waited.
    pub(super) now: Nanos,
}

/// What a paused request waits for.
pub(super) struct Waiting {
    pending: Pending,
    wait: Wait,
    said: Said,
    token: u32,
    sent: Nanos,
}

/// Whether a request may go on now.
pub(super) enum Goes {
    On,
    Waits,
}

fn asked(policy: &Policy, key: u32, (model, estimate): (ModelId, Estimate)) -> Asked<'_> {
    Asked {
        policy,
        key,
        model,
        estimate,
    }
}

/// What a request is expected to use at most.
pub(super) fn estimate_of(
    policy: &Policy,
    decision: &Decision,
    (model, input_tokens, most): (ModelId, u64, Option<u64>),
) -> Estimate {
    let learnt = vm::with(|vm| {
        let scores = vm.scores.as_ref();
        let scores = scores.filter(|s| s.snapshot == policy.snapshot().version)?;
        let of = scores.models.get(usize::from(model.0))?;
        of.long_output_tokens.map(u64::from)
    });
    estimate(policy, decision, input_tokens, (most, learnt))
}

/// What a share of a limit that is used up changes for this request.
pub(super) fn downgrade(policy: &Policy, key: u32, model: ModelId) -> Option<Downgrade> {
    if policy.snapshot().quota.is_empty() {
        return None;
    }
    let now = host::now();
    let asked = asked(policy, key, (model, Estimate::default()));
    vm::with(|vm| vm.book.downgrade(&asked, now))
}

impl GatewayFilter {
    /// Reserves what the request may use, or has it wait for the sidecar's word.
    pub(super) fn reserve(
        &mut self,
        policy: &Rc<Policy>,
        key: u32,
        pending: Pending,
    ) -> Result<Goes, Reject> {
        if policy.snapshot().quota.is_empty() {
            return self.go_on(policy, pending).map(|()| Goes::On);
        }
        let now = host::now();
        let asked = asked(policy, key, (pending.asked.model, pending.estimate));
        let verdict = vm::with(|vm| vm.book.reserve(&asked, Ask::First, now));
        match verdict {
            Verdict::Admitted(reservation) => {
                self.hold(Held { reservation });
                self.go_on(policy, pending).map(|()| Goes::On)
            }
            Verdict::Refused(refusal) => Err(Reject::limited(&refusal)),
            Verdict::Wait(wait) => {
                let said = vm::with(|vm| vm.book.report_wait(&wait));
                let deadline_ms = policy.snapshot().quota.deadline_ms;
                match dispatch(&said, Duration::from_millis(deadline_ms.into())) {
                    Some(token) => {
                        self.waiting = Some(Waiting {
                            pending,
                            wait,
                            said,
                            token,
                            sent: now,
                        });
                        Ok(Goes::Waits)
                    }
                    None => {
                        vm::with(|vm| vm.book.unanswered(now));
                        let waiting = (pending, wait);
                        self.retry(waiting, Ask::Down).map(|()| Goes::On)
                    }
                }
            }
        }
    }

    /// The sidecar's word, or that there is none.
    pub(super) fn heard(&mut self, token: u32, headers: usize, body_size: usize) {
        if self.waiting.as_ref().is_none_or(|w| w.token != token) {
            return;
        }
        let Some(waiting) = self.waiting.take() else {
            return;
        };
        let answer = match headers > 0 && host::call_status() == 200 {
            true => answer_of(&host::body(BufferType::HttpCallResponseBody, 0, body_size)),
            false => None,
        };
        let ask = take_answer(&waiting.said, answer.as_ref(), waiting.sent);
        match self.retry((waiting.pending, waiting.wait), ask) {
            Ok(()) => host::report("resume", hostcalls::resume_http_request()),
            Err(reject) => {
                self.refuse(&reject);
            }
        }
    }

    fn retry(&mut self, (mut pending, wait): (Pending, Wait), ask: Ask) -> Result<(), Reject> {
        let internal = || Reject::new(RejectCode::Internal);
        let live = self.live.clone().ok_or_else(internal)?;
        let (policy, admission) = {
            let live = live.borrow();
            let admission = live.exchange.admission().ok_or_else(internal)?;
            (Rc::clone(live.exchange.policy()), admission)
        };
        let now = host::now();
        pending.now = now;
        let asked = asked(
            &policy,
            admission.key,
            (pending.asked.model, pending.estimate),
        );
        let verdict = vm::with(|vm| {
            vm.book.stop_waiting(wait);
            vm.book.reserve(&asked, ask, now)
        });
        match verdict {
            Verdict::Admitted(reservation) => {
                self.hold(Held { reservation });
                self.go_on(&policy, pending)
            }
            Verdict::Refused(refusal) => Err(Reject::limited(&refusal)),
            Verdict::Wait(wait) => {
                vm::with(|vm| vm.book.stop_waiting(wait));
                Err(internal())
            }
        }
    }

    fn hold(&mut self, held: Held) {
        if held.reservation.unchecked {
            vm::with(|vm| vm.faults.quota_unchecked += 1);
            vm::say_unchecked();
        }
        if let Some(live) = &self.live {
            live.borrow_mut().held = Some(held);
        }
    }

    /// The client went away while its request waited.
    pub(super) fn stop_waiting(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            vm::with(|vm| vm.book.stop_waiting(waiting.wait));
        }
    }
}

/// Puts the sidecar's answer into the book; what that makes of the request.
pub(crate) fn take_answer(said: &Said, answer: Option<&QuotaAnswer>, sent: Nanos) -> Ask {
    let now = host::now();
    vm::with(|vm| match answer {
        Some(answer) if vm.book.answered(said, answer, (sent, now)) => {
            vm.said_unchecked = false;
            Ask::Answered
        }
        Some(_) | None => {
            vm.book.unanswered(now);
            Ask::Down
        }
    })
}

/// Whose convention the caller reads.
pub(super) fn dialect_of(live: &Live) -> Dialect {
    match live.client.map(|client| client.error_form()) {
        Some(ErrorForm::Anthropic) => Dialect::Anthropic,
        Some(ErrorForm::Openai) | None => Dialect::Openai,
    }
}

/// What is left of a request's limits, as headers in its caller's convention.
pub(super) fn headers(live: &Live, mut tell: impl FnMut(&'static str, String)) {
    let exchange = &live.exchange;
    let policy = exchange.policy();
    if policy.snapshot().quota.is_empty() {
        return;
    }
    let (Some(admission), Some(model)) = (exchange.admission(), exchange.current_model_id()) else {
        return;
    };
    let dialect = dialect_of(live);
    let now = host::now();
    let asked = asked(policy, admission.key, (model, Estimate::default()));
    vm::with(|vm| {
        let known = vm.book.known(&asked, now);
        limit_headers(known, dialect, now / 1_000_000, &mut tell);
    });
    if live
        .held
        .as_ref()
        .is_some_and(|held| held.reservation.unchecked)
    {
        tell("x-ark-limits", "unchecked".to_owned());
    }
    if let Some(downgraded) = &live.downgraded {
        tell("x-ark-downgraded", downgraded.clone());
    }
}
