//! Which limits concern a request: found by its key and tenant, whatever the number of keys.

use std::collections::BTreeMap;

use super::spec::{LimitSpec, QuotaSpec};
use crate::snapshot::{KeySpec, ModelId};

/// The limits of a snapshot, by whom they concern.
#[derive(Debug, Default)]
pub struct LimitIndex {
    /// Limits that name neither tenants nor keys.
    general: Vec<u32>,
    by_tenant: BTreeMap<String, Vec<u32>>,
    /// Key and limit, sorted.
    by_key: Vec<(u32, u32)>,
}

impl LimitIndex {
    pub(crate) fn new(spec: &QuotaSpec) -> Self {
        let mut index = Self::default();
        for (at, limit) in (0_u32..).zip(&spec.limits) {
            if !limit.only.keys.is_empty() {
                index
                    .by_key
                    .extend(limit.only.keys.iter().map(|key| (*key, at)));
            } else if limit.only.tenants.is_empty() {
                index.general.push(at);
            } else {
                for tenant in &limit.only.tenants {
                    index.by_tenant.entry(tenant.clone()).or_default().push(at);
                }
            }
        }
        index.by_key.sort_unstable();
        index
    }

    /// The limits that concern a request of `key` for `model`.
    pub fn applying<'a>(
        &'a self,
        spec: &'a QuotaSpec,
        (key, model): (u32, ModelId),
        of: &'a KeySpec,
    ) -> impl Iterator<Item = &'a LimitSpec> {
        let from = self.by_key.partition_point(|(known, _)| *known < key);
        let own = self.by_key.get(from..).unwrap_or_default().iter();
        let own = own.take_while(move |(known, _)| *known == key);
        let tenants = match self.by_tenant.is_empty() {
            true => None,
            false => self.by_tenant.get(&of.tenant),
        };
        let indices = self.general.iter();
        let indices = indices.chain(tenants.into_iter().flatten());
        let indices = indices.copied().chain(own.map(|(_, limit)| *limit));
        indices
            .filter_map(|at| spec.limits.get(at as usize))
            .filter(move |limit| {
                let only = &limit.only;
                (only.models.is_empty() || only.models.contains(&model))
                    && (only.tenants.is_empty()
                        || only.keys.is_empty()
                        || only.tenants.contains(&of.tenant))
            })
    }
}
