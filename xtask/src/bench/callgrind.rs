//! Instructions of the hot paths, counted by callgrind: the figure that does not depend on noise.
//!
//! A crate takes part with programs `examples/hot_*.rs`: each takes a count and does its work that
//! often.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::bench::sample::count;
use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::test::in_checkout;
use crate::workspace::{Workspace, on_path};

/// Crates with hot paths: package and folder.
const CRATES: [(&str, &str); 3] = [
    ("ark-gateway-core", "gateway-core"),
    ("ark-wire", "wire"),
    ("ark-dialect", "dialect"),
];

/// The difference of two runs leaves out what happens once: start-up, tables, the first allocation.
const FEW: u64 = 100;
const MANY: u64 = 600;

const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Instructions of one path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Instructions {
    /// Crate and program.
    pub(super) name: String,
    /// Per iteration.
    pub(super) per_iteration: f64,
}

/// Counts all paths of all crates; nothing, said aloud, without valgrind.
pub(super) fn measure(workspace: &Workspace) -> Outcome<Vec<Instructions>> {
    if on_path("valgrind").is_none() {
        console::warn(&format!(
            "no valgrind: instruction counts are SKIPPED ({} brings them)",
            crate::setup::install_command("valgrind", "valgrind")
        ));
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for (package, folder) in CRATES {
        let names = names(&workspace.path(folder).join("examples"));
        if names.is_empty() {
            console::warn(&format!("{folder} has no examples/hot_*.rs: not counted"));
        }
        for name in names {
            console::step(&format!("counting instructions: {folder} {name}"));
            let build = ["build", "--release", "-p", package, "--example", &name];
            if !child::run(in_checkout(workspace, &build)?, DEADLINE)?.success() {
                return Err(Failure::new(format!("{folder}'s {name} does not build")));
            }
            // Two crates may have the same name here: run it before the next is built over it.
            let binary = workspace.built("release/examples").join(&name);
            let few = instructions(workspace, &binary, FEW)?;
            let many = instructions(workspace, &binary, MANY)?;
            all.push(Instructions {
                name: format!("{folder} {name}"),
                per_iteration: count(many.saturating_sub(few)) / count(MANY - FEW),
            });
        }
    }
    Ok(all)
}

/// The programs of a folder, in order.
fn names(examples: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(examples) else {
        return Vec::new();
    };
    let mut names: Vec<String> = files
        .flatten()
        .filter_map(|file| file.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name.starts_with("hot_"))
        .collect();
    names.sort();
    names
}

fn instructions(workspace: &Workspace, binary: &Path, count: u64) -> Outcome<u64> {
    let mut command = child::command("valgrind", LastWord::Kill)?;
    command
        .arg("--tool=callgrind")
        .arg(format!(
            "--callgrind-out-file={}",
            workspace.ark("callgrind.out").display()
        ))
        .arg(binary)
        .arg(count.to_string());
    let said = child::capture(command, DEADLINE)?;
    let collected = parse_collected(&said.err).filter(|_| said.status.success());
    collected.ok_or_else(|| {
        Failure::new(format!(
            "callgrind of {} {count}: {}",
            binary.display(),
            said.last_lines(8)
        ))
    })
}

/// `==123== Collected : 456789` → 456789.
fn parse_collected(said: &str) -> Option<u64> {
    let (_, rest) = said.split_once("Collected :")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrinds_sum_is_found() {
        let said = "==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n";
        assert_eq!(parse_collected(said), Some(1_234_567));
        assert_eq!(parse_collected("==7== error"), None);
        assert!(names(Path::new("/nonexistent")).is_empty());
    }
}
