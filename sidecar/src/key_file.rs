//! Where the keys that were made while Ark ran are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::key_book::{Entries, KeyBook};

/// As many keys fit as are made at most, and not much more.
const LIMIT_BYTES: u64 = 192 * 1024 * 1024;
const VERSION: u32 = 1;
const BUFFER_BYTES: usize = 256 * 1024;

/// In the order in which it is written, so that another version is told before what it holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    keys: Entries,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    book: &'a KeyBook,
}

/// A file of keys: digests only, for its owner alone to read.
#[derive(Clone, Debug)]
pub struct KeyFile(PathBuf);

impl KeyFile {
    /// The file at `path`, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// What is in it; nothing when it is not there.
    ///
    /// # Errors
    /// It cannot be read, or is not what [`KeyFile::save`] wrote: better no start than lost keys.
    pub fn load(&self) -> Result<KeyBook, String> {
        let wrong = |reason: String| format!("{}: {reason}", self.0.display());
        let size = match fs::metadata(&self.0) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(KeyBook::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        if size > LIMIT_BYTES {
            return Err(wrong(format!("is larger than {LIMIT_BYTES} bytes")));
        }
        let bytes = fs::read(&self.0).map_err(|error| wrong(error.to_string()))?;
        let read: Read = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("is not a file of keys: {error}")))?;
        if read.version != VERSION {
            return Err(wrong(format!(
                "is of version {}, this Ark knows {VERSION}",
                read.version
            )));
        }
        Ok(KeyBook::from(read.keys))
    }

    /// Replaces what is in it, whole or not at all, and on disk before it returns.
    ///
    /// # Errors
    /// It could not be written; the old content stays.
    pub fn save(&self, book: &KeyBook) -> Result<(), String> {
        self.write(book)
            .map_err(|error| format!("cannot write {}: {error}", self.0.display()))
    }

    fn write(&self, book: &KeyBook) -> io::Result<()> {
        let written = Written {
            version: VERSION,
            book,
        };
        replace_with(&self.0, |file| {
            Ok(serde_json::to_writer_pretty(file, &written)?)
        })
    }
}

/// Replaces what is in a file, whole or not at all, and on disk before it returns; for its owner alone.
///
/// # Errors
/// The old content stays.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

/// The same, of what `write` writes: never all of it in memory.
fn replace_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let new = path.with_extension("new");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    write(&mut file)?;
    file.write_all(b"\n")?;
    file.into_inner()?.sync_all()?;
    fs::rename(&new, path)?;
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_saved_is_loaded_and_nobody_else_reads_it() {
        let dir = TempDir::new();
        let file = KeyFile::new(dir.path().join("keys.json"));
        assert_eq!(file.load(), Ok(KeyBook::default()));
        file.save(&KeyBook::default()).unwrap();
        assert_eq!(file.load(), Ok(KeyBook::default()));
        let mode = fs::metadata(dir.path().join("keys.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!dir.path().join("keys.new").exists());
    }

    #[test]
    fn a_file_of_something_else_is_an_error_that_names_it() {
        let dir = TempDir::new();
        let path = dir.path().join("keys.json");
        let file = KeyFile::new(path.clone());
        for (content, reason) in [
            ("", "is not a file of keys"),
            ("{}", "is not a file of keys"),
            ("{\"version\": 2, \"keys\": {}}", "is of version 2"),
            (
                "{\"version\": 1, \"keys\": {}, \"more\": 1}",
                "is not a file of keys",
            ),
        ] {
            fs::write(&path, content).unwrap();
            let error = file.load().unwrap_err();
            assert!(
                error.contains(reason) && error.contains("keys.json"),
                "{error}"
            );
        }
        let nowhere = KeyFile::new(dir.path().join("no/keys.json"));
        assert!(
            nowhere
                .save(&KeyBook::default())
                .unwrap_err()
                .contains("cannot write")
        );
    }
}
