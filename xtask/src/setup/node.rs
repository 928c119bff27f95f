//! The npm `openai` SDK, with which the tests drive the gateway, and `aimock`, somebody else's mock of
//! many providers, where Node.js is.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Doing, Failure, Outcome};
use crate::workspace::{Workspace, on_path};

/// Pinned; of the SDK the last line that runs on Node.js 20, which distributions still ship.
const PACKAGES: [&str; 2] = ["openai@6.30.1", "@copilotkit/aimock@1.43.0"];

/// The folder of the modules; `None`, said aloud, where there is no Node.js.
pub(crate) fn ready(workspace: &Workspace) -> Outcome<Option<PathBuf>> {
    let home = workspace.ark("node");
    let modules = home.join("node_modules");
    let (Some(_), Some(npm)) = (on_path("node"), on_path("npm")) else {
        console::warn(&format!(
            "no node or npm: the tests with the npm SDK are SKIPPED ({} brings them back)",
            super::install_command("nodejs npm", "nodejs npm")
        ));
        return Ok(None);
    };
    let stamp = home.join("ark-stamp");
    let packages = PACKAGES.join(" ");
    if fs::read_to_string(&stamp).ok().as_deref() == Some(&packages) {
        return Ok(Some(modules));
    }
    console::step(&format!(
        "npm install {packages} into {}",
        workspace.show(&home)
    ));
    fs::create_dir_all(&home).doing(|| format!("making {}", home.display()))?;
    let mut command = child::command(npm, LastWord::Kill)?;
    command
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-save",
            "--ignore-scripts",
        ])
        .args([
            "--fetch-retries",
            "2",
            "--fetch-timeout",
            "20000",
            "--prefix",
        ])
        .arg(&home)
        .args(PACKAGES);
    let said = child::capture(command, Duration::from_secs(300))?;
    if !said.status.success() {
        return Err(Failure::new(format!(
            "npm install {packages} failed:\n{}",
            said.last_lines(6)
        ))
        .fix("check the network or npm's proxy settings, then run this again"));
    }
    fs::write(&stamp, packages).doing(|| "marking the npm modules".to_owned())?;
    Ok(Some(modules))
}
