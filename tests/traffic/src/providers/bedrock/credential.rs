//! Whether a request is signed by whom it must be.

use sha2::{Digest, Sha256};

use super::errors::failure;
use super::signing::{Authorization, canonical, hex, seconds_of};
use crate::providers::dialect::{Asked, bearer, header};
use crate::providers::openai::now;
use crate::providers::refusal::{Failing, Refusal};

/// How far a request's time may be from ours, seconds.
const SKEW_LIMIT_S: u64 = 300;

/// Checks the bearer token or the signature of `asked`.
pub(super) fn check(asked: &Asked<'_, '_>) -> Result<(), Refusal> {
    let Some(key) = asked.config.key.as_deref() else {
        return Ok(());
    };
    let Some((id, secret)) = key.split_once(':') else {
        if bearer(asked.headers) == Some(key) {
            return Ok(());
        }
        return Err(failure(Failing::Authentication));
    };
    let (secret, token) = match secret.split_once(':') {
        Some((secret, token)) => (secret, Some(token)),
        None => (secret, None),
    };
    let Some(value) = header(asked.headers, "authorization") else {
        return Err(Refusal::new(
            403,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ));
    };
    let signed = Authorization::read(value).ok_or_else(|| {
        incomplete("Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters.")
    })?;
    if signed.access_key_id != id || header(asked.headers, "x-amz-security-token") != token {
        return Err(failure(Failing::Authentication));
    }
    check_signature(asked, &signed, secret)
}

fn check_signature(
    asked: &Asked<'_, '_>,
    signed: &Authorization<'_>,
    secret: &str,
) -> Result<(), Refusal> {
    if signed.service != "bedrock" {
        return Err(refused(
            "Credential should be scoped to correct service: 'bedrock'.",
        ));
    }
    let time = header(asked.headers, "x-amz-date").unwrap_or_default();
    if !signed.signs("host") || !signed.signs("x-amz-date") || !time.starts_with(signed.date) {
        return Err(incomplete(
            "'Host' and 'X-Amz-Date' must be signed headers.",
        ));
    }
    check_time(time)?;
    let digest = hex(&Sha256::digest(asked.body));
    if header(asked.headers, "x-amz-content-sha256").is_some_and(|given| given != digest) {
        return Err(refused(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ));
    }
    let query = asked.uri.query().unwrap_or_default();
    let request = canonical(
        (asked.method.as_str(), asked.uri.path(), query),
        asked.headers,
        signed.signed_headers,
        &digest,
    );
    if signed.expected(secret, time, &request) != signed.signature {
        return Err(refused(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
        ));
    }
    Ok(())
}

fn incomplete(message: &str) -> Refusal {
    Refusal::new(403, "IncompleteSignatureException", message)
}

fn check_time(time: &str) -> Result<(), Refusal> {
    let seconds = seconds_of(time).and_then(|seconds| u64::try_from(seconds).ok());
    match seconds {
        Some(seconds) if seconds.abs_diff(now()) <= SKEW_LIMIT_S => Ok(()),
        _ => Err(refused(&format!(
            "Signature expired: {time} is too far from the current time."
        ))),
    }
}

fn refused(message: &str) -> Refusal {
    Refusal::new(403, "InvalidSignatureException", message)
}
