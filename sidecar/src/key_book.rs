//! The keys that were made while Ark ran: created, rotated, revoked by the admin API.
//!
//! A key here is an entry of a tenant's `keys` as `ark.yaml` has it, but for its digests. The file is
//! stronger: an id or a digest that it has is not used from here.

mod list;
mod read_keys;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::config::{self, Config, KeyConfig, Problems};
pub use list::Listed;
pub use read_keys::ReadKeys;

/// Most keys that are kept, revoked ones included.
const MOST_KEYS: usize = 131_072;
/// Longest grace of a rotation, seconds: 30 days.
pub const MOST_GRACE_S: u64 = 30 * 86_400;

/// Seconds since the Unix epoch.
pub type UnixS = u64;

/// One digest of a key; while it is rotated there are two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Digest {
    sha256: String,
    /// From when on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until_s: Option<UnixS>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    tenant: String,
    /// As in `ark.yaml`, without `sha256`.
    entry: Map<String, Value>,
    /// The newest last.
    digests: Vec<Digest>,
    created_at_s: UnixS,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at_s: Option<UnixS>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at_s: Option<UnixS>,
}

/// All of them, by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyBook {
    keys: Entries,
}

/// Entries by id, shared with earlier books: a change costs what one key costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries(BTreeMap<String, Arc<Stored>>);

impl From<Entries> for KeyBook {
    fn from(keys: Entries) -> Self {
        Self { keys }
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(id, stored)| (id, stored.as_ref())))
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let keys = BTreeMap::<String, Stored>::deserialize(from)?;
        let keys = keys.into_iter().map(|(id, s)| (id, Arc::new(s)));
        Ok(Self(keys.collect()))
    }
}

/// A key to be made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Whose it is; a tenant of `ark.yaml`.
    pub tenant: String,
    /// SHA-256 of the key, 64 hex digits: the key itself stays with whoever made it.
    pub sha256: String,
    /// How long it is good, seconds; for ever when absent.
    #[serde(default)]
    pub expires_in_s: Option<UnixS>,
    /// The entry: `id`, `models`, `priority`, `priorities`, `may_pin`, `roles`, `limits`, `valid_until`.
    pub key: Map<String, Value>,
}

/// Why a key was not made or changed.
#[derive(Debug, PartialEq, Eq)]
pub enum KeyError {
    /// No key has this id here.
    NotFound,
    /// It is in `ark.yaml`, and is changed there.
    InFile,
    /// The id is taken.
    Exists,
    /// The digest is another key's.
    SameKey,
    /// It was revoked, which is for ever.
    Revoked,
    /// There are too many.
    Full,
    /// The grace of a rotation is too long.
    Grace,
    /// The tenant is not in `ark.yaml`.
    Tenant(String),
    /// The entry is wrong.
    Entry(Problems),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no key has this id; GET /v1/keys lists them"),
            Self::InFile => f.write_str("this key is in ark.yaml: change it there"),
            Self::Exists => f.write_str("key.id: is taken; choose another, or rotate that key"),
            Self::SameKey => f.write_str("sha256: is the digest of a key that is known already"),
            Self::Revoked => f.write_str("this key is revoked, which is for ever: make another"),
            Self::Full => write!(f, "there are {MOST_KEYS} keys already: no room for more"),
            Self::Grace => write!(f, "grace_s: must be at most {MOST_GRACE_S} (30 days)"),
            Self::Tenant(known) => write!(f, "tenant: is not in ark.yaml; defined: {known}"),
            Self::Entry(problems) => write!(f, "key: {problems}"),
        }
    }
}

impl Stored {
    /// The entries that the gateway runs: one for each digest.
    fn read(&self, config: &Config) -> Result<Vec<KeyConfig>, Problems> {
        let read = |digest: &Digest| {
            let mut entry = self.entry.clone();
            entry.insert("sha256".to_owned(), Value::from(digest.sha256.as_str()));
            let mut key = config::parse_key(&Value::Object(entry), config)?;
            let ends = [key.expires_at_s, self.expires_at_s, digest.until_s];
            key.expires_at_s = ends.into_iter().flatten().min();
            Ok(key)
        };
        self.digests.iter().map(read).collect()
    }

    fn problem(&self, id: &str, config: &Config, file: &BTreeSet<&str>) -> Option<String> {
        if file.contains(id) {
            return Some("ark.yaml has a key of this id, which is used instead".to_owned());
        }
        if config.tenants.iter().all(|t| t.name != self.tenant) {
            return Some(format!("its tenant {} is not in ark.yaml", self.tenant));
        }
        self.read(config).err().map(|problems| problems.to_string())
    }
}

fn keys_of(config: &Config) -> impl Iterator<Item = (&str, &KeyConfig)> {
    let tenants = config.tenants.iter();
    tenants.flat_map(|tenant| {
        let keys = tenant.keys.iter();
        keys.map(|key| (tenant.name.as_str(), key.as_ref()))
    })
}

fn ids_of(config: &Config) -> BTreeSet<&str> {
    keys_of(config).map(|(_, key)| key.id.as_str()).collect()
}

fn is_in_file(config: &Config, id: &str) -> bool {
    keys_of(config).any(|(_, key)| key.id == id)
}

/// The 64 digits of a digest.
type Digits = [u8; 64];

fn digits_of(sha256: &str) -> Digits {
    let mut digits = [0; 64];
    for (digit, byte) in digits.iter_mut().zip(sha256.bytes()) {
        *digit = byte;
    }
    digits
}

impl KeyBook {
    /// Makes a key. `config` is what the file says.
    ///
    /// # Errors
    /// It would not work, or would take another's place.
    pub fn create(&mut self, new: NewKey, config: &Config, now: UnixS) -> Result<String, KeyError> {
        if self.keys.0.len() >= MOST_KEYS {
            return Err(KeyError::Full);
        }
        if config.tenants.iter().all(|t| t.name != new.tenant) {
            let names: Vec<&str> = config.tenants.iter().map(|t| t.name.as_str()).collect();
            return Err(KeyError::Tenant(names.join(", ")));
        }
        let digest = Digest {
            sha256: new.sha256.to_ascii_lowercase(),
            until_s: None,
        };
        let mut entry = new.key;
        // The digest comes from outside of the entry, where there may be several.
        entry.remove("sha256");
        let stored = Stored {
            tenant: new.tenant,
            entry,
            digests: vec![digest],
            created_at_s: now,
            expires_at_s: new.expires_in_s.map(|s| now.saturating_add(s)),
            revoked_at_s: None,
        };
        let read = stored.read(config).map_err(KeyError::Entry)?;
        let id = read.first().map(|key| key.id.clone()).unwrap_or_default();
        if self.keys.0.contains_key(&id) || is_in_file(config, &id) {
            return Err(KeyError::Exists);
        }
        if self.has_digest(config, &stored.digests) {
            return Err(KeyError::SameKey);
        }
        self.keys.0.insert(id.clone(), Arc::new(stored));
        Ok(id)
    }

    /// Gives a key a new digest; the old ones go on for `grace_s`.
    ///
    /// # Errors
    /// There is no such key, it is revoked, or the new digest is wrong.
    pub fn rotate(
        &mut self,
        id: &str,
        (sha256, grace_s): (&str, u64),
        config: &Config,
        now: UnixS,
    ) -> Result<(), KeyError> {
        if grace_s > MOST_GRACE_S {
            return Err(KeyError::Grace);
        }
        let digest = Digest {
            sha256: sha256.to_ascii_lowercase(),
            until_s: None,
        };
        let is_known = self.has_digest(config, std::slice::from_ref(&digest));
        let stored = self.changeable(id, config)?;
        if is_known {
            return Err(KeyError::SameKey);
        }
        let mut rotated = Stored::clone(stored);
        rotated
            .digests
            .retain(|d| d.until_s.is_none_or(|s| s > now));
        for old in &mut rotated.digests {
            let end = now.saturating_add(grace_s);
            old.until_s = Some(old.until_s.map_or(end, |until| until.min(end)));
        }
        rotated
            .digests
            .retain(|d| d.until_s.is_none_or(|s| s > now));
        rotated.digests.push(digest);
        // Two are enough: whoever rotates twice within a grace means it.
        while rotated.digests.len() > 2 {
            rotated.digests.remove(0);
        }
        rotated.read(config).map_err(KeyError::Entry)?;
        *stored = rotated;
        Ok(())
    }

    /// Refuses a key from now on, for ever.
    ///
    /// # Errors
    /// There is no such key.
    pub fn revoke(&mut self, id: &str, config: &Config, now: UnixS) -> Result<(), KeyError> {
        let stored = self.changeable(id, config)?;
        stored.revoked_at_s = Some(now);
        stored.digests.clear();
        Ok(())
    }

    fn changeable(&mut self, id: &str, config: &Config) -> Result<&mut Stored, KeyError> {
        match self.keys.0.get_mut(id) {
            Some(stored) if stored.revoked_at_s.is_some() => Err(KeyError::Revoked),
            Some(stored) => Ok(Arc::make_mut(stored)),
            None if is_in_file(config, id) => Err(KeyError::InFile),
            None => Err(KeyError::NotFound),
        }
    }

    fn has_digest(&self, config: &Config, digests: &[Digest]) -> bool {
        let has = |known: &str| digests.iter().any(|digest| digest.sha256 == known);
        let mut own = self.keys.0.values().flat_map(|stored| &stored.digests);
        let tokens = &config.admin.tokens;
        own.any(|digest| has(&digest.sha256))
            || keys_of(config).any(|(_, key)| has(&key.sha256))
            || tokens.iter().any(|token| has(&token.sha256))
    }

    /// The configuration with the keys of the book that work in it.
    #[must_use]
    pub fn merged(&self, config: &Config) -> Config {
        self.merged_as(config, &mut ReadKeys::default())
    }

    /// The same, where `read` is of the same configuration, perhaps of an earlier book.
    pub fn merged_as(&self, config: &Config, read: &mut ReadKeys) -> Config {
        let mut merged = config.clone();
        let mut digests: HashSet<Digits> = keys_of(config)
            .map(|(_, key)| digits_of(&key.sha256))
            .collect();
        let file = ids_of(config);
        let tenants = merged.tenants.iter_mut();
        let mut tenants: BTreeMap<String, &mut Vec<Arc<KeyConfig>>> =
            tenants.map(|t| (t.name.clone(), &mut t.keys)).collect();
        read.forget(self);
        for (id, stored) in &self.keys.0 {
            let Some(keys) = tenants.get_mut(&stored.tenant) else {
                continue;
            };
            if file.contains(id.as_str()) {
                continue;
            }
            let own = read.of(stored, config).iter();
            keys.extend(
                own.filter(|key| digests.insert(digits_of(&key.sha256)))
                    .cloned(),
            );
        }
        merged
    }
}

#[cfg(test)]
mod tests;
