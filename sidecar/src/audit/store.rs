//! The file that is written to.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;

use super::chain::{self, Link, Read};
use super::event::Event;
use super::files;
use crate::digest;

/// Workers whose last record is remembered at most.
const MOST_WORKERS: usize = 4_096;

/// How files follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A file is not continued beyond so many bytes.
    pub rotate_bytes: u64,
    /// Nor when it was begun so long ago, milliseconds.
    pub rotate_ms: u64,
    /// A file goes when its last line is so old, milliseconds; `None`: never.
    pub keep_ms: Option<u64>,
    /// A line counts as written when the disk has it, not only the kernel.
    pub is_durable: bool,
}

/// A log that is open.
pub struct Store {
    dir: PathBuf,
    rules: Rules,
    file: File,
    file_bytes: u64,
    /// When the file was begun, milliseconds since the Unix epoch.
    begun_ms: u64,
    link: Link,
    seen: BTreeMap<String, u64>,
    /// A write failed half-way, and what it left is still there.
    is_dirty: bool,
    _lock: File,
}

/// What a file was found to hold.
struct Scanned {
    link: Option<Link>,
    /// When its first line was written.
    begun_ms: Option<u64>,
    tail: Tail,
}

enum Tail {
    None,
    /// Whole but for its line feed.
    Unended,
    /// The process was killed while it wrote this.
    Torn(Vec<u8>),
    /// A line that is not right, with others behind it.
    Broken(u64),
}

#[derive(Deserialize)]
struct OfRequest {
    worker: Option<String>,
    record: Option<u64>,
}

impl Store {
    /// Opens the log of `dir`, makes it if there is none, and goes on where it ends.
    ///
    /// # Errors
    /// In words for the operator: it cannot be read or written, or another process writes to it.
    pub fn open(dir: &Path, rules: Rules, now_ms: u64) -> Result<Self, String> {
        let say =
            |error: io::Error| format!("cannot write the audit log in {}: {error}", dir.display());
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(say)?;
        let lock = files::lock(dir)?;
        let mut seen = BTreeMap::new();
        let files = files::list(dir).map_err(say)?;
        let last = files.last().cloned();
        let (mut link, mut tail, mut begun_ms): (Option<Link>, _, _) = (None, Tail::None, None);
        for (age, (_, path)) in files.iter().rev().enumerate() {
            // The file before the newest one tells which records of workers are in the log: what they
            // resend may have been written just before the new file was begun.
            if age > 1 && link.is_some() {
                break;
            }
            let scanned = scan(path, &mut seen).map_err(say)?;
            if age == 0 {
                (tail, begun_ms) = (scanned.tail, scanned.begun_ms);
            }
            link = link.or(scanned.link);
        }
        let link = link.unwrap_or_default();
        let first = last.as_ref().map_or(1, |(first, _)| *first);
        let path = match &last {
            Some((_, path)) => path.clone(),
            None => dir.join(files::name(1)),
        };
        let file = append_to(&path).map_err(say)?;
        let mut store = Self {
            dir: dir.to_owned(),
            rules,
            file_bytes: file.metadata().map_err(say)?.len(),
            file,
            begun_ms: begun_ms.unwrap_or(now_ms),
            link,
            seen,
            is_dirty: false,
            _lock: lock,
        };
        store.mend(tail, first, now_ms).map_err(say)?;
        Ok(store)
    }

    /// Where the chain ends.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Says what the last process left behind in the file that begins with line `first`, instead of
    /// dropping it.
    fn mend(&mut self, tail: Tail, first: u64, now_ms: u64) -> io::Result<()> {
        match tail {
            Tail::None => Ok(()),
            Tail::Unended => self.write(b"\n"),
            Tail::Torn(bytes) => {
                tracing::warn!(
                    bytes = bytes.len(),
                    "the audit log's last line was not finished; it is marked"
                );
                self.write(b"\n")?;
                let sha256 = digest::hex(&[&bytes]);
                let torn = json!({ "bytes": bytes.len(), "sha256": sha256 });
                self.append(&[Event::new("torn", torn)], now_ms).map(|_| ())
            }
            Tail::Broken(line) => {
                tracing::error!(
                    line,
                    "the audit log was changed; a new chain begins behind it"
                );
                // Beyond what the changed file can hold, so that it is left as it was found.
                let behind = first.saturating_add(line);
                self.link = Link {
                    sequence: self.link.sequence.max(behind),
                    hash: Link::default().hash,
                };
                self.begin_file(now_ms)?;
                let broken = json!({ "line": line });
                self.append(&[Event::new("broken", broken)], now_ms)
                    .map(|_| ())
            }
        }
    }

    /// Writes events, each a line, all or none; how many were new.
    ///
    /// # Errors
    /// None of them is written.
    pub fn append(&mut self, events: &[Event], now_ms: u64) -> io::Result<u64> {
        if self.is_dirty {
            self.cut_back()?;
        }
        if self.is_full(now_ms) {
            self.begin_file(now_ms)?;
            self.prune(now_ms);
        }
        let (mut text, mut link, mut new) = (String::new(), self.link.clone(), 0);
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for event in events {
            if let Some((worker, record)) = &event.record {
                let before = seen.get(worker.as_str()).or_else(|| self.seen.get(worker));
                if before.is_some_and(|before| before >= record) {
                    continue;
                }
                seen.insert(worker, *record);
            }
            link = chain::write(&link, now_ms, &event.json, &mut text);
            new += 1;
        }
        self.write(text.as_bytes())?;
        self.link = link;
        for (worker, record) in seen {
            remember(&mut self.seen, worker, record);
        }
        Ok(new)
    }

    fn is_full(&self, now_ms: u64) -> bool {
        let is_old = now_ms.saturating_sub(self.begun_ms) >= self.rules.rotate_ms;
        self.file_bytes > 0 && (is_old || self.file_bytes >= self.rules.rotate_bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let written = self
            .file
            .write_all(bytes)
            .and_then(|()| match self.rules.is_durable {
                true => self.file.sync_data(),
                false => Ok(()),
            });
        match written {
            Ok(()) => {
                self.file_bytes += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.is_dirty = true;
                let _ = self.cut_back();
                Err(error)
            }
        }
    }

    /// Takes back what a failed write has left.
    fn cut_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.file_bytes)?;
        self.file.seek(SeekFrom::End(0))?;
        self.is_dirty = false;
        Ok(())
    }

    /// Goes on in a new file: its first line holds the digest of the last one's last.
    fn begin_file(&mut self, now_ms: u64) -> io::Result<()> {
        let path = self
            .dir
            .join(files::name(self.link.sequence.saturating_add(1)));
        self.file.sync_data()?;
        let file = append_to(&path)?;
        File::open(&self.dir)?.sync_all()?;
        (self.file_bytes, self.begun_ms) = (file.metadata()?.len(), now_ms);
        self.file = file;
        tracing::info!(
            sequence = self.link.sequence,
            head = self.link.hash,
            "the audit log goes on in a new file"
        );
        Ok(())
    }

    /// Removes files whose last line is too old: that they go is written down before.
    fn prune(&mut self, now_ms: u64) {
        let Some(keep_ms) = self.rules.keep_ms else {
            return;
        };
        if let Err(error) = self.prune_before(now_ms.saturating_sub(keep_ms), now_ms) {
            tracing::warn!(%error, "old files of the audit log could not be removed");
        }
    }

    fn prune_before(&mut self, before_ms: u64, now_ms: u64) -> io::Result<()> {
        let files = files::list(&self.dir)?;
        let mut old = Vec::new();
        for pair in files.windows(2) {
            let [(_, path), (next, next_path)] = pair else {
                continue;
            };
            // What the next file begins with is later than all that is in this one.
            let Some((at_ms, previous)) = head_of(next_path)? else {
                break;
            };
            if at_ms >= before_ms {
                break;
            }
            old.push((path, next.saturating_sub(1), previous));
        }
        for (path, through, hash) in old {
            let gone = json!({ "through": through, "hash": hash });
            let mut text = String::new();
            let link = chain::write(
                &self.link,
                now_ms,
                &Event::new("pruned", gone).json,
                &mut text,
            );
            self.write(text.as_bytes())?;
            self.link = link;
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// When the first line of a file was written, and the digest that it follows.
fn head_of(path: &Path) -> io::Result<Option<(u64, String)>> {
    let mut line = Vec::new();
    chain::next_line(&mut BufReader::new(File::open(path)?), &mut line)?;
    Ok(chain::read(&line).map(|entry| (entry.at_ms, entry.previous.to_owned())))
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

fn remember(seen: &mut BTreeMap<String, u64>, worker: &str, record: u64) {
    if seen.len() >= MOST_WORKERS && !seen.contains_key(worker) {
        seen.pop_first();
    }
    let newest = seen.entry(worker.to_owned()).or_default();
    *newest = record.max(*newest);
}

fn scan(path: &Path, seen: &mut BTreeMap<String, u64>) -> io::Result<Scanned> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut scanned = Scanned {
        link: None,
        begun_ms: None,
        tail: Tail::None,
    };
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        number += 1;
        let is_ended = match chain::next_line(&mut file, &mut line)? {
            Read::Nothing => return Ok(scanned),
            Read::Ended => true,
            Read::Unended => false,
        };
        let entry = chain::read(&line);
        let entry =
            entry.filter(|entry| scanned.link.as_ref().is_none_or(|link| entry.follows(link)));
        let Some(entry) = entry else {
            let is_last = file.fill_buf()?.is_empty();
            if is_last && !is_ended {
                scanned.tail = Tail::Torn(line);
                return Ok(scanned);
            }
            if is_ended && is_marked(&mut file, &line)? {
                continue;
            }
            scanned.tail = Tail::Broken(number);
            return Ok(scanned);
        };
        if let Ok(OfRequest {
            worker: Some(worker),
            record: Some(record),
        }) = serde_json::from_str(entry.event)
        {
            remember(seen, &worker, record);
        }
        scanned.begun_ms.get_or_insert(entry.at_ms);
        scanned.link = Some(entry.link);
        if !is_ended {
            scanned.tail = Tail::Unended;
        }
    }
}

/// Whether the next line says that this one was torn.
fn is_marked(file: &mut BufReader<File>, torn: &[u8]) -> io::Result<bool> {
    let position = file.stream_position()?;
    let mut next = Vec::new();
    chain::next_line(file, &mut next)?;
    file.seek(SeekFrom::Start(position))?;
    Ok(chain::read(&next).is_some_and(|entry| super::verify::marks(entry.event, torn)))
}
