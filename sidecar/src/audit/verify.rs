//! Whether a log is what was written.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::chain::{self, Entry, Link, Read};
use super::files;
use crate::digest;

/// How many lines lie between two words of progress.
const PROGRESS_LINES: u64 = 16_384;

/// What a log was found to be, if nothing is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Its files.
    pub files: usize,
    /// Lines that are there.
    pub lines: u64,
    /// The number of the first.
    pub first: u64,
    /// The last one.
    pub head: Link,
    /// Lines that were not finished as the process was killed, and that the next line says so of.
    pub torn: u64,
    /// Lines that were lost, as the log itself says.
    pub lost: u64,
}

/// Where a log is not what was written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 for the whole file.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.what),
            line => write!(f, "{} line {line}: {}", self.file.display(), self.what),
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Said {
    Torn { bytes: u64, sha256: String },
    Pruned { through: u64, hash: String },
    Lost { lines: u64 },
}

fn said(event: &str) -> Option<Said> {
    // Requests are nearly all there is.
    match event.starts_with("{\"what\":\"request\"") {
        true => None,
        false => serde_json::from_str(event).ok(),
    }
}

/// Whether an event says that `torn` was left unfinished.
pub(super) fn marks(event: &str, torn: &[u8]) -> bool {
    match said(event) {
        Some(Said::Torn { bytes, sha256 }) => {
            bytes == torn.len() as u64 && sha256 == digest::hex(&[torn])
        }
        Some(Said::Pruned { .. } | Said::Lost { .. }) | None => false,
    }
}

struct Reader<'a> {
    verdict: Verdict,
    link: Option<Link>,
    /// What the first line follows, when it is not the beginning.
    begins_after: Option<Link>,
    is_beginning_told: bool,
    head: Option<&'a str>,
    is_head_seen: bool,
    /// What was unfinished, until a line says so.
    torn: Option<Vec<u8>>,
    is_being_written: bool,
}

/// Reads all of a log. `head` is a digest that must be in it: one that was kept elsewhere. `progress` is
/// told the lines so far.
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(
    dir: &Path,
    head: Option<&str>,
    progress: &mut dyn FnMut(u64),
) -> Result<Verdict, Wrong> {
    let wrong = |error: io::Error| Wrong {
        file: dir.to_owned(),
        line: 0,
        what: format!("cannot be read: {error}"),
    };
    let mut reader = Reader {
        verdict: Verdict::default(),
        link: None,
        begins_after: None,
        is_beginning_told: false,
        head,
        is_head_seen: false,
        torn: None,
        // Asked before anything is read: what is written from here on may be half there.
        is_being_written: files::is_being_written(dir),
    };
    let files = files::list(dir).map_err(wrong)?;
    let count = files.len();
    for (n, (first, path)) in files.iter().enumerate() {
        reader.file(path, *first, n + 1 == count, progress)?;
    }
    reader.end(dir, &files)
}

impl Reader<'_> {
    fn file(
        &mut self,
        path: &Path,
        first: u64,
        is_last: bool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Wrong> {
        let wrong = |line: u64, what: String| Wrong {
            file: path.to_owned(),
            line,
            what,
        };
        let io = |error: io::Error| wrong(0, format!("cannot be read: {error}"));
        let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(io)?);
        let (mut line, mut number) = (Vec::new(), 0);
        self.verdict.files += 1;
        loop {
            let read = chain::next_line(&mut file, &mut line).map_err(io)?;
            if read == Read::Nothing {
                break;
            }
            number += 1;
            if read == Read::Unended {
                if is_last && self.is_being_written {
                    break;
                }
                let what = "is not finished: it was cut, or its writer was killed; the next `ark serve` marks it";
                return Err(wrong(number, what.to_owned()));
            }
            let is_first = number == 1;
            self.line(&line, is_first.then_some(first))
                .map_err(|what| wrong(number, what))?;
            if self.verdict.lines.is_multiple_of(PROGRESS_LINES) {
                progress(self.verdict.lines);
            }
        }
        match number {
            0 if !is_last => Err(wrong(0, "is empty, and others follow".to_owned())),
            _ => Ok(()),
        }
    }

    /// Takes one line; `first` is the number that the file's name gives its first.
    fn line(&mut self, line: &[u8], first: Option<u64>) -> Result<(), String> {
        let Some(entry) = chain::read(line) else {
            if self.torn.is_some() {
                return Err("is not whole, as the one before it".to_owned());
            }
            self.torn = Some(line.to_owned());
            return Ok(());
        };
        if let Some(torn) = self.torn.take() {
            if !marks(entry.event, &torn) {
                return Err("the line before it was changed".to_owned());
            }
            self.verdict.torn += 1;
        }
        if first.is_some_and(|first| first != entry.link.sequence) {
            return Err("is not the line that the file's name says".to_owned());
        }
        self.follow(&entry)?;
        match said(entry.event) {
            Some(Said::Pruned { through, hash }) => {
                let gone = Link {
                    sequence: through,
                    hash,
                };
                self.is_beginning_told |= self.begins_after.as_ref() == Some(&gone);
            }
            Some(Said::Lost { lines }) => self.verdict.lost += lines,
            Some(Said::Torn { .. }) | None => {}
        }
        self.is_head_seen |= self.head == Some(entry.link.hash.as_str());
        self.verdict.lines += 1;
        self.link = Some(entry.link);
        Ok(())
    }

    fn follow(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        let Some(link) = &self.link else {
            self.verdict.first = entry.link.sequence;
            let before = Link {
                sequence: entry.link.sequence.saturating_sub(1),
                hash: entry.previous.to_owned(),
            };
            if before != Link::default() {
                self.begins_after = Some(before);
            }
            return Ok(());
        };
        if entry.follows(link) {
            return Ok(());
        }
        let (wanted, got) = (link.sequence.saturating_add(1), entry.link.sequence);
        Err(match got == wanted {
            true => format!(
                "{got} does not follow the line before it: a line was changed or put in its place"
            ),
            false => {
                format!("{got} stands where {wanted} belongs: lines were removed, put in or moved")
            }
        })
    }

    fn end(mut self, dir: &Path, files: &[(u64, PathBuf)]) -> Result<Verdict, Wrong> {
        let wrong = |file: Option<&(u64, PathBuf)>, what: String| Wrong {
            file: file.map_or(dir.to_owned(), |(_, path)| path.clone()),
            line: 0,
            what,
        };
        if self.torn.is_some() {
            return Err(wrong(files.last(), "its last line was changed".to_owned()));
        }
        let Some(link) = self.link.take() else {
            return Err(wrong(None, "has no audit log".to_owned()));
        };
        if let (Some(before), false) = (&self.begins_after, self.is_beginning_told) {
            let what = format!(
                "the lines up to {} are missing, and none says that they were removed by age",
                before.sequence
            );
            return Err(wrong(files.first(), what));
        }
        if let (Some(head), false) = (self.head, self.is_head_seen) {
            let what = format!(
                "{head} is not in it: it was cut behind line {}, or is another log",
                link.sequence
            );
            return Err(wrong(files.last(), what));
        }
        self.verdict.head = link;
        Ok(self.verdict)
    }
}
