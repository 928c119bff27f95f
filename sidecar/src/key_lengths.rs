//! How long the answers to single keys are: of the keys that ask most, and only where that is another
//! length than the model's.

use std::collections::BTreeMap;

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

/// What is followed.
#[derive(Default)]
pub struct ByKey {
    /// By the model's and the key's names.
    followed: BTreeMap<(String, String), Lengths>,
    turned_away: u32,
    /// Places of keys in a snapshot.
    places: (SnapshotVersion, BTreeMap<String, Option<u32>>),
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

    /// What the workers are to be told, by the snapshot's places; `models` has its models' lengths.
    pub fn told(&mut self, snapshot: &Snapshot, models: &[ModelScore], now: Ms) -> Vec<KeyLengths> {
        if self.places.0 != snapshot.version {
            self.places = (snapshot.version.clone(), BTreeMap::new());
        }
        let mut found: Vec<(f32, KeyLengths)> = Vec::new();
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
            if !is_apart(usual, mean, long) {
                continue;
            }
            let places = &mut self.places.1;
            let place = *places.entry(key.clone()).or_insert_with(|| {
                let at = snapshot.keys.iter().position(|spec| spec.id == *key);
                at.and_then(|at| u32::try_from(at).ok())
            });
            if let (Some(key), Ok(model)) = (place, u16::try_from(at)) {
                let told = KeyLengths {
                    key,
                    model: ModelId(model),
                    output_tokens: mean,
                    long_output_tokens: long,
                };
                found.push((answers, told));
            }
        }
        // Places of keys that are no longer followed.
        let followed = &self.followed;
        let is_followed = |key: &String| followed.keys().any(|(_, of)| of == key);
        if self.places.1.len() > MOST_FOLLOWED {
            self.places.1.retain(|key, _| is_followed(key));
        }
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        found.truncate(MOST_KEY_LENGTHS);
        let mut told: Vec<KeyLengths> = found.into_iter().map(|(_, told)| told).collect();
        told.sort_by_key(|of| (of.key, of.model.0));
        told
    }
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
    use crate::replay::testing::snapshot;

    fn usual(tokens: u32) -> [ModelScore; 1] {
        [ModelScore {
            output_tokens: Some(tokens),
            long_output_tokens: Some(tokens),
        }]
    }

    #[test]
    fn a_key_with_other_answers_is_told_and_forgotten_with_the_minutes() {
        let snapshot = snapshot(&["a"]);
        let id = snapshot.keys[0].id.clone();
        let mut keys = ByKey::default();
        for _ in 0..30 {
            keys.record(("m", &id), 900, 1_000);
            keys.record(("m", "stranger"), 900, 1_000);
            keys.record(("other", &id), 900, 1_000);
        }
        assert_eq!(
            keys.told(&snapshot, &usual(900), 2_000),
            [],
            "as all others"
        );
        let told = keys.told(&snapshot, &usual(50), 2_000);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].key, told[0].model), (0, ModelId(0)));
        assert_eq!(told[0].output_tokens, 900);
        assert_eq!(keys.told(&snapshot, &usual(50), 3_600_000), []);
        keys.retain(|model| model == "other");
        assert_eq!(keys.told(&snapshot, &usual(50), 2_000), []);
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
