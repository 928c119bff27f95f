//! Where things are: the checkout, the build's output, and what is installed below it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::failure::{Doing, Failure, Outcome};

/// The checkout and its target directory.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks Cargo, so that `CARGO_TARGET_DIR` and `.cargo/config.toml` are respected.
    pub(crate) fn find() -> Outcome<Self> {
        let output = Command::new(cargo())
            .args([
                "metadata",
                "--format-version",
                "1",
                "--no-deps",
                "--offline",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .doing(|| "running cargo metadata".to_owned())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format!("cargo metadata: {}", said.trim())));
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)
            .doing(|| "reading what cargo metadata said".to_owned())?;
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
        })
    }

    /// The checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path in the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Everything that tasks install or write: `target/ark/…`.
    pub(crate) fn ark(&self, relative: &str) -> PathBuf {
        self.target.join("ark").join(relative)
    }

    /// What Cargo builds: `target/…`.
    pub(crate) fn built(&self, relative: &str) -> PathBuf {
        self.target.join(relative)
    }

    /// `path` without the checkout before it, for messages.
    pub(crate) fn show(&self, path: &Path) -> String {
        let short = path.strip_prefix(&self.root).unwrap_or(path);
        short.display().to_string()
    }
}

/// The Cargo that runs us, so that a `+toolchain` choice holds for what we start.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// The first `program` on `PATH` that is an executable file.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

/// Whether `file` can be run.
pub(crate) fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_tells_where_the_workspace_is() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.path("xtask/Cargo.toml").is_file());
        assert_eq!(workspace.show(&workspace.path("a/b")), "a/b");
    }

    #[test]
    fn only_executable_files_are_programs() {
        assert!(on_path("sh").is_some());
        assert!(on_path("no-such-program-anywhere").is_none());
        assert!(!is_executable(Path::new(env!("CARGO_MANIFEST_DIR"))));
        assert!(!is_executable(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")
        ));
    }
}
