//! Every refusal of the gateway: one enum, three audiences.

use serde::{Deserialize, Serialize};

/// Why the gateway itself refused or failed a request.
///
/// `code()` is stable: a metric label, a record field and the `code` of the client's error body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// 400: the body is not what the endpoint takes.
    InvalidRequest,
    /// 401: no key.
    MissingKey,
    /// 401: a key that is not known.
    InvalidKey,
    /// 403: the key may not use the model.
    ModelNotAllowed,
    /// 403: the key may not use this priority.
    PriorityNotAllowed,
    /// 403: the key may not pin a provider.
    PinNotAllowed,
    /// 404: no such model.
    ModelNotFound,
    /// 404: no such endpoint.
    EndpointNotFound,
    /// 405: the endpoint exists for another method.
    MethodNotAllowed,
    /// 413: the body is larger than `gateway.body_limit_bytes`.
    BodyTooLarge,
    /// 429: the key's request limit.
    RateLimited,
    /// 500: Ark failed.
    Internal,
    /// 502: every target failed.
    ProviderError,
    /// 502: the providers refused Ark's own credentials.
    ProviderAuth,
    /// 503: the gateway has no snapshot yet.
    NotReady,
    /// 503: no target is left for this model.
    NoTarget,
    /// 503: every target is overloaded or limits us.
    ProviderOverloaded,
    /// 504: no target answered in time.
    ProviderTimeout,
}
