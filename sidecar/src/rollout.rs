//! Make before break: which providers are in Envoy's clusters, in its routes and in the snapshot.
//!
//! A provider enters the snapshot only once Envoy has its cluster and a route to it, and leaves the
//! snapshot before its route, and its route before its cluster. Pure: facts and `now` come in, sets
//! of names come out.

use std::collections::{BTreeMap, BTreeSet};

use crate::Ms;

/// Between the last worker's farewell to a provider and the end of its route: requests that were
/// ordered before may still try it.
pub const DRAIN_MS: Ms = 2_000;
/// How long to wait for an Envoy that does not answer before a leaving provider is dropped anyway.
pub const GIVE_UP_MS: Ms = 10_000;

/// A provider that the configuration asks for.
#[derive(Clone)]
pub struct Wanted<C> {
    /// What Envoy is given for it.
    pub config: C,
    /// What must not change under running requests (wire format, paths, credential's origin): when
    /// this differs the provider leaves and joins again, otherwise its cluster is updated in place.
    pub wire: String,
}

/// What is known of Envoy and its workers at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Clusters that Envoy has taken and warmed: name and [`Wanted::wire`].
    pub clusters: Option<&'a BTreeMap<String, String>>,
    /// Clusters that Envoy still lists; `None` when its admin interface was not heard.
    pub listed: Option<&'a BTreeSet<String>>,
    /// Providers in the routes that Envoy has taken.
    pub routes: Option<&'a BTreeSet<String>>,
    /// The providers of each live worker's snapshot; `None` for a snapshot that we do not know.
    pub workers: &'a [Option<&'a BTreeSet<String>>],
}

/// Where a provider stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Envoy does not have its cluster and route yet.
    PendingCluster,
    /// In the snapshot.
    Active,
    /// Out of the snapshot, on its way out of Envoy.
    Leaving,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Clusters and routes, not the snapshot.
    Joining,
    /// Clusters, routes and snapshot.
    Active,
    /// Clusters and routes; drains since no worker has it.
    Leaving { free_since: Option<Ms> },
    /// Clusters only.
    Unrouted { since: Ms },
    /// Nowhere; it waits for Envoy to forget it before it joins again in a new form.
    Removed { since: Ms },
}

struct Entry<C> {
    given: C,
    wire: String,
    phase: Phase,
    /// What it shall become after it has left.
    next: Option<Wanted<C>>,
}

/// The state machine over all providers.
pub struct Rollout<C> {
    entries: BTreeMap<String, Entry<C>>,
}

impl<C> Default for Rollout<C> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
        }
    }
}

impl<C: Clone> Rollout<C> {
    /// Takes a new configuration: the providers that shall serve.
    pub fn want(&mut self, wanted: BTreeMap<String, Wanted<C>>) {
        for (name, entry) in &mut self.entries {
            if !wanted.contains_key(name) {
                entry.next = None;
                entry.leave();
            }
        }
        for (name, wanted) in wanted {
            match self.entries.get_mut(&name) {
                Some(entry) => entry.become_wanted(wanted),
                None => {
                    self.entries.insert(name, Entry::joining(wanted));
                }
            }
        }
    }

    /// Takes providers as confirmed: a worker of this Envoy already runs a snapshot with them.
    pub fn adopt(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.phase == Phase::Joining {
                entry.phase = Phase::Active;
            }
        }
    }

    /// Moves on as far as `facts` allow; tells whether anything moved.
    pub fn progress(&mut self, facts: &Facts<'_>, now: Ms) -> bool {
        let mut moved = false;
        self.entries.retain(|name, entry| {
            let before = entry.phase;
            let keep = entry.progress(name, facts, now);
            moved |= !keep || entry.phase != before;
            keep
        });
        moved
    }

    /// Where a provider stands; `None` for one that was never wanted or has gone.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<State> {
        self.entries.get(name).map(|entry| match entry.phase {
            Phase::Joining => State::PendingCluster,
            Phase::Active => State::Active,
            Phase::Leaving { .. } | Phase::Unrouted { .. } | Phase::Removed { .. } => {
                State::Leaving
            }
        })
    }

    /// What Envoy is given now for a provider.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&C> {
        self.entries.get(name).map(|entry| &entry.given)
    }

    /// Whether anything is on its way, so that Envoy should be asked often.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.entries
            .values()
            .any(|entry| entry.phase != Phase::Active)
    }

    /// Whether some provider has yet to join.
    #[must_use]
    pub fn is_joining(&self) -> bool {
        self.entries
            .values()
            .any(|entry| entry.phase == Phase::Joining)
    }

    /// Names for the snapshot.
    #[must_use]
    pub fn usable(&self) -> BTreeSet<String> {
        self.names(|phase| phase == Phase::Active)
    }

    /// Names for Envoy's routes.
    #[must_use]
    pub fn routed(&self) -> BTreeSet<String> {
        self.names(|phase| match phase {
            Phase::Joining | Phase::Active | Phase::Leaving { .. } => true,
            Phase::Unrouted { .. } | Phase::Removed { .. } => false,
        })
    }

    /// What Envoy's clusters are made from: name, wire and configuration.
    pub fn clustered(&self) -> impl Iterator<Item = (&String, &String, &C)> {
        self.entries
            .iter()
            .filter_map(|(name, entry)| match entry.phase {
                Phase::Removed { .. } => None,
                Phase::Joining | Phase::Active | Phase::Leaving { .. } | Phase::Unrouted { .. } => {
                    Some((name, &entry.wire, &entry.given))
                }
            })
    }

    fn names(&self, is_in: impl Fn(Phase) -> bool) -> BTreeSet<String> {
        self.entries
            .iter()
            .filter(|(_, entry)| is_in(entry.phase))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl<C: Clone> Entry<C> {
    fn joining(wanted: Wanted<C>) -> Self {
        Self {
            given: wanted.config,
            wire: wanted.wire,
            phase: Phase::Joining,
            next: None,
        }
    }

    fn leave(&mut self) {
        match self.phase {
            Phase::Joining | Phase::Active => self.phase = Phase::Leaving { free_since: None },
            Phase::Leaving { .. } | Phase::Unrouted { .. } | Phase::Removed { .. } => {}
        }
    }

    fn become_wanted(&mut self, wanted: Wanted<C>) {
        let same_wire = self.wire == wanted.wire;
        match self.phase {
            Phase::Joining | Phase::Active if same_wire => self.given = wanted.config,
            // Envoy still has its cluster and its route: it can come back the way it is.
            Phase::Leaving { .. } if same_wire => *self = Self::joining(wanted),
            Phase::Joining
            | Phase::Active
            | Phase::Leaving { .. }
            | Phase::Unrouted { .. }
            | Phase::Removed { .. } => {
                self.leave();
                self.next = Some(wanted);
            }
        }
    }

    /// One step or several; false when the entry is done with.
    fn progress(&mut self, name: &str, facts: &Facts<'_>, now: Ms) -> bool {
        match self.phase {
            Phase::Active => {}
            Phase::Joining => {
                let clustered = facts.clusters.and_then(|c| c.get(name)) == Some(&self.wire);
                if clustered && facts.routes.is_some_and(|r| r.contains(name)) {
                    self.phase = Phase::Active;
                }
            }
            Phase::Leaving { free_since } => self.drain(name, free_since, facts, now),
            Phase::Unrouted { since } => {
                let unrouted = facts.routes.is_some_and(|r| !r.contains(name));
                if unrouted || now.saturating_sub(since) >= GIVE_UP_MS {
                    self.phase = Phase::Removed { since: now };
                }
            }
            Phase::Removed { since } => {
                let gone = facts.listed.is_some_and(|l| !l.contains(name));
                let done = gone || now.saturating_sub(since) >= GIVE_UP_MS;
                match (done, self.next.take()) {
                    (_, None) => return false,
                    (true, Some(next)) => *self = Self::joining(next),
                    (false, next) => self.next = next,
                }
            }
        }
        true
    }

    fn drain(&mut self, name: &str, free_since: Option<Ms>, facts: &Facts<'_>, now: Ms) {
        let in_use = facts
            .workers
            .iter()
            .any(|known| known.is_none_or(|providers| providers.contains(name)));
        self.phase = match free_since {
            _ if in_use => Phase::Leaving { free_since: None },
            None => Phase::Leaving {
                free_since: Some(now),
            },
            Some(since) if now.saturating_sub(since) >= DRAIN_MS => Phase::Unrouted { since: now },
            Some(_) => return,
        };
    }
}

#[cfg(test)]
mod tests;
