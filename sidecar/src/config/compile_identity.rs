//! `identity`, compiled: names of keys become their indices.

use ark_gateway_core::identity::{CertificateSpec, IdentitySpec, JwtSpec, KeyChoice};

use super::Config;

/// A key that has been revoked while Ark runs is not among `keys`, and lets nobody in.
pub(super) fn compile_identity(config: &Config, keys: &[&str]) -> IdentitySpec {
    let index = |id: &str| {
        let at = keys.iter().position(|key| *key == id)?;
        u32::try_from(at).ok()
    };
    let jwt = config.identity.jwt.iter().map(|jwt| JwtSpec {
        name: jwt.name.clone(),
        issuer: jwt.issuer.clone(),
        algorithms: jwt.algorithms.clone(),
        require_kid: jwt.require_kid,
        key: match (&jwt.key, &jwt.claims.tenant) {
            (None, Some(claim)) => {
                let keys = jwt.keys.iter();
                let known = keys.filter_map(|(value, id)| Some((value.clone(), index(id)?)));
                KeyChoice::ByClaim {
                    claim: claim.clone(),
                    keys: known.collect(),
                }
            }
            (key, _) => KeyChoice::Everyone(key.as_deref().and_then(index)),
        },
        user: jwt.claims.user.clone(),
        roles: jwt.claims.roles.clone(),
        priority: jwt.claims.priority.clone(),
    });
    let certificates = config.identity.certificates.iter();
    let certificates = certificates.map(|one| CertificateSpec {
        name: one.name.clone(),
        matches: one.matches.clone(),
        key: index(&one.key),
    });
    IdentitySpec {
        jwt: jwt.collect(),
        certificates: certificates.collect(),
    }
}
