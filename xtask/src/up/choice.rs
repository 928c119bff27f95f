//! What `up` runs: the demo, the operator's file, or real providers.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::console;
use crate::failure::{Doing, Outcome};
use crate::up::UpArgs;
use crate::up::ports::{self, DEFAULT_PROVIDERS, Ports};
use crate::up::real::RealKeys;
use crate::up::stack::Stack;
use crate::workspace::Workspace;

/// The demo providers whose keys the demo's configuration reads from the environment.
const DEMO: [&str; 4] = ["official", "azure", "optimized", "domestic"];

/// The decision, and why.
#[derive(Debug)]
pub(crate) struct Choice {
    /// One line for the person.
    pub(crate) said: String,
    /// Whether demo providers are needed.
    pub(crate) demo: bool,
    /// Whether the language model is needed.
    pub(crate) llm: bool,
    /// The file that the text comes from; `None` when it was made up here.
    file: Option<PathBuf>,
    text: String,
    /// Whether the demo's client key is in it: it is not in an operator's own file.
    ours: bool,
}

impl Choice {
    /// Looks at the options and the environment.
    pub(crate) fn make(workspace: &Workspace, args: &UpArgs) -> Outcome<Self> {
        if let Some(file) = &args.config {
            let file = file
                .canonicalize()
                .doing(|| format!("opening {}", file.display()))?;
            let said = format!("running {}", file.display());
            return Self::of(file, said, false);
        }
        if args.with_llm {
            let said = "running the demo providers and SmolLM2 (examples/with-llm.yaml)";
            let file = workspace.path("examples/with-llm.yaml");
            return Self::of(file, said.to_owned(), true);
        }
        let keys = RealKeys::read(|name| env::var(name).ok());
        if let Some(names) = keys.names().filter(|_| !args.demo) {
            return Ok(Self {
                said: format!(
                    "REAL providers, as {names} is in the environment (--demo runs the demo)"
                ),
                demo: false,
                llm: false,
                file: None,
                text: keys.config(),
                ours: true,
            });
        }
        let said = "running the demo providers (ark.yaml)".to_owned();
        Self::of(workspace.path("ark.yaml"), said, true)
    }

    fn of(file: PathBuf, said: String, ours: bool) -> Outcome<Self> {
        let text = fs::read_to_string(&file).doing(|| format!("reading {}", file.display()))?;
        Ok(Self {
            said,
            demo: ports::uses_demo(&text),
            llm: ports::uses_llm(&text),
            file: Some(file),
            text,
            ours,
        })
    }

    /// The file for the sidecar: the chosen one itself, so that edits to it take effect while it
    /// runs, or one below `target/ark` where there is none or ports had to be changed.
    pub(crate) fn place(&self, stack: &Stack, ports: &Ports) -> Outcome<PathBuf> {
        let moved = ports.moved(&self.text);
        if let Some(file) = self.file.as_ref().filter(|_| moved == self.text) {
            return Ok(file.clone());
        }
        let placed = stack.file("ark.yaml");
        fs::write(&placed, moved).doing(|| format!("writing {}", placed.display()))?;
        let what = match self.file {
            Some(_) => format!("a copy with ports {DEFAULT_PROVIDERS}… moved"),
            None => "a configuration made for these providers".to_owned(),
        };
        console::step(&format!("{what}: {}", placed.display()));
        Ok(placed)
    }

    /// The demo providers' keys, as the variables that `ark.yaml` reads.
    ///
    /// Our own demo never gets a real key of the same name; the operator's file keeps theirs.
    pub(crate) fn demo_keys(&self) -> Vec<(String, String)> {
        DEMO.iter()
            .filter(|_| self.demo)
            .map(|name| {
                (
                    format!("{}_API_KEY", name.to_uppercase()),
                    format!("key-{name}"),
                )
            })
            .filter(|(variable, _)| self.ours || env::var_os(variable).is_none())
            .collect()
    }

    /// A key that clients can use.
    pub(crate) fn client_key(&self) -> &'static str {
        if self.ours { "ark-demo" } else { "YOUR-KEY" }
    }

    /// A model that clients can ask for.
    pub(crate) fn model(&self) -> String {
        let wanted = self.llm.then_some("smollm2-135m-instruct");
        let listed = models(&self.text);
        let found = listed.iter().find(|model| wanted == Some(model.as_str()));
        found
            .or_else(|| listed.first())
            .cloned()
            .unwrap_or_else(|| "YOUR-MODEL".to_owned())
    }
}

/// The names under `models:`, for a line of help: the sidecar is the one that reads the file.
fn models(config: &str) -> Vec<String> {
    config
        .lines()
        .skip_while(|line| line.trim_end() != "models:")
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '-', '#']))
        .filter_map(|line| line.trim_start().strip_prefix("- name:"))
        .map(|name| {
            let name = name.split(" #").next().unwrap_or(name);
            name.trim().trim_matches(['"', '\'']).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_the_greeting_is_one_of_the_file() {
        let config = "providers:\n  - name: official\nmodels:\n  # first\n  - name: gpt-4o-mini # cheap\n    targets:\n      - provider: official\n  - name: \"b\"\ntenants:\n  - name: demo\n";
        assert_eq!(models(config), ["gpt-4o-mini", "b"]);
        assert!(models("version: 1").is_empty());
    }

    #[test]
    fn our_demo_gets_the_demos_keys() {
        let choice = |demo| Choice {
            said: String::new(),
            demo,
            llm: false,
            file: None,
            text: String::new(),
            ours: true,
        };
        let keys = choice(true).demo_keys();
        assert_eq!(keys.len(), 4);
        assert!(keys.contains(&("AZURE_API_KEY".to_owned(), "key-azure".to_owned())));
        assert!(choice(false).demo_keys().is_empty());
    }
}
