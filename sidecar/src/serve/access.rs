//! Who may use the admin API, and for what.
//!
//! With `admin.tokens` every caller shows one. Without, the port is for this machine alone: whoever can
//! reach it may do everything, but no web page can, neither by a form nor by a name that it makes point
//! here (DNS rebinding). A port that other machines reach shows, and changes nothing, until there are
//! tokens.

use ark_gateway_core::identity::token_in;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, StatusCode};

use crate::config::{AdminTokenConfig, Role};
use crate::digest;

/// What browsers say of where a request comes from (Fetch Metadata Request Headers, W3C).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Longest token, bytes.
const MAX_TOKEN_BYTES: usize = 4096;

/// Who asked, as the audit log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) id: String,
    pub(super) role: Role,
}

/// Why a caller is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) reason: String,
}

/// What the admin port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// This machine alone reaches it.
    Loopback,
    /// Other machines do; without tokens they may read, if the operator allowed it.
    Remote {
        /// Whether the operator did.
        is_open: bool,
    },
}

/// A refusal.
pub(super) fn refused(status: StatusCode, reason: impl Into<String>) -> Refused {
    Refused {
        status,
        reason: reason.into(),
    }
}

/// Whether a path says only that the process is up: for probes, which have no token.
pub(super) fn is_open(path: &str) -> bool {
    path == "/healthz" || path == "/readyz"
}

/// What a request needs.
pub(super) fn needed(method: &Method, path: &str) -> Role {
    let reads = method == Method::GET || method == Method::HEAD;
    match path {
        _ if reads || path == "/v1/explain" => Role::Viewer,
        "/v1/keys" => Role::Admin,
        path if path.starts_with("/v1/keys/") => Role::Admin,
        _ => Role::Operator,
    }
}

/// Lets a caller in, or not; `change_by` is for what changes something: the scheme that it came by, as `http://`.
///
/// # Errors
/// 401 or 403, with what to do about it.
pub(super) fn admit(
    (reach, tokens): (Reach, &[AdminTokenConfig]),
    needs: Role,
    change_by: Option<&str>,
    headers: &HeaderMap,
) -> Result<Who, Refused> {
    let who = match (tokens, reach) {
        ([], Reach::Loopback) => {
            check_host(headers)?;
            Who {
                id: "loopback".to_owned(),
                role: Role::Admin,
            }
        }
        ([], Reach::Remote { is_open: true }) => Who {
            id: "anonymous".to_owned(),
            role: Role::Viewer,
        },
        ([], Reach::Remote { is_open: false }) => {
            return Err(refused(
                StatusCode::FORBIDDEN,
                "other machines reach this port, so it needs admin.tokens in ark.yaml",
            ));
        }
        (tokens, Reach::Loopback | Reach::Remote { .. }) => known(tokens, headers)?,
    };
    let hint = match tokens {
        [] => "; other machines reach this port, so changes need admin.tokens in ark.yaml",
        _ => "",
    };
    admit_known(who, (needs, hint), change_by, headers)
}

/// Lets in a caller who has proved who it is, or not.
///
/// # Errors
/// As [`admit`]; `hint` says how to get the role.
pub(super) fn admit_known(
    who: Who,
    (needs, hint): (Role, &str),
    change_by: Option<&str>,
    headers: &HeaderMap,
) -> Result<Who, Refused> {
    if let Some(scheme) = change_by {
        check_change(scheme, headers)?;
    }
    if who.role < needs {
        return Err(refused(
            StatusCode::FORBIDDEN,
            format!(
                "needs the role {}, {} is {}{hint}",
                needs.as_str(),
                who.id,
                who.role.as_str()
            ),
        ));
    }
    Ok(who)
}

/// Finds the holder of the presented token. What is compared are digests of it, so that timing tells
/// nothing of any token.
fn known(tokens: &[AdminTokenConfig], headers: &HeaderMap) -> Result<Who, Refused> {
    let presented = text(headers, &AUTHORIZATION).and_then(token_in);
    let Some(token) = presented.filter(|t| !t.is_empty() && t.len() <= MAX_TOKEN_BYTES) else {
        return Err(refused(
            StatusCode::UNAUTHORIZED,
            "needs a token: authorization: Bearer TOKEN",
        ));
    };
    let digest = digest::hex(&[token.as_bytes()]);
    match tokens.iter().find(|known| known.sha256 == digest) {
        Some(known) => Ok(Who {
            id: known.id.clone(),
            role: known.role,
        }),
        None => Err(refused(StatusCode::UNAUTHORIZED, "this token is not known")),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A name that a web page made point to this machine is not this machine's.
fn check_host(headers: &HeaderMap) -> Result<(), Refused> {
    let host = text(headers, &HOST).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let is_here = match name.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
        Ok(ip) => ip.is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    };
    match is_here {
        true => Ok(()),
        false => Err(refused(
            StatusCode::FORBIDDEN,
            "without admin.tokens this port answers to 127.0.0.1, [::1] and localhost only",
        )),
    }
}

/// No page of another site may change anything: it cannot send this content type without asking first,
/// which nobody answers, nor hide where it comes from.
fn check_change(scheme: &str, headers: &HeaderMap) -> Result<(), Refused> {
    let kind = text(headers, &CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send content-type: application/json",
        ));
    }
    let is_own = match text(headers, &ORIGIN) {
        None => !headers.contains_key(ORIGIN),
        Some(origin) => origin.strip_prefix(scheme) == text(headers, &HOST),
    };
    let is_same_site = match text(headers, &SEC_FETCH_SITE) {
        None => true,
        Some(site) => site == "same-origin" || site == "none",
    };
    match is_own && is_same_site {
        true => Ok(()),
        false => Err(refused(
            StatusCode::FORBIDDEN,
            "pages of other sites change nothing here",
        )),
    }
}

#[cfg(test)]
mod tests;
