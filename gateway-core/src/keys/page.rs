//! One page of keys: where each digest is, and what its key may do, in one piece of memory.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | its name: the first bytes of the SHA-256 of all that follows |
//! | 4 | number of keys `n` |
//! | 32 `n` | their digests, ascending |
//! | 4 `n` | the record of each digest |
//! | 4 `n` | where each record ends |
//! | the rest | the records: [`KeySpec`] by `ark_codec`, without its digest |
//!
//! Numbers are little-endian.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::KeyDigest;
use crate::snapshot::KeySpec;

const NAME: usize = 8;
const HEAD: usize = NAME + 4;

/// A page as it travels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageBytes(pub Arc<[u8]>);

impl PageBytes {
    /// What it is named in [`crate::snapshot::Snapshot::key_pages`]; 0 for what is no page.
    #[must_use]
    pub fn name(&self) -> u64 {
        self.0
            .first_chunk::<NAME>()
            .map_or(0, |name| u64::from_le_bytes(*name))
    }
}

impl Serialize for PageBytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for PageBytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = PageBytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<PageBytes, E> {
                Ok(PageBytes(bytes.into()))
            }
        }
        from.deserialize_bytes(Bytes)
    }
}

/// Makes the page of these keys, in this order; `None` when one cannot be written.
pub(super) fn write(keys: &[(KeyDigest, &KeySpec)]) -> Option<PageBytes> {
    let count = u32::try_from(keys.len()).ok()?;
    let mut sorted: Vec<(KeyDigest, u32)> = (0..).zip(keys).map(|(n, (d, _))| (*d, n)).collect();
    sorted.sort_unstable();
    let mut bytes = vec![0; NAME];
    bytes.extend_from_slice(&count.to_le_bytes());
    bytes.extend(sorted.iter().flat_map(|(digest, _)| *digest));
    bytes.extend(sorted.iter().flat_map(|(_, record)| record.to_le_bytes()));
    let mut records = Vec::new();
    for (_, key) in keys {
        // The digest stands above.
        let key = KeySpec {
            sha256: String::new(),
            ..KeySpec::clone(key)
        };
        ark_codec::write_to(&mut records, &key).ok()?;
        let end = u32::try_from(records.len()).ok()?;
        bytes.extend_from_slice(&end.to_le_bytes());
    }
    bytes.extend_from_slice(&records);
    let name = Sha256::digest(bytes.get(NAME..)?);
    bytes.get_mut(..NAME)?.copy_from_slice(name.get(..NAME)?);
    Some(PageBytes(bytes.into()))
}

/// A page to look keys up in.
#[derive(Debug)]
pub struct KeyPage {
    bytes: PageBytes,
    /// Each key that was used.
    used: Vec<OnceLock<Box<KeySpec>>>,
}

impl KeyPage {
    /// Takes a page; `None` when it is too short to be one. Its content is not read here.
    #[must_use]
    pub fn read(bytes: PageBytes) -> Option<Self> {
        let count = bytes.0.get(NAME..HEAD)?.first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        if bytes.0.len() < HEAD.checked_add(count.checked_mul(40)?)? {
            return None;
        }
        let used = (0..count).map(|_| OnceLock::new()).collect();
        Some(Self { bytes, used })
    }

    /// Its name in [`crate::snapshot::Snapshot::key_pages`].
    #[must_use]
    pub fn name(&self) -> u64 {
        self.bytes.name()
    }

    /// Number of its keys.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.used.len()).unwrap_or(u32::MAX)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    fn digest(&self, at: usize) -> Option<&KeyDigest> {
        self.bytes.0.get(HEAD + at * 32..)?.first_chunk()
    }

    fn number(&self, column: usize, at: usize) -> Option<u32> {
        let from = HEAD + self.used.len() * (32 + column * 4) + at * 4;
        let number = self.bytes.0.get(from..)?.first_chunk()?;
        Some(u32::from_le_bytes(*number))
    }

    /// The record of a key by its digest. The last comparison is constant in time, and those before
    /// tell nothing of a key: they are of digests.
    pub(crate) fn find(&self, wanted: &KeyDigest) -> Option<u32> {
        let (mut from, mut to) = (0, self.used.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.digest(middle)? < wanted {
                true => from = middle + 1,
                false => to = middle,
            }
        }
        let is_it = bool::from(self.digest(from)?.ct_eq(wanted));
        self.number(0, from)
            .filter(|_| is_it && from < self.used.len())
    }

    /// A key by its record; `None` also for one that cannot be read.
    #[must_use]
    pub fn key(&self, record: u32) -> Option<&KeySpec> {
        let cell = self.used.get(record as usize)?;
        match cell.get() {
            Some(key) => Some(key),
            None => {
                let key = self.decode(record)?;
                Some(cell.get_or_init(|| Box::new(key)))
            }
        }
    }

    fn decode(&self, record: u32) -> Option<KeySpec> {
        let at = record as usize;
        let from = match at.checked_sub(1) {
            Some(before) => self.number(1, before)? as usize,
            None => 0,
        };
        let to = self.number(1, at)? as usize;
        let records = self.bytes.0.get(HEAD + self.used.len() * 40..)?;
        let mut key: KeySpec = ark_codec::read(records.get(from..to)?).ok()?;
        let own = (0..self.used.len()).find(|at| self.number(0, *at) == Some(record))?;
        let digest = self.digest(own)?;
        if *digest == super::NO_DIGEST {
            return Some(key);
        }
        for byte in digest {
            // Writing to a string does not fail.
            let _ = write!(key.sha256, "{byte:02x}");
        }
        Some(key)
    }
}
