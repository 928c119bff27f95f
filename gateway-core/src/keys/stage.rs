//! A snapshot on its way in: it runs when all of its pages are there, and not before.

use std::sync::Arc;

use super::{KeyPage, PageBytes, is_count};
use crate::policy::{BadSnapshot, Policy};
use crate::score::Scores;
use crate::snapshot::{Snapshot, SnapshotVersion};

/// Pages asked for at once, at most.
const WANTED: usize = 64;

/// A snapshot and those of its pages that are there.
#[derive(Debug)]
pub struct Stage {
    snapshot: Snapshot,
    pages: Vec<Option<Arc<KeyPage>>>,
    /// Its scores, to be used when it runs.
    pub scores: Option<Scores>,
}

impl Stage {
    /// Begins with the pages that it has in common with `known`.
    ///
    /// # Errors
    /// Its number of pages is none.
    pub fn begin(snapshot: Snapshot, known: &[Option<Arc<KeyPage>>]) -> Result<Self, BadSnapshot> {
        if !is_count(snapshot.key_pages.len()) {
            return Err(BadSnapshot::Keys);
        }
        let same = |(at, name): (usize, &u64)| {
            let known = known.get(at)?.as_ref()?;
            (known.name() == *name).then(|| Arc::clone(known))
        };
        let pages = snapshot.key_pages.iter().enumerate().map(same).collect();
        Ok(Self {
            snapshot,
            pages,
            scores: None,
        })
    }

    /// Takes over the pages that it lacks and `earlier` has; their numbers.
    pub fn adopt(&mut self, earlier: &Self) -> Vec<u16> {
        let mut adopted = Vec::new();
        let names = self.snapshot.key_pages.iter();
        let places = (0u16..).zip(names.zip(&mut self.pages));
        for ((number, (name, place)), theirs) in places.zip(&earlier.pages) {
            let theirs = theirs.as_ref().filter(|page| page.name() == *name);
            if let (None, Some(page)) = (&place, theirs) {
                *place = Some(Arc::clone(page));
                adopted.push(number);
            }
        }
        adopted
    }

    /// The version that it will be.
    #[must_use]
    pub fn version(&self) -> &SnapshotVersion {
        &self.snapshot.version
    }

    /// The pages that are there.
    #[must_use]
    pub fn pages(&self) -> &[Option<Arc<KeyPage>>] {
        &self.pages
    }

    /// Takes a page. `false` when it is not one of its own: another may have been meant by then.
    pub fn take(&mut self, number: u16, bytes: PageBytes) -> bool {
        let at = usize::from(number);
        let is_own = self.snapshot.key_pages.get(at) == Some(&bytes.name());
        let page = KeyPage::read(bytes).filter(|_| is_own);
        match (self.pages.get_mut(at), page) {
            (Some(place), Some(page)) => {
                *place = Some(Arc::new(page));
                true
            }
            (Some(_) | None, _) => false,
        }
    }

    /// The next pages that it lacks, ascending; empty when it can run.
    #[must_use]
    pub fn missing(&self) -> Vec<u16> {
        let pages = (0u16..).zip(&self.pages);
        let missing = pages.filter(|(_, page)| page.is_none());
        missing.map(|(number, _)| number).take(WANTED).collect()
    }

    /// What runs from here on, with its scores.
    ///
    /// # Errors
    /// It contradicts itself, or lacks pages.
    pub fn finish(self) -> Result<(Policy, Option<Scores>), BadSnapshot> {
        let pages: Option<Vec<Arc<KeyPage>>> = self.pages.into_iter().collect();
        let policy = Policy::with_pages(self.snapshot, pages.ok_or(BadSnapshot::Keys)?)?;
        Ok((policy, self.scores))
    }
}
