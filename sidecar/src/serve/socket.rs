//! The Unix socket: its file, and who answers on it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Owner and group: Envoy runs as one of them.
const MODE: u32 = 0o660;

/// A bound socket; its file goes when this does.
pub(super) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Inode and its last change: numbers of inodes are used again at once.
type Identity = (u64, i64, i64);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Only our own: another process may have replaced it.
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|m| (m.ino(), m.ctime(), m.ctime_nsec()))
}

/// Binds the socket at `path`.
///
/// # Errors
/// In words for the operator: what is wrong and what to do.
pub(super) fn bind(path: &Path) -> Result<(UnixListener, SocketFile), String> {
    let shown = path.display();
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::create_dir_all(parent).map_err(|error| {
            format!(
                "cannot create {} for the socket: {error}; create it for this user, or choose \
                 another place with --socket",
                parent.display()
            )
        })?;
    }
    clear_stale(path)?;
    let listener = UnixListener::bind(path).map_err(|error| {
        format!(
            "cannot bind the socket {shown}: {error}; its directory must be writable and its path \
             shorter than 108 bytes, --socket chooses another"
        )
    })?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))
        .map_err(|error| format!("cannot set the mode of the socket {shown}: {error}"))?;
    let identity =
        identity(path).map_err(|error| format!("cannot see the socket {shown}: {error}"))?;
    let file = SocketFile {
        path: path.to_owned(),
        identity,
    };
    Ok((listener, file))
}

/// Removes what a process that was killed has left.
fn clear_stale(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot see {shown}: {error}")),
    };
    if !metadata.file_type().is_socket() {
        return Err(format!(
            "{shown} exists and is not a socket; remove it, or choose another path with --socket"
        ));
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(format!(
            "another process answers on {shown}; stop it, or choose another path with --socket"
        )),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|error| format!("cannot remove the stale socket {shown}: {error}")),
        Err(error) => Err(format!(
            "cannot tell whether another process answers on {shown}: {error}; remove it if none does"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[tokio::test]
    async fn the_socket_is_made_with_its_directory_and_goes_with_its_owner() {
        let dir = TempDir::new();
        let path = dir.path().join("run/ark.sock");
        let (_listener, file) = bind(&path).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_a_living_one_and_a_file_are_not() {
        let dir = TempDir::new();
        let path = dir.path().join("ark.sock");
        let (listener, file) = bind(&path).unwrap();
        let error = bind(&path).err().unwrap();
        assert!(error.contains("another process answers"), "{error}");
        drop(listener);
        let (_listener, newer) = bind(&path).unwrap();
        drop(file);
        assert!(
            path.exists(),
            "the older owner leaves the newer one's file alone"
        );
        drop(newer);

        fs::write(&path, "notes").unwrap();
        let error = bind(&path).err().unwrap();
        assert!(error.contains("is not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
    }
}
