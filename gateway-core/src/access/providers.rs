//! Sets of providers.

use serde::{Deserialize, Serialize};

use crate::snapshot::ProviderId;

/// A set of providers, by their index in the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<ProviderId>", into = "Vec<ProviderId>")]
pub struct ProviderSet([u64; 4]);

impl From<Vec<ProviderId>> for ProviderSet {
    fn from(ids: Vec<ProviderId>) -> Self {
        ids.into_iter().fold(Self::default(), Self::with)
    }
}

impl From<ProviderSet> for Vec<ProviderId> {
    fn from(set: ProviderSet) -> Self {
        let all = (0..256).map(ProviderId);
        all.filter(|id| set.holds(*id)).collect()
    }
}

impl ProviderSet {
    /// Every provider.
    pub const ALL: Self = Self([u64::MAX; 4]);

    /// The first providers of a snapshot, so many.
    #[must_use]
    pub fn first(count: usize) -> Self {
        let ids = (0..u16::try_from(count).unwrap_or(u16::MAX)).take(256);
        ids.map(ProviderId).fold(Self::default(), Self::with)
    }

    /// The set with one more; the same set beyond its 256 places.
    #[must_use]
    pub fn with(mut self, id: ProviderId) -> Self {
        if let Some(word) = self.0.get_mut(usize::from(id.0 / 64)) {
            *word |= 1 << (id.0 % 64);
        }
        self
    }

    /// Whether a provider is in it.
    #[must_use]
    pub fn holds(&self, id: ProviderId) -> bool {
        let word = self.0.get(usize::from(id.0 / 64));
        word.is_some_and(|word| word >> (id.0 % 64) & 1 == 1)
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let [a, b, c, d] = self.0;
        let [w, x, y, z] = other.0;
        Self([a & w, b & x, c & y, d & z])
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        let [w, x, y, z] = other.0;
        self.and(Self([!w, !x, !y, !z]))
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
