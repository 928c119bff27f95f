//! Compiles a snapshot again, and of its keys only what changed.
//!
//! With a hundred thousand keys nearly all of a compilation's work is their pages. What a page says
//! depends on its keys, and on little else of the configuration: where both are as they were, so is it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ark_gateway_core::compliance::Vocabulary;
use ark_gateway_core::keys::{self, PageBytes, Paged};
use ark_gateway_core::snapshot::{KeySpec, Snapshot};

use super::compile::{self, compile_paged, compliance};
use super::{Config, Date, KeyConfig, TenantConfig};

/// What the pages of one compilation depend on, but for the keys themselves.
#[derive(PartialEq)]
struct Context {
    /// Without their keys.
    tenants: Vec<TenantConfig>,
    /// Models are known by their place.
    models: Vec<String>,
    vocabulary: Vocabulary,
}

impl Context {
    fn of(config: &Config) -> Self {
        let tenants = config.tenants.iter().map(|tenant| TenantConfig {
            name: tenant.name.clone(),
            requires: tenant.requires.clone(),
            may_store: tenant.may_store,
            keys: Vec::new(),
        });
        let mut models: Vec<String> = config.models.iter().map(|m| m.name.clone()).collect();
        models.sort();
        Self {
            tenants: tenants.collect(),
            models,
            vocabulary: compliance::vocabulary(config),
        }
    }
}

/// A key and its tenant's place.
type Own = (usize, Arc<KeyConfig>);

struct Page {
    keys: Vec<Own>,
    bytes: PageBytes,
}

impl Page {
    fn is_of(&self, keys: &[Own]) -> bool {
        let same = |(a, b): (&Own, &Own)| a.0 == b.0 && Arc::ptr_eq(&a.1, &b.1);
        self.keys.len() == keys.len() && self.keys.iter().zip(keys).all(same)
    }
}

/// The pages of the last compilation.
#[derive(Default)]
pub struct KeyPages {
    context: Option<Context>,
    pages: Vec<Page>,
}

impl KeyPages {
    /// The same as [`compile_paged`].
    pub fn compile(&mut self, config: &Config, usable: &BTreeSet<String>, today: Date) -> Paged {
        // Which rules and guards concern a key is said in its page, and numbered over all keys.
        let compiled = match config.access.is_empty() && config.guard.is_empty() {
            true => self.changed(config, usable, today),
            false => None,
        };
        compiled.unwrap_or_else(|| {
            *self = Self::default();
            compile_paged(config, usable, today)
        })
    }

    fn changed(
        &mut self,
        config: &Config,
        usable: &BTreeSet<String>,
        today: Date,
    ) -> Option<Paged> {
        let count = keys::page_count(config.tenants.iter().map(|t| t.keys.len()).sum());
        let mut parts: Vec<Vec<Own>> = vec![Vec::new(); count];
        let mut places = Vec::new();
        for (tenant, keys) in config.tenants.iter().map(|t| &t.keys).enumerate() {
            for key in keys {
                let number = keys::page_of(&key.sha256, count)?;
                let part = parts.get_mut(number)?;
                places.push((number, u32::try_from(part.len()).ok()?));
                part.push((tenant, Arc::clone(key)));
            }
        }
        let context = Context::of(config);
        if self.context.as_ref() != Some(&context) || self.pages.len() != count {
            self.pages.clear();
            self.context = Some(context);
        }
        let snapshot = compile::frame(config, usable, today);
        let known = std::mem::take(&mut self.pages);
        let mut known = known.into_iter();
        for part in parts {
            let page = match known.next() {
                Some(page) if page.is_of(&part) => page,
                Some(_) | None => self.written(part, config, &snapshot)?,
            };
            self.pages.push(page);
        }
        let pages = self.pages.iter().map(|page| page.bytes.clone()).collect();
        let place = |key: u32| {
            let (number, record) = places.get(key as usize)?;
            Some(keys::index_of(*number, *record))
        };
        let mut paged = Paged::framed(snapshot, pages, place).ok()?;
        paged.snapshot.version = compile::version_of(&paged.snapshot);
        Some(paged)
    }

    fn written(&self, keys: Vec<Own>, config: &Config, snapshot: &Snapshot) -> Option<Page> {
        let vocabulary = &self.context.as_ref()?.vocabulary;
        let ids = compile::ids_of(&snapshot.models);
        let specs: Option<Vec<KeySpec>> = keys
            .iter()
            .map(|(tenant, key)| {
                let tenant = config.tenants.get(*tenant)?;
                Some(compile::compile_key((tenant, key), &ids, vocabulary))
            })
            .collect();
        let bytes = keys::write_page(&specs?)?;
        Some(Page { keys, bytes })
    }
}

#[cfg(test)]
mod tests;
