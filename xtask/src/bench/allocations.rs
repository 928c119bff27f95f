//! Allocations per translated chunk, counted by a program of the dialect crate: they do not depend on
//! noise, and in the filter each of them is memory that never shrinks.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Doing, Failure, Outcome};
use crate::test::in_checkout;
use crate::workspace::Workspace;

const PROGRAM: &str = "chunk_allocations";
const DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Allocations per chunk, by who speaks and who listens.
pub(super) type Allocations = BTreeMap<String, f64>;

/// Builds the program and runs it.
pub(super) fn measure(workspace: &Workspace) -> Outcome<Allocations> {
    console::step("counting allocations per translated chunk");
    let build = [
        "build",
        "--release",
        "-p",
        "ark-dialect",
        "--example",
        PROGRAM,
    ];
    if !child::run(in_checkout(workspace, &build)?, DEADLINE)?.success() {
        return Err(Failure::new(format!("{PROGRAM} does not build")));
    }
    let program = workspace.built("release/examples").join(PROGRAM);
    let said = child::capture(child::command(&program, LastWord::Kill)?, DEADLINE)?;
    if !said.status.success() {
        return Err(Failure::new(format!("{PROGRAM}: {}", said.last_lines(8))));
    }
    read(&said.out)
}

fn read(report: &str) -> Outcome<Allocations> {
    serde_json::from_str(report).doing(|| format!("reading what {PROGRAM} says"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_read() {
        let read_in = read("{\"openai to messages, plain text\":0.25}\n").unwrap();
        let counted = read_in.get("openai to messages, plain text");
        assert!(counted.is_some_and(|per_chunk| (per_chunk - 0.25).abs() < 1e-9));
        assert!(read("no JSON").is_err());
    }
}
