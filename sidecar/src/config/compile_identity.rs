//! `identity`, compiled: names of keys become their indices.

use std::collections::{BTreeMap, BTreeSet};

use ark_gateway_core::identity::{CertificateSpec, IdentitySpec, JwtSpec, KeyChoice};

use super::Config;

/// A key that has been revoked while Ark runs is not among `keys`, and lets nobody in.
pub(super) fn compile_identity(config: &Config, keys: &[&str]) -> IdentitySpec {
    let places = places_of_named(config, keys);
    let index = |id: &str| places.get(id).copied();
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

/// The index of each key that is named; of two of one name, as while it is rotated, the first.
fn places_of_named<'a>(config: &Config, keys: &[&'a str]) -> BTreeMap<&'a str, u32> {
    let jwt = config.identity.jwt.iter();
    let of_tokens = jwt.flat_map(|jwt| jwt.key.iter().chain(jwt.keys.iter().map(|(_, id)| id)));
    let of_certificates = config.identity.certificates.iter().map(|one| &one.key);
    let named = of_tokens.chain(of_certificates).map(String::as_str);
    let named: BTreeSet<&str> = named.collect();
    let mut places = BTreeMap::new();
    for (at, id) in (0_u32..).zip(keys).filter(|(_, id)| named.contains(**id)) {
        places.entry(*id).or_insert(at);
    }
    places
}
