//! Refusals that the head alone decides, and that many callers get at once: as cheap as can be.
//!
//! Where Envoy answers an HTTP/1 request before it has read all of it, it closes the connection, and the
//! caller's next request costs a new one, which is dearer than the refusal. So a short body is let in
//! first, unread, and what is to be said waits for its end.

use std::cell::Cell;

use ark_dialect::translate::ErrorForm;
use ark_gateway_core::exchange::End;
use ark_gateway_core::reject::Reject;

use super::GatewayFilter;
use crate::head::Head;
use crate::{host, vm};

/// A body that is longer is not waited for.
const BODY_LIMIT_BYTES: u64 = 64 * 1024;
/// All those that a worker waits for; who comes then is answered at once.
const ALL_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

thread_local! {
    static WAITED_FOR_BYTES: Cell<u64> = const { Cell::new(0) };
}

/// A refusal that waits for the end of its request.
pub(super) struct Owed {
    form: ErrorForm,
    reject: Reject,
    headers: Vec<(&'static str, String)>,
    _body: Body,
}

/// Bytes that a worker waits for, until they are dropped.
struct Body(u64);

impl Body {
    /// `None` where it is too long, or all of them are.
    fn wait_for(bytes: u64) -> Option<Self> {
        WAITED_FOR_BYTES.with(|all| {
            let sum = all.get().saturating_add(bytes);
            let fits = bytes <= BODY_LIMIT_BYTES && sum <= ALL_LIMIT_BYTES;
            fits.then(|| {
                all.set(sum);
                Self(bytes)
            })
        })
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        WAITED_FOR_BYTES.with(|all| all.set(all.get().saturating_sub(self.0)));
    }
}

impl GatewayFilter {
    /// Refuses what the head has decided on.
    pub(super) fn refuse_head(&mut self, head: &Head<'_>, ended: bool, reject: Reject) {
        let form = head.error_form();
        // Others would not come again on this connection, or are not to have what they send let in.
        if reject.retry_after_s.is_none() {
            self.refuse_in(form, &reject);
            return;
        }
        let headers = self.refusing(&reject);
        // It is in flight no more: its record is made now.
        if let Some(live) = self.live.take() {
            vm::with(|vm| vm.settle(&live, End::Complete, host::now()));
        }
        // At least as much as a stream costs, so that the number of those that wait is bounded, too.
        let bytes = head.request.content_length.map(|bytes| bytes.max(1_024));
        match bytes.filter(|_| !ended).and_then(Body::wait_for) {
            Some(body) => {
                self.owed = Some(Owed {
                    form,
                    reject,
                    headers,
                    _body: body,
                });
            }
            None => super::respond::send(form, &reject, &headers),
        }
    }

    /// The request has come to its end: what waited for that is said.
    pub(super) fn pay(&mut self) {
        if let Some(owed) = self.owed.take() {
            super::respond::send(owed.form, &owed.reject, &owed.headers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_waited_for_within_a_bound() {
        assert!(Body::wait_for(BODY_LIMIT_BYTES + 1).is_none());
        let most = ALL_LIMIT_BYTES / BODY_LIMIT_BYTES;
        let all: Vec<_> = (0..most)
            .map_while(|_| Body::wait_for(BODY_LIMIT_BYTES))
            .collect();
        assert_eq!(all.len() as u64, most);
        assert!(Body::wait_for(1).is_none());
        drop(all);
        assert!(Body::wait_for(1).is_some());
    }
}
