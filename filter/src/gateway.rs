//! The gateway role: admits, inspects and decides on the request; answers and settles.

use std::cell::RefCell;
use std::rc::Rc;

use ark_dialect::error_body::{ModelObject, model_object, models_list};
use ark_dialect::provider_error::{BODY_LIMIT_BYTES, ProviderError};
use ark_dialect::request::RequestInspector;
use ark_gateway_core::admit::{Admission, Route, admit, route};
use ark_gateway_core::decide::{Facts, decide};
use ark_gateway_core::exchange::{Answer, End, Exchange};
use ark_gateway_core::limit::{LimitVerdict, Nanos};
use ark_gateway_core::policy::{Policy, grants};
use ark_gateway_core::record::Endpoint;
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::snapshot::{KeySpec, ROUTE_FIRST_BYTE_TIMEOUT_MS, ROUTE_TOTAL_TIMEOUT_MS};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType};

use crate::head::Head;
use crate::vm::{Live, Shared};
use crate::{host, limits, reply, vm};

/// Bytes of the body in Wasm memory at a time: it never shrinks, so a large body must not fill it.
const WINDOW: usize = 64 * 1024;

/// Bytes of JSON per prompt token, for the estimate that decides; usage is what is billed.
const BYTES_PER_TOKEN: u64 = 4;

/// Where the answer to the client stands.
#[derive(Default, PartialEq, Eq)]
enum Answering {
    /// No header yet.
    #[default]
    Nothing,
    /// We answer ourselves: all that follows is ours.
    Own,
    /// The provider's answer passes.
    Relay,
    /// The provider's error is held until it is whole, to be cleaned.
    CleanError,
}

/// One request in its gateway role.
#[derive(Default)]
pub(crate) struct GatewayFilter {
    live: Option<Shared>,
    inspector: Option<RequestInspector>,
    /// Body bytes already inspected.
    inspected: usize,
    limit: Option<(u32, LimitVerdict)>,
    answering: Answering,
    complete: bool,
}

impl GatewayFilter {
    /// Everything that the head decides.
    fn on_head(&mut self, head: &Head<'_>, ended: bool) -> Result<(), Reject> {
        let now = host::now();
        let route = route(head.request.method, head.request.path);
        if matches!(route, Ok(Route::Health)) {
            self.answer_json(200, b"{\"status\":\"ok\"}");
            return Ok(());
        }
        let policy =
            vm::with(|vm| vm.policy.clone()).ok_or_else(|| Reject::new(RejectCode::NotReady))?;
        if matches!(route, Ok(Route::Ready)) {
            self.answer_json(200, b"{\"status\":\"ready\"}");
            return Ok(());
        }
        let endpoint = match route {
            Ok(Route::Call(endpoint)) => endpoint,
            Ok(Route::ListModels | Route::ShowModel(_)) => Endpoint::Models,
            Ok(Route::Health | Route::Ready) | Err(_) => Endpoint::Other,
        };
        let live = self.begin(head, &policy, endpoint, now);
        let admission = admit(&policy, &head.request)?;
        live.borrow_mut().exchange.admitted(admission);
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
                Ok(())
            }
            Route::ListModels => {
                self.list_models(&policy, key);
                Ok(())
            }
            Route::ShowModel(id) => self.show_model(&policy, key, id),
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
        let live = loop {
            let exchange = Exchange::new(Rc::clone(policy), id.clone(), endpoint, now);
            let live = Rc::new(RefCell::new(Live {
                exchange,
                facts: None,
                decided: now,
                path: head.path.to_owned(),
                has_content_length: head.request.content_length.is_some(),
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

    fn list_models(&mut self, policy: &Policy, key: &KeySpec) {
        let models: Vec<_> = policy
            .models_of(key)
            .map(|m| model_entry(m.name.as_str()))
            .collect();
        self.answer_json(200, &models_list(&models));
    }

    fn show_model(&mut self, policy: &Policy, key: &KeySpec, id: &str) -> Result<(), Reject> {
        // A model that the key may not use is not shown to exist.
        match policy.model_named(id) {
            Some(model) if grants(key, model) => {
                self.answer_json(200, &model_object(&model_entry(id)));
                Ok(())
            }
            Some(_) | None => Err(Reject::model_not_found(id)),
        }
    }

    /// Reads what is new of the body, window by window.
    fn read_body(&mut self, size: usize) -> Result<(), Reject> {
        let (Some(inspector), Some(live)) = (&mut self.inspector, &self.live) else {
            return Ok(());
        };
        let limit = live
            .borrow()
            .exchange
            .policy()
            .snapshot()
            .gateway
            .body_limit_bytes;
        if size as u64 > limit {
            return Err(Reject::body_too_large(limit));
        }
        while self.inspected < size {
            let want = WINDOW.min(size - self.inspected);
            let window = host::body(BufferType::HttpRequestBody, self.inspected, want);
            if window.is_empty() {
                return Err(Reject::new(RejectCode::Internal));
            }
            inspector.push(&window);
            self.inspected += window.len();
        }
        Ok(())
    }

    /// The body is whole: decides and hands the order to the router.
    fn decide(&mut self) -> Result<(), Reject> {
        let (Some(inspector), Some(live)) = (self.inspector.take(), &self.live) else {
            return Err(Reject::new(RejectCode::Internal));
        };
        let facts = inspector
            .finish()
            .map_err(|e| Reject::invalid_request(e.message(), e.param().map(str::to_owned)))?;
        let mut live = live.borrow_mut();
        let model = live.exchange.inspected(&facts.model, facts.stream)?;
        let admission = live
            .exchange
            .admission()
            .ok_or_else(|| Reject::new(RejectCode::Internal))?;
        let policy = Rc::clone(live.exchange.policy());
        let asked = Facts {
            model,
            priority: admission.priority,
            pin: admission.pin,
            input_tokens: facts.body_len as u64 / BYTES_PER_TOKEN,
            max_output_tokens: facts.max_tokens,
        };
        let now = host::now();
        let (decision, knowledge) = vm::with(|vm| {
            let draw = vm.draw();
            let (scores, knowledge) = vm.knowledge(&policy, now);
            (decide(&policy, scores, &asked, draw), knowledge)
        });
        let decision = decision.ok_or_else(|| Reject::new(RejectCode::NoTarget))?;
        live.exchange
            .decided(decision, knowledge, asked.input_tokens);
        live.facts = Some(facts);
        live.decided = now;
        route_by(&policy, &decision, &asked);
        Ok(())
    }

    fn answer_json(&mut self, status: u16, body: &[u8]) {
        self.answering = Answering::Own;
        if let Some(live) = &self.live {
            live.borrow_mut().exchange.answered_locally(status);
        }
        let limits = self.limit_headers();
        reply::json(status, body, &as_pairs(&limits));
    }

    fn refuse(&mut self, reject: &Reject) -> Action {
        self.answering = Answering::Own;
        if let Some(live) = &self.live {
            live.borrow_mut().exchange.reject(reject.code);
        }
        let limits = self.limit_headers();
        reply::refuse(reject, &as_pairs(&limits));
        Action::Pause
    }

    /// OpenAI's rate-limit headers, of the key's own limit.
    fn limit_headers(&self) -> Vec<(&'static str, String)> {
        self.limit.map_or_else(Vec::new, |(limit, verdict)| {
            vec![
                ("x-ratelimit-limit-requests", limit.to_string()),
                (
                    "x-ratelimit-remaining-requests",
                    verdict.remaining.to_string(),
                ),
                (
                    "x-ratelimit-reset-requests",
                    format!("{}ms", verdict.reset_ms),
                ),
            ]
        })
    }

    fn finish_body(&mut self) -> Action {
        match self.decide() {
            Ok(()) => Action::Continue,
            Err(reject) => self.refuse(&reject),
        }
    }

    /// Ark's headers on an answer that came from a provider.
    fn mark_answer(&self, live: &Live) {
        let policy = live.exchange.policy();
        let version = &policy.snapshot().version.0;
        if live.exchange.stale() {
            host::set_response_header("x-ark-snapshot", &format!("{version}; stale"));
        } else {
            host::set_response_header("x-ark-snapshot", version);
        }
        if let Some(target) = live
            .exchange
            .current_target()
            .and_then(|t| policy.target(t))
        {
            host::set_response_header("x-ark-model", &target.model);
        }
        for (name, value) in self.limit_headers() {
            host::set_response_header(name, &value);
        }
    }

    /// Replaces a provider's error by its cleaned form.
    fn clean_error(size: usize) {
        let body = host::body(BufferType::HttpResponseBody, 0, size.min(BODY_LIMIT_BYTES));
        let clean = ProviderError::read(&body).body();
        host::set_response_header("content-type", "application/json");
        host::set_response_header("content-length", &clean.len().to_string());
        host::replace_body(BufferType::HttpResponseBody, size, &clean);
    }
}

impl Context for GatewayFilter {}

impl HttpContext for GatewayFilter {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let wire = host::request_headers();
        let head = Head::read(&wire);
        for name in &head.internal {
            host::remove_request_header(name);
        }
        match self.on_head(&head, end_of_stream) {
            // Nothing is sent on before the body has been read and the targets are known.
            Ok(()) => Action::Pause,
            Err(reject) => self.refuse(&reject),
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.answering == Answering::Own {
            return Action::Pause;
        }
        if let Err(reject) = self.read_body(size) {
            return self.refuse(&reject);
        }
        if end_of_stream {
            self.finish_body()
        } else {
            Action::Pause
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if self.answering == Answering::Own {
            return Action::Pause;
        }
        self.finish_body()
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.complete |= end_of_stream;
        if self.answering == Answering::Own {
            return Action::Continue;
        }
        let Some(shared) = self.live.clone() else {
            return Action::Continue;
        };
        let mut live = shared.borrow_mut();
        let answer = if live.exchange.relay() {
            Answer::Relay
        } else {
            live.exchange.answer(host::response_status(), host::now())
        };
        match answer {
            Answer::Relay => {
                self.answering = Answering::Relay;
                self.mark_answer(&live);
                Action::Continue
            }
            Answer::ClientError if !end_of_stream => {
                self.answering = Answering::CleanError;
                self.mark_answer(&live);
                Action::Pause
            }
            Answer::ClientError => {
                drop(live);
                self.refuse(&Reject::invalid_request(
                    "The model's provider refused the request.".to_owned(),
                    None,
                ))
            }
            Answer::Fail(reject) => {
                drop(live);
                self.refuse(&reject)
            }
        }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.complete |= end_of_stream;
        if self.answering != Answering::CleanError {
            return Action::Continue;
        }
        if !end_of_stream {
            return Action::Pause;
        }
        Self::clean_error(size);
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.complete = true;
        Action::Continue
    }

    fn on_log(&mut self) {
        let Some(live) = self.live.take() else {
            return;
        };
        let end = if self.complete {
            End::Complete
        } else {
            end_of(host::response_flags())
        };
        vm::with(|vm| vm.settle(&live, end, host::now()));
    }
}

fn as_pairs<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|(k, v)| (*k, v.as_str())).collect()
}

/// Who broke off, by Envoy's response flags (`CoreResponseFlag`): the downstream connection's end
/// (bit 14) or a downstream reset (bit 28), or else our side.
fn end_of(flags: u64) -> End {
    const DOWNSTREAM: u64 = 1 << 14 | 1 << 28;
    if flags & DOWNSTREAM != 0 {
        End::ClientGone
    } else {
        End::Broken
    }
}

fn model_entry(id: &str) -> ModelObject<'_> {
    ModelObject {
        id,
        created: 0,
        owned_by: "ark",
    }
}

/// Hands the ordered targets and the time budgets to the router.
///
/// The targets travel as filter state, not as headers: a header would reach the providers, as what
/// an upstream filter removes at one attempt is missing for the routing of the next. One value,
/// `first|1:second|2:third|`, as each write is a host call.
fn route_by(policy: &Policy, decision: &ark_gateway_core::decide::Decision, facts: &Facts) {
    let mut order = String::with_capacity(64);
    for (attempt, target) in decision.targets().enumerate() {
        let provider = policy
            .target(target)
            .and_then(|t| policy.provider(t.provider));
        let Some(provider) = provider else {
            continue;
        };
        if attempt > 0 {
            order.push_str(if attempt == 1 { "1:" } else { "2:" });
        }
        order.push_str(&provider.name);
        order.push('|');
    }
    host::set_filter_state("ark.order", &order);
    let retries = decision.len().saturating_sub(1);
    if retries + 1 != usize::from(policy.snapshot().gateway.max_attempts) {
        host::set_request_header("x-envoy-max-retries", &retries.to_string());
    }
    let Some(model) = policy.model(facts.model) else {
        return;
    };
    if model.total_timeout_ms != ROUTE_TOTAL_TIMEOUT_MS {
        host::set_request_header(
            "x-envoy-upstream-rq-timeout-ms",
            &model.total_timeout_ms.to_string(),
        );
    }
    if model.first_byte_timeout_ms != ROUTE_FIRST_BYTE_TIMEOUT_MS {
        host::set_request_header(
            "x-envoy-upstream-rq-per-try-timeout-ms",
            &model.first_byte_timeout_ms.to_string(),
        );
    }
}
