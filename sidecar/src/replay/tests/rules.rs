//! Policies with rules, in the simulation.

use ark_gateway_core::rules::{CanarySpec, Share, Sticky};

use super::*;

fn canary(share: u32, is_automatic: bool) -> Option<CanarySpec> {
    let target = ark_gateway_core::snapshot::TargetId(0);
    Some(CanarySpec {
        targets: vec![target],
        sticky: Sticky::Tenant,
        share: Share(share),
        is_automatic,
        salt: 1,
    })
}

#[test]
fn a_canary_gets_its_share_and_the_others_do_not_oscillate_for_it() {
    for is_automatic in [false, true] {
        let mut scene = Scene::new(200.0, 200.0);
        for name in NAMES {
            scene.nature(name).capacity = 60;
        }
        // The dearest, which nothing else would give such a share.
        scene.snapshot.models[0].rules.canary = canary(200_000, is_automatic);
        let played = scene.play();
        let share = played.share(0, 20.0, 200.0);
        assert!((0.17..0.23).contains(&share), "{share}");
        assert_eq!(played.errors(), 0);
        let index = played.tally.oscillation();
        assert!(index < 0.06, "{index}");
    }
}

#[test]
fn weights_split_the_load_and_leave_out_what_is_down() {
    let mut scene = Scene::new(100.0, 120.0);
    scene.snapshot.models[0].rules.weights = vec![50, 30, 20];
    scene.down("dear", 60.0, 100.0, Down::Error);
    let played = scene.play();
    for (target, expected) in [(0, 0.5), (1, 0.3), (2, 0.2)] {
        let share = played.share(target, 0.0, 60.0);
        assert!((share - expected).abs() < 0.03, "{target}: {share}");
    }
    assert_eq!(played.errors(), 0);
    // A split does not explore: what is half open is drawn as the weights say.
    let down = played.share(0, 63.0, 100.0);
    assert!(down < 0.25, "{down}");
}

#[test]
fn a_fallback_model_carries_what_its_model_cannot() {
    let mut scene = Scene::new(50.0, 60.0);
    let mut other = scene.snapshot.models[0].clone();
    other.name = "other".to_owned();
    other.targets = scene.snapshot.models[0].targets.split_off(1);
    scene.snapshot.models[0].rules.fallback = vec![ModelId(1)];
    scene.snapshot.models.push(other);
    scene.down("dear", 20.0, 60.0, Down::Refuse);
    let played = scene.play();
    let own = played.share(0, 0.0, 20.0);
    assert!((own - 1.0).abs() < f64::EPSILON, "{own}");
    assert_eq!(played.errors(), 0);
    assert!(played.share(0, 25.0, 60.0) < 0.1);
}

#[test]
fn a_drained_provider_loses_its_load_and_gets_it_back() {
    let mut scene = Scene::new(100.0, 120.0);
    let mut drained = scene.snapshot.clone();
    drained.providers[CHEAP].drained = true;
    drained.version.0 = "drained".to_owned();
    scene.change = Some(Change {
        at: 60_000_000,
        snapshot: drained,
    });
    let played = scene.play();
    assert!(played.share(CHEAP, 40.0, 60.0) > 0.5);
    let left = played.share(CHEAP, 61.0, 120.0);
    assert!(left == 0.0, "{left}");
    assert_eq!(played.errors(), 0);
}
