//! Whether this worker keeps up: how late its own ticks come, and what it refuses for its own sake.

use std::time::{Duration, Instant};

use ark_gateway_core::admit::is_overloaded;
use ark_gateway_core::overload::{Cause, Turn, is_over};
use ark_gateway_core::policy::Policy;
use ark_gateway_core::priority::Priority;
use ark_gateway_core::reject::Reject;

use crate::vm::{Shared, Vm};
use crate::{host, vm};

/// How often the worker looks at its own lateness.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// The worker's own clock.
#[derive(Default)]
pub(crate) struct Pulse {
    /// When the next tick should come.
    due: Option<Instant>,
}

impl Pulse {
    /// Takes in that a tick has come.
    pub(crate) fn begins(&self) {
        let Some(due) = self.due else {
            return;
        };
        let late = monotonic().saturating_duration_since(due);
        let turn = vm::with(|vm| {
            let gateway = vm.policy.as_ref().map(|policy| policy.snapshot().gateway);
            let target_ms = gateway.map_or(0, |gateway| gateway.shed_when_late_ms);
            let most = gateway.map_or(0, |gateway| gateway.max_in_flight_per_worker);
            if vm.said_full && vm.live().len() as u64 * 2 < u64::from(most.max(1)) {
                vm.said_full = false;
            }
            vm.overload.ticked(nanos(late), nanos(TICK), target_ms)
        });
        match turn {
            Turn::None => {}
            Turn::Begins => host::warn(
                "this worker is overloaded, its event loop runs late: requests are shed, batch first",
            ),
            Turn::Ends => host::warn("this worker keeps up again: no requests are shed"),
        }
    }

    /// The tick is over: the host counts the next one from here.
    pub(crate) fn ends(&mut self) {
        self.due = monotonic().checked_add(TICK);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "lateness is told by a clock that nobody sets; no decision on a request's content reads it"
)]
fn monotonic() -> Instant {
    Instant::now()
}

/// Refuses a request for which this worker has no room: the least urgent first, and before its body is
/// read. `announced` is how long that will be.
pub(crate) fn admit(
    policy: &Policy,
    live: &Shared,
    priority: Priority,
    announced: Option<u64>,
) -> Result<(), Reject> {
    let most = policy.snapshot().gateway.max_in_flight_per_worker;
    let (cause, says) = vm::with(|vm| {
        let cause = if vm.overload.sheds(priority) {
            Some(Cause::Late)
        } else if is_overloaded(vm.live().len(), most, priority) {
            Some(Cause::InFlight)
        } else {
            None
        };
        (cause, cause.is_some_and(|cause| vm.shed(cause, priority)))
    });
    if says {
        say_full();
    }
    match cause {
        Some(_) => Err(Reject::overloaded()),
        None => hold(policy, live, priority, announced.unwrap_or_default()),
    }
}

/// Counts a body's bytes to those that this worker holds, once.
pub(crate) fn hold(
    policy: &Policy,
    live: &Shared,
    priority: Priority,
    bytes: u64,
) -> Result<(), Reject> {
    let mut live = live.borrow_mut();
    let more = bytes.saturating_sub(live.body_bytes);
    if more == 0 {
        return Ok(());
    }
    let most = policy.snapshot().gateway.max_body_bytes_per_worker;
    let (held, says) = vm::with(|vm| {
        let all = vm.body_bytes.saturating_add(more);
        if is_over(all, most, priority) {
            return (false, vm.shed(Cause::BodyBytes, priority));
        }
        vm.body_bytes = all;
        (true, false)
    });
    if says {
        say_full();
    }
    if !held {
        return Err(Reject::overloaded());
    }
    live.body_bytes = bytes;
    Ok(())
}

fn say_full() {
    host::warn("this worker is full: requests are shed, batch first, see gateway.max_…_per_worker");
}

impl Vm {
    /// Counts a refusal; whether it is to be said, which it is once until there is room again.
    fn shed(&mut self, cause: Cause, priority: Priority) -> bool {
        self.faults.sheds.count(cause, priority);
        match cause {
            Cause::Late => false,
            Cause::InFlight | Cause::BodyBytes => !std::mem::replace(&mut self.said_full, true),
        }
    }
}
