//! Scenarios: what happens to the load when something happens to a provider.

mod equals;
mod hedges;
mod rules;

use std::collections::BTreeMap;

use ark_gateway_core::priority::Priority;
use ark_gateway_core::snapshot::{ModelId, Snapshot};

use super::ark::Wiring;
use super::engine::Change;
use super::load::{Load, Shape};
use super::run::{Candidate, Setting, replay};
use super::tally::Tally;
use super::testing::{nature, price, snapshot, steady};
use super::trace::Arrival;
use super::world::{BrownOutWindow, Down, Nature, OutageWindow, WorldConfig};
use super::{Us, html, report, table};

const NAMES: [&str; 3] = ["dear", "middle", "cheap"];

/// A scenario: requests per second for some seconds, at three providers unless said otherwise.
struct Scene {
    per_s: f64,
    seconds: f64,
    workers: usize,
    snapshot: Snapshot,
    world: BTreeMap<String, Nature>,
    wiring: Wiring,
    change: Option<Change>,
}

impl Scene {
    fn new(per_s: f64, seconds: f64) -> Self {
        let world = NAMES.map(|name| (name.to_owned(), nature(200.0)));
        Self {
            per_s,
            seconds,
            workers: 2,
            snapshot: snapshot(&NAMES),
            world: world.into(),
            wiring: Wiring::default(),
            change: None,
        }
    }

    fn nature(&mut self, name: &str) -> &mut Nature {
        self.world.get_mut(name).unwrap()
    }

    fn slow(&mut self, name: &str, from_s: f64, to_s: f64, factor: f64) {
        self.nature(name).brown_outs.windows.push(BrownOutWindow {
            from_s,
            to_s,
            factor,
            gradual: false,
        });
    }

    fn down(&mut self, name: &str, from_s: f64, to_s: f64, kind: Down) {
        let window = OutageWindow { from_s, to_s, kind };
        self.nature(name).outages.windows.push(window);
    }

    fn play(self) -> Played {
        self.play_trace(None)
    }

    fn play_trace(self, arrivals: Option<Vec<Arrival>>) -> Played {
        let arrivals = arrivals.unwrap_or_else(|| steady(self.per_s, self.seconds));
        let load = Load::new(arrivals, &self.snapshot, ModelId(0), Shape::default());
        let world = WorldConfig {
            providers: self.world,
        };
        let setting = Setting {
            load: &load,
            world: &world,
            workers: self.workers,
            seed: 3,
            first: &self.snapshot,
            model: ModelId(0),
            no_forecast: false,
        };
        let slots = (self.seconds * 4.0) as usize;
        let tally = setting
            .policy(&self.snapshot, self.wiring, self.change, slots)
            .unwrap();
        Played {
            tally,
            slot_s: self.seconds / slots as f64,
        }
    }
}

struct Played {
    tally: Tally,
    slot_s: f64,
}

impl Played {
    /// The share of first choices of a target from one second to another.
    fn share(&self, target: usize, from_s: f64, to_s: f64) -> f64 {
        let (from, to) = (from_s / self.slot_s, to_s / self.slot_s);
        let slots = &self.tally.slots[from.round() as usize..to.round() as usize];
        let all: u32 = slots.iter().flat_map(|slot| &slot.first).sum();
        let own: u32 = slots.iter().map(|slot| slot.first[target]).sum();
        f64::from(own) / f64::from(all)
    }

    fn errors(&self) -> u64 {
        self.tally.overall().errors
    }

    /// Attempts beyond one for each request, as a share of the requests.
    fn retries(&self) -> f64 {
        let all = self.tally.overall();
        (all.attempts - all.requests) as f64 / all.requests as f64
    }
}

const CHEAP: usize = 2;

#[test]
fn a_target_that_slows_tenfold_loses_its_load_within_3_s_and_has_it_back_within_30_s() {
    for (per_s, workers) in [(20.0, 1), (100.0, 2), (200.0, 8)] {
        let mut scene = Scene::new(per_s, 150.0);
        scene.workers = workers;
        scene.slow("cheap", 60.0, 100.0, 10.0);
        let played = scene.play();
        let usual = played.share(CHEAP, 40.0, 60.0);
        assert!(usual > 0.5, "{per_s}/s: {usual}");
        let slowed = played.share(CHEAP, 63.0, 100.0);
        assert!(slowed < 0.05, "{per_s}/s: {slowed}");
        let back = played.share(CHEAP, 130.0, 150.0);
        assert!(back > usual * 0.9, "{per_s}/s: {back} of {usual}");
        assert_eq!(played.errors(), 0);
    }
}

/// With a promise near what the fleet can do, what was slow must not be judged by its worst minute.
#[test]
fn a_target_that_was_slow_comes_back_within_30_s_where_latency_counts() {
    for (per_s, workers) in [(50.0, 1), (100.0, 2)] {
        let mut scene = Scene::new(per_s, 90.0);
        scene.workers = workers;
        for spec in &mut scene.snapshot.priorities {
            spec.slo.latency_ms = 2_000.0;
        }
        // Little is remembered from before.
        scene.slow("cheap", 12.0, 30.0, 10.0);
        let mut standard = steady(per_s, 90.0);
        for arrival in &mut standard {
            arrival.priority = Some(Priority::Standard);
        }
        let played = scene.play_trace(Some(standard));
        let slowed = played.share(CHEAP, 15.0, 30.0);
        assert!(slowed < 0.05, "{per_s}/s: {slowed}");
        let back = played.share(CHEAP, 60.0, 90.0);
        assert!(back > 0.5, "{per_s}/s: {back}");
    }
}

#[test]
fn a_target_that_is_down_fails_no_request_and_gets_only_probes() {
    for kind in [Down::Error, Down::Refuse, Down::Hang] {
        let mut scene = Scene::new(100.0, 120.0);
        scene.down("cheap", 40.0, 80.0, kind);
        let played = scene.play();
        let down = played.share(CHEAP, 43.0, 80.0);
        assert!(down < 0.02, "{kind:?}: {down}");
        let back = played.share(CHEAP, 110.0, 120.0);
        assert!(back > 0.5, "{kind:?}: {back}");
        assert_eq!(played.errors(), 0, "{kind:?}");
    }
}

#[test]
fn a_flapping_target_is_left_alone_most_of_the_time() {
    let mut scene = Scene::new(100.0, 120.0);
    for n in 0..20 {
        let from_s = 40.0 + f64::from(n) * 4.0;
        scene.down("cheap", from_s, from_s + 2.0, Down::Error);
    }
    let played = scene.play();
    assert_eq!(played.errors(), 0);
    // Half the time it is down; it must not have what it had, nor cost a retry each time.
    let flapping = played.share(CHEAP, 50.0, 120.0);
    assert!(flapping < 0.4, "{flapping}");
    assert!(played.retries() < 0.02, "{}", played.retries());
}

#[test]
fn partial_429s_cost_retries_only_while_they_are_found_out() {
    let mut scene = Scene::new(100.0, 60.0);
    scene.nature("cheap").refused_share = 0.3;
    let played = scene.play();
    assert_eq!(played.errors(), 0);
    assert!(played.retries() < 0.03, "{}", played.retries());
}

#[test]
fn a_limit_that_the_operator_has_said_is_kept_without_429s() {
    let limited = |said: bool| {
        let mut scene = Scene::new(50.0, 120.0);
        // A third of what batch alone would take there.
        scene.nature("cheap").tokens_per_minute = Some(300_000);
        if said {
            scene.snapshot.providers[CHEAP].tokens_per_minute = Some(300_000);
        }
        let played = scene.play();
        assert_eq!(played.errors(), 0);
        played.tally.overall().limited
    };
    let (known, unknown) = (limited(true), limited(false));
    assert!(known * 3 <= unknown, "{known} and {unknown}");
    assert!(known < 30, "{known} of 6000");
}

/// More and more requests, from `from` to `to` per second over some seconds.
fn ramp(from: f64, to: f64, seconds: f64) -> Vec<Arrival> {
    let mut arrivals = steady(1.0, 1.0);
    let (first, mut at_s) = (arrivals.remove(0), 0.0);
    while at_s < seconds {
        let at = (at_s * 1e6) as Us;
        arrivals.push(Arrival {
            at,
            ..first.clone()
        });
        at_s += 1.0 / (from + (to - from) * at_s / seconds);
    }
    arrivals
}

#[test]
fn on_a_ramp_what_is_to_come_keeps_429s_away() {
    let limited = |no_forecast: bool| {
        let mut scene = Scene::new(0.0, 120.0);
        // Answers of twenty seconds: what has been sent is known late.
        for name in NAMES {
            scene.nature(name).tpot.median_ms = 1_000.0;
            scene.nature(name).capacity = 10_000;
        }
        for (target, tokens) in [(1, 200_000), (CHEAP, 200_000)] {
            scene.nature(NAMES[target]).tokens_per_minute = Some(tokens);
            scene.snapshot.providers[target].tokens_per_minute = Some(tokens);
        }
        scene.wiring.no_forecast = no_forecast;
        let played = scene.play_trace(Some(ramp(2.0, 60.0, 120.0)));
        assert_eq!(played.errors(), 0);
        played.tally.overall().limited
    };
    let (with, without) = (limited(false), limited(true));
    assert!(without >= 20, "{without}: there is something to be seen");
    assert!(with * 4 <= without, "{with} of {without}");
}

#[test]
fn a_price_change_moves_what_cares_for_cost() {
    let mut scene = Scene::new(100.0, 90.0);
    let mut dearer = scene.snapshot.clone();
    dearer.targets[CHEAP].price = Some(price(95));
    dearer.version.0 = "dearer".to_owned();
    scene.change = Some(Change {
        at: 45_000_000,
        snapshot: dearer,
    });
    let mut batch = steady(100.0, 90.0);
    for arrival in &mut batch {
        arrival.priority = Some(Priority::Batch);
    }
    let played = scene.play_trace(Some(batch));
    assert!(played.share(CHEAP, 30.0, 45.0) > 0.9);
    assert!(
        played.share(1, 46.0, 90.0) > 0.9,
        "the middle one is cheapest now"
    );
}

#[test]
fn a_new_target_is_explored_then_used() {
    let mut scene = Scene::new(100.0, 240.0);
    let all = scene.snapshot.clone();
    let mut few = all.clone();
    few.version.0 = "few".to_owned();
    few.targets.truncate(2);
    few.models[0].targets.truncate(2);
    scene.snapshot = few;
    scene.change = Some(Change {
        at: 60_000_000,
        snapshot: all,
    });
    let played = scene.play();
    assert_eq!(played.share(CHEAP, 0.0, 60.0), 0.0);
    let early = played.share(CHEAP, 60.0, 63.0);
    assert!(early > 0.0, "explored at once");
    let late = played.share(CHEAP, 200.0, 240.0);
    assert!(late > 0.5 && late > early, "{early}, then {late}");
}

#[test]
fn a_lost_region_and_a_correlated_failure_end_in_the_last_target_that_works() {
    let mut scene = Scene::new(100.0, 60.0);
    for (provider, region) in scene.snapshot.providers.iter_mut().zip(["x", "y", "y"]) {
        provider.region = Some(region.to_owned());
    }
    scene.down("middle", 30.0, 50.0, Down::Refuse);
    scene.down("cheap", 30.0, 50.0, Down::Refuse);
    let played = scene.play();
    assert_eq!(played.errors(), 0);
    let left = played.share(0, 33.0, 50.0);
    assert!(left > 0.9, "{left}");
    // The second try is not in the region that is down: retries stay near one for each failure.
    assert!(played.retries() < 0.05, "{}", played.retries());
}

#[test]
fn when_all_is_lost_retries_do_not_multiply_it() {
    let mut scene = Scene::new(100.0, 120.0);
    for name in NAMES {
        scene.down(name, 30.0, 100.0, Down::Error);
    }
    let played = scene.play();
    let errors = played.errors();
    assert!((6_700..7_300).contains(&errors), "{errors}");
    // Critical keeps its second attempt.
    let during = played.retries() * 12_000.0 / 7_000.0;
    assert!(
        during < 0.5,
        "{during} retries for each request that failed"
    );
    assert!(played.share(CHEAP, 112.0, 120.0) > 0.3, "it recovers");
}

#[test]
fn sixteen_workers_on_one_stale_snapshot_do_not_herd() {
    let mut scene = Scene::new(800.0, 60.0);
    scene.workers = 16;
    for (name, target) in NAMES.into_iter().zip(0..) {
        // Three equals, each of which slows down when it has more than its share.
        scene.nature(name).capacity = 140;
        scene.snapshot.targets[target].price = Some(price(100));
        scene.snapshot.providers[target].max_in_flight = 200;
    }
    scene.wiring.plane_stops_at = Some(30_000_000);
    scene.snapshot.gateway.snapshot_max_age_ms = 60_000;
    let played = scene.play();
    assert_eq!(played.errors(), 0);
    for target in 0..3 {
        for second in 10..60 {
            let share = played.share(target, f64::from(second), f64::from(second + 1));
            assert!(
                (0.15..0.55).contains(&share),
                "{target} at {second}: {share}"
            );
        }
    }
}

#[test]
fn a_slow_leak_is_left_before_it_breaks_the_slo_of_critical() {
    let mut scene = Scene::new(100.0, 300.0);
    scene
        .nature("cheap")
        .brown_outs
        .windows
        .push(BrownOutWindow {
            from_s: 60.0,
            to_s: 300.0,
            factor: 30.0,
            gradual: true,
        });
    let played = scene.play();
    let critical = &played.tally.classes[0];
    assert!(critical.miss_share() < 0.01, "{}", critical.miss_share());
    assert!(played.share(CHEAP, 280.0, 300.0) < 0.1);
    assert_eq!(played.errors(), 0);
}

/// The same where nothing but the leaking target was ever asked before, and for a load that is critical
/// but for a tenth: what does not explore finds the others known.
#[test]
fn a_slow_leak_is_left_in_time_where_nothing_else_was_known_at_first() {
    let mut scene = Scene::new(100.0, 300.0);
    scene.wiring.starts_ready = true;
    scene
        .nature("cheap")
        .brown_outs
        .windows
        .push(BrownOutWindow {
            from_s: 60.0,
            to_s: 300.0,
            factor: 30.0,
            gradual: true,
        });
    let mut arrivals = steady(100.0, 300.0);
    for (n, arrival) in arrivals.iter_mut().enumerate() {
        arrival.priority = Some(match n % 10 {
            0 => Priority::Standard,
            _ => Priority::Critical,
        });
    }
    let played = scene.play_trace(Some(arrivals));
    let critical = &played.tally.classes[0];
    assert!(critical.miss_share() < 0.01, "{}", critical.miss_share());
    assert!(played.share(CHEAP, 280.0, 300.0) < 0.1);
    assert_eq!(played.errors(), 0);
}

#[test]
fn under_constant_load_nothing_oscillates() {
    let mut scene = Scene::new(200.0, 200.0);
    // So tight that whoever takes all of it slows down.
    for name in NAMES {
        scene.nature(name).capacity = 60;
    }
    let played = scene.play();
    let index = played.tally.oscillation();
    assert!(index < 0.06, "{index}");
}

#[test]
fn without_its_control_plane_it_decays_to_the_static_order() {
    let mut scene = Scene::new(100.0, 60.0);
    scene.wiring.plane_stops_at = Some(30_000_000);
    let played = scene.play();
    assert!(played.share(CHEAP, 20.0, 30.0) > 0.5);
    assert!(
        played.share(CHEAP, 30.0, 34.0) > 0.5,
        "its last word holds for a while"
    );
    let first = played.share(0, 36.0, 60.0);
    assert!((first - 1.0).abs() < f64::EPSILON, "{first}");
    assert_eq!(played.errors(), 0);
}

fn setting_of<'a>(load: &'a Load, world: &'a WorldConfig, first: &'a Snapshot) -> Setting<'a> {
    Setting {
        load,
        world,
        workers: 2,
        seed: 3,
        first,
        model: ModelId(0),
        no_forecast: false,
    }
}

/// Bursts with pauses between, as real traffic has.
fn bursts() -> Vec<Arrival> {
    let mut arrivals = steady(20.0, 400.0);
    arrivals.retain(|arrival| arrival.at / 7_000_000 % 3 != 1);
    arrivals
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_seed_another() {
    let snapshot = snapshot(&NAMES);
    let render = |seed: u64| {
        let load = Load::new(bursts(), &snapshot, ModelId(0), Shape::default());
        let mut world = WorldConfig::default();
        for name in NAMES {
            let mut nature = nature(150.0);
            nature.outages.availability = 0.95;
            world.providers.insert(name.to_owned(), nature);
        }
        let mut setting = setting_of(&load, &world, &snapshot);
        setting.seed = seed;
        let policies = [Candidate {
            name: "mine".to_owned(),
            snapshot: snapshot.clone(),
        }];
        let mut last = (0, 0);
        let runs = replay(&setting, &policies, true, &mut |done, all| {
            last = (done, all)
        })
        .unwrap();
        assert_eq!(last.0, last.1);
        let report = report::Report::new("t".to_owned(), seed, 2, 600.0, &runs);
        let json = serde_json::to_string(&report).unwrap();
        (report, json)
    };
    let (report, json) = render(3);
    assert_eq!(json, render(3).1);
    assert_ne!(json, render(4).1);
    assert_eq!(report.runs.len(), 1 + 3 + 6);
    let all = report.requests;
    for run in &report.runs {
        assert_eq!(run.overall.requests, all, "{}", run.name);
    }
    let found = report.findings.as_ref().unwrap();
    assert!(
        found.cost_saved > 0.1 && found.availability > 0.999,
        "{found:?}"
    );
    assert!(table::render(&report, false).contains("oracle"));
    assert!(table::render(&report, true).contains("\u{1b}[1m"));
    let page = html::render(&report).unwrap();
    assert_eq!(page.matches("<svg").count(), 4);
    assert!(
        !page.contains("http://")
            || page.matches("http").count() == page.matches("http://www.w3.org").count()
    );
}

#[test]
fn no_baseline_but_the_oracle_is_better_and_the_oracle_is() {
    let snapshot = snapshot(&NAMES);
    let load = Load::new(
        bursts(),
        &snapshot,
        ModelId(0),
        Shape {
            repeat: 2,
            ..Shape::default()
        },
    );
    let mut world = WorldConfig::default();
    for (name, ttft_ms) in NAMES.into_iter().zip([250.0, 150.0, 1_700.0]) {
        let mut nature = nature(ttft_ms);
        nature.outages.availability = 0.99;
        nature.outages.kinds = vec![Down::Error, Down::Refuse];
        world.providers.insert(name.to_owned(), nature);
    }
    let setting = setting_of(&load, &world, &snapshot);
    let policies = [Candidate {
        name: "mine".to_owned(),
        snapshot: snapshot.clone(),
    }];
    let runs = replay(&setting, &policies, true, &mut |_, _| {}).unwrap();
    let report = report::Report::new("t".to_owned(), 3, 2, 3_600.0, &runs);
    let found = report.findings.as_ref().unwrap();
    assert!(found.beaten_by.is_empty(), "{found:?}");
    let oracle = report.runs.last().unwrap();
    assert_eq!(oracle.kind, "oracle");
    for run in &report.runs {
        assert!(
            oracle.overall.slo_misses <= run.overall.slo_misses
                || oracle.overall.cost_micro_usd < run.overall.cost_micro_usd,
            "{}",
            run.name
        );
    }
    assert!(report.runs[0].miss_regret.unwrap() >= 0);
}

#[test]
fn an_idle_hour_changes_nothing_but_the_age_of_what_is_known() {
    let mut scene = Scene::new(50.0, 3_700.0);
    scene.slow("cheap", 3_600.0, 3_650.0, 10.0);
    let mut arrivals = steady(50.0, 3_700.0);
    arrivals.retain(|arrival| !(60_000_000..3_560_000_000 as Us).contains(&arrival.at));
    let played = scene.play_trace(Some(arrivals));
    assert!(played.share(CHEAP, 3_590.0, 3_600.0) > 0.5);
    assert!(played.share(CHEAP, 3_604.0, 3_650.0) < 0.05);
}
