//! One refusal with what the client reads: what is general in the code's own words, what is particular
//! in its own.

use super::RejectCode;
use crate::access::{BY_DEFAULT, Breach};
use crate::capability::Capability;
use crate::compliance::{Demand, Malformed};
use crate::priority::Priority;
use crate::quota::{Cause, Refusal, Unit};

/// A refusal: what one function turns into a response in the caller's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub code: RejectCode,
    /// What the client reads: safe, and says what to do.
    pub message: String,
    /// The field of the request at fault.
    pub param: Option<String>,
    /// Seconds after which a new try makes sense.
    pub retry_after_s: Option<u64>,
    /// The method that the endpoint takes, for the `allow` header of a 405 (RFC 9110).
    pub allow: Option<&'static str>,
}

impl Reject {
    /// A refusal with its code's own message.
    #[must_use]
    pub fn new(code: RejectCode) -> Self {
        Self::with_message(code, code.message().to_owned())
    }

    fn with_message(code: RejectCode, message: String) -> Self {
        Self {
            code,
            message,
            param: None,
            retry_after_s: None,
            allow: None,
        }
    }

    /// 400 naming the field.
    #[must_use]
    pub fn invalid_request(message: String, param: Option<String>) -> Self {
        Self {
            param,
            ..Self::with_message(RejectCode::InvalidRequest, message)
        }
    }

    pub(crate) fn unknown_priority() -> Self {
        let message = "x-ark-priority must be critical, standard or batch.".to_owned();
        Self::invalid_request(message, Some("x-ark-priority".to_owned()))
    }

    pub(crate) fn packed_body() -> Self {
        let message = "The request body must not be compressed: send it without content-encoding.";
        Self::invalid_request(message.to_owned(), Some("content-encoding".to_owned()))
    }

    pub(crate) fn malformed_require(malformed: Malformed) -> Self {
        let param = Some("x-ark-require".to_owned());
        Self::invalid_request(malformed.message().to_owned(), param)
    }

    /// 403 naming what is required: by the operator in `stated`, each in words of its own, and by the
    /// request's header if `asks`. It names nothing of what there is.
    #[must_use]
    pub fn compliance_unmet(demand: Demand, stated: &[&str], asks: bool) -> Self {
        let mut required: Vec<&str> = stated.iter().copied().filter(|s| !s.is_empty()).collect();
        if asks {
            required.push("the request: its header x-ark-require");
        }
        let message = format!(
            "No provider of this model meets what is required of it ({}). Required by {}.",
            demand.as_str(),
            required.join("; by ")
        );
        Self {
            param: asks.then(|| "x-ark-require".to_owned()),
            ..Self::with_message(RejectCode::ComplianceUnmet, message)
        }
    }

    /// 403 naming the rule of `access`, and what of the request it bounds.
    #[must_use]
    pub fn access_denied(rule: &str, breach: Breach) -> Self {
        let (param, what) = breach.said();
        let message = match rule {
            BY_DEFAULT => format!("No access rule allows this (rule '{rule}')."),
            own => format!("The access rule '{own}' {what}"),
        };
        Self {
            param: param.map(str::to_owned),
            ..Self::with_message(RejectCode::AccessDenied, message)
        }
    }

    pub(crate) fn unknown_provider() -> Self {
        let message = "x-ark-provider names a provider that this gateway does not have.".to_owned();
        Self::invalid_request(message, Some("x-ark-provider".to_owned()))
    }

    pub(crate) fn priority_not_allowed(priority: Priority) -> Self {
        let message = format!(
            "This API key may not use the priority '{}'.",
            priority.as_str()
        );
        Self {
            param: Some("x-ark-priority".to_owned()),
            ..Self::with_message(RejectCode::PriorityNotAllowed, message)
        }
    }

    pub(crate) fn endpoint_not_found() -> Self {
        Self::new(RejectCode::EndpointNotFound)
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("The endpoint takes {allow} only.");
        Self {
            allow: Some(allow),
            ..Self::with_message(RejectCode::MethodNotAllowed, message)
        }
    }

    /// 413 naming the limit.
    #[must_use]
    pub fn body_too_large(limit_bytes: u64) -> Self {
        let message = format!("The request body is larger than {limit_bytes} bytes.");
        Self::with_message(RejectCode::BodyTooLarge, message)
    }

    /// 429 naming the time to wait.
    #[must_use]
    pub fn rate_limited(retry_after_ms: u64) -> Self {
        let seconds = retry_after_ms.div_ceil(1000).max(1);
        let message =
            format!("The request limit of this API key is reached. Try again in {seconds} s.");
        Self {
            retry_after_s: Some(seconds),
            ..Self::with_message(RejectCode::RateLimited, message)
        }
    }

    /// 429 or 503 naming the limit and the time to wait.
    #[must_use]
    pub fn limited(refusal: &Refusal) -> Self {
        let code = match (refusal.cause, refusal.of) {
            (Cause::StoreDown, _) => RejectCode::LimitsUnavailable,
            (Cause::NoPrice, _) => return Self::new(RejectCode::PriceUnknown),
            (Cause::Reached, Unit::MicroUsd) => RejectCode::BudgetSpent,
            (Cause::Reached, _) => RejectCode::LimitReached,
        };
        let seconds = refusal.retry_after_ms.div_ceil(1_000).max(1);
        let message = match refusal.cause {
            Cause::Reached => format!(
                "The limit '{}' of {} leaves no room for this request. Try again in {seconds} s.",
                refusal.limit,
                refusal.of.as_str()
            ),
            Cause::StoreDown | Cause::NoPrice => code.message().to_owned(),
        };
        Self {
            retry_after_s: Some(seconds),
            ..Self::with_message(code, message)
        }
    }

    /// 503: the worker sheds load.
    #[must_use]
    pub fn overloaded() -> Self {
        Self {
            retry_after_s: Some(1),
            ..Self::new(RejectCode::Overloaded)
        }
    }

    /// 400 naming what no target of the model has.
    #[must_use]
    pub fn unsupported(capability: Capability) -> Self {
        let message = format!(
            "No target of this model {}. Ask for another model, or change `{}`.",
            capability.missing(),
            capability.field()
        );
        Self {
            param: Some(capability.field().to_owned()),
            ..Self::with_message(RejectCode::Unsupported, message)
        }
    }

    /// 400 naming the field that would be lost.
    #[must_use]
    pub fn lossy_translation(field: String) -> Self {
        let message = format!(
            "No target of this model can express `{field}`, and the model is set to allow no loss. Remove the field, or ask for another model."
        );
        Self {
            param: Some(field),
            ..Self::with_message(RejectCode::LossyTranslation, message)
        }
    }

    /// 400: the pinned provider has no target of this model.
    #[must_use]
    pub fn pin_does_not_serve(model: &str) -> Self {
        let message =
            format!("The provider that x-ark-provider names does not serve the model '{model}'.");
        Self::invalid_request(message, Some("x-ark-provider".to_owned()))
    }

    /// The same refusal, saying when to come back if that is known.
    #[must_use]
    pub fn come_back_after(self, retry_after_ms: Option<u64>) -> Self {
        Self {
            retry_after_s: retry_after_ms
                .map(|ms| ms.div_ceil(1000).max(1))
                .or(self.retry_after_s),
            ..self
        }
    }

    /// 404 naming the model.
    #[must_use]
    pub fn model_not_found(name: &str) -> Self {
        let message = format!(
            "The model '{name}' does not exist here. GET /v1/models lists those that this API key may use."
        );
        Self {
            param: Some("model".to_owned()),
            ..Self::with_message(RejectCode::ModelNotFound, message)
        }
    }

    /// 403 naming the model.
    #[must_use]
    pub fn model_not_allowed(name: &str) -> Self {
        let message = format!("This API key may not use the model '{name}'.");
        Self {
            param: Some("model".to_owned()),
            ..Self::with_message(RejectCode::ModelNotAllowed, message)
        }
    }
}
