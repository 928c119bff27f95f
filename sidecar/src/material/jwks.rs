//! Whether a JSON Web Key Set (RFC 7517) is of any use, and safe to keep.

use ark_gateway_core::identity::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Wrong;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    /// A private key's own part (RFC 7518 sections 6.2.2 and 6.3.2).
    #[serde(default)]
    d: Option<IgnoredAny>,
}

impl Key {
    /// Whether it can verify this algorithm's signatures.
    fn serves(&self, algorithm: Algorithm) -> bool {
        if self
            .alg
            .as_ref()
            .is_some_and(|alg| alg != algorithm.as_str())
        {
            return false;
        }
        let curve = |name: &str| self.crv.as_deref() == Some(name);
        match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => self.kty == "RSA",
            Algorithm::Es256 => self.kty == "EC" && curve("P-256"),
            Algorithm::Es384 => self.kty == "EC" && curve("P-384"),
            Algorithm::Es512 => self.kty == "EC" && curve("P-521"),
            Algorithm::EdDsa => self.kty == "OKP" && curve("Ed25519"),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => self.kty == "oct",
        }
    }
}

/// Judges a set for an issuer's `algorithms`.
///
/// # Errors
/// It is no set, holds a private key, or no key for any of these algorithms.
pub(super) fn check(text: &str, algorithms: &[Algorithm]) -> Result<(), Wrong> {
    // The parser's words can repeat the file's.
    let set: Set = serde_json::from_str(text).map_err(|_error| {
        let message = "is not a JSON Web Key Set".to_owned();
        (
            message,
            "as {\"keys\": [{\"kty\": \"RSA\", \"kid\": …, \"n\": …, \"e\": …}]}",
        )
    })?;
    if set.keys.iter().any(|key| key.d.is_some()) {
        let message = "holds a private key".to_owned();
        return Err((
            message,
            "write public keys only, and treat this one as leaked",
        ));
    }
    if set.keys.iter().any(|key| key.kty == "oct") && !algorithms.iter().any(|a| a.is_symmetric()) {
        let message = "holds a shared secret, and no algorithm takes one".to_owned();
        return Err((message, "name HS256 in algorithms if that is meant"));
    }
    let serves = |algorithm: &Algorithm| set.keys.iter().any(|key| key.serves(*algorithm));
    match algorithms.iter().any(serves) {
        true => Ok(()),
        false => {
            let message = "holds no key for any of the algorithms".to_owned();
            Err((
                message,
                "is it the right file, and are algorithms the issuer's?",
            ))
        }
    }
}
