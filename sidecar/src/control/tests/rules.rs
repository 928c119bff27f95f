//! Drains and canaries, from the file or a command to what a worker runs.

use ark_gateway_core::rules::Share;

use super::*;
use crate::canary::{Action, State};

fn edit(world: &mut World, from: &str, to: &str) {
    let yaml = config_yaml(&["a", "b"]);
    assert!(yaml.contains(from), "{yaml}");
    let config = config::parse(&yaml.replace(from, to)).unwrap();
    world.control.replace_config(Loaded::new(config), world.now);
}

fn drained(world: &World) -> Vec<&str> {
    let providers = world.snapshot.iter().flat_map(|s| &s.providers);
    providers
        .filter(|p| p.drained)
        .map(|p| p.name.as_str())
        .collect()
}

fn served(providers: &[&str]) -> World {
    let mut world = World::new(providers);
    world.run_for(2_000);
    assert_eq!(world.served(), providers);
    world
}

#[test]
fn a_commanded_drain_is_with_the_workers_at_once_and_ends_with_its_undoing() {
    let mut world = served(&["a", "b"]);
    let view = world.control.drain("b", true, world.now).unwrap();
    assert!(view.drained && view.drain.unwrap().commanded_ms_ago == Some(0));
    world.sync();
    assert_eq!(drained(&world), ["b"]);
    let scores = world.scores.as_ref().unwrap();
    assert_eq!(scores.snapshot, world.snapshot.as_ref().unwrap().version);
    assert!(
        world.clusters.contains(&"b".to_owned()),
        "what runs there ends by itself"
    );
    world.run_for(1_000);
    assert_eq!(drained(&world), ["b"], "and it stays");
    assert!(!world.control.drain("b", false, world.now).unwrap().drained);
    world.sync();
    assert!(drained(&world).is_empty());
    assert!(
        world
            .control
            .drain("c", true, world.now)
            .unwrap_err()
            .contains("a, b")
    );
}

#[test]
fn a_drain_of_the_file_outlives_commands_and_restarts() {
    let mut world = served(&["a", "b"]);
    edit(&mut world, "- name: b\n", "- name: b\n    drain: true\n");
    world.run_for(500);
    assert_eq!(drained(&world), ["b"]);
    assert!(
        world.control.drain("b", false, world.now).unwrap().drained,
        "the file says so"
    );
    world.control = Control::new(
        setting(),
        Loaded::new(world.control.config.clone()),
        today(),
    );
    world.now = 0;
    world.run_for(500);
    assert_eq!(drained(&world), ["b"]);
    assert!(
        world.control.is_open,
        "a worker with the complete snapshot tells that Envoy is well"
    );
}

#[test]
fn a_time_of_maintenance_begins_and_ends_by_itself() {
    let mut world = served(&["a", "b"]);
    // The sidecar of the tests started at 2026-01-09T23:06:40Z.
    let window = "- name: b\n    drain: {from: 2026-01-09T23:06:45Z, until: \"2026-01-10T00:06:50+01:00\"}\n";
    edit(&mut world, "- name: b\n", window);
    world.run_for(2_000);
    assert_eq!(world.now, 4_000);
    assert!(drained(&world).is_empty());
    world.run_for(1_250);
    assert_eq!(drained(&world), ["b"]);
    assert!(
        world.control.provider_views(world.now)[1]
            .drain
            .unwrap()
            .window
    );
    world.run_for(5_000);
    assert!(drained(&world).is_empty());
}

#[test]
fn a_canarys_share_is_told_with_the_scores_and_goes_on_after_a_restart_where_it_is_kept() {
    let mut world = served(&["a", "b"]);
    let canary = "- name: m\n    canary: {provider: b, promote: {steps: [1%, 100%], window_s: 1, min_requests: 50, max_error_increase: 10%}}\n";
    edit(&mut world, "- name: m\n", canary);
    world.run_for(500);
    let told = |world: &World| world.scores.as_ref().unwrap().canaries[0].share;
    assert_eq!(told(&world), Share(10_000));
    let records = || {
        let both = (0..60).flat_map(|_| ["a", "b"]);
        both.map(|p| record(vec![attempt(p, "m", Verdict::Ok)]))
            .collect()
    };
    for _ in 0..8 {
        world.sync_with(records());
        world.run_for(250);
    }
    assert_eq!(told(&world), Share::ALL);
    let view = &world.control.canary_views(world.now)[0];
    assert!(
        matches!(view.state, State::Watched | State::Promoted),
        "{view:?}"
    );
    assert!(
        world
            .control
            .act_on_canary("m", Action::Rollback, world.now)
            .is_ok()
    );
    world.sync();
    assert_eq!(told(&world), Share::NONE);
    assert!(
        world
            .control
            .act_on_canary("n", Action::Rollback, world.now)
            .is_err()
    );
    let text = world.control.metrics().encode(std::iter::empty()).unwrap();
    assert!(
        text.contains("ark_canary_state{model=\"m\",state=\"rolled_back\"} 1"),
        "{text}"
    );
    assert!(text.contains("ark_canary_share{model=\"m\"} 0"), "{text}");
    stands_over_restarts(&mut world, canary);
}

/// A canary that was rolled back, from one process to the next.
fn stands_over_restarts(world: &mut World, canary: &str) {
    let told = |world: &World| world.scores.as_ref().unwrap().canaries[0].share;
    let kept = world.control.kept();
    let restart = |world: &mut World| {
        let loaded = Loaded::new(world.control.config.clone());
        world.control = Control::new(setting(), loaded, today());
        world.now = 0;
    };
    restart(world);
    world.run_for(500);
    assert_eq!(
        told(world),
        Share(10_000),
        "nothing was kept: the first step again"
    );
    restart(world);
    world.control.restore(&kept, 0);
    assert_eq!(world.control.kept(), kept);
    world.run_for(500);
    assert_eq!(told(world), Share::NONE, "it was rolled back");
    let view = &world.control.canary_views(world.now)[0];
    assert_eq!((view.state, view.reason), (State::RolledBack, "operator"));
    // Another canary begins anew.
    restart(world);
    edit(world, "- name: m\n", &canary.replace("1%", "2%"));
    world.control.restore(&kept, 0);
    world.run_for(500);
    assert_eq!(told(world), Share(20_000));
}

#[test]
fn a_commanded_drain_outlives_a_restart_where_it_is_kept_and_goes_with_its_provider() {
    let mut world = served(&["a", "b"]);
    world.control.drain("b", true, world.now).unwrap();
    let mut kept = world.control.kept();
    kept.drains.insert("gone".to_owned(), 1);
    let loaded = Loaded::new(world.control.config.clone());
    world.control = Control::new(setting(), loaded, today());
    world.control.restore(&kept, 0);
    world.now = 0;
    world.run_for(500);
    assert_eq!(drained(&world), ["b"]);
    assert_eq!(world.control.kept().drains.len(), 1);
    world.control.drain("b", false, world.now).unwrap();
    assert!(world.control.kept().drains.is_empty());
}
