//! `cargo xtask tidy`: the documents and pins tell the truth.

mod examples;
mod hosts;
mod names;
mod pins;
mod sizes;
mod tables;
mod tree;

use std::fmt;

use crate::console;
use crate::failure::{Failure, Outcome};
use crate::workspace::Workspace;

use tree::Tree;

/// Something that is not as it should be, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    file: String,
    line: usize,
    what: String,
    remedy: String,
    /// Shown, but no failure.
    mild: bool,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            what: what.into(),
            remedy: remedy.into(),
            mild: false,
        }
    }

    fn mild(self) -> Self {
        Self { mild: true, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file, line, what, ..
        } = self;
        write!(f, "{file}:{line}: {what}; {}", self.remedy)
    }
}

/// Prints every finding; fails when one is more than mild.
pub(crate) fn run(workspace: &Workspace) -> Outcome<()> {
    let tree = Tree::read(workspace)?;
    let mut findings = names::check(&tree);
    findings.extend(names::sections(&tree));
    findings.extend(tables::check(&tree));
    findings.extend(pins::check(&tree));
    findings.extend(hosts::check(&tree));
    findings.extend(sizes::check(&tree));
    findings.extend(examples::check(workspace, &tree)?);
    findings.sort_by(|a, b| (a.mild, &a.file, a.line).cmp(&(b.mild, &b.file, b.line)));
    for finding in &findings {
        if finding.mild {
            console::warn(&finding.to_string());
        } else {
            console::line(&finding.to_string());
        }
    }
    let grave = findings.iter().filter(|finding| !finding.mild).count();
    if grave == 0 {
        console::line(&format!("tidy: {} files, nothing to mend", tree.len()));
        return Ok(());
    }
    Err(Failure::new(format!("tidy: {grave} finding(s)")))
}
