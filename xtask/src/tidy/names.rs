//! Files, functions and sections that documents name are there.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{Tree, lines, prose, quoted};

/// The documents that are held to what they say.
const DOCUMENTS: [&str; 4] = [
    "README.md",
    "README.zh-CN.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
];

/// Endings that make a name a file's.
const ENDINGS: [&str; 9] = [
    ".rs", ".md", ".toml", ".yaml", ".yml", ".py", ".json", ".lock", ".sh",
];

/// Finds names of files and items that are gone.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let items = declared(tree);
    let mut findings = Vec::new();
    for document in DOCUMENTS {
        let Some(text) = tree.text(document) else {
            findings.push(Finding::new(
                document,
                1,
                "there is no such file",
                "write it",
            ));
            continue;
        };
        for (line, prose) in prose(text) {
            for name in quoted(prose) {
                let gone = if is_path(tree, name) {
                    (!exists(tree, name)).then_some("no such path")
                } else {
                    item(name)
                        .filter(|item| !items.contains(item) && !mentioned(tree, name))
                        .map(|_| "no such function or item")
                };
                if let Some(gone) = gone {
                    findings.push(Finding::new(
                        document,
                        line,
                        format!("{gone}: `{name}`"),
                        "name what is there now, or drop the sentence",
                    ));
                }
            }
        }
    }
    findings
}

/// Whether a name in backticks means a file or folder of ours.
fn is_path(tree: &Tree, name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '*');
    // A leading slash is a URL's path or another machine's; `target/` is made, not kept.
    if !name.chars().all(plain) || name.starts_with(['/', '*', '.']) || name.starts_with("target/")
    {
        return false;
    }
    let first = name.split('/').next().unwrap_or(name);
    let ours = name.contains('/')
        && tree
            .paths()
            .any(|path| path.starts_with(&format!("{first}/")));
    ours || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether the name is a path, a folder, or the end of a path.
fn exists(tree: &Tree, name: &str) -> bool {
    let name = name.trim_end_matches('/');
    tree.paths().any(|path| {
        if let Some((before, after)) = name.split_once('*') {
            return path.len() >= before.len() + after.len()
                && path.starts_with(before)
                && path.ends_with(after.trim_start_matches('*'));
        }
        path == name
            || path.ends_with(&format!("/{name}"))
            || path.starts_with(&format!("{name}/"))
            || path.contains(&format!("/{name}/"))
    })
}

/// The last name of `decide()`, `Type::method` or `module::function()`.
fn item(name: &str) -> Option<String> {
    let path = name.strip_suffix("()");
    if path.is_none() && !name.contains("::") {
        return None;
    }
    let last = path.unwrap_or(name).rsplit("::").next()?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!last.is_empty() && last.chars().all(word)).then(|| last.to_owned())
}

/// Every name that a Rust or Python source declares.
fn declared(tree: &Tree) -> BTreeSet<String> {
    const KEYWORDS: [&str; 10] = [
        "fn",
        "struct",
        "enum",
        "trait",
        "type",
        "const",
        "static",
        "mod",
        "macro_rules!",
        "def",
    ];
    let mut names = BTreeSet::new();
    for (path, text) in tree.texts() {
        if !path.ends_with(".rs") && !path.ends_with(".py") {
            continue;
        }
        for line in text.lines() {
            let mut words = line.split_whitespace();
            while let Some(word) = words.next() {
                if KEYWORDS.contains(&word) {
                    names.extend(words.next().map(leading_word));
                }
            }
            // An enum's variant stands at the start of its line.
            if line
                .trim_start()
                .starts_with(|c: char| c.is_ascii_uppercase())
            {
                names.insert(leading_word(line.trim_start()));
            }
        }
    }
    names
}

fn leading_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// Whether sources use the name as it stands: then it is somebody else's, and real.
fn mentioned(tree: &Tree, name: &str) -> bool {
    let name = name.trim_end_matches("()");
    name.contains("::") && tree.rust().any(|(_, text)| text.contains(name))
}

/// Finds sections of README.md that the Chinese README lacks.
pub(super) fn sections(tree: &Tree) -> Vec<Finding> {
    let (Some(english), Some(chinese)) = (tree.text("README.md"), tree.text("README.zh-CN.md"))
    else {
        // Their absence is already found.
        return Vec::new();
    };
    let english: Vec<_> = headings(english).collect();
    let chinese: Vec<_> = headings(chinese).collect();
    let differs = english
        .iter()
        .zip(&chinese)
        .find(|((_, one, _), (_, other, _))| one != other);
    let remedy = "keep the same sections in the same order in both";
    if let Some(((_, _, title), (line, _, _))) = differs {
        let what = format!("a section of another level stands where README.md has `{title}`");
        return vec![Finding::new("README.zh-CN.md", *line, what, remedy)];
    }
    let last = chinese.last().map_or(1, |(line, _, _)| *line);
    let missing = english.iter().skip(chinese.len());
    missing
        .map(|(_, _, title)| {
            let what = format!("README.md's section `{title}` is missing");
            Finding::new("README.zh-CN.md", last, what, remedy)
        })
        .collect()
}

/// Line, level and title of each heading.
fn headings(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    prose(text).filter_map(|(line, text)| {
        let title = text.trim_start_matches('#');
        let level = text.len() - title.len();
        (level > 0 && title.starts_with(' ')).then(|| (line, level, title.trim()))
    })
}

/// The line on which `sign` stands first.
pub(super) fn line_of(text: &str, sign: &str) -> usize {
    lines(text)
        .find(|(_, line)| line.contains(sign))
        .map_or(1, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(readme: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("README.md", readme),
            ("README.zh-CN.md", ""),
            ("ARCHITECTURE.md", ""),
            ("CONTRIBUTING.md", ""),
            ("examples/a.yaml", ""),
            (
                "gateway-core/src/decide.rs",
                "pub fn decide() {}\nenum Rule {\n    Score,\n}\nstd::mem::take(x)",
            ),
        ]);
        check(&tree)
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn what_is_there_may_be_named() {
        for named in [
            "`gateway-core/src/decide.rs`",
            "`gateway-core/`",
            "`src/decide.rs`",
            "`decide.rs`",
            "`examples/*.yaml`",
            "`decide()`",
            "`decide::decide`",
            "`Rule::Score`",
            "`std::mem::take`",
            "`/v1/models`",
            "`text/event-stream`",
            "`target/ark/x.json`",
            "`cargo xtask up`",
            "`https://x.example/a.rs`",
            "```\n`gone.rs`\n```",
        ] {
            assert_eq!(findings(named), [] as [&str; 0], "{named}");
        }
    }

    #[test]
    fn what_is_gone_is_found() {
        for (named, gone) in [
            (
                "`gateway-core/src/gone.rs`",
                "no such path: `gateway-core/src/gone.rs`",
            ),
            ("`gone/src/a.rs`", "no such path: `gone/src/a.rs`"),
            ("`examples/*.toml`", "no such path: `examples/*.toml`"),
            ("`gone()`", "no such function or item: `gone()`"),
            ("`Rule::Gone`", "no such function or item: `Rule::Gone`"),
        ] {
            assert_eq!(findings(named), [gone], "{named}");
        }
        assert_eq!(check(&Tree::of(&[])).len(), DOCUMENTS.len());
    }

    #[test]
    fn both_readmes_have_the_same_sections() {
        let check = |chinese: &str| {
            let tree = Tree::of(&[
                ("README.md", "# Ark\n## Run\n## Test\n"),
                ("README.zh-CN.md", chinese),
            ]);
            let found = sections(&tree);
            found
                .into_iter()
                .map(|finding| finding.what)
                .collect::<Vec<_>>()
        };
        assert_eq!(check("# Ark\n## 运行\n## 测试\n"), [] as [&str; 0]);
        assert_eq!(
            check("# Ark\n## 运行\n"),
            ["README.md's section `Test` is missing"]
        );
        assert_eq!(check("# Ark\n### 运行\n").len(), 1);
    }
}
