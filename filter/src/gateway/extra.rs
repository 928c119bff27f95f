//! What is sent beyond the attempts that a request needs: a hedge when the first is slow, a shadow copy.

use ark_gateway_core::decide::{Decision, Facts};
use ark_gateway_core::hedge::{Hedge, hedge};
use ark_gateway_core::limit::Nanos;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::shadow::{Drawn, Skip, draw};
use ark_gateway_core::snapshot::{ModelSpec, TargetId};

use super::GatewayFilter;
use crate::provider::ANSWERED_BY;
use crate::{host, vm};

/// Which attempt of a race the answer is of; the client is not told.
pub(super) fn answered_by() -> Option<usize> {
    let place = host::response_header(ANSWERED_BY)?;
    host::remove_response_header(ANSWERED_BY);
    std::str::from_utf8(&place).ok()?.parse().ok()
}

impl GatewayFilter {
    /// Makes the request ready to hedge, or copies it: never both, as either is for those that the
    /// other is not for.
    pub(super) fn add_extras(
        &self,
        (spec, asked): (&ModelSpec, &Facts<'_>),
        (decision, order): (&Decision, &str),
        body_bytes: u64,
    ) {
        if spec.hedge.is_none() && spec.shadow.is_none() {
            return;
        }
        let now = host::now();
        if self.hedge(spec, asked, (decision, order), now) {
            return;
        }
        if let Some(target) = self.draw_copy(spec, asked, body_bytes, now) {
            self.copy_to(target, now);
        }
    }

    fn policy(&self) -> Option<std::rc::Rc<Policy>> {
        let live = self.live.as_ref()?.borrow();
        Some(std::rc::Rc::clone(live.exchange.policy()))
    }

    fn hedge(
        &self,
        spec: &ModelSpec,
        asked: &Facts<'_>,
        (decision, order): (&Decision, &str),
        now: Nanos,
    ) -> bool {
        let (Some(policy), Some(shared)) = (self.policy(), &self.live) else {
            return false;
        };
        let said = vm::with(|vm| {
            let (scores, _) = vm.knowledge(&policy, now);
            let said = hedge(&policy, scores, (spec, asked.priority), decision);
            if let Some(Err(skip)) = said {
                vm.faults.hedges.count(skip);
            }
            said
        });
        let Some(Ok(hedge)) = said else {
            return false;
        };
        {
            let mut live = shared.borrow_mut();
            live.exchange.hedged(hedge);
            // The inner listener knows the whole body, and says how long it is.
            live.has_content_length = true;
        }
        race_by(spec, hedge, order);
        true
    }

    /// Draws whether a copy is made, and to whom.
    fn draw_copy(
        &self,
        spec: &ModelSpec,
        asked: &Facts<'_>,
        body_bytes: u64,
        now: Nanos,
    ) -> Option<TargetId> {
        let policy = self.policy()?;
        let drawn = vm::with(|vm| {
            let random = vm.draw();
            let (scores, _) = vm.knowledge(&policy, now);
            draw(&policy, scores, (asked, body_bytes), vm.copies(), random)
        });
        let said = match drawn {
            Drawn::To(target) if self.can_take(&policy, spec, target) => Ok(target),
            Drawn::To(_) => Err(Skip::Unsuitable),
            Drawn::Skipped(skip) => Err(skip),
            Drawn::No => return None,
        };
        said.map_err(|skip| vm::with(|vm| vm.faults.shadows.count(skip)))
            .ok()
    }

    /// Whether the request can be put into the words of the copy's target, by the model's own policy.
    fn can_take(&self, policy: &Policy, spec: &ModelSpec, target: TargetId) -> bool {
        let client = self.live.as_ref().and_then(|live| live.borrow().client);
        let alone = ModelSpec {
            targets: vec![target],
            ..spec.clone()
        };
        client.is_some_and(|client| {
            let refused = self.refused(policy, &alone, client);
            refused.is_ok_and(|refused| refused.targets.is_empty())
        })
    }

    fn copy_to(&self, target: TargetId, now: Nanos) {
        let (Some(policy), Some(shared)) = (self.policy(), &self.live) else {
            return;
        };
        let spec = policy.target(target);
        let Some(provider) = spec.and_then(|t| policy.provider(t.provider)) else {
            return;
        };
        let mut live = shared.borrow_mut();
        let copy = live.copy_to(target, now);
        let id = live.exchange.id();
        if vm::with(|vm| vm.register_copy(id, copy)) {
            host::set_request_header("x-ark-shadow", &provider.name);
        } else {
            live.exchange.was_not_copied();
        }
    }
}

/// Sends the request through Envoy's inner listener, where each attempt is a request of its own. These
/// headers end there; no provider sees them.
fn race_by(spec: &ModelSpec, hedge: Hedge, order: &str) {
    host::set_request_header("x-ark-hedge", "race");
    host::set_request_header("x-ark-order", order);
    host::set_request_header(
        "x-ark-first-byte-ms",
        &spec.first_byte_timeout_ms.to_string(),
    );
    host::set_request_header("x-ark-total-ms", &spec.total_timeout_ms.to_string());
    host::set_request_header(
        "x-envoy-upstream-rq-per-try-timeout-ms",
        &hedge.after_ms.to_string(),
    );
}
