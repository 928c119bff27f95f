//! What the file defines, for the references in it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ark_gateway_core::snapshot::ProviderKind;
use serde_json::Value;

use super::super::node::Node;
use super::super::prices::Currency;
use super::super::shape::Config;
use super::{api, compliance, price, provider};

/// What the file defines, right or wrong: so that one bad provider does not also make every
/// reference to it wrong. And what has been claimed so far, so that duplicates are seen.
pub(super) struct Names {
    pub(super) providers: Vec<String>,
    pub(super) kinds: BTreeMap<String, Made>,
    pub(super) models: Vec<String>,
    /// Regions of providers.
    pub(super) regions: Vec<String>,
    /// Groups of them.
    pub(super) groups: Vec<String>,
    pub(super) certifications: Vec<String>,
    /// Currencies that have a rate.
    pub(super) currencies: Vec<Currency>,
    pub(super) tenants: Vec<String>,
    pub(super) keys: Vec<String>,
    /// Whether a key's rights may be had without a key.
    pub(super) has_identity: bool,
    claimed: RefCell<BTreeMap<(&'static str, String), String>>,
}

/// What decides on what a provider's models can do.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) kind: ProviderKind,
    pub(super) vendor: Option<String>,
    /// It has OpenAI's Responses beside Chat Completions.
    pub(super) responses: bool,
}

impl Names {
    pub(super) fn of(document: &Value) -> Self {
        let names = |list: &str| {
            let items = document.get(list).and_then(Value::as_array);
            let items = items.map(Vec::as_slice).unwrap_or_default().iter();
            items
                .filter_map(|item| item.get("name")?.as_str())
                .map(str::to_owned)
                .collect()
        };
        Self {
            providers: names("providers"),
            kinds: kinds_of(document),
            models: names("models"),
            regions: compliance::regions_of(document),
            groups: compliance::groups_of(document),
            certifications: compliance::certifications_of(document),
            currencies: price::currencies_of(document),
            tenants: names("tenants"),
            keys: key_ids(document),
            has_identity: document.get("identity").is_some(),
            claimed: RefCell::default(),
        }
    }

    /// What a key may name while this configuration is in force.
    pub(super) fn in_force(config: &Config) -> Self {
        Self {
            models: config.models.iter().map(|m| m.name.clone()).collect(),
            ..Self::of(&Value::Null)
        }
    }

    /// Takes a word that must be unique among its kind.
    pub(super) fn claim(&self, kind: &'static str, word: &str, node: &Node<'_>) -> Option<()> {
        let mut claimed = self.claimed.borrow_mut();
        match claimed.get(&(kind, word.to_owned())) {
            Some(first) => node.problem(format!("this {kind} is already at {first}")),
            None => {
                claimed.insert((kind, word.to_owned()), node.path().to_owned());
                Some(())
            }
        }
    }
}

fn key_ids(document: &Value) -> Vec<String> {
    let list = |value: &Value, name: &str| {
        let items = value.get(name).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let tenants = list(document, "tenants");
    let keys = tenants.iter().flat_map(|tenant| list(tenant, "keys"));
    keys.filter_map(|key| Some(key.get("id")?.as_str()?.to_owned()))
        .collect()
}

fn kinds_of(document: &Value) -> BTreeMap<String, Made> {
    let items = document.get("providers").and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default().iter();
    let made = items.filter_map(|item| {
        let text = |field: &str| item.get(field).and_then(Value::as_str);
        let kind = text("kind")?;
        let (_, kind) = provider::kind::KINDS
            .iter()
            .find(|(name, _)| *name == kind)?;
        let vendor = text("vendor");
        let made = Made {
            kind: *kind,
            responses: api::has_responses(*kind, vendor, text("api_version")),
            vendor: vendor.map(str::to_owned),
        };
        Some((text("name")?.to_owned(), made))
    });
    made.collect()
}
