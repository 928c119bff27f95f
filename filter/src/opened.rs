//! Requests of which the sidecar is told while they run.

use ark_gateway_core::limit::Nanos;
use ark_gateway_core::record::Record;

use crate::vm::Vm;

/// Requests in one exchange at most; the others are told in the next.
const BATCH: usize = 256;

/// Tells of requests with attempts that run for at least `age` and were not told of.
pub(crate) fn tell(vm: &mut Vm, age: Nanos, now: Nanos) -> Vec<Record> {
    let mut last = vm.opened;
    let mut told = Vec::new();
    for live in vm.live() {
        let Ok(mut live) = live.try_borrow_mut() else {
            continue;
        };
        if live.exchange.is_to_tell(age, now) {
            let mut next = || {
                last += 1;
                last
            };
            told.push(live.exchange.tell(&mut next, now));
            if told.len() >= BATCH {
                break;
            }
        }
    }
    vm.opened = last;
    told
}

/// What was told may not have arrived: it is told again, of what runs still. What has ended by then
/// has a record.
pub(crate) fn forget(vm: &Vm) {
    for live in vm.live() {
        if let Ok(mut live) = live.try_borrow_mut() {
            live.exchange.forget_told();
        }
    }
}
