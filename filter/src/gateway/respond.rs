//! What the client gets from the gateway itself.

use ark_dialect::translate::ErrorForm;
use ark_gateway_core::money::PriceBasis;
use ark_gateway_core::reject::Reject;
use proxy_wasm::types::Action;

use super::told::told_limits;
use super::{Answering, GatewayFilter, quota};
use crate::vm::Live;
use crate::{host, reply};

impl GatewayFilter {
    pub(super) fn answer_json(&mut self, status: u16, body: &[u8], extra: &[(&str, &str)]) {
        self.answering = Answering::Own;
        if let Some(live) = &self.live {
            live.borrow_mut().exchange.answered_locally(status);
        }
        let mut own = self.limit_headers();
        own.extend(self.guarded());
        let mut headers = as_pairs(&own);
        headers.extend_from_slice(extra);
        reply::json(status, body, &headers);
    }

    /// Refuses in the dialect of the endpoint that was called.
    pub(super) fn refuse(&mut self, reject: &Reject) -> Action {
        let client = self.live.as_ref().and_then(|live| live.borrow().client);
        let form = client.map_or(ErrorForm::Openai, |client| client.error_form());
        self.refuse_in(form, reject)
    }

    pub(super) fn refuse_in(&mut self, form: ErrorForm, reject: &Reject) -> Action {
        let headers = self.refusing(reject);
        send(form, reject, &headers);
        Action::Pause
    }

    /// Takes in that the request is refused; the headers that say more.
    pub(super) fn refusing(&mut self, reject: &Reject) -> Vec<(&'static str, String)> {
        self.answering = Answering::Own;
        if let Some(live) = &self.live {
            live.borrow_mut().exchange.reject(reject.code);
        }
        let mut own = self.limit_headers();
        let explained = self
            .live
            .as_ref()
            .and_then(|live| live.borrow_mut().explained.take());
        own.extend(explained.map(|words| ("x-ark-explain", words)));
        own.extend(self.refusing_rule(reject));
        own.extend(self.guarded());
        own
    }

    /// What guards found and did.
    fn guarded(&self) -> Option<(&'static str, String)> {
        let live = self.live.as_ref()?.try_borrow().ok()?;
        Some(("x-ark-guard", live.exchange.guard_words()?))
    }

    /// The rate-limit headers of the key's own limit, in OpenAI's names.
    fn limit_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = self.own_limit_headers();
        if let Some(live) = &self.live
            && let Ok(live) = live.try_borrow()
        {
            leased(&live, &mut headers);
        }
        headers
    }

    fn own_limit_headers(&self) -> Vec<(&'static str, String)> {
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

    /// Ark's headers on an answer that came from a provider.
    pub(super) fn mark_answer(&self, live: &Live) {
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
            match (&target.price, target.price_basis) {
                (None, _) => host::set_response_header("x-ark-price", "unknown"),
                (Some(_), PriceBasis::Ceiling) => {
                    host::set_response_header("x-ark-price", "ceiling");
                }
                (Some(_), PriceBasis::Listed | PriceBasis::Denied) => {}
            }
        }
        if let Some(other) = live.exchange.fallback() {
            host::set_response_header("x-ark-fallback", &other.name);
        }
        if let Some(found) = live.exchange.guard_words() {
            host::set_response_header("x-ark-guard", &found);
        }
        let place = live.exchange.place();
        if let Some((_, lossy)) = live.lossy.iter().find(|(of, _)| *of == place) {
            host::set_response_header("x-ark-translation", lossy);
        }
        if let Some(explained) = &live.explained {
            host::set_response_header("x-ark-explain", explained);
            if let Some(rule) = live.exchange.access_rule() {
                host::set_response_header("x-ark-rule", rule);
            }
        }
        let mut headers = self.own_limit_headers();
        leased(live, &mut headers);
        headers.extend(told_limits(live, &headers));
        for (name, value) in headers {
            host::set_response_header(name, &value);
        }
    }
}

/// Adds what is left of leased limits; of one name the leased limit's word stands.
fn leased(live: &Live, headers: &mut Vec<(&'static str, String)>) {
    quota::headers(live, |name, value| {
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value));
    });
}

/// Answers with a refusal.
pub(super) fn send(form: ErrorForm, reject: &Reject, headers: &[(&'static str, String)]) {
    reply::refuse(form, reject, &as_pairs(headers));
}

fn as_pairs<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    headers.iter().map(|(k, v)| (*k, v.as_str())).collect()
}
