//! What the request's head asks for, and who asks.

use std::cell::RefCell;
use std::rc::Rc;

use ark_dialect::anthropic;
use ark_dialect::error_body::{ModelObject, model_object, models_list};
use ark_dialect::translate::{Client, ErrorForm};
use ark_gateway_core::admit::{Admission, RequestHead, Route, admit, route};
use ark_gateway_core::decide::check_compliance;
use ark_gateway_core::exchange::Exchange;
use ark_gateway_core::limit::Nanos;
use ark_gateway_core::policy::{Policy, grants};
use ark_gateway_core::record::Endpoint;
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::{KeySpec, ModelSpec};
use ark_wire::request::{ParamsScan, RequestInspector};

use super::GatewayFilter;
use super::access::check_access;
use super::choose::compliance_unmet;
use super::identify::identify;
use crate::head::Head;
use crate::vm::{Live, Shared};
use crate::{host, limits, pulse, vm};

impl GatewayFilter {
    /// Everything that the head decides.
    pub(super) fn on_head(&mut self, head: &Head<'_>, ended: bool) -> Result<(), Reject> {
        let now = host::now();
        let route = route(head.request.method, head.request.path);
        if matches!(route, Ok(Route::Health)) {
            self.answer_json(200, b"{\"status\":\"ok\"}", &[]);
            return Ok(());
        }
        let policy =
            vm::with(|vm| vm.policy.clone()).ok_or_else(|| Reject::new(RejectCode::NotReady))?;
        if matches!(route, Ok(Route::Ready)) {
            self.answer_json(200, b"{\"status\":\"ready\"}", &[]);
            return Ok(());
        }
        let endpoint = match route {
            Ok(Route::Call(endpoint)) => endpoint,
            Ok(Route::ListModels | Route::ShowModel(_)) => Endpoint::Models,
            Ok(Route::Health | Route::Ready) | Err(_) => Endpoint::Other,
        };
        let live = self.begin(head, &policy, endpoint, now);
        take_tags(head, &policy, &live);
        let caller = identify(head, &policy)?;
        let request = RequestHead {
            caller,
            ..head.request
        };
        let admission = admit(&policy, &request, now)?;
        live.borrow_mut().exchange.admitted(admission);
        let bounded = check_access(&live, now)?;
        let announced = head.request.content_length;
        pulse::admit(&policy, &live, admission.priority, announced)?;
        self.take_limit(&policy, admission, now)?;
        let key = policy
            .key(admission.key)
            .ok_or_else(|| Reject::new(RejectCode::Internal))?;
        match route? {
            Route::Call(_) if ended => Err(Reject::invalid_request(
                "The request has no body; it must be a JSON object.".to_owned(),
                None,
            )),
            Route::Call(_) => {
                self.inspector = Some(RequestInspector::new());
                self.params = bounded.then(ParamsScan::default);
                Ok(())
            }
            Route::ListModels => {
                self.list_models(&policy, (key, admission), head.error_form());
                Ok(())
            }
            Route::ShowModel(id) => {
                self.show_model(&policy, (key, admission), (id, head.error_form()))
            }
            Route::Health | Route::Ready => Ok(()),
        }
    }

    /// Registers the request under an id that no other request in flight has.
    fn begin(
        &mut self,
        head: &Head<'_>,
        policy: &Rc<Policy>,
        endpoint: Endpoint,
        now: Nanos,
    ) -> Shared {
        let mut id = head.id.to_owned();
        let owned = |value: Option<&str>| value.map(str::to_owned);
        let live = loop {
            let exchange = Exchange::new(Rc::clone(policy), id.clone(), endpoint, now);
            let live = Rc::new(RefCell::new(Live {
                exchange,
                client: client_of(endpoint),
                facts: None,
                asked: None,
                foreign_signature: false,
                foreign_history: false,
                lossy: Vec::new(),
                held: None,
                downgraded: None,
                conversation: None,
                explained: None,
                decided: now,
                path: head.path.to_owned(),
                anthropic_version: owned(head.anthropic_version),
                anthropic_beta: owned(head.anthropic_beta),
                has_content_length: head.request.content_length.is_some(),
                bound: None,
                body_bytes: 0,
            }));
            if !id.is_empty() && vm::with(|vm| vm.register(&id, &live)) {
                break live;
            }
            // Envoy gave none, or a client chose one that is taken: make one that is not.
            id = format!("{}-{:016x}", head.id, vm::with(vm::Vm::draw));
        };
        if id != head.id {
            host::set_request_header("x-request-id", &id);
        }
        self.live = Some(Rc::clone(&live));
        live
    }

    fn take_limit(
        &mut self,
        policy: &Policy,
        admission: Admission,
        now: Nanos,
    ) -> Result<(), Reject> {
        let (Some(limit), Some(key)) = (admission.limit, policy.key(admission.key)) else {
            return Ok(());
        };
        let Some(verdict) = limits::take_one(key, limit, now) else {
            vm::with(|vm| vm.faults.limits_unchecked += 1);
            host::warn("a request limit could not be checked; the request passes");
            return Ok(());
        };
        self.limit = Some((limit.requests_per_minute, verdict));
        if verdict.allowed {
            Ok(())
        } else {
            Err(Reject::rate_limited(verdict.retry_after_ms))
        }
    }

    /// Lists what the key may use and what may be served to it: not what every request for is refused.
    fn list_models(
        &mut self,
        policy: &Policy,
        (key, admission): (&KeySpec, Admission),
        form: ErrorForm,
    ) {
        let may = |m: &&ModelSpec| {
            check_compliance(policy, m, &admission.requires).is_ok() && self.shows(policy, &m.name)
        };
        let names = policy.models_of(key).filter(may).flat_map(|m| {
            let aliases = m.rules.aliases.iter().map(String::as_str);
            std::iter::once(m.name.as_str()).chain(aliases)
        });
        let body = match form {
            ErrorForm::Openai => models_list(&names.map(model_entry).collect::<Vec<_>>()),
            ErrorForm::Anthropic => anthropic::models_list(&names.collect::<Vec<_>>()),
        };
        self.answer_json(200, &body, &[]);
    }

    fn show_model(
        &mut self,
        policy: &Policy,
        (key, admission): (&KeySpec, Admission),
        (id, form): (&str, ErrorForm),
    ) -> Result<(), Reject> {
        // A model that the key may not use is not shown to exist.
        let named = policy.model_named(id).filter(|model| grants(key, *model));
        let named = named.filter(|_| self.shows(policy, id));
        let Some(model) = named.and_then(|model| policy.model(model)) else {
            return Err(Reject::model_not_found(id));
        };
        check_compliance(policy, model, &admission.requires)
            .map_err(|demand| compliance_unmet(policy, (admission, model), demand))?;
        let body = match form {
            ErrorForm::Openai => model_object(&model_entry(id)),
            ErrorForm::Anthropic => anthropic::model_object(id),
        };
        self.answer_json(200, &body, &[]);
        Ok(())
    }
}

/// Tags are the operator's own: they are recorded, and no provider sees them.
fn take_tags(head: &Head<'_>, policy: &Policy, live: &Shared) {
    let names = &policy.snapshot().tags;
    if names.is_empty() {
        return;
    }
    let tags = head.tags(names);
    for name in tags.keys() {
        host::remove_request_header(name);
    }
    live.borrow_mut().exchange.tagged(tags);
}

fn client_of(endpoint: Endpoint) -> Option<Client> {
    Some(match endpoint {
        Endpoint::ChatCompletions => Client::Chat,
        Endpoint::Completions => Client::Completions,
        Endpoint::Embeddings => Client::Embeddings,
        Endpoint::Responses => Client::Responses,
        Endpoint::Messages => Client::Messages,
        Endpoint::CountTokens => Client::CountTokens,
        Endpoint::Models | Endpoint::Other => return None,
    })
}

fn model_entry(id: &str) -> ModelObject<'_> {
    ModelObject {
        id,
        created: 0,
        owned_by: "ark",
    }
}
