//! The files of a log: `audit-` and the number of the first line, so that names sort as lines do.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";

/// A file's name, by the number of its first line.
pub(super) fn name(first: u64) -> String {
    format!("audit-{first:016}.jsonl")
}

/// The files of a log in their order, each with the number of its first line.
///
/// # Errors
/// The directory cannot be read.
pub fn list(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let digits = file_name.to_str().and_then(|name| {
            let rest = name.strip_prefix("audit-")?;
            rest.strip_suffix(".jsonl")
        });
        if let Some(first) = digits.and_then(|digits| digits.parse().ok()) {
            files.push((first, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

/// Takes the log for this process, for as long as the file is open.
pub(super) fn lock(dir: &Path) -> Result<File, String> {
    let path = dir.join(LOCK);
    let file = File::create(&path).map_err(|error| format!("cannot write {path:?}: {error}"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_busy) => Err(format!("another process writes to {}", dir.display())),
    }
}

/// Whether a process writes to the log.
#[must_use]
pub fn is_being_written(dir: &Path) -> bool {
    File::open(dir.join(LOCK)).is_ok_and(|file| file.try_lock_shared().is_err())
}
