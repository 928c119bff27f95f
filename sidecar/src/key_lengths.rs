//! How long the answers to single keys are: of the keys that ask most, and only where that is another
//! length than the model's.

use std::collections::{BTreeMap, BTreeSet};

use ark_gateway_core::keys::{self, PageBytes};
use ark_gateway_core::score::{KeyLengths, MOST_KEY_LENGTHS, ModelScore};
use ark_gateway_core::snapshot::{ModelId, Snapshot, SnapshotVersion};

use crate::Ms;
use crate::memory::Lengths;

/// Pairs of model and key that are followed at most, 1.6 kB each.
const MOST_FOLLOWED: usize = 512;
/// Of so many answers to pairs that are not followed one makes room for its pair when there is none: who
/// asks much comes in soon, and who asks once seldom.
const ADMIT_ONE_OF: u32 = 16;
/// Fewest answers, as far as they are not forgotten, that say how long a key's are.
const LEAST_ANSWERS: f32 = 20.0;
/// By how much of the model's a key's mean or P99 must be off to be told.
const APART: f32 = 0.25;

/// A snapshot without its keys, and their pages.
pub type Keyed<'a> = (&'a Snapshot, &'a [PageBytes]);

/// What is followed.
#[derive(Default)]
pub struct ByKey {
    /// By the model's and the key's names.
    followed: BTreeMap<(String, String), Lengths>,
    turned_away: u32,
    /// The snapshot of the indexes.
    version: SnapshotVersion,
    /// Of keys that are told; `None` for those that are not in the snapshot.
    indexes: BTreeMap<String, Option<u32>>,
}

impl ByKey {
    /// Keeps what is of these models.
    pub fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.followed.retain(|(model, _), _| is_known(model));
    }

    /// An answer of a model to a key had so many completion tokens.
    pub fn record(&mut self, (model, key): (&str, &str), tokens: u64, now: Ms) {
        let name = (model.to_owned(), key.to_owned());
        if let Some(lengths) = self.followed.get_mut(&name) {
            lengths.record(tokens, now);
            return;
        }
        if self.followed.len() >= MOST_FOLLOWED {
            self.turned_away += 1;
            if self.turned_away < ADMIT_ONE_OF {
                return;
            }
            self.turned_away = 0;
            self.forget_one(now);
        }
        let mut lengths = Lengths::default();
        lengths.record(tokens, now);
        self.followed.insert(name, lengths);
    }

    fn forget_one(&mut self, now: Ms) {
        let least = self
            .followed
            .iter()
            .min_by(|(_, a), (_, b)| a.answers(now).total_cmp(&b.answers(now)));
        if let Some(name) = least.map(|(name, _)| name.clone()) {
            self.followed.remove(&name);
        }
    }

    /// What the workers are to be told, by the snapshot's indexes; `models` has its models' lengths.
    pub fn told(&mut self, paged: Keyed<'_>, models: &[ModelScore], now: Ms) -> Vec<KeyLengths> {
        let (snapshot, pages) = paged;
        let mut found: Vec<(f32, &str, KeyLengths)> = Vec::new();
        for ((model, key), lengths) in &self.followed {
            let answers = lengths.answers(now);
            if answers < LEAST_ANSWERS {
                continue;
            }
            let at = snapshot.models.iter().position(|m| m.name == *model);
            let usual = at.and_then(|at| models.get(at)).copied();
            let learnt = lengths.learnt(now);
            let (Some(at), Some(usual), Some((mean, long))) = (at, usual, learnt) else {
                continue;
            };
            if let Ok(model) = u16::try_from(at)
                && is_apart(usual, mean, long)
            {
                let told = KeyLengths {
                    key: 0,
                    model: ModelId(model),
                    output_tokens: mean,
                    long_output_tokens: long,
                };
                found.push((answers, key, told));
            }
        }
        let keys: BTreeSet<&str> = found.iter().map(|(_, key, _)| *key).collect();
        if self.version != snapshot.version || !keys.iter().all(|k| self.indexes.contains_key(*k)) {
            self.indexes = indexes(&self.indexes, pages, &keys);
            self.version = snapshot.version.clone();
        }
        found.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
        let indexes = &self.indexes;
        let placed = found.into_iter().filter_map(|(_, key, told)| {
            let key = indexes.get(key).copied().flatten()?;
            Some(KeyLengths { key, ..told })
        });
        let mut told: Vec<KeyLengths> = placed.take(MOST_KEY_LENGTHS).collect();
        told.sort_by_key(|of| (of.key, of.model.0));
        told
    }
}

/// Where keys are now: most are in the page in which they were.
fn indexes(
    before: &BTreeMap<String, Option<u32>>,
    pages: &[PageBytes],
    wanted: &BTreeSet<&str>,
) -> BTreeMap<String, Option<u32>> {
    let known = wanted.iter().filter_map(|key| *before.get(*key)?);
    let near: BTreeSet<usize> = known.map(keys::page_of_index).collect();
    let near = pages.iter().enumerate().filter(|(n, _)| near.contains(n));
    let mut found = keys::indexes_in(near, wanted);
    let missing = wanted.iter().filter(|key| !found.contains_key(**key));
    let missing: BTreeSet<&str> = missing.copied().collect();
    if !missing.is_empty() {
        found.extend(keys::indexes_in(pages.iter().enumerate(), &missing));
    }
    let indexes = wanted.iter().map(|key| (*key, found.get(*key).copied()));
    indexes.map(|(key, at)| (key.to_owned(), at)).collect()
}

#[allow(clippy::cast_precision_loss, reason = "tokens of one answer")]
fn is_apart(usual: ModelScore, mean: u32, long: u32) -> bool {
    let apart = |own: u32, usual: Option<u32>| {
        let usual = usual.unwrap_or(0) as f32;
        (own as f32 - usual).abs() > usual * APART + 1.0
    };
    apart(mean, usual.output_tokens) || apart(long, usual.long_output_tokens)
}

/// Whether what the workers were told has changed by more than noise.
#[must_use]
pub fn differ(old: &[KeyLengths], new: &[KeyLengths]) -> bool {
    let moved = |old: u32, new: u32| old.abs_diff(new) > old / 10 + 1;
    old.len() != new.len()
        || old.iter().zip(new).any(|(old, new)| {
            (old.key, old.model) != (new.key, new.model)
                || moved(old.output_tokens, new.output_tokens)
                || moved(old.long_output_tokens, new.long_output_tokens)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use ark_gateway_core::keys::{KeyPage, Paged};
    use ark_gateway_core::policy::Policy;
    use ark_gateway_core::snapshot::KeySpec;

    use crate::replay::testing::snapshot;

    fn usual(tokens: u32) -> [ModelScore; 1] {
        [ModelScore {
            output_tokens: Some(tokens),
            long_output_tokens: Some(tokens),
        }]
    }

    #[test]
    fn a_key_with_other_answers_is_told_and_forgotten_with_the_minutes() {
        let mut whole = snapshot(&["a"]);
        let id = whole.keys[0].id.clone();
        // Many, so that there are pages.
        for n in 0..1_000_u32 {
            whole.keys.push(KeySpec {
                id: format!("other-{n}"),
                sha256: format!("{:064x}", u128::from(n) << 100),
                ..whole.keys[0].clone()
            });
        }
        let Paged { snapshot, pages } = Paged::of(whole).unwrap();
        assert!(pages.len() > 1 && snapshot.keys.is_empty());
        let read = |page: &PageBytes| Arc::new(KeyPage::read(page.clone()).unwrap());
        let policy = Policy::with_pages(snapshot.clone(), pages.iter().map(read).collect());
        let policy = policy.unwrap();
        let (index, _) = policy.key_named(&id).unwrap();
        let paged: Keyed<'_> = (&snapshot, &pages);
        let mut keys = ByKey::default();
        for _ in 0..30 {
            keys.record(("m", &id), 900, 1_000);
            keys.record(("m", "stranger"), 900, 1_000);
            keys.record(("other", &id), 900, 1_000);
        }
        assert_eq!(keys.told(paged, &usual(900), 2_000), [], "as all others");
        let told = keys.told(paged, &usual(50), 2_000);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].key, told[0].model), (index, ModelId(0)));
        assert_eq!(told[0].output_tokens, 900);
        assert_eq!(keys.told(paged, &usual(50), 3_600_000), []);
        keys.retain(|model| model == "other");
        assert_eq!(keys.told(paged, &usual(50), 2_000), []);
    }

    #[test]
    fn however_many_keys_there_are_few_are_followed_and_the_busy_one_among_them() {
        let mut keys = ByKey::default();
        for n in 0..20_000_u32 {
            keys.record(("m", &format!("k{n}")), 10, u64::from(n));
            keys.record(("m", "busy"), 10, u64::from(n));
        }
        assert_eq!(keys.followed.len(), MOST_FOLLOWED);
        let busy = &keys.followed[&("m".to_owned(), "busy".to_owned())];
        assert!(busy.answers(20_000) > 15_000.0);
    }

    #[test]
    fn noise_is_no_news() {
        let of = |key, output_tokens| KeyLengths {
            key,
            model: ModelId(0),
            output_tokens,
            long_output_tokens: 100,
        };
        assert!(!differ(&[of(1, 50)], &[of(1, 54)]));
        assert!(differ(&[of(1, 50)], &[of(1, 60)]));
        assert!(differ(&[of(1, 50)], &[of(2, 50)]));
        assert!(differ(&[], &[of(2, 50)]));
    }
}
