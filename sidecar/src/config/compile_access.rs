//! From the operator's rules of access to what runs: names become indices, whom a rule concerns a list
//! per key, time zones their offsets.

use std::collections::BTreeMap;

use ark_gateway_core::access::{AccessRule, AccessSpec, Hours, Offset, Requester};
use ark_gateway_core::compliance::Vocabulary;
use ark_gateway_core::snapshot::{KeySpec, ModelId, ModelSpec};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::access::{AccessConfig, provider_set};
use super::compile::compliance;
use super::{Config, Date, ProviderConfig};
use crate::probing::PROBER;

/// Changes of a time zone's offset that a snapshot knows ahead: two a year where there is summer time.
const CHANGES: usize = 8;

/// Compiles the rules, and says of each key which concern it.
pub(super) fn compile_access(
    config: &Config,
    (vocabulary, today): (&Vocabulary, Date),
    (models, providers): (&[ModelSpec], &[&ProviderConfig]),
    keys: &mut [KeySpec],
) -> AccessSpec {
    if config.access.is_empty() {
        return AccessSpec::default();
    }
    let usable: Vec<&str> = providers.iter().map(|p| p.name.as_str()).collect();
    let ids: BTreeMap<&str, ModelId> = (0_u16..)
        .zip(models)
        .map(|(at, model)| (model.name.as_str(), ModelId(at)))
        .collect();
    let mut zones = Zones::default();
    let rules = config.access.iter().map(|rule| {
        let hours = rule.hours.as_ref().map(|hours| Hours {
            spans: hours.spans(),
            zone: zones.of(&hours.zone, today),
            words: hours.words(),
        });
        AccessRule {
            hours,
            ..compile_rule(rule, vocabulary, (&ids, &usable))
        }
    });
    let mut spec = AccessSpec {
        rules: rules.collect(),
        lists: Vec::new(),
        zones: Vec::new(),
    };
    spec.zones = zones.offsets;
    let mut known: BTreeMap<Vec<u16>, u32> = BTreeMap::new();
    let roles = roles_of(config);
    for key in keys.iter_mut().filter(|key| key.tenant != PROBER) {
        let who = Requester {
            tenant: &key.tenant,
            key: &key.id,
            roles: roles.get(key.id.as_str()).copied().unwrap_or_default(),
        };
        // Too many: no list, which lets nothing pass. `ark check` says so.
        let list = spec.concerning(&who).unwrap_or_default();
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
        key.access = Some(*known.entry(list).or_insert(next));
    }
    let mut lists: Vec<(u32, Vec<u16>)> = known.into_iter().map(|(l, at)| (at, l)).collect();
    lists.sort();
    spec.lists = lists.into_iter().map(|(_, list)| list).collect();
    spec
}

/// The roles of each key.
pub(super) fn roles_of(config: &Config) -> BTreeMap<&str, &[String]> {
    let keys = config.tenants.iter().flat_map(|tenant| &tenant.keys);
    keys.map(|key| (key.id.as_str(), key.roles.as_slice()))
        .collect()
}

fn compile_rule(
    rule: &AccessConfig,
    vocabulary: &Vocabulary,
    (models, usable): (&BTreeMap<&str, ModelId>, &[&str]),
) -> AccessRule {
    let model = |name: &String| models.get(name.as_str()).copied();
    let party = format!("the access rule '{}'", rule.name);
    AccessRule {
        name: rule.name.clone(),
        effect: rule.effect,
        who: rule.who.compiled(),
        models: rule.models.as_ref().map(|names| {
            let mut ids: Vec<ModelId> = names.iter().filter_map(model).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        }),
        endpoints: rule.endpoints.clone(),
        priorities: rule.priorities.clone(),
        hours: None,
        networks: rule.networks.clone(),
        providers: rule
            .providers
            .as_ref()
            .map(|names| provider_set(names, usable)),
        limit: rule.limit,
        requires: compliance::stated(vocabulary, &[(&party, &rule.require)]),
    }
}

#[derive(Default)]
struct Zones {
    names: Vec<String>,
    offsets: Vec<Vec<Offset>>,
}

impl Zones {
    fn of(&mut self, name: &str, today: Date) -> u16 {
        let known = self.names.iter().position(|known| known == name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.offsets.push(offsets_of(name, today));
            self.names.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

/// A zone's offset from before `today` on, and its next changes.
fn offsets_of(name: &str, today: Date) -> Vec<Offset> {
    let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
    let from_s = today.days_since_epoch().saturating_sub(2) * 86_400;
    let from = Timestamp::from_second(i64::try_from(from_s).unwrap_or(0)).unwrap_or_default();
    let first = Offset {
        from_s: 0,
        ahead_s: zone.to_offset(from).seconds(),
    };
    let later = zone.following(from).take(CHANGES).filter_map(|change| {
        Some(Offset {
            from_s: u64::try_from(change.timestamp().as_second()).ok()?,
            ahead_s: change.offset().seconds(),
        })
    });
    std::iter::once(first).chain(later).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_knows_its_summer_times_ahead() {
        let day = Date::parse("2026-03-01").unwrap();
        let berlin = offsets_of("Europe/Berlin", day);
        let [winter, summer, next, ..] = berlin.as_slice() else {
            panic!("no changes");
        };
        assert_eq!((winter.from_s, winter.ahead_s), (0, 3_600));
        // 29 March 2026, 01:00 UTC, and 25 October.
        assert_eq!((summer.from_s, summer.ahead_s), (1_774_746_000, 7_200));
        assert_eq!((next.from_s, next.ahead_s), (1_792_890_000, 3_600));
        let fixed = |name| {
            offsets_of(name, day)
                .iter()
                .map(|o| o.ahead_s)
                .collect::<Vec<_>>()
        };
        assert_eq!(fixed("Asia/Shanghai"), [28_800]);
        assert_eq!(fixed("UTC"), [0]);
    }
}
