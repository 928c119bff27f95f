//! Callers that no snapshot lists: users of an issuer, each with a key's rights and a name of its own.
//!
//! They are numbered behind the snapshot's keys, so that whatever takes a key's index takes theirs. A
//! number lasts as long as the policy: nothing is ever taken out, and a policy with too many callers is
//! replaced by a fresh one of the same snapshot.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use super::Roles;
use crate::priority::Priority;
use crate::snapshot::KeySpec;

/// Callers after which a policy should be replaced, per worker.
const MANY: usize = 16_384;
/// The same by what they hold, in bytes.
const MANY_BYTES: usize = 8 << 20;
/// What a caller holds beside its names, in bytes, roughly.
const CALLER_BYTES: usize = 400;
/// Room for those who come before it is.
const SLACK: usize = 64;

/// What makes a caller another one than its key: name, roles and priority.
pub type Marks = (Option<String>, Roles, Option<Priority>);

#[derive(Debug)]
struct Caller {
    spec: KeySpec,
    base: u32,
    roles: Roles,
}

/// The callers of one policy.
#[derive(Debug, Default)]
pub struct Callers {
    places: Vec<OnceCell<Box<Caller>>>,
    known: RefCell<BTreeMap<(u32, Marks), u32>>,
    bytes: Cell<usize>,
}

impl Callers {
    /// For a snapshot that lets such callers in, or for one that does not.
    #[must_use]
    pub fn new(are_let_in: bool) -> Self {
        let places = if are_let_in { MANY + SLACK } else { 0 };
        Self {
            places: (0..places).map(|_| OnceCell::new()).collect(),
            ..Self::default()
        }
    }

    /// Whether the policy should be replaced by a fresh one.
    #[must_use]
    pub fn are_many(&self) -> bool {
        self.bytes.get() >= MANY_BYTES || self.known.borrow().len() >= MANY
    }

    pub(crate) fn key(&self, at: usize) -> Option<&KeySpec> {
        self.caller(at).map(|caller| &caller.spec)
    }

    pub(crate) fn roles(&self, at: usize) -> Option<&Roles> {
        self.caller(at).map(|caller| &caller.roles)
    }

    pub(crate) fn base(&self, at: usize) -> Option<u32> {
        self.caller(at).map(|caller| caller.base)
    }

    fn caller(&self, at: usize) -> Option<&Caller> {
        self.places.get(at)?.get().map(Box::as_ref)
    }

    /// The place of a caller with the rights of `key`, which is number `base`; `None` when there is no
    /// room for another.
    pub(crate) fn place_of(&self, base: u32, key: &KeySpec, marks: Marks) -> Option<u32> {
        let mut known = self.known.borrow_mut();
        let next = u32::try_from(known.len()).ok()?;
        let mark = (base, marks);
        if let Some(at) = known.get(&mark) {
            return Some(*at);
        }
        let place = self.places.get(next as usize)?;
        let (name, roles, priority) = &mark.1;
        let names = roles.as_slice().iter().chain(name);
        // The names stand here and in the map.
        let bytes = 2 * names.map(String::len).sum::<usize>() + CALLER_BYTES;
        let mut spec = key.clone();
        // Nobody comes in with it: it is a key's rights without the key.
        spec.sha256.clear();
        if let Some(name) = name {
            spec.id.clone_from(name);
        }
        if let Some(most_urgent) = priority {
            spec.priority = *most_urgent;
            spec.priorities.retain(|one| one >= most_urgent);
        }
        let roles = roles.clone();
        place.set(Box::new(Caller { spec, base, roles })).ok()?;
        known.insert(mark, next);
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        Some(next)
    }
}
