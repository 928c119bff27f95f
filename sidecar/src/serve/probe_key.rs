//! The key by which the sidecar's own probes come in: made here, kept beside the socket, so that a restart
//! changes nothing that Envoy's workers run.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::credential::Secret;
use crate::keys;

/// The owner alone: Envoy needs its digest only.
const MODE: u32 = 0o600;
/// Longest key that is read, bytes.
const LIMIT_BYTES: u64 = 256;

/// The key of the sidecar whose socket this is; a new one where there is none.
///
/// # Errors
/// The system has no randomness.
pub(super) fn of(socket: &Path) -> Result<Secret, String> {
    let path = beside(socket);
    if let Some(known) = read(&path) {
        return Ok(known);
    }
    let fresh = keys::fresh()?;
    if let Err(error) = write(&path, &fresh) {
        let path = path.display();
        tracing::warn!(%path, %error, "cannot keep the key of probes; a restart makes a new snapshot");
    }
    Ok(Secret::new(fresh))
}

fn beside(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".probe-key");
    PathBuf::from(name)
}

/// What an earlier sidecar has left, if it is a key.
fn read(path: &Path) -> Option<Secret> {
    let file = fs::File::open(path).ok()?;
    let mut text = String::new();
    file.take(LIMIT_BYTES).read_to_string(&mut text).ok()?;
    let is_key = text.len() == 36 && text.starts_with("ark-");
    is_key.then(|| Secret::new(text))
}

fn write(path: &Path, key: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // Whatever is there is no key of ours: never written into, and a link is not followed.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(key.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn the_key_outlives_a_restart_and_is_its_owners_alone() {
        let dir = TempDir::new();
        let socket = dir.path().join("run/ark.sock");
        let first = of(&socket).unwrap();
        assert!(first == of(&socket).unwrap());
        let file = dir.path().join("run/ark.sock.probe-key");
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(&file, "garbage").unwrap();
        let second = of(&socket).unwrap();
        assert!(first != second && second == of(&socket).unwrap());
    }

    #[test]
    fn where_it_cannot_be_kept_it_is_made_anew() {
        let dir = TempDir::new();
        fs::write(dir.path().join("file"), "").unwrap();
        let socket = dir.path().join("file/ark.sock");
        assert!(of(&socket).unwrap() != of(&socket).unwrap());
    }
}
