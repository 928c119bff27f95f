//! `requires` of tenants, keys and models, `region_groups`, and the names that they are made of.

use std::collections::BTreeMap;

use ark_gateway_core::compliance::{MOST_NAMES, Retention};
use serde_json::Value;

use super::super::node::Node;
use super::super::shape::RequiresConfig;
use super::{Names, read_name, read_reference};

/// Most groups of regions.
const MOST_GROUPS: usize = 64;

const RETENTIONS: [(&str, Retention); 5] = [
    ("zero", Retention::Zero),
    ("transient", Retention::Transient),
    ("days-30", Retention::Days30),
    ("stored", Retention::Stored),
    ("training", Retention::Training),
];

pub(super) fn read_retention(node: &Node<'_>) -> Option<Retention> {
    node.one_of(&RETENTIONS)
}

pub(super) fn read(node: &Node<'_>, names: &Names) -> Option<RequiresConfig> {
    let mut fields = node.fields()?;
    let known: Vec<String> = names.regions.iter().chain(&names.groups).cloned().collect();
    let regions = fields.maybe("regions", |node| {
        let regions = read_names(node, |item| read_reference(item, "region", &known))?;
        match regions.is_empty() {
            true => node.problem_with_hint("allows no region", "name some, or remove the line"),
            false => Some(regions),
        }
    });
    let certifications = fields.or("certifications", Vec::new(), |node| {
        read_names(node, |item| {
            read_reference(item, "certification", &names.certifications)
        })
    });
    let retention = fields.or("retention", Retention::default(), read_retention);
    fields.finish("")?;
    Some(RequiresConfig {
        regions: regions?,
        certifications: certifications?,
        retention: retention?,
    })
}

/// Names, each once, sorted.
fn read_names(
    node: &Node<'_>,
    read: impl FnMut(&Node<'_>) -> Option<String>,
) -> Option<Vec<String>> {
    let mut found = node.each(MOST_NAMES, read)?;
    let given = found.len();
    found.sort();
    found.dedup();
    match found.len() < given {
        true => node.problem("has a name twice"),
        false => Some(found),
    }
}

pub(super) fn read_groups(node: &Node<'_>, names: &Names) -> Option<BTreeMap<String, Vec<String>>> {
    let entries = node.entries(MOST_GROUPS)?;
    let read: Vec<_> = entries
        .iter()
        .map(|(name, node)| read_group(name, node, names))
        .collect();
    read.into_iter().collect()
}

fn read_group(name: &str, node: &Node<'_>, names: &Names) -> Option<(String, Vec<String>)> {
    if !super::super::words::is_name(name) {
        return node.problem("is not a name: up to 64 of a-z 0-9 . _ -");
    }
    if names.regions.iter().any(|region| region == name) {
        return node.problem("is a region of a provider, and cannot also be a group");
    }
    // A group may be longer than what there is now: regions without a provider are nobody's.
    let members = read_names(node, read_name)?;
    Some((name.to_owned(), members))
}

/// The regions of providers, right or wrong, each once.
pub(super) fn regions_of(document: &Value) -> Vec<String> {
    unique(providers(document).filter_map(|p| p.get("region")?.as_str()))
}

/// The certifications of providers, right or wrong, each once.
pub(super) fn certifications_of(document: &Value) -> Vec<String> {
    let lists = providers(document).filter_map(|p| p.get("certifications")?.as_array());
    unique(lists.flatten().filter_map(Value::as_str))
}

/// The names of groups, right or wrong.
pub(super) fn groups_of(document: &Value) -> Vec<String> {
    let groups = document.get("region_groups").and_then(Value::as_object);
    groups
        .into_iter()
        .flatten()
        .map(|(name, _)| name.clone())
        .collect()
}

fn providers(document: &Value) -> impl Iterator<Item = &Value> {
    let providers = document.get("providers").and_then(Value::as_array);
    providers.into_iter().flatten()
}

fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Reports more regions or certifications than a snapshot can tell apart.
pub(super) fn check_counts(node: &Node<'_>, names: &Names) -> Option<()> {
    for (what, found) in [
        ("regions", &names.regions),
        ("certifications", &names.certifications),
    ] {
        if found.len() > MOST_NAMES {
            return node.problem(format!(
                "has {} different {what}, at most {MOST_NAMES} work",
                found.len()
            ));
        }
    }
    Some(())
}
