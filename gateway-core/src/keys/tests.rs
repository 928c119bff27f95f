use proptest::prelude::*;

use sha2::{Digest, Sha256};

use super::*;
use crate::identity::{CertificateMatch, CertificateSpec, Roles};
use crate::policy::Policy;
use crate::quota::{LimitSpec, Mode, OnStoreDown, Only, Per, Unit, Window};
use crate::testing::demo;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn secret(n: usize) -> String {
    format!("secret-{n}")
}

/// The demo snapshot with `count` more keys.
fn with_keys(count: usize) -> Snapshot {
    let mut snapshot = demo();
    let first = snapshot.keys[0].clone();
    snapshot.keys.extend((0..count).map(|n| KeySpec {
        id: format!("key-{n}"),
        sha256: hex(&Sha256::digest(secret(n))),
        expires_at_s: (n % 3 == 0).then_some(n as u64),
        ..first.clone()
    }));
    snapshot
}

fn read(pages: &[PageBytes]) -> Vec<std::sync::Arc<KeyPage>> {
    let read = |bytes: &PageBytes| std::sync::Arc::new(KeyPage::read(bytes.clone()).unwrap());
    pages.iter().map(read).collect()
}

#[test]
fn every_key_is_found_in_its_page_and_no_other_is() {
    for count in [0, 1, 190, 2_000] {
        let snapshot = with_keys(count);
        let paged = Paged::of(snapshot.clone()).unwrap();
        assert!(paged.snapshot.keys.is_empty());
        let policy = Policy::with_pages(paged.snapshot.clone(), read(&paged.pages)).unwrap();
        for n in 0..count {
            let (index, key) = policy.key_for(secret(n).as_bytes()).unwrap();
            let own = &snapshot.keys[snapshot.keys.len() - count + n];
            assert_eq!((key, policy.key(index)), (own, Some(own)));
        }
        assert_eq!(policy.key_for(b"another"), None);
        assert_eq!(policy.key_for(b""), None);
    }
}

#[test]
fn a_whole_snapshot_comes_back_with_its_limits_keys() {
    for count in [1, 1_000] {
        let mut snapshot = with_keys(count);
        snapshot.quota.limits.push(LimitSpec {
            name: "some".to_owned(),
            per: Per::default(),
            of: Unit::Requests,
            limit: 5,
            window: Window::Minute,
            only: Only {
                keys: vec![1, 2],
                ..Only::default()
            },
            mode: Mode::Lease,
            on_store_down: OnStoreDown::Deny,
            dry_run: false,
            at: Vec::new(),
        });
        let ids = |snapshot: &Snapshot| -> Vec<String> {
            let keys = snapshot.quota.limits[0].only.keys.iter();
            let mut ids: Vec<String> = keys
                .map(|key| snapshot.keys[*key as usize].id.clone())
                .collect();
            ids.sort();
            ids
        };
        let back = Paged::of(snapshot.clone()).unwrap().whole().unwrap();
        assert_eq!(ids(&back), ids(&snapshot));
        let (mut ours, mut theirs) = (back.keys.clone(), snapshot.keys.clone());
        ours.sort_by(|a, b| a.id.cmp(&b.id));
        theirs.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(ours, theirs);
        if count == 1 {
            assert_eq!(back, snapshot, "one page keeps the order");
        }
    }
}

#[test]
fn one_changed_key_changes_one_page() {
    let before = Paged::of(with_keys(5_000)).unwrap();
    let mut snapshot = with_keys(5_000);
    snapshot.keys[700].may_pin ^= true;
    let mut after = Paged::of(snapshot).unwrap();
    after.share_with(&before);
    assert!(before.pages.len() > 8);
    let same = |(a, b): (&PageBytes, &PageBytes)| std::sync::Arc::ptr_eq(&a.0, &b.0);
    let changed = after.pages.iter().zip(&before.pages).filter(|p| !same(*p));
    assert_eq!(changed.count(), 1);
}

#[test]
fn a_snapshot_runs_when_its_last_page_is_there() {
    let old = Paged::of(with_keys(3_000)).unwrap();
    let running = Policy::with_pages(old.snapshot.clone(), read(&old.pages)).unwrap();
    let mut snapshot = with_keys(3_000);
    snapshot.version.0 = "newer".to_owned();
    for key in &mut snapshot.keys[100..110] {
        key.id.push('x');
    }
    let new = Paged::of(snapshot).unwrap();
    let known: Vec<_> = running.pages().iter().cloned().map(Some).collect();
    let mut stage = Stage::begin(new.snapshot.clone(), &known).unwrap();
    let missing = stage.missing();
    assert!(!missing.is_empty() && missing.len() <= 10, "{missing:?}");
    assert!(!stage.take(missing[0], old.pages[usize::from(missing[0])].clone()));
    assert!(!stage.take(u16::MAX, new.pages[0].clone()));
    for number in &missing {
        let early = Stage::begin(new.snapshot.clone(), stage.pages()).unwrap();
        assert!(early.finish().is_err(), "not before");
        assert!(stage.take(*number, new.pages[usize::from(*number)].clone()));
    }
    assert!(stage.missing().is_empty());
    let (policy, _) = stage.finish().unwrap();
    let (_, key) = policy.key_for(secret(100).as_bytes()).unwrap();
    assert_eq!(key.id, policy.key_named(&key.id).unwrap().1.id);
    assert_eq!(policy.snapshot().version.0, "newer");
}

#[test]
fn what_came_for_a_snapshot_that_never_ran_serves_the_next_one() {
    let old = Paged::of(with_keys(3_000)).unwrap();
    let mut early = Stage::begin(old.snapshot.clone(), &[]).unwrap();
    assert!(early.take(3, old.pages[3].clone()) && early.take(4, old.pages[4].clone()));
    let mut snapshot = with_keys(3_000);
    let own = |key: &KeySpec| {
        let digest = parse_digest(&key.sha256).unwrap();
        number_of(&digest, old.pages.len()) == 4
    };
    snapshot
        .keys
        .iter_mut()
        .find(|key| own(key))
        .unwrap()
        .may_pin ^= true;
    let new = Paged::of(snapshot).unwrap();
    let mut late = Stage::begin(new.snapshot, &[]).unwrap();
    assert_eq!(late.adopt(&early), [3]);
    assert!(!late.missing().contains(&3) && late.missing().contains(&4));
}

#[test]
fn another_number_of_pages_begins_anew() {
    let few = Paged::of(with_keys(10)).unwrap();
    let known: Vec<_> = read(&few.pages).into_iter().map(Some).collect();
    let many = Paged::of(with_keys(1_000)).unwrap();
    let stage = Stage::begin(many.snapshot.clone(), &known).unwrap();
    assert_eq!(stage.missing().len(), many.pages.len());
    let mut none = many.snapshot;
    none.key_pages.pop();
    assert_eq!(Stage::begin(none, &[]).err(), Some(BadSnapshot::Keys));
}

proptest! {
    #[test]
    fn foreign_bytes_do_no_harm(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..400), count in 0u32..12, digest: [u8; 32],
    ) {
        if let Some(place) = bytes.get_mut(8..12) {
            place.copy_from_slice(&count.to_le_bytes());
        }
        if let Some(page) = KeyPage::read(PageBytes(bytes.into())) {
            let _ = page.find(&digest);
            for record in 0..page.len() {
                let _ = page.key(record);
            }
        }
    }
}

#[test]
fn a_key_without_a_digest_lends_its_rights_and_lets_nobody_in() {
    let mut snapshot = with_keys(2_000);
    let base = snapshot.keys.len() - 7;
    snapshot.keys[base].sha256.clear();
    let own = u32::try_from(base).unwrap();
    snapshot.identity.certificates = vec![CertificateSpec {
        name: "robots".to_owned(),
        matches: CertificateMatch::Uri("spiffe://corp/robot".to_owned()),
        key: Some(own),
    }];
    let paged = Paged::of(snapshot.clone()).unwrap();
    let back = paged.whole().unwrap();
    let whose = |snapshot: &Snapshot| {
        let key = snapshot.identity.certificates[0].key.unwrap() as usize;
        (
            snapshot.keys[key].id.clone(),
            snapshot.keys[key].sha256.clone(),
        )
    };
    assert_eq!(whose(&back), whose(&snapshot));
    let policy = Policy::with_pages(paged.snapshot.clone(), read(&paged.pages)).unwrap();
    let base = paged.snapshot.identity.certificates[0].key.unwrap();
    assert_eq!(policy.key(base).unwrap().id, snapshot.keys[own as usize].id);
    assert!(policy.key_for(b"").is_none());
    let name = Some("corp:ann".to_owned());
    let marks = (name, Roles::of(vec!["dev".to_owned()]), None);
    let caller = policy.caller(base, marks).unwrap();
    let who = policy.identity(caller).unwrap();
    assert_eq!((who.key, who.roles.contains("dev")), ("corp:ann", true));
    assert_eq!(policy.base_of(caller), base);
    // What a caller's number stands for is forgotten with the policy, never taken for a key's.
    assert!(policy.renewed().unwrap().key(caller).is_none());
}
