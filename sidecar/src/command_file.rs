//! Where operators' commands are kept, so that a restart of the sidecar does not undo them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::canary::KeptCanary;
use crate::key_file::replace;

/// Thousands of commands fit.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;
const VERSION: u32 = 1;

/// What was commanded, and where canaries have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Providers that are drained by command: since when, milliseconds since the Unix epoch.
    #[serde(default)]
    pub drains: BTreeMap<String, u64>,
    /// Canaries that are moved by Ark or by command, by their models.
    #[serde(default)]
    pub canaries: BTreeMap<String, KeptCanary>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    kept: Kept,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    kept: &'a Kept,
}

/// A file of commands.
#[derive(Clone, Debug)]
pub struct CommandFile(PathBuf);

impl CommandFile {
    /// The file at `path`, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What is in it; nothing when it is not there.
    ///
    /// # Errors
    /// It cannot be read, or is not what [`CommandFile::save`] wrote: better no start than a provider in
    /// maintenance that gets requests.
    pub fn load(&self) -> Result<Kept, String> {
        let wrong = |reason: String| format!("{}: {reason}", self.0.display());
        let size = match fs::metadata(&self.0) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        if size > LIMIT_BYTES {
            return Err(wrong(format!("is larger than {LIMIT_BYTES} bytes")));
        }
        let bytes = fs::read(&self.0).map_err(|error| wrong(error.to_string()))?;
        let read: Read = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("is not a file of commands: {error}")))?;
        match read.version {
            VERSION => Ok(read.kept),
            other => Err(wrong(format!(
                "is of version {other}, this Ark knows {VERSION}"
            ))),
        }
    }

    /// Replaces what is in it, whole or not at all, and on disk before it returns.
    ///
    /// # Errors
    /// It could not be written; the old content stays.
    pub fn save(&self, kept: &Kept) -> Result<(), String> {
        let written = Written {
            version: VERSION,
            kept,
        };
        let bytes = serde_json::to_vec_pretty(&written).map_err(io::Error::other);
        bytes
            .and_then(|bytes| replace(&self.0, &bytes))
            .map_err(|error| format!("cannot write {}: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_is_saved_is_loaded_and_what_is_something_else_is_an_error() {
        let dir = TempDir::new();
        let path = dir.path().join("commands.json");
        let file = CommandFile::new(path.clone());
        assert_eq!(file.load(), Ok(Kept::default()));
        let kept = Kept {
            drains: BTreeMap::from([("azure".to_owned(), 1_768_000_000_000)]),
            canaries: BTreeMap::new(),
        };
        file.save(&kept).unwrap();
        assert_eq!(file.load(), Ok(kept));
        for content in [
            "",
            "{}",
            r#"{"version": 2, "kept": {}}"#,
            r#"{"version": 1}"#,
        ] {
            fs::write(&path, content).unwrap();
            let error = file.load().unwrap_err();
            assert!(error.contains("commands.json"), "{error}");
        }
        let nowhere = CommandFile::new(dir.path().join("no/commands.json"));
        assert!(nowhere.save(&Kept::default()).is_err());
    }
}
