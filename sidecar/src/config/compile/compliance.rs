//! Names of regions and certifications, as sets of bits.

use ark_gateway_core::compliance::{
    Assurance, NameSet, RegionName, Requirement, Retention, Stated, Vocabulary,
};

use super::super::shape::RequiresConfig;
use super::{Config, ProviderConfig};

/// The names of all providers, usable or not: a requirement means the same whoever is there.
pub(in crate::config) fn vocabulary(config: &Config) -> Vocabulary {
    let sorted = |mut names: Vec<&String>| -> Vec<String> {
        names.sort();
        names.dedup();
        names.into_iter().cloned().collect()
    };
    let providers = &config.providers;
    let regions = sorted(providers.iter().filter_map(|p| p.region.as_ref()).collect());
    let certifications = sorted(providers.iter().flat_map(|p| &p.certifications).collect());
    let mut vocabulary = Vocabulary {
        regions: (0..)
            .zip(regions)
            .map(|(index, name)| RegionName {
                name,
                regions: NameSet::of(index),
            })
            .collect(),
        certifications,
    };
    for (name, members) in &config.region_groups {
        let of_members = members.iter().map(|member| vocabulary.region(member));
        let regions = of_members.fold(NameSet::default(), NameSet::or);
        let name = name.clone();
        vocabulary.regions.push(RegionName { name, regions });
    }
    vocabulary
}

/// What a provider assures.
pub(super) fn assurance(vocabulary: &Vocabulary, provider: &ProviderConfig) -> Assurance {
    let region = provider.region.as_deref();
    let held = |(_, name): &(usize, &String)| provider.certifications.contains(name);
    let certifications = vocabulary.certifications.iter().enumerate().filter(held);
    Assurance {
        region: region.map_or_else(NameSet::default, |name| vocabulary.region(name)),
        certifications: certifications
            .map(|(index, _)| NameSet::of(index))
            .fold(NameSet::default(), NameSet::or),
        retention: provider.retention,
    }
}

/// All that several parties require, with who requires what.
pub(in super::super) fn stated(
    vocabulary: &Vocabulary,
    parties: &[(&str, &RequiresConfig)],
) -> Stated {
    let mut stated = Stated::default();
    for (party, requires) in parties {
        let words = words(requires);
        if words.is_empty() {
            continue;
        }
        stated.requirement = stated.requirement.and(requirement(vocabulary, requires));
        if !stated.words.is_empty() {
            stated.words.push_str("; by ");
        }
        stated.words.push_str(&format!("{party}: {words}"));
    }
    stated
}

fn requirement(vocabulary: &Vocabulary, requires: &RequiresConfig) -> Requirement {
    let regions = requires.regions.as_ref().map(|names| {
        let regions = names.iter().map(|name| vocabulary.region(name));
        regions.fold(NameSet::default(), NameSet::or)
    });
    let mut requirement = Requirement {
        regions,
        retention: requires.retention,
        ..Requirement::default()
    };
    for name in &requires.certifications {
        vocabulary.demand_certification(&mut requirement, name);
    }
    requirement
}

/// In the form of `x-ark-require`.
fn words(requires: &RequiresConfig) -> String {
    let mut parts = Vec::new();
    if let Some(regions) = &requires.regions {
        parts.push(format!("region={}", regions.join(",")));
    }
    if !requires.certifications.is_empty() {
        parts.push(format!(
            "certification={}",
            requires.certifications.join(",")
        ));
    }
    if requires.retention != Retention::default() {
        parts.push(format!("retention={}", requires.retention.as_str()));
    }
    parts.join("; ")
}
