//! From sums to a report.

use std::collections::BTreeMap;

use super::{Anomaly, Group, Report, WhatIf};
use crate::analyze::anomaly;
use crate::analyze::names::{NONE, OTHER};
use crate::analyze::price::Prices;
use crate::analyze::read::FileReport;
use crate::analyze::tally::{Sums, Tally};
use crate::moment;

const KINDS: [&str; 4] = ["provider", "model", "tenant", "key"];
const HOUR_MS: i64 = 3_600_000;
/// Hours of a report at most; older ones are left out of charts.
const HOURS_LIMIT: i64 = 24 * 366 * 2;
/// Models whose own hours are looked at for spikes: the dearest.
const WATCHED_MODELS: usize = 50;
/// A name is new when it comes after this share of the time.
const NEW_AFTER_PERCENT: i64 = 20;

impl Report {
    /// A report on all files. Lines without a cost are priced by `own`, if given.
    #[must_use]
    pub fn new(
        files: Vec<FileReport>,
        mut tally: Tally,
        own: Option<&Prices>,
        what_if: &[Prices],
    ) -> Self {
        if let Some(prices) = own {
            reprice(&mut tally, prices);
        }
        let mut total = Sums::default();
        tally.cells.values().for_each(|sums| total.add(sums));
        let hours = hours(&tally);
        let mut report = Self {
            files,
            total,
            tables: (0..KINDS.len()).map(|kind| grouped(&tally, kind)).collect(),
            unpriced: unpriced(&tally),
            what_if: what_if
                .iter()
                .map(|prices| compared(&tally, prices))
                .collect(),
            anomalies: Vec::new(),
            currencies: tally
                .currencies
                .iter()
                .map(|(name, (requests, cost))| {
                    (String::from_utf8_lossy(name).into_owned(), *requests, *cost)
                })
                .collect(),
            timeless: tally.timeless,
            hours,
        };
        report.currencies.sort();
        report.anomalies = anomalies(&tally, &report.hours);
        report
    }
}

fn name(tally: &Tally, kind: usize, number: u32) -> String {
    let names = tally.names.get(kind);
    names.map_or_else(String::new, |names| names.shown(number))
}

/// Gives lines without a cost the cost that they have by a file's prices.
fn reprice(tally: &mut Tally, prices: &Prices) {
    let charge = |tally: &Tally, provider: u32, model: u32, sums: &Sums| {
        let names = (name(tally, 0, provider), name(tally, 1, model));
        let tokens = (sums.unpriced_input, sums.unpriced_output);
        prices.charge((&names.0, &names.1), tokens)
    };
    let priced = |sums: &Sums, cost| Sums {
        cost: sums.cost + cost,
        unpriced: 0,
        unpriced_input: 0,
        unpriced_output: 0,
        ..*sums
    };
    let mut cells = Vec::new();
    // An hour knows its model only: it takes the model's average price.
    let mut by_model: BTreeMap<u32, (i128, i128)> = BTreeMap::new();
    for (cell, sums) in tally.cells.iter().filter(|(_, sums)| sums.unpriced > 0) {
        let [provider, model, ..] = *cell;
        if let Some(cost) = charge(tally, provider, model, sums) {
            cells.push((*cell, priced(sums, cost)));
            let entry = by_model.entry(model).or_default();
            let tokens = i128::from(sums.unpriced_input) + i128::from(sums.unpriced_output);
            *entry = (entry.0 + cost, entry.1 + tokens);
        }
    }
    tally.cells.extend(cells);
    for ((_, model), sums) in &mut tally.hours {
        let tokens = i128::from(sums.unpriced_input) + i128::from(sums.unpriced_output);
        if let Some((cost, all)) = by_model.get(model).filter(|(_, all)| *all > 0) {
            *sums = priced(sums, cost * tokens / all);
        }
    }
}

fn dearest_first(groups: BTreeMap<String, Sums>) -> Vec<Group> {
    let groups = groups.into_iter().map(|(name, sums)| Group { name, sums });
    let mut groups: Vec<Group> = groups.collect();
    groups.sort_by(|a, b| {
        let by_cost = b.sums.cost.cmp(&a.sums.cost);
        by_cost.then(b.sums.requests.cmp(&a.sums.requests))
    });
    groups
}

fn grouped(tally: &Tally, kind: usize) -> (&'static str, Vec<Group>) {
    let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
    for (cell, sums) in &tally.cells {
        let number = cell.get(kind).copied().unwrap_or(NONE);
        groups
            .entry(name(tally, kind, number))
            .or_default()
            .add(sums);
    }
    let title = KINDS.get(kind).copied().unwrap_or_default();
    (title, dearest_first(groups))
}

fn unpriced(tally: &Tally) -> Vec<Group> {
    let mut groups: BTreeMap<String, Sums> = BTreeMap::new();
    for (cell, sums) in tally.cells.iter().filter(|(_, sums)| sums.unpriced > 0) {
        let [provider, model, ..] = *cell;
        let name = format!("{} at {}", name(tally, 1, model), name(tally, 0, provider));
        groups.entry(name).or_default().add(sums);
    }
    let mut groups = dearest_first(groups);
    groups.sort_by_key(|group| std::cmp::Reverse(group.sums.unpriced));
    groups
}

fn compared(tally: &Tally, prices: &Prices) -> WhatIf {
    let mut models: BTreeMap<String, Sums> = BTreeMap::new();
    for (cell, sums) in &tally.cells {
        let [_, model, ..] = *cell;
        models.entry(name(tally, 1, model)).or_default().add(sums);
    }
    let mut what_if = WhatIf {
        prices: prices.name.clone(),
        ways: Vec::new(),
        actual: 0,
        unknown: Vec::new(),
    };
    let (mut first, mut cheapest) = (Some(0), Some(0));
    let mut by_provider: BTreeMap<String, Option<i128>> = BTreeMap::new();
    for provider in &prices.snapshot.providers {
        by_provider.insert(provider.name.clone(), Some(0));
    }
    let plus = |sum: Option<i128>, cost: Option<i128>| Some(sum? + cost?);
    for (name, sums) in models {
        let Some(model) = prices.model(&name) else {
            what_if.unknown.push((name, sums.requests));
            continue;
        };
        what_if.actual += sums.cost;
        let offers = prices.offers(model, (sums.input, sums.output));
        first = plus(first, offers.first().and_then(|offer| offer.cost));
        cheapest = plus(cheapest, offers.iter().filter_map(|offer| offer.cost).min());
        for (provider, sum) in &mut by_provider {
            let own = offers.iter().filter(|offer| offer.provider == *provider);
            *sum = plus(*sum, own.filter_map(|offer| offer.cost).min());
        }
    }
    what_if
        .ways
        .push(("each model at its first target".to_owned(), first));
    what_if
        .ways
        .push(("each model at its cheapest target".to_owned(), cheapest));
    // A provider that lacks a model or a price could not have served it all.
    let all = by_provider.into_iter().filter(|(_, cost)| cost.is_some());
    what_if
        .ways
        .extend(all.map(|(provider, cost)| (format!("all at {provider}"), cost)));
    what_if
}

/// Every hour from the first to the last.
fn hours(tally: &Tally) -> Vec<(i64, Sums)> {
    let mut known: BTreeMap<i64, Sums> = BTreeMap::new();
    for ((hour, _), sums) in &tally.hours {
        known.entry(*hour).or_default().add(sums);
    }
    let (Some((first, _)), Some((last, _))) = (known.first_key_value(), known.last_key_value())
    else {
        return Vec::new();
    };
    let first = (*first).max(last.saturating_sub(HOURS_LIMIT));
    let sums = |hour: i64| known.get(&hour).copied().unwrap_or_default();
    let all = first..=*last;
    all.map(|hour| (hour * HOUR_MS, sums(hour))).collect()
}

#[allow(
    clippy::cast_precision_loss,
    reason = "what is compared, not what is charged"
)]
fn anomalies(tally: &Tally, hours: &[(i64, Sums)]) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut look = |what: &str, series: &[f64], shown: &dyn Fn(f64) -> String| {
        for spike in anomaly::spikes(series) {
            if let Some((at, _)) = hours.get(spike.at) {
                found.push(Anomaly {
                    at: moment::format(*at),
                    what: format!(
                        "{what} {}, usually {}",
                        shown(spike.value),
                        shown(spike.median)
                    ),
                });
            }
        }
    };
    let usd = |value: f64| format!("USD {value:.4}");
    let count = |value: f64| format!("{value:.0}");
    let series = |value: &dyn Fn(&Sums) -> f64| -> Vec<f64> {
        hours.iter().map(|(_, sums)| value(sums)).collect()
    };
    look(
        "cost of an hour:",
        &series(&|sums| sums.cost as f64 / 1e12),
        &usd,
    );
    look(
        "requests of an hour:",
        &series(&|sums| sums.requests as f64),
        &count,
    );
    look(
        "errors of an hour:",
        &series(&|sums| sums.errors as f64),
        &count,
    );
    for (model, costs) in model_costs(tally, hours) {
        look(&format!("cost of an hour of {model}:"), &costs, &usd);
    }
    found.extend(new_names(tally, hours));
    found
}

/// The hourly costs of the dearest models, when there are several.
#[allow(
    clippy::cast_precision_loss,
    reason = "what is compared, not what is charged"
)]
fn model_costs(tally: &Tally, hours: &[(i64, Sums)]) -> Vec<(String, Vec<f64>)> {
    let first = hours.first().map_or(0, |(at, _)| at / HOUR_MS);
    let mut models: BTreeMap<u32, (i128, Vec<f64>)> = BTreeMap::new();
    for ((hour, model), sums) in &tally.hours {
        let (total, costs) = models
            .entry(*model)
            .or_insert_with(|| (0, vec![0.0; hours.len()]));
        *total += sums.cost;
        let place = usize::try_from(hour - first).ok();
        if let Some(cost) = place.and_then(|place| costs.get_mut(place)) {
            *cost += sums.cost as f64 / 1e12;
        }
    }
    if models.len() < 2 {
        return Vec::new();
    }
    let mut dearest: Vec<(u32, (i128, Vec<f64>))> = models.into_iter().collect();
    dearest.sort_by_key(|(_, (total, _))| std::cmp::Reverse(*total));
    dearest.truncate(WATCHED_MODELS);
    let named = dearest
        .into_iter()
        .map(|(model, (_, costs))| (name(tally, 1, model), costs));
    named.collect()
}

/// Models and keys that appear only when there has been traffic for a while.
fn new_names(tally: &Tally, hours: &[(i64, Sums)]) -> Vec<Anomaly> {
    let (Some((first, _)), Some((last, _))) = (hours.first(), hours.last()) else {
        return Vec::new();
    };
    if hours.len() < 24 {
        return Vec::new();
    }
    let after = first + (last - first) * NEW_AFTER_PERCENT / 100;
    let mut models: BTreeMap<u32, i64> = BTreeMap::new();
    for (hour, model) in tally.hours.keys() {
        let earliest = models.entry(*model).or_insert(*hour);
        *earliest = (*earliest).min(*hour);
    }
    let keys = tally.keys.iter().map(|(key, hour)| (3, *key, *hour));
    let models = models.into_iter().map(|(model, hour)| (1, model, hour));
    let mut new: Vec<(i64, String)> = models
        .chain(keys)
        .filter(|(_, number, hour)| *number != OTHER && *number != NONE && hour * HOUR_MS > after)
        .map(|(kind, number, hour)| {
            let what = if kind == 1 { "model" } else { "key" };
            (
                hour,
                format!("first seen: {what} {}", name(tally, kind, number)),
            )
        })
        .collect();
    new.sort();
    let new = new.into_iter();
    new.map(|(hour, what)| Anomaly {
        at: moment::format(hour * HOUR_MS),
        what,
    })
    .collect()
}
