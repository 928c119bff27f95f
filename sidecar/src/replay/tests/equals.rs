//! Targets that are as good as each other.

use super::*;

/// Two equals that never fail. Up to the 30th second the first has nearly all of the load, by weight; then
/// the score decides, and nothing explores.
fn equals(priority: Priority) -> Played {
    let mut scene = Scene::new(50.0, 150.0);
    for spec in &mut scene.snapshot.priorities {
        spec.exploration_share = 0.0;
    }
    for target in &mut scene.snapshot.targets {
        target.price = Some(price(100));
    }
    let mut scored = scene.snapshot.clone();
    scored.version.0 = "scored".to_owned();
    scored.models[0].targets.truncate(2);
    scene.snapshot.models[0].targets.truncate(2);
    scene.snapshot.models[0].rules.weights = vec![97, 3];
    scene.change = Some(Change {
        at: 30_000_000,
        snapshot: scored,
    });
    let mut trace = steady(50.0, 150.0);
    for arrival in &mut trace {
        arrival.priority = Some(priority);
    }
    scene.play_trace(Some(trace))
}

#[test]
fn of_two_equals_the_busier_one_is_not_preferred_for_being_better_known() {
    for priority in Priority::ALL {
        let played = equals(priority);
        let before = played.share(0, 5.0, 30.0);
        assert!(before > 0.9, "{priority:?}: {before}");
        for from_s in [50.0, 85.0, 115.0] {
            let share = played.share(0, from_s, from_s + 35.0);
            assert!((0.35..0.65).contains(&share), "{priority:?}: {share}");
        }
        let index = played.tally.oscillation();
        assert!(index < 0.12, "{priority:?}: {index}");
        assert_eq!(played.errors(), 0);
    }
}
