//! The parts of a running Ark on one machine: folder, files and commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child::{self, LastWord};
use crate::failure::{Doing, Failure, Outcome};
use crate::setup::build::Artefacts;
use crate::up::ports::Ports;
use crate::workspace::Workspace;

/// The literals of `envoy/bootstrap.yaml` that differ from place to place.
const ADMIN: &str = "port_value: 9901";
const SOCKET: &str = "/run/ark/ark.sock";

/// Longest path of a Unix socket, in bytes: `sun_path` is 104 on macOS and 108 on Linux.
const SOCKET_PATH_LIMIT_BYTES: usize = 103;

/// One Ark, ready to be started.
#[derive(Debug)]
pub(crate) struct Stack {
    folder: PathBuf,
    socket: PathBuf,
    artefacts: Artefacts,
    envoy: PathBuf,
    ports: Ports,
}

impl Stack {
    /// Makes its folder and its Envoy bootstrap.
    pub(crate) fn lay(
        workspace: &Workspace,
        artefacts: &Artefacts,
        envoy: PathBuf,
        ports: &Ports,
    ) -> Outcome<Self> {
        // The gateway's port names the folder: two Arks on one machine do not meet.
        let folder = workspace.ark(&format!("run/{}", ports.gateway()));
        fs::create_dir_all(&folder).doing(|| format!("making {}", folder.display()))?;
        let socket = socket_path(&folder, &std::env::temp_dir(), ports.gateway());
        if let Some(parent) = socket.parent() {
            private_folder(parent)?;
        }
        // Left behind by a kill -9; its port is free, so nobody serves it.
        let _ = fs::remove_file(&socket);
        let stack = Self {
            folder,
            socket,
            artefacts: artefacts.clone(),
            envoy,
            ports: ports.clone(),
        };
        let committed = workspace.path("envoy/bootstrap.yaml");
        let text =
            fs::read_to_string(&committed).doing(|| format!("reading {}", committed.display()))?;
        let placed = place_bootstrap(&text, ports.envoy_admin(), &stack.socket)?;
        fs::write(stack.file("bootstrap.yaml"), placed)
            .doing(|| "writing bootstrap.yaml".to_owned())?;
        Ok(stack)
    }

    /// A file of its folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where the sidecar answers.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Makes Envoy ask at another socket than the sidecar's, for somebody who listens between the two:
    /// its path.
    pub(crate) fn listen_between(&self) -> Outcome<PathBuf> {
        let between = self.socket.with_extension("tee");
        let file = self.file("bootstrap.yaml");
        let text = fs::read_to_string(&file).doing(|| format!("reading {}", file.display()))?;
        let [from, to] = [&self.socket, &between].map(|path| path.display().to_string());
        fs::write(&file, text.replace(&from, &to))
            .doing(|| format!("writing {}", file.display()))?;
        Ok(between)
    }

    /// `ark-traffic providers --demo`.
    pub(crate) fn providers(&self, first_port: u16) -> Outcome<Command> {
        let mut command = child::command(&self.artefacts.traffic, LastWord::Kill)?;
        command
            .args(["providers", "--demo", "--port-base"])
            .arg(first_port.to_string());
        Ok(command)
    }

    /// `ark serve`.
    pub(crate) fn sidecar(&self, config: &Path) -> Outcome<Command> {
        let local = |port: u16| format!("127.0.0.1:{port}");
        let mut command = child::command(&self.artefacts.ark, LastWord::Kill)?;
        command
            .arg("serve")
            .arg("--config")
            .arg(config)
            .arg("--socket")
            .arg(&self.socket)
            .arg("--filter")
            .arg(&self.artefacts.filter)
            .arg("--keys")
            .arg(self.file("keys.json"))
            .arg("--ledger")
            .arg(self.file("ledger.db"))
            .args(["--admin", &local(self.ports.admin())])
            .args(["--envoy-admin", &local(self.ports.envoy_admin())])
            .args(["--listen", &local(self.ports.gateway())]);
        Ok(command)
    }

    /// Envoy on the committed bootstrap, with these logging options.
    pub(crate) fn envoy(&self, concurrency: u16, logging: &[&str]) -> Outcome<Command> {
        let mut command = child::command(&self.envoy, LastWord::Kill)?;
        command
            .arg("-c")
            .arg(self.file("bootstrap.yaml"))
            .args(["--concurrency", &concurrency.to_string()])
            .arg("--use-dynamic-base-id")
            .args(logging);
        Ok(command)
    }
}

/// The committed bootstrap with this machine's port and path.
///
/// # Errors
/// A literal is not there: the file has changed, and a silent no-op would start a wrong Envoy.
fn place_bootstrap(committed: &str, admin: u16, socket: &Path) -> Outcome<String> {
    for literal in [ADMIN, SOCKET] {
        if !committed.contains(literal) {
            return Err(Failure::new(format!(
                "envoy/bootstrap.yaml does not hold the literal `{literal}`"
            ))
            .fix("restore it: it is what `up`, the tests and the containers replace"));
        }
    }
    let socket = socket.to_str().ok_or_else(|| {
        Failure::new(format!("{} is not valid UTF-8", socket.display()))
            .fix("move the checkout, or set CARGO_TARGET_DIR to a plain path")
    })?;
    Ok(committed
        .replace(ADMIN, &format!("port_value: {admin}"))
        .replace(SOCKET, socket))
}

/// The socket beside the other files, or below the temporary folder when that path is too long.
fn socket_path(folder: &Path, temporary: &Path, port: u16) -> PathBuf {
    let wanted = folder.join("ark.sock");
    if wanted.as_os_str().len() <= SOCKET_PATH_LIMIT_BYTES {
        return wanted;
    }
    let user = rustix::process::getuid().as_raw();
    temporary
        .join(format!("ark-{user}-{port}"))
        .join("ark.sock")
}

/// Makes a folder for this user alone: keys pass through the socket in it.
fn private_folder(folder: &Path) -> Outcome<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    if !folder.exists() {
        let made = fs::DirBuilder::new().mode(0o700).create(folder);
        return made.doing(|| format!("making {}", folder.display()));
    }
    let found = folder
        .symlink_metadata()
        .doing(|| format!("looking at {}", folder.display()))?;
    if found.is_dir() && found.uid() == rustix::process::getuid().as_raw() {
        return Ok(());
    }
    Err(
        Failure::new(format!("{} belongs to somebody else", folder.display()))
            .fix("set TMPDIR or CARGO_TARGET_DIR to a folder of your own"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bootstrap_differs_in_its_two_literals_only() {
        let committed = "admin: {port_value: 9901}\npipe: {path: /run/ark/ark.sock}\n";
        let placed = place_bootstrap(committed, 19_901, Path::new("/t/ark.sock")).unwrap();
        assert_eq!(
            placed,
            "admin: {port_value: 19901}\npipe: {path: /t/ark.sock}\n"
        );
        let failure = place_bootstrap("port_value: 9901", 1, Path::new("/t")).unwrap_err();
        assert!(
            failure.to_string().contains("/run/ark/ark.sock"),
            "{failure}"
        );
    }

    #[test]
    fn a_socket_path_always_fits() {
        let temporary = Path::new("/tmp");
        let short = socket_path(Path::new("/c/target/ark/run/8080"), temporary, 8080);
        assert_eq!(short, Path::new("/c/target/ark/run/8080/ark.sock"));
        let deep = socket_path(Path::new(&"/deep".repeat(30)), temporary, 8080);
        assert!(deep.starts_with("/tmp") && deep.ends_with("ark.sock"));
        assert!(deep.as_os_str().len() <= SOCKET_PATH_LIMIT_BYTES);
    }
}
