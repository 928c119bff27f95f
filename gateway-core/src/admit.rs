//! Who is calling, and what may they do: everything that request headers alone decide.

use crate::compliance::Requirement;
use crate::identity::token_in;
use crate::limit::Nanos;
use crate::overload::is_over;
use crate::policy::Policy;
use crate::priority::Priority;
use crate::record::Endpoint;
use crate::reject::{Reject, RejectCode};
use crate::snapshot::{KeySpec, ProviderId, RequestLimit};

const NANOS_PER_S: Nanos = 1_000_000_000;

/// What the request's head says, borrowed from the header map.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestHead<'a> {
    /// `:method`.
    pub method: &'a str,
    /// `:path` without its query.
    pub path: &'a str,
    /// `authorization`, whole.
    pub authorization: Option<&'a str>,
    /// `x-api-key`, as Anthropic's SDK sends it.
    pub api_key: Option<&'a str>,
    /// `x-ark-priority`.
    pub priority: Option<&'a str>,
    /// `x-ark-provider`.
    pub provider: Option<&'a str>,
    /// `x-ark-require`; empty, which is malformed, when it came twice or is no text.
    pub require: Option<&'a str>,
    /// `x-ark-explain`.
    pub explain: Option<&'a str>,
    /// `content-length`.
    pub content_length: Option<u64>,
    /// Who it is, where a token or a certificate has said so, see [`crate::identity`]: no key counts then.
    pub caller: Option<u32>,
    /// `content-encoding`; empty when it is no text.
    pub content_encoding: Option<&'a str>,
}

/// What a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// A call of a model.
    Call(Endpoint),
    /// `GET /v1/models`.
    ListModels,
    /// `GET /v1/models/{id}`; ids may hold slashes.
    ShowModel(&'a str),
    /// `GET /healthz`: the process is up.
    Health,
    /// `GET /readyz`: there is a snapshot to serve from.
    Ready,
}

/// A caller who may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Index of the key.
    pub key: u32,
    /// Priority of the request.
    pub priority: Priority,
    /// The provider that the client pinned.
    pub pin: Option<ProviderId>,
    /// The limit to take the request from.
    pub limit: Option<RequestLimit>,
    /// What tenant, key and request require of a provider, all of it.
    pub requires: Requirement,
    /// Whether the request itself requires something.
    pub asks: bool,
    /// Whether the answer is to say why it came from where it came.
    pub explain: Explain,
}

/// What becomes of `x-ark-explain`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Explain {
    /// The client did not ask.
    #[default]
    No,
    /// It asked, and its key may.
    Yes,
    /// It asked, and its key may not: it is served all the same, and told.
    NotAllowed,
}

/// Finds what a method and path ask for.
///
/// # Errors
/// 404 or 405.
pub fn route<'a>(method: &str, path: &'a str) -> Result<Route<'a>, Reject> {
    let (wanted, route) = match path {
        "/v1/chat/completions" => ("POST", Route::Call(Endpoint::ChatCompletions)),
        "/v1/completions" => ("POST", Route::Call(Endpoint::Completions)),
        "/v1/embeddings" => ("POST", Route::Call(Endpoint::Embeddings)),
        "/v1/responses" => ("POST", Route::Call(Endpoint::Responses)),
        "/v1/messages" => ("POST", Route::Call(Endpoint::Messages)),
        "/v1/messages/count_tokens" => ("POST", Route::Call(Endpoint::CountTokens)),
        "/v1/models" => ("GET", Route::ListModels),
        "/healthz" => ("GET", Route::Health),
        "/readyz" => ("GET", Route::Ready),
        other => match other.strip_prefix("/v1/models/") {
            Some(id) if !id.is_empty() => ("GET", Route::ShowModel(id)),
            Some(_) | None => return Err(Reject::endpoint_not_found()),
        },
    };
    if method == wanted || (wanted == "GET" && method == "HEAD") {
        Ok(route)
    } else {
        Err(Reject::method_not_allowed(wanted))
    }
}

/// Authenticates the caller and checks what its headers ask for.
///
/// # Errors
/// 400, 401, 403 or 413.
pub fn admit(policy: &Policy, head: &RequestHead<'_>, now: Nanos) -> Result<Admission, Reject> {
    let (index, key) = who(policy, head)?;
    if key.expires_at_s.is_some_and(|end| now / NANOS_PER_S >= end) {
        return Err(Reject::new(RejectCode::ExpiredKey));
    }
    let priority = match head.priority {
        None => key.priority,
        Some(name) => Priority::parse(name).ok_or_else(Reject::unknown_priority)?,
    };
    if !key.priorities.contains(&priority) {
        return Err(Reject::priority_not_allowed(priority));
    }
    let pin = match head.provider {
        None => None,
        Some(_) if !key.may_pin => return Err(Reject::new(RejectCode::PinNotAllowed)),
        Some(name) => Some(
            policy
                .provider_named(name)
                .ok_or_else(Reject::unknown_provider)?,
        ),
    };
    // What is packed cannot be judged, and a small body of it can be a large one.
    if head
        .content_encoding
        .is_some_and(|name| !name.eq_ignore_ascii_case("identity"))
    {
        return Err(Reject::packed_body());
    }
    let limit_bytes = policy.snapshot().gateway.body_limit_bytes;
    if head.content_length.is_some_and(|n| n > limit_bytes) {
        return Err(Reject::body_too_large(limit_bytes));
    }
    let asked = match head.require {
        None => Requirement::default(),
        Some(header) => {
            let vocabulary = &policy.snapshot().compliance;
            vocabulary.read(header).map_err(Reject::malformed_require)?
        }
    };
    Ok(Admission {
        key: index,
        priority,
        pin,
        limit: key.limit,
        requires: key.requires.requirement.and(asked),
        asks: head.require.is_some(),
        explain: match head.explain {
            Some(word) if word.eq_ignore_ascii_case("true") && key.may_explain => Explain::Yes,
            Some(word) if word.eq_ignore_ascii_case("true") => Explain::NotAllowed,
            Some(_) | None => Explain::No,
        },
    })
}

/// Whether a worker with so many requests in flight, this one included, has no room for it: `most` is
/// for the most urgent, and others may fill a part of it ([`Priority::ceiling`]). 0: no bound.
#[must_use]
pub fn is_overloaded(in_flight: usize, most: u32, priority: Priority) -> bool {
    is_over(in_flight as u64, u64::from(most), priority)
}

fn who<'p>(policy: &'p Policy, head: &RequestHead<'_>) -> Result<(u32, &'p KeySpec), Reject> {
    if let Some(caller) = head.caller {
        let key = policy.key(caller).map(|key| (caller, key));
        return key.ok_or_else(|| Reject::new(RejectCode::Internal));
    }
    let secret = presented_key(head)?;
    policy
        .key_for(secret.as_bytes())
        .ok_or_else(|| Reject::new(RejectCode::InvalidKey))
}

/// The key in `authorization: Bearer KEY` (RFC 6750, scheme case-insensitive) or `x-api-key: KEY`.
///
/// # Errors
/// 401 when there is none.
pub fn presented_key<'a>(head: &RequestHead<'a>) -> Result<&'a str, Reject> {
    let bearer = head.authorization.and_then(token_in);
    match bearer.or(head.api_key) {
        Some(key) if !key.is_empty() => Ok(key),
        Some(_) | None => Err(Reject::new(RejectCode::MissingKey)),
    }
}

#[cfg(test)]
mod tests;
