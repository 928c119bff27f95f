//! A snapshot with the indexes that make every look-up on the request path constant or logarithmic.

mod sound;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::access;
use crate::hedge::HedgeBudget;
use crate::identity::{Callers, Identity, Marks, Roles};
use crate::keys::{self, KeyDigest, KeyPage};
use crate::priority::{Priority, PrioritySpec};
use crate::quota::{LimitIndex, LimitSpec};
use crate::reject::{Reject, RejectCode};
use crate::retry_budget::RetryBudget;
use crate::snapshot::{
    KeySpec, ModelGrant, ModelId, ModelSpec, ProviderId, ProviderSpec, Snapshot, TargetId,
    TargetSpec,
};
pub use sound::BadSnapshot;
use sound::check_references;

/// What the filter runs: a [`Snapshot`], indexed.
#[derive(Debug)]
pub struct Policy {
    snapshot: Snapshot,
    /// A power of two of them.
    pages: Vec<Arc<KeyPage>>,
    models: BTreeMap<String, ModelId>,
    /// Attempts in flight from this worker, per provider.
    in_flight: Vec<Cell<u32>>,
    only_openais_models: bool,
    /// Per provider the index of the first one in its region, or its own where that is not known.
    regions: Vec<u16>,
    retry_budget: RetryBudget,
    hedge_budget: HedgeBudget,
    limits: LimitIndex,
    callers: Callers,
}

impl Policy {
    /// Indexes a snapshot that holds its keys.
    ///
    /// # Errors
    /// [`BadSnapshot`] when it contradicts itself.
    pub fn new(mut snapshot: Snapshot) -> Result<Self, BadSnapshot> {
        if !snapshot.key_pages.is_empty() {
            return Err(BadSnapshot::Keys);
        }
        let (pages, places) = keys::split(&snapshot.keys)?;
        keys::place_references(&mut snapshot, |key| places.get(key as usize).copied())?;
        let pages = pages.into_iter().map(KeyPage::read);
        let pages: Option<Vec<KeyPage>> = pages.collect();
        let pages = pages.ok_or(BadSnapshot::Keys)?;
        Self::with_pages(snapshot, pages.into_iter().map(Arc::new).collect())
    }

    /// Indexes a snapshot whose keys are in `pages`.
    ///
    /// # Errors
    /// [`BadSnapshot`] when it contradicts itself.
    pub fn with_pages(snapshot: Snapshot, pages: Vec<Arc<KeyPage>>) -> Result<Self, BadSnapshot> {
        check_references(&snapshot)?;
        if !keys::is_count(pages.len()) {
            return Err(BadSnapshot::Keys);
        }
        let mut models = BTreeMap::new();
        for (index, model) in snapshot.models.iter().enumerate() {
            let id = ModelId(u16::try_from(index).unwrap_or(u16::MAX));
            models.insert(model.name.clone(), id);
            for alias in &model.rules.aliases {
                models.insert(alias.clone(), id);
            }
        }
        let in_flight = snapshot.providers.iter().map(|_| Cell::new(0)).collect();
        let only_openais_models = snapshot.providers.iter().all(|p| p.kind.is_openais());
        Ok(Self {
            only_openais_models,
            regions: regions(&snapshot.providers),
            retry_budget: RetryBudget::default(),
            hedge_budget: HedgeBudget::default(),
            limits: LimitIndex::new(&snapshot.quota),
            callers: Callers::new(!snapshot.identity.is_empty()),
            snapshot,
            pages,
            models,
            in_flight,
        })
    }

    /// The same snapshot with nothing but itself: no callers, nothing in flight.
    ///
    /// # Errors
    /// None that this one did not have.
    pub fn renewed(&self) -> Result<Self, BadSnapshot> {
        Self::with_pages(self.snapshot.clone(), self.pages.clone())
    }

    /// The snapshot itself.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The pages of its keys.
    #[must_use]
    pub fn pages(&self) -> &[Arc<KeyPage>] {
        &self.pages
    }

    /// The key whose digest is the SHA-256 of `secret`, and its index.
    ///
    /// The search compares digests of the secret, not the secret, and the final comparison is constant
    /// in time: timing tells nothing about any key.
    #[must_use]
    pub fn key_for(&self, secret: &[u8]) -> Option<(u32, &KeySpec)> {
        let digest: KeyDigest = Sha256::digest(secret).into();
        let number = keys::number_of(&digest, self.pages.len());
        let page = self.pages.get(number)?;
        let record = page.find(&digest)?;
        Some((keys::index_of(number, record), page.key(record)?))
    }

    /// A key by its index, or the caller's of that number.
    #[must_use]
    pub fn key(&self, index: u32) -> Option<&KeySpec> {
        match keys::caller_of(index) {
            Some(at) => self.callers.key(at),
            None => {
                let (number, record) = keys::place_of(index);
                self.pages.get(number)?.key(record)
            }
        }
    }

    /// The number of a caller with the rights of key `base`, for [`Self::key`]: that key's own where
    /// nothing tells them apart.
    ///
    /// # Errors
    /// 403 for a key that is not there, 503 when there is no room for another caller.
    pub fn caller(&self, base: u32, marks: Marks) -> Result<u32, Reject> {
        let key = self.key(base);
        let key = key.ok_or_else(|| Reject::new(RejectCode::IdentityNotAllowed))?;
        if marks == Marks::default() {
            return Ok(base);
        }
        let place = self.callers.place_of(base, key, marks);
        place
            .map(keys::index_of_caller)
            .ok_or_else(Reject::overloaded)
    }

    /// The key whose rights a caller has; a key's own index.
    #[must_use]
    pub fn base_of(&self, index: u32) -> u32 {
        let base = keys::caller_of(index).and_then(|at| self.callers.base(at));
        base.unwrap_or(index)
    }

    /// Who a caller is for the rules that concern it: with the key whose rights it has, and roles of its
    /// own. `None` for a key, of which the snapshot says what concerns it.
    #[must_use]
    pub fn borrower(&self, index: u32) -> Option<access::Requester<'_>> {
        let base = self.base_of(index);
        if base == index {
            return None;
        }
        let who = self.identity(index)?;
        Some(access::Requester {
            tenant: who.tenant,
            key: &self.key(base)?.id,
            roles: who.roles.as_slice(),
        })
    }

    /// Whether so many callers are known that a fresh policy of the same snapshot should serve.
    #[must_use]
    pub fn has_many_callers(&self) -> bool {
        self.callers.are_many()
    }

    /// Who a key, or a caller, is.
    #[must_use]
    pub fn identity(&self, index: u32) -> Option<Identity<'_>> {
        const NONE: &Roles = &Roles::NONE;
        let key = self.key(index)?;
        let roles = keys::caller_of(index).and_then(|at| self.callers.roles(at));
        Some(Identity {
            tenant: &key.tenant,
            key: &key.id,
            roles: roles.unwrap_or(NONE),
        })
    }

    /// A key by its public name, and its index. It reads all keys: for tools, not for requests.
    #[must_use]
    pub fn key_named(&self, id: &str) -> Option<(u32, &KeySpec)> {
        let pages = self.pages.iter().enumerate();
        let mut keys = pages.flat_map(|(number, page)| {
            (0..page.len()).filter_map(move |n| Some((keys::index_of(number, n), page.key(n)?)))
        });
        keys.find(|(_, key)| key.id == id)
    }

    /// The limits that concern a request of `key` for `model`.
    pub fn limits_of(&self, key: u32, model: ModelId) -> impl Iterator<Item = &LimitSpec> {
        let of = self.key(key).into_iter();
        // A limit that names a key concerns all who have its rights.
        let key = self.base_of(key);
        of.flat_map(move |of| {
            let spec = &self.snapshot.quota;
            self.limits.applying(spec, (key, model), of)
        })
    }

    /// A model by the name that clients use, one of its aliases perhaps.
    #[must_use]
    pub fn model_named(&self, name: &str) -> Option<ModelId> {
        self.models.get(name).copied()
    }

    /// A model by its index.
    #[must_use]
    pub fn model(&self, id: ModelId) -> Option<&ModelSpec> {
        self.snapshot.models.get(usize::from(id.0))
    }

    /// A target by its index.
    #[must_use]
    pub fn target(&self, id: TargetId) -> Option<&TargetSpec> {
        self.snapshot.targets.get(usize::from(id.0))
    }

    /// A provider by its index.
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> Option<&ProviderSpec> {
        self.snapshot.providers.get(usize::from(id.0))
    }

    /// Whether a provider is taken out for maintenance.
    #[must_use]
    pub fn is_drained(&self, id: ProviderId) -> bool {
        self.provider(id).is_some_and(|p| p.drained)
    }

    /// What a priority weighs and promises.
    #[must_use]
    pub fn priority(&self, priority: Priority) -> &PrioritySpec {
        let [critical, standard, batch] = &self.snapshot.priorities;
        match priority {
            Priority::Critical => critical,
            Priority::Standard => standard,
            Priority::Batch => batch,
        }
    }

    /// Whether no other maker's model can have answered in a conversation before.
    #[must_use]
    pub fn only_openais_models(&self) -> bool {
        self.only_openais_models
    }

    /// Attempts in flight at a provider from this worker.
    #[must_use]
    pub fn in_flight(&self, id: ProviderId) -> u32 {
        self.in_flight.get(usize::from(id.0)).map_or(0, Cell::get)
    }

    /// An attempt at a provider began.
    pub fn attempt_began(&self, id: ProviderId) {
        if let Some(count) = self.in_flight.get(usize::from(id.0)) {
            count.set(count.get().saturating_add(1));
        }
    }

    /// An attempt at a provider ended.
    pub fn attempt_ended(&self, id: ProviderId) {
        if let Some(count) = self.in_flight.get(usize::from(id.0)) {
            count.set(count.get().saturating_sub(1));
        }
    }

    /// Makes this worker's attempts in flight what they were when a decision was made that is made
    /// again; for a policy that serves nobody.
    pub(crate) fn assume(&self, in_flight: &[(ProviderId, u32)]) {
        for count in &self.in_flight {
            count.set(0);
        }
        for (provider, count) in in_flight {
            if let Some(cell) = self.in_flight.get(usize::from(provider.0)) {
                cell.set(*count);
            }
        }
    }

    /// What this worker may still spend on retries.
    #[must_use]
    pub fn retry_budget(&self) -> &RetryBudget {
        &self.retry_budget
    }

    /// What this worker may still spend on asking two targets at once.
    #[must_use]
    pub fn hedge_budget(&self) -> &HedgeBudget {
        &self.hedge_budget
    }

    /// The rules of `access` that concern a key; `None` where there are none, or where it is subject to
    /// none. A list that is not there lets nothing pass.
    #[must_use]
    pub fn access_of(&self, key: &KeySpec) -> Option<&[u16]> {
        let lists = &self.snapshot.access.lists;
        let list = key.access?;
        Some(lists.get(list as usize).map_or(&[][..], Vec::as_slice))
    }

    /// Whether two providers are in one region, as far as is known.
    #[must_use]
    pub fn same_region(&self, a: ProviderId, b: ProviderId) -> bool {
        let region = |id: ProviderId| self.regions.get(usize::from(id.0)).copied().unwrap_or(id.0);
        region(a) == region(b)
    }

    /// A provider by its name.
    #[must_use]
    pub fn provider_named(&self, name: &str) -> Option<ProviderId> {
        let at = self
            .snapshot
            .providers
            .iter()
            .position(|p| p.name == name)?;
        u16::try_from(at).ok().map(ProviderId)
    }

    /// The models that a key may use, in the snapshot's order.
    pub fn models_of<'a>(&'a self, key: &'a KeySpec) -> impl Iterator<Item = &'a ModelSpec> {
        (0u16..)
            .zip(&self.snapshot.models)
            .filter(|(i, _)| grants(key, ModelId(*i)))
            .map(|(_, model)| model)
    }
}

/// Whether `key` may use `model`.
#[must_use]
pub fn grants(key: &KeySpec, model: ModelId) -> bool {
    match &key.models {
        ModelGrant::All => true,
        ModelGrant::Only(ids) => ids.contains(&model),
    }
}

fn regions(providers: &[ProviderSpec]) -> Vec<u16> {
    let first_like = |(own, provider): (usize, &ProviderSpec)| {
        let at = match &provider.region {
            Some(_) => providers.iter().position(|p| p.region == provider.region),
            None => None,
        };
        u16::try_from(at.unwrap_or(own)).unwrap_or(u16::MAX)
    };
    providers.iter().enumerate().map(first_like).collect()
}

#[cfg(test)]
mod tests;
