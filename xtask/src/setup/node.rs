//! The npm `openai` SDK, where Node.js is: the tests drive the gateway with it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Doing, Failure, Outcome};
use crate::workspace::{Workspace, on_path};

/// The SDK under test, pinned: the last line that runs on Node.js 20, which distributions still ship.
const SDK: &str = "openai@6.30.1";

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
    if fs::read_to_string(&stamp).ok().as_deref() == Some(SDK) {
        return Ok(Some(modules));
    }
    console::step(&format!("npm install {SDK} into {}", workspace.show(&home)));
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
        .arg(SDK);
    let said = child::capture(command, Duration::from_secs(300))?;
    if !said.status.success() {
        return Err(
            Failure::new(format!("npm install {SDK} failed:\n{}", said.last_lines(6)))
                .fix("check the network or npm's proxy settings, then run this again"),
        );
    }
    fs::write(&stamp, SDK).doing(|| "marking the npm modules".to_owned())?;
    Ok(Some(modules))
}
