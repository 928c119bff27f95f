//! Files, read by all cores.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use memchr::memchr;
use serde_json::{Map, Value};

use super::block::Blocks;
use super::csv::Cells;
use super::fact::{self, Malformed};
use super::format::{self, Layout, Mapping};
use super::tally::Tally;

/// Bytes of a file's head by which its format is told.
const HEAD_BYTES: usize = 256 * 1024;
/// Largest file that is one JSON document, bytes: it is read as a whole.
const DOCUMENT_LIMIT_BYTES: u64 = 256 * 1024 * 1024;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Told how many bytes of how many have been read.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;

/// What became of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// What it was taken for.
    pub format: String,
    /// Bytes, after decompression.
    pub bytes: u64,
    /// Lines that counted.
    pub lines: u64,
    /// Lines that could not be read.
    pub malformed: u64,
    /// The first of these: its number, and what is wrong. Not what it says: that may be a prompt.
    pub first_malformed: Option<(u64, &'static str)>,
}

/// Reads a file into a tally, on so many threads.
///
/// # Errors
/// In words: it cannot be read, or nobody knows its format.
pub fn read(
    path: &Path,
    maps: &[Mapping],
    threads: usize,
    progress: &mut Progress<'_>,
) -> Result<(Tally, FileReport), String> {
    let name = path.display().to_string();
    let failed = |error: io::Error| format!("cannot read {name}: {error}");
    let mut file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut magic = Vec::new();
    (&file).take(4).read_to_end(&mut magic).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let packing = Packing::of(&magic);
    let mut head = Vec::new();
    let reader = packing.open(file.try_clone().map_err(failed)?)?;
    reader
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    file.rewind().map_err(failed)?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let layout = match told(head, maps).map_err(|problem| format!("{name}: {problem}"))? {
        Told::Lines(layout) => layout,
        Told::Document => {
            let lines = document(packing.open(file)?).map_err(|p| format!("{name}: {p}"))?;
            let first = lines
                .split(|byte| *byte == b'\n')
                .next()
                .unwrap_or_default();
            let layout = format::of_json(&members(first).unwrap_or_default(), maps);
            let blocks = Blocks::stream(Box::new(io::Cursor::new(lines)));
            return Reading::new(&layout, &blocks).run(threads, name, (size, progress));
        }
    };
    let blocks = match packing {
        Packing::None => Blocks::plain(file, size),
        Packing::Gzip | Packing::Zstd => Blocks::stream(packing.open(file)?),
    };
    Reading::new(&layout, &blocks).run(threads, name, (size, progress))
}

/// How a file is compressed, by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            _ => Self::None,
        }
    }

    fn open(self, file: File) -> Result<Box<dyn Read + Send>, String> {
        Ok(match self {
            Self::None => Box::new(file),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::new(file))),
            Self::Zstd => Box::new(
                ruzstd::decoding::StreamingDecoder::new(io::BufReader::new(file))
                    .map_err(|error| format!("is not Zstandard after all: {error}"))?,
            ),
        })
    }
}

enum Told {
    Lines(Layout),
    /// One JSON document, such as a page of OpenAI's usage API.
    Document,
}

/// Tells the format by the head of a file.
fn told(head: &[u8], maps: &[Mapping]) -> Result<Told, String> {
    let begin = head.iter().position(|byte| !byte.is_ascii_whitespace());
    let text = begin
        .and_then(|begin| head.get(begin..))
        .unwrap_or_default();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    let line_end = memchr(b'\n', text).unwrap_or(text.len());
    let first = text.get(..line_end).unwrap_or_default().trim_ascii();
    match first.first() {
        Some(b'{') => match members(first) {
            // A page of an API is one line when nobody has formatted it.
            Some(members) if !members.iter().any(|name| name == "data") => {
                Ok(Told::Lines(format::of_json(&members, maps)))
            }
            Some(_) | None
                if line_end < text.len() && first.len() > 2 && members(first).is_none() =>
            {
                // A first line that is broken is no reason to give up the others.
                let rest = text.get(line_end + 1..).unwrap_or_default();
                let second = rest.split(|byte| *byte == b'\n').next().and_then(members);
                let known = second.map(|second| Told::Lines(format::of_json(&second, maps)));
                Ok(known.unwrap_or(Told::Document))
            }
            Some(_) | None => Ok(Told::Document),
        },
        Some(b'[') => Ok(Told::Document),
        _ => told_csv(first, maps),
    }
}

fn told_csv(first: &[u8], maps: &[Mapping]) -> Result<Told, String> {
    let delimiters = [b',', b';', b'\t'];
    let most = |byte: &u8| first.iter().filter(|b| *b == byte).count();
    let delimiter = delimiters.into_iter().max_by_key(most).unwrap_or(b',');
    let mut cells = Cells::new(delimiter);
    let is_whole = cells.split(first).is_some();
    let columns: Vec<&[u8]> = cells.iter().filter(|_| is_whole).collect();
    format::of_csv(&columns, delimiter, maps).map(Told::Lines).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(first).chars().take(200).collect();
        format!(
            "is neither JSONL nor a CSV of a known kind: its first line is {shown:?}; say where \
             things are, with --map model=COLUMN --map input=COLUMN and so on"
        )
    })
}

/// The names of a line's members; `None` when it is no object.
fn members(line: &[u8]) -> Option<Vec<String>> {
    let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
    Some(object.keys().cloned().collect())
}

/// A JSON document as lines: the objects of its list, or the results of an API's page, each with the
/// members of the bucket that it is in.
fn document(reader: Box<dyn Read + Send>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = reader
        .take(DOCUMENT_LIMIT_BYTES + 1)
        .read_to_end(&mut bytes);
    let size = read.map_err(|error| error.to_string())? as u64;
    if size > DOCUMENT_LIMIT_BYTES {
        return Err("is one JSON document that is too large; write it as JSONL".to_owned());
    }
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| format!("is neither JSONL nor a JSON document: {error}"))?;
    let mut lines = Vec::new();
    flatten(&value, &Map::new(), &mut lines);
    if lines.is_empty() {
        return Err("holds no list of objects".to_owned());
    }
    Ok(lines)
}

fn flatten(value: &Value, outer: &Map<String, Value>, lines: &mut Vec<u8>) {
    let object = match value {
        Value::Array(items) => {
            items.iter().for_each(|item| flatten(item, outer, lines));
            return;
        }
        Value::Object(object) => object,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    let inner = object.get("data").or_else(|| object.get("results"));
    if let Some(Value::Array(items)) = inner {
        let scalars = object
            .iter()
            .filter(|(_, value)| !value.is_array() && !value.is_object());
        let own: Map<String, Value> = scalars.map(|(k, v)| (k.clone(), v.clone())).collect();
        items.iter().for_each(|item| flatten(item, &own, lines));
        return;
    }
    let mut whole = outer.clone();
    for (name, value) in object {
        match (name.as_str(), value) {
            // OpenAI's costs: `amount: {value, currency}`.
            ("amount", Value::Object(amount)) => {
                for (part, value) in amount {
                    whole.insert(format!("amount_{part}"), value.clone());
                }
            }
            (name, value) => {
                whole.insert(name.to_owned(), value.clone());
            }
        }
    }
    if let Ok(line) = serde_json::to_vec(&whole) {
        lines.extend(line);
        lines.push(b'\n');
    }
}

/// A file while it is read.
struct Reading<'a> {
    layout: &'a Layout,
    blocks: &'a Blocks,
    done: AtomicU64,
}

/// What one thread has found.
#[derive(Default)]
struct Found {
    tally: Tally,
    bytes: u64,
    lines: u64,
    malformed: u64,
    /// Lines of each block, blank ones too.
    blocks: Vec<(u64, u64)>,
    /// The block and the line in it of the first that is malformed.
    first: Option<(u64, u64, Malformed)>,
}

impl<'a> Reading<'a> {
    fn new(layout: &'a Layout, blocks: &'a Blocks) -> Self {
        let done = AtomicU64::new(0);
        Self {
            layout,
            blocks,
            done,
        }
    }

    fn run(
        &self,
        threads: usize,
        name: String,
        (size, progress): (u64, &mut Progress<'_>),
    ) -> Result<(Tally, FileReport), String> {
        let (ended, ends) = mpsc::channel();
        let mut all: Vec<Found> = Vec::new();
        thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                let ended = ended.clone();
                scope.spawn(move || {
                    let _ = ended.send(self.work());
                });
            }
            drop(ended);
            loop {
                match ends.recv_timeout(TELL_EVERY) {
                    Ok(found) => all.push(found.map_err(|e| format!("cannot read {name}: {e}"))?),
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        progress(self.done.load(Ordering::Relaxed), size);
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => return Ok::<(), String>(()),
                }
            }
        })?;
        progress(size, size);
        Ok(self.merged(name, all))
    }

    fn merged(&self, name: String, all: Vec<Found>) -> (Tally, FileReport) {
        let mut report = FileReport {
            name,
            format: self.layout.name.clone(),
            ..FileReport::default()
        };
        let mut lines: Vec<(u64, u64)> = all.iter().flat_map(|f| f.blocks.clone()).collect();
        lines.sort_unstable();
        let mut first: Option<(u64, u64, Malformed)> = None;
        let mut tally = Tally::default();
        for found in all {
            report.bytes += found.bytes;
            report.lines += found.lines;
            report.malformed += found.malformed;
            tally.merge(&found.tally);
            first = match (first, found.first) {
                (Some(a), Some(b)) if (b.0, b.1) < (a.0, a.1) => Some(b),
                (a, b) => a.or(b),
            };
        }
        report.first_malformed = first.map(|(block, line, why)| {
            let before = lines.iter().take_while(|(index, _)| *index < block);
            let number = before.map(|(_, count)| count).sum::<u64>() + line + 1;
            (number, why.as_str())
        });
        (tally, report)
    }

    fn work(&self) -> io::Result<Found> {
        let mut found = Found::default();
        let mut buffer = Vec::new();
        let mut cells = match self.layout.syntax {
            format::Syntax::Csv { delimiter, .. } => Cells::new(delimiter),
            format::Syntax::Json(_) => Cells::default(),
        };
        while let Some(block) = self.blocks.next(&mut buffer)? {
            found.bytes += buffer.len() as u64;
            let lines = self.block((&buffer, block.index), &mut cells, &mut found);
            found.blocks.push((block.index, lines));
            self.done.fetch_add(block.bytes, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// Reads the lines of a block; how many there are.
    fn block(&self, (text, index): (&[u8], u64), cells: &mut Cells, found: &mut Found) -> u64 {
        let is_csv = matches!(self.layout.syntax, format::Syntax::Csv { .. });
        let mut number = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            rest = after.get(1..).unwrap_or_default();
            let is_head = is_csv && index == 0 && number == 0;
            let at_start = index == 0 && number == 0;
            let line = match at_start {
                true => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
                false => line,
            };
            let line = line.trim_ascii_end();
            if !line.is_empty() && !is_head {
                self.line((line, cells), (index, number), found);
            }
            number += 1;
        }
        number
    }

    fn line(
        &self,
        (line, cells): (&[u8], &mut Cells),
        (block, number): (u64, u64),
        found: &mut Found,
    ) {
        match fact::read(self.layout, line, cells) {
            Ok(fact) => {
                found.lines += 1;
                found.tally.take(&fact);
            }
            Err(why) => {
                found.malformed += 1;
                let place = (block, number);
                if found
                    .first
                    .as_ref()
                    .is_none_or(|(b, n, ..)| place < (*b, *n))
                {
                    found.first = Some((block, number, why));
                }
            }
        }
    }
}
