//! Who calls, where no API key says so: verified tokens and client certificates, mapped to keys.
//!
//! Nothing here verifies a signature. Envoy has done that before a token's claims or a certificate's
//! names come in; what is judged here is what they are worth: which key's rights the caller has, and
//! under which name it is limited and written down.

mod callers;
mod certificate;
mod claims;
mod token;

use serde::{Deserialize, Serialize};

pub use callers::{Callers, Marks};
pub use certificate::{Certificate, CertificateMatch, CertificateSpec, by_certificate};
pub use claims::{Claim, ClaimPath, Claims};
pub use token::{
    Algorithm, JwtSpec, KeyChoice, MOST_TOKEN_BYTES, TokenFault, TokenHead, by_token, is_token,
    token_in,
};

/// Most roles of one caller; more are a mistake of the issuer's.
pub const MOST_ROLES: usize = 64;

/// Longest name of a caller or a role, in bytes.
pub const MOST_NAME_BYTES: usize = 128;

/// What a snapshot knows of callers without an API key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentitySpec {
    /// Issuers of tokens; no two have the same `issuer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jwt: Vec<JwtSpec>,
    /// Client certificates; the first that matches counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateSpec>,
}

impl IdentitySpec {
    /// Every index of a key that it holds.
    pub(crate) fn keys_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        let choices = self.jwt.iter_mut().flat_map(|jwt| jwt.key.keys_mut());
        let certificates = self.certificates.iter_mut();
        choices.chain(certificates.filter_map(|one| one.key.as_mut()))
    }

    /// Whether API keys are the only way in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jwt.is_empty() && self.certificates.is_empty()
    }
}

/// The roles that a caller's issuer says it has, sorted, without repetition; empty for API keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Roles(Vec<String>);

impl Roles {
    /// None at all.
    pub const NONE: Self = Self(Vec::new());

    /// Sorts them.
    #[must_use]
    pub fn of(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn contains(&self, role: &str) -> bool {
        self.0
            .binary_search_by(|own| own.as_str().cmp(role))
            .is_ok()
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// An admitted caller: what authorisation judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// Whose caller it is.
    pub tenant: &'a str,
    /// The name in limits, ledger and records: a key's id, or `issuer:user`.
    pub key: &'a str,
    /// What its issuer says it is.
    pub roles: &'a Roles,
}

/// Whether text can be the name of a caller or a role wherever names go.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MOST_NAME_BYTES && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
