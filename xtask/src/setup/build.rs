//! Building what runs: the filter, `ark` and `ark-traffic`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Failure, Outcome};
use crate::workspace::{Workspace, cargo, on_path};

/// The filter's target.
pub(crate) const WASM_TARGET: &str = "wasm32-wasip1";

/// A full build on a slow machine; a build that takes longer hangs.
const BUILD_DEADLINE: Duration = Duration::from_secs(45 * 60);

/// What was built.
#[derive(Clone, Debug)]
pub(crate) struct Artefacts {
    /// The sidecar.
    pub(crate) ark: PathBuf,
    /// The filter's Wasm module.
    pub(crate) filter: PathBuf,
    /// Demo providers and load.
    pub(crate) traffic: PathBuf,
}

/// The profile of the host's binaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// Fast to run.
    #[default]
    Release,
    /// Fast to build.
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// Builds all three, installing the Wasm target first if it is missing.
pub(crate) fn all(workspace: &Workspace, profile: Profile) -> Outcome<Artefacts> {
    wasm_target(workspace)?;
    console::step("building the filter (wasm32-wasip1)");
    // As a library for tests too, it would be linked without optimisation over crates: a tenth larger.
    let filter = [
        "-p",
        "ark-filter",
        "--lib",
        "--crate-type",
        "cdylib",
        "--profile",
        "wasm",
        "--target",
        WASM_TARGET,
    ];
    cargo_with(workspace, "rustc", &filter)?;
    console::step(&format!(
        "building ark and ark-traffic ({})",
        profile.name()
    ));
    let host = [
        "-p",
        "ark-sidecar",
        "-p",
        "ark-traffic",
        "--bins",
        "--profile",
        profile.name(),
    ];
    cargo_build(workspace, &host)?;
    let folder = workspace.built(profile.folder());
    Ok(Artefacts {
        ark: present(folder.join("ark"))?,
        filter: present(workspace.built("wasm32-wasip1/wasm/ark_filter.wasm"))?,
        traffic: present(folder.join("ark-traffic"))?,
    })
}

/// Builds what `replay-live` plays the trace with.
pub(crate) fn replay_live(workspace: &Workspace) -> Outcome<PathBuf> {
    let arguments = ["-p", "ark-sidecar", "--example", "replay_live", "--release"];
    cargo_build(workspace, &arguments)?;
    present(workspace.built("release/examples/replay_live"))
}

fn cargo_build(workspace: &Workspace, arguments: &[&str]) -> Outcome<()> {
    cargo_with(workspace, "build", arguments)
}

fn cargo_with(workspace: &Workspace, verb: &str, arguments: &[&str]) -> Outcome<()> {
    let mut command = child::command(cargo(), LastWord::Kill)?;
    command
        .arg(verb)
        .args(arguments)
        .current_dir(workspace.root());
    if child::run(command, BUILD_DEADLINE)?.success() {
        return Ok(());
    }
    Err(Failure::new(format!("cargo {verb} {} failed", arguments.join(" "))).fix(compiler_hint()))
}

/// The most common reason on a fresh machine, when it applies.
fn compiler_hint() -> String {
    if on_path("cc").is_some() {
        return "see the compiler's messages above".to_owned();
    }
    let install = super::install_command("build-essential", "gcc");
    format!("there is no C toolchain (`cc`), which Rust links with: {install}")
}

fn present(file: PathBuf) -> Outcome<PathBuf> {
    if file.is_file() {
        return Ok(file);
    }
    Err(Failure::new(format!(
        "the build left no {}",
        file.display()
    )))
}

/// Installs the Wasm target where it is missing.
pub(crate) fn wasm_target(workspace: &Workspace) -> Outcome<()> {
    if has_wasm_target(workspace)? {
        return Ok(());
    }
    let Some(rustup) = on_path("rustup") else {
        return Err(Failure::new(format!(
            "this Rust has no {WASM_TARGET} target, and rustup is not there to add it"
        ))
        .fix(format!(
            "install Rust with rustup (https://rustup.rs), or add your distribution's\n\
             package of the {WASM_TARGET} standard library (Debian: libstd-rust-dev-wasm32)"
        )));
    };
    console::step(&format!("rustup target add {WASM_TARGET}"));
    let mut command = child::command(rustup, LastWord::Kill)?;
    command
        .args(["target", "add", WASM_TARGET])
        .current_dir(workspace.root());
    if child::run(command, Duration::from_secs(300))?.success() {
        return Ok(());
    }
    Err(
        Failure::new(format!("rustup could not add the {WASM_TARGET} target")).fix(format!(
            "check the network, then: rustup target add {WASM_TARGET}"
        )),
    )
}

fn has_wasm_target(workspace: &Workspace) -> Outcome<bool> {
    let mut command = child::command("rustc", LastWord::Kill)?;
    command
        .args(["--print", "target-libdir", "--target", WASM_TARGET])
        .current_dir(workspace.root());
    let said = child::capture(command, Duration::from_secs(300))?;
    if !said.status.success() {
        return Err(
            Failure::new(format!("rustc does not run: {}", said.last_lines(5)))
                .fix("install Rust with rustup (https://rustup.rs)"),
        );
    }
    Ok(Path::new(said.out.trim()).is_dir())
}
