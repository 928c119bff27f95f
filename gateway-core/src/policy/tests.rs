use super::*;
use crate::testing::{DEMO_KEY, demo};

#[test]
fn a_key_is_found_by_its_secret_only() {
    let policy = Policy::new(demo()).unwrap();
    let (_, key) = policy.key_for(DEMO_KEY.as_bytes()).unwrap();
    assert_eq!(key.id, "demo");
    for wrong in ["", "ark-dem", "ark-demo ", "ARK-DEMO"] {
        assert!(policy.key_for(wrong.as_bytes()).is_none(), "{wrong}");
    }
    let digest = key.sha256.clone();
    assert!(
        policy.key_for(digest.as_bytes()).is_none(),
        "a digest is no key"
    );
}

#[test]
fn a_snapshot_that_contradicts_itself_is_refused() {
    let mut bad = demo();
    bad.keys[0].sha256 = "zz".repeat(32);
    assert_eq!(Policy::new(bad).unwrap_err(), BadSnapshot::Digest);
    let mut bad = demo();
    bad.models[0].targets.push(TargetId(99));
    assert_eq!(Policy::new(bad).unwrap_err(), BadSnapshot::Reference);
    let mut bad = demo();
    bad.targets[0].provider = ProviderId(99);
    assert_eq!(Policy::new(bad).unwrap_err(), BadSnapshot::Reference);
}

#[test]
fn a_key_sees_only_its_models() {
    let policy = Policy::new(demo()).unwrap();
    let names = |index: u32| -> Vec<String> {
        let key = policy.key(index).unwrap();
        policy.models_of(key).map(|m| m.name.clone()).collect()
    };
    assert_eq!(names(0), ["big", "small"]);
    assert_eq!(names(1), ["small"]);
}
