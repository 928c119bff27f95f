//! What this provider is sent.

use std::rc::Rc;

use ark_dialect::anthropic::headers;
use ark_dialect::chat::Written;
use ark_dialect::loss::Loss;
use ark_dialect::openai_chat::LEGACY_FUNCTIONS;
use ark_dialect::translate::{Client, ErrorForm, Wire, read, write};
use ark_dialect::vendor::UsageReport;
use ark_dialect::{account, responses, vendor};
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::{OnLoss, ProviderSpec, TargetId};
use ark_wire::json_scan::ScanError;
use ark_wire::markers::MarkerScan;
use ark_wire::request::BodyError;
use ark_wire::rewrite::{Edits, Plan, StoreEdit};
use proxy_wasm::types::BufferType;

use super::ProviderFilter;
use super::bounds::{bounded, may_store, planned, stored_nowhere};
use super::wire::{path_of, wire_of};
use crate::gateway::{bad_request, facts_of, malformed};
use crate::vm::Live;
use crate::{host, vm};

/// Headers that may carry a credential: what one provider's cluster injected must not reach the next.
const CREDENTIALS: [&str; 4] = ["authorization", "api-key", "x-api-key", "x-goog-api-key"];

/// What happens to the body.
pub(super) enum Rewrite {
    /// Nothing.
    None,
    /// A few bytes change, and by how many is known.
    Splice(Plan),
    /// It is made anew.
    Whole(Whole),
}

/// How a body is made anew.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    client: Client,
    wire: Wire,
    target: TargetId,
    /// The provider has this very endpoint: only members that it does not take are changed.
    native: bool,
}

impl ProviderFilter {
    /// The form in which the client reads errors.
    pub(super) fn form(&self) -> ErrorForm {
        let client = self.live.as_ref().and_then(|live| live.borrow().client);
        client.map_or(ErrorForm::Openai, Client::error_form)
    }

    /// Finds the request and rewrites its head; `None` when nothing may be sent.
    pub(super) fn begin(&mut self) -> Option<()> {
        let id = host::request_header("x-request-id")?;
        let shared = vm::with(|vm| vm.find(std::str::from_utf8(&id).ok()?))?;
        self.live = Some(Rc::clone(&shared));
        let mut live = shared.borrow_mut();
        let now = if live.exchange.is_untried() {
            live.decided
        } else {
            host::now()
        };
        let (target, first) = live.exchange.attempt_began(&self.provider, now)?;
        self.place = live.exchange.place();
        if live.exchange.is_copy() {
            // Its mark is between Envoy and us.
            host::set_request_header("x-request-id", live.exchange.id());
        }
        if !first {
            for name in CREDENTIALS {
                host::remove_request_header(name);
            }
        }
        self.rewrite_head(&live, target, first)
    }

    /// Sets what this provider needs. The first attempt sees the client's head and skips what is
    /// right already; a later one sees what the attempts before it wrote, and sets all.
    fn rewrite_head(&mut self, live: &Live, id: TargetId, first: bool) -> Option<()> {
        let policy = live.exchange.policy();
        let target = policy.target(id)?;
        let provider = policy.provider(target.provider)?;
        let client = live.client?;
        let wire = wire_of(provider, target, client);
        let native = live.passes(client, wire);
        host::set_request_header(":authority", &provider.authority);
        let call = (client, wire, (native, live.exchange.stream()));
        let path = path_of(provider, &target.model, call);
        if !first || path != live.path {
            host::set_request_header(":path", &path);
        }
        set_versions(live, provider, (wire, native));
        let facts = live.facts.as_ref()?;
        if !native || is_adapted(client, wire, live) {
            self.rewrite = Rewrite::Whole(Whole {
                client,
                wire,
                target: id,
                native,
            });
            return Some(());
        }
        let rewritten = planned(live, facts, (wire, provider), &target.model);
        if live.has_content_length && (!first || !rewritten.is_empty()) {
            let length = rewritten.new_len().to_string();
            host::set_request_header("content-length", &length);
        }
        if !rewritten.is_empty() {
            self.rewrite = Rewrite::Splice(rewritten);
        }
        Some(())
    }

    /// The body is whole: makes it what this provider takes.
    pub(super) fn rewrite_body(&mut self, size: usize) -> Result<(), Reject> {
        let rewrite = std::mem::replace(&mut self.rewrite, Rewrite::None);
        let body = host::body(BufferType::HttpRequestBody, 0, size);
        match rewrite {
            Rewrite::None => {}
            Rewrite::Splice(plan) => match plan.apply(&body) {
                Ok(rewritten) => host::replace_body(BufferType::HttpRequestBody, size, &rewritten),
                Err(error) => {
                    vm::with(|vm| vm.faults.bodies_not_rewritten += 1);
                    host::warn(&format!("a request could not be rewritten: {error:?}"));
                    return Err(Reject::new(RejectCode::Internal));
                }
            },
            Rewrite::Whole(whole) => {
                let made = self.make(whole, &body)?;
                host::set_request_header("content-length", &made.len().to_string());
                host::replace_body(BufferType::HttpRequestBody, size, &made);
            }
        }
        Ok(())
    }

    fn make(&mut self, whole: Whole, body: &[u8]) -> Result<Vec<u8>, Reject> {
        let internal = || Reject::new(RejectCode::Internal);
        let shared = self.live.as_ref().ok_or_else(internal)?;
        let mut live = shared.borrow_mut();
        live.exchange.speak_of(self.place);
        let policy = Rc::clone(live.exchange.policy());
        let target = policy.target(whole.target).ok_or_else(internal)?;
        let provider = policy.provider(target.provider).ok_or_else(internal)?;
        self.translated_anyway = whole.native && speaks_of_functions(whole, body);
        let written = if whole.native && !self.translated_anyway {
            adapt(whole, &target.model, &live, body)?
        } else {
            let asked = match &live.asked {
                Some(asked) => asked.clone(),
                None => read(whole.client, body).map_err(|bad| bad_request(&bad))?,
            };
            let bounded = bounded(&asked, &live);
            let facts = facts_of(target, provider);
            let written = write(&bounded, whole.client, whole.wire, &facts);
            live.asked = Some(asked);
            let written = written.ok_or_else(internal)?;
            stored_nowhere(written, &live, target.provider)
        };
        note_losses(&mut live, &written.losses);
        Ok(written.body)
    }
}

/// A body of the same dialect, without what this provider does not take.
fn adapt(whole: Whole, model: &str, live: &Live, body: &[u8]) -> Result<Written, Reject> {
    let internal = || Reject::new(RejectCode::Internal);
    let facts = live.facts.as_ref().ok_or_else(internal)?;
    let provider = live.exchange.policy().target(whole.target);
    let provider = provider.and_then(|t| live.exchange.policy().provider(t.provider));
    let provider = provider.ok_or_else(internal)?;
    let planned = planned(live, facts, (whole.wire, provider), model);
    let mut losses = Vec::new();
    let splices = match (whole.client, whole.wire) {
        (Client::Responses, _) => {
            let edit = responses::store_edit(body).map_err(|bad| bad_request(&bad))?;
            let edit = edit.filter(|_| !may_store(live));
            let own = account::edits(body, &provider.account).map_err(unreadable)?;
            losses = own.losses;
            edit.into_iter().chain(own.splices).collect()
        }
        (Client::Chat, Wire::Openai(_) | Wire::Azure { .. }) => {
            let edits = match whole.wire {
                Wire::Openai(vendor) if vendor.has_quirks() => vendor::edits(body, vendor),
                Wire::Openai(_)
                | Wire::Azure { .. }
                | Wire::Responses(_)
                | Wire::Anthropic
                | Wire::Gemini(_)
                | Wire::Bedrock => vendor::foreign_history(body),
            };
            let edits = edits.map_err(unreadable)?;
            losses = edits.losses;
            edits.splices
        }
        _ => Vec::new(),
    };
    let made = planned.with(splices).apply(body);
    Ok(Written {
        body: made.map_err(|_other| internal())?,
        losses,
    })
}

fn unreadable(error: ScanError) -> Reject {
    malformed(BodyError::from(error))
}

/// Whether a chat request has OpenAI's deprecated functions, which this vendor does not take.
fn speaks_of_functions(whole: Whole, body: &[u8]) -> bool {
    let Wire::Openai(vendor) = whole.wire else {
        return false;
    };
    if whole.client != Client::Chat || vendor.takes_functions() {
        return false;
    }
    let mut scan = MarkerScan::new(&LEGACY_FUNCTIONS);
    scan.push(body);
    scan.found()
}

/// Whether a body of the same dialect must be changed beyond the model's name and the usage chunk.
fn is_adapted(client: Client, wire: Wire, live: &Live) -> bool {
    let history = client == Client::Chat && live.foreign_history;
    match wire {
        Wire::Openai(vendor) => history || (client == Client::Chat && vendor.has_quirks()),
        Wire::Azure { .. } => history,
        // It must not be stored.
        Wire::Responses(_) => true,
        Wire::Anthropic | Wire::Gemini(_) | Wire::Bedrock => false,
    }
}

/// Anthropic's versions are its own: the client's for a client of its own dialect, and gone elsewhere.
fn set_versions(live: &Live, provider: &ProviderSpec, (wire, native): (Wire, bool)) {
    if wire == Wire::Anthropic {
        let configured = provider.api_version.as_deref().unwrap_or(headers::VERSION);
        // What Ark writes is of the configured version; what passes is of the client's.
        let own = live.anthropic_version.as_deref().filter(|_| native);
        host::set_request_header("anthropic-version", own.unwrap_or(configured));
        if let Some(beta) = &live.anthropic_beta {
            host::set_request_header("anthropic-beta", beta);
        }
        return;
    }
    // An earlier attempt may have set them, or the client.
    if live.anthropic_version.is_some() || !live.exchange.is_first_attempt() {
        host::remove_request_header("anthropic-version");
    }
    if live.anthropic_beta.is_some() {
        host::remove_request_header("anthropic-beta");
    }
}

/// What changes in a body that passes.
pub(super) fn edits<'a>(wire: Wire, model: &'a str, live: &Live) -> Edits<'a> {
    let asked = live.facts.as_ref().map_or("", |f| f.model.as_str());
    let in_path = matches!(wire, Wire::Azure { v1: false });
    let openai = matches!(wire, Wire::Openai(_) | Wire::Azure { .. });
    let asks = match wire {
        Wire::Openai(vendor) => vendor.quirks().usage == UsageReport::OnRequest,
        Wire::Azure { .. }
        | Wire::Responses(_)
        | Wire::Anthropic
        | Wire::Gemini(_)
        | Wire::Bedrock => true,
    };
    let optional_usage = asks && matches!(live.client, Some(Client::Chat | Client::Completions));
    Edits {
        store: StoreEdit::Leave,
        // Azure takes the deployment from the path.
        model: (!in_path && model != asked).then_some(model),
        include_usage: openai
            && optional_usage
            && live.exchange.stream()
            && live.facts.as_ref().is_some_and(|f| !f.include_usage),
    }
}

fn note_losses(live: &mut Live, losses: &[Loss]) {
    let model = live
        .exchange
        .current_model()
        .map_or(OnLoss::Allow, |m| m.on_loss);
    let labels = losses.iter().map(|l| l.field.label().to_owned()).collect();
    live.exchange.attempt_lost(labels);
    if !losses.is_empty() && model != OnLoss::Allow {
        let names: Vec<_> = losses.iter().map(|l| l.field.name()).collect();
        let said = format!("lossy; dropped={}", names.join(","));
        let place = live.exchange.place();
        live.lossy.push((place, said));
    }
}
