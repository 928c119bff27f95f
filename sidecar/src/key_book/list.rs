//! The keys as the admin API lists them.

use serde::Serialize;

use super::{Digest, KeyBook, UnixS, ids_of, keys_of};
use crate::config::Config;

/// One key as the admin API lists it: no digest, and never the key.
#[derive(Debug, PartialEq, Serialize)]
pub struct Listed {
    /// Its public name.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// `file` for `ark.yaml`, `api` for those that were made while Ark ran.
    pub source: &'static str,
    /// `active`, `expired`, `revoked` or `unusable`.
    pub state: &'static str,
    /// Why it is unusable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Digests that are accepted now: two within the grace of a rotation.
    pub digests: usize,
    /// When it was made; unknown for those of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at_s: Option<UnixS>,
    /// From when on it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_s: Option<UnixS>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at_s: Option<UnixS>,
}

impl KeyBook {
    /// Every key, of the file and of the book, by id.
    #[must_use]
    pub fn list(&self, config: &Config, now: UnixS) -> Vec<Listed> {
        let state = |expires: Option<UnixS>| match expires {
            Some(end) if end <= now => "expired",
            Some(_) | None => "active",
        };
        let file = keys_of(config).map(|(tenant, key)| Listed {
            id: key.id.clone(),
            tenant: tenant.to_owned(),
            source: "file",
            state: state(key.expires_at_s),
            problem: None,
            digests: 1,
            created_at_s: None,
            expires_at_s: key.expires_at_s,
            revoked_at_s: None,
        });
        let in_file = ids_of(config);
        let book = self.keys.0.iter().map(|(id, stored)| {
            let problem = stored.problem(id, config, &in_file);
            let live = |digest: &&Digest| digest.until_s.is_none_or(|until| until > now);
            Listed {
                id: id.clone(),
                tenant: stored.tenant.clone(),
                source: "api",
                state: match (stored.revoked_at_s, &problem) {
                    (Some(_), _) => "revoked",
                    (None, Some(_)) => "unusable",
                    (None, None) => state(stored.expires_at_s),
                },
                problem: problem.filter(|_| stored.revoked_at_s.is_none()),
                digests: stored.digests.iter().filter(live).count(),
                created_at_s: Some(stored.created_at_s),
                expires_at_s: stored.expires_at_s,
                revoked_at_s: stored.revoked_at_s,
            }
        });
        let mut all: Vec<Listed> = file.chain(book).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }
}
