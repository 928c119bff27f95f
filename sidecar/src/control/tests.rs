mod rules;

use std::collections::BTreeMap;

use ark_gateway_core::basis::Basis;
use ark_gateway_core::decide::decide;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::record::{Record, Verdict};
use ark_gateway_core::score::ModelScore;
use ark_gateway_core::snapshot::ModelId;

use super::publishing::CONFIRM_ANY_MS;
use super::*;
use crate::config;
use crate::credential::Secret;
use crate::testing::{self, attempt, config_yaml, record, setting};

mod ahead;
mod at_once;
mod handing;

const TODAY: &str = "2026-01-15";

fn today() -> Date {
    Date::parse(TODAY).unwrap()
}

/// The control plane with a scripted Envoy of one worker in front of it.
struct World {
    control: Control,
    now: Ms,
    versions: BTreeMap<Kind, String>,
    snapshot: Option<Snapshot>,
    scores: Option<Scores>,
    clusters: Vec<String>,
    secrets: BTreeMap<String, String>,
    takes_secrets: bool,
}

impl World {
    fn new(providers: &[&str]) -> Self {
        Self {
            control: Control::new(setting(), loaded(providers), today()),
            now: 0,
            versions: BTreeMap::new(),
            snapshot: None,
            scores: None,
            clusters: vec![],
            secrets: BTreeMap::new(),
            takes_secrets: true,
        }
    }

    /// The sidecar is killed and starts again; Envoy and its worker live on.
    fn restart_sidecar(&mut self, providers: &[&str]) {
        self.control = Control::new(setting(), loaded(providers), today());
        self.now = 0;
    }

    fn edit(&mut self, providers: &[&str]) {
        self.control.replace_config(loaded(providers), self.now);
    }

    fn poll(&mut self, kind: Kind) {
        let version = self.versions.entry(kind).or_default();
        let request = DiscoveryRequest {
            version_info: version.clone(),
            ..DiscoveryRequest::default()
        };
        if let Answer::Resources(body) = self.control.discover(kind, &request, self.now) {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            *version = body["version_info"].as_str().unwrap().to_owned();
            if kind == Kind::Clusters {
                let resources = body["resources"].as_array().unwrap();
                let name = |r: &serde_json::Value| r["name"].as_str().unwrap().to_owned();
                self.clusters = resources.iter().map(name).collect();
            }
        }
    }

    fn poll_secrets(&mut self) {
        for name in self.clusters.iter().filter(|_| self.takes_secrets) {
            let version = self.secrets.entry(name.clone()).or_default();
            let request = DiscoveryRequest {
                version_info: version.clone(),
                resource_names: vec![format!("provider/{name}")],
                error_detail: None,
            };
            if let Answer::Resources(body) =
                self.control.discover(Kind::Secrets, &request, self.now)
            {
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                *version = body["version_info"].as_str().unwrap().to_owned();
            }
        }
    }

    fn envoy_polls(&mut self) {
        self.poll_secrets();
        for kind in [Kind::Clusters, Kind::Listeners, Kind::Routes] {
            self.poll(kind);
        }
        let listed = self.clusters.iter().cloned().collect();
        self.control.envoy_mut().set_listed(listed, self.now);
        self.control.tick(self.now, today());
    }

    fn sync_with(&mut self, records: Vec<Record>) -> SyncResponse {
        let request = SyncRequest {
            worker: "w1".to_owned(),
            snapshot: self.snapshot.as_ref().map(|s| s.version.clone()),
            scores: self.scores.as_ref().map_or(0, |s| s.sequence),
            records,
            ..SyncRequest::default()
        };
        let response = self.control.sync(request, self.now).unwrap();
        if let Some(snapshot) = &response.snapshot {
            self.snapshot = Some(snapshot.clone());
        }
        if let Some(scores) = &response.scores {
            self.scores = Some(scores.clone());
        }
        response
    }

    fn sync(&mut self) -> SyncResponse {
        self.sync_with(vec![])
    }

    /// Everyone does what they do every 250 ms.
    fn run_for(&mut self, ms: Ms) {
        for _ in 0..ms / 250 {
            self.now += 250;
            self.envoy_polls();
            self.sync();
            for provider in self.served() {
                assert!(
                    self.clusters.contains(&provider),
                    "{provider} has no cluster"
                );
            }
        }
    }

    fn served(&self) -> Vec<String> {
        let snapshot = self.snapshot.as_ref();
        snapshot
            .map(|s| s.providers.iter().map(|p| p.name.clone()).collect())
            .unwrap_or_default()
    }
}

fn loaded(providers: &[&str]) -> Loaded {
    Loaded::new(config::parse(&config_yaml(providers)).unwrap())
}

#[test]
fn a_fresh_start_hands_out_nothing_before_envoy_has_the_clusters() {
    let mut world = World::new(&["a", "b"]);
    assert_eq!(world.sync(), SyncResponse::default());
    world.envoy_polls();
    assert_eq!(world.sync(), SyncResponse::default(), "given is not taken");
    world.now = 250;
    world.envoy_polls();
    let response = world.sync();
    assert_eq!(world.served(), ["a", "b"]);
    let scores = response.scores.unwrap();
    assert_eq!(scores.snapshot, response.snapshot.unwrap().version);
    assert_eq!(scores.targets.len(), 2);
    assert_eq!(
        world.sync(),
        SyncResponse::default(),
        "and is quiet from then on"
    );
    assert!(world.control.readiness(world.now).ready);
}

#[test]
fn providers_come_and_go_within_two_seconds_and_five_without_a_gap() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(1_000);
    world.edit(&["a", "b", "c"]);
    world.run_for(1_000);
    assert_eq!(world.served(), ["a", "b", "c"]);
    world.edit(&["a"]);
    world.run_for(250);
    assert_eq!(world.served(), ["a"]);
    assert_eq!(
        world.clusters,
        ["a", "b", "c", "ark-hedge"],
        "still there for what is on its way"
    );
    world.run_for(4_000);
    assert_eq!(world.clusters, ["a", "ark-hedge"]);
}

#[test]
fn a_sidecar_that_comes_back_changes_nothing_for_a_worker_that_runs_the_same_file() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(1_000);
    let before = world.snapshot.clone().unwrap();
    world.restart_sidecar(&["a", "b"]);
    let response = world.sync();
    assert_eq!(response.snapshot, None);
    world.run_for(10_000);
    assert_eq!(world.snapshot.unwrap(), before);
}

#[test]
fn a_sidecar_that_comes_back_to_another_file_waits_for_envoy_before_it_takes_targets_away() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(1_000);
    world.restart_sidecar(&["a", "b", "c"]);
    for now in [0, 1_000, 2_999, 3_000, 9_999] {
        world.now = now;
        world.control.tick(now, today());
        assert_eq!(world.sync(), SyncResponse::default(), "at {now}");
    }
    world.run_for(1_000);
    assert_eq!(world.served(), ["a", "b", "c"]);
}

#[test]
fn the_gateway_does_not_wait_for_ever() {
    let mut world = World::new(&["a", "b"]);
    world.sync();
    world.now = CONFIRM_ANY_MS;
    world.control.tick(world.now, today());
    world.sync();
    assert!(world.snapshot.is_some());
    assert_eq!(world.served(), [""; 0]);
}

#[test]
fn a_restarted_envoy_keeps_the_snapshot_and_is_not_ready_until_it_has_everything_again() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(1_000);
    let version = world.snapshot.clone().unwrap().version;
    world.versions.clear();
    world.poll(Kind::Clusters);
    assert!(!world.control.readiness(world.now).ready);
    assert_eq!(world.sync(), SyncResponse::default());
    world.snapshot = None;
    world.run_for(1_000);
    assert_eq!(world.snapshot.unwrap().version, version);
}

#[test]
fn a_bad_edit_changes_nothing_and_shows() {
    let mut world = World::new(&["a"]);
    world.run_for(1_000);
    let problems = vec!["models[0]: no".to_owned()];
    world.control.reject_config(BadEdit {
        at_unix_ms: 5,
        problems,
    });
    assert_eq!(world.sync(), SyncResponse::default());
    let view = serde_json::to_value(world.control.config_view(world.now)).unwrap();
    assert_eq!(view["bad_edit"]["problems"][0], "models[0]: no");
    assert_eq!(view["targets"][0]["state"], "active");
    assert_eq!(view["workers"]["w1"]["snapshot"], view["snapshot"]);
    world.edit(&["a"]);
    let view = serde_json::to_value(world.control.config_view(world.now)).unwrap();
    assert_eq!(view["bad_edit"], serde_json::Value::Null);
}

#[test]
fn a_provider_without_its_credential_is_not_used_and_a_lost_one_is_kept_where_it_goes() {
    let with = |credential: Result<Option<Secret>, String>, port: u16| {
        let yaml = config_yaml(&["a", "b"]).replace(
            "9101/v1",
            &format!("{port}/v1\n    credential: {{env: SOME_KEY}}"),
        );
        let config = config::parse(&yaml).unwrap();
        let credentials =
            BTreeMap::from([("a".to_owned(), credential), ("b".to_owned(), Ok(None))]);
        Loaded {
            config,
            credentials,
            material: crate::material::Material::default(),
        }
    };
    let mut world = World::new(&[]);
    world
        .control
        .replace_config(with(Err("not set".to_owned()), 9101), 0);
    world.run_for(1_000);
    assert_eq!(world.served(), ["b"]);
    let view = serde_json::to_value(world.control.config_view(world.now)).unwrap();
    assert_eq!(view["targets"][0]["state"], "no_credential");
    assert_eq!(view["targets"][0]["credential_problem"], "not set");

    let secret = || Secret::new("canary".to_owned());
    world
        .control
        .replace_config(with(Ok(Some(secret())), 9101), world.now);
    world.run_for(1_000);
    assert_eq!(world.served(), ["a", "b"]);
    world
        .control
        .replace_config(with(Err("gone".to_owned()), 9101), world.now);
    world.run_for(5_000);
    assert_eq!(world.served(), ["a", "b"], "the last good one still works");
    world
        .control
        .replace_config(with(Err("gone".to_owned()), 9199), world.now);
    world.run_for(5_000);
    assert_eq!(world.served(), ["b"], "it is not sent to another place");

    let ask = DiscoveryRequest {
        resource_names: vec!["provider/a".to_owned()],
        ..DiscoveryRequest::default()
    };
    let answer = world.control.discover(Kind::Secrets, &ask, world.now);
    assert_eq!(answer, Answer::Unchanged, "and not kept at hand");
    for view in [
        serde_json::to_string(&world.control.config_view(world.now)).unwrap(),
        serde_json::to_string(&world.control.readiness(world.now)).unwrap(),
        serde_json::to_string(&world.control.scores_view(world.now)).unwrap(),
    ] {
        assert!(!view.contains("canary"));
    }
}

/// Provider `a` has its credential from a command, `b` wants none.
fn with_command() -> Loaded {
    let command = "9101/v1\n    credential: {command: [/bin/token], refresh_s: 60}";
    let yaml = config_yaml(&["a", "b"]).replace("9101/v1", command);
    Loaded::new(config::parse(&yaml).unwrap())
}

fn argv() -> Argv {
    vec!["/bin/token".to_owned()]
}

fn token(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text.to_owned()))
}

impl World {
    fn secret_of_a(&mut self) -> Option<String> {
        let ask = DiscoveryRequest {
            resource_names: vec!["provider/a".to_owned()],
            ..DiscoveryRequest::default()
        };
        match self.control.discover(Kind::Secrets, &ask, self.now) {
            Answer::Unchanged => None,
            Answer::Resources(body) => {
                let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let secret = &body["resources"][0]["generic_secret"]["secret"]["inline_string"];
                Some(secret.as_str().unwrap().to_owned())
            }
        }
    }

    fn problem_of_a(&self) -> serde_json::Value {
        let view = serde_json::to_value(self.control.config_view(self.now)).unwrap();
        view["targets"][0]["credential_problem"].clone()
    }
}

#[test]
fn a_provider_serves_once_its_command_has_printed_a_credential() {
    let mut world = World::new(&[]);
    world.control.replace_config(with_command(), 0);
    let commands = world.control.commands();
    assert_eq!(commands, BTreeMap::from([(argv(), 60)]));
    world.run_for(5_000);
    assert_eq!(world.served(), ["b"]);
    assert_eq!(world.problem_of_a(), "its command has not ended yet");
    assert!(
        world.clusters.contains(&"a".to_owned()),
        "Envoy is prepared"
    );

    world
        .control
        .command_ended(&argv(), token("first"), world.now);
    world.run_for(1_000);
    assert_eq!(world.served(), ["a", "b"]);
    assert_eq!(world.problem_of_a(), serde_json::Value::Null);

    let failed = || Err("it is broken".to_owned());
    world.control.command_ended(&argv(), failed(), world.now);
    world.run_for(5_000);
    assert_eq!(world.served(), ["a", "b"], "the last one stays");
    assert_eq!(world.secret_of_a().as_deref(), Some("first"));
    assert_eq!(world.problem_of_a(), "it is broken");
    let metrics = world.control.metrics().encode(std::iter::empty()).unwrap();
    let count = "credential_errors_total{provider=\"a\",reason=\"command\"} 1";
    assert!(metrics.contains(count), "{metrics}");

    // Another edit of the file takes nothing away.
    world.control.replace_config(with_command(), world.now);
    assert_eq!(world.secret_of_a().as_deref(), Some("first"));
    world
        .control
        .command_ended(&argv(), token("second"), world.now);
    assert_eq!(world.secret_of_a().as_deref(), Some("second"));
    assert_eq!(world.served(), ["a", "b"]);

    world.control.replace_config(loaded(&["b"]), world.now);
    world.run_for(10_000);
    world
        .control
        .command_ended(&argv(), token("third"), world.now);
    assert_eq!(world.secret_of_a(), None, "nobody wants it any more");
}

#[test]
fn a_command_that_never_worked_leaves_its_provider_out_until_it_does() {
    let mut world = World::new(&[]);
    world.control.replace_config(with_command(), 0);
    let failed = Err("it is broken".to_owned());
    world.control.command_ended(&argv(), failed, 0);
    world.run_for(5_000);
    assert_eq!(world.served(), ["b"]);
    assert!(!world.clusters.contains(&"a".to_owned()));
    world
        .control
        .command_ended(&argv(), token("first"), world.now);
    world.run_for(5_000);
    assert_eq!(world.served(), ["a", "b"]);
}

/// Envoy still has the credential that the sidecar before this one gave it.
#[test]
fn a_restarted_sidecar_takes_nothing_from_envoy_while_a_command_runs() {
    let mut world = World::new(&[]);
    world.control.replace_config(with_command(), 0);
    world.control.command_ended(&argv(), token("first"), 0);
    world.run_for(5_000);
    assert_eq!(world.served(), ["a", "b"]);
    world.control = Control::new(setting(), with_command(), today());
    world.now = 0;
    for _ in 0..40 {
        world.run_for(250);
        assert_eq!(world.served(), ["a", "b"]);
        assert!(world.clusters.contains(&"a".to_owned()));
    }
    world
        .control
        .command_ended(&argv(), token("second"), world.now);
    world.run_for(1_000);
    assert_eq!(world.secret_of_a().as_deref(), Some("second"));
    assert_eq!(world.served(), ["a", "b"]);
}

#[test]
fn records_become_scores_within_a_tick_and_stale_ones_are_explored() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(1_000);
    let sequence = world.scores.clone().unwrap().sequence;
    let records = vec![record(vec![attempt("a", "m", Verdict::Ok)]); 50];
    world.sync_with(records);
    world.run_for(250);
    let scores = world.scores.clone().unwrap();
    assert!(scores.sequence > sequence);
    let seen = scores.targets[0].ttft_ms.unwrap();
    assert!((97.0..103.0).contains(&seen), "{seen}");
    assert_eq!(scores.targets[1].ttft_ms, None);
    let view = serde_json::to_value(world.control.scores_view(world.now)).unwrap();
    assert_eq!(view["targets"][0]["models"], serde_json::json!(["m"]));
    assert_eq!(view["targets"][0]["attempts"]["by_verdict"]["ok"], 50);
    assert_eq!(
        view["targets"][0]["told"],
        serde_json::to_value(scores.targets[0]).unwrap()
    );
    assert!(scores.targets[0].explore.abs() < f32::EPSILON);
    let learnt = ModelScore {
        output_tokens: Some(21),
        long_output_tokens: Some(21),
    };
    assert_eq!(scores.models, [learnt]);
    world.run_for(31_000);
    let stale = world.scores.clone().unwrap().targets[0];
    assert!(stale.explore > 0.0 && stale.ttft_ms == scores.targets[0].ttft_ms);
}

#[test]
fn a_provider_that_slows_down_shows_within_a_second_by_what_waits() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(1_000);
    for _ in 0..40 {
        world.sync_with(vec![record(vec![attempt("a", "m", Verdict::Ok)]); 12]);
        world.run_for(250);
    }
    assert!(world.scores.clone().unwrap().targets[0].ttft_ms.unwrap() < 105.0);
    for tick in 1..=4_u32 {
        world.now += 250;
        let waiting = ark_gateway_core::sync::Waiting {
            provider: "a".to_owned(),
            model: "m".to_owned(),
            ages_ms: (0..12 * tick).map(|n| n * 21).collect(),
        };
        let request = SyncRequest {
            worker: "w1".to_owned(),
            snapshot: world.snapshot.as_ref().map(|s| s.version.clone()),
            waiting: vec![waiting],
            ..SyncRequest::default()
        };
        world.control.sync(request, world.now).unwrap();
        world.control.tick(world.now, today());
    }
    let seen = world.control.scores.targets[0].ttft_ms.unwrap();
    assert!(seen > 500.0, "{seen}");
}

#[test]
fn a_sequence_goes_on_over_a_restart() {
    let earlier = Control::new(setting(), loaded(&["a"]), today())
        .scores
        .sequence;
    let later = Setting {
        started_unix_ms: testing::STARTED_UNIX_MS + 60_000,
        ..setting()
    };
    assert!(Control::new(later, loaded(&["a"]), today()).scores.sequence > earlier);
}

fn question(json: &str) -> Question {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_question_about_a_request_is_answered_or_refused_in_words() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(3_000);
    let ask = |json: &str| world.control.explain(&question(json), world.now);
    let answered = ask(r#"{"model": "m", "input_tokens": 100, "draw": "ff"}"#).unwrap();
    let json = serde_json::to_value(&answered).unwrap();
    assert_eq!(json["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(json["draw"], 255);
    assert!(json["newest_attempt_age_ms"]["a/m"].is_null());
    assert!(json.get("reproduced").is_none());
    ask(r#"{"model": "m", "key": "demo"}"#).expect("the key is in a page");
    for (bad, part) in [
        (r#"{"model": "x"}"#, "there is no model \"x\"; there are m"),
        (r#"{"model": "m", "provider": "x"}"#, "no provider \"x\""),
        (
            r#"{"model": "m", "in_flight": {"x": 1}}"#,
            "no provider \"x\"",
        ),
        (r#"{"model": "m", "draw": "x"}"#, "hex digits"),
        (r#"{"model": "m", "key": "x"}"#, "no key \"x\""),
    ] {
        let error = ask(bad).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_record_is_explained_as_long_as_what_decided_it_is_remembered() {
    let mut world = World::new(&["a", "b"]);
    world.run_for(3_000);
    let (snapshot, scores) = (
        world.snapshot.clone().unwrap(),
        world.scores.clone().unwrap(),
    );
    let policy = Policy::new(snapshot.clone()).unwrap();
    let mut basis = Basis {
        draw: 77,
        input_tokens: 9,
        ..Basis::default()
    };
    let facts = basis.facts(ModelId(0));
    let decision = decide(&policy, Some(&scores), &facts, 77).unwrap();
    basis.order = decision.targets().collect();
    let mut told = record(vec![attempt("a", "m", Verdict::Ok)]);
    told.snapshot = snapshot.version.clone();
    told.scores = scores.sequence;
    told.basis = Some(basis);
    // Scores and snapshot move on.
    world.sync_with(vec![record(vec![attempt("a", "m", Verdict::ServerError)])]);
    world.edit(&["a", "b", "c"]);
    world.run_for(3_000);
    assert_ne!(world.scores.clone().unwrap().sequence, told.scores);
    let ask = |told: &Record| {
        let question = question(&serde_json::json!({"record": told}).to_string());
        let answered = world.control.explain(&question, world.now);
        answered.map(|a| serde_json::to_value(&a).unwrap())
    };
    let answered = ask(&told).unwrap();
    assert_eq!(answered["reproduced"], true);
    assert_eq!(answered["candidates"].as_array().unwrap().len(), 2);
    told.scores += 10_000;
    assert!(ask(&told).unwrap_err().contains("not remembered"));
    told.scores = 0;
    assert_eq!(ask(&told).unwrap()["rule"], "static");
    told.snapshot.0 = "forgotten".to_owned();
    assert!(ask(&told).unwrap_err().contains("snapshot forgotten"));
}
