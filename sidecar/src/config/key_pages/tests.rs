use proptest::prelude::*;

use super::*;
use crate::config::parse;

/// A digest that begins with all of `number`, so that keys are in many pages.
fn sha256(number: u16) -> String {
    let mixed = number.wrapping_mul(40_503);
    format!("{mixed:04x}{number:04x}").repeat(8)
}

fn config(more: &str) -> Config {
    let text = format!(
        "{more}
version: 1
providers: [{{name: a, kind: openai, tier: official}}]
models:
  - {{name: m, targets: [{{provider: a, model: x}}]}}
  - {{name: n, targets: [{{provider: a, model: y}}]}}
tenants:
  - {{name: t, keys: [{{id: first, sha256: \"{}\", models: [m]}}]}}
  - {{name: u, keys: [{{id: last, sha256: \"{}\", models: [\"*\"]}}]}}
",
        sha256(1),
        sha256(2)
    );
    parse(&text).unwrap()
}

fn another(config: &Config, number: u16) -> Arc<KeyConfig> {
    Arc::new(KeyConfig {
        id: format!("key-{number}"),
        sha256: sha256(number),
        ..KeyConfig::clone(&config.tenants[0].keys[0])
    })
}

#[derive(Clone, Debug)]
enum Step {
    Add(usize, u16),
    Remove(usize, prop::sample::Index),
    Expire(usize, prop::sample::Index),
    Drain,
    Store,
    Model,
}

fn step() -> impl Strategy<Value = Step> {
    let at = any::<prop::sample::Index>();
    prop_oneof![
        6 => (0usize..2, 3u16..).prop_map(|(t, n)| Step::Add(t, n)),
        3 => (0usize..2, at.clone()).prop_map(|(t, at)| Step::Remove(t, at)),
        3 => (0usize..2, at).prop_map(|(t, at)| Step::Expire(t, at)),
        1 => Just(Step::Drain),
        1 => Just(Step::Store),
        1 => Just(Step::Model),
    ]
}

fn change(config: &mut Config, step: Step) {
    match step {
        Step::Add(tenant, number) => {
            let key = another(config, number);
            config.tenants[tenant].keys.push(key);
        }
        Step::Remove(tenant, at) => {
            let keys = &mut config.tenants[tenant].keys;
            // The first one is the one that a limit names.
            if keys.len() > 1 {
                keys.remove(1 + at.index(keys.len() - 1));
            }
        }
        Step::Expire(tenant, at) => {
            let keys = &mut config.tenants[tenant].keys;
            let at = at.index(keys.len());
            Arc::make_mut(&mut keys[at]).expires_at_s = Some(7);
        }
        Step::Drain => config.providers[0].drain = crate::config::DrainConfig::Always,
        Step::Store => config.tenants[1].may_store ^= true,
        Step::Model => {
            let mut more = config.models[0].clone();
            more.name = format!("a{}", config.models.len());
            config.models.push(more);
        }
    }
}

const NAMED: &str =
    "limits: [{name: of-last, per: [key], of: requests, limit: 5, window: minute, keys: [last]}]";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever changed, and in whichever order: what is compiled anew in part is what is compiled whole.
    #[test]
    fn what_is_kept_is_what_would_be_made(
        many in 0u16..900,
        steps in prop::collection::vec(step(), 0..12),
        is_named: bool,
    ) {
        let mut config = config(if is_named { NAMED } else { "" });
        for number in 0..many {
            let key = another(&config, 100 + number);
            config.tenants[usize::from(number % 2)].keys.push(key);
        }
        let usable = BTreeSet::from(["a".to_owned()]);
        let today = Date::parse("2026-01-01").unwrap();
        let mut pages = KeyPages::default();
        prop_assert_eq!(pages.compile(&config, &usable, today), compile_paged(&config, &usable, today));
        for step in steps {
            change(&mut config, step);
            let whole = compile_paged(&config, &usable, today);
            prop_assert_eq!(pages.compile(&config, &usable, today), whole);
        }
    }
}

#[test]
fn a_change_of_one_key_makes_one_page_anew() {
    let mut config = config("");
    for number in 0..2_000 {
        let key = another(&config, 100 + number);
        config.tenants[0].keys.push(key);
    }
    let usable = BTreeSet::from(["a".to_owned()]);
    let today = Date::parse("2026-01-01").unwrap();
    let mut pages = KeyPages::default();
    let before = pages.compile(&config, &usable, today);
    let key = another(&config, 5_000);
    config.tenants[0].keys.push(key);
    let after = pages.compile(&config, &usable, today);
    assert!(before.pages.len() >= 8);
    let kept = before.pages.iter().zip(&after.pages);
    let kept = kept.filter(|(a, b)| Arc::ptr_eq(&a.0, &b.0)).count();
    assert_eq!(kept, before.pages.len() - 1);
    assert_ne!(before.snapshot.version, after.snapshot.version);
}
