//! What a verified token is worth (RFC 7519, RFC 8725).

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::claims::{Claim, ClaimPath, Claims};
use super::{MOST_ROLES, Roles, is_name};
use crate::policy::Policy;
use crate::priority::Priority;
use crate::reject::{Reject, RejectCode};

/// Longest token that is taken, in bytes; the largest real ones, with a user's groups, are half of it.
pub const MOST_TOKEN_BYTES: usize = 16 * 1024;

/// A signature's algorithm by its name in JWS (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// The same with SHA-384.
    Rs384,
    /// The same with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// The same with SHA-384.
    Ps384,
    /// The same with SHA-512.
    Ps512,
    /// ECDSA with P-256.
    Es256,
    /// ECDSA with P-384.
    Es384,
    /// ECDSA with P-521.
    Es512,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// HMAC with SHA-256: whoever can verify can also sign.
    Hs256,
    /// The same with SHA-384.
    Hs384,
    /// The same with SHA-512.
    Hs512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
    ];

    /// Its name in a token's header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Whether the key that verifies is a secret that can also sign.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

/// An issuer, and what its tokens are worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwtSpec {
    /// The operator's name of it; its callers are named `name:user`.
    pub name: String,
    /// `iss` of its tokens.
    pub issuer: String,
    /// Algorithms that its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Whether a token must say which of the issuer's keys has signed it.
    pub require_kid: bool,
    /// Whose rights its callers have.
    pub key: KeyChoice,
    /// The claim that names the caller; `None`: all of a key are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ClaimPath>,
    /// The claim that lists its roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<ClaimPath>,
    /// The claim that says its priority, which is also the most urgent that it may ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<ClaimPath>,
}

/// Which key's rights a caller has. Indices are those of [`crate::snapshot::Snapshot::keys`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyChoice {
    /// This one's, whoever it is; `None` while that key is revoked.
    Everyone(Option<u32>),
    /// That of what a claim says.
    ByClaim {
        /// The claim, text.
        claim: ClaimPath,
        /// What it may say, sorted, each with its key; anything else is refused.
        keys: Vec<(String, u32)>,
    },
}

/// A token's header (RFC 7515 section 4), read strictly: a known member that is there twice is an error.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenHead {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// Extensions that whoever does not know them must refuse; none is known here.
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

impl KeyChoice {
    /// Every index of a key that it holds.
    pub(super) fn keys_mut(&mut self) -> impl Iterator<Item = &mut u32> {
        let (everyone, by_claim) = match self {
            Self::Everyone(key) => (key.as_mut(), [].iter_mut()),
            Self::ByClaim { keys, .. } => (None, keys.iter_mut()),
        };
        let by_claim = by_claim.map(|(_, key)| key);
        everyone.into_iter().chain(by_claim)
    }
}

/// Why a token is no good: what the client is told, and nothing of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is meant for somebody else.
    Audience,
    /// No key of its issuer's has signed it, or it never expires: Envoy does not tell these apart.
    Signature,
    /// It names no key of its issuer's.
    Kid,
    /// Its algorithm is not one that is taken of its issuer.
    Algorithm,
    /// It demands an extension.
    Critical,
    /// It is too long.
    TooLarge,
    /// It is not of the form of RFC 7519, or of an issuer that nobody has named.
    Unknown,
}

impl TokenFault {
    /// By the words of Envoy's `jwt_authn`; `None` for what is not the token's fault.
    #[must_use]
    pub fn of_envoy(words: &str) -> Option<Self> {
        Some(match words {
            "Jwt is expired" => Self::Expired,
            "Jwt not yet valid" => Self::NotYetValid,
            "Audiences in Jwt are not allowed" => Self::Audience,
            "Jwt verification fails" => Self::Signature,
            "Jwks doesn't have key to match kid or alg from Jwt" => Self::Kid,
            "Jwt header [alg] is not supported" => Self::Algorithm,
            // "Jwks remote fetch is failed" and the like.
            other if other.starts_with("Jwks ") => return None,
            other if other.starts_with("Jwt ED25519 signature") => Self::Signature,
            _ => Self::Unknown,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::Audience => "it is meant for another audience",
            Self::Signature => "its signature is not its issuer's, or it never expires",
            Self::Kid => "its `kid` names no key of its issuer's",
            Self::Algorithm => "its algorithm is not taken here",
            Self::Critical => "it demands an extension that is not known here",
            Self::TooLarge => "it is too long",
            Self::Unknown => "it is malformed, or its issuer is not known here",
        }
    }

    /// 401 saying so.
    #[must_use]
    pub fn reject(self) -> Reject {
        let message = format!("The token was refused: {}.", self.words());
        Reject {
            message,
            ..Reject::new(RejectCode::InvalidToken)
        }
    }
}

/// Whether a credential has the form of a signed token: three parts in base64url, of which the first
/// begins an object. API keys have no such form.
#[must_use]
pub fn is_token(credential: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    credential.starts_with("eyJ")
        && credential.bytes().filter(|byte| *byte == b'.').count() == 2
        && credential.bytes().all(word)
}

/// The credential in `authorization: Bearer …`.
#[must_use]
pub fn token_in(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The caller whom a verified token names: the index of its key, for [`Policy::key`].
///
/// # Errors
/// 401 where its header is not what its issuer is let in with, 403 where it maps to no key or names what
/// cannot be a name.
pub fn by_token(policy: &Policy, head: &TokenHead, claims: &Claims) -> Result<u32, Reject> {
    let issuers = &policy.snapshot().identity.jwt;
    let spec = issuers
        .iter()
        .find(|spec| claims.issuer() == Some(&spec.issuer))
        .ok_or_else(|| TokenFault::Unknown.reject())?;
    if !spec
        .algorithms
        .iter()
        .any(|known| known.as_str() == head.alg)
    {
        return Err(TokenFault::Algorithm.reject());
    }
    if head.crit.is_some() {
        return Err(TokenFault::Critical.reject());
    }
    if spec.require_kid && head.kid.as_ref().is_none_or(String::is_empty) {
        return Err(TokenFault::Kid.reject());
    }
    let base = match &spec.key {
        KeyChoice::Everyone(key) => *key,
        KeyChoice::ByClaim { claim, keys } => claims.text(claim).and_then(|said| {
            let at = keys.binary_search_by(|(known, _)| known.as_str().cmp(said));
            at.ok().and_then(|at| keys.get(at)).map(|(_, key)| *key)
        }),
    };
    let base = base.ok_or_else(|| Reject::new(RejectCode::IdentityNotAllowed))?;
    let name = match &spec.user {
        None => None,
        Some(path) => {
            let user = claims.text(path).filter(|user| is_name(user));
            let user = user.ok_or_else(|| unusable(path))?;
            Some(format!("{}:{user}", spec.name))
        }
    };
    let roles = match &spec.roles {
        None => Roles::default(),
        Some(path) => roles(claims.get(path)).ok_or_else(|| unusable(path))?,
    };
    let priority = match spec.priority.as_ref().map(|path| (path, claims.get(path))) {
        None | Some((_, None)) => None,
        Some((path, Some(claim))) => Some(priority(claim).ok_or_else(|| unusable(path))?),
    };
    policy.caller(base, (name, roles, priority))
}

/// 403 naming the claim.
fn unusable(path: &ClaimPath) -> Reject {
    let message = format!(
        "The token is valid, but its claim `{}` is missing or not what this gateway needs.",
        path.0.join(".")
    );
    Reject {
        message,
        ..Reject::new(RejectCode::IdentityNotAllowed)
    }
}

/// A list, or words with blanks between them as in OAuth's `scope`; none where there is no claim.
fn roles(claim: Option<&Claim>) -> Option<Roles> {
    let names: Vec<String> = match claim {
        None | Some(Claim::Other) => Vec::new(),
        Some(Claim::Text(words)) => words.split_whitespace().map(str::to_owned).collect(),
        Some(Claim::List(names)) => names.clone(),
        Some(Claim::Object(_)) => return None,
    };
    let fits = names.len() <= MOST_ROLES && names.iter().all(|name| is_name(name));
    fits.then(|| Roles::of(names))
}

fn priority(claim: &Claim) -> Option<Priority> {
    match claim {
        Claim::Text(word) => Priority::parse(word),
        Claim::List(_) | Claim::Object(_) | Claim::Other => None,
    }
}
