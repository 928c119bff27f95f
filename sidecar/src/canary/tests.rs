use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::record::Verdict;

use super::compare::Finding;
use super::*;
use crate::testing::{attempt, config_yaml, record};

/// `m` at `old` and, as a canary, at `new`.
fn config(canary: &str) -> Config {
    let yaml = config_yaml(&["old", "new"]);
    let model = "  - name: m\n";
    let with = format!("{model}    canary: {canary}\n");
    crate::config::parse(&yaml.replace(model, &with)).unwrap()
}

const AUTOMATIC: &str = "{provider: new, promote: {steps: [10%, 50%, 100%], window_s: 10, min_requests: 100, \
     max_error_increase: 3%}}";

struct World {
    canaries: Canaries,
    now: Ms,
    moves: Vec<Move>,
}

/// What a provider does with a request.
#[derive(Clone, Copy)]
struct Does {
    fails_every: u64,
    ttft_us: u64,
    cost: Option<u64>,
}

const WELL: Does = Does {
    fails_every: u64::MAX,
    ttft_us: 200_000,
    cost: Some(100),
};

impl World {
    fn new(canary: &str) -> Self {
        let mut canaries = Canaries::default();
        canaries.configure(&config(canary), 0);
        let (now, moves) = (0, Vec::new());
        Self {
            canaries,
            now,
            moves,
        }
    }

    /// Twenty requests at each provider that does something, each quarter of a second.
    fn run_for(&mut self, ms: Ms, old: Option<Does>, new: Option<Does>) {
        for _ in 0..ms / 250 {
            self.now += 250;
            for (provider, does) in [("old", old), ("new", new)] {
                for n in 0..20 {
                    if let Some(does) = does {
                        self.canaries.observe(
                            &record_of(provider, does, self.now / 250 * 20 + n),
                            self.now,
                        );
                    }
                }
            }
            self.moves.extend(self.canaries.tick(self.now));
        }
    }

    fn view(&self) -> CanaryView {
        self.canaries.views(self.now).remove(0)
    }

    fn share(&self) -> u32 {
        self.canaries.share("m").unwrap().0
    }
}

fn record_of(provider: &str, does: Does, n: u64) -> Record {
    let fails = n % does.fails_every == does.fails_every - 1;
    let verdict = if fails {
        Verdict::ServerError
    } else {
        Verdict::Ok
    };
    let mut attempt = attempt(provider, "m", verdict);
    // Every tenth is slower.
    attempt.ttft_us = Some(does.ttft_us * if n.is_multiple_of(10) { 2 } else { 1 });
    let mut record = record(vec![attempt]);
    record.cost = does.cost.map(MicroUsd);
    record
}

#[test]
fn what_proves_itself_goes_up_step_by_step_and_stays_there() {
    let mut world = World::new(AUTOMATIC);
    assert_eq!(world.share(), 100_000, "it begins with the first step");
    world.run_for(9_750, Some(WELL), Some(WELL));
    assert_eq!(
        world.share(),
        100_000,
        "not before it was watched for the window"
    );
    world.run_for(20_500, Some(WELL), Some(WELL));
    assert_eq!(world.share(), 1_000_000);
    // All of the traffic is the canary's: the baseline is what it was.
    world.run_for(20_000, None, Some(WELL));
    assert_eq!(world.view().state, State::Promoted);
    let kinds: Vec<_> = world
        .moves
        .iter()
        .map(|m| (m.kind, m.reason, m.to.0))
        .collect();
    assert_eq!(
        kinds,
        [
            ("promoted", "proved", 500_000),
            ("promoted", "proved", 1_000_000)
        ]
    );
    // And still it is watched.
    let failing = Does {
        fails_every: 3,
        ..WELL
    };
    world.run_for(1_000, None, Some(failing));
    assert_eq!((world.share(), world.view().state), (0, State::RolledBack));
}

#[test]
fn whoever_fails_is_rolled_back_at_once_and_stays_so() {
    let mut world = World::new(AUTOMATIC);
    world.run_for(3_000, Some(WELL), Some(WELL));
    let failing = Does {
        fails_every: 2,
        ..WELL
    };
    world.run_for(750, Some(WELL), Some(failing));
    let [moved] = &world.moves[..] else {
        panic!("{:?}", world.moves);
    };
    assert_eq!(
        (moved.kind, moved.reason, moved.to),
        ("rolled_back", "errors", Share::NONE)
    );
    world.run_for(60_000, Some(WELL), Some(WELL));
    assert_eq!(world.share(), 0, "nothing brings it back but an operator");
    let restarted = world
        .canaries
        .act("m", Action::Restart, world.now)
        .unwrap()
        .unwrap();
    assert_eq!((restarted.kind, restarted.to.0), ("restarted", 100_000));
}

#[test]
fn slower_and_dearer_are_worse_too() {
    for (does, reason) in [
        (
            Does {
                ttft_us: 400_000,
                ..WELL
            },
            "latency",
        ),
        (
            Does {
                cost: Some(150),
                ..WELL
            },
            "cost",
        ),
    ] {
        let mut world = World::new(AUTOMATIC);
        world.run_for(5_000, Some(WELL), Some(does));
        let moved: Vec<_> = world.moves.iter().map(|m| (m.kind, m.reason)).collect();
        assert_eq!(moved, [("rolled_back", reason)]);
    }
    let mut world = World::new(AUTOMATIC);
    let a_little = Does {
        ttft_us: 210_000,
        cost: Some(105),
        ..WELL
    };
    world.run_for(30_000, Some(WELL), Some(a_little));
    assert!(world.share() > 100_000, "{:?}", world.view());
}

#[test]
fn what_is_not_proved_is_held() {
    // As bad as it may just be, or known of nobody: neither up nor down.
    let borderline = Does {
        fails_every: 25,
        ..WELL
    };
    for (old, new) in [
        (Some(WELL), Some(borderline)),
        (Some(WELL), None),
        (None, Some(WELL)),
        (None, None),
    ] {
        let mut world = World::new(AUTOMATIC);
        world.run_for(12_000, old, new);
        assert_eq!(
            (world.share(), world.moves.len()),
            (100_000, 0),
            "{:?}",
            world.view()
        );
    }
}

#[test]
fn an_unknown_cost_proves_nothing_unless_no_cost_is_known() {
    let unpriced = Does { cost: None, ..WELL };
    let mut world = World::new(AUTOMATIC);
    world.run_for(30_000, Some(WELL), Some(unpriced));
    assert_eq!(world.share(), 100_000);
    assert_eq!(world.view().comparison.cost.finding, Finding::Unproved);
    let mut world = World::new(AUTOMATIC);
    world.run_for(30_500, Some(unpriced), Some(unpriced));
    assert_eq!(world.view().comparison.cost.finding, Finding::NotCompared);
    assert_eq!(world.share(), 1_000_000);
}

#[test]
fn a_first_failure_rolls_nothing_back() {
    let mut world = World::new(AUTOMATIC);
    for n in 0..2 {
        let failing = Does {
            fails_every: 1,
            ..WELL
        };
        world.canaries.observe(&record_of("new", failing, n), 1_000);
    }
    assert_eq!(world.canaries.tick(1_000), []);
}

#[test]
fn the_operator_holds_promotes_and_takes_back() {
    let mut world = World::new(AUTOMATIC);
    let act = |world: &mut World, action| {
        let moved = world.canaries.act("m", action, world.now).unwrap();
        moved.map(|m| m.to.0)
    };
    assert_eq!(act(&mut world, Action::Hold), None);
    world.run_for(30_000, Some(WELL), Some(WELL));
    assert_eq!((world.share(), world.view().held), (100_000, true));
    assert_eq!(act(&mut world, Action::Promote), Some(500_000));
    assert_eq!(act(&mut world, Action::Resume), None);
    world.run_for(10_250, Some(WELL), Some(WELL));
    assert_eq!(world.share(), 1_000_000);
    assert_eq!(act(&mut world, Action::Rollback), Some(0));
    assert_eq!(world.view().reason, "operator");
    assert_eq!(
        act(&mut world, Action::Promote),
        Some(100_000),
        "from nothing to the first step"
    );
    assert!(world.canaries.act("other", Action::Hold, 0).is_none());
    let mut fixed = World::new("{provider: new, share: 5%}");
    assert!(
        fixed.canaries.act("m", Action::Promote, 0).is_none(),
        "only the file moves it"
    );
    assert_eq!(fixed.canaries.share("m"), None);
    assert_eq!(fixed.view().state, State::Fixed);
}

#[test]
fn an_edit_keeps_what_is_still_the_same_canary() {
    let mut world = World::new(AUTOMATIC);
    world.run_for(10_000, Some(WELL), Some(WELL));
    assert_eq!(world.share(), 500_000);
    let held = AUTOMATIC
        .replace("promote", "hold: true, promote")
        .replace("window_s: 10", "window_s: 5");
    world.canaries.configure(&config(&held), world.now);
    assert_eq!(
        (world.share(), world.view().held, world.view().window_s),
        (500_000, true, 5)
    );
    world.run_for(20_000, Some(WELL), Some(WELL));
    assert_eq!(world.share(), 500_000);
    let other = AUTOMATIC.replace("10%", "20%");
    world.canaries.configure(&config(&other), world.now);
    assert_eq!(world.share(), 200_000, "other steps: another canary");
    world
        .canaries
        .configure(&config("{provider: new, share: 5%}"), world.now);
    assert_eq!(world.view().state, State::Fixed);
}

#[test]
fn fallbacks_and_the_clients_own_errors_say_nothing_of_a_canary() {
    let mut world = World::new(AUTOMATIC);
    let mut fallback = record_of("new", WELL, 1);
    fallback.fallback = Some("other".to_owned());
    world.canaries.observe(&fallback, 1_000);
    let client = record(vec![attempt("new", "m", Verdict::ClientError)]);
    world.canaries.observe(&client, 1_000);
    assert_eq!(world.view().requests, (0, 0));
}
