//! OpenAI's API, and Azure's of the same models.

mod answer;
pub(super) mod ask;
pub(super) mod completion;
pub(super) mod embedding;
pub(super) mod errors;
mod headers;
mod responses;
pub(super) mod route;
pub(super) mod shape;
pub(super) mod strict;

pub(super) use self::answer::now;

use serde_json::json;

use self::errors::{azure_failure, openai_failure};
use self::route::{Flavour, Served};
use super::dialect::{Answer, Asked, Dialect, Endpoint, Headers};
use super::refusal::{Failing, Refusal};
use super::sse::Events;

/// OpenAI.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenAi;

/// Azure OpenAI.
#[derive(Clone, Copy, Debug)]
pub(super) struct Azure;

impl Dialect for OpenAi {
    fn route<'a>(&self, asked: &Asked<'a, '_>) -> Result<Box<dyn Endpoint + 'a>, Refusal> {
        Ok(Box::new(Served::find(Flavour::OpenAi, asked)?))
    }

    fn failure(&self, failing: Failing) -> Refusal {
        openai_failure(failing)
    }

    fn failed(&self, status: u16) -> Refusal {
        errors::failed(status)
    }

    fn error_body(&self, refusal: &Refusal, _sequence: u64) -> String {
        errors::body(refusal).to_string()
    }

    fn error_headers(&self, _refusal: &Refusal, retry_after_s: Option<u64>) -> Headers {
        errors::retry_headers(retry_after_s)
    }

    fn stream_error(&self, kind: Option<&str>, events: &mut Events) {
        errors::stream_error(kind, events);
    }

    fn hidden_error(&self) -> String {
        errors::of_type("server_error").to_string()
    }

    fn blocked(&self, _reason: Option<&str>, _stream: bool) -> Result<Answer, Refusal> {
        Err(openai_failure(Failing::ContentPolicy))
    }

    fn headers(&self, name: &str) -> Headers {
        headers::openai(name)
    }

    fn id_header(&self) -> Option<&'static str> {
        Some("x-request-id")
    }
}

impl Dialect for Azure {
    fn route<'a>(&self, asked: &Asked<'a, '_>) -> Result<Box<dyn Endpoint + 'a>, Refusal> {
        Ok(Box::new(Served::find(Flavour::Azure, asked)?))
    }

    fn failure(&self, failing: Failing) -> Refusal {
        azure_failure(failing)
    }

    fn failed(&self, status: u16) -> Refusal {
        errors::failed(status)
    }

    fn error_body(&self, refusal: &Refusal, _sequence: u64) -> String {
        // Azure's own front door answers without type and param.
        if matches!(refusal.code, Some("401" | "404" | "429")) {
            return json!({"error": {"code": refusal.code, "message": refusal.message}})
                .to_string();
        }
        errors::body(refusal).to_string()
    }

    fn error_headers(&self, _refusal: &Refusal, retry_after_s: Option<u64>) -> Headers {
        errors::retry_headers(retry_after_s)
    }

    fn stream_error(&self, kind: Option<&str>, events: &mut Events) {
        errors::stream_error(kind, events);
    }

    fn hidden_error(&self) -> String {
        errors::of_type("server_error").to_string()
    }

    fn blocked(&self, _reason: Option<&str>, _stream: bool) -> Result<Answer, Refusal> {
        Err(azure_failure(Failing::ContentPolicy))
    }

    fn headers(&self, name: &str) -> Headers {
        headers::azure(name)
    }

    fn id_header(&self) -> Option<&'static str> {
        Some("x-request-id")
    }
}
