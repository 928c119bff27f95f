//! Entries that were read are not read again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{KeyBook, Stored};
use crate::config::{Config, KeyConfig};

/// What the entries of a book were read as, under one configuration: reading a hundred thousand of them
/// takes a second, and a change concerns one. By the address of each entry.
#[derive(Default)]
pub struct ReadKeys(HashMap<usize, Known>);

/// As long as an entry is kept here, no other one has its address.
struct Known {
    _entry: Arc<Stored>,
    keys: Vec<Arc<KeyConfig>>,
}

impl ReadKeys {
    pub(super) fn of(&mut self, stored: &Arc<Stored>, config: &Config) -> &[Arc<KeyConfig>] {
        let known = self.0.entry(address(stored)).or_insert_with(|| Known {
            _entry: Arc::clone(stored),
            keys: {
                let keys = stored.read(config).unwrap_or_default();
                keys.into_iter().map(Arc::new).collect()
            },
        });
        &known.keys
    }

    /// Forgets entries that are in no book any more, when there are many.
    pub(super) fn forget(&mut self, book: &KeyBook) {
        const MANY: usize = 1_024;
        if self.0.len() > book.keys.0.len() + MANY {
            let own: HashSet<usize> = book.keys.0.values().map(address).collect();
            self.0.retain(|entry, _| own.contains(entry));
        }
    }
}

fn address(stored: &Arc<Stored>) -> usize {
    Arc::as_ptr(stored).addr()
}
