use ark_gateway_core::keys::Stage;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::sync::PagesWanted;

use super::*;
use crate::digest;
use crate::key_book::NewKey;

const KEYS: usize = 2_500;
/// What a message holds at most, and the largest page.
const MOST_BYTES: usize = 64 * 1024 + 40 * 1024;

fn secret(n: usize) -> String {
    format!("secret-{n}")
}

fn book(control: &Control) -> KeyBook {
    let mut book = KeyBook::default();
    for n in 0..KEYS {
        let new = serde_json::json!({"tenant": "demo", "sha256": digest::hex(&[secret(n).as_bytes()]),
            "key": {"id": format!("key-{n}"), "models": ["*"]}});
        let new: NewKey = serde_json::from_value(new).unwrap();
        book.create(new, control.written(), 0).unwrap();
    }
    book
}

/// A worker that takes keys in pages.
#[derive(Default)]
struct Paging {
    policy: Option<Policy>,
    stage: Option<Stage>,
    exchanges: usize,
}

impl Paging {
    fn sync(&mut self, world: &mut World) {
        let runs = self.policy.as_ref().map(|p| p.snapshot().version.clone());
        let request = SyncRequest {
            worker: "w1".to_owned(),
            snapshot: runs,
            pages: Some(PagesWanted {
                snapshot: self.stage.as_ref().map(|s| s.version().clone()),
                numbers: self.stage.as_ref().map(Stage::missing).unwrap_or_default(),
            }),
            ..SyncRequest::default()
        };
        let response = world.control.sync(request, world.now).unwrap();
        let size: usize = response.pages.iter().map(|(_, page)| page.0.len()).sum();
        assert!(size <= MOST_BYTES, "{size}");
        self.exchanges += 1;
        if let Some(snapshot) = response.snapshot {
            assert!(snapshot.keys.is_empty());
            let known = self.policy.iter().flat_map(Policy::pages);
            let known: Vec<_> = known.cloned().map(Some).collect();
            self.stage = Some(Stage::begin(snapshot, &known).unwrap());
        }
        for (number, page) in response.pages {
            assert!(self.stage.as_mut().unwrap().take(number, page));
        }
        if self.stage.as_ref().is_some_and(|s| s.missing().is_empty()) {
            let (policy, _) = self.stage.take().unwrap().finish().unwrap();
            self.policy = Some(policy);
        }
    }

    /// Exchanges until it runs what it is to run.
    fn catch_up(&mut self, world: &mut World) -> usize {
        self.exchanges = 0;
        while self.policy.as_ref().map(|p| &p.snapshot().version) != Some(world.version()) {
            assert!(self.exchanges < 100, "it never ends");
            self.sync(world);
        }
        self.exchanges
    }

    fn knows(&self, n: usize) -> bool {
        let policy = self.policy.as_ref().unwrap();
        policy.key_for(secret(n).as_bytes()).is_some()
    }
}

impl World {
    fn version(&self) -> &SnapshotVersion {
        &self.control.snapshot.version
    }
}

#[test]
fn keys_come_in_pages_and_of_a_change_only_what_differs() {
    let mut world = World::new(&["a"]);
    world.run_for(2_000);
    let mut worker = Paging::default();
    assert_eq!(
        worker.catch_up(&mut world),
        1,
        "few keys come with the rest"
    );
    let mut book = book(&world.control);
    world.control.replace_keys(book.clone(), world.now);
    assert!(worker.catch_up(&mut world) > 3);
    assert!((0..KEYS).all(|n| worker.knows(n)));
    book.revoke("key-7", world.control.written(), 1).unwrap();
    world.control.replace_keys(book, world.now);
    assert_eq!(worker.catch_up(&mut world), 2, "the news, and one page");
    assert!(!worker.knows(7) && worker.knows(8));
}

#[test]
fn a_worker_that_is_overtaken_takes_the_newest() {
    let mut world = World::new(&["a"]);
    world.run_for(2_000);
    let mut worker = Paging::default();
    let mut book = book(&world.control);
    world.control.replace_keys(book.clone(), world.now);
    worker.sync(&mut world);
    worker.sync(&mut world);
    book.revoke("key-9", world.control.written(), 1).unwrap();
    world.control.replace_keys(book, world.now);
    worker.catch_up(&mut world);
    assert!(!worker.knows(9) && worker.knows(10));
}

#[test]
fn whoever_does_not_know_pages_gets_the_whole_snapshot() {
    let mut world = World::new(&["a"]);
    world.run_for(2_000);
    let book = book(&world.control);
    world.control.replace_keys(book, world.now);
    world.sync();
    let snapshot = world.snapshot.unwrap();
    assert!(snapshot.keys.len() > KEYS && snapshot.key_pages.is_empty());
    assert!(Policy::new(snapshot).is_ok());
}
