//! Counters of one sidecar: in memory, and in a file that outlives it.
//!
//! The file is a log: a line per counter that changed, the last one of a counter stands. It is written
//! before the answer goes out, so a process that is killed loses nothing. The kernel may lose what it
//! has not yet written when the machine fails; what workers report then makes up for it, as they
//! report totals.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use ark_gateway_core::quota::Counter;
use serde::{Deserialize, Serialize};

use super::{Outcome, Turn};

/// Counters at most; those whose window ended first go first.
const MOST_COUNTERS: usize = 200_000;
/// Counters of a window are kept for so long after its end, for streams that outlast it, seconds.
const KEEP_S: u64 = 3_600;
/// The log is written anew when it is longer than this, and than four times what it holds, bytes.
const REWRITE_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Clone, Debug, Default)]
struct Kept {
    counter: Counter,
    end_s: u64,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(rename = "k")]
    name: std::borrow::Cow<'a, str>,
    #[serde(rename = "e")]
    end_s: u64,
    #[serde(rename = "c")]
    counter: std::borrow::Cow<'a, Counter>,
}

struct Log {
    path: PathBuf,
    file: File,
    written_bytes: u64,
    rewrite_at_bytes: u64,
}

/// The embedded store.
#[derive(Default)]
pub(super) struct Embedded {
    counters: BTreeMap<String, Kept>,
    log: Option<Log>,
    swept_ms: u64,
}

impl Embedded {
    /// Opens a store; leases of before run on for a whole lease, as their workers may live.
    pub(super) fn open(file: Option<&Path>, now_ms: u64, lease_ms: u32) -> Result<Self, String> {
        let mut store = Self::default();
        let Some(path) = file else {
            return Ok(store);
        };
        let fails = |error: std::io::Error| format!("{}: {error}", path.display());
        if path.exists() {
            store.read(path).map_err(fails)?;
        }
        let until_ms = now_ms.saturating_add(lease_ms.into());
        for kept in store.counters.values_mut() {
            kept.counter.prolong(until_ms);
        }
        store.sweep(now_ms);
        let file = OpenOptions::new().create(true).append(true).open(path);
        store.log = Some(Log {
            path: path.to_owned(),
            file: file.map_err(fails)?,
            written_bytes: 0,
            rewrite_at_bytes: 0,
        });
        store.rewrite().map_err(fails)?;
        Ok(store)
    }

    fn read(&mut self, path: &Path) -> std::io::Result<()> {
        let mut torn = 0_u64;
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            match serde_json::from_slice::<Line<'_>>(&line?) {
                Ok(line) => {
                    let kept = Kept {
                        counter: line.counter.into_owned(),
                        end_s: line.end_s,
                    };
                    self.counters.insert(line.name.into_owned(), kept);
                }
                Err(_torn) => torn += 1,
            }
        }
        if torn > 0 {
            tracing::warn!(path = %path.display(), torn, "lines of the limits' file are torn");
        }
        Ok(())
    }

    pub(super) fn exchange(
        &mut self,
        worker: &str,
        turns: &[&Turn<'_>],
        now_ms: u64,
    ) -> Result<Vec<Outcome>, String> {
        self.sweep(now_ms);
        let mut lines = Vec::new();
        let mut outcomes = Vec::with_capacity(turns.len());
        for turn in turns {
            let kept = self.counters.entry(turn.name.clone()).or_default();
            kept.end_s = turn.end_s;
            let before = self.log.is_some().then(|| kept.counter.clone());
            outcomes.push(turn.play(&mut kept.counter, worker, now_ms));
            if before.is_some_and(|before| !before.is_but_renewed(&kept.counter)) {
                write_line(&mut lines, &turn.name, kept);
            }
        }
        self.append(&lines).map_err(|error| error.to_string())?;
        Ok(outcomes)
    }

    fn append(&mut self, lines: &[u8]) -> std::io::Result<()> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if lines.is_empty() {
            return Ok(());
        }
        log.file.write_all(lines)?;
        log.written_bytes = log.written_bytes.saturating_add(lines.len() as u64);
        if log.written_bytes > log.rewrite_at_bytes {
            self.rewrite()?;
        }
        Ok(())
    }

    /// Writes the log anew, beside the old one, and puts it in its place.
    fn rewrite(&mut self) -> std::io::Result<()> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        let mut lines = Vec::new();
        for (name, kept) in &self.counters {
            write_line(&mut lines, name, kept);
        }
        let beside = log.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(&lines)?;
        file.sync_data()?;
        std::fs::rename(&beside, &log.path)?;
        log.file = OpenOptions::new().append(true).open(&log.path)?;
        log.written_bytes = lines.len() as u64;
        log.rewrite_at_bytes = log.written_bytes.saturating_mul(4).max(REWRITE_BYTES);
        Ok(())
    }

    /// Forgets windows that are long over, at most once a minute unless there are too many.
    fn sweep(&mut self, now_ms: u64) {
        let is_full = self.counters.len() >= MOST_COUNTERS;
        if !is_full && now_ms.saturating_sub(self.swept_ms) < 60_000 {
            return;
        }
        self.swept_ms = now_ms;
        let now_s = now_ms / 1_000;
        let keep_s = if is_full { 0 } else { KEEP_S };
        self.counters
            .retain(|_, kept| kept.end_s.saturating_add(keep_s) > now_s);
    }
}

fn write_line(lines: &mut Vec<u8>, name: &str, kept: &Kept) {
    let line = Line {
        name: name.into(),
        end_s: kept.end_s,
        counter: std::borrow::Cow::Borrowed(&kept.counter),
    };
    if serde_json::to_writer(&mut *lines, &line).is_ok() {
        lines.push(b'\n');
    }
}
