use super::*;
use crate::testing::config_yaml;
use proptest::prelude::*;

const NOW: UnixS = 1_800_000_000;

fn config() -> Config {
    config::parse(&config_yaml(&[])).unwrap()
}

fn sha(secret: &str) -> String {
    crate::digest::hex(&[secret.as_bytes()])
}

fn new(id: &str, secret: &str) -> NewKey {
    let tenant = config().tenants[0].name.clone();
    let body = serde_json::json!({"tenant": tenant, "sha256": sha(secret), "key": {"id": id, "models": ["*"]}});
    serde_json::from_value(body).unwrap()
}

/// Ends of the digests under which the gateway would take this secret.
fn accepted(book: &KeyBook, secret: &str) -> Vec<Option<UnixS>> {
    let merged = book.merged(&config());
    let keys = keys_of(&merged).filter(|(_, key)| key.sha256 == sha(secret));
    keys.map(|(_, key)| key.expires_at_s).collect()
}

fn state(book: &KeyBook, id: &str, now: UnixS) -> &'static str {
    let listed = book.list(&config(), now);
    listed.iter().find(|key| key.id == id).unwrap().state
}

#[test]
fn a_key_is_made_rotated_and_revoked() {
    let mut book = KeyBook::default();
    assert_eq!(
        book.create(new("web", "one"), &config(), NOW),
        Ok("web".to_owned())
    );
    assert_eq!(accepted(&book, "one"), [None]);
    assert_eq!(state(&book, "web", NOW), "active");

    book.rotate("web", (&sha("two"), 60), &config(), NOW)
        .unwrap();
    assert_eq!(accepted(&book, "one"), [Some(NOW + 60)]);
    assert_eq!(accepted(&book, "two"), [None]);
    // A second rotation within the grace does not lengthen the first one's.
    book.rotate("web", (&sha("three"), 600), &config(), NOW + 30)
        .unwrap();
    assert!(accepted(&book, "one").is_empty(), "two are enough");
    assert_eq!(accepted(&book, "two"), [Some(NOW + 630)]);
    book.rotate("web", (&sha("four"), 0), &config(), NOW + 40)
        .unwrap();
    assert!(accepted(&book, "three").is_empty(), "no grace");

    book.revoke("web", &config(), NOW + 50).unwrap();
    assert!(accepted(&book, "four").is_empty());
    assert_eq!(state(&book, "web", NOW + 50), "revoked");
    let again = book.rotate("web", (&sha("five"), 0), &config(), NOW + 60);
    assert_eq!(again, Err(KeyError::Revoked));
}

#[test]
fn the_earliest_end_is_the_keys_end() {
    let mut book = KeyBook::default();
    let mut brief = new("brief", "one");
    brief.expires_in_s = Some(100);
    brief
        .key
        .insert("valid_until".to_owned(), Value::from("2999-12-31"));
    book.create(brief, &config(), NOW).unwrap();
    assert_eq!(accepted(&book, "one"), [Some(NOW + 100)]);
    assert_eq!(state(&book, "brief", NOW + 99), "active");
    assert_eq!(state(&book, "brief", NOW + 100), "expired");
}

#[test]
fn what_would_not_work_is_refused_with_a_reason() {
    let mut book = KeyBook::default();
    book.create(new("web", "one"), &config(), NOW).unwrap();
    let known = config().tenants[0].keys[0].id.clone();
    let file_digest = config().tenants[0].keys[0].sha256.clone();
    let edit = |change: &dyn Fn(&mut NewKey)| {
        let mut key = new("other", "two");
        change(&mut key);
        book.clone().create(key, &config(), NOW).unwrap_err()
    };
    assert_eq!(
        edit(&|key| {
            key.key.insert("id".into(), "web".into());
        }),
        KeyError::Exists
    );
    assert_eq!(
        edit(&|key| {
            key.key.insert("id".into(), known.as_str().into());
        }),
        KeyError::Exists
    );
    assert_eq!(edit(&|key| key.sha256 = sha("one")), KeyError::SameKey);
    assert_eq!(
        edit(&|key| key.sha256 = file_digest.to_uppercase()),
        KeyError::SameKey
    );
    assert!(matches!(
        edit(&|key| key.tenant = "nobody".into()),
        KeyError::Tenant(_)
    ));
    for (field, value, word) in [
        (
            "models",
            serde_json::json!(["no-such-model"]),
            "no-such-model",
        ),
        ("limit", serde_json::json!(1), "did you mean limits?"),
        ("id", serde_json::json!("NOT A NAME"), "is not a name"),
    ] {
        let error = edit(&|key| {
            key.key.insert(field.into(), value.clone());
        });
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = edit(&|key| key.sha256 = "abc".into());
    assert!(error.to_string().contains("64 hex digits"), "{error}");
    let mut book = book;
    assert_eq!(book.revoke(&known, &config(), NOW), Err(KeyError::InFile));
    assert_eq!(
        book.revoke("nobody", &config(), NOW),
        Err(KeyError::NotFound)
    );
    let long = book.rotate("web", (&sha("two"), MOST_GRACE_S + 1), &config(), NOW);
    assert_eq!(long, Err(KeyError::Grace));
}

#[test]
fn an_edit_of_the_file_silences_a_key_and_says_so() {
    let mut book = KeyBook::default();
    book.create(new("web", "one"), &config(), NOW).unwrap();
    let mut other = config();
    other.tenants[0].name = "renamed".to_owned();
    assert_eq!(
        keys_of(&book.merged(&other)).count(),
        keys_of(&other).count()
    );
    let listed = book.list(&other, NOW);
    let web = listed.iter().find(|key| key.id == "web").unwrap();
    assert_eq!(web.state, "unusable");
    assert!(
        web.problem.as_deref().unwrap().contains("tenant"),
        "{:?}",
        web.problem
    );
}

proptest! {
    /// No edits in any order let a revoked key in again, or more than two digests of one key.
    #[test]
    fn edits_in_any_order(edits in proptest::collection::vec((0..4_u8, 0..3_u8, 0..100_u64), 0..40)) {
        let mut book = KeyBook::default();
        let mut revoked = BTreeSet::new();
        for (n, (edit, key, grace)) in edits.into_iter().enumerate() {
            let now = NOW + u64::try_from(n).unwrap() * 10;
            let id = format!("k{key}");
            match edit {
                0 => { let _ = book.create(new(&id, &format!("{n}")), &config(), now); }
                1 | 2 => { let _ = book.rotate(&id, (&sha(&format!("{n}")), grace), &config(), now); }
                _ => if book.revoke(&id, &config(), now).is_ok() { revoked.insert(id); },
            }
            let merged = book.merged(&config());
            for id in &revoked {
                prop_assert!(!is_in_file(&merged, id));
            }
            for key in ["k0", "k1", "k2"] {
                prop_assert!(keys_of(&merged).filter(|(_, k)| k.id == key).count() <= 2);
            }
        }
        let written = serde_json::to_value(&book).unwrap();
        prop_assert_eq!(serde_json::from_value::<KeyBook>(written).unwrap(), book);
    }
}
