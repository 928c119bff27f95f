//! What is fitted to a simulation is what was simulated.

use std::collections::BTreeMap;

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::record::{AttemptRecord, Charge, Record, Settlement, Usage, Verdict};
use ark_gateway_core::snapshot::{ModelId, Snapshot};

use super::*;
use crate::ledger::{Store, lines_of};
use crate::replay::baseline::{Baseline, Way};
use crate::replay::engine::{Chooser, Order, Running, World};
use crate::replay::load::{Load, Request, Shape};
use crate::replay::run::Setting;
use crate::replay::testing::{self, nature, price, snapshot};
use crate::replay::trace::{self, Arrival};
use crate::replay::world::{self, BrownOutWindow, Down, OutageWindow};
use crate::testing::{TempDir, attempt, record};

const HOUR_S: f64 = 3_600.0;

/// Plays as another and writes down what the filter would: a record per attempt's request.
struct Written<'a> {
    inner: Baseline,
    snapshot: &'a Snapshot,
    records: BTreeMap<u64, Record>,
}

impl Chooser for Written<'_> {
    fn choose(&mut self, request: &Request, worker: usize, world: &World) -> Order {
        self.inner.choose(request, worker, world)
    }

    fn began(&mut self, attempt: &Running) {
        self.inner.began(attempt);
    }

    fn ended(&mut self, running: &Running, now: Us) {
        self.inner.ended(running, now);
        let spec = &self.snapshot.targets[usize::from(running.target.0)];
        let provider = &self.snapshot.providers[usize::from(spec.provider.0)].name;
        let (request, fate) = (&running.request, &running.fate);
        let usage = Usage {
            input_tokens: u64::from(request.input_tokens),
            output_tokens: u64::from(request.output_tokens),
            ..Usage::default()
        };
        let price = price(40);
        let ok = fate.verdict == Verdict::Ok;
        let made = AttemptRecord {
            start_us: running.started - request.at,
            ttft_us: fate.first_byte.map(|at| at - running.started),
            duration_us: now - running.started,
            retry_after_ms: fate.retry_after_ms,
            charge: ok.then_some(Charge {
                usage,
                settlement: Settlement::Reported,
                price: Some(price),
                cost: Some(MicroUsd(1)),
            }),
            ..attempt(provider, &spec.model, fate.verdict)
        };
        let whole = self.records.entry(request.index).or_insert_with(|| Record {
            id: format!("r{}", request.index),
            at_ms: 1_760_000_000_000 + request.at / 1_000,
            priority: request.priority,
            stream: request.stream,
            sequence: request.index + 1,
            ..record(Vec::new())
        });
        whole.attempts.push(made);
        whole.usage = usage;
    }
}

/// Requests of many sizes, so many per second for an hour.
fn mixed(per_s: f64, seconds: f64) -> Vec<Arrival> {
    let mut arrivals = testing::steady(per_s, seconds);
    for (n, arrival) in (0_u32..).zip(&mut arrivals) {
        arrival.input_tokens = 100 + (n * 7_919) % 8_000;
        arrival.output_tokens = 2 + (n * 104_729) % 300;
        arrival.priority = Some(ark_gateway_core::priority::Priority::ALL[n as usize % 3]);
    }
    arrivals
}

/// What the filter writes down of providers of these natures, asked in turn.
fn written(natures: &[(&str, Nature)], arrivals: Vec<Arrival>, seed: u64) -> Vec<Record> {
    let names: Vec<&str> = natures.iter().map(|(name, _)| *name).collect();
    let snapshot = snapshot(&names);
    let load = Load::new(arrivals, &snapshot, ModelId(0), Shape::default());
    let world = WorldConfig {
        providers: natures
            .iter()
            .map(|(name, nature)| ((*name).to_owned(), nature.clone()))
            .collect(),
    };
    let setting = Setting {
        load: &load,
        world: &world,
        workers: 2,
        seed,
        first: &snapshot,
        model: ModelId(0),
        no_forecast: false,
    };
    let mut chooser = Written {
        inner: Baseline::new(Way::RoundRobin, &snapshot, seed),
        snapshot: &snapshot,
        records: BTreeMap::new(),
    };
    let engine = setting.engine(&snapshot, &snapshot, 1);
    engine.run(&mut chooser, &mut |_| {});
    chooser.records.into_values().collect()
}

fn seen(records: &[Record]) -> Seen {
    let dir = TempDir::new();
    let file = dir.path().join("records.jsonl");
    // As the player of the live replay writes them: with a line of something else before.
    let mut text = "{\"scores\":{}}\n".to_owned();
    for record in records {
        text += &serde_json::to_string(record).unwrap();
        text.push('\n');
    }
    std::fs::write(&file, text).unwrap();
    Seen::read(&[file]).unwrap()
}

fn close(found: f64, truth: f64, share: f64) -> bool {
    (found - truth).abs() <= truth.abs() * share
}

fn slow_and_steady() -> Nature {
    let mut nature = nature(400.0);
    nature.ttft.sigma = 0.4;
    nature.ttft.per_1k_prompt_ms = 30.0;
    nature.tpot = crate::replay::world::Spread {
        median_ms: 15.0,
        sigma: 0.2,
    };
    nature
}

#[test]
fn the_pace_of_a_simulated_hour_is_found_within_a_few_percent() {
    let natures = [("a", nature(200.0)), ("b", slow_and_steady())];
    let fit = fit(
        &seen(&written(&natures, mixed(3.0, HOUR_S), 5)),
        Moments::Process,
    );
    for (name, truth) in &natures {
        let found = &fit.world.providers[*name];
        assert_eq!(found.check(), Ok(()));
        assert!(
            close(found.ttft.median_ms, truth.ttft.median_ms, 0.05),
            "{found:?}"
        );
        assert!(
            (found.ttft.sigma - truth.ttft.sigma).abs() < 0.03,
            "{found:?}"
        );
        assert!(
            (found.ttft.per_1k_prompt_ms - truth.ttft.per_1k_prompt_ms).abs() < 4.0,
            "{found:?}"
        );
        assert!(
            close(found.tpot.median_ms, truth.tpot.median_ms, 0.03),
            "{found:?}"
        );
        assert!(
            (found.tpot.sigma - truth.tpot.sigma).abs() < 0.03,
            "{found:?}"
        );
        assert_eq!((found.error_share, found.refused_share), (0.0, 0.0));
        assert_eq!(found.outages, Outages::default());
        assert_eq!(found.brown_outs.share, 0.0);
        assert_eq!(found.prices["m"], price(40), "what was charged");
    }
}

/// The quantiles of a second simulation, by what the first was fitted to, against the first's.
#[test]
fn a_fit_played_again_has_the_quantiles_of_what_it_was_fitted_to() {
    let natures = [("a", nature(200.0)), ("b", slow_and_steady())];
    let first = seen(&written(&natures, mixed(3.0, HOUR_S), 5));
    let fitted = fit(&first, Moments::Process).world.providers;
    let again: Vec<(&str, Nature)> = natures
        .iter()
        .map(|(name, _)| (*name, fitted[*name].clone()))
        .collect();
    // The requests, too, are those that were seen.
    let (arrivals, unanswered) = first.arrivals();
    assert_eq!((arrivals.len(), unanswered), (10_800, 0));
    let second = seen(&written(&again, arrivals, 77));
    let quantiles = |seen: &Seen, name: &str| {
        let own = || seen.attempts.iter().filter(|a| &*a.provider == name);
        let firsts = numbers::sorted(own().filter_map(|a| Some(numbers::millis(a.ttft?))));
        let wholes = numbers::sorted(own().map(|a| numbers::millis(a.took)));
        let of = |values: &[f64]| [0.5, 0.95, 0.99].map(|q| numbers::quantile(values, q));
        [of(&firsts), of(&wholes)].concat()
    };
    for (name, _) in &natures {
        let (before, after) = (quantiles(&first, name), quantiles(&second, name));
        for (q, (before, after)) in before.iter().zip(&after).enumerate() {
            let tolerance = if q % 3 == 2 { 0.10 } else { 0.06 };
            assert!(
                close(*after, *before, tolerance),
                "{name} {q}: {before} {after}"
            );
        }
    }
}

#[test]
fn outages_are_told_from_failures_that_come_alone() {
    let mut failing = nature(200.0);
    failing.error_share = 0.03;
    failing.outages.windows = [
        (600.0, 640.0, Down::Refuse),
        (2_000.0, 2_100.0, Down::Error),
    ]
    .map(|(from_s, to_s, kind)| OutageWindow { from_s, to_s, kind })
    .to_vec();
    let natures = [("a", failing), ("b", nature(200.0))];
    let seen = seen(&written(&natures, mixed(3.0, HOUR_S), 5));
    let process = fit(&seen, Moments::Process);
    let found = &process.world.providers["a"];
    let down = 1.0 - found.outages.availability;
    assert!(close(down, 140.0 / 3_600.0, 0.1), "{down}");
    assert!(close(found.outages.mean_s, 70.0, 0.1), "{found:?}");
    assert_eq!(found.outages.kinds, [Down::Refuse, Down::Error]);
    assert!((found.error_share - 0.03).abs() < 0.006, "{found:?}");
    assert_eq!(process.world.providers["b"].outages, Outages::default());
    let moments = fit(&seen, Moments::AsTheyWere);
    let windows = &moments.world.providers["a"].outages.windows;
    for (window, (from_s, to_s)) in windows.iter().zip([(600.0, 640.0), (2_000.0, 2_100.0)]) {
        assert!((window.from_s - from_s).abs() < 5.0, "{window:?}");
        assert!((window.to_s - to_s).abs() < 6.0, "{window:?}");
    }
    assert_eq!(windows.len(), 2);
}

#[test]
fn a_slow_spell_is_no_part_of_the_usual_pace() {
    let mut leaky = nature(200.0);
    leaky.brown_outs.windows.push(BrownOutWindow {
        from_s: 1_000.0,
        to_s: 1_180.0,
        factor: 6.0,
        gradual: false,
    });
    let seen = seen(&written(&[("a", leaky)], mixed(4.0, HOUR_S), 5));
    let process = fit(&seen, Moments::Process);
    let found = &process.world.providers["a"];
    assert!(close(found.ttft.median_ms, 200.0, 0.05), "{found:?}");
    assert!(close(found.brown_outs.share, 0.05, 0.15), "{found:?}");
    assert!(close(found.brown_outs.mean_s, 180.0, 0.15), "{found:?}");
    assert!(close(found.brown_outs.factor, 6.0, 0.15), "{found:?}");
}

#[test]
fn a_limit_is_told_by_what_was_refused_or_by_the_providers_word() {
    let mut tight = nature(200.0);
    tight.tokens_per_minute = Some(200_000);
    let mut picky = nature(200.0);
    picky.refused_share = 0.02;
    let natures = [("tight", tight), ("picky", picky)];
    let records = written(&natures, mixed(3.0, HOUR_S), 5);
    let world = fit(&seen(&records), Moments::Process).world.providers;
    let found = world["tight"].tokens_per_minute.unwrap();
    assert!(close(found as f64, 200_000.0, 0.1), "{found}");
    assert!(world["tight"].refused_share < 0.01, "{:?}", world["tight"]);
    assert!(world["tight"].says_retry_after);
    assert_eq!(world["picky"].tokens_per_minute, None);
    assert_eq!(world["picky"].requests_per_minute, None);
    assert!((world["picky"].refused_share - 0.02).abs() < 0.006);
    let mut said = records;
    for attempt in said.iter_mut().flat_map(|record| &mut record.attempts) {
        attempt.rate_limits = Some(ark_gateway_core::record::RateLimits {
            requests: None,
            tokens: Some(ark_gateway_core::record::Allowance {
                remaining: 1,
                limit: Some(190_000),
                reset_ms: Some(6_000),
            }),
        });
    }
    let world = fit(&seen(&said), Moments::Process).world.providers;
    assert_eq!(world["tight"].tokens_per_minute, Some(190_000));
}

/// The ledger knows no first tokens: medians come from a regression over sizes.
#[test]
fn the_ledger_and_its_exports_say_the_same_as_each_other_and_nearly_what_records_say() {
    use crate::ledger::export::Format;
    let natures = [("a", nature(200.0)), ("b", slow_and_steady())];
    let records = written(&natures, mixed(4.0, 900.0), 5);
    let dir = TempDir::new();
    let database = dir.path().join("ledger.db");
    let mut store = Store::open(&database, crate::config::Durability::Process).unwrap();
    let lines: Vec<_> = records.iter().flat_map(|r| lines_of("w", r)).collect();
    store.put(&[&lines]).unwrap();
    let mut files = vec![database];
    for (format, name) in [(Format::Csv, "l.csv"), (Format::Jsonl, "l.jsonl")] {
        let file = dir.path().join(name);
        let mut out = std::fs::File::create(&file).unwrap();
        store.export((0, i64::MAX), format, &mut out).unwrap();
        files.push(file);
    }
    let fits: Vec<Fit> = files
        .iter()
        .map(|file| fit(&Seen::of(file).unwrap().unwrap(), Moments::Process))
        .collect();
    for one in &fits {
        assert_eq!(one.world, fits[0].world);
    }
    for (name, truth) in &natures {
        let found = &fits[0].world.providers[*name];
        assert!(
            close(found.ttft.median_ms, truth.ttft.median_ms, 0.15),
            "{found:?}"
        );
        assert!(
            close(found.tpot.median_ms, truth.tpot.median_ms, 0.10),
            "{found:?}"
        );
        assert_eq!(found.prices["m"], price(40));
    }
    // And each of them is a trace: the requests that were played, to the ledger's millisecond.
    for file in &files {
        let (arrivals, word) = trace::read_any(file).unwrap();
        assert_eq!(word, None);
        assert_eq!(arrivals.len(), records.len());
        for (arrival, asked) in arrivals.iter().zip(mixed(4.0, 900.0)) {
            assert_eq!(arrival.at / 1_000, asked.at / 1_000);
            assert_eq!(
                (
                    arrival.input_tokens,
                    arrival.output_tokens,
                    arrival.priority
                ),
                (asked.input_tokens, asked.output_tokens, asked.priority)
            );
            assert_eq!(arrival.model.as_deref(), Some("m"));
        }
    }
}

#[test]
fn a_fit_is_a_file_for_providers_and_few_answers_are_none() {
    let natures = [("a", nature(200.0))];
    let seen = seen(&written(&natures, mixed(1.0, 200.0), 5));
    let fitted = fit(&seen, Moments::Process);
    let text = serde_json::to_string_pretty(&fitted.world).unwrap();
    assert_eq!(world::parse(&text), Ok(fitted.world));
    let short = written(&natures, mixed(1.0, 40.0), 5);
    let few = fit(&self::seen(&short), Moments::Process);
    assert!(few.world.providers.is_empty());
    assert!(
        few.views[0].to_string().contains("too few"),
        "{}",
        few.views[0]
    );
}
