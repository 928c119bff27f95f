//! Envoy's own answers, in the form that clients know: OpenAI's errors with Ark's stable codes, or
//! Anthropic's for those who speak its dialect.
//!
//! Reply mappers run for the filter's answers too, which already have that form. They are told
//! apart by Envoy's response code details, which name the reason of every answer of Envoy's own
//! and are empty for those of a Wasm filter.

use ark_gateway_core::reject::{Reject, RejectCode};
use serde_json::{Value, json};

use super::route::{MESSAGES, MESSAGES_PATH};
use crate::config::Config;

/// One of Envoy's own answers: when, and what the client gets instead of its plain text.
struct Mapping {
    /// In CEL, on top of "is Envoy's own".
    when: String,
    status: u16,
    code: &'static str,
    kind: &'static str,
    message: String,
}

pub(super) fn config(config: &Config) -> Value {
    let mappings = mappings(config.gateway.body_limit_bytes);
    let anthropics = mappings
        .iter()
        .map(|mapping| mapper(mapping, Dialect::Anthropic));
    let others = mappings
        .iter()
        .map(|mapping| mapper(mapping, Dialect::Openai));
    let mappers: Vec<Value> = std::iter::once(as_it_is())
        .chain(anthropics)
        .chain(others)
        .collect();
    json!({"mappers": mappers})
}

/// In whose form an error is told.
#[derive(Clone, Copy)]
enum Dialect {
    Openai,
    Anthropic,
}

impl Dialect {
    /// In CEL, whether the client speaks it: by the route, as every attempt rewrites the path; by the
    /// path where Envoy refused the request before it had a route.
    fn is_spoken(self) -> String {
        match self {
            Self::Openai => "true".to_owned(),
            Self::Anthropic => format!(
                "(xds.route_name == '{MESSAGES}' || \
                 !has(xds.route_name) && request.url_path.startsWith('{MESSAGES_PATH}'))"
            ),
        }
    }

    fn body(self, mapping: &Mapping) -> Value {
        match self {
            Self::Openai => json!({"error": {
                "message": mapping.message,
                "type": mapping.kind,
                "param": null,
                "code": mapping.code,
            }}),
            Self::Anthropic => json!({"type": "error", "error": {
                "type": anthropic_type(mapping.status),
                "message": mapping.message,
                "code": mapping.code,
            }}),
        }
    }
}

/// Anthropic's `type` of an error, by which its users sort errors. It has no 503; the one that says
/// "try again later" is for its 529. <https://docs.claude.com/en/api/errors>
fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}

/// In order: the first that matches counts.
fn mappings(body_limit_bytes: u32) -> Vec<Mapping> {
    vec![
        rejection(
            "response.code == 413".to_owned(),
            Reject::body_too_large(body_limit_bytes.into()),
        ),
        envoys_own(
            408,
            "request_timeout",
            "The request did not arrive in time. It can be tried again.",
        ),
        envoys_own(
            431,
            "headers_too_large",
            "The request's headers are too large.",
        ),
        rejection(
            "response.code == 504".to_owned(),
            Reject::new(RejectCode::ProviderTimeout),
        ),
        // Its overload manager's.
        rejection(
            "response.code_details == 'overload'".to_owned(),
            Reject::overloaded(),
        ),
        rejection(
            details_begin_with(&["upstream_reset_before_response_started{overflow"]),
            Reject::new(RejectCode::ProviderOverloaded),
        ),
        rejection(
            details_begin_with(&["upstream_", "no_healthy_upstream"]),
            Reject::new(RejectCode::ProviderError),
        ),
        rejection(
            "response.code == 404".to_owned(),
            Reject::new(RejectCode::EndpointNotFound),
        ),
        rejection(
            "response.code >= 400 && response.code < 500".to_owned(),
            Reject::new(RejectCode::InvalidRequest),
        ),
        // Framing that Envoy does not take is the client's own fault, also where Envoy says 501.
        rejection(
            details_begin_with(&["http1.", "http2."]),
            Reject::new(RejectCode::InvalidRequest),
        ),
        rejection("true".to_owned(), Reject::new(RejectCode::Internal)),
    ]
}

fn details_begin_with(starts: &[&str]) -> String {
    let one = |start: &&str| format!("response.code_details.startsWith('{start}')");
    let all: Vec<String> = starts.iter().map(one).collect();
    format!("({})", all.join(" || "))
}

fn rejection(when: String, reject: Reject) -> Mapping {
    Mapping {
        when,
        status: reject.code.status(),
        code: reject.code.as_str(),
        kind: reject.code.openai_type(),
        message: reject.message,
    }
}

/// An answer that only Envoy gives: the filter never sees such a request.
fn envoys_own(status: u16, code: &'static str, message: &str) -> Mapping {
    Mapping {
        when: format!("response.code == {status}"),
        status,
        code,
        kind: "invalid_request_error",
        message: message.to_owned(),
    }
}

/// The filter's own answer: it has its form, and the first mapper that matches is the last one asked.
/// A refusal under overload must not cost twenty questions.
fn as_it_is() -> Value {
    json!({"filter": cel("response.code_details == ''")})
}

fn mapper(mapping: &Mapping, dialect: Dialect) -> Value {
    let expression = format!("{} && {}", mapping.when, dialect.is_spoken());
    json!({
        "filter": cel(&expression),
        "status_code": mapping.status,
        "body_format_override": {
            // A percent sign begins one of Envoy's own substitutions.
            "text_format_source": {"inline_string": dialect.body(mapping).to_string().replace('%', "%%")},
            "content_type": "application/json",
        },
    })
}

/// A filter of access logs, and of answers, in CEL.
pub(super) fn cel(expression: &str) -> Value {
    json!({"extension_filter": {
        "name": "envoy.access_loggers.extension_filters.cel",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            "expression": expression,
        },
    }})
}
