//! Every example configuration passes `ark check`.

use std::time::Duration;

use super::Finding;
use super::tree::Tree;
use crate::child::{self, LastWord};
use crate::failure::{Failure, Outcome};
use crate::test::in_checkout;
use crate::workspace::Workspace;

const BUILD_DEADLINE: Duration = Duration::from_secs(30 * 60);

/// Runs `ark check` on `ark.yaml` and `examples/*.yaml`.
pub(super) fn check(workspace: &Workspace, tree: &Tree) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    if tree.text("ark.yaml").is_none() {
        findings.push(Finding::new(
            "ark.yaml",
            1,
            "there is no such file",
            "write it",
        ));
    }
    let build = ["build", "--quiet", "-p", "ark-sidecar", "--bin", "ark"];
    if !child::run(in_checkout(workspace, &build)?, BUILD_DEADLINE)?.success() {
        return Err(Failure::new("tidy needs `ark check`, which does not build"));
    }
    let ark = workspace.built("debug/ark");
    for path in tree.paths().filter(|path| is_configuration(path)) {
        let mut command = child::command(&ark, LastWord::Kill)?;
        command.arg("check").arg(path).current_dir(workspace.root());
        let said = child::capture(command, Duration::from_secs(30))?;
        if !said.status.success() {
            let what = format!(
                "does not pass `ark check`:\n  {}",
                said.last_lines(10).replace('\n', "\n  ")
            );
            findings.push(Finding::new(path, 1, what, "mend it"));
        }
    }
    Ok(findings)
}

fn is_configuration(path: &str) -> bool {
    let example = path.strip_prefix("examples/");
    path == "ark.yaml" || example.is_some_and(|name| name.ends_with(".yaml") && !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_ark_yaml_and_the_examples() {
        assert!(is_configuration("ark.yaml"));
        assert!(is_configuration("examples/with-llm.yaml"));
        assert!(!is_configuration("examples/README.md"));
        assert!(!is_configuration("docker-compose.yml"));
    }
}
