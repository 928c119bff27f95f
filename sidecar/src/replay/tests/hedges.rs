//! Hedges, in the simulation.

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::snapshot::HedgeSpec;

use super::*;

/// Everything is critical, and hedges after `after_ms`, or after what is learnt.
fn hedging(scene: &mut Scene, after_ms: Option<u32>) -> Vec<Arrival> {
    scene.snapshot.models[0].hedge = Some(HedgeSpec {
        after_ms,
        at_least_ms: 200,
        budget: 0.05,
        priorities: vec![Priority::Critical],
    });
    critical(scene)
}

fn critical(scene: &Scene) -> Vec<Arrival> {
    let mut arrivals = steady(scene.per_s, scene.seconds);
    for arrival in &mut arrivals {
        arrival.priority = Some(Priority::Critical);
    }
    arrivals
}

/// Three providers of which one first token in some takes very long, each at its own.
fn long_tails() -> Scene {
    let mut scene = Scene::new(50.0, 120.0);
    for name in NAMES {
        scene.nature(name).ttft.sigma = 1.0;
    }
    scene
}

#[test]
fn a_long_tail_of_first_tokens_is_cut_for_what_it_costs() {
    let mut scene = long_tails();
    let trace = hedging(&mut scene, None);
    let hedged = scene.play_trace(Some(trace)).tally;
    let scene = long_tails();
    let trace = critical(&scene);
    let plain = scene.play_trace(Some(trace)).tally;
    let tail = |tally: &Tally| tally.classes[0].ttft.quantile_ms(0.998).unwrap();
    let (with, without) = (tail(&hedged), tail(&plain));
    assert!(with * 1.5 < without, "{with} ms and {without} ms");

    let hedges = hedged.hedges;
    assert!(hedges.won > 40 && hedges.won <= hedges.asked, "{hedges:?}");
    assert!(hedges.wasted_micro_usd > MicroUsd(0));
    let [ours, theirs] = [&hedged, &plain].map(Tally::overall);
    assert_eq!((ours.errors, ours.requests), (0, theirs.requests));
    assert_eq!(ours.attempts, ours.requests + hedges.asked);
    assert!(ours.cost > hedges.wasted_micro_usd, "it is part of it");
    assert_eq!(plain.hedges, Default::default());
}

#[test]
fn a_target_that_hangs_is_not_waited_for() {
    let play = |hedged: bool| {
        // So few that what is saved of the budget pays for all of them.
        let mut scene = Scene::new(5.0, 120.0);
        scene.down("cheap", 40.0, 44.0, Down::Hang);
        scene.down("middle", 40.0, 44.0, Down::Hang);
        let trace = match hedged {
            true => hedging(&mut scene, Some(500)),
            false => critical(&scene),
        };
        scene.play_trace(Some(trace))
    };
    let slowest = |played: &Played| {
        let critical = &played.tally.classes[0];
        critical.latency.quantile_ms(1.0).unwrap()
    };
    let (hedged, plain) = (play(true), play(false));
    assert_eq!((hedged.errors(), plain.errors()), (0, 0));
    let (with, without) = (slowest(&hedged), slowest(&plain));
    assert!(
        without > 10_000.0,
        "{without} ms: there was something to be seen"
    );
    assert!(with < 2_500.0, "{with} ms");
}

#[test]
fn when_everything_is_slow_the_budget_bounds_what_is_asked_again() {
    let mut scene = Scene::new(50.0, 100.0);
    for name in NAMES {
        scene.slow(name, 20.0, 100.0, 8.0);
    }
    let trace = hedging(&mut scene, Some(300));
    let (requests, workers) = (trace.len() as u64, scene.workers as u64);
    let played = scene.play_trace(Some(trace));
    let asked = played.tally.hedges.asked;
    let most = 50 * workers + requests / 20;
    assert!(asked > most / 2 && asked <= most, "{asked} of {most}");
    assert_eq!(played.errors(), 0);
}
