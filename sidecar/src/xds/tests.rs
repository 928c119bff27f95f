use super::*;
use serde_json::json as value;

fn content(names: &[&str]) -> Content {
    names
        .iter()
        .map(|name| ((*name).to_owned(), "wire".to_owned()))
        .collect()
}

fn clusters(publisher: &mut Publisher, names: &[&str]) {
    let resources: Vec<Value> = names.iter().map(|name| value!({"name": name})).collect();
    publisher.publish(Kind::Clusters, &resources, content(names));
}

fn ask(version: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        version_info: version.to_owned(),
        ..DiscoveryRequest::default()
    }
}

fn given(answer: &Answer) -> Value {
    match answer {
        Answer::Resources(body) => serde_json::from_slice(body).unwrap(),
        Answer::Unchanged => panic!("304"),
    }
}

fn version_of(answer: &Answer) -> String {
    given(answer)["version_info"].as_str().unwrap().to_owned()
}

#[test]
fn envoy_is_given_what_it_lacks_and_nothing_else() {
    let mut publisher = Publisher::default();
    clusters(&mut publisher, &["a", "b"]);
    let (answer, refused) = publisher.discover(Kind::Clusters, &ask(""), 0);
    assert_eq!(refused, None);
    let body = given(&answer);
    assert_eq!(
        body["type_url"],
        "type.googleapis.com/envoy.config.cluster.v3.Cluster"
    );
    assert_eq!(body["resources"], value!([{"name": "a"}, {"name": "b"}]));
    assert_eq!(publisher.clusters_taken(), None, "given is not taken");

    let version = version_of(&answer);
    let (answer, _) = publisher.discover(Kind::Clusters, &ask(&version), 1_000);
    assert_eq!(answer, Answer::Unchanged);
    assert_eq!(
        publisher.clusters_taken(),
        Some((&content(&["a", "b"]), 1_000))
    );
    assert!(publisher.status(Kind::Clusters, 1_500).current);

    let mut restarted = Publisher::default();
    clusters(&mut restarted, &["a", "b"]);
    let (answer, _) = restarted.discover(Kind::Clusters, &ask(&version), 0);
    assert_eq!(
        answer,
        Answer::Unchanged,
        "the same content has the same version"
    );
}

#[test]
fn what_an_older_version_held_is_remembered() {
    let mut publisher = Publisher::default();
    clusters(&mut publisher, &["a"]);
    let (first, _) = publisher.discover(Kind::Clusters, &ask(""), 0);
    clusters(&mut publisher, &["a", "b"]);
    let (answer, _) = publisher.discover(Kind::Clusters, &ask(&version_of(&first)), 1);
    assert_eq!(given(&answer)["resources"].as_array().unwrap().len(), 2);
    assert_eq!(publisher.clusters_taken().unwrap().0, &content(&["a"]));
    publisher.discover(Kind::Clusters, &ask(""), 2);
    assert_eq!(
        publisher.clusters_taken(),
        None,
        "a restarted Envoy has nothing"
    );
}

#[test]
fn a_version_that_is_not_taken_is_a_refusal_told_once() {
    let mut publisher = Publisher::default();
    clusters(&mut publisher, &["a"]);
    let mut told = vec![];
    for now in 0..10 {
        told.extend(publisher.discover(Kind::Clusters, &ask("before"), now).1);
    }
    assert_eq!(told.len(), 1);
    assert!(publisher.status(Kind::Clusters, 10).refused.is_some());
    clusters(&mut publisher, &["b"]);
    let (answer, refused) = publisher.discover(Kind::Clusters, &ask("before"), 11);
    assert_eq!(refused, None, "a new version has a new chance");
    publisher.discover(Kind::Clusters, &ask(&version_of(&answer)), 12);
    assert!(publisher.status(Kind::Clusters, 13).refused.is_none());
}

#[test]
fn an_envoy_that_says_why_is_believed_at_once() {
    let mut publisher = Publisher::default();
    clusters(&mut publisher, &["a"]);
    let request: DiscoveryRequest = serde_json::from_value(value!({
        "version_info": "x", "node": {"id": "n", "extensions": [{"name": "many"}]},
        "error_detail": {"code": 13, "message": "no such thing"}
    }))
    .unwrap();
    let (_, refused) = publisher.discover(Kind::Clusters, &request, 0);
    assert_eq!(refused.unwrap().reason, "no such thing");
    assert_eq!(publisher.discover(Kind::Clusters, &request, 1).1, None);
}

#[test]
fn each_secret_has_its_own_version_which_tells_nothing_of_it() {
    let mut publisher = Publisher::default();
    let secret = |name: &str, key: &str| value!({"name": name, "generic": key});
    let ask = |name: &str, version: &str| DiscoveryRequest {
        resource_names: vec![name.to_owned()],
        ..ask(version)
    };
    publisher.publish_secrets(
        &[secret("provider/a", "1"), secret("provider/b", "2")],
        b"salt",
    );
    let (a, _) = publisher.discover(Kind::Secrets, &ask("provider/a", ""), 0);
    assert_eq!(given(&a)["resources"], value!([secret("provider/a", "1")]));
    let version = version_of(&a);
    assert!(!publisher.secret_taken("provider/a"), "given is not taken");
    publisher.discover(Kind::Secrets, &ask("provider/a", &version), 0);
    assert!(publisher.secret_taken("provider/a"));
    assert!(!publisher.secret_taken("provider/b") && !publisher.secret_taken("provider/c"));

    publisher.publish_secrets(
        &[secret("provider/a", "1"), secret("provider/b", "3")],
        b"salt",
    );
    let again = publisher
        .discover(Kind::Secrets, &ask("provider/a", &version), 1)
        .0;
    assert_eq!(again, Answer::Unchanged, "another secret changed");
    publisher.publish_secrets(&[secret("provider/a", "1")], b"other salt");
    let (resalted, _) = publisher.discover(Kind::Secrets, &ask("provider/a", &version), 2);
    assert_ne!(version_of(&resalted), version);
    let gone = publisher
        .discover(Kind::Secrets, &ask("provider/b", ""), 3)
        .0;
    assert_eq!(gone, Answer::Unchanged);
}
