use super::*;
use crate::testing::{TempDir, config_yaml};

fn write(dir: &TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("ark.yaml");
    fs::write(&path, text).unwrap();
    path
}

fn with_credential(dir: &TempDir) -> String {
    let file = dir.path().join("key");
    fs::write(&file, "first").unwrap();
    let credential = format!("9101/v1\n    credential: {{file: {}}}", file.display());
    config_yaml(&["a"]).replace("9101/v1", &credential)
}

#[test]
fn a_good_file_is_read_and_a_bad_one_tells_all_that_is_wrong() {
    let dir = TempDir::new();
    let path = write(&dir, &config_yaml(&["a", "b"]));
    assert_eq!(load(&path).ok().unwrap().0.config.providers.len(), 2);

    let bad = config_yaml(&["a"]).replace("provider: a", "provider: opnai") + "nonsense: 1\n";
    let path = write(&dir, &bad);
    let error = load(&path).err().unwrap();
    assert!(
        error.contains("opnai") && error.contains("nonsense"),
        "{error}"
    );
    let error = load(&dir.path().join("none")).err().unwrap();
    assert!(error.contains("cannot read"), "{error}");
}

#[test]
fn only_a_changed_content_is_news() {
    let dir = TempDir::new();
    let text = config_yaml(&["a"]);
    let path = write(&dir, &text);
    let (_, mut watch) = load(&path).ok().unwrap();
    assert_eq!(watch.look(), watch.seen);
    // Another inode with the same content, as editors and ConfigMaps make it.
    fs::write(dir.path().join("new"), &text).unwrap();
    fs::rename(dir.path().join("new"), &path).unwrap();
    assert_ne!(watch.look(), watch.seen);
    assert!(matches!(watch.read(false), News::None));
    assert!(
        matches!(watch.read(true), News::Good(_)),
        "unless it is asked for"
    );

    fs::write(&path, "version: 1\nproviders: 3\n").unwrap();
    assert!(matches!(watch.read(false), News::Bad(_)));
    assert!(matches!(watch.read(false), News::None), "told once");
    fs::remove_file(&path).unwrap();
    assert!(matches!(watch.read(false), News::Bad(_)));
    fs::write(&path, &text).unwrap();
    assert!(matches!(watch.read(false), News::Good(_)));
}

#[test]
fn a_credential_file_is_followed_through_symbolic_links() {
    let dir = TempDir::new();
    let text = with_credential(&dir);
    let path = write(&dir, &text);
    let (loaded, mut watch) = load(&path).ok().unwrap();
    assert!(loaded.credentials["a"].as_ref().is_ok_and(Option::is_some));
    let key = dir.path().join("key");
    fs::rename(&key, dir.path().join("..data")).unwrap();
    std::os::unix::fs::symlink("..data", &key).unwrap();
    assert!(matches!(watch.read(false), News::None));
    fs::write(dir.path().join("..data"), "second-key").unwrap();
    assert_ne!(watch.look(), watch.seen);
    let News::Good(loaded) = watch.read(false) else {
        panic!("no news")
    };
    let secret = loaded.credentials["a"]
        .as_ref()
        .ok()
        .unwrap()
        .as_ref()
        .unwrap();
    assert!(secret.expose() == "second-key");
}

#[test]
fn a_new_price_catalogue_is_news_and_a_bad_one_is_refused() {
    let dir = TempDir::new();
    let catalogue = |micros: u64| {
        let amount = ark_gateway_core::money::MicroUsdPerMillion(micros);
        let price = ark_gateway_core::money::Price::flat(amount, amount);
        let prices = [("openai/m".to_owned(), price)].into();
        let catalogue = crate::prices::Catalogue::of("a test".into(), prices);
        fs::write(dir.path().join("prices.json"), catalogue.render().unwrap()).unwrap();
        catalogue.version
    };
    let first = catalogue(1);
    let path = write(
        &dir,
        &(config_yaml(&["a"]) + "prices: {file: prices.json}\n"),
    );
    let (loaded, mut watch) = load(&path).ok().unwrap();
    let version = |config: &Config| config.prices.catalogue.as_ref().unwrap().version.clone();
    assert_eq!(version(&loaded.config), first);
    assert!(matches!(watch.read(false), News::None));
    let second = catalogue(2);
    assert_ne!(watch.look(), watch.seen);
    let News::Good(loaded) = watch.read(false) else {
        panic!("a catalogue is a part of the configuration");
    };
    assert_eq!(version(&loaded.config), second);
    fs::write(dir.path().join("prices.json"), "{}").unwrap();
    let News::Bad(problems) = watch.read(false) else {
        panic!("a bad catalogue changes nothing");
    };
    assert!(problems[0].starts_with("prices.file: "), "{problems:?}");
}
