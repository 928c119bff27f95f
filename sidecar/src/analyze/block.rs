//! A file in blocks of whole lines, which several cores take in turn.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use memchr::{memchr, memrchr};

/// Bytes of a block.
const BLOCK_BYTES: usize = 1024 * 1024;
/// Longest line, bytes; a longer one is malformed.
const LINE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Where blocks come from.
pub(super) enum Blocks {
    /// A file that can be read anywhere.
    Plain {
        file: File,
        size: u64,
        next: AtomicU64,
    },
    /// A stream, which is read in its order: what is compressed.
    Stream(Box<Mutex<Stream>>),
}

pub(super) struct Stream {
    reader: Box<dyn Read + Send>,
    /// The beginning of a line whose end has not come.
    carry: Vec<u8>,
    next: u64,
    ended: bool,
}

/// Lines that belong together.
pub(super) struct Block {
    /// Which, from 0.
    pub(super) index: u64,
    /// Bytes of the file that it stands for.
    pub(super) bytes: u64,
}

impl Blocks {
    pub(super) fn plain(file: File, size: u64) -> Self {
        let next = AtomicU64::new(0);
        Self::Plain { file, size, next }
    }

    pub(super) fn stream(reader: Box<dyn Read + Send>) -> Self {
        Self::Stream(Box::new(Mutex::new(Stream {
            reader,
            carry: Vec::new(),
            next: 0,
            ended: false,
        })))
    }

    /// The next block's whole lines in `buffer`; `None` after the last.
    pub(super) fn next(&self, buffer: &mut Vec<u8>) -> io::Result<Option<Block>> {
        match self {
            Self::Plain { file, size, next } => {
                let index = next.fetch_add(1, Ordering::Relaxed);
                plain(file, *size, index, buffer)
            }
            Self::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                stream.next(buffer)
            }
        }
    }
}

/// The lines that begin in block `index`: the last may end in one that follows.
fn plain(file: &File, size: u64, index: u64, buffer: &mut Vec<u8>) -> io::Result<Option<Block>> {
    let block = BLOCK_BYTES as u64;
    let from = index.saturating_mul(block);
    if from >= size {
        return Ok(None);
    }
    let to = from.saturating_add(block).min(size);
    // One byte before tells whether a line begins at the first.
    let start = from.saturating_sub(1);
    let length = usize::try_from(to - start).unwrap_or(BLOCK_BYTES);
    buffer.resize(length, 0);
    file.read_exact_at(buffer, start)?;
    let skipped = match index {
        0 => 0,
        _ => match memchr(b'\n', buffer) {
            Some(end) => end + 1,
            None => buffer.len(),
        },
    };
    let bytes = to - from;
    if skipped >= buffer.len() {
        // A line that began before goes through all of it, or ends with it.
        buffer.clear();
        return Ok(Some(Block { index, bytes }));
    }
    extend_to_line_end(file, (to, size), buffer)?;
    buffer.drain(..skipped);
    Ok(Some(Block { index, bytes }))
}

fn extend_to_line_end(file: &File, (to, size): (u64, u64), buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut at = to;
    let mut piece = 64 * 1024;
    while at < size && buffer.last() != Some(&b'\n') {
        let begun = buffer.len();
        let length = usize::try_from(size - at).unwrap_or(piece).min(piece);
        buffer.resize(begun + length, 0);
        let new = buffer.get_mut(begun..).unwrap_or_default();
        file.read_exact_at(new, at)?;
        at += length as u64;
        if let Some(end) = memchr(b'\n', new) {
            buffer.truncate(begun + end + 1);
            return Ok(());
        }
        if buffer.len() > LINE_LIMIT_BYTES {
            return Ok(());
        }
        piece = piece.saturating_mul(2);
    }
    Ok(())
}

impl Stream {
    fn next(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Block>> {
        buffer.clear();
        buffer.append(&mut self.carry);
        while !self.ended {
            let wanted = BLOCK_BYTES as u64;
            let read = self.reader.by_ref().take(wanted).read_to_end(buffer)?;
            self.ended = read == 0;
            if let Some(end) = memrchr(b'\n', buffer) {
                self.carry
                    .extend_from_slice(buffer.get(end + 1..).unwrap_or_default());
                buffer.truncate(end + 1);
                break;
            }
            if buffer.len() > LINE_LIMIT_BYTES {
                break;
            }
        }
        if buffer.is_empty() && self.carry.is_empty() {
            return Ok(None);
        }
        let index = self.next;
        self.next += 1;
        let bytes = buffer.len() as u64;
        Ok(Some(Block { index, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use proptest::prelude::*;

    fn lines(blocks: &Blocks) -> Vec<Vec<u8>> {
        let (mut buffer, mut all) = (Vec::new(), Vec::new());
        while blocks.next(&mut buffer).unwrap().is_some() {
            let lines = buffer.split_inclusive(|byte| *byte == b'\n');
            all.extend(lines.map(<[u8]>::to_vec));
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        /// Lines longer than a block, that end at its very end, and a last one without an end.
        #[test]
        fn every_line_comes_once_and_whole(
            lengths in proptest::collection::vec(
                prop_oneof![0usize..50, BLOCK_BYTES - 2..BLOCK_BYTES + 2, Just(2 * BLOCK_BYTES + 7)], 0..5),
            ends in any::<bool>(),
        ) {
            let mut text = Vec::new();
            for (n, length) in lengths.iter().enumerate() {
                text.extend(vec![b'a' + (n % 26) as u8; *length]);
                text.push(b'\n');
            }
            if !ends {
                text.pop();
            }
            let expected: Vec<Vec<u8>> =
                text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let dir = TempDir::new();
            let path = dir.path().join("log");
            std::fs::write(&path, &text).unwrap();
            let plain = Blocks::plain(File::open(&path).unwrap(), text.len() as u64);
            prop_assert_eq!(&lines(&plain), &expected);
            let stream = Blocks::stream(Box::new(io::Cursor::new(text)));
            prop_assert_eq!(&lines(&stream), &expected);
        }
    }
}
