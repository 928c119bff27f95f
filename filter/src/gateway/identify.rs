//! Who a caller without an API key is, by what Envoy has verified of it.

use ark_gateway_core::admit::presented_key;
use ark_gateway_core::identity::{
    Certificate, Claims, MOST_TOKEN_BYTES, TokenFault, TokenHead, by_certificate, by_token,
    is_token, token_in,
};
use ark_gateway_core::policy::Policy;
use ark_gateway_core::reject::{Reject, RejectCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use crate::head::Head;
use crate::{host, vm};

/// The caller's number; `None` for one who comes with an API key, or with nothing.
///
/// # Errors
/// 401, 403 or 503: a token or a certificate that lets nobody in.
pub(super) fn identify(head: &Head<'_>, policy: &Policy) -> Result<Option<u32>, Reject> {
    let spec = &policy.snapshot().identity;
    if spec.is_empty() {
        return Ok(None);
    }
    let presented = presented_key(&head.request).ok();
    let found = match (presented, head.verified) {
        (Some(_), Some(payload)) if !spec.jwt.is_empty() => {
            verified(head, policy, payload).map(Some)
        }
        (Some(credential), _) => not_verified(policy, credential),
        (None, _) if !spec.certificates.is_empty() => of_connection(policy),
        (None, _) => Ok(None),
    };
    if policy.has_many_callers() {
        // This request keeps the policy that it began with.
        vm::with(vm::Vm::renew);
    }
    found
}

/// Envoy has verified the token: what it says is its issuer's word.
fn verified(head: &Head<'_>, policy: &Policy, payload: &str) -> Result<u32, Reject> {
    let token = head.request.authorization.and_then(token_in);
    // Envoy takes a token out of a longer value, too; what it verified must be all that there is.
    let token = token.filter(|token| is_token(token));
    let token = token.ok_or_else(|| TokenFault::Unknown.reject())?;
    if token.len() > MOST_TOKEN_BYTES {
        return Err(TokenFault::TooLarge.reject());
    }
    let mut parts = token.split('.');
    let first = parts.next().unwrap_or_default();
    if parts.next() != Some(payload) {
        return Err(TokenFault::Unknown.reject());
    }
    let first: TokenHead = decode(first)?;
    let claims: Claims = decode(payload)?;
    by_token(policy, &first, &claims)
}

/// One part of a token.
fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Reject> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok();
    let value = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    value.ok_or_else(|| TokenFault::Unknown.reject())
}

/// An API key, or a token that Envoy did not take.
fn not_verified(policy: &Policy, credential: &str) -> Result<Option<u32>, Reject> {
    let has_issuers = !policy.snapshot().identity.jwt.is_empty();
    if !has_issuers || !is_token(credential) || policy.key_for(credential.as_bytes()).is_some() {
        return Ok(None);
    }
    if credential.len() > MOST_TOKEN_BYTES {
        return Err(TokenFault::TooLarge.reject());
    }
    let path = [
        "metadata",
        "filter_metadata",
        "envoy.filters.http.jwt_authn",
        "failed",
        "message",
    ];
    let words = host::text_property(path.to_vec());
    Err(match words.as_deref().map(TokenFault::of_envoy) {
        Some(None) => Reject::new(RejectCode::IdentityUnavailable),
        Some(Some(fault)) => fault.reject(),
        None => TokenFault::Unknown.reject(),
    })
}

/// The certificate that the connection was made with, which Envoy has verified, or it would not stand.
fn of_connection(policy: &Policy) -> Result<Option<u32>, Reject> {
    let text = |name| host::text_property(vec!["connection", name]).unwrap_or_default();
    let uri = text("uri_san_peer_certificate");
    let subject = text("subject_peer_certificate");
    if uri.is_empty() && subject.is_empty() {
        return Ok(None);
    }
    let certificate = Certificate {
        uri: &uri,
        subject: &subject,
    };
    by_certificate(policy, certificate).map(Some)
}
