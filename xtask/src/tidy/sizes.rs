//! Files stay small, and no note to self is left behind.

use super::Finding;
use super::tree::{Tree, is_tests, lines, without_tests};

/// Lines without tests above which a file is too long, and above which it deserves a look.
const LIMIT_LINES: usize = 600;
const AIM_LINES: usize = 400;

/// In two parts, so that this file passes its own check.
const NOTES: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Endings of what counts as source.
const SOURCES: [&str; 6] = [".rs", ".py", ".js", ".mjs", ".sh", ".toml"];

/// Finds long files and notes to self.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !is_tests(path)) {
        let count = without_tests(text).lines().count();
        let what = format!("{count} lines without tests (aim {AIM_LINES}, limit {LIMIT_LINES})");
        let found = Finding::new(
            path,
            count,
            what,
            "split it by the questions that it answers",
        );
        if count > LIMIT_LINES {
            findings.push(found);
        } else if count > AIM_LINES {
            findings.push(found.mild());
        }
    }
    for (path, text) in tree.texts() {
        if !SOURCES.iter().any(|ending| path.ends_with(ending)) {
            continue;
        }
        for (number, line) in lines(text) {
            if let Some(note) = NOTES.iter().find(|note| has_word(line, note)) {
                let what = format!("a `{note}` note");
                findings.push(Finding::new(
                    path,
                    number,
                    what,
                    "do it now, or file an issue",
                ));
            }
        }
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + word.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_without_tests() {
        let code = "fn a() {}\n";
        let tests = format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            code.repeat(300),
            code.repeat(900)
        );
        let tree = Tree::of(&[
            ("a/src/short.rs", &tests),
            ("a/src/tests.rs", &code.repeat(900)),
            ("a/src/middle.rs", &code.repeat(401)),
            ("a/src/long.rs", &code.repeat(601)),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|f| (f.file, f.mild)).collect();
        assert_eq!(
            found,
            [
                ("a/src/long.rs".to_owned(), false),
                ("a/src/middle.rs".to_owned(), true)
            ]
        );
    }

    #[test]
    fn notes_to_self_are_found_as_words() {
        for (line, note) in [
            (format!("// {}: later", NOTES[0]), true),
            (format!("# {}", NOTES[1]), true),
            (format!("let {}S = 1;", NOTES[0]), false),
            ("nothing".to_owned(), false),
        ] {
            let tree = Tree::of(&[("a.py", &line)]);
            assert_eq!(!check(&tree).is_empty(), note, "{line}");
        }
    }
}
