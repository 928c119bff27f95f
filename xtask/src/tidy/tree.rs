//! The files of the project as tidy sees them: what Git tracks, or would.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::failure::{Doing, Failure, Outcome};
use crate::workspace::Workspace;

/// Largest file that is read, in bytes; larger ones are data.
const TEXT_LIMIT_BYTES: u64 = 1024 * 1024;

/// Path (with `/`, from the root) to text; no text for what is not text.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads the checkout.
    pub(super) fn read(workspace: &Workspace) -> Outcome<Self> {
        let output = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(workspace.root())
            .output()
            .map_err(|error| {
                Failure::new(format!("git, which lists the project's files: {error}"))
                    .fix(crate::setup::install_command("git", "git"))
            })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("git ls-files: {}", said.trim())));
        }
        let listed = String::from_utf8(output.stdout).doing(|| "a file's name".to_owned())?;
        let mut tree = Self::default();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            let file = workspace.path(path);
            // Deleted, and not yet committed as such.
            let Ok(found) = file.symlink_metadata() else {
                continue;
            };
            let text = (found.is_file() && found.len() <= TEXT_LIMIT_BYTES)
                .then(|| fs::read_to_string(&file).ok())
                .flatten();
            tree.files.insert(path.to_owned(), text);
        }
        Ok(tree)
    }

    /// A tree of a test's own.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter();
        let files = files.map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self {
            files: files.collect(),
        }
    }

    /// Number of files.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// All paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// All texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// All Rust sources.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// One text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }
}

/// Lines with their numbers, from 1.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// The part of a Rust source before its test module.
pub(super) fn without_tests(source: &str) -> &str {
    let cut = ["\n#[cfg(test)]\nmod ", "\n#[cfg(all(test"];
    let at = cut.iter().filter_map(|sign| source.find(sign)).min();
    at.and_then(|at| source.get(..at)).unwrap_or(source)
}

/// Whether a Rust source is tests only.
pub(super) fn is_tests(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.contains("/tests/") && !path.starts_with("tests/traffic/src/")
        || path.ends_with("_tests.rs")
}

/// What a line of Markdown has between backticks.
pub(super) fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The lines of a Markdown text outside its code blocks.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    lines(text).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_what_stands_outside_code_blocks() {
        let text = "one\n```sh\ntwo\n```\nthree `x` and `y`\n";
        let kept: Vec<_> = prose(text).collect();
        assert_eq!(kept, [(1, "one"), (5, "three `x` and `y`")]);
        assert_eq!(quoted("three `x` and `y`").collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn tests_are_told_from_code() {
        assert_eq!(
            without_tests("fn a() {}\n#[cfg(test)]\nmod tests {}"),
            "fn a() {}"
        );
        assert_eq!(
            without_tests("#[cfg(test)]\nuse x;\nfn a() {}")
                .lines()
                .count(),
            3
        );
        assert!(is_tests("filter/src/gateway/tests.rs"));
        assert!(is_tests("filter/tests/host.rs"));
        assert!(!is_tests("tests/traffic/src/main.rs"));
    }
}
