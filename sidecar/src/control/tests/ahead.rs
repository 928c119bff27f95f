//! What providers say of their limits, what is to come, and probes.

use ark_gateway_core::circuit::Circuit;
use ark_gateway_core::record::{Allowance, Outcome, RateLimits, Usage, UsageSource};

use super::*;
use crate::probing::PROBER;

fn limited(remaining: u64, reset_ms: u64) -> RateLimits {
    RateLimits {
        requests: Some(Allowance {
            remaining,
            limit: Some(60),
            reset_ms: Some(reset_ms),
        }),
        tokens: None,
    }
}

fn saying(rate_limits: RateLimits) -> Record {
    let mut attempt = attempt("a", "m", Verdict::Ok);
    attempt.rate_limits = Some(rate_limits);
    record(vec![attempt])
}

fn metrics(world: &World) -> String {
    let control = &world.control;
    let metrics = control.metrics();
    metrics.forecasts().show(&control.forecast_view(world.now));
    metrics.encode(control.worker_versions()).unwrap()
}

#[test]
fn a_provider_that_has_nothing_left_is_full_until_its_reset() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(10_000);
    // The record comes half a second after the answer's head.
    world.sync_with(vec![saying(limited(0, 5_000))]);
    world.run_for(250);
    let metered = |world: &World| {
        let targets = &world.scores.as_ref().unwrap().targets;
        (targets[0].metered, targets[1].metered)
    };
    assert_eq!(metered(&world), (Some(1.0), None));
    let view = serde_json::to_value(world.control.forecast_view(world.now)).unwrap();
    assert_eq!(view["told"][0]["provider"], "a");
    assert_eq!(view["told"][0]["requests"]["remaining"], 0);
    assert_eq!(view["providers"][0]["headroom"], 0.0);
    assert!(metrics(&world).contains("ark_provider_headroom_ratio{provider=\"a\"} 0.0\n"));
    world.run_for(4_000);
    assert_eq!(metered(&world).0, Some(1.0));
    world.run_for(750);
    assert_eq!(metered(&world).0, None, "whole again");
    assert!(metrics(&world).contains("ark_provider_headroom_ratio{provider=\"a\"} 1.0\n"));
}

#[test]
fn no_word_of_a_provider_holds_for_longer_than_a_minute() {
    let mut world = World::new(&["a"]);
    world.run_for(10_000);
    world.sync_with(vec![saying(limited(0, u64::MAX))]);
    world.run_for(59_000);
    assert_eq!(world.control.scores.targets[0].metered, Some(1.0));
    world.run_for(1_000);
    assert_eq!(world.control.scores.targets[0].metered, None);
}

#[test]
fn demand_and_what_is_to_come_are_shown_for_people_and_autoscalers() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(1_000);
    for second in 0..900_u64 {
        let mut asked = record(vec![attempt("a", "m", Verdict::Ok)]);
        asked.usage.input_tokens = 100;
        asked.usage.output_tokens = 0;
        if second % 10 == 9 {
            // What failed was asked for all the same.
            asked.usage = Usage::default();
            asked.usage_source = UsageSource::None;
            asked.outcome = Outcome::Failed;
        }
        world.sync_with(vec![asked]);
        world.now += 1_000;
        world.control.tick(world.now, today());
    }
    let view = serde_json::to_value(world.control.forecast_view(world.now)).unwrap();
    let model = &view["models"][0];
    assert_eq!(
        (&model["model"], model["ahead"][1]["minutes"].as_u64()),
        (&"m".into(), Some(5))
    );
    for ahead in model["ahead"].as_array().unwrap() {
        let expected = ahead["tokens_per_minute"].as_f64().unwrap();
        assert!((5_700.0..6_300.0).contains(&expected), "{ahead}");
        assert!(ahead["errors"]["mape"].as_f64().unwrap() < 0.1, "{ahead}");
    }
    let text = metrics(&world);
    for name in [
        "ark_demand_tokens_per_minute{model=\"m\"} ",
        "ark_forecast_tokens_per_minute{model=\"m\",minutes=\"1\"} ",
        "ark_forecast_upper_tokens_per_minute{model=\"m\",minutes=\"5\"} ",
        "ark_forecast_mape_ratio{model=\"m\",minutes=\"5\"} ",
        "ark_forecast_pinball_tokens{model=\"m\",minutes=\"1\"} ",
        "ark_provider_in_flight{provider=\"a\"} 0\n",
        "ark_provider_in_flight_limit{provider=\"a\"} 1000\n",
        "ark_provider_predicted_headroom_ratio{provider=\"b\"} 1.0\n",
        "ark_provider_forecast_tokens_per_minute{provider=\"a\",minutes=\"1\"} ",
    ] {
        assert!(text.contains(name), "{name} in\n{text}");
    }
}

/// A provider of one's own, `a`, that is probed, and a paid one, `b`, that is not.
fn probed() -> World {
    let yaml = config_yaml(&["a", "b"]).replacen(
        "tier: official",
        "tier: self-hosted\n    probe: {every_s: 10}",
        1,
    );
    let loaded = Loaded::new(config::parse(&yaml).unwrap());
    let mut world = World::new(&["a", "b"]);
    world.control = Control::new(setting(), loaded, today());
    world.run_for(1_000);
    world
}

fn probe_record(verdict: Verdict) -> Record {
    Record {
        tenant: PROBER.to_owned(),
        key: PROBER.to_owned(),
        ..record(vec![attempt("a", "m", verdict)])
    }
}

#[test]
fn only_what_is_to_be_probed_is_and_only_while_nobody_asks_it() {
    let mut world = probed();
    let keys: Vec<_> = world.snapshot.iter().flat_map(|s| &s.keys).collect();
    assert_eq!(
        keys.iter()
            .filter(|key| key.id == PROBER && key.may_pin)
            .count(),
        1
    );
    let probes = world.control.probes(8, world.now);
    assert_eq!(probes.len(), 1);
    let probe = &probes[0];
    assert_eq!(probe.target, ("a".to_owned(), "m".to_owned()));
    assert_eq!(probe.path, "/v1/chat/completions");
    assert_eq!(probe.body["model"], "m");
    assert_eq!(probe.body["max_completion_tokens"], 1);
    assert!(
        world.control.probes(8, world.now).is_empty(),
        "one at a time"
    );
    world.sync_with(vec![probe_record(Verdict::Ok)]);
    world.control.probe_ended(&probe.target, None);
    world.run_for(9_000);
    assert!(world.control.probes(8, world.now).is_empty(), "not yet");
    world.run_for(1_250);
    assert_eq!(world.control.probes(0, world.now).len(), 0, "no room");
    assert_eq!(world.control.probes(8, world.now).len(), 1);
    world
        .control
        .probe_ended(&probe.target, Some("nobody is there"));
    let text = metrics(&world);
    for line in [
        "ark_probes_total{provider=\"a\",result=\"ok\"} 1\n",
        "ark_probes_total{provider=\"a\",result=\"unsent\"} 1\n",
        "ark_probe_cost_micro_usd_total{provider=\"a\"} 7\n",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    assert!(
        !text.contains("ark_requests_total{"),
        "nobody's requests: {text}"
    );
    assert!(!text.contains("ark_cost_micro_usd_total{"), "{text}");
}

#[test]
fn nothing_is_probed_without_the_operators_word() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(60_000);
    assert!(world.control.probes(8, world.now).is_empty());
    let keys: Vec<_> = world.snapshot.iter().flat_map(|s| &s.keys).collect();
    assert!(keys.iter().all(|key| key.id != PROBER), "nor let in");
}

#[test]
fn a_worker_that_does_not_know_the_key_yet_is_waited_for() {
    let mut world = probed();
    let newer = config_yaml(&["a", "b"]).replacen(
        "tier: official",
        "tier: self-hosted\n    region: elsewhere\n    probe: {}",
        1,
    );
    let loaded = Loaded::new(config::parse(&newer).unwrap());
    world.control.replace_config(loaded, world.now);
    assert!(world.control.probes(8, world.now).is_empty());
    world.run_for(500);
    assert_eq!(world.control.probes(8, world.now).len(), 1);
}

#[test]
fn probes_close_a_half_open_circuit_that_nobody_else_would() {
    let mut world = probed();
    world.sync_with(vec![probe_record(Verdict::ServerError); 4]);
    world.run_for(250);
    let circuit = |world: &World| world.control.scores.targets[0].circuit;
    assert_eq!(circuit(&world), Circuit::Open);
    assert!(
        world.control.probes(8, world.now).is_empty(),
        "it cools down"
    );
    world.run_for(2_000);
    assert_eq!(circuit(&world), Circuit::HalfOpen);
    for _ in 0..2 {
        let probes = world.control.probes(8, world.now);
        assert_eq!(probes.len(), 1);
        world.run_for(1_000);
        world.sync_with(vec![probe_record(Verdict::Ok)]);
        world.control.probe_ended(&probes[0].target, None);
    }
    world.run_for(250);
    assert_eq!(circuit(&world), Circuit::Closed);
}
