//! The content of requests that a guard holds for: searched, and masked or refused, before anything else
//! reads it.

use ark_gateway_core::guard::{Action, Watch};
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::ModelId;
use ark_redact::body::{Hit, masked, path_of, search};
use ark_wire::request::{BodyError, ParamsScan, RequestFacts, RequestInspector};
use proxy_wasm::types::BufferType;

use super::GatewayFilter;
use super::choose::malformed;
use crate::host;
use crate::vm::Shared;

/// What a mask leaves can, with what stands beside it, be a match again; more often than this only by
/// intent.
const MOST_ROUNDS: usize = 4;

impl GatewayFilter {
    /// Searches the content where a guard holds for a request of `asked` that `served` may serve, and
    /// masks what is to be masked: from here on all see that body, every attempt and copy.
    pub(super) fn guard(
        &mut self,
        shared: &Shared,
        facts: RequestFacts,
        (asked, served): (ModelId, ModelId),
    ) -> Result<RequestFacts, Reject> {
        let watch = shared.borrow().exchange.watch(asked, served);
        let Some(watch) = watch else {
            return Ok(facts);
        };
        let size = self.inspected;
        let mut body = host::body(BufferType::HttpRequestBody, 0, size);
        if body.len() != size {
            return Err(Reject::new(RejectCode::Internal));
        }
        let to_mask = watch.of(Action::Mask);
        let mut hits = searched(&body, &watch)?;
        note(shared, &watch, &hits);
        refuse(shared, &watch, (&body, &hits))?;
        let mut rounds = 0;
        while hits.iter().any(|hit| to_mask.has(hit.kind)) {
            if rounds == MOST_ROUNDS {
                let path = first(&hits, |hit| to_mask.has(hit.kind));
                return Err(shared
                    .borrow()
                    .exchange
                    .refused_by_guard(path_of(&body, path)));
            }
            rounds += 1;
            body = masked(&body, &hits, to_mask);
            hits = searched(&body, &watch)?;
            hits.retain(|hit| to_mask.has(hit.kind));
            note(shared, &watch, &hits);
        }
        match rounds {
            0 => Ok(facts),
            _ => self.replace(shared, size, &body),
        }
    }

    /// The body is another one now: what was read of it is read anew.
    fn replace(
        &mut self,
        shared: &Shared,
        size: usize,
        body: &[u8],
    ) -> Result<RequestFacts, Reject> {
        host::replace_body(BufferType::HttpRequestBody, size, body);
        if shared.borrow().has_content_length {
            host::set_request_header("content-length", &body.len().to_string());
        }
        self.inspected = body.len();
        if let Some(params) = &mut self.params {
            *params = ParamsScan::default();
            params.push(body);
        }
        let mut inspector = RequestInspector::new();
        inspector.push(body);
        inspector.finish().map_err(malformed)
    }
}

fn searched(body: &[u8], watch: &Watch) -> Result<Vec<Hit>, Reject> {
    search(body, watch.kinds()).map_err(|error| {
        malformed(BodyError::NotJson {
            offset: error.offset,
        })
    })
}

fn note(shared: &Shared, watch: &Watch, hits: &[Hit]) {
    let found = hits.iter().filter(|hit| hit.counts()).map(|hit| hit.kind);
    shared.borrow_mut().exchange.found(watch, found);
}

fn refuse(shared: &Shared, watch: &Watch, (body, hits): (&[u8], &[Hit])) -> Result<(), Reject> {
    let refused = watch.of(Action::Refuse);
    if !hits.iter().any(|hit| refused.has(hit.kind)) {
        return Ok(());
    }
    let at = first(hits, |hit| refused.has(hit.kind));
    Err(shared.borrow().exchange.refused_by_guard(path_of(body, at)))
}

fn first(hits: &[Hit], is_one: impl Fn(&Hit) -> bool) -> usize {
    let hit = hits.iter().find(|hit| is_one(hit));
    hit.map_or(0, |hit| hit.at.start)
}
