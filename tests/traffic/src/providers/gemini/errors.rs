//! Google's errors.

use serde_json::{Value, json};

use super::Home;
use crate::providers::dialect::set;
use crate::providers::refusal::{Failing, Refusal};

const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

/// What Google says when it fails in this way.
pub(super) fn failure(home: Home, failing: Failing) -> Refusal {
    match failing {
        Failing::Authentication => unauthenticated(home),
        Failing::Permission => Refusal::new(
            403,
            "PERMISSION_DENIED",
            "The caller does not have permission",
        ),
        Failing::NotFound => Refusal::new(
            404,
            "NOT_FOUND",
            "models/gone is not found for API version v1beta, or is not supported for generateContent.",
        ),
        Failing::Invalid => invalid("Request contains an invalid argument."),
        Failing::ContextLength => invalid(
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        Failing::ContentPolicy => {
            invalid("The request was blocked because it may violate the usage policies.")
        }
        Failing::TooLarge => invalid("Request payload size exceeds the limit: 20971520 bytes."),
        Failing::RateLimit => exhausted(
            "You exceeded your current quota, please check your plan and billing details. Please retry in 1s.",
        ),
        Failing::Quota => exhausted(
            "You exceeded your current quota, please check your plan and billing details.",
        ),
        Failing::Overloaded => Refusal::new(
            503,
            "UNAVAILABLE",
            "The model is overloaded. Please try again later.",
        ),
        Failing::Timeout => Refusal::new(
            504,
            "DEADLINE_EXCEEDED",
            "Deadline expired before operation could complete.",
        ),
        Failing::Server => Refusal::new(
            500,
            "INTERNAL",
            "An internal error has occurred. Please retry or report in the issue tracker.",
        ),
    }
}

fn unauthenticated(home: Home) -> Refusal {
    let info = |reason: &str| {
        json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
            "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"},
        })
    };
    match home {
        Home::Gemini => invalid("API key not valid. Please pass a valid API key.")
            .detailed(info("API_KEY_INVALID")),
        Home::Vertex => Refusal::new(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
        )
        .detailed(info("ACCESS_TOKEN_TYPE_UNSUPPORTED")),
    }
}

/// No key at all.
pub(super) fn unregistered() -> Refusal {
    Refusal::new(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    )
}

/// No such path.
pub(super) fn no_path(path: &str) -> Refusal {
    Refusal::new(
        404,
        "NOT_FOUND",
        format!("Requested entity was not found: {path}"),
    )
}

fn exhausted(message: &str) -> Refusal {
    Refusal::new(429, "RESOURCE_EXHAUSTED", message).detailed(json!({
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
            "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
        }],
    }))
}

/// The refusal with this hint as its `RetryInfo`, or without one.
pub(super) fn hinted(refusal: &Refusal, retry_after_s: Option<u64>) -> Refusal {
    const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
    let mut refusal = refusal.clone();
    refusal
        .details
        .retain(|detail| detail.get("@type") != Some(&Value::from(RETRY_INFO)));
    match retry_after_s {
        Some(seconds) => {
            let delay = format!("{seconds}s");
            refusal.detailed(json!({"@type": RETRY_INFO, "retryDelay": delay}))
        }
        None => refusal,
    }
}

/// The failure with this status word; an internal one for an unknown word.
pub(super) fn of_status_word(home: Home, word: &str) -> Refusal {
    let all = Failing::WORDS.into_iter();
    let mut own = all.map(|(_, failing)| failure(home, failing));
    own.find(|refusal| refusal.kind == word)
        .unwrap_or_else(|| failure(home, Failing::Server))
}

/// A 400 without a field.
pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "INVALID_ARGUMENT", message)
}

/// A 400 that names fields: where, and what is wrong there.
pub(super) fn violations(list: &[(String, String)]) -> Refusal {
    let all: Vec<&str> = list
        .iter()
        .map(|(_, description)| description.as_str())
        .collect();
    let fields: Vec<Value> = list
        .iter()
        .map(|(field, description)| json!({"field": field, "description": description}))
        .collect();
    invalid(all.join("\n")).detailed(json!({"@type": BAD_REQUEST, "fieldViolations": fields}))
}

/// The body of an error.
pub(super) fn body(refusal: &Refusal) -> Value {
    let mut error = json!({
        "code": refusal.status, "message": refusal.message, "status": refusal.kind,
    });
    if !refusal.details.is_empty() {
        set(&mut error, "details", Value::Array(refusal.details.clone()));
    }
    json!({"error": error})
}
