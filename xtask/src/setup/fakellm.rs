//! `fakellm`, somebody else's mock of OpenAI's and of Anthropic's API, in an environment of its own: what
//! it depends on must not meet what the SDKs under test depend on.

use std::path::PathBuf;

use crate::failure::{Failure, Outcome};
use crate::setup::python::Environment;
use crate::workspace::Workspace;

const ENVIRONMENT: Environment = Environment {
    name: "fakellm",
    requirements: "tests/fakellm/requirements.txt",
    without_dependencies: false,
};

/// Finds or installs it; returns its program.
pub(crate) fn ready(workspace: &Workspace) -> Outcome<PathBuf> {
    let program = ENVIRONMENT.ready(workspace)?.with_file_name("fakellm");
    if program.is_file() {
        return Ok(program);
    }
    Err(Failure::new("the wheel of fakellm holds no program"))
}
