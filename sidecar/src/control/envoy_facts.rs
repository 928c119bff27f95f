//! What Envoy's admin interface says.

use std::collections::{BTreeMap, BTreeSet};

use crate::Ms;
use crate::scores::Gauges;

/// When the admin interface has been silent for so long, a version of clusters that Envoy has taken
/// for as long counts as warmed, milliseconds.
const WARM_BY_AGE_MS: Ms = 5_000;

/// What is known from Envoy's admin interface.
#[derive(Default)]
pub struct EnvoyFacts {
    listed: Option<BTreeSet<String>>,
    gauges: BTreeMap<String, Gauges>,
    failing_since: Option<Ms>,
    heard: Option<Ms>,
}

impl EnvoyFacts {
    /// It lists these clusters, which are those that are warmed.
    pub fn set_listed(&mut self, names: BTreeSet<String>, now: Ms) {
        self.listed = Some(names);
        self.answered(now);
    }

    /// It says this of each cluster.
    pub fn set_gauges(&mut self, gauges: BTreeMap<String, Gauges>, now: Ms) {
        self.gauges = gauges;
        self.answered(now);
    }

    /// It did not answer, or not with sense. Returns whether it did before.
    pub fn failed(&mut self, now: Ms) -> bool {
        self.listed = None;
        let news = self.failing_since.is_none();
        self.failing_since.get_or_insert(now);
        news
    }

    /// Whether the last question failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// When it last answered.
    #[must_use]
    pub fn heard(&self) -> Option<Ms> {
        self.heard
    }

    fn answered(&mut self, now: Ms) {
        self.failing_since = None;
        self.heard = Some(now);
    }

    /// A list from before a change says nothing of what comes after it.
    pub(super) fn forget_listed(&mut self) {
        self.listed = None;
    }

    pub(super) fn listed(&self) -> Option<&BTreeSet<String>> {
        self.listed.as_ref()
    }

    pub(super) fn gauges(&self, cluster: &str) -> Option<Gauges> {
        self.gauges.get(cluster).copied()
    }

    /// Of the clusters that Envoy has taken (and since when), those that are warmed.
    pub(super) fn confirmed(
        &self,
        taken: Option<(&BTreeMap<String, String>, Ms)>,
        now: Ms,
    ) -> Option<BTreeMap<String, String>> {
        let (clusters, since) = taken?;
        let mut clusters = clusters.clone();
        match (&self.listed, self.failing_since) {
            (Some(listed), _) => clusters.retain(|name, _| listed.contains(name)),
            // Without its admin interface Envoy is taken at its word, after a while.
            (None, Some(failing)) if now.saturating_sub(failing.max(since)) >= WARM_BY_AGE_MS => {}
            (None, _) => return None,
        }
        Some(clusters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warmed_is_what_is_listed_or_with_a_silent_admin_what_was_taken_long_ago() {
        let taken = BTreeMap::from(["a", "b"].map(|n| (n.to_owned(), String::new())));
        let names = |facts: &EnvoyFacts, now| {
            let confirmed = facts.confirmed(Some((&taken, 1_000)), now);
            confirmed.map(|c| c.into_keys().collect::<Vec<_>>())
        };
        let mut facts = EnvoyFacts::default();
        assert_eq!(names(&facts, 60_000), None, "not asked yet");
        facts.set_listed(BTreeSet::from(["a".to_owned(), "x".to_owned()]), 2_000);
        assert_eq!(names(&facts, 2_000).unwrap(), ["a"]);
        assert!(facts.failed(3_000));
        assert!(!facts.failed(3_500), "no news");
        assert_eq!(names(&facts, 7_999), None);
        assert_eq!(names(&facts, 8_000).unwrap(), ["a", "b"]);
        assert_eq!(facts.confirmed(None, 8_000), None);
    }
}
