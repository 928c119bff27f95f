//! The API keys of a snapshot, in pages: however many there are, no step with them takes long.
//!
//! A page holds the keys whose digests begin alike, in a form that is searched where it lies. It is
//! named by its content, so that of a new snapshot only the pages that differ travel, some at a time
//! ([`Stage`]); the snapshot runs when all are there. A key is decoded when it is first used.

mod page;
mod stage;

pub use page::{KeyPage, PageBytes};
pub use stage::Stage;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::policy::BadSnapshot;
use crate::snapshot::{KeySpec, Snapshot};

/// Keys per page that a snapshot's number of pages aims at.
const PAGE_KEYS: usize = 192;
/// Most pages of a snapshot.
pub const MOST_PAGES: usize = 1_024;

/// A key's SHA-256.
pub(crate) type KeyDigest = [u8; 32];

/// Stands for that of a key that has none: only callers of `identity` have its rights, and no secret is
/// known that would have this digest.
const NO_DIGEST: KeyDigest = [0; 32];

/// A snapshot whose keys are in pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paged {
    /// All but the keys.
    pub snapshot: Snapshot,
    /// One for each of [`Snapshot::key_pages`].
    pub pages: Vec<PageBytes>,
}

impl Paged {
    /// Puts the keys of `snapshot` into pages.
    ///
    /// # Errors
    /// A key's digest is not 64 hex digits, or a limit names a key that is not there.
    pub fn of(mut snapshot: Snapshot) -> Result<Self, BadSnapshot> {
        let keys = std::mem::take(&mut snapshot.keys);
        let (pages, places) = split(&keys)?;
        place_references(&mut snapshot, |key| places.get(key as usize).copied())?;
        snapshot.key_pages = pages.iter().map(PageBytes::name).collect();
        Ok(Self { snapshot, pages })
    }

    /// A snapshot whose keys are in `pages` already; `place` is the index ([`index_of`]) of each key by its
    /// number in the order of all keys.
    ///
    /// # Errors
    /// A limit names a key that is not there.
    pub fn framed(
        mut snapshot: Snapshot,
        pages: Vec<PageBytes>,
        place: impl FnMut(u32) -> Option<u32>,
    ) -> Result<Self, BadSnapshot> {
        place_references(&mut snapshot, place)?;
        snapshot.key_pages = pages.iter().map(PageBytes::name).collect();
        Ok(Self { snapshot, pages })
    }

    /// The snapshot with its keys: in the order in which they were, where there is one page.
    ///
    /// # Errors
    /// A page is not what [`Paged::of`] made.
    pub fn whole(&self) -> Result<Snapshot, BadSnapshot> {
        let mut snapshot = self.snapshot.clone();
        snapshot.key_pages.clear();
        let mut places = BTreeMap::new();
        for (number, bytes) in (0u32..).zip(&self.pages) {
            let page = KeyPage::read(bytes.clone()).ok_or(BadSnapshot::Keys)?;
            for record in 0..page.len() {
                let key = page.key(record).ok_or(BadSnapshot::Keys)?;
                let at = u32::try_from(snapshot.keys.len()).unwrap_or(u32::MAX);
                places.insert(place(number, record), at);
                snapshot.keys.push(key.clone());
            }
        }
        place_references(&mut snapshot, |key| places.get(&key).copied())?;
        Ok(snapshot)
    }

    /// Lets pages that `earlier` has too be in memory once.
    pub fn share_with(&mut self, earlier: &Self) {
        for (page, known) in self.pages.iter_mut().zip(&earlier.pages) {
            if page == known {
                *page = known.clone();
            }
        }
    }
}

/// The indexes of keys by their public names, of those that are in these numbered pages. It reads them
/// whole: for tools, not for requests.
#[must_use]
pub fn indexes_in<'a>(
    pages: impl Iterator<Item = (usize, &'a PageBytes)>,
    wanted: &BTreeSet<&str>,
) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for (number, bytes) in pages {
        let page = KeyPage::read(bytes.clone());
        for record in 0..page.as_ref().map_or(0, KeyPage::len) {
            let key = page.as_ref().and_then(|page| page.key(record));
            if let Some(key) = key.filter(|key| wanted.contains(key.id.as_str())) {
                found.insert(key.id.clone(), index_of(number, record));
            }
        }
    }
    found
}

/// The number of the page that a key's index points into.
#[must_use]
pub fn page_of_index(index: u32) -> usize {
    place_of(index).0
}

/// Has everything in a snapshot that names a key by its index name it by another one.
pub(crate) fn place_references(
    snapshot: &mut Snapshot,
    mut place: impl FnMut(u32) -> Option<u32>,
) -> Result<(), BadSnapshot> {
    for limit in &mut snapshot.quota.limits {
        for key in &mut limit.only.keys {
            *key = place(*key).ok_or(BadSnapshot::Reference)?;
        }
        limit.only.keys.sort_unstable();
    }
    for key in snapshot.identity.keys_mut() {
        *key = place(*key).ok_or(BadSnapshot::Reference)?;
    }
    Ok(())
}

/// The pages of `keys`, and the index of each key in them.
pub(crate) fn split(keys: &[KeySpec]) -> Result<(Vec<PageBytes>, Vec<u32>), BadSnapshot> {
    let count = page_count(keys.len());
    let mut parts: Vec<Vec<(KeyDigest, &KeySpec)>> = vec![Vec::new(); count];
    let mut places = Vec::with_capacity(keys.len());
    for key in keys {
        let digest = digest_of(key).ok_or(BadSnapshot::Digest)?;
        let number = number_of(&digest, count);
        let part = parts.get_mut(number).ok_or(BadSnapshot::Keys)?;
        let record = u32::try_from(part.len()).unwrap_or(u32::MAX);
        places.push(place(u32::try_from(number).unwrap_or(u32::MAX), record));
        part.push((digest, key));
    }
    let pages = parts.iter().map(|part| page::write(part));
    let pages: Option<Vec<PageBytes>> = pages.collect();
    Ok((pages.ok_or(BadSnapshot::Keys)?, places))
}

/// How many pages so many keys have.
#[must_use]
pub fn page_count(keys: usize) -> usize {
    (keys / PAGE_KEYS).next_power_of_two().min(MOST_PAGES)
}

/// The page of `count` in which a key with this SHA-256 is, empty for one that has none; `None` for what
/// cannot be one. `count` is as [`page_count`] says.
#[must_use]
pub fn page_of(sha256: &str, count: usize) -> Option<usize> {
    let mut digest = NO_DIGEST;
    if !sha256.is_empty() {
        let start = u16::from_str_radix(sha256.get(..4)?, 16).ok()?;
        let [first, second, ..] = &mut digest;
        [*first, *second] = start.to_be_bytes();
    }
    Some(number_of(&digest, count))
}

/// Makes the page of these keys, in this order; `None` when one cannot be written.
#[must_use]
pub fn write_page(keys: &[KeySpec]) -> Option<PageBytes> {
    let keys: Option<Vec<_>> = keys
        .iter()
        .map(|key| Some((digest_of(key)?, key)))
        .collect();
    page::write(&keys?)
}

fn digest_of(key: &KeySpec) -> Option<KeyDigest> {
    match key.sha256.is_empty() {
        true => Some(NO_DIGEST),
        false => parse_digest(&key.sha256),
    }
}

/// The page of `count` in which a key with this digest is; `count` is a power of two.
pub(crate) fn number_of(digest: &KeyDigest, count: usize) -> usize {
    let [first, second, ..] = *digest;
    // The leading bits, so that pages follow each other as digests do.
    (usize::from(u16::from_be_bytes([first, second])) * count) >> 16
}

/// Records of a page have 22 bits of a key's index, pages 10.
const RECORD_BITS: u32 = 22;

fn place(number: u32, record: u32) -> u32 {
    (number << RECORD_BITS) | record
}

/// Callers that are no keys are numbered from here on: no page has so many records.
const FIRST_CALLER: u32 = 1 << (RECORD_BITS - 1);

/// Which caller an index stands for; `None` for a key's.
pub(crate) fn caller_of(index: u32) -> Option<usize> {
    let callers = FIRST_CALLER..1 << RECORD_BITS;
    callers
        .contains(&index)
        .then(|| (index - FIRST_CALLER) as usize)
}

/// The index that stands for a caller.
pub(crate) fn index_of_caller(number: u32) -> u32 {
    FIRST_CALLER | number
}

/// Page and record of a key's index.
pub(crate) fn place_of(index: u32) -> (usize, u32) {
    let record = index & ((1 << RECORD_BITS) - 1);
    ((index >> RECORD_BITS) as usize, record)
}

/// The index of a page's record.
#[must_use]
pub fn index_of(number: usize, record: u32) -> u32 {
    place(u32::try_from(number).unwrap_or(u32::MAX), record)
}

/// Whether a snapshot can have so many pages.
pub(crate) fn is_count(pages: usize) -> bool {
    pages.is_power_of_two() && pages <= MOST_PAGES
}

fn parse_digest(hex: &str) -> Option<KeyDigest> {
    let hex = hex.as_bytes();
    if hex.len() != 64 {
        return None;
    }
    let mut digest = [0u8; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
        let text = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests;
