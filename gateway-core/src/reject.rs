//! Every refusal of the gateway: one enum, three audiences.
//!
//! The stable code is for machines (metric label, record, `code` of the error body), the message is
//! for the client, and what only an operator may know goes to the log with the request's id.

mod refused;

use serde::{Deserialize, Serialize};

pub use refused::Reject;

/// Why the gateway itself refused or failed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// 400: the body or a header is not what the endpoint takes.
    InvalidRequest,
    /// 400: no target of the model can do what the request needs.
    Unsupported,
    /// 400: the model allows no loss in translation, and every target's would lose something.
    LossyTranslation,
    /// 400: a guard found in the content what may not be sent.
    ContentGuard,
    /// 401: no key.
    MissingKey,
    /// 401: a key that is not known.
    InvalidKey,
    /// 401: a key whose time is over.
    ExpiredKey,
    /// 401: a token that is not valid, or not for this gateway.
    InvalidToken,
    /// 403: a valid token or certificate that maps to no key.
    IdentityNotAllowed,
    /// 403: the key may not use the model.
    ModelNotAllowed,
    /// 403: the key may not use this priority.
    PriorityNotAllowed,
    /// 403: the key may not pin a provider.
    PinNotAllowed,
    /// 403: no provider of the model meets what is required of it.
    ComplianceUnmet,
    /// 403: a rule of `access` refuses it, or none allows it.
    AccessDenied,
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
    /// 429: a limit of requests, tokens or concurrency.
    LimitReached,
    /// 429: a budget is spent.
    BudgetSpent,
    /// 500: Ark failed.
    Internal,
    /// 502: every target failed.
    ProviderError,
    /// 502: the providers refused Ark's own credentials.
    ProviderAuth,
    /// 503: the gateway has no snapshot yet.
    NotReady,
    /// 503: an issuer's keys could not be had, so that its tokens cannot be checked.
    IdentityUnavailable,
    /// 503: this worker has as much in flight as it takes of this priority.
    Overloaded,
    /// 503: a limit cannot be checked, and the operator wants no unchecked request.
    LimitsUnavailable,
    /// 503: no target is left for this model.
    NoTarget,
    /// 503: what could serve the request is taken out for maintenance.
    Drained,
    /// 503: what is left for this model has no known price, and the operator's policy is not to use such,
    /// or a budget concerns the request.
    PriceUnknown,
    /// 503: every target is overloaded or limits us.
    ProviderOverloaded,
    /// 504: no target answered in time.
    ProviderTimeout,
}

impl RejectCode {
    /// All codes, in the order of their statuses.
    pub const ALL: [Self; 33] = [
        Self::InvalidRequest,
        Self::Unsupported,
        Self::LossyTranslation,
        Self::ContentGuard,
        Self::MissingKey,
        Self::InvalidKey,
        Self::ExpiredKey,
        Self::InvalidToken,
        Self::IdentityNotAllowed,
        Self::ModelNotAllowed,
        Self::PriorityNotAllowed,
        Self::PinNotAllowed,
        Self::ComplianceUnmet,
        Self::AccessDenied,
        Self::ModelNotFound,
        Self::EndpointNotFound,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::RateLimited,
        Self::LimitReached,
        Self::BudgetSpent,
        Self::Internal,
        Self::ProviderError,
        Self::ProviderAuth,
        Self::NotReady,
        Self::IdentityUnavailable,
        Self::Overloaded,
        Self::LimitsUnavailable,
        Self::NoTarget,
        Self::Drained,
        Self::PriceUnknown,
        Self::ProviderOverloaded,
        Self::ProviderTimeout,
    ];

    /// The stable name: metric label, record field and `code` of the client's error body.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unsupported => "unsupported",
            Self::LossyTranslation => "lossy_translation",
            Self::ContentGuard => "content_guard",
            Self::MissingKey => "missing_key",
            Self::InvalidKey => "invalid_key",
            Self::ExpiredKey => "expired_key",
            Self::InvalidToken => "invalid_token",
            Self::IdentityNotAllowed => "identity_not_allowed",
            Self::IdentityUnavailable => "identity_unavailable",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::PriorityNotAllowed => "priority_not_allowed",
            Self::PinNotAllowed => "pin_not_allowed",
            Self::ComplianceUnmet => "compliance_unmet",
            Self::AccessDenied => "access_denied",
            Self::ModelNotFound => "model_not_found",
            Self::EndpointNotFound => "endpoint_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::RateLimited => "rate_limited",
            Self::LimitReached => "limit_reached",
            Self::BudgetSpent => "budget_spent",
            Self::Overloaded => "overloaded",
            Self::LimitsUnavailable => "limits_unavailable",
            Self::Internal => "internal",
            Self::ProviderError => "provider_error",
            Self::ProviderAuth => "provider_auth",
            Self::NotReady => "not_ready",
            Self::NoTarget => "no_target",
            Self::Drained => "drained",
            Self::PriceUnknown => "price_unknown",
            Self::ProviderOverloaded => "provider_overloaded",
            Self::ProviderTimeout => "provider_timeout",
        }
    }

    /// The HTTP status that the client gets.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest
            | Self::Unsupported
            | Self::LossyTranslation
            | Self::ContentGuard => 400,
            Self::MissingKey | Self::InvalidKey | Self::ExpiredKey | Self::InvalidToken => 401,
            Self::IdentityNotAllowed
            | Self::ModelNotAllowed
            | Self::PriorityNotAllowed
            | Self::PinNotAllowed
            | Self::ComplianceUnmet
            | Self::AccessDenied => 403,
            Self::ModelNotFound | Self::EndpointNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyTooLarge => 413,
            Self::RateLimited | Self::LimitReached | Self::BudgetSpent => 429,
            Self::Internal => 500,
            Self::ProviderError | Self::ProviderAuth => 502,
            Self::NotReady
            | Self::IdentityUnavailable
            | Self::NoTarget
            | Self::Drained
            | Self::PriceUnknown
            | Self::Overloaded
            | Self::LimitsUnavailable
            | Self::ProviderOverloaded => 503,
            Self::ProviderTimeout => 504,
        }
    }

    /// OpenAI's `type` of the error, by which its SDKs and users sort errors.
    #[must_use]
    pub fn openai_type(self) -> &'static str {
        match self.status() {
            400 | 404 | 405 | 413 => "invalid_request_error",
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            _ => "server_error",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not valid.",
            Self::Unsupported => "No target of this model can do what the request needs.",
            Self::LossyTranslation => {
                "Every target of this model would lose a part of the request."
            }
            Self::ContentGuard => "The request holds what may not be sent.",
            Self::MissingKey => {
                "No API key was given. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'."
            }
            Self::InvalidKey => "The API key is not known to this gateway.",
            Self::ExpiredKey => "The API key has expired; ask for a new one.",
            Self::InvalidToken => "The token was refused.",
            Self::IdentityNotAllowed => {
                "The caller is known, but this gateway gives it no rights. Ask its operator."
            }
            Self::IdentityUnavailable => {
                "The token cannot be checked now, as its issuer does not answer. Try again later."
            }
            Self::ModelNotAllowed => "This API key may not use the model that was asked for.",
            Self::PriorityNotAllowed => "This API key may not use the priority that was asked for.",
            Self::PinNotAllowed => {
                "This API key may not choose a provider. Remove the header 'x-ark-provider'."
            }
            Self::ComplianceUnmet => "No provider of this model meets what is required of it.",
            Self::AccessDenied => "The access rules of this gateway do not allow this request.",
            Self::ModelNotFound => {
                "The model does not exist here. GET /v1/models lists those that this API key may use."
            }
            Self::EndpointNotFound => "This gateway has no such endpoint.",
            Self::MethodNotAllowed => "The endpoint does not take this method.",
            Self::BodyTooLarge => "The request body is too large.",
            Self::RateLimited => "The request limit of this API key is reached.",
            Self::LimitReached => "A limit of this API key or its tenant is reached.",
            Self::BudgetSpent => "A budget of this API key or its tenant is spent.",
            Self::Overloaded => "The gateway is overloaded. Try again later.",
            Self::LimitsUnavailable => {
                "The limits of this API key cannot be checked now. The request can be tried again."
            }
            Self::Internal => "The gateway failed. The request can be tried again.",
            Self::ProviderError => "The model's providers failed. The request can be tried again.",
            Self::ProviderAuth => {
                "The gateway could not authenticate with the model's providers. Its operator has been told."
            }
            Self::NotReady => "The gateway is starting and has no configuration yet.",
            Self::NoTarget => "No provider is available for this model now.",
            Self::Drained => {
                "The providers that could serve this request are drained for maintenance. Try again later."
            }
            Self::PriceUnknown => {
                "The price of what could serve this request is not known, and this gateway or your budget uses no such."
            }
            Self::ProviderOverloaded => "The model's providers are overloaded. Try again later.",
            Self::ProviderTimeout => "The model's providers did not answer in time.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_name_is_the_stable_name() {
        for code in RejectCode::ALL {
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(json, format!("\"{}\"", code.as_str()));
            assert!((400..600).contains(&code.status()));
        }
    }
}
