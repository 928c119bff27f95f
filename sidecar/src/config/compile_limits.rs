//! From the operator's limits to what runs: names become indices, calendars become seconds.

use std::collections::{BTreeMap, BTreeSet};

use ark_gateway_core::quota::{Downgrade, LimitSpec, Only, QuotaSpec, Step, Window};
use ark_gateway_core::snapshot::{ModelId, ModelSpec};
use jiff::ToSpan as _;
use jiff::civil::{Date as CivilDate, Weekday};
use jiff::tz::TimeZone;

use super::limits::{DowngradeConfig, LimitConfig, Stretch, WindowConfig};
use super::{Config, Date};

/// Periods of a calendar that a snapshot knows, the one before today's included: an Envoy whose
/// sidecar is gone goes on for so long.
const PERIODS: usize = 16;

pub(super) fn compile_limits(
    config: &Config,
    today: Date,
    models: &[ModelSpec],
    keys: &[&str],
) -> QuotaSpec {
    if config.limits.is_empty() {
        return QuotaSpec::default();
    }
    let today = today.civil();
    let mut calendars: Vec<((Stretch, String), Vec<u64>)> = Vec::new();
    let model_ids: BTreeMap<&str, ModelId> = (0_u16..)
        .zip(models)
        .map(|(at, model)| (model.name.as_str(), ModelId(at)))
        .collect();
    // A key that is being rotated has two entries: what limits it limits both.
    let mut key_ids: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    let named: BTreeSet<&str> = config
        .limits
        .iter()
        .flat_map(|limit| limit.keys.iter().map(String::as_str))
        .collect();
    if !named.is_empty() {
        for (at, id) in (0_u32..).zip(keys).filter(|(_, id)| named.contains(*id)) {
            key_ids.entry(id).or_default().push(at);
        }
    }
    let limits = config.limits.iter().map(|limit| {
        let window = match &limit.window {
            WindowConfig::Second => Window::Second,
            WindowConfig::Minute => Window::Minute,
            WindowConfig::Hour => Window::Hour,
            WindowConfig::Always => Window::Always,
            WindowConfig::Calendar(stretch, zone) => {
                let wanted = (*stretch, zone.clone());
                let known = calendars.iter().position(|(known, _)| *known == wanted);
                let at = known.unwrap_or_else(|| {
                    let starts = starts_of(*stretch, zone, today);
                    calendars.push((wanted, starts));
                    calendars.len() - 1
                });
                Window::Calendar(u16::try_from(at).unwrap_or(u16::MAX))
            }
        };
        compile_limit(limit, window, (&model_ids, &key_ids))
    });
    QuotaSpec {
        limits: limits.collect(),
        calendars: calendars.into_iter().map(|(_, starts)| starts).collect(),
        deadline_ms: config.limits_store.deadline_ms,
    }
}

fn compile_limit(
    limit: &LimitConfig,
    window: Window,
    (models, keys): (&BTreeMap<&str, ModelId>, &BTreeMap<&str, Vec<u32>>),
) -> LimitSpec {
    let model = |name: &String| models.get(name.as_str()).copied();
    let mut only_keys: Vec<u32> = limit
        .keys
        .iter()
        .filter_map(|id| keys.get(id.as_str()))
        .flatten()
        .copied()
        .collect();
    only_keys.sort_unstable();
    let steps = limit.at.iter().filter_map(|step| {
        let then = match &step.then {
            DowngradeConfig::Priority(priority) => Downgrade::Priority(*priority),
            DowngradeConfig::Model(name) => Downgrade::Model(model(name)?),
        };
        Some(Step {
            percent: step.percent,
            then,
        })
    });
    LimitSpec {
        name: limit.name.clone(),
        per: limit.per,
        of: limit.of,
        limit: limit.limit,
        window,
        only: Only {
            tenants: limit.tenants.clone(),
            keys: only_keys,
            models: limit.models.iter().filter_map(model).collect(),
        },
        mode: limit.mode,
        on_store_down: limit.on_store_down,
        dry_run: limit.dry_run,
        at: steps.collect(),
    }
}

/// The beginnings of periods, seconds since the Unix epoch, from before `today` on.
fn starts_of(stretch: Stretch, zone: &str, today: CivilDate) -> Vec<u64> {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    // East of Greenwich the day has already begun, west of it yesterday has not ended.
    let from = today.saturating_sub(1.day());
    let first = match stretch {
        Stretch::Day => from,
        Stretch::Week => {
            let since = from.weekday().since(Weekday::Monday);
            from.saturating_sub(i64::from(since).days())
        }
        Stretch::Month => from.first_of_month(),
    };
    let later = |n: usize| {
        let n = i64::try_from(n).unwrap_or(0);
        first.saturating_add(match stretch {
            Stretch::Day => n.days(),
            Stretch::Week => n.weeks(),
            Stretch::Month => n.months(),
        })
    };
    (0..PERIODS)
        .filter_map(|n| {
            let start = later(n).to_zoned_datetime(zone.clone()).ok()?;
            u64::try_from(start.timestamp().as_second()).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(stretch: Stretch, zone: &str, day: (i16, i8, i8)) -> Vec<u64> {
        starts_of(stretch, zone, jiff::civil::date(day.0, day.1, day.2))
    }

    #[test]
    fn calendars_know_their_time_zone_and_its_summer_time() {
        let days = starts(Stretch::Day, "Europe/Berlin", (2026, 3, 29));
        // 28 March begins at 23:00 UTC of the 27th; the 29th has 23 hours.
        assert_eq!(days[0], 1_774_652_400);
        assert_eq!((days[1] - days[0], days[2] - days[1]), (86_400, 82_800));
        let months = starts(Stretch::Month, "Asia/Shanghai", (2026, 1, 1));
        assert_eq!(
            months[0], 1_764_518_400,
            "1 December 2025, 00:00 in Shanghai"
        );
        let weeks = starts(Stretch::Week, "UTC", (2026, 11, 23));
        assert_eq!(weeks[1], 1_795_392_000, "Monday, 23 November 2026");
        assert_eq!(days.len(), PERIODS);
    }
}
