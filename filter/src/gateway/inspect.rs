//! The request's body: read window by window, whole only where that cannot be avoided.

use std::rc::Rc;

use ark_dialect::account;
use ark_dialect::anthropic::FOREIGN_SIGNATURES;
use ark_dialect::loss::Loss;
use ark_dialect::openai_chat::FOREIGN_HISTORY;
use ark_dialect::translate::{Asked, Client, Wire, read};
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::ProviderSpec;
use ark_wire::markers::MarkerScan;
use ark_wire::opening::opening;
use proxy_wasm::types::BufferType;

use super::GatewayFilter;
use crate::vm::Shared;
use crate::{host, pulse};

/// Bytes of the body in Wasm memory at a time: it never shrinks, so a large body must not fill it.
const WINDOW: usize = 64 * 1024;

/// Where JSON says that there is more than text, or that the answer must follow a schema: a member's
/// name or a type. Within a string the quotes would be escaped, so text that speaks of them is not
/// mistaken.
static CONTENT: [&[u8]; 9] = [
    b"\"image_url\"",
    b"\"input_image\"",
    b"\"image\"",
    b"\"input_audio\"",
    b"\"file\"",
    b"\"input_file\"",
    b"\"document\"",
    b"\"container_upload\"",
    b"\"json_schema\"",
];

/// What the body holds that matters before it is parsed.
pub(super) struct Marks {
    signatures: MarkerScan,
    history: MarkerScan,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            signatures: MarkerScan::new(&FOREIGN_SIGNATURES),
            history: MarkerScan::new(&FOREIGN_HISTORY),
        }
    }
}

impl GatewayFilter {
    /// Reads what is new of the body.
    pub(super) fn read_body(&mut self, size: usize) -> Result<(), Reject> {
        let (Some(inspector), Some(live)) = (&mut self.inspector, &self.live) else {
            return Ok(());
        };
        let (limit, client, is_mixed) = {
            let live = live.borrow();
            let policy = live.exchange.policy();
            let limit = policy.snapshot().gateway.body_limit_bytes;
            (limit, live.client, !policy.only_openais_models())
        };
        if size as u64 > limit {
            return Err(Reject::body_too_large(limit));
        }
        hold_body(live, size)?;
        let signed = matches!(client, Some(Client::Messages | Client::Responses));
        while self.inspected < size {
            let want = WINDOW.min(size - self.inspected);
            let window = host::body(BufferType::HttpRequestBody, self.inspected, want);
            if window.is_empty() {
                return Err(Reject::new(RejectCode::Internal));
            }
            if self.inspected == 0 {
                let hash = |bytes| crate::vm::with(|vm| vm.opening(bytes));
                self.opening = opening(&window).map(hash);
            }
            inspector.push(&window);
            if let Some(params) = &mut self.params {
                params.push(&window);
            }
            if signed {
                self.marks.signatures.push(&window);
            }
            if is_mixed && client == Some(Client::Chat) {
                self.marks.history.push(&window);
            }
            self.inspected += window.len();
        }
        Ok(())
    }

    /// Whether reasoning of another maker's model is in the conversation.
    pub(super) fn has_foreign_signature(&self) -> bool {
        self.marks.signatures.found()
    }

    /// Whether there may be in the conversation what Ark put there when another maker's model answered.
    pub(super) fn has_foreign_history(&self) -> bool {
        self.marks.history.found()
    }

    /// Whether there may be more than text in the conversation.
    pub(super) fn may_hold_more_than_text(&self) -> bool {
        self.finds(&CONTENT)
    }

    /// Whether one of these stands in the body; also when it cannot be read.
    pub(super) fn finds(&self, marks: &'static [&'static [u8]]) -> bool {
        let mut scan = MarkerScan::new(marks);
        let mut at = 0;
        while at < self.inspected && !scan.found() {
            let window = host::body(
                BufferType::HttpRequestBody,
                at,
                WINDOW.min(self.inspected - at),
            );
            if window.is_empty() {
                return true;
            }
            scan.push(&window);
            at += window.len();
        }
        scan.found()
    }

    /// What a Responses request that passes loses, as another account than this provider's has encrypted it.
    pub(super) fn loses_reasoning(
        &self,
        (client, wire): (Client, Wire),
        provider: &ProviderSpec,
    ) -> Option<Loss> {
        let may_hold = client == Client::Responses
            && matches!(wire, Wire::Responses(_))
            && self.finds(&account::MARKED);
        if !may_hold {
            return None;
        }
        let body = host::body(BufferType::HttpRequestBody, 0, self.inspected);
        // What cannot be read is refused where it must be read.
        let edits = account::edits(&body, &provider.account).ok()?;
        edits.losses.into_iter().next()
    }

    /// The request in no one's dialect. Takes the whole body into memory.
    pub(super) fn asked(&self) -> Result<Asked, Reject> {
        let internal = || Reject::new(RejectCode::Internal);
        let live = self.live.as_ref().ok_or_else(internal)?;
        let mut live = live.borrow_mut();
        if let Some(asked) = &live.asked {
            return Ok(asked.clone());
        }
        let client = live.client.ok_or_else(internal)?;
        let body = host::body(BufferType::HttpRequestBody, 0, self.inspected);
        let asked = read(client, &body).map_err(|bad| bad_request(&bad))?;
        live.asked = Some(asked.clone());
        Ok(asked)
    }
}

/// What was announced is counted already; of a body of unknown length each part is, as it comes.
fn hold_body(live: &Shared, size: usize) -> Result<(), Reject> {
    let (policy, admission, held) = {
        let live = live.borrow();
        let policy = Rc::clone(live.exchange.policy());
        (policy, live.exchange.admission(), live.body_bytes)
    };
    match admission {
        Some(admission) if size as u64 > held => {
            pulse::hold(&policy, live, admission.priority, size as u64)
        }
        Some(_) | None => Ok(()),
    }
}

/// A request that its own dialect forbids, as a refusal.
pub(crate) fn bad_request(bad: &ark_dialect::chat::BadRequest) -> Reject {
    if bad.field.is_empty() {
        return Reject::invalid_request(bad.problem.clone(), None);
    }
    let message = format!("`{}` {}.", bad.field, bad.problem.trim_end_matches('.'));
    Reject::invalid_request(message, Some(bad.field.clone()))
}
