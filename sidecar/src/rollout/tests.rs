use super::*;

/// Envoy and one worker, as the state machine sees them.
#[derive(Default)]
struct World {
    rollout: Rollout<String>,
    clusters: BTreeMap<String, String>,
    routes: BTreeSet<String>,
    worker: BTreeSet<String>,
    worker_known: bool,
    envoy_heard: bool,
    now: Ms,
}

impl World {
    fn new() -> Self {
        Self {
            envoy_heard: true,
            worker_known: true,
            ..Self::default()
        }
    }

    /// `a`, or `a=wire` for one with another wire format.
    fn want(&mut self, names: &[&str]) {
        let wanted = names.iter().map(|name| {
            let (name, wire) = name.split_once('=').unwrap_or((name, "openai"));
            let wanted = Wanted {
                config: format!("{name} {wire}"),
                wire: wire.to_owned(),
            };
            (name.to_owned(), wanted)
        });
        self.rollout.want(wanted.collect());
    }

    fn envoy_takes_clusters(&mut self) {
        self.clusters = self
            .rollout
            .clustered()
            .map(|(name, wire, _)| (name.clone(), wire.clone()))
            .collect();
    }

    fn envoy_takes_routes(&mut self) {
        self.routes = self.rollout.routed();
    }

    fn worker_takes_snapshot(&mut self) {
        self.worker = self.rollout.usable();
    }

    fn after(&mut self, ms: Ms) -> bool {
        self.now += ms;
        let listed = self.clusters.keys().cloned().collect();
        let workers = [self.worker_known.then_some(&self.worker)];
        let facts = Facts {
            clusters: self.envoy_heard.then_some(&self.clusters),
            listed: self.envoy_heard.then_some(&listed),
            routes: self.envoy_heard.then_some(&self.routes),
            workers: &workers,
        };
        self.rollout.progress(&facts, self.now)
    }

    /// Everything settles: Envoy and the worker take whatever they are given.
    fn settle(&mut self) {
        for _ in 0..40 {
            self.envoy_takes_clusters();
            self.envoy_takes_routes();
            self.worker_takes_snapshot();
            self.after(500);
        }
    }

    fn check(&self, clusters: &str, routes: &str, snapshot: &str) {
        let join = |names: Vec<String>| names.join(" ");
        let clustered = self
            .rollout
            .clustered()
            .map(|(name, _, _)| name.clone())
            .collect();
        assert_eq!(join(clustered), clusters, "clusters");
        assert_eq!(
            join(self.rollout.routed().into_iter().collect()),
            routes,
            "routes"
        );
        assert_eq!(
            join(self.rollout.usable().into_iter().collect()),
            snapshot,
            "snapshot"
        );
    }
}

#[test]
fn a_provider_joins_the_snapshot_after_its_cluster_and_its_route() {
    let mut world = World::new();
    world.want(&["a", "b"]);
    world.check("a b", "a b", "");
    world.after(5_000);
    world.check("a b", "a b", "");
    world.envoy_takes_clusters();
    world.after(1);
    world.check("a b", "a b", "");
    world.envoy_takes_routes();
    assert!(world.after(1));
    world.check("a b", "a b", "a b");
    assert!(!world.after(1), "nothing moves any more");

    world.want(&["a", "b", "c"]);
    world.envoy_takes_routes();
    world.after(60_000);
    world.check("a b c", "a b c", "a b");
    assert_eq!(world.rollout.state("c"), Some(State::PendingCluster));
}

#[test]
fn a_provider_leaves_the_snapshot_then_the_routes_then_the_clusters() {
    let mut world = World::new();
    world.want(&["a", "b"]);
    world.settle();
    world.want(&["a"]);
    world.check("a b", "a b", "a");
    world.after(60_000);
    world.check("a b", "a b", "a");
    world.worker_takes_snapshot();
    world.after(1);
    world.after(DRAIN_MS - 1);
    world.check("a b", "a b", "a");
    world.after(1);
    world.check("a b", "a", "a");
    assert_eq!(world.rollout.state("b"), Some(State::Leaving));
    world.after(GIVE_UP_MS - 1);
    world.check("a b", "a", "a");
    world.envoy_takes_routes();
    world.after(0);
    world.check("a", "a", "a");
    world.after(1);
    assert_eq!(world.rollout.state("b"), None);
}

#[test]
fn a_worker_that_takes_an_old_snapshot_again_starts_the_drain_anew() {
    let mut world = World::new();
    world.want(&["a", "b"]);
    world.settle();
    world.want(&["a"]);
    world.worker_takes_snapshot();
    world.after(1);
    world.worker.insert("b".to_owned());
    world.after(DRAIN_MS);
    world.worker_takes_snapshot();
    world.after(1);
    world.after(DRAIN_MS - 1);
    world.check("a b", "a b", "a");
    world.worker_known = false;
    world.after(DRAIN_MS);
    world.check("a b", "a b", "a");
}

#[test]
fn a_provider_that_comes_back_while_it_drains_is_never_out_of_envoy() {
    let mut world = World::new();
    world.want(&["a", "b"]);
    world.settle();
    world.want(&["a"]);
    world.worker_takes_snapshot();
    world.after(1_000);
    world.want(&["a", "b"]);
    world.check("a b", "a b", "a");
    world.after(1);
    world.check("a b", "a b", "a b");
}

#[test]
fn another_endpoint_is_updated_in_place_and_another_wire_format_leaves_and_joins_again() {
    let mut world = World::new();
    world.want(&["a", "b"]);
    world.settle();
    let wanted = |config: &str, wire: &str| Wanted {
        config: config.into(),
        wire: wire.into(),
    };
    let mut names = BTreeMap::from([
        ("a".to_owned(), wanted("elsewhere", "openai")),
        ("b".to_owned(), wanted("b openai", "openai")),
    ]);
    world.rollout.want(names.clone());
    world.check("a b", "a b", "a b");
    assert_eq!(world.rollout.given("a").unwrap(), "elsewhere");

    names.insert("a".to_owned(), wanted("a azure", "azure"));
    world.rollout.want(names);
    world.check("a b", "a b", "b");
    assert_eq!(
        world.rollout.given("a").unwrap(),
        "elsewhere",
        "the old one drains first"
    );
    world.worker_takes_snapshot();
    world.after(1);
    world.after(DRAIN_MS);
    world.check("a b", "b", "b");
    world.envoy_takes_routes();
    world.after(1);
    world.check("b", "b", "b");
    world.after(1);
    world.check("b", "b", "b");
    world.envoy_takes_clusters();
    world.after(1);
    world.check("a b", "a b", "b");
    assert_eq!(world.rollout.given("a").unwrap(), "a azure");
    world.settle();
    world.check("a b", "a b", "a b");
}

#[test]
fn a_cluster_of_an_older_form_confirms_nothing() {
    let mut world = World::new();
    world.want(&["a=azure"]);
    world.clusters = BTreeMap::from([("a".to_owned(), "openai".to_owned())]);
    world.envoy_takes_routes();
    world.after(1);
    world.check("a", "a", "");
}

#[test]
fn an_envoy_that_went_away_takes_nothing_from_the_snapshot_and_holds_up_no_removal() {
    let mut world = World::new();
    world.want(&["a", "b"]);
    world.settle();
    world.envoy_heard = false;
    world.after(60_000);
    world.check("a b", "a b", "a b");
    world.want(&["a"]);
    world.worker_takes_snapshot();
    world.after(1);
    world.after(DRAIN_MS);
    world.check("a b", "a", "a");
    world.after(GIVE_UP_MS);
    world.check("a", "a", "a");
}

#[test]
fn what_a_worker_already_runs_needs_no_confirmation() {
    let mut world = World::new();
    world.want(&["a", "b"]);
    world.rollout.adopt();
    world.check("a b", "a b", "a b");
}

mod any_history {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Want(Vec<&'static str>),
        Clusters,
        Routes,
        Worker,
        Pass(Ms),
    }

    fn step() -> impl Strategy<Value = Step> {
        let names = prop::sample::subsequence(vec!["a", "b", "c=x"], 0..=3);
        prop_oneof![
            names.prop_map(Step::Want),
            Just(Step::Want(vec!["a=y", "c"])),
            Just(Step::Clusters),
            Just(Step::Routes),
            Just(Step::Worker),
            (1_u64..3_000).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn a_worker_never_has_a_provider_that_envoy_lacks(
            steps in prop::collection::vec(step(), 1..80)
        ) {
            let mut world = World::new();
            for step in steps {
                match step {
                    Step::Want(names) => world.want(&names),
                    Step::Clusters => world.envoy_takes_clusters(),
                    Step::Routes => world.envoy_takes_routes(),
                    Step::Worker => world.worker_takes_snapshot(),
                    Step::Pass(ms) => { world.after(ms); }
                }
                for name in &world.worker {
                    prop_assert!(world.clusters.contains_key(name), "{} has no cluster", name);
                    prop_assert!(world.routes.contains(name), "{} has no route", name);
                }
            }
            world.want(&["b"]);
            world.settle();
            world.check("b", "b", "b");
        }
    }
}
