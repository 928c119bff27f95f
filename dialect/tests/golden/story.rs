//! Files that tests compare with, and write when they are blessed.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of this test.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// An input: where it comes from, and its text.
pub struct Input {
    pub file: PathBuf,
    pub sources: Vec<String>,
    pub text: String,
}

impl Input {
    /// Reads a file whose first lines, each after `// `, name its sources.
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let head = text.lines().take_while(|line| line.starts_with("// "));
        let sources: Vec<String> = head.map(|line| line[3..].to_owned()).collect();
        assert!(
            sources.iter().any(|s| s.starts_with("source: ")),
            "{}: name where it comes from: // source: ...",
            file.display()
        );
        let body = text
            .splitn(sources.len() + 1, '\n')
            .last()
            .unwrap_or_default();
        Self {
            file: file.to_owned(),
            sources,
            text: body.to_owned(),
        }
    }

    /// The name of the feature.
    pub fn feature(&self) -> String {
        self.file
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    }
}

/// All inputs below `folder` with one of these endings, in order.
pub fn inputs(folder: &Path, endings: &[&str]) -> Vec<Input> {
    let listed = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = listed
        .map(|entry| entry.unwrap().path())
        .filter(|file| {
            let ending = file.extension().map(|e| e.to_string_lossy().into_owned());
            ending.is_some_and(|e| endings.contains(&e.as_str()))
        })
        .collect();
    files.sort();
    files.iter().map(|file| Input::read(file)).collect()
}

/// All stories, of whatever client or provider.
pub fn stories() -> Vec<PathBuf> {
    let listed = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let kinds = ["asks", "answers"].map(|kind| folder().join(kind));
    let folders = kinds.iter().flat_map(|kind| listed(kind));
    let files = folders.flat_map(|folder| listed(&folder));
    files
        .filter(|file| file.extension().is_some_and(|e| e == "md"))
        .collect()
}

/// JSON, indented; what is not JSON as it is.
pub fn pretty(bytes: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(bytes).map_or_else(
        |_| String::from_utf8_lossy(bytes).into_owned(),
        |value| serde_json::to_string_pretty(&value).unwrap(),
    )
}

/// Files that are not what they were.
#[derive(Default)]
pub struct Drift(Vec<String>);

impl Drift {
    /// Compares; writes instead when the tests are blessed.
    pub fn check(&mut self, file: &Path, text: &str) {
        if fs::read_to_string(file).is_ok_and(|old| old == text) {
            return;
        }
        if std::env::var_os("ARK_BLESS").is_some() {
            fs::write(file, text).unwrap();
        } else {
            self.0.push(file.display().to_string());
        }
    }

    /// Fails if anything drifted.
    pub fn close(self) {
        assert!(
            self.0.is_empty(),
            "these differ; if that is meant, `cargo xtask bless`, then read the diff:\n{}",
            self.0.join("\n")
        );
    }
}
