//! No file of the project holds a private host, another registry, or somebody's home.

use super::Finding;
use super::tree::{Tree, lines};

/// This file and its kin name what they look for.
const EXEMPT: &str = "xtask/src/tidy/hosts.rs";

/// Where Cargo's lockfile may say that a crate comes from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Hosts that lockfiles and requirements may name.
const PUBLIC: [&str; 5] = [
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "pypi.org",
    "files.pythonhosted.org",
    "github.com",
];

/// What only a private host's name has.
const PRIVATE: [&str; 7] = [
    ".internal/",
    ".internal:",
    ".corp/",
    ".lan/",
    ".intranet",
    "artifactory",
    "jfrog",
];

/// Options that send a package manager to another registry.
const REDIRECTIONS: [&str; 7] = [
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--trusted-host",
    "replace-with",
    "[registries",
    "registry=",
];

/// Finds what should not leave somebody's machine.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| *path != EXEMPT) {
        for (number, line) in lines(text) {
            if let Some((what, remedy)) = judge(path, line) {
                findings.push(Finding::new(path, number, what, remedy));
            }
        }
    }
    findings
}

fn judge(path: &str, line: &str) -> Option<(String, &'static str)> {
    if let Some(home) = home(path, line) {
        return Some((
            format!("names a home folder: `{home}`"),
            "use a relative path or a variable",
        ));
    }
    if path.ends_with("Cargo.lock") {
        let source = line.strip_prefix("source = \"")?.trim_end_matches('"');
        let what = (source != CRATES_IO).then(|| format!("a crate comes from `{source}`"))?;
        return Some((what, "take it from crates.io and run cargo update -p CRATE"));
    }
    if is_package_list(path) {
        let redirected = REDIRECTIONS.iter().find(|option| line.contains(**option));
        if let Some(option) = redirected {
            let what = format!("sends a package manager elsewhere: `{option}`");
            return Some((what, "that belongs to a machine's own settings"));
        }
        let host = url_hosts(line).find(|host| !PUBLIC.contains(host));
        if let Some(host) = host.filter(|_| is_lockfile(path)) {
            return Some((
                format!("locks a package to `{host}`"),
                "lock it to the public registry",
            ));
        }
    }
    let private = url_hosts(line)
        .find(|host| PRIVATE.iter().any(|sign| format!("{host}/").contains(sign)))?;
    Some((
        format!("names a private host: `{private}`"),
        "use a public or an example host",
    ))
}

fn is_lockfile(path: &str) -> bool {
    ["package-lock.json", "yarn.lock", "poetry.lock", "uv.lock"]
        .iter()
        .any(|name| path.ends_with(name))
}

fn is_package_list(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let listed = name.starts_with("requirements") && name.ends_with(".txt");
    listed
        || is_lockfile(path)
        || matches!(name, ".npmrc" | "pip.conf")
        || path.ends_with(".cargo/config.toml")
}

/// A path into somebody's home. Containers have one of their own, so Dockerfiles may.
fn home<'a>(path: &str, line: &'a str) -> Option<&'a str> {
    if path.contains("Dockerfile") {
        return None;
    }
    ["/home/", "/Users/", "/root/"].iter().find_map(|start| {
        let at = line.find(start)?;
        let before = line.get(..at)?.chars().next_back();
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        // `https://x.example/home/…` and `…/src/root/…` are no homes.
        if before.is_some_and(|c| part(c) || c == '*') {
            return None;
        }
        let rest = line.get(at + start.len()..)?;
        let end = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
        (end > 0).then(|| line.get(at..at + start.len() + end))?
    })
}

/// The hosts of the URLs in a line, without user and port.
fn url_hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://").skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '@' | ':' | '_'))
            .unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or(rest);
        let host = authority.rsplit('@').next().unwrap_or(authority);
        host.split(':').next().unwrap_or(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_may_read_passes() {
        for (path, line) in [
            (
                "Cargo.lock",
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"",
            ),
            (
                "README.md",
                "curl http://127.0.0.1:8080/home/x and https://api.openai.com/v1",
            ),
            ("README.md", "https://x.example/home/alice and `~/.cargo`"),
            (
                "Dockerfile",
                "COPY --from=builder /root/.cargo/bin/x /usr/bin/x",
            ),
            (
                "package-lock.json",
                "\"resolved\": \"https://registry.npmjs.org/openai/-/o.tgz\"",
            ),
            ("sidecar/src/a.rs", "let internal = map.internal;"),
            ("tests/requirements.txt", "openai==1.0"),
        ] {
            assert_eq!(judge(path, line), None, "{path}: {line}");
        }
    }

    #[test]
    fn what_belongs_to_one_machine_is_found() {
        for (path, line, sign) in [
            (
                "Cargo.lock",
                "source = \"registry+https://mirror.example/index\"",
                "mirror.example",
            ),
            ("a.md", "see /home/alice/ark", "/home/alice"),
            ("a.rs", "\"/Users/bob/x\"", "/Users/bob"),
            (
                "package-lock.json",
                "\"https://npm.example/openai.tgz\"",
                "npm.example",
            ),
            (
                "tests/requirements.txt",
                "--index-url https://pypi.org/simple",
                "--index-url",
            ),
            (
                ".cargo/config.toml",
                "replace-with = \"mirror\"",
                "replace-with",
            ),
            (
                "a.yaml",
                "url: http://u:p@git.acme.internal:80/x",
                "git.acme.internal",
            ),
        ] {
            let found = judge(path, line).map(|(what, _)| what).unwrap_or_default();
            assert!(found.contains(sign), "{path}: {line}: {found}");
        }
    }
}
