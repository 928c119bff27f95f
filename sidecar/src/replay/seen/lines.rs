//! From files to lines, and from lines to what was seen.

use std::io::{self, Read as _, Write};
use std::path::Path;

use ark_gateway_core::record::Record;

use super::Seen;
use super::ledger_rows::{Columns, Rows};
use crate::ledger::Store;
use crate::ledger::export::Format;
use crate::moment::UnixMs;

const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// Whether a file is an SQLite database.
pub(super) fn is_database(file: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    std::fs::File::open(file)?.take(16).read_to_end(&mut head)?;
    Ok(head == SQLITE)
}

/// The lines of a ledger's JSONL export, one at a time.
pub(super) fn of_database(
    file: &Path,
    take: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<(), String> {
    let mut store = Store::open_to_read(file)?;
    let mut lines = Lines {
        take,
        rest: Vec::new(),
    };
    let all = (UnixMs::MIN, UnixMs::MAX);
    let written = store.export(all, Format::Jsonl, &mut lines);
    written.map(|_count| ()).map_err(|error| error.to_string())
}

/// Cuts what is written to it into lines.
struct Lines<'a> {
    take: &'a mut dyn FnMut(&str) -> Result<(), String>,
    rest: Vec<u8>,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::str::from_utf8(&self.rest).map_err(io::Error::other)?;
                (self.take)(line.trim_end()).map_err(io::Error::other)?;
                self.rest.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads records or an export; whether it is one of those.
pub(super) fn of_text(text: &str, seen: &mut Seen) -> Result<bool, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = (1_u64..).zip(text.lines().map(str::trim));
    let first = loop {
        match lines.next() {
            None => return Ok(false),
            Some((_, line)) if line.is_empty() || is_aside(line) => {}
            Some(found) => break found,
        }
    };
    let form = match first.1 {
        line if line.starts_with('{') && line.contains("\"attempts\":") => Form::Records,
        line if line.starts_with('{') && line.contains("\"x_RequestId\":") => Form::Rows,
        line => match Columns::of(line) {
            Some(columns) => Form::Cells(columns),
            None => return Ok(false),
        },
    };
    let mut rows = Rows::default();
    let head = Some(first).filter(|_| !matches!(form, Form::Cells(_)));
    for (n, line) in head.into_iter().chain(lines) {
        if line.is_empty() || is_aside(line) {
            continue;
        }
        let taken = match &form {
            Form::Records => record(line).map(|record| seen.take(&record)),
            Form::Rows => rows.take_json(line, seen),
            Form::Cells(columns) => rows.take_csv(line, columns, seen),
        };
        taken.map_err(|problem| format!("line {n}: {problem}"))?;
    }
    rows.finish(seen);
    Ok(true)
}

/// How a file of lines is written.
enum Form {
    /// Records as the filter makes them.
    Records,
    /// The ledger's export as JSON.
    Rows,
    /// The same as CSV.
    Cells(Columns),
}

fn record(line: &str) -> Result<Record, String> {
    serde_json::from_str(line).map_err(|error| error.to_string())
}

/// What stands beside records and is none: the snapshots and scores that they were decided by.
fn is_aside(line: &str) -> bool {
    line.starts_with("{\"snapshot\":{") || line.starts_with("{\"scores\":{")
}
