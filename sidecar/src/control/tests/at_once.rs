//! What a worker says is in the answer that it gets.

use super::*;

fn answered(provider: &str, ttft_ms: u64, count: usize) -> Vec<Record> {
    let mut one = attempt(provider, "m", Verdict::Ok);
    one.ttft_us = Some(ttft_ms * 1_000);
    vec![record(vec![one]); count]
}

#[test]
fn slow_answers_are_in_the_scores_that_their_own_exchange_brings_back() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(2_000);
    world.sync_with(answered("a", 30, 50));
    world.run_for(1_000);
    let told = |world: &World| world.scores.as_ref().unwrap().targets[0].ttft_ms.unwrap();
    assert!(told(&world) < 50.0, "{}", told(&world));
    // No tick in between: the sidecar's own next look is up to 250 ms away.
    world.now += 110;
    let brought = world.sync_with(answered("a", 300, 50));
    assert!(brought.scores.is_some());
    assert!(told(&world) > 250.0, "{}", told(&world));
    // At once, but not all the time.
    world.now += 10;
    let brought = world.sync_with(answered("b", 300, 50));
    assert!(brought.scores.is_none());
}

/// One provider is one endpoint in one region, so what is known of a region is known of no other.
#[test]
fn regions_of_a_vendor_are_told_apart() {
    let yaml = config_yaml(&["a-east", "a-west"])
        .replace("- name: a-east\n", "- name: a-east\n    region: us-east\n")
        .replace("- name: a-west\n", "- name: a-west\n    region: us-west\n");
    let mut world = World::new(&["a-east", "a-west"]);
    let config = config::parse(&yaml).unwrap();
    world.control.replace_config(Loaded::new(config), 0);
    world.run_for(2_000);
    let mut failed = attempt("a-west", "m", Verdict::ServerError);
    failed.ttft_us = None;
    world.sync_with(vec![record(vec![failed]); 5]);
    world.sync_with(answered("a-east", 30, 50));
    world.run_for(500);
    let view = serde_json::to_value(world.control.scores_view(world.now)).unwrap();
    let target = |n: usize| &view["targets"][n];
    for (n, region, circuit, judged) in [(0, "us-east", None, 50), (1, "us-west", Some("open"), 5)]
    {
        assert_eq!(target(n)["region"], region);
        assert_eq!(target(n)["told"]["circuit"].as_str(), circuit);
        assert_eq!(target(n)["attempts"]["judged"], judged);
    }
}
